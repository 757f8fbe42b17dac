"""AMASS files: numpy reads them, and SMPL's rules put the joints where they are."""

from __future__ import annotations

import joblib
import numpy as np
import pytest
import torch
from golden_rule import smpl_arrays
from scipy.spatial.transform import Rotation

from humantrack.body.joints import OPENPOSE_OF_45, SMPL_PARENTS
from humantrack.export.cli import main
from humantrack.results import load_results

SHOWN = [(row, joint) for row, joint in enumerate(OPENPOSE_OF_45) if joint < 24]


def exported(path, *arguments):
    out = path.parent / "motion"
    assert main([str(path), "-f", "npz", "-o", f"{out}/", "--force", "--quiet", *arguments]) == 0
    found = {}
    for file in sorted(out.glob(f"{path.stem}_*.npz")):
        with np.load(file, allow_pickle=False) as arrays:
            found[file.stem.removeprefix(f"{path.stem}_")] = dict(arrays)
    return found


def joints_of(file):
    """(T,24,3) by SMPL's rules: the root at its place in the rest pose, then trans."""
    turns = Rotation.from_rotvec(file["poses"][:, :66].reshape(-1, 3).astype(float)).as_matrix()
    turns = turns.reshape(-1, 22, 3, 3)
    rest = file["rest_joints"].astype(float)
    count = len(turns)
    world, places = [turns[:, 0]], [np.tile(rest[0], (count, 1))]
    for joint in range(1, 24):
        parent = SMPL_PARENTS[joint]
        turn = turns[:, joint] if joint < 22 else np.eye(3)
        world.append(world[parent] @ turn)
        places.append(places[parent] + world[parent] @ (rest[joint] - rest[parent]))
    return np.stack(places, axis=1) + file["trans"][:, None]


def y_up(points):
    """From the file's axes, whose z is up, to those in which motion is."""
    return points[..., [0, 2, 1]] * (1, 1, -1)


def test_the_layout_is_amasss(make_results):
    files = exported(make_results())
    assert list(files) == ["track1", "track2", "track7"]
    for name, count in (("track1", 40), ("track2", 30), ("track7", 18)):
        file = files[name]
        shapes = {key: (array.shape, array.dtype.kind) for key, array in file.items()}
        assert shapes == {
            "poses": ((count, 156), "f"),
            "trans": ((count, 3), "f"),
            "betas": ((16,), "f"),
            "dmpls": ((count, 8), "f"),
            "gender": ((), "U"),
            "mocap_framerate": ((), "f"),
            "mocap_frame_rate": ((), "f"),
            "root_orient": ((count, 3), "f"),
            "pose_body": ((count, 63), "f"),
            "pose_hand": ((count, 90), "f"),
            "pose_jaw": ((count, 3), "f"),
            "pose_eye": ((count, 6), "f"),
            "up": ((), "U"),
            "unit": ((), "U"),
            "present": ((count,), "b"),
            "frame": ((count,), "i"),
            "observed": ((count,), "b"),
            "start_time_s": ((), "f"),
            "rest_joints": ((24, 3), "f"),
            "body": ((), "U"),
        }
        assert str(file["gender"]) == "neutral" and str(file["body"]) == "embedded"
        assert file["mocap_framerate"] == file["mocap_frame_rate"] == 30
        assert (str(file["up"]), str(file["unit"])) == ("z", "m") and file["present"].all()
        parts = np.concatenate([file["root_orient"], file["pose_body"]], axis=1)
        assert np.array_equal(parts, file["poses"][:, :66])
        assert not file["poses"][:, 66:].any() and not file["dmpls"].any()
    assert files["track7"]["betas"].tolist() == [1.5, -1, 0.5, *[0] * 13]
    assert files["track7"]["start_time_s"] == pytest.approx(0.4)
    two = files["track2"]
    assert two["frame"].tolist() == list(range(5, 35))
    assert two["frame"][~two["observed"]].tolist() == [15, 16, 17, 18, 19]


def test_joints_are_where_the_results_have_them(make_results, joints_seen):
    path = make_results()
    for name, file in exported(path).items():
        places = dict(zip(file["frame"].tolist(), y_up(joints_of(file)), strict=True))
        for index, there in joints_seen(path, int(name.removeprefix("track"))).items():
            error = [np.linalg.norm(places[index][j] - there[row]) for row, j in SHOWN]
            assert max(error) < 1e-4


def test_smpl_itself_puts_all_joints_there(
    make_results, edit_results, joints_seen, make_smpl, tmp_path
):
    layer, shape = make_smpl(), torch.linspace(-1, 1.5, 10)[None]

    def change(frames):
        for frame in frames:
            for i, smpl in enumerate(frame["smpl"]):
                smpl["betas"] = shape[0].numpy().copy()
                pose = (torch.from_numpy(smpl[k])[None] for k in ("global_orient", "body_pose"))
                with torch.inference_mode():
                    joints = layer(*pose, shape)[1][0]
                frame["3d_joints"][i] = np.pad(joints.numpy(), ((0, 1), (0, 0)))

    path = edit_results(make_results(count=4), change)
    model = smpl_arrays()
    del model["J_regressor_extra"]
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", **model)
    file = exported(path, "--smpl", str(tmp_path / "SMPL_NEUTRAL.npz"))["track1"]
    assert str(file["body"]) == "smpl"
    # SMPL-H's fingers take the place of SMPL's hands, which turn only the tips of the fingers.
    turns = Rotation.from_rotvec(file["poses"][:, :66].reshape(-1, 3)).as_matrix()
    turns = np.concatenate(
        [turns.reshape(-1, 22, 3, 3), np.tile(np.eye(3), (4, 2, 1, 1))], axis=1
    ).astype(np.float32)
    frames = list(load_results(path).values())
    hands = np.stack([frame["smpl"][0]["body_pose"][21:] for frame in frames])
    turns[:, 22:] = hands
    betas = torch.from_numpy(file["betas"][:10])[None].expand(4, 10)
    with torch.inference_mode():
        joints = layer(torch.from_numpy(turns[:, :1]), torch.from_numpy(turns[:, 1:]), betas)[1]
    there = np.stack(list(joints_seen(path, 1).values()))[:, :44]
    joints = y_up(joints.numpy() + file["trans"][:, None])
    assert np.abs(joints - there).max() < 1e-4
    rows, picked = np.array(SHOWN).T
    assert np.abs(y_up(joints_of(file))[:, picked] - there[:, rows]).max() < 1e-4


def test_rate_gaps_and_one_frame(make_results):
    path = make_results()
    file = exported(path, "--fps", "24")["track1"]
    assert file["mocap_framerate"] == 24 and len(file["poses"]) == 32
    assert file["frame"].tolist() == [int(k * 30 / 24 + 1e-6) for k in range(32)]
    parts = exported(make_results(name="parts.pkl"), "--gaps", "split")
    assert list(parts) == ["track1", "track2_part1", "track2_part2", "track7"]
    assert all(part["observed"].all() for part in parts.values())
    one = exported(make_results(name="one.pkl"), "--frames", "3:4")
    assert list(one) == ["track1"] and one["track1"]["poses"].shape == (1, 156)


def test_frames_at_uneven_times_are_resampled(make_results):
    file = exported(make_results(times=lambda i: i / 30 + 0.012 * np.sin(i)))["track1"]
    assert file["mocap_framerate"] == 30 and len(file["poses"]) == 40
    assert np.abs(joints_of(file)[1:] - joints_of(file)[:-1]).max() < 0.1


def test_files_of_phalp_are_exported_too(data, tmp_path):
    name = "upstream_stream_cut"
    frames = joblib.load(data / "results" / f"{name}.pkl")
    ids = {i for frame in frames.values() for i in frame["tid"]}
    out = f"{tmp_path}/"
    assert main([str(data / "results" / f"{name}.pkl"), "-f", "npz", "-o", out, "--quiet"]) == 0
    files = list(tmp_path.glob("*.npz"))
    assert len(files) == len(ids)
    for path in files:
        with np.load(path, allow_pickle=False) as arrays:
            assert all(np.isfinite(a).all() for a in arrays.values() if a.dtype.kind == "f")
