"""The command humantrack-weights, and the catalogue behind it."""

import importlib
import tarfile
import zipfile
from pathlib import Path

import pytest
from weight_files import checkpoint_bytes, smpl_bytes, texture_bytes

from humantrack.errors import ConfigError, MissingWeightsError
from humantrack.weights import catalog, hashes
from humantrack.weights.catalog import CATALOG, FILES, find, locate, select
from humantrack.weights.cli import main


def test_the_catalogue_is_sound():
    names = [name for file in FILES for name in (file.name, *file.aliases)]
    assert len(names) == len(set(names))
    for file in FILES:
        assert sum(x is not None for x in (file.url, file.archive, file.register_at)) == 1
        assert not Path(file.places[0]).is_absolute()
        assert file.archive is None or CATALOG[file.archive].is_archive
        assert file.url is None or file.url.startswith("https://")


def test_the_usual_caches(monkeypatch, tmp_path):
    monkeypatch.delenv("HUMANTRACK_CACHE")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert catalog.cache_root() == tmp_path / ".cache"
    place = tmp_path / ".cache/4DHumans/data/SMPL_to_J19.pkl"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x")
    assert locate("SMPL_to_J19.pkl") == place


def test_locate(cache):
    with pytest.raises(ConfigError):
        locate("unknown.npy")
    with pytest.raises(MissingWeightsError, match=r"humantrack-weights fetch texture\.npz"):
        locate("texture.npz")
    with pytest.raises(MissingWeightsError, match=r"hmr2_data\.tar\.gz"):
        locate("hmr2.ckpt")


def test_select():
    assert select(["all"]) == list(FILES)
    assert {file.group for file in select(["detector"])} == {"detector"}
    assert select(["texture.npz", "hmr2.ckpt"]) == [
        CATALOG["epoch=35-step=1000000.ckpt"],
        CATALOG["texture.npz"],
    ]
    with pytest.raises(ConfigError):
        select(["nothing"])


def put(cache, name, content=b"content"):
    path = cache / CATALOG[name].places[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("columns", ["40", "400"])
def test_list(cache, capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    path = put(cache, "texture.npz", b"x" * 1500)
    assert main(["list"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    states = ("there ", "missing ", "register ")
    named = [line.split()[1].rstrip(":") for line in lines if line.startswith(states)]
    assert sorted(named) == sorted(file.name for file in FILES)
    assert "there     texture.npz: SMPL: texture coordinates, 1.5 kB" in lines
    assert str(path) in lines
    assert [line for line in lines if line.startswith("missing   fmap_256.npy")]
    assert [line for line in lines if line.startswith("register  SMPL_NEUTRAL.pkl")]
    for file in FILES:
        assert f"licence: {file.licence}" in lines
        assert file.url is None or file.name == "texture.npz" or file.url in lines


def test_verify(cache, capsys):
    path = put(cache, "texture.npz")
    assert main(["verify"]) == 0
    assert "hash noted" in capsys.readouterr().out
    assert main(["verify", "texture.npz"]) == 0
    assert "unchanged" in capsys.readouterr().out
    path.write_bytes(b"changed")
    put(cache, "fmap_256.npy")
    assert main(["verify"]) == 6
    said = capsys.readouterr()
    assert "fmap_256.npy" in said.out  # the others are still looked at
    assert said.err.count("\n") == 1
    assert str(path) in said.err


def test_fetch_goes_on_after_an_error(cache, capsys, monkeypatch):
    asked = []

    def fake(file, progress):
        asked.append(file.name)
        if file.name == "SMPL_NEUTRAL.pkl":
            raise catalog.missing(file)
        progress(file.name, 1, 2)
        return cache / file.name

    monkeypatch.setattr(importlib.import_module("humantrack.weights.fetch"), "fetch", fake)
    assert main(["fetch"]) == 7
    said = capsys.readouterr()
    assert "texture.npz" in said.out
    assert said.err.count("\n") == 1
    assert "smplify.is.tue.mpg.de" in said.err
    assert "hmr2_data.tar.gz" not in asked
    assert "cascade_mask_rcnn_vitdet_h.pkl" not in asked
    assert main(["fetch", "hmr2_data.tar.gz"]) == 0
    assert asked[-1] == "hmr2_data.tar.gz"


def test_import_by_the_name_of_a_browser(cache, tmp_path):
    source = tmp_path / "Texture (2).npz"
    source.write_bytes(texture_bytes())
    assert main(["import", str(source)]) == 0
    assert locate("texture.npz").read_bytes() == texture_bytes()


def test_import_a_file(cache, tmp_path, capsys):
    source = tmp_path / "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl"
    source.write_bytes(smpl_bytes())
    assert main(["import", str(source)]) == 0
    path = find(CATALOG["SMPL_NEUTRAL.pkl"])
    assert path.read_bytes() == smpl_bytes()
    assert str(path) in capsys.readouterr().out
    assert hashes.check(path, None)
    another = smpl_bytes(note="another")
    source.write_bytes(another)  # handing over a newer one is not tampering
    assert main(["import", str(source)]) == 0
    assert path.read_bytes() == another
    assert main(["import", str(path)]) == 0
    assert path.read_bytes() == another


def test_import_by_another_name(cache, tmp_path, capsys):
    source = tmp_path / "download(1)"  # a name that tells nothing
    source.write_bytes(texture_bytes())
    assert main(["import", str(source)]) == 2
    assert "--as NAME" in capsys.readouterr().err
    assert main(["import", str(source), "--as", "texture.npz"]) == 0
    assert locate("texture.npz").read_bytes() == texture_bytes()
    assert main(["import", str(source), "--as", "nothing"]) == 2


def test_import_archives(cache, tmp_path, capsys):
    packed = tmp_path / "mpips_smplify.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("code/models/basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", smpl_bytes())
        archive.writestr("code/readme.txt", b"text")
    assert main(["import", str(packed)]) == 0
    assert locate("SMPL_NEUTRAL.pkl").read_bytes() == smpl_bytes()

    checkpoint = tmp_path / "epoch=35-step=1000000.ckpt"
    checkpoint.write_bytes(checkpoint_bytes())
    official = tmp_path / "hmr2_data.tar.gz"
    with tarfile.open(official, "w:gz") as archive:
        name = CATALOG["epoch=35-step=1000000.ckpt"].places[0].removeprefix("4DHumans/")
        archive.add(checkpoint, name)
    assert main(["import", str(official)]) == 0
    assert locate("hmr2.ckpt").read_bytes() == checkpoint_bytes()

    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("readme.txt", b"text")
    assert main(["import", str(other)]) == 6
    assert "no known model file" in capsys.readouterr().err


def test_wrong_arguments(capsys):
    assert main(["import", "/does/not/exist"]) == 3
    assert main(["fetch", "nothing"]) == 2
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main(["dance"])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("humantrack-weights: argument COMMAND: invalid choice: 'dance'")
    assert said.endswith("See humantrack-weights --help\n") and said.count("\n") == 1
