"""Tracks' memory of appearance: textures and colours."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tracker_making import make_tracker

from humantrack.errors import StageError
from humantrack.tracking import AssociationCost, Sample, SampleBatch, blend_uv
from humantrack.tracking.colour import blend_colours, colour_component, colour_distances


def code(*colours):
    """A signature with equal shares of these bins, of length 1."""
    c = np.zeros(4096, np.float32)
    c[list(colours)] = len(colours) ** -0.5 if colours else 0
    return c


RED, GREEN, MIXED, BLANK = code(0, 1), code(50, 51), code(0, 50), code()


def test_golden_texture_memory(golden, hmar_uvs):
    with np.load(golden.data / "tracking_golden.npz") as file:
        wanted = file["uv_memory_sub"]
    found = blend_uv(*hmar_uvs, confidence=0.8, alpha=0.1)
    assert_allclose(found[:, ::4, ::4], wanted, rtol=1e-5, atol=1e-7)


def test_texels_seen_once_stay_and_holes_stay_black():
    old, new = np.full((2, 4, 256, 256), -1, np.float32)
    old[:3], new[:3] = 0.5, 0.9
    old[3, :2], new[3, 1:3] = 1, 1
    found = blend_uv(old, new, confidence=1.0, alpha=0.1)
    assert_allclose(
        found[:, :4, 0].T, [[0.5] * 3 + [1], [0.54] * 3 + [1], [0.9] * 3 + [1], [0, 0, 0, -1]]
    )
    assert found.dtype == np.float32


def test_colour_distance_is_hellingers():
    a, b = np.stack([RED, MIXED]), np.stack([RED, GREEN, BLANK])
    half = np.sqrt(1 - 0.5)
    assert_allclose(colour_distances(a, b), [[0, 1, np.nan], [half, half, np.nan]], atol=1e-3)
    assert_allclose(colour_distances(2 * a, b), colour_distances(a, b), atol=1e-3)


def test_colours_too_different_are_forbidden_and_no_colours_are_neutral():
    component = colour_component(8.0, 0.75)
    a, b = np.stack([RED, BLANK]), np.stack([RED, MIXED, GREEN, BLANK])
    neutral = 8 * 0.375**2
    assert_allclose(component(a, b), [[0, 4, np.inf, neutral], [neutral] * 4], atol=1e-5)


def test_broken_colours_match_nobody():
    broken = RED.copy()
    broken[7] = np.nan
    sides = [
        SampleBatch.stack([Sample(code=c, location=np.ones(99), pose=np.zeros(229)) for c in codes])
        for codes in ([RED, BLANK], [broken, RED])
    ]
    cost = AssociationCost(
        predict="APL", distance_type="EQ_019", code_distance=colour_component(8.0, 0.75)
    )(*sides)
    assert np.isinf(cost[:, 0]).tolist() == [True, True]
    assert np.isfinite(cost[:, 1]).all()


def test_remembered_colours_keep_length_one_and_turn_slowly():
    found = blend_colours(RED, GREEN, rate=0.1)
    assert_allclose(np.linalg.norm(found[:192]), 1, rtol=1e-6)
    assert_allclose(found[50] / found[0], 1 / 9, rtol=1e-5)
    assert_allclose(blend_colours(RED, GREEN, rate=0.0), RED, rtol=1e-6)
    assert_allclose(blend_colours(RED, BLANK, rate=0.1), RED)
    assert_allclose(blend_colours(BLANK, GREEN, rate=0.1), GREEN)


def colour_tracker(**options):
    return make_tracker(predict="APL", kind="colour", n_init=1, **options)


def update(tracker, t, *observations):
    return tracker.update(t, observations, is_shot_start=False)


def test_people_on_the_same_spot_are_told_apart_by_colour(observe):
    tracker = colour_tracker()
    for t in range(6):
        update(tracker, t, observe(t, code=RED), observe(t, code=GREEN))
    found = update(tracker, 6, observe(6, code=GREEN), observe(6, code=RED))
    assert tracker.association.matches == ((1, 1), (2, 0))
    assert [p.track_id for p in found.people] == [1, 2]


def test_too_different_colours_never_match_where_phalps_codes_would(observe):
    for appearance, ids in (("phalp", [1]), ("colour", [1, 2])):
        tracker = make_tracker(predict="APL", kind=appearance, n_init=1)
        update(tracker, 0, observe(0, code=RED))
        found = update(tracker, 1, observe(1, code=GREEN))
        assert [p.track_id for p in found.people] == ids


def test_weak_detections_teach_a_track_no_colours(observe):
    near_red = code(0, 1, 2)
    for score, learns in ((0.9, True), (0.3, False)):
        tracker = colour_tracker()
        update(tracker, 0, observe(0, code=RED))
        update(tracker, 1, observe(1, code=near_red, score=score))
        remembered = tracker.tracks[0].samples[-1].code
        assert tracker.tracks[0].hits == 2
        assert bool(remembered[2] > 0) is learns


def test_weak_detections_continue_a_track_but_start_none(observe):
    tracker = colour_tracker(low_th_c=0.4)
    assert update(tracker, 0, observe(0, code=RED, score=0.39)).people == ()
    assert tracker.tracks == ()
    update(tracker, 1, observe(1, code=RED, score=0.4))
    found = update(tracker, 2, observe(2, code=RED, score=0.21))
    assert [(p.track_id, p.missed) for p in found.people] == [(1, 0)]


def test_textures_must_be_there_if_they_are_compared(observe, rules):
    tracker = make_tracker(predict="TPL", encoder=rules.stub_embeddings)
    with pytest.raises(StageError, match="no texture map: frame 3"):
        update(tracker, 3, observe(3))
