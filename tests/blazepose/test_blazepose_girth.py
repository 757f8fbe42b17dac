"""Girth from silhouettes: bodies of known girth are drawn, and measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from humantrack.blazepose import regions
from humantrack.blazepose.girth import Girth, girths_along_lines
from humantrack.body import load_mannequin
from humantrack.body.shape import GIRTH
from humantrack.geometry.cameras import PaddedSquare, project_to_square
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.geometry.zbuffer import rasterize
from humantrack.types import BodyBatch

BODY = load_mannequin()
SIZE = 480, 640
UNDRESSED = 0.04 / 0.056
"""Girths that the widening by the network's edge looks like."""
FACES_CAMERA = np.diag([1.0, -1.0, -1.0])


def body_of(girth: float, *, turned_deg: float = 0, lying: bool = False) -> BodyBatch:
    """Somebody with his arms down, some 350 px high, in the middle of the picture."""
    pose = np.tile(np.eye(3), (1, 23, 1, 1))
    for joint, turn in ((16, -1.2), (17, 1.2)):
        pose[0, joint - 1] = axis_angle_to_matrix(np.array([[0, 0, turn]]))[0]
    orient = FACES_CAMERA @ axis_angle_to_matrix(np.array([[0, np.radians(turned_deg), 0]]))[0]
    if lying:
        orient = axis_angle_to_matrix(np.array([[0, 0, np.pi / 2]]))[0] @ orient
    betas = np.zeros((1, 10))
    betas[0, GIRTH] = girth
    square = PaddedSquare(*SIZE)
    cam_t = np.array([[0.0, 0.2, square.focal_px * 1.72 / 350]])
    turned, joints = BODY.forward_kinematics(orient[None, None], pose, betas)
    joints_3d = BODY.phalp_joints(turned, joints, betas)
    return BodyBatch(
        global_orient=orient[None, None].astype(np.float32),
        body_pose=pose.astype(np.float32),
        betas=betas.astype(np.float32),
        cam_crop=np.zeros((1, 3), np.float32),
        cam_t=cam_t.astype(np.float32),
        joints_3d=joints_3d.astype(np.float32),
        joints_2d=project_to_square(joints_3d, cam_t).astype(np.float32),
    )


def silhouette_of(body: BodyBatch, *, angle: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits (256,256) on the crop, and the region (4,) it was cut from."""
    region = np.array([SIZE[1] / 2, SIZE[0] / 2, 460.0, angle])
    vertices = BODY.vertices(body)[0] + body.cam_t[0]
    drawn = rasterize(
        vertices,
        BODY.faces,
        focal_px=PaddedSquare(*SIZE).focal_px,
        centre_px=(SIZE[1] / 2, SIZE[0] / 2),
        size=SIZE,
        far=1e6,
    )
    inside = np.where(drawn.face[0] >= 0, 4.0, -4.0).astype(np.float32)
    import cv2

    matrix = regions.matrices(region[None])[0]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    logits = cv2.warpAffine(inside, matrix, (256, 256), flags=flags, borderValue=-4.0)
    return np.asarray(logits), region


def as_mean(body: BodyBatch) -> BodyBatch:
    """The same body as the estimator has it before the girth is known."""
    betas = body.betas.copy()
    betas[:, GIRTH] = 0
    return dataclasses.replace(body, betas=betas)


@pytest.mark.parametrize("girth", [-2.0, 0.0, 1.0, 3.0])
@pytest.mark.parametrize("turned_deg", [0.0, 90.0, 180.0])
def test_a_silhouette_tells_the_girth_of_its_body(girth, turned_deg):
    body = body_of(girth, turned_deg=turned_deg)
    girths = girths_along_lines(BODY, as_mean(body), 0, *silhouette_of(body), *SIZE)
    assert np.isfinite(girths).sum() >= 3
    # The silhouettes drawn here are exact, the network's are wider.
    assert np.nanmedian(girths) == pytest.approx(max(girth - UNDRESSED, -4), abs=0.5)


def test_neither_a_lying_body_nor_a_turned_crop_changes_the_measure():
    upright, lying = body_of(2.0), body_of(2.0, lying=True)
    measured = [
        np.nanmedian(
            girths_along_lines(BODY, as_mean(body), 0, *silhouette_of(body, angle=a), *SIZE)
        )
        for body, a in ((upright, 0.0), (upright, 0.7), (lying, np.pi / 2))
    ]
    assert np.ptp(measured) < 0.3


def test_a_silhouette_at_the_edge_of_the_picture_or_crop_is_not_measured():
    body = body_of(0.0)
    logits, region = silhouette_of(body)
    assert np.isnan(
        girths_along_lines(BODY, body, 0, np.full_like(logits, 4.0), region, *SIZE)
    ).all()
    assert np.isnan(
        girths_along_lines(BODY, body, 0, np.full_like(logits, -4.0), region, *SIZE)
    ).all()


def test_girth_grows_with_evidence_and_keeps_within_bounds():
    girth, seen = Girth(), []
    for _ in range(200):
        girth.see(np.full(7, 2.0))
        seen.append(girth.beta)
    assert 0 < seen[0] < 0.4
    assert seen[-1] == pytest.approx(2.0, rel=0.1)
    girth.see(np.full(7, 50.0))  # nobody is so wide: a silhouette gone wrong
    assert girth.beta < seen[-1] + 0.1
    before = girth.beta
    girth.see(np.full(7, np.nan))
    assert girth.beta == before


def test_another_one_goes_on_from_the_state():
    one, other = Girth(), Girth()
    for _ in range(5):
        one.see(np.full(7, 2.0))
    other.load_state_dict(one.state_dict())
    one.see(np.full(7, 1.0))
    other.see(np.full(7, 1.0))
    assert one.beta == other.beta != 0
