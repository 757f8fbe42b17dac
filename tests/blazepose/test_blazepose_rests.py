"""People between the detector's looks, in strong boxes without a body, and not upright."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from humantrack import models
from humantrack.blazepose import BlazePoseEstimator
from humantrack.geometry.boxes import iou
from humantrack.types import Detections, JointSource, People

REST = dataclasses.replace(Detections.empty(), looked=False)
EVERY = 5
MODEL = models.BLAZEPOSE


class Look:
    """What the detector would see in any frame, and how often it was asked."""

    def __init__(self, boxes: list[Detections]) -> None:
        self.boxes, self.asked = boxes, []

    def __call__(self, frame, near) -> Detections:
        self.asked.append(frame.index)
        return self.boxes[frame.index]


def estimator(body, look=None) -> BlazePoseEstimator:
    return BlazePoseEstimator(body, model=MODEL, look=look)


@pytest.fixture
def resting(demo_boxes) -> list[Detections]:
    return [found if i % EVERY == 0 else REST for i, found in enumerate(demo_boxes)]


def assert_same(a: People, b: People) -> None:
    np.testing.assert_array_equal(a.detections.xyxy_px, b.detections.xyxy_px)
    np.testing.assert_array_equal(a.detections.score, b.detections.score)
    np.testing.assert_array_equal(a.bodies.joints_3d, b.bodies.joints_3d)
    np.testing.assert_array_equal(a.trust.source, b.trust.source)


def test_people_go_on_where_the_detector_rests(mannequin, demo_frames, demo_boxes, resting):
    look = Look(demo_boxes)
    rested = estimator(mannequin, look).estimate(demo_frames, resting)
    always = estimator(mannequin).estimate(demo_frames, demo_boxes)
    calm = [i for i in range(len(rested)) if i % EVERY and i not in look.asked]
    assert len(calm) > len(rested) / 2
    for i in calm:
        found, there = rested[i], always[i]
        assert len(found) == len(there) >= 3
        assert np.all(found.source == -1)
        overlap = iou(found.detections.xyxy_px, there.detections.xyxy_px)
        assert overlap.max(axis=1).min() > 0.7
        assert np.all(found.detections.score >= 0.4)


@pytest.mark.parametrize("chunk", [1, 4])
def test_neither_chunks_nor_a_restart_change_anything(
    mannequin, demo_frames, demo_boxes, resting, chunk
):
    whole = estimator(mannequin, Look(demo_boxes)).estimate(demo_frames, resting)
    one = estimator(mannequin, Look(demo_boxes))
    for start in range(0, len(demo_frames), chunk):
        if start == 8:
            other = estimator(mannequin, Look(demo_boxes))
            other.load_state_dict(one.state_dict())
            one = other
        part = slice(start, start + chunk)
        for got, expected in zip(
            one.estimate(demo_frames[part], resting[part]), whole[part], strict=True
        ):
            assert_same(got, expected)


def test_the_detector_is_asked_where_somebody_is_lost(mannequin, demo_frames, demo_boxes):
    empty = dataclasses.replace(demo_frames[6], rgb=np.full_like(demo_frames[6].rgb, 120))
    look = Look([*demo_boxes[:6], *[Detections.empty()] * 14])
    one = estimator(mannequin, look)
    one.estimate(demo_frames[:6], [demo_boxes[0], *[REST] * 5])
    look.asked.clear()
    (people,) = one.estimate([empty], [REST])
    assert len(people) == 0
    assert look.asked == [6]
    gone = [dataclasses.replace(empty, index=7, time_s=7 / 30)]
    one.estimate(gone, [REST])
    assert look.asked == [6], "once is enough: they are only waited for now"


def boxes(box, score: float) -> Detections:
    return Detections(
        xyxy_px=np.array([box], np.float32),
        score=np.array([score], np.float32),
        class_id=np.zeros(1, np.int64),
    )


def test_a_strong_box_without_a_body_is_a_person_whose_pose_is_made_up(mannequin, demo_frames):
    bare = dataclasses.replace(demo_frames[0], rgb=np.full_like(demo_frames[0].rgb, 120))
    box = [300, 100, 380, 300]
    (people,) = estimator(mannequin).estimate([bare], [boxes(box, 0.65)])
    assert len(people) == 1
    assert np.all(people.trust.source == JointSource.MADE_UP)
    assert np.all(people.trust.confidence < 0.2)
    np.testing.assert_allclose(people.detections.xyxy_px[0], box)
    (nobody,) = estimator(mannequin).estimate([bare], [boxes(box, 0.5)])
    assert len(nobody) == 0


def test_somebody_known_keeps_the_pose_he_had(mannequin, demo_frames, demo_boxes):
    one = estimator(mannequin)
    best = demo_boxes[0][[0]]
    (known,) = one.estimate(demo_frames[:1], [best])
    bare = dataclasses.replace(demo_frames[1], rgb=np.full_like(demo_frames[1].rgb, 120))
    (held,) = one.estimate([bare], [boxes(best.xyxy_px[0], 0.65)])
    assert np.all(held.trust.source == JointSource.HELD)
    # The limbs that were seen: the others hang from them in a neutral pose all the same.
    apart = np.linalg.norm(held.bodies.joints_3d[0, :15] - known.bodies.joints_3d[0, :15], axis=1)
    assert apart.max() < 0.03


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_people_who_are_not_upright_are_found(mannequin, demo_frames, demo_boxes, turns):
    """A person of the clip in a picture turned by a quarter, a half and three quarters."""
    frame, box = demo_frames[0], demo_boxes[0].xyxy_px[demo_boxes[0].score.argmax()]
    x0, y0, x1, y1 = box
    cut = frame.rgb[
        max(0, int(y0 - 40)) : int(y1 + 40),
        max(0, int(x0 - 120)) : int(x1 + 120),
    ]
    at = box - np.tile([max(0, int(x0 - 120)), max(0, int(y0 - 40))], 2)
    upright = dataclasses.replace(frame, rgb=np.ascontiguousarray(cut))
    (expected,) = estimator(mannequin).estimate([upright], [boxes(at, 0.9)])
    turned = dataclasses.replace(frame, rgb=np.ascontiguousarray(np.rot90(cut, turns)))
    height, width = cut.shape[:2]
    corners = at.reshape(2, 2).astype(float)
    for _ in range(turns):  # counter-clockwise: (x, y) -> (y, width - x)
        corners, (width, height) = (
            np.stack([corners[:, 1], width - corners[:, 0]], 1),
            (height, width),
        )
    there = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    (people,) = estimator(mannequin).estimate([turned], [boxes(there, 0.9)])
    assert len(people) == len(expected) == 1
    back = people.bodies.joints_3d[0].astype(float)
    for _ in range(turns):  # and back: a picture turned clockwise turns (x, y) to (-y, x)
        back = np.stack([-back[:, 1], back[:, 0], back[:, 2]], axis=1)
    limbs = [2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14]
    assert np.linalg.norm(back - expected.bodies.joints_3d[0], axis=1)[limbs].mean() < 0.12
