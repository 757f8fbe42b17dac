"""An import ends well only if what it was given can be used."""

import io
import zipfile

import numpy as np
import pytest
import torch
from official_files import write_official_files
from weight_files import checkpoint_bytes, official_entries, pack, smpl_bytes, texture_bytes

from humantrack.weights import usable
from humantrack.weights.catalog import CATALOG, FILES, find, home_of, locate
from humantrack.weights.cli import main
from humantrack.weights.install import recognise


@pytest.fixture(scope="module")
def tiny_cache(tmp_path_factory):
    """All official files with the goldens' weights, small networks."""
    root = tmp_path_factory.mktemp("tiny")
    write_official_files(root)
    return root


def files_of(cache):
    return [path for path in cache.rglob("*") if path.is_file()]


def npy(array):
    data = io.BytesIO()
    np.save(data, array)
    return data.getvalue()


def torch_file(content):
    data = io.BytesIO()
    torch.save(content, data)
    return data.getvalue()


JUNK = {
    "SMPL_NEUTRAL.pkl": [b"<!DOCTYPE html>", b"", smpl_bytes()[:5000], b"\x80\x02}."],
    "SMPL_to_J19.pkl": [b"no pickle", b"\x80\x02N."],
    "smpl_mean_params.npz": [b"x", texture_bytes()],
    "texture.npz": [b"x", texture_bytes()[:100]],
    "bmap_256.npy": [b"x", npy(np.zeros((9, 9)))[:-8]],
    "mean_std.npy": [b"\x93NUMPY\x09\x00"],
    "epoch=35-step=1000000.ckpt": [
        b"",
        b"<html>",
        checkpoint_bytes()[:500],
        torch_file({"state_dict": {"a": torch.ones(1)}}),
        torch_file({"epoch": 3}),
        smpl_bytes(),
    ],
    "hmr2a.ckpt": [checkpoint_bytes()[:500]],
    "hmar_v2_weights.pth": [checkpoint_bytes()],
    "pose_predictor.pth": [checkpoint_bytes()],
    "pose_predictor.yaml": [b"a: [", b"just text", b"\xff\xfe"],
    "model_config.yaml": [b"- a\n- b"],
    "cascade_mask_rcnn_vitdet_h.pkl": [b"", b"\x80\x02}", b"<html>"],
}


@pytest.mark.parametrize(
    ("name", "content"), [(name, content) for name in JUNK for content in JUNK[name]]
)
def test_junk_under_a_known_name_is_refused(cache, tmp_path, capsys, name, content):
    (tmp_path / name).write_bytes(content)
    assert main(["import", str(tmp_path / name)]) == 6
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert str(tmp_path / name) in said.err
    assert said.out == ""
    assert not files_of(cache)


def test_junk_does_not_replace_what_is_there(cache, tmp_path):
    (tmp_path / "texture.npz").write_bytes(texture_bytes())
    assert main(["import", str(tmp_path / "texture.npz")]) == 0
    (tmp_path / "texture.npz").write_bytes(b"junk")
    assert main(["import", str(tmp_path / "texture.npz")]) == 6
    assert locate("texture.npz").read_bytes() == texture_bytes()


def test_every_official_file_is_accepted(tiny_cache):
    """What the tracker runs with in other tests is what an import takes."""
    seen = 0
    for file in FILES:
        path = home_of(file, tiny_cache)
        if path.is_file():
            usable.check(file, path)
            seen += 1
    assert seen >= 10


def test_a_folder(cache, tiny_cache, capsys):
    assert main(["import", str(tiny_cache)]) == 0
    for file in FILES:
        if home_of(file, tiny_cache).is_file():
            assert find(file) is not None, file.name
    assert capsys.readouterr().err == ""
    assert main(["import", str(cache.parent / "nowhere")]) == 3


def test_a_folder_of_other_things(cache, tmp_path, capsys):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/readme.txt").write_text("text")
    assert main(["import", str(tmp_path / "other")]) == 6
    assert "no known model file" in capsys.readouterr().err


def test_the_rest_is_kept_when_one_file_is_junk(cache, tmp_path, capsys):
    (tmp_path / "both").mkdir()
    (tmp_path / "both/texture.npz").write_bytes(texture_bytes())
    (tmp_path / "both/SMPL_NEUTRAL.pkl").write_bytes(b"junk")
    assert main(["import", str(tmp_path / "both")]) == 6
    assert "SMPL_NEUTRAL.pkl" in capsys.readouterr().err
    assert locate("texture.npz").read_bytes() == texture_bytes()


@pytest.mark.parametrize("shape", ["tar", "gz", "zip"])
@pytest.mark.parametrize("missing", ["checkpoint", "all"])
def test_an_archive_without_the_weights(cache, tmp_path, capsys, shape, missing):
    entries = {k: v for k, v in official_entries().items() if not k.endswith(".ckpt")}
    if missing == "all":
        entries = {"readme.txt": b"text"}
    (tmp_path / "hmr2_data.tar.gz").write_bytes(pack(entries, shape))
    assert main(["import", str(tmp_path / "hmr2_data.tar.gz")]) == 6
    assert "does not hold epoch=35-step=1000000.ckpt" in capsys.readouterr().err
    assert not files_of(cache)


def test_an_archive_whose_checkpoint_is_damaged(cache, tmp_path, capsys):
    entries = official_entries()
    name = next(n for n in entries if n.endswith(".ckpt"))
    entries[name] = entries[name][:700]
    (tmp_path / "hmr2_data.tar.gz").write_bytes(pack(entries, "tar"))
    assert main(["import", str(tmp_path / "hmr2_data.tar.gz")]) == 6
    assert "incomplete" in capsys.readouterr().err
    assert not files_of(cache)


def test_an_archive_with_hmr20a_under_its_own_name(cache, tmp_path):
    data = pack({"x/epoch=3-step=35000.ckpt": checkpoint_bytes(), "x/y.txt": b"1"}, "tar")
    (tmp_path / "hmr2a_model.tar.gz").write_bytes(data)
    assert main(["import", str(tmp_path / "hmr2a_model.tar.gz")]) == 0
    assert locate("hmr2a.ckpt").read_bytes() == checkpoint_bytes()


def test_one_file_in_a_zip_of_its_own(cache, tmp_path):
    with zipfile.ZipFile(tmp_path / "texture.npz.zip", "w") as packed:
        packed.writestr("inside/texture.npz", texture_bytes())
    assert main(["import", str(tmp_path / "texture.npz.zip")]) == 0
    assert locate("texture.npz").read_bytes() == texture_bytes()


def test_without_torch_a_checkpoint_is_looked_at_from_outside(cache, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(usable, "not_installed", lambda *names: list(names))
    path = tmp_path / "epoch=35-step=1000000.ckpt"
    path.write_bytes(checkpoint_bytes())
    assert main(["import", str(path)]) == 0
    path.write_bytes(checkpoint_bytes()[:500])
    assert main(["import", str(path)]) == 6
    old = io.BytesIO()
    torch.save({"a": torch.ones(3)}, old, _use_new_zipfile_serialization=False)
    path.write_bytes(old.getvalue())
    assert main(["import", str(path)]) == 0
    path.write_bytes(b"<html>")
    assert main(["import", str(path)]) == 6


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SMPL_NEUTRAL.pkl", "SMPL_NEUTRAL.pkl"),
        ("smpl_neutral.PKL", "SMPL_NEUTRAL.pkl"),
        ("SMPL_NEUTRAL (2).pkl", "SMPL_NEUTRAL.pkl"),
        ("model_final_f05665.pkl", "cascade_mask_rcnn_vitdet_h.pkl"),
        ("hmr2_data.tgz", "hmr2_data.tar.gz"),
        ("hmr2_data(1).tar.gz", "hmr2_data.tar.gz"),
        ("hmr2a_model.tar", "hmr2a_model.tar.gz"),
        ("epoch=10-step=25000.ckpt", "hmr2a.ckpt"),
        ("pose_predictor_40006.ckpt", "pose_predictor.pth"),
        ("SMPL_FEMALE.pkl", None),
        ("hmr2_data", "hmr2_data.tar.gz"),
        ("other.tar.gz", None),
    ],
)
def test_names(name, meant):
    found = recognise(name)
    assert (found and found.name) == meant
    assert found is None or CATALOG[found.name] == found
