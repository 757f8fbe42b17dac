"""Landmarks to bodies: lift, camera and the whole fit against goldens and at the edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from humantrack.blazepose.camera import translation, weak_camera
from humantrack.blazepose.fit import Seen, fit_bodies
from humantrack.blazepose.inverse_kinematics import HIPS, SHOULDERS
from humantrack.blazepose.lift import LIMBS, at_joints, fit_scale, lift
from humantrack.blazepose.refine import LIMB_JOINTS
from humantrack.body import load_mannequin
from humantrack.body.joints import PHALP_JOINTS, SMPL_JOINTS
from humantrack.geometry.boxes import expand_to_aspect
from humantrack.geometry.cameras import PaddedSquare, crop_to_full, full_to_crop
from humantrack.types import BodyBatch

GOLDEN = Path(__file__).parents[1] / "data" / "embedded_golden.npz"
BODY = load_mannequin()
ANY_SCALE = np.array([1e-3])


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as arrays_:
        return {n: arrays_[n] for n in arrays_.files if n.startswith(("ik_", "camera_", "pose_"))}


def person(golden: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image points, world points and visibility of the golden person, N = 1."""
    names = "pose_xy", "pose_world", "pose_visibility"
    xy, world, visibility = (golden[name][:1].astype(np.float64) for name in names)
    return xy, world, visibility


def see(xy, world, visibility, boxes, size) -> Seen:
    return Seen(
        xy_px=xy,
        world=world,
        visibility=visibility,
        padded_xyxy_px=boxes,
        height=size[0],
        width=size[1],
    )


def fit(golden: dict[str, np.ndarray], **change: np.ndarray) -> BodyBatch:
    xy, world, visibility = person(golden)
    height, width = golden["pose_image"].shape[:2]
    seen = see(
        change.get("xy", xy),
        change.get("world", world),
        change.get("visibility", visibility),
        expand_to_aspect(golden["pose_box"][None]),
        (height, width),
    )
    return fit_bodies(seen, change.get("betas", np.zeros((1, 10))), BODY)


def assert_sound(bodies: BodyBatch) -> None:
    rotations = np.concatenate([bodies.global_orient, bodies.body_pose], axis=1)
    eye = np.broadcast_to(np.eye(3), rotations.shape)
    np.testing.assert_allclose(rotations @ np.swapaxes(rotations, -1, -2), eye, atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-5)
    for name in ("cam_crop", "cam_t", "joints_3d", "joints_2d"):
        value = getattr(bodies, name)
        assert value.dtype == np.float32
        assert np.all(np.isfinite(value))
    assert np.all(bodies.cam_t[:, 2] > 0)
    assert np.all(bodies.cam_crop[:, 0] > 0)


def test_lift_takes_x_and_y_from_the_image_and_z_from_the_network(golden) -> None:
    xy, world, _ = person(golden)
    scale = np.array([150.0])
    points = lift(xy, world[..., 2], scale)
    np.testing.assert_allclose(points[:, HIPS].mean(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(np.diff(points[0, :, :2], axis=0), np.diff(xy[0], axis=0) / 150)
    np.testing.assert_allclose(np.diff(points[0, :, 2]), np.diff(world[0, :, 2]), atol=1e-12)


def test_lift_matches_the_golden_person(golden) -> None:
    """Up to where the limbs' ends are: the golden points raise the hips only."""
    xy, world, _ = person(golden)
    points = lift(xy, world[..., 2], golden["ik_lift_scale"].reshape(1))[0]
    there = golden["ik_points"][-1]
    same = [i for i in range(33) if i not in HIPS]
    np.testing.assert_allclose(
        points[same] - points[0], there[same].astype(float) - there[0], atol=1e-4
    )


def test_landmarks_go_where_the_bodys_joints_are() -> None:
    points = np.zeros((1, 33, 3))
    points[0, [11, 12], 1] = -0.5
    points[0, [27, 28], 1], points[0, [25, 26], 1] = 0.8, 0.4
    moved = at_joints(points)[0, :, 1]
    np.testing.assert_allclose(moved[[11, 23, 27]], [-0.49, -0.0225, 0.82], atol=1e-12)
    np.testing.assert_allclose(moved[[12, 24, 28]], moved[[11, 23, 27]])
    rest = [i for i in range(33) if i not in {11, 12, 23, 24, 27, 28}]
    np.testing.assert_array_equal(at_joints(points)[0, rest], points[0, rest])


def test_camera_matches_the_golden_person(golden: dict[str, np.ndarray]) -> None:
    """It was fitted to landmarks whose hips alone were raised, by 12 % of the trunk."""
    xy, _, visibility = person(golden)
    joints = golden["ik_joints"][-1:, LIMB_JOINTS]
    xy[:, HIPS] += 0.12 * (xy[:, SHOULDERS].mean(axis=1) - xy[:, HIPS].mean(axis=1))[:, None]
    weight = np.clip(visibility[:, LIMBS, None], 0.05, 1)
    scale, shift = weak_camera(joints, xy[:, LIMBS], weight / weight.sum(), ANY_SCALE)
    np.testing.assert_allclose(scale, golden["camera_scale"], rtol=1e-5)
    np.testing.assert_allclose(shift[0], golden["camera_shift"], atol=1e-3)
    square = PaddedSquare(*golden["pose_image"].shape[:2])
    cam_t = translation(scale, shift, square)
    np.testing.assert_allclose(cam_t[0], golden["camera_phalp_t"], rtol=1e-5, atol=1e-5)
    crop = full_to_crop(cam_t, expand_to_aspect(golden["pose_box"][None]), square)
    np.testing.assert_allclose(crop[0], golden["camera_phalp_crop"], rtol=1e-4, atol=1e-5)


def test_whole_fit_matches_the_golden_person(golden: dict[str, np.ndarray]) -> None:
    """The closed form alone gave the golden body; meeting the landmarks too changes it little."""
    bodies = fit(golden, visibility=np.ones((1, 33)))
    rotations = np.concatenate([bodies.global_orient, bodies.body_pose], axis=1)[0]
    np.testing.assert_allclose(rotations, golden["ik_rotations"][-1], atol=0.1)
    np.testing.assert_allclose(bodies.cam_t[0], golden["camera_phalp_t"], rtol=0.03, atol=0.03)
    assert_sound(bodies)


def test_fields_belong_together(golden: dict[str, np.ndarray]) -> None:
    bodies = fit(golden)
    square = PaddedSquare(*golden["pose_image"].shape[:2])
    padded = expand_to_aspect(golden["pose_box"][None])
    np.testing.assert_allclose(
        crop_to_full(bodies.cam_crop, padded, square), bodies.cam_t, rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(BODY.joints(bodies), bodies.joints_3d, atol=1e-6)
    on_image = square.project(bodies.joints_3d.astype(np.float64) + bodies.cam_t[:, None])
    np.testing.assert_allclose(square.to_image(bodies.joints_2d), on_image, atol=1e-2)
    np.testing.assert_array_equal(bodies.betas, 0)


def test_joints_fall_on_the_landmarks(golden: dict[str, np.ndarray]) -> None:
    bodies = fit(golden)
    square = PaddedSquare(*golden["pose_image"].shape[:2])
    at = square.to_image(bodies.joints_2d[0])
    pairs = zip(LIMB_JOINTS, LIMBS, strict=True)
    xy = at_joints(person(golden)[0])[0]
    apart = [
        np.linalg.norm(at[PHALP_JOINTS.index(SMPL_JOINTS[joint])] - xy[landmark])
        for joint, landmark in pairs
    ]
    height = golden["pose_box"][3] - golden["pose_box"][1]
    assert np.mean(apart) < 0.03 * height


def test_people_of_one_frame_do_not_mix(golden: dict[str, np.ndarray]) -> None:
    xy, world, visibility = (np.repeat(a, 3, axis=0) for a in person(golden))
    xy[1] += 20
    world[2] *= np.array([1, 1, -1])
    boxes = np.repeat(expand_to_aspect(golden["pose_box"][None]), 3, axis=0)
    betas = np.linspace(-1, 1, 30).reshape(3, 10)
    together = fit_bodies(see(xy, world, visibility, boxes, (277, 190)), betas, BODY)
    for i in range(3):
        s = slice(i, i + 1)
        one = see(xy[s], world[s], visibility[s], boxes[s], (277, 190))
        alone = fit_bodies(one, betas[s], BODY)
        for name in ("global_orient", "body_pose", "cam_t", "cam_crop", "joints_3d", "joints_2d"):
            np.testing.assert_allclose(
                getattr(together, name)[i], getattr(alone, name)[0], atol=1e-5
            )


def test_a_body_is_the_same_to_the_bit_whoever_is_fitted_with_it(golden) -> None:
    xy, world, visibility = (np.repeat(a, 3, axis=0) for a in person(golden))
    xy[1] += 20
    visibility[2, [15, 27]] = 0.05  # a hidden wrist and ankle
    boxes = np.repeat(expand_to_aspect(golden["pose_box"][None]), 3, axis=0)
    betas = np.linspace(-1, 1, 30).reshape(3, 10)
    one = [
        see(xy[[i]], world[[i]], np.maximum(visibility[[i]], 0.9 * (i < 2)), boxes[[i]], (277, 190))
        for i in range(3)
    ]
    together = fit_bodies(Seen.concatenate(one), betas, BODY)
    for i in range(3):
        alone = fit_bodies(one[i], betas[[i]], BODY)
        for name in ("global_orient", "body_pose", "cam_t", "cam_crop", "joints_3d", "joints_2d"):
            np.testing.assert_array_equal(getattr(together, name)[i], getattr(alone, name)[0])


def test_moving_in_the_image_moves_the_camera_only(golden: dict[str, np.ndarray]) -> None:
    xy, _, _ = person(golden)
    visible = np.ones((1, 33))
    here, there = fit(golden, visibility=visible), fit(golden, xy=xy + 3, visibility=visible)
    np.testing.assert_allclose(here.body_pose, there.body_pose, atol=1e-5)
    np.testing.assert_allclose(here.cam_t[:, 2], there.cam_t[:, 2], rtol=1e-5)
    square = PaddedSquare(*golden["pose_image"].shape[:2])
    moved = square.to_image(there.joints_2d) - square.to_image(here.joints_2d)
    np.testing.assert_allclose(moved[:, 44], 3, atol=0.01)


def test_nobody() -> None:
    none = see(
        np.zeros((0, 33, 2)), np.zeros((0, 33, 3)), np.zeros((0, 33)), np.zeros((0, 4)), (10, 10)
    )
    assert len(fit_bodies(none, np.zeros((0, 10)), BODY)) == 0


@given(
    arrays(np.float64, (2, 33, 2), elements=st.floats(-500, 1500, width=16)),
    arrays(np.float64, (2, 33, 3), elements=st.floats(-1, 1, width=16)),
    arrays(np.float64, (2, 33), elements=st.floats(0, 1, width=16)),
)
def test_any_landmarks_give_a_sound_body(
    xy: np.ndarray, world: np.ndarray, visibility: np.ndarray
) -> None:
    boxes = np.array([[10, 20, 160, 220], [300, 0, 300, 0]], float)  # the second is empty
    seen = see(xy, world, visibility, boxes, (480, 640))
    assert_sound(fit_bodies(seen, np.zeros((2, 10)), BODY))


@pytest.mark.parametrize("visibility", [0.0, 1.0])
def test_coincident_landmarks_give_a_sound_body(visibility: float) -> None:
    xy, world = np.full((1, 33, 2), 100.0), np.zeros((1, 33, 3))
    box = np.array([[50, 50, 125, 150]], float)
    seen = see(xy, world, np.full((1, 33), visibility), box, (200, 200))
    assert_sound(fit_bodies(seen, np.zeros((1, 10)), BODY))


def test_scale_of_a_known_map_is_found() -> None:
    source = np.random.default_rng(3).normal(size=(2, 5, 2))
    weight = np.full((2, 5, 1), 0.2)
    target = np.array([2.0, 70.0])[:, None, None] * source + 9
    np.testing.assert_allclose(fit_scale(source, target, weight), [2, 70])
    np.testing.assert_array_equal(fit_scale(np.ones((1, 5, 2)), target[:1], weight[:1]), [0])
