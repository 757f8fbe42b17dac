"""Several addresses for a file, mirrors, and folders for machines without internet."""

import dataclasses
import io
import socket
import threading

import numpy as np
import pytest
from weight_files import checkpoint_bytes, official_entries, pack, smpl_bytes, texture_bytes

from humantrack.errors import ConfigError, HumantrackError, MissingWeightsError, SourceNotFoundError
from humantrack.weights import catalog
from humantrack.weights import fetch as fetching
from humantrack.weights.catalog import CATALOG, FILES, find, locate
from humantrack.weights.cli import main
from humantrack.weights.fetch import fetch
from humantrack.weights.sources import Source, configured, given


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch):
    monkeypatch.delenv("HUMANTRACK_MIRROR", raising=False)


@pytest.fixture
def dead():
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def addresses(monkeypatch):
    """Gives a file of the catalogue other addresses."""

    def change(name, *urls):
        file = dataclasses.replace(CATALOG[name], url=urls[0], more_urls=tuple(urls[1:]))
        monkeypatch.setitem(catalog.CATALOG, name, file)
        files = tuple(file if f.name == name else f for f in FILES)
        monkeypatch.setattr(catalog, "FILES", files)
        return file

    return change


def npy_bytes():
    data = io.BytesIO()
    np.save(data, np.zeros((256, 256)))
    return data.getvalue()


def test_the_addresses_that_are_known():
    for name in ("hmr2_data.tar.gz", "hmr2a_model.tar.gz"):
        first, *others = CATALOG[name].urls
        assert first == f"https://www.cs.utexas.edu/~pavlakos/4dhumans/{name}"
        assert others == [f"https://people.eecs.berkeley.edu/~jathushan/projects/4dhumans/{name}"]
    assert {f.name for f in catalog.select(["hmr2a"])} == {
        "hmr2a_model.tar.gz",
        "hmr2a.ckpt",
        "hmr2a_config.yaml",
    }


def test_the_next_address_is_asked_when_one_is_dead(site, dead, addresses):
    site.files["/texture.npz"] = texture_bytes()
    file = addresses("texture.npz", f"{dead}/texture.npz", f"{site.url}/texture.npz")
    assert fetch(file).read_bytes() == texture_bytes()
    assert len(site.seen) == 1


@pytest.mark.parametrize(
    "wrong",
    [b"<html>parked", b"", b"no npz file", texture_bytes()[:-30], npy_bytes(), checkpoint_bytes()],
    ids=["page", "empty", "text", "short", "npy", "checkpoint"],
)
def test_the_next_address_is_asked_when_one_sends_something_else(site, addresses, wrong):
    site.files |= {"/old": wrong, "/new": texture_bytes()}
    file = addresses("texture.npz", f"{site.url}/old", f"{site.url}/gone", f"{site.url}/new")
    path = fetch(file)
    assert path.read_bytes() == texture_bytes()
    assert sorted(p.name for p in path.parent.iterdir()) == ["texture.npz", "texture.npz.sha256"]


def test_the_error_lists_every_address_and_what_it_said(site, dead, addresses, cache):
    site.files["/page"] = b"<!doctype html>moved"
    site.files["/cut"] = texture_bytes()[:100]
    urls = [f"{dead}/a", f"{site.url}/nothing", f"{site.url}/page", f"{site.url}/cut"]
    with pytest.raises(MissingWeightsError) as caught:
        fetch(addresses("texture.npz", *urls), attempts=1)
    text = str(caught.value)
    assert "\n" not in text
    for url, words in zip(urls, ("reached", "404", "web page", "whole one"), strict=True):
        assert words in text.split(url, 1)[1].split("; ", maxsplit=1)[0], url
    assert [text.index(url) for url in urls] == sorted(text.index(url) for url in urls)
    assert str(cache / "phalp/3D/texture.npz") in text
    assert "humantrack-weights import" in text
    assert not [p for p in cache.rglob("*") if p.is_file()]


def test_a_server_that_forbids(site, addresses):
    site.status = 403
    file = addresses("texture.npz", f"{site.url}/a", f"{site.url}/b")
    with pytest.raises(MissingWeightsError) as caught:
        fetch(file)
    assert str(caught.value).count("the server says 403") == 2
    assert len(site.seen) == 2


def test_an_archive_that_is_cut_short_at_one_address(site, addresses, cache):
    """The first is short without a word of it, the second breaks off once and is taken up."""
    whole = pack(official_entries(), "tar")
    site.files |= {"/short": whole[:2048], "/whole": whole}
    addresses("hmr2_data.tar.gz", f"{site.url}/short", f"{site.url}/whole")
    path = fetch(CATALOG["epoch=35-step=1000000.ckpt"])
    assert path.read_bytes() == checkpoint_bytes()
    assert (cache / "4DHumans/hmr2_data.tar.gz").read_bytes() == whole


def test_an_archive_that_lies_there_cut_short_is_fetched_anew(site, addresses, cache):
    """The genuine program leaves it so when it is stopped."""
    whole = pack(official_entries(), "tar")
    there = cache / "4DHumans/hmr2_data.tar.gz"
    there.parent.mkdir(parents=True)
    there.write_bytes(whole[:3000])
    site.files["/whole"] = whole
    addresses("hmr2_data.tar.gz", f"{site.url}/gone", f"{site.url}/whole")
    assert fetch(CATALOG["epoch=35-step=1000000.ckpt"]).read_bytes() == checkpoint_bytes()
    assert there.read_bytes() == whole
    there.write_bytes(whole[:3000])
    locate("hmr2.ckpt").unlink()
    del site.files["/whole"]
    with pytest.raises(MissingWeightsError) as caught:
        fetch(CATALOG["epoch=35-step=1000000.ckpt"])
    assert "end of data" in str(caught.value)
    assert "404" in str(caught.value)


@pytest.mark.parametrize("inside", ["epoch=3-step=35000.ckpt", "hmr2a.ckpt", "x/last.ckpt"])
@pytest.mark.parametrize("config", ["model_config.yaml", "deep/er/model_config.yaml"])
def test_hmr20a_whatever_its_archive_calls_it(site, addresses, cache, inside, config):
    """It never gets between the files of HMR2.0b, whose configuration has the same name."""
    site.files["/a"] = pack({config: b"MODEL: {A: 1}", f"logs/{inside}": checkpoint_bytes()}, "tar")
    addresses("hmr2a_model.tar.gz", f"{site.url}/a")
    path = fetch(CATALOG["hmr2a.ckpt"])
    assert path == cache / "4DHumans/hmr2a/checkpoints/hmr2a.ckpt"
    assert path.read_bytes() == checkpoint_bytes()
    assert (path.parents[1] / "model_config.yaml").read_bytes() == b"MODEL: {A: 1}"
    assert find(CATALOG["model_config.yaml"]) is None
    assert find(CATALOG["epoch=35-step=1000000.ckpt"]) is None


def mirrored(site, layout):
    """A mirror that holds files as a cache does, or all in one folder."""
    content = {
        "texture.npz": texture_bytes(),
        "hmr2_data.tar.gz": pack(official_entries(), "tar"),
        "SMPL_NEUTRAL.pkl": smpl_bytes(),
    }
    for name, data in content.items():
        place = CATALOG[name].places[0] if layout == "cache" else name
        site.files[f"/models/{place}"] = data


@pytest.mark.parametrize("layout", ["cache", "flat"])
def test_a_mirror_is_asked_first_from_now_on(site, addresses, capsys, layout):
    mirrored(site, layout)
    for name in ("texture.npz", "hmr2_data.tar.gz"):
        addresses(name, f"{site.url}/official/{name}")
    assert main(["mirror"]) == 0
    assert "no mirror" in capsys.readouterr().out
    assert main(["mirror", f"{site.url}/models/"]) == 0
    assert main(["mirror"]) == 0
    assert f"{site.url}/models/" in capsys.readouterr().out
    assert main(["fetch", "texture.npz", "hmr2.ckpt", "SMPL_NEUTRAL.pkl"]) == 0
    assert locate("texture.npz").read_bytes() == texture_bytes()
    assert locate("hmr2.ckpt").read_bytes() == checkpoint_bytes()
    assert locate("SMPL_NEUTRAL.pkl").read_bytes() == smpl_bytes()
    capsys.readouterr()
    assert main(["list", "texture.npz"]) == 0
    assert f"mirror: {site.url}/models/" in capsys.readouterr().out
    assert main(["mirror", "--forget"]) == 0
    assert configured() == ()


def test_official_addresses_are_asked_when_the_mirror_lacks_a_file(site, addresses, monkeypatch):
    site.files["/official"] = texture_bytes()
    file = addresses("texture.npz", f"{site.url}/official")
    monkeypatch.setenv("HUMANTRACK_MIRROR", f"{site.url}/models")
    assert fetch(file).read_bytes() == texture_bytes()


def test_a_mirror_that_is_dead_is_one_of_the_addresses_in_the_error(site, dead, addresses):
    file = addresses("texture.npz", f"{site.url}/gone")
    with pytest.raises(MissingWeightsError) as caught:
        fetch(file, sources=[given(dead)])
    assert f"{dead}: the server cannot be reached" in str(caught.value)
    assert f"{site.url}/gone: the server says 404" in str(caught.value)


def test_smpl_is_still_asked_of_nobody_but_a_mirror(site):
    with pytest.raises(MissingWeightsError, match="Register at"):
        fetch(CATALOG["SMPL_NEUTRAL.pkl"], sources=[given(site.url)])


@pytest.fixture
def offline(monkeypatch):
    """Any way to the network is an error."""

    def refuse(*_, **__):
        pytest.fail("asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(fetching, "download", refuse)


def carried(folder, layout):
    """A folder on a disk: a copied cache, what a browser has loaded, or a tree of one's own."""
    content = {
        "texture.npz": texture_bytes(),
        "hmr2_data.tar.gz": pack(official_entries(), "tar"),
        "SMPL_NEUTRAL.pkl": smpl_bytes(),
    }
    names = {
        "cache": {name: CATALOG[name].places[0] for name in content},
        "flat": {name: name for name in content},
        "tree": {
            "texture.npz": "phalp/Texture (1).npz",
            "hmr2_data.tar.gz": "a/b/hmr2_data.tar",
            "SMPL_NEUTRAL.pkl": "smpl/basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl",
        },
    }[layout]
    for name, data in content.items():
        path = folder / names[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.mark.parametrize("layout", ["cache", "flat", "tree"])
@pytest.mark.parametrize("as_mirror", [False, True])
def test_from_a_folder_without_internet(tmp_path, offline, capsys, layout, as_mirror):
    folder = tmp_path / "disk with a space"
    carried(folder, layout)
    names = ["texture.npz", "hmr2.ckpt", "SMPL_NEUTRAL.pkl", "model_config.yaml"]
    if as_mirror:
        assert main(["mirror", str(folder)]) == 0
        assert main(["fetch", *names]) == 0
    else:
        assert main(["fetch", "--from", str(folder), *names]) == 0
    assert locate("texture.npz").read_bytes() == texture_bytes()
    assert locate("hmr2.ckpt").read_bytes() == checkpoint_bytes()
    assert locate("SMPL_NEUTRAL.pkl").read_bytes() == smpl_bytes()
    assert (folder.exists(), capsys.readouterr().err) == (True, "")


def test_what_the_folder_lacks_is_told_and_the_rest_is_kept(tmp_path, offline, capsys):
    carried(tmp_path / "disk", "flat")
    assert main(["fetch", "--from", str(tmp_path / "disk"), "texture.npz", "fmap_256.npy"]) == 7
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "fmap_256.npy" in said
    assert f"{tmp_path / 'disk'} does not hold it" in said
    assert locate("texture.npz").is_file()


def test_a_damaged_file_in_the_folder_is_not_kept(tmp_path, offline, capsys, cache):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/texture.npz").write_bytes(texture_bytes()[:60])
    assert main(["fetch", "--from", str(tmp_path / "disk"), "texture.npz"]) == 7
    assert "not a whole one" in capsys.readouterr().err
    assert not [p for p in cache.rglob("*") if p.is_file()]


def test_one_files_place_is_not_taken_for_anothers_name(tmp_path, offline):
    """HMR2.0a's configuration has the name of HMR2.0b's."""
    place = tmp_path / "disk" / CATALOG["hmr2a_config.yaml"].places[0]
    place.parent.mkdir(parents=True)
    place.write_text("MODEL: {}")
    source = given(str(tmp_path / "disk"))
    assert source.path(CATALOG["model_config.yaml"]) is None
    assert source.path(CATALOG["hmr2a_config.yaml"]) == place


def test_places_that_are_none(tmp_path, capsys):
    with pytest.raises(SourceNotFoundError):
        given(str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError):
        given("ftp://example.org/models")
    assert given(f"file://{tmp_path}") == Source(str(tmp_path))
    assert main(["fetch", "--from", str(tmp_path / "nowhere")]) == 3
    assert main(["mirror", "ftp://example.org"]) == 2
    assert main(["mirror", "http://example.org", "--forget"]) == 2
    assert capsys.readouterr().err.count("\n") == 3
    assert configured() == ()


def test_two_at_once_do_no_harm(site, addresses):
    """Two programs may fetch the same file at the same time."""
    site.files["/texture.npz"] = texture_bytes()
    file = addresses("texture.npz", f"{site.url}/texture.npz")
    failed = []

    def run():
        try:
            fetch(file)
        except HumantrackError as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(site.seen) == 1
    assert locate("texture.npz").read_bytes() == texture_bytes()
