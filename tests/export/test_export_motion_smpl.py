"""Motions of SMPL results: whose bones they get."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden_rule import smpl_arrays
from motion_tools import errors_m, one

from humantrack.errors import WeightsError
from humantrack.export.cli import main


@pytest.fixture(autouse=True)
def no_cache(tmp_path_factory, monkeypatch):
    """Whoever has SMPL on his machine runs the same tests."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("HUMANTRACK_CACHE", str(folder))
    return folder


@pytest.fixture
def smpl_file(tmp_path):
    path = tmp_path / "SMPL_NEUTRAL.npz"
    content = smpl_arrays()
    del content["J_regressor_extra"]
    np.savez(path, **content)
    return path


@pytest.fixture
def smpl_results(make_results, edit_results, make_smpl):
    """Results as SMPL would make them; shapes waver by this much, as estimates do."""

    def make(count=12, waver=0.0):
        def change(frames):
            rng = np.random.default_rng(5)
            people = [(f, i) for f in frames for i in range(len(f["tid"]))]
            bodies = [f["smpl"][i] for f, i in people]
            for body in bodies:
                body["betas"] = (0.7 + waver * rng.normal(size=10)).astype(np.float32)
            keys = ("global_orient", "body_pose", "betas")
            stacked = (torch.from_numpy(np.stack([b[key] for b in bodies])) for key in keys)
            with torch.inference_mode():
                joints = make_smpl()(*stacked)[1].numpy()
            for (frame, i), there in zip(people, joints, strict=True):
                frame["3d_joints"][i] = np.pad(there, ((0, 1), (0, 0)))

        return edit_results(make_results(count=count), change)

    return make


def test_smpl_results_get_smpls_bones(smpl_results, smpl_file):
    motion = one(smpl_results(waver=0.5), 1, smpl=smpl_file)
    assert motion.skeleton.kind == "smpl"
    arrays = smpl_arrays()
    shape = motion.betas.astype(float)
    rest = arrays["J_regressor"] @ (arrays["v_template"] + arrays["shapedirs"] @ shape)
    assert motion.skeleton.rest == pytest.approx(rest - rest[0], abs=1e-5)
    assert motion.rest_pelvis == pytest.approx(rest[0], abs=1e-5)
    # The mean shape stands for all; what it leaves is the wavering.
    assert 1e-4 < motion.skeleton.error_m < 0.03


def test_smpl_is_found_in_the_cache(smpl_results, smpl_file, no_cache):
    place = no_cache / "4DHumans/data/smpl/SMPL_NEUTRAL.pkl"
    place.parent.mkdir(parents=True)
    smpl_file.rename(place)
    path = smpl_results()
    motion = one(path, 1)
    assert motion.skeleton.kind == "smpl" and motion.skeleton.error_m < 1e-5
    place.write_bytes(b"not a model")
    with pytest.warns(UserWarning) as caught:
        assert one(path, 1).skeleton.kind == "estimated"
    assert str(place) in str(caught[0].message)


def test_bones_are_estimated_where_nobody_knows_the_body(smpl_results):
    path = smpl_results(count=40)
    with pytest.warns(UserWarning, match=r"bones are estimated .* \(--smpl SMPL_NEUTRAL.pkl\)"):
        motion = one(path, 1)
    assert motion.skeleton.kind == "estimated"
    assert errors_m(motion).mean() == pytest.approx(motion.skeleton.error_m, rel=0.1)
    assert errors_m(motion).mean() < 0.001


def test_a_named_model_that_is_none_is_an_error(make_results, tmp_path, capsys):
    path = make_results()
    (tmp_path / "bad.pkl").write_bytes(b"no")
    assert main([str(path), "-f", "bvh", "--smpl", str(tmp_path / "bad.pkl")]) == 6
    assert main([str(path), "-f", "bvh", "--smpl", str(tmp_path / "none.pkl")]) == 7
    assert WeightsError.exit_code == 6
    assert "none.pkl" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.bvh"))
