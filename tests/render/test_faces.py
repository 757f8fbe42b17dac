"""Faces are blurred for everybody, however they are drawn, and nothing else is touched."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from humantrack.geometry.cameras import PaddedSquare
from humantrack.render import FaceBlur, Overlay, OverlaySink
from humantrack.render.mesh import head_vertices
from humantrack.types import BodyBatch, JointSource

HEIGHT, WIDTH = 180, 320
BOTH = pytest.mark.parametrize("knows_body", [True, False], ids=["body", "landmarks"])


@pytest.fixture
def noise(make_frame):
    """A picture in which every pixel differs from its neighbours."""
    rgb = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    return make_frame(height=HEIGHT, width=WIDTH, rgb=rgb)


@pytest.fixture
def head_of(body):
    """Which pixels a person's head covers, (H,W) bool."""

    def covered(seen) -> np.ndarray:
        names = ("global_orient", "body_pose", "betas", "cam_crop", "cam_t")
        joints = {"joints_3d": seen.joints_3d[None], "joints_2d": seen.joints_2d[None]}
        batch = BodyBatch(**{n: getattr(seen, n)[None] for n in names}, **joints)
        points = body.vertices(batch)[0][head_vertices(body)] + seen.cam_t
        hull = cv2.convexHull(
            PaddedSquare(HEIGHT, WIDTH).project(points).astype(np.float32)
        ).astype(int)
        picture = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.fillConvexPoly(picture, hull, 1)
        return picture.astype(bool)

    return covered


def detail(rgb: np.ndarray, where: np.ndarray) -> float:
    """How much neighbouring pixels differ there: some 100 in noise."""
    steps = np.abs(np.diff(rgb.astype(float), axis=1)).max(axis=2)
    return float(steps[where[:, 1:] & where[:, :-1]].max(initial=0))


@BOTH
@pytest.mark.parametrize("turn", [0.0, 0.8, 1.6, 2.4, 3.1])
@pytest.mark.parametrize("at", [(0, 0.1, 100), (0.5, 0.75, 40), (-3, 0.2, 160)])
def test_no_pixel_of_a_head_is_left(*, noise, record, person, body, head_of, turn, at, knows_body):
    somebody = person(turn=turn, at=at)
    shown = FaceBlur(body if knows_body else None).blurred(noise, record(somebody)).rgb
    head = head_of(somebody.observation)
    assert head.sum() > 10
    assert (shown[head] != noise.rgb[head]).any(axis=1).mean() > 0.98
    assert detail(noise.rgb, head) > 100
    assert detail(shown, head) < 60
    share = (shown != noise.rgb).any(axis=2).sum() / head.sum()
    assert share < 8, "much more than a head is blurred"


def test_the_frame_itself_stays(noise, record, person, body):
    before = noise.rgb.copy()
    FaceBlur(body).blurred(noise, record(person()))
    np.testing.assert_array_equal(noise.rgb, before)


def test_nobody_there_costs_nothing(noise, record, body):
    assert FaceBlur(body).blurred(noise, record()) is noise


def test_people_who_are_not_tracked_are_blurred_too(noise, record, person, body, head_of):
    somebody = person().observation
    here = replace(record(), others=(somebody,))
    shown = FaceBlur(body).blurred(noise, here).rgb
    assert detail(shown, head_of(somebody)) < 60


def test_more_is_blurred_the_longer_somebody_was_missed(noise, record, person, body):
    changed = [
        (FaceBlur(body).blurred(noise, record(person(missed=n))).rgb != noise.rgb).sum()
        for n in (0, 3, 10)
    ]
    assert changed == sorted(changed)
    assert changed[2] > 2 * changed[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"joints_2d": np.full((45, 2), np.nan), "cam_t": np.full(3, np.nan, np.float32)},
        {"joints_2d": np.full((45, 2), 1e30), "cam_t": np.array([0, 0, -5], np.float32)},
        {"joint_source": np.full(45, JointSource.MADE_UP, np.uint8)},
        {"joints_2d": np.full((45, 2), 0.01), "cam_t": np.array([-40, 0, 100], np.float32)},
    ],
    ids=["no numbers", "huge", "made up", "beside the box"],
)
def test_where_the_pose_cannot_be_believed_the_top_of_the_box_is_blurred(
    *, noise, record, person, body, head_of, changes
):
    usual = person()
    shown = FaceBlur(body).blurred(noise, record(person(**changes))).rgb
    assert detail(shown, head_of(usual.observation)) < 60


def test_a_box_without_numbers_and_a_pose_without_any_blur_nothing(noise, record, person, body):
    nowhere = {"joints_2d": np.full((45, 2), np.nan), "cam_t": np.full(3, np.nan, np.float32)}
    lost = person(**nowhere, xyxy_px=np.full(4, np.nan, np.float32))
    np.testing.assert_array_equal(FaceBlur(body).blurred(noise, record(lost)).rgb, noise.rgb)


@pytest.mark.parametrize("at", [(-7.5, 0.1, 100), (0, -1.9, 60), (0, 0.5, 6)])
def test_heads_across_the_edge_and_close_ones(*, noise, record, person, body, head_of, at):
    somebody = person(at=at)
    shown = FaceBlur(body).blurred(noise, record(somebody)).rgb
    assert detail(shown, head_of(somebody.observation)) < 60


class Pictures:
    """A writer that keeps what it is given."""

    def __init__(self):
        self.taken = []

    def __enter__(self):
        return self

    def write(self, rgb, time_s=None):
        self.taken.append(rgb)

    def __exit__(self, *_):
        pass


@pytest.mark.parametrize(
    "kind", ["HUMAN_BBOX", "HUMAN_MASK", "SKELETON", "TRACKID_7_MESH", "GHOST_MESH", "HUMAN_MESH"]
)
def test_every_kind_of_overlay_shows_none(*, noise, record, person, body, head_of, kind):
    writer, somebody = Pictures(), person(track_id=3)
    draws = Overlay(body, kind=kind, head_mask=True)
    with OverlaySink(draws, lambda *_: writer, prepare=FaceBlur(body)) as sink:
        sink.write(noise, record(somebody))
    head = head_of(somebody.observation)
    without = draws.draw(noise, record(somebody))
    unmarked = head & (without == noise.rgb).all(axis=2)  # what the overlay leaves as it was
    if kind != "HUMAN_MASK":
        assert unmarked.sum() > 10
    assert (writer.taken[0][unmarked] == noise.rgb[unmarked]).all(axis=1).mean() < 0.02


def test_people_before_one_another_have_the_tops_of_their_boxes_blurred(
    noise, record, person, body, head_of
):
    """Landmarks of one may lie on the other, whose own head is then nobody's."""
    front, back = person(1), person(2, at=(0.3, 0.1, 100))
    hidden = replace(
        back, observation=replace(back.observation, joints_2d=front.observation.joints_2d)
    )
    shown = FaceBlur().blurred(noise, record(front, hidden)).rgb
    assert detail(shown, head_of(back.observation)) < 60


def test_the_silhouette_beyond_the_neck_is_blurred_where_landmarks_miss_the_head(
    noise, record, person, head_of
):
    seen = person().observation
    joints = seen.joints_2d.copy()
    head = [0, 15, 16, 17, 18, 38, 42, 43]
    joints[head] += [0.02, 0]  # 6 px, where a head is 8 wide
    shown = FaceBlur().blurred(noise, record(person(joints_2d=joints, cam_t=seen.cam_t))).rgb
    assert detail(shown, head_of(seen)) < 60
