"""Landmarks of people whom the network does not see, and boxes whom no detector drew."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from humantrack.blazepose import guesses
from humantrack.blazepose.boxes import round_bodies, round_landmarks
from humantrack.blazepose.inverse_kinematics import InverseKinematics
from humantrack.blazepose.mirror import MIRROR
from humantrack.blazepose.network import Landmarks
from humantrack.geometry.rotations import geodesic_angle

BOX = np.array([100.0, 50, 180, 250])


# -- guesses ------------------------------------------------------------------------------------


def test_somebody_standing_fills_his_box_from_top_to_bottom():
    points = guesses.standing(BOX).xy_px[0]
    assert points[:, 1].max() == pytest.approx(250, abs=2)
    assert 50 < points[:, 1].min() < 50 + 0.1 * 200  # eyes; the crown has no landmark
    assert points[:, 0].min() > 100 and points[:, 0].max() < 180
    np.testing.assert_allclose(points[:, 0].mean(), 140, atol=1e-9)


def test_his_left_is_on_the_right_of_the_picture_and_he_is_symmetric():
    seen = guesses.standing(BOX)
    xy, world = seen.xy_px[0], seen.world[0]
    for left in (11, 13, 15, 23, 25, 27, 31):
        assert xy[left, 0] > xy[MIRROR[left], 0]
    np.testing.assert_allclose(world[list(MIRROR)] * [-1, 1, 1], world, atol=1e-12)
    np.testing.assert_allclose(world[[23, 24]].mean(axis=0), 0, atol=1e-12)
    assert 1.4 < np.ptp(world[:, 1]) < 1.8
    assert world[31, 2] < world[29, 2]  # toes point to the viewer


def test_as_a_body_he_stands_upright_and_faces_the_viewer(mannequin):
    solve = InverseKinematics(mannequin.rest_joints())
    orient = solve(guesses.standing(BOX).world)[0, 0]
    assert np.rad2deg(geodesic_angle(orient, np.diag([1.0, -1, -1]))) < 5


def test_in_a_wide_box_he_is_too_tall_for_it():
    """Such a box shows the upper part of somebody."""
    points = guesses.standing(np.array([0.0, 0, 90, 100])).xy_px[0]
    assert points[:, 1].max() == pytest.approx(200, abs=2)


@pytest.mark.parametrize("box", [[5, 5, 5, 5], [0, 0, 0.1, 0.1]])
def test_boxes_without_extent_do_no_harm(box):
    seen = guesses.standing(np.array(box, float))
    assert np.isfinite(seen.xy_px).all() and np.isfinite(seen.region).all()


def test_nothing_of_him_is_said_to_be_seen():
    seen = guesses.standing(BOX)
    np.testing.assert_array_equal(seen.flag, 0)
    np.testing.assert_array_equal(seen.visibility, 0)
    assert np.all(seen.segmentation < 0)


def test_landmarks_move_and_grow_with_the_box():
    rng = np.random.default_rng(0)
    xy, world = rng.uniform(100, 200, (33, 2)), rng.normal(size=(33, 3))
    new = np.array([200.0, 100, 360, 500])
    got = guesses.moved(new, BOX, xy, world, np.full(33, 0.7))
    np.testing.assert_allclose(got.xy_px[0], (xy - [100, 50]) * 2 + [200, 100])
    np.testing.assert_array_equal(got.world[0], world)
    np.testing.assert_array_equal(got.visibility[0], 0.7)
    same = guesses.moved(BOX, BOX, xy, world, np.ones(33))
    np.testing.assert_allclose(same.xy_px[0], xy)


# -- boxes --------------------------------------------------------------------------------------


def somebody(points, *, visibility=None, region=(200.0, 150, 256, 0), cells=None) -> Landmarks:
    """Landmarks at some points of the image, with a silhouette (slices of its crop)."""
    one = guesses.standing(BOX)
    xy = np.resize(np.array(points, float), (1, 33, 2))
    logits = np.full((1, 256, 256), -1.0, np.float32)
    if cells is not None:
        logits[0][cells] = 1
    return dataclasses.replace(
        one,
        xy_px=xy,
        visibility=np.ones((1, 33)) if visibility is None else visibility,
        region=np.array([region], float),
        segmentation=logits,
    )


CORNERS = [[150, 50], [250, 50], [150, 250], [250, 250]]


def test_a_box_has_room_for_head_hands_and_feet():
    (box,) = round_landmarks(somebody(CORNERS), 400, 600)
    np.testing.assert_allclose(box, [150 - 8, 50 - 24, 250 + 8, 250 + 6])


def test_points_that_do_not_show_do_not_count():
    one = somebody(CORNERS)
    one.xy_px[0, 0] = [590, 390]
    visibility = np.ones((1, 33))
    visibility[0, 0] = 0.1
    hidden = dataclasses.replace(one, visibility=visibility)
    np.testing.assert_allclose(round_landmarks(hidden, 400, 600)[0, 2:], [258, 256])
    all_hidden = dataclasses.replace(one, visibility=np.zeros((1, 33)))
    assert round_landmarks(all_hidden, 400, 600)[0, 2] > 580


def test_a_silhouette_reaches_further_than_landmarks_but_not_to_somebody_else():
    whole = somebody(CORNERS, cells=np.s_[8:249, 60:200])  # x 132..272, y 30..270
    (box,) = round_bodies(whole, 400, 600)
    np.testing.assert_allclose(box, [132, 30, 272, 270], atol=8)
    beside = somebody(CORNERS, cells=np.s_[:, :])  # the crop is full of others
    (box,) = round_bodies(beside, 400, 600)
    np.testing.assert_allclose(box, [130, 22, 270, 278], atol=13)


@pytest.mark.parametrize("turn", [np.pi / 2, -np.pi / 2, np.pi, 0.4])
def test_silhouettes_of_turned_regions_turn_along(turn):
    """The crop's upper half is the region's, whichever way that points."""
    cos, sin = np.cos(turn), np.sin(turn)
    crop = np.array([[-50, -110], [50, -110], [-50, -10], [50, -10.0]])
    points = crop @ [[cos, sin], [-sin, cos]] + [300, 300]
    one = somebody(points, region=(300, 300, 256, turn), cells=np.s_[10:120, 70:187])
    (box,) = round_bodies(one, 600, 600)
    cells = np.array([[-58, -118], [58, -118], [-58, -8], [58, -8.0]])
    there = cells @ [[cos, sin], [-sin, cos]] + [300, 300]
    expected = np.concatenate([there.min(axis=0), there.max(axis=0)])
    np.testing.assert_allclose(box, expected, atol=9)


def test_boxes_end_where_the_image_does():
    for give in (round_landmarks, round_bodies):
        (box,) = give(somebody(CORNERS, cells=np.s_[:, :]), 200, 240)
        assert box[2:].tolist() == [240, 200]
        assert np.all(box >= 0)
        outside = somebody(np.array(CORNERS) + 5000, region=(5200, 5150, 256, 0))
        (box,) = give(outside, 200, 240)
        assert (box[2] - box[0]) * (box[3] - box[1]) == 0
