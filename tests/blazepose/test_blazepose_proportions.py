"""Bone lengths of a made skeleton, seen from several sides; and the scale of a picture."""

from __future__ import annotations

import numpy as np
import pytest

from humantrack.blazepose.lift import LIMBS
from humantrack.blazepose.proportions import (
    BONE_OF_SPAN,
    Proportions,
    Spans,
    picture_scale,
    spans,
)
from humantrack.body import load_mannequin
from humantrack.body.shape import BONE_LENGTHS, bone_lengths

MEAN = bone_lengths(load_mannequin().rest_joints()).reshape(7)
TALL = [BONE_LENGTHS.index(name) for name in ("thigh", "shin", "trunk")]
LEAST = np.array([1.0])

LONG_SHINS = MEAN * np.array([1.05, 0.95, 0.96, 1.14, 1, 1.06, 0.94])
LONG_SHINS[TALL] *= MEAN[TALL].sum() / LONG_SHINS[TALL].sum()


def skeleton(lengths: np.ndarray, seed: int = 0) -> np.ndarray:
    """(33,3) somebody with these bones who stands with limbs somewhat spread, facing the camera."""
    rng = np.random.default_rng(seed)
    arm, forearm, thigh, shin, trunk, shoulders, hips = lengths

    def way(*mean: float) -> np.ndarray:
        direction = np.array(mean) + rng.normal(scale=0.2, size=3)
        return direction / np.linalg.norm(direction)

    points = np.zeros((33, 3))
    for side, sign in ((0, 1), (1, -1)):
        points[11 + side] = [sign * shoulders / 2, -trunk, 0]
        points[13 + side] = points[11 + side] + arm * way(sign * 0.7, 0.6, 0)
        points[15 + side] = points[13 + side] + forearm * way(sign * 0.7, 0.6, -0.2)
        points[23 + side] = [sign * hips / 2, 0, 0]
        points[25 + side] = points[23 + side] + thigh * way(sign * 0.2, 1, 0)
        points[27 + side] = points[25 + side] + shin * way(0, 1, 0.1)
    return points


def looks(count: int, scale: float = 200.0, noise: float = 0.0, seed: int = 1):
    """``Spans`` of somebody with long shins, from one side after the other."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        yaw = 2 * np.pi * i / 12
        cos, sin = np.cos(yaw), np.sin(yaw)
        turned = skeleton(LONG_SHINS, i) @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
        turned = turned + rng.normal(scale=noise, size=turned.shape)
        yield spans(turned[None, :, :2] * scale, turned[None, :, 2], np.ones((1, 33)))


def learnt(seen) -> Proportions:
    out = Proportions(MEAN)
    for one in seen:
        out.see(one, 0, float(picture_scale(one, out.lengths[None], LEAST)[0]))
    return out


def error(got: np.ndarray) -> np.ndarray:
    """Per bone, the share of its length that it is off; the widths are seen edge on at times."""
    return np.abs(got / LONG_SHINS - 1)


def test_spans_are_the_skeletons_bones():
    points = skeleton(LONG_SHINS)[None]
    seen = spans(points[..., :2] * 150, points[..., 2], np.ones((1, 33)))
    whole = np.hypot(seen.length_px / 150, seen.depth_m)
    np.testing.assert_allclose(whole[0], LONG_SHINS[BONE_OF_SPAN], rtol=1e-9)
    np.testing.assert_array_equal(seen.weight, 1)


def test_a_bone_counts_as_much_as_its_worse_end():
    points, visibility = skeleton(MEAN)[None], np.full((1, 33), 0.9)
    visibility[0, 15] = 0.2
    seen = spans(points[..., :2], points[..., 2], visibility)
    assert seen.weight[0, 2] == 0.2
    np.testing.assert_array_equal(np.delete(seen.weight[0], 2), 0.9)


def test_proportions_are_found_within_two_percent():
    got = learnt(looks(600)).lengths
    assert error(got).max() < 0.02


def test_noise_does_not_make_bones_longer():
    got = learnt(looks(600, noise=0.015)).lengths
    assert error(got)[:5].max() < 0.02


def test_one_in_five_frames_may_be_wrong():
    rng = np.random.default_rng(5)

    def with_outliers():
        for i, one in enumerate(looks(600)):
            if i % 5 == 2:
                wild = one.length_px * rng.uniform(0.3, 1.7, size=one.length_px.shape)
                yield Spans(length_px=wild, depth_m=one.depth_m, weight=one.weight)
            else:
                yield one

    assert error(learnt(with_outliers()).lengths)[:5].max() < 0.05
    share = learnt(with_outliers()).lengths[3] / learnt(looks(600)).lengths[3]
    assert share == pytest.approx(1, abs=0.02)


def test_the_tall_bones_keep_their_sum_at_every_frame():
    person = Proportions(MEAN)
    np.testing.assert_allclose(person.lengths, MEAN)
    for one in looks(30, noise=0.05):
        person.see(one, 0, 170.0)
        assert person.lengths[TALL].sum() == pytest.approx(MEAN[TALL].sum())


def test_what_is_not_seen_teaches_nothing():
    person = Proportions(MEAN)
    for one in looks(50):
        hidden = Spans(
            length_px=one.length_px, depth_m=one.depth_m, weight=np.zeros_like(one.weight)
        )
        person.see(hidden, 0, 200.0)
    np.testing.assert_allclose(person.lengths, MEAN)


def test_a_wrong_beginning_is_outgrown():
    def other_first():
        for one in looks(300):
            yield Spans(length_px=one.length_px[:, ::-1], depth_m=one.depth_m, weight=one.weight)
        yield from looks(1500)

    assert error(learnt(other_first()).lengths)[:5].max() < 0.03


def test_the_state_goes_on_as_it_would_have():
    seen = list(looks(40, noise=0.02))
    one = learnt(seen[:20])
    state = one.state_dict()
    kept = {name: array.copy() for name, array in state.items()}
    other = Proportions(MEAN)
    other.load_state_dict(state)
    for look in seen[20:]:
        one.see(look, 0, 200.0)
        other.see(look, 0, 200.0)
    np.testing.assert_array_equal(one.lengths, other.lengths)
    for name, array in kept.items():
        np.testing.assert_array_equal(state[name], array)


@pytest.mark.parametrize("scale", [20.0, 300.0])
def test_the_scale_of_a_picture_is_found_from_bones_of_known_lengths(scale):
    for one in looks(12, scale=scale):
        got = picture_scale(one, LONG_SHINS[None], LEAST)
        assert got[0] == pytest.approx(scale, rel=0.02)


def test_each_person_has_a_scale_and_the_least_holds():
    points = np.stack([skeleton(MEAN), skeleton(MEAN) * 2, np.zeros((33, 3))])
    seen = spans(points[..., :2] * 100, points[..., 2] * [[1], [0.5], [1]], np.ones((3, 33)))
    got = picture_scale(seen, np.repeat(MEAN[None], 3, 0), np.array([1.0, 1.0, 7.0]))
    np.testing.assert_allclose(got, [100, 200, 7], rtol=0.02)


def test_limbs_are_twelve_and_widths_give_no_scale():
    assert len(LIMBS) == 12
    one = next(looks(1))
    wide = Spans(
        length_px=one.length_px * np.where(BONE_OF_SPAN >= 5, 3, 1),
        depth_m=one.depth_m,
        weight=one.weight,
    )
    lengths = LONG_SHINS[None]
    np.testing.assert_allclose(
        picture_scale(wide, lengths, LEAST), picture_scale(one, lengths, LEAST)
    )
