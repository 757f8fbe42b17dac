"""Each formula against a straight-line implementation of its own, and cases known by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humantrack.errors import BenchmarkError
from humantrack.evaluation.measures import body, world
from humantrack.evaluation.measures.alignment import similarity
from humantrack.geometry.rotations import axis_angle_to_matrix

SEEDS = st.integers(0, 2**31)
FEW = settings(max_examples=25)


def walk(seed: int, frames: int = 12, joints: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """A person who walks (T,J,3), and a guess at it in other axes and another size."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 0.4, (1, joints, 3)) + rng.normal(0, 0.02, (frames, joints, 3))
    true = true + np.cumsum(rng.normal(0.02, 0.02, (frames, 1, 3)), axis=0)
    turn = axis_angle_to_matrix(rng.normal(0, 1, 3))
    guess = rng.uniform(0.7, 1.4) * true @ turn.T + rng.normal(0, 3, 3)
    return guess + rng.normal(0, 0.03, guess.shape), true


def fitted(a: np.ndarray, b: np.ndarray, *, with_scale: bool = True) -> np.ndarray:
    """(3,4) of the motion that brings a (N,3) onto b, by Horn's quaternion: no SVD."""
    ma, mb = a.mean(axis=0), b.mean(axis=0)
    a, b = a - ma, b - mb
    m = a.T @ b
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = m
    n = np.array(
        [
            [xx + yy + zz, yz - zy, zx - xz, xy - yx],
            [yz - zy, xx - yy - zz, xy + yx, zx + xz],
            [zx - xz, xy + yx, yy - xx - zz, yz + zy],
            [xy - yx, zx + xz, yz + zy, zz - xx - yy],
        ]
    )
    w, x, y, z = np.linalg.eigh(n)[1][:, -1]
    r = np.array(
        [
            [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z],
        ]
    )
    s = sum(float(q @ (r @ p)) for p, q in zip(a, b, strict=True)) if with_scale else 1.0
    s = s / sum(float(p @ p) for p in a) if with_scale else 1.0
    return np.column_stack([s * r, mb - s * r @ ma])


def put(m: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.array([[m[:, :3] @ p + m[:, 3] for p in frame] for frame in points])


def mean_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Millimetres, joint by joint."""
    return 1000 * sum(math.dist(p, q) for p, q in zip(a, b, strict=True)) / len(a)


@FEW
@given(SEEDS)
def test_mpjpe_and_its_aligned_form(seed):
    guess, true = walk(seed)
    plain, aligned = [], []
    for a, b in zip(guess, true, strict=True):
        root_a, root_b = (a[1] + a[2]) / 2, (b[1] + b[2]) / 2
        plain.append(mean_distance(a - root_a, b - root_b))
        aligned.append(mean_distance(put(fitted(a, b), a[None])[0], b))
    np.testing.assert_allclose(body.mpjpe(guess, true, (1, 2)), plain, rtol=1e-9)
    np.testing.assert_allclose(body.pa_mpjpe(guess, true), aligned, rtol=1e-9, atol=1e-9)


@FEW
@given(SEEDS)
def test_pve(seed):
    guess, true = walk(seed, joints=40)
    expected = [mean_distance(a - a[0], b - b[0]) for a, b in zip(guess, true, strict=True)]
    got = body.pve(guess, true, guess[:, :1], true[:, :1])
    np.testing.assert_allclose(got, expected, rtol=1e-9)


@FEW
@given(SEEDS, st.floats(5, 120))
def test_accelerations_and_jitter(seed, fps):
    guess, true = walk(seed)
    accel = []
    for t in range(1, len(true) - 1):
        each = []
        for j in range(true.shape[1]):
            a, b = ((p[t - 1, j] - 2 * p[t, j] + p[t + 1, j]) * fps**2 for p in (guess, true))
            each.append(math.dist(a, b))
        accel.append(sum(each) / len(each))
    np.testing.assert_allclose(body.acceleration_error(guess, true, fps), accel, rtol=1e-9)
    jerk = []
    for t in range(len(true) - 3):
        x0, x1, x2, x3 = guess[t : t + 4]
        third = (x3 - 3 * x2 + 3 * x1 - x0) * fps**3 / 10
        jerk.append(sum(math.hypot(*p) for p in third) / len(third))
    np.testing.assert_allclose(world.jitter(guess, fps), jerk, rtol=1e-9)


@FEW
@given(SEEDS, st.integers(2, 230))
def test_world_errors_by_chunks_of_a_hundred(seed, frames):
    guess, true = walk(seed, frames)
    whole, first = [], []
    for start in range(0, frames, 100):
        a, b = guess[start : start + 100], true[start : start + 100]
        for out, n in ((whole, len(a)), (first, 2)):
            fit = fitted(a[:n].reshape(-1, 3), b[:n].reshape(-1, 3))
            out += [mean_distance(p, q) for p, q in zip(put(fit, a), b, strict=True)]
    np.testing.assert_allclose(world.wa_mpjpe(guess, true), whole, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(world.w_mpjpe(guess, true), first, rtol=1e-8, atol=1e-9)


@FEW
@given(SEEDS)
def test_root_error_is_rigid_and_in_percent_of_the_path(seed):
    guess, true = (points[:, 0] for points in walk(seed))
    fit = fitted(guess, true, with_scale=False)
    length = sum(math.dist(a, b) for a, b in itertools.pairwise(true))
    expected = [
        100 * math.dist(p, q) / length for p, q in zip(put(fit, guess[None])[0], true, strict=True)
    ]
    np.testing.assert_allclose(world.rte(guess, true), expected, rtol=1e-9, atol=1e-9)


@FEW
@given(SEEDS)
def test_feet_slide_where_the_true_ones_stand(seed):
    guess, true = walk(seed, 30)
    guess, true = guess / 10, true / 10
    expected = []
    for t in range(29):
        for j in range(true.shape[1]):
            if math.dist(true[t + 1, j], true[t, j]) < 0.01:
                expected.append(1000 * math.dist(guess[t + 1, j], guess[t, j]))
    np.testing.assert_allclose(world.foot_sliding(guess, true), expected, rtol=1e-9)


@FEW
@given(SEEDS)
def test_local_and_scene_errors(seed):
    guess, true = walk(seed)
    a, b = guess - guess[:, :1], true - true[:, :1]
    turn = fitted_rotation(a.reshape(-1, 3), b.reshape(-1, 3))
    expected = [mean_distance(p @ turn.T, q) for p, q in zip(a, b, strict=True)]
    np.testing.assert_allclose(world.local_error(guess, true, (0,)), expected, rtol=1e-9)
    flat = guess.reshape(-1, 3), true.reshape(-1, 3)
    errors, _ = world.scene_error(*flat)
    moved = put(fitted(*flat), flat[0][None])[0]
    expected = [1000 * math.dist(p, q) for p, q in zip(moved, flat[1], strict=True)]
    np.testing.assert_allclose(errors, expected, rtol=1e-9, atol=1e-9)


def fitted_rotation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return fitted(a, b, with_scale=False)[:, :3]


# -- known by hand -------------------------------------------------------------------------------


def straight(frames: int, step: float = 0.05) -> np.ndarray:
    """(T,4,3): four joints that move along x, ``step`` metres a frame."""
    joints = np.array([[0, 0, 0], [0.2, 0, 0], [0, 0.5, 0], [0, 0, 0.3]], float)
    return joints + np.arange(frames)[:, None, None] * np.array([step, 0, 0])


def test_a_constant_offset_is_no_error_anywhere():
    true = straight(150)
    moved = true + np.array([3.0, -2.0, 7.0])
    for errors in (
        body.mpjpe(moved, true, (0,)),
        body.pa_mpjpe(moved, true),
        world.wa_mpjpe(moved, true),
        world.w_mpjpe(moved, true),
        world.rte(moved[:, 0], true[:, 0]),
    ):
        np.testing.assert_allclose(errors, 0, atol=1e-9)


def test_one_joint_that_is_off_counts_by_its_share():
    true = straight(3)
    off = true.copy()
    off[:, 2, 1] += 0.08
    np.testing.assert_allclose(body.mpjpe(off, true, (0,)), 80 / 4)
    np.testing.assert_allclose(body.mpjpe(off, true, (2,)), 80 * 3 / 4)  # the pelvis itself is off


def test_a_path_of_another_size_costs_rte_alone():
    true = straight(101)  # 5 metres
    large = 1.1 * true
    np.testing.assert_allclose(world.wa_mpjpe(large, true), 0, atol=1e-9)
    np.testing.assert_allclose(world.w_mpjpe(large, true), 0, atol=1e-9)
    # Laid middle on middle, the ends are 0.25 m off and frame t 0.1 * |0.05 t - 2.5| m.
    expected = 100 * 0.1 * np.abs(0.05 * np.arange(101) - 2.5) / 5
    np.testing.assert_allclose(world.rte(large[:, 0], true[:, 0]), expected, atol=1e-9)


def test_a_drift_shows_in_w_from_its_two_frames_on():
    true = straight(100, step=0.0)
    drifting = true + np.maximum(np.arange(100) - 1, 0)[:, None, None] * np.array([0, 0, 0.01])
    np.testing.assert_allclose(
        world.w_mpjpe(drifting, true), 10.0 * np.maximum(np.arange(100) - 1, 0), atol=1e-6
    )
    assert world.wa_mpjpe(drifting, true).mean() < world.w_mpjpe(drifting, true).mean() / 2


def test_chunks_are_counted_in_frames_that_are_there():
    true = straight(250)
    guess = true + np.where(np.arange(250) >= 100, 5.0, 0.0)[:, None, None]
    np.testing.assert_allclose(world.wa_mpjpe(guess, true), 0, atol=1e-9)  # a jump between chunks
    guess = np.delete(guess, 10, axis=0)
    jumps = world.wa_mpjpe(guess, np.delete(true, 10, axis=0))
    assert (jumps[:100] > 1).all()  # frame 100 is now in the first chunk
    np.testing.assert_allclose(jumps[100:], 0, atol=1e-9)


def test_jitter_of_a_hop_every_fourth_frame():
    hops = np.zeros((8, 1, 3))
    hops[4:, 0, 0] = 0.01  # third differences: 0 .01 -.02 .01 0 over frames 1 to 5
    np.testing.assert_allclose(world.jitter(hops, 30), [0, 27, 54, 27, 0], atol=1e-9)
    frames = np.array([0, 1, 2, 3, 10, 11, 12, 13])
    np.testing.assert_allclose(world.jitter(hops, 30, frames), [0, 0], atol=1e-9)


def test_a_foot_slides_only_while_the_true_one_stands():
    true = np.zeros((4, 2, 3))
    true[:, 1, 0] = [0, 0.5, 1, 1]  # the second foot lands with the last step
    feet = true + np.arange(4)[:, None, None] * np.array([0, 0, 0.002])
    np.testing.assert_allclose(world.foot_sliding(feet, true), 2)
    assert len(world.foot_sliding(feet, true)) == 4
    frames = np.array([0, 1, 5, 6])
    assert len(world.foot_sliding(feet, true, frames)) == 3


def test_a_mirrored_body_is_not_turned_inside_out():
    true = straight(1)[0]
    fit = similarity(true * [-1, 1, 1], true)
    assert np.linalg.det(fit.rotation) == pytest.approx(1)
    assert fit.scale < 1


def test_points_in_one_place_keep_their_size():
    fit = similarity(np.ones((4, 3)), straight(1)[0])
    assert fit.scale == 1
    assert np.isfinite(fit.translation).all()


def test_a_path_without_length_has_no_rte():
    with pytest.raises(BenchmarkError, match="no length"):
        world.rte(np.zeros((5, 3)), np.ones((5, 3)))


def test_rotation_errors_in_degrees():
    turn = axis_angle_to_matrix(np.array([[0, np.radians(30), 0]]))
    np.testing.assert_allclose(body.rotation_error(turn, np.eye(3)[None]), 30)
