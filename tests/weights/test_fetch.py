"""Downloads from a server that misbehaves, and archives that want out."""

import dataclasses
import hashlib
import io
import socket
import tarfile
import zipfile

import pytest
from weight_files import checkpoint_bytes

from humantrack.errors import MissingWeightsError, OutputError, WeightsError
from humantrack.weights import archives, catalog, hashes
from humantrack.weights import fetch as fetching
from humantrack.weights.catalog import CATALOG, ModelFile
from humantrack.weights.fetch import download, fetch

BODY = bytes(range(256)) * 4000


def a_file(site, **changes):
    fields = {
        "name": "thing.npy",
        "group": "phalp",
        "purpose": "a thing",
        "places": ("phalp/3D/thing.npy",),
        "licence": "none",
        "url": f"{site.url}/thing.npy",
    }
    return ModelFile(**(fields | changes))


def test_a_file_arrives_once(site, cache):
    site.files["/thing.npy"] = BODY
    told = []
    file = a_file(site, sha256=hashlib.sha256(BODY).hexdigest(), size=len(BODY))
    path = fetch(file, progress=lambda *news: told.append(news))
    assert path == cache / "phalp/3D/thing.npy"
    assert path.read_bytes() == BODY
    assert told[-1] == ("thing.npy", len(BODY), len(BODY))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert fetch(file) == path
    assert len(site.seen) == 1
    assert [p.name for p in path.parent.iterdir()] == ["thing.npy"]


def test_the_hash_is_noted_at_first_sight(site):
    site.files["/thing.npy"] = BODY
    path = fetch(a_file(site))
    assert hashes.noted(path) == hashlib.sha256(BODY).hexdigest()
    assert hashes.check(path, None)
    path.write_bytes(b"other")
    with pytest.raises(WeightsError, match="not the one it was"):
        hashes.check(path, None)


def test_a_broken_connection_is_taken_up_again(site, tmp_path):
    site.files["/thing.npy"] = BODY
    site.break_after = [300_000, 1_000]
    download(f"{site.url}/thing.npy", tmp_path / "thing.npy")
    assert (tmp_path / "thing.npy").read_bytes() == BODY
    assert [s.get("Range") for s in site.seen] == [None, "bytes=300000-", "bytes=301000-"]


def test_what_arrived_is_kept_for_the_next_run(site, tmp_path):
    site.files["/thing.npy"] = BODY
    site.break_after = [500_000]
    target = tmp_path / "thing.npy"
    with pytest.raises(MissingWeightsError, match="broke after 500000 of 1024000 bytes"):
        download(f"{site.url}/thing.npy", target, attempts=1)
    assert not target.exists()
    assert (tmp_path / "thing.npy.part").stat().st_size == 500_000
    download(f"{site.url}/thing.npy", target)
    assert site.seen[-1]["Range"] == "bytes=500000-"
    assert target.read_bytes() == BODY
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("change", [{"etag": '"v2"'}, {"ranges": False}, {"etag": None}])
def test_a_part_of_another_version_is_not_continued(site, tmp_path, change):
    site.files["/thing.npy"] = b"old" * 100_000
    site.break_after = [200_000]
    target = tmp_path / "thing.npy"
    with pytest.raises(MissingWeightsError):
        download(f"{site.url}/thing.npy", target, attempts=1)
    site.files["/thing.npy"] = BODY
    for name, value in change.items():
        setattr(site, name, value)
    download(f"{site.url}/thing.npy", target)
    assert target.read_bytes() == BODY


def test_a_part_that_is_too_long_is_dropped(site, tmp_path):
    site.files["/thing.npy"] = BODY
    (tmp_path / "thing.npy.part").write_bytes(BODY + b"more")
    (tmp_path / "thing.npy.part.tag").write_text('"v1"')
    download(f"{site.url}/thing.npy", tmp_path / "thing.npy")
    assert (tmp_path / "thing.npy").read_bytes() == BODY


@pytest.mark.parametrize(
    ("body", "limits", "says"),
    [
        (BODY, {"sha256": "0" * 64}, "another hash"),
        (BODY, {"size": 7}, "1024000 bytes instead of 7"),
        (b"\n<!DOCTYPE html><p>gone", {}, "web page"),
        (b"", {}, "empty"),
    ],
)
def test_wrong_files_are_not_kept(site, tmp_path, body, limits, says):
    site.files["/thing.npy"] = body
    with pytest.raises(WeightsError, match=says):
        download(f"{site.url}/thing.npy", tmp_path / "thing.npy", **limits)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (403, 1), (503, 3)])
def test_a_server_that_refuses(site, cache, status, asked):
    site.status = status
    with pytest.raises(MissingWeightsError) as caught:
        fetch(a_file(site), attempts=3)
    text = str(caught.value)
    assert f"the server says {status}" in text
    assert "thing.npy" in text
    assert site.url in text
    assert str(cache / "phalp/3D/thing.npy") in text
    assert "humantrack-weights import" in text
    assert len(site.seen) == asked


def test_a_dead_host(cache):
    with socket.socket() as taken:  # a port nobody listens at
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/thing.npy"
        file = dataclasses.replace(CATALOG["texture.npz"], url=url)
        with pytest.raises(MissingWeightsError) as caught:
            fetch(file)
    text = str(caught.value)
    assert "texture.npz" in text
    assert "cannot be reached" in text
    assert url in text
    assert str(cache / "phalp/3D/texture.npz") in text
    assert "\n" not in text


def test_other_schemes_are_refused(tmp_path):
    with pytest.raises(MissingWeightsError, match="not a web address"):
        download("file:///etc/hostname", tmp_path / "x")


def test_a_folder_that_cannot_be_made(site, tmp_path):
    (tmp_path / "blocked").write_text("a file where a folder is needed")
    site.files["/thing.npy"] = BODY
    with pytest.raises(OutputError):
        download(f"{site.url}/thing.npy", tmp_path / "blocked" / "thing.npy")


def test_smpl_is_never_downloaded(cache, monkeypatch):
    monkeypatch.setattr(fetching, "download", lambda *_, **__: pytest.fail("asked the web"))
    with pytest.raises(MissingWeightsError) as caught:
        fetch(CATALOG["SMPL_NEUTRAL.pkl"])
    text = str(caught.value)
    assert "https://smplify.is.tue.mpg.de" in text
    assert str(cache / "phalp/3D/models/smpl/SMPL_NEUTRAL.pkl") in text
    assert "humantrack-weights import basicModel_neutral" in text


def tar_of(entries, mode="w:gz"):
    """Entries: name -> bytes, or a TarInfo to add as it is."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as archive:
        for name, content in entries.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


RUN = "logs/train/multiruns/hmr2/0"


def only_at(site, name):
    """A file of the catalogue whose only address is on this machine."""
    return dataclasses.replace(CATALOG[name], url=f"{site.url}/{name}", more_urls=())


def test_the_official_archive(site, cache, monkeypatch):
    entries = {
        f"{RUN}/checkpoints/epoch=35-step=1000000.ckpt": checkpoint_bytes(),
        f"{RUN}/model_config.yaml": b"MODEL: {}",
        "data/notes.txt": b"more",
    }
    site.files["/hmr2_data.tar.gz"] = tar_of(entries)
    archive = only_at(site, "hmr2_data.tar.gz")
    monkeypatch.setitem(catalog.CATALOG, archive.name, archive)
    path = fetch(CATALOG["epoch=35-step=1000000.ckpt"])
    assert path == cache / "4DHumans" / RUN / "checkpoints/epoch=35-step=1000000.ckpt"
    assert path.read_bytes() == checkpoint_bytes()
    assert (cache / "4DHumans/data/notes.txt").read_bytes() == b"more"
    assert hashes.noted(path) == hashlib.sha256(checkpoint_bytes()).hexdigest()
    assert fetch(CATALOG["model_config.yaml"]).read_bytes() == b"MODEL: {}"
    assert len(site.seen) == 1


def test_an_archive_without_the_file(site, monkeypatch):
    site.files["/hmr2_data.tar.gz"] = tar_of({"notes.txt": b"none"})
    archive = only_at(site, "hmr2_data.tar.gz")
    monkeypatch.setitem(catalog.CATALOG, archive.name, archive)
    with pytest.raises(WeightsError, match=r"does not hold model_config\.yaml"):
        fetch(CATALOG["model_config.yaml"])


@pytest.mark.parametrize(
    "name", ["../out", "/out", "a/../../out", "C:\\out", "a\\..\\out", "C:out"]
)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_archives_that_want_out(tmp_path, name, kind):
    archive, folder = tmp_path / f"a.{kind}", tmp_path / "in" / "there"
    if kind == "tar":
        archive.write_bytes(tar_of({"fine": b"1", name: b"2"}, mode="w"))
    else:
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("fine", b"1")
            packed.writestr(name, b"2")
    with pytest.raises(WeightsError, match="outside its folder"):
        archives.unpack(archive, folder)
    assert list(folder.iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == [archive.name, "in"]


def test_links_are_left_out(tmp_path, caplog):
    link = tarfile.TarInfo("away")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
    archive, folder = tmp_path / "a.tar", tmp_path / "in"
    archive.write_bytes(tar_of({"away": link, "away/file": b"2"}, mode="w"))
    assert archives.unpack(archive, folder) == [folder / "away" / "file"]
    assert not (folder / "away").is_symlink()
    assert "not a regular file" in caplog.text


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_damaged_archives(tmp_path, share):
    data = tar_of({"a": BODY, "b": BODY[::-1]})
    archive, folder = tmp_path / "a.tar.gz", tmp_path / "in"
    archive.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(WeightsError, match="cannot unpack"):
        archives.unpack(archive, folder)
    assert list(folder.iterdir()) == []
