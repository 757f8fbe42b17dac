"""Feet are put on the floor by the whole body, not by stretching the knees."""

from __future__ import annotations

import numpy as np
import pytest
from world_cases import FOCAL_PX, body, build, results_of

from humantrack.body.kinematics import forward_kinematics
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.results import load_results
from humantrack.world.camera import EvidenceFile, evidence_path, solve
from humantrack.world.contacts import MOST_HEEL_M, anchors, landed, standing_heights
from humantrack.world.footlock import lock_feet
from humantrack.world.options import WorldOptions
from humantrack.world.stretch import Path

PERSON = body()
TIME_S = np.arange(60) / 30
LEGS_OF_45 = ((9, 10, 11), (12, 13, 14))


def standing(bend: float) -> Path:
    """Somebody who stands with bent knees, feet flat on the floor."""
    local = np.tile(np.eye(3), (len(TIME_S), 24, 1, 1))
    x = np.array([1.0, 0, 0])
    for hip, knee, ankle in ((1, 4, 7), (2, 5, 8)):
        local[:, hip], local[:, ankle] = axis_angle_to_matrix(np.array([-bend / 2 * x] * 2))
        local[:, knee] = axis_angle_to_matrix(bend * x)
    pelvis = np.zeros((len(TIME_S), 3))
    pelvis[:, 1] = -(feet(Path(local=local, pelvis=pelvis))[:, :, 1] - PERSON.sole).min()
    return Path(local=local, pelvis=pelvis)


def feet(path: Path) -> np.ndarray:
    turned, joints = forward_kinematics(path.local, PERSON.rest)
    return PERSON.points(turned, joints + path.pelvis[:, None])[:, -4:]


def flexion(joints: np.ndarray, leg: tuple[int, int, int]) -> np.ndarray:
    """(T,) degrees, 0 = straight."""
    hip, knee, ankle = (joints[:, row] for row in leg)
    thigh, shin = knee - hip, ankle - knee
    cosine = (thigh * shin).sum(axis=1)
    cosine /= np.linalg.norm(thigh, axis=1) * np.linalg.norm(shin, axis=1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def knees(path: Path) -> np.ndarray:
    _, joints = forward_kinematics(path.local, PERSON.rest)
    return np.stack([flexion(joints, leg) for leg in ((1, 4, 7), (2, 5, 8))])


@pytest.mark.parametrize("off_m", [0.02, -0.02])
def test_a_body_that_hovers_is_lowered_and_keeps_its_knees(off_m):
    """By the legs alone, 2 cm would take 15 degrees of these 20."""
    on_floor = standing(np.radians(20))
    hovers = Path(local=on_floor.local, pelvis=on_floor.pelvis + np.array([0, off_m, 0]))
    contacts = np.ones((len(TIME_S), 4), bool)
    there = anchors(feet(on_floor), contacts, PERSON.sole)
    locked = lock_feet(hovers, PERSON, contacts, there, TIME_S)
    np.testing.assert_allclose(feet(locked), there, atol=1e-4)
    np.testing.assert_allclose(locked.pelvis, on_floor.pelvis, atol=1e-4)
    assert np.abs(knees(locked) - 20).max() < 0.1


def test_one_foot_that_is_too_high_is_lowered_by_its_own_leg_for_what_is_left():
    """The body takes the mean of both, so that each leg has half to do."""
    path = standing(np.radians(40))
    contacts = np.ones((len(TIME_S), 4), bool)
    there = anchors(feet(path), contacts, PERSON.sole)
    there[:, :2, 1] -= 0.01
    locked = lock_feet(path, PERSON, contacts, there, TIME_S)
    np.testing.assert_allclose(feet(locked), there, atol=1e-3)
    np.testing.assert_allclose(locked.pelvis[:, 1] - path.pelvis[:, 1], -0.005, atol=1e-4)


def test_a_body_in_the_air_is_left_there():
    path = standing(np.radians(20))
    nowhere = np.zeros((len(TIME_S), 4), bool)
    locked = lock_feet(path, PERSON, nowhere, np.zeros((len(TIME_S), 4, 3)), TIME_S)
    np.testing.assert_array_equal(locked.pelvis, path.pelvis)
    np.testing.assert_allclose(locked.local, path.local, atol=1e-12)


def test_heels_may_stand_higher_than_a_bare_foots_beside_the_toes():
    points = np.zeros((5, 4, 3))
    points[..., 1] = PERSON.sole + np.array([0.03, 0.004, 0.026, 0.004])
    all_stand = np.ones((5, 4), bool)
    heights = standing_heights(points, all_stand, PERSON.sole)
    np.testing.assert_allclose(heights - PERSON.sole, [0.024, 0, 0.024, 0], atol=1e-9)
    points[:, [0, 2], 1] += 0.1
    heights = standing_heights(points, all_stand, PERSON.sole)
    np.testing.assert_allclose(heights - PERSON.sole, [MOST_HEEL_M, 0, MOST_HEEL_M, 0], atol=1e-9)


def test_without_both_kinds_of_contact_nothing_is_known_of_shoes():
    points = np.zeros((5, 4, 3))
    points[..., 1] = PERSON.sole + 0.03
    only_toes = np.tile([False, True, False, True], (5, 1))
    np.testing.assert_array_equal(standing_heights(points, only_toes, PERSON.sole), PERSON.sole)


def test_a_foot_is_not_held_while_it_lands_or_leaves():
    """By its speed over the frame before and after: 0.7 0.5 0.15 0.35 0.35 0.15 0.5 0.8 0.9."""
    points = np.zeros((9, 4, 3))
    points[:, 0, 0] = np.cumsum([0.9, 0.7, 0.3, 0.0, 0.7, 0.0, 0.3, 0.7, 0.9]) / 30
    points[:, 1, 0] = np.arange(9) * 0.7 / 30
    contacts = np.zeros((9, 4), bool)
    contacts[1:8, :2] = True
    held = landed(points, contacts, TIME_S[:9])
    assert np.flatnonzero(held[:, 0]).tolist() == [1, 2, 3, 4, 5, 6]
    assert not held[:, 1:].any()
    points[:, 0, 0] *= 2  # a moment that is quick between two that are slow is held
    assert np.flatnonzero(landed(points, contacts, TIME_S[:9])[:, 0]).tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize("name", FOCAL_PX)
def test_refined_knees_bend_as_estimated_ones(name):
    """Held by the legs alone, feet took 3 and 6 degrees out of bent knees, and moved them by 7."""
    path = results_of(name)
    evidence = EvidenceFile(evidence_path(path))
    _, frames = build(
        path,
        lambda focal_px, *_: solve(evidence, focal_px=focal_px),
        evidence=evidence,
        options=WorldOptions(focal_px=FOCAL_PX[name]),
    )
    pairs = []
    for frame, seen in zip(frames, load_results(path).values(), strict=True):
        refined = {person.track_id: person.joints for person in frame.people}
        for track_id, joints in zip(seen["tid"], seen["3d_joints"], strict=True):
            if track_id in refined:
                both = np.stack([np.asarray(joints, float), refined[track_id]])
                pairs += [flexion(both, leg) for leg in LEGS_OF_45]
    estimated, refined = np.array(pairs).T
    bent = (estimated > 12) & (estimated < 40)
    assert bent.sum() > 150
    assert abs((refined - estimated)[bent].mean()) < 1.5
    assert np.abs(refined - estimated)[bent].mean() < 5.0
