"""Refinement on motions that are known exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world_cases import body, level_view, noisy, points_of, seen, walk

from humantrack.geometry.rotations import axis_angle_to_matrix, geodesic_angle
from humantrack.world.contacts import find_contacts, runs_of
from humantrack.world.flips import reversed_pose
from humantrack.world.refine import refine
from humantrack.world.smooth import derivative, smooth_values

PERSON = body()
LOCAL, PELVIS, TIME_S = walk(PERSON)
VIEW = level_view(len(TIME_S))
EXACT = seen(LOCAL, PELVIS, TIME_S, VIEW, PERSON)
TRUE = points_of(LOCAL, PELVIS, PERSON)


def _off(path, true=TRUE):
    return np.linalg.norm(points_of(path.local, path.pelvis, PERSON) - true, axis=-1)


def _jerk(points):
    return np.linalg.norm(np.diff(points, 3, axis=0), axis=-1).mean() * 30**3 / 10


def test_an_exact_motion_stays_what_it_is():
    refined = refine(EXACT, VIEW, PERSON)
    assert _off(refined.path)[:, :15].mean() < 0.04
    assert not refined.flipped.any() and not refined.bridged.any()


def test_noise_goes_and_the_path_stays():
    shaken = noisy(EXACT, turn=0.07)
    refined = refine(shaken, VIEW, PERSON)
    assert _off(refined.path).mean() < 0.08
    own = shaken.local.copy()
    own[:, 0] = VIEW.rotation.transpose(0, 2, 1) @ own[:, 0]
    before = _jerk(points_of(own, PELVIS, PERSON))
    after = _jerk(points_of(refined.path.local, refined.path.pelvis, PERSON))
    assert after < 0.15 * before


def test_standing_feet_do_not_slide_and_touch_the_floor():
    refined = refine(noisy(EXACT), VIEW, PERSON)
    feet = points_of(refined.path.local, refined.path.pelvis, PERSON)[:, -4:]
    assert refined.contacts.any(axis=1).mean() > 0.5
    slides = []
    for k in range(4):
        for a, b in runs_of(refined.contacts[:, k]):
            inner = feet[a:b, k]
            slides += np.linalg.norm(np.diff(inner, axis=0), axis=-1).tolist()
            assert abs(inner[:, 1].mean() - PERSON.sole[k]) < 0.06
    assert np.mean(slides) < 0.004


@pytest.mark.parametrize("fps", [15.0, 30.0, 60.0])
def test_contacts_do_not_depend_on_the_frame_rate(fps):
    local, pelvis, time_s = walk(PERSON, fps)
    feet = points_of(local, pelvis, PERSON)[:, -4:]
    rays = level_view(len(time_s)).rays(pelvis)
    share = find_contacts(feet, PERSON.sole, rays, time_s).any(axis=1).mean()
    assert share == pytest.approx(0.5, abs=0.12)


def test_arms_and_legs_swing_as_far_as_before():
    refined = refine(EXACT, VIEW, PERSON)
    after = points_of(refined.path.local, refined.path.pelvis, PERSON)
    for row in (3, 6, 10, 13):  # wrists and ankles, among the joints that are looked at
        swings = []
        for points in (TRUE, after):
            from_hips = points[20:-20, row] - points[20:-20, 7]
            swings.append(np.ptp(np.percentile(from_hips, [5, 95], axis=0), axis=0).max())
        assert swings[1] >= 0.97 * swings[0]


@settings(max_examples=5, deadline=None)
@given(st.floats(-np.pi, np.pi))
def test_a_world_turned_gives_the_same_motion_turned(angle):
    turn = axis_angle_to_matrix(np.array([0, angle, 0]))
    shaken = noisy(EXACT)
    view = level_view(len(TIME_S), turn)
    view = replace(view, position=VIEW.position @ turn.T)
    one, other = refine(shaken, VIEW, PERSON), refine(shaken, view, PERSON)
    np.testing.assert_allclose(other.path.pelvis, one.path.pelvis @ turn.T, atol=2e-3)
    np.testing.assert_array_equal(other.contacts.shape, one.contacts.shape)
    assert geodesic_angle(other.path.local[:, 0], turn @ one.path.local[:, 0]).max() < 0.01


def test_a_pose_reversed_twice_is_itself():
    np.testing.assert_allclose(reversed_pose(reversed_pose(LOCAL)), LOCAL, atol=1e-12)


@pytest.mark.parametrize("start", [0, 60])
def test_frames_that_face_backwards_are_turned_round(start):
    local = EXACT.local.copy()
    some = slice(start, start + 14)
    local[some] = reversed_pose(local[some])
    refined = refine(replace(noisy(EXACT, turn=0.05), local=local), VIEW, PERSON)
    assert refined.flipped[some].mean() > 0.8
    assert refined.flipped.sum() <= 16
    assert _off(refined.path)[some].mean() < 0.16


def test_who_walks_backwards_goes_on_so():
    """Only a jump says that front and back were confused; that alone is a way to walk."""
    backwards = seen(LOCAL[::-1], PELVIS[::-1], TIME_S, VIEW, PERSON)
    assert TIME_S[-1] > 5
    assert not refine(backwards, VIEW, PERSON).flipped.any()


def test_single_frames_that_are_off_are_bridged():
    local = EXACT.local.copy()
    for frame in (30, 90):
        local[frame, [1, 2, 16, 17, 18]] = axis_angle_to_matrix(np.array([0.3, 1.5, 1.2]))
    refined = refine(replace(EXACT, local=local), VIEW, PERSON)
    assert refined.bridged[[30, 90]].all()
    assert _off(refined.path)[[30, 90]].mean() < 0.06


def test_gaps_are_bridged():
    observed = np.ones(len(TIME_S), bool)
    observed[80:95] = False
    error = np.where(observed[:, None], EXACT.error_m, np.inf)
    local, px = EXACT.local.copy(), EXACT.joints_px.copy()
    local[80:95], px[80:95] = local[79], px[79]
    gap = replace(EXACT, observed=observed, error_m=error, local=local, joints_px=px)
    refined = refine(gap, VIEW, PERSON)
    assert np.linalg.norm(refined.path.pelvis - PELVIS, axis=1)[80:95].max() < 0.15
    assert np.isfinite(refined.path.local).all()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_tracks_of_few_frames(count):
    some = replace(
        EXACT,
        **{
            name: getattr(EXACT, name)[:count]
            for name in ("frame", "time_s", "observed", "local", "joints_px", "error_m")
        },
    )
    refined = refine(some, VIEW.rows(np.arange(count)), PERSON)
    assert np.linalg.norm(refined.path.pelvis - PELVIS[:count], axis=1).max() < 0.1


def test_nothing_seen_at_all():
    blind = replace(EXACT, error_m=np.full_like(EXACT.error_m, np.inf))
    refined = refine(blind, VIEW, PERSON)
    assert np.isfinite(refined.path.pelvis).all() and not refined.confidence.any()


def test_derivatives_at_uneven_times():
    time_s = np.cumsum([0.1, 0.3, 0.2, 0.15, 0.4, 0.1])
    for order in (2, 3):
        factors, _ = derivative(time_s, order)
        values = np.stack([time_s[i : i + len(factors)] ** order for i in range(order + 1)], axis=1)
        wanted = {2: 2.0, 3: 6.0}[order]
        np.testing.assert_allclose((factors * values).sum(axis=1), wanted, rtol=1e-6)


def test_the_smoother_keeps_slow_swings_and_halves_at_its_cutoff():
    time_s = np.arange(600) / 60
    for hertz, least, most in ((1.0, 0.99, 1.01), (4.0, 0.42, 0.55), (12.0, 0.0, 0.01)):
        wave = np.sin(2 * np.pi * hertz * time_s)[:, None]
        smooth = smooth_values(wave, np.ones(600), time_s, 4.0)
        assert least <= np.ptp(smooth[200:400]) / np.ptp(wave[200:400]) <= most
