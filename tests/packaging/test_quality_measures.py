"""The measures of scripts/quality.py on people whose errors are known."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SIZE = (1000, 600)
FRAMES = 8


@pytest.fixture(scope="module")
def lib():
    """The scripts' shared modules by name."""
    folder = str(ROOT / "scripts")
    sys.path.insert(0, folder)
    yield lambda name: importlib.import_module(f"lib.{name}")
    sys.path.remove(folder)


@pytest.fixture
def true_m() -> np.ndarray:
    """(T,12,3): a person 4 m away who walks to the right and swings his limbs."""
    rng = np.random.default_rng(5)
    y = np.repeat([-0.5, -0.2, 0.05, 0.0, 0.45, 0.9], 2)
    x = np.tile([-0.2, 0.2], 6)
    rest = np.column_stack([x, y, np.full(12, 4.0)]) + rng.normal(0, 0.03, (12, 3))
    time = np.arange(FRAMES)[:, None, None]
    swing = rng.normal(0, 0.01, (12, 3)) * time**2
    return rest + swing + time * np.array([0.01, 0, 0])


def to_px(m: np.ndarray) -> np.ndarray:
    return m[..., :2] / m[..., 2:] * 900 + [300, 500]


@pytest.fixture
def score(lib, true_m, tmp_path, monkeypatch):
    """Figures of results with these joints (T,12,3) against the truth."""
    score_real, measures = lib("score_real"), lib("measures")

    def run(joints, px=None, *, stated=None, raw=None, calibrated=True, others=()):
        truth = tmp_path / "clip_gt.npz"
        np.savez(truth, joints_m=true_m, joints_px=to_px(true_m), calibrated=calibrated)
        px = to_px(true_m) if px is None else px
        frames = {}
        for t in range(len(joints)):
            people = [(joints[t], px[t], 0), *[(m[t], to_px(m[t]), k) for m, k in others]]
            frames[t] = frame = {"time": t, "tracked_time": [], "tid": [], "size": []}
            for key in ("bbox", "smpl", "camera", "3d_joints", "2d_joints", "joint_error_mm"):
                frame[key] = []
            for at, seen_at, missed in people:
                m45, px45 = np.zeros((45, 3)), np.zeros((45, 2))
                m45[measures.OF_BODY25] = at
                px45[measures.OF_BODY25] = (seen_at + np.array([200, 0])) / 1000
                for key, value in (("tracked_time", missed), ("tid", 1), ("size", SIZE)):
                    frame[key].append(value)
                for key in ("bbox", "smpl", "camera"):
                    frame[key].append(None)
                frame["3d_joints"].append(m45 - at.mean(axis=0))
                frame["2d_joints"].append(px45.reshape(90))
                frame["joint_error_mm"].append(stated)
            if stated is None:
                del frame["joint_error_mm"]
        monkeypatch.setattr(score_real, "iter_results", lambda _: iter(frames.items()))
        return score_real.real_quality("results.pkl", truth, raw)

    return run


def test_the_truth_itself_has_no_errors(score, true_m):
    figures = score(true_m)
    assert (figures["frames"], figures["missed"], figures["flipped"]) == (FRAMES, 0, 0)
    errors = [figures[name] for name in ("mpjpe_mm", "pa_mpjpe_mm", "knee_deg", "elbow_deg")]
    np.testing.assert_allclose(errors, 0, atol=1e-4)
    assert figures["pck05"] == 1
    assert figures["acceleration"] == pytest.approx(figures["acceleration_true"])


def test_a_larger_body_is_an_error_that_alignment_takes_away(score, true_m):
    figures = score(true_m * 1.1)
    root = true_m - true_m[:, 6:8].mean(axis=1, keepdims=True)
    expected = 100 * np.linalg.norm(root, axis=-1).mean()
    assert figures["mpjpe_mm"] == pytest.approx(expected, rel=1e-4)
    assert figures["pa_mpjpe_mm"] == pytest.approx(0, abs=1e-3)
    assert figures["hip_deg"] == pytest.approx(0, abs=1e-4)


def test_left_for_right_is_a_flip_where_it_happens(score, true_m, lib):
    joints = true_m.copy()
    joints[2:5] = joints[2:5][:, lib("measures").OTHER_SIDE]
    assert score(joints)["flipped"] == 3


def test_turned_by_the_ray_there_is_no_error_along_it(score, true_m, lib):
    hips = true_m[:, 6:8].mean(axis=1)
    along = np.stack([lib("measures").to_axis(point) for point in hips + np.array([2, 0, 0])])
    assert score(true_m @ along.transpose(0, 2, 1))["ray_mpjpe_mm"] > 50
    along = np.stack([lib("measures").to_axis(point) for point in hips])
    figures = score(true_m @ along.transpose(0, 2, 1))
    assert figures["ray_mpjpe_mm"] == pytest.approx(0, abs=1e-3)
    assert figures["mpjpe_mm"] > 1


def test_pck_counts_joints_within_a_twentieth_of_the_height(score, true_m):
    px = to_px(true_m)
    height = 1.2 * np.ptp(px[..., 1], axis=1)
    px[:, 0, 0] += 0.051 * height
    px[:, 1, 0] += 0.049 * height
    assert score(true_m, px)["pck05"] == pytest.approx(11 / 12)
    assert "pck05" not in score(true_m, px, calibrated=False)


def test_nobody_near_is_missed_and_a_held_entry_does_not_count(score, true_m):
    far = to_px(true_m) + np.array([0, 400])
    assert score(true_m, far) == {"frames": 0, "missed": FRAMES}
    figures = score(true_m, far, others=[(true_m, 3)])
    assert figures == {"frames": 0, "missed": FRAMES}
    figures = score(true_m, far, others=[(true_m, 0)])
    assert (figures["frames"], figures["missed"]) == (FRAMES, 0)


def test_stated_intervals_are_counted(score, true_m):
    joints = true_m.copy()
    joints[:, 0] += [0.1, 0, 0]  # 100 mm: the others are right
    stated = np.tile([50.0, 90.0], (45, 1))
    figures = score(joints, stated=stated)
    assert figures["inside_50"] == figures["inside_90"] == pytest.approx(11 / 12)
    stated[2] = 99, 101  # the right shoulder's place among OpenPose's 25
    figures = score(joints, stated=stated)
    assert figures["inside_50"] == pytest.approx(11 / 12)
    assert figures["inside_90"] == 1
    assert "inside_50" not in score(joints)


def test_landmarks_are_scored_before_the_fit(score, true_m, lib):
    points = np.zeros((FRAMES, 1, 33, 2))
    points[:, 0, lib("measures").OF_BLAZEPOSE] = to_px(true_m)
    wrong = to_px(true_m) + np.array([0, 80])
    figures = score(true_m, wrong, raw=dict(enumerate(points)))
    assert figures["raw_pck05"] == 1
    assert figures["pck05"] == 0


def test_goals_are_read_as_they_are_written(lib):
    table = lib("score_table")
    assert table.Row("", "{:.1%}", ">= 95 %").meets(0.95)
    assert not table.Row("", "{:.1%}", ">= 95 %").meets(0.949)
    assert not table.Row("", "{:.1f} mm", "<= 105 mm").meets(105.1)
    assert table.REAL.missed({"flipped": 1, "pck05": 0.96}) == [
        "frames with left and right exchanged: 1, goal <= 0"
    ]
