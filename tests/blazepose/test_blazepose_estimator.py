"""The embedded estimator on the demo clip and on pictures without sense."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from humantrack import models
from humantrack.blazepose import BlazePoseEstimator
from humantrack.blazepose.people import HELD_SCORE
from humantrack.geometry.boxes import area, iou
from humantrack.geometry.cameras import PaddedSquare, project_to_square
from humantrack.types import Detections, People
from humantrack.types.stages import Estimator


def make(body, **options) -> BlazePoseEstimator:
    """With the faster network."""
    return BlazePoseEstimator(body, **{"model": models.BLAZEPOSE, **options})


@pytest.fixture
def estimator(mannequin) -> BlazePoseEstimator:
    return make(mannequin)


@pytest.fixture(scope="module")
def truth(data) -> dict[str, np.ndarray]:
    with np.load(data / "demo_gt.npz") as arrays:
        return {name: array[20:40] for name, array in arrays.items() if array.shape[:1] == (240,)}


def boxes(*rows, score=0.9, **more) -> Detections:
    n = len(rows)
    return Detections(
        xyxy_px=np.array(rows, np.float32).reshape(-1, 4),
        score=np.full(n, score, np.float32),
        class_id=np.zeros(n, np.int64),
        **more,
    )


def assert_same(a: People, b: People) -> None:
    np.testing.assert_array_equal(a.source, b.source)
    np.testing.assert_array_equal(a.detections.xyxy_px, b.detections.xyxy_px)
    np.testing.assert_array_equal(a.detections.mask, b.detections.mask)
    np.testing.assert_array_equal(a.appearance.code, b.appearance.code)
    for field in dataclasses.fields(a.bodies):
        np.testing.assert_array_equal(
            getattr(a.bodies, field.name), getattr(b.bodies, field.name), err_msg=field.name
        )


def test_it_is_an_estimator(estimator):
    assert isinstance(estimator, Estimator)
    assert estimator.estimate([], []) == []


def test_bodies_lie_where_the_truth_is(estimator, demo_frames, demo_boxes, truth):
    (people,) = estimator.estimate(demo_frames[:1], demo_boxes[:1])
    there = truth["visible"][0] > 0.95
    overlap = iou(truth["box"][0][there], people.detections.xyxy_px)
    assert np.all(overlap.max(axis=1) > 0.7)
    assert len(people) == there.sum()
    square = PaddedSquare(demo_frames[0].height, demo_frames[0].width)
    wrists_and_ankles = [20, 21, 7, 8]
    openpose = [7, 4, 14, 11]  # left wrist, right wrist, left ankle, right ankle
    for person, match in zip(np.flatnonzero(there), overlap.argmax(axis=1), strict=True):
        seen = square.to_image(people.bodies.joints_2d[match, openpose])
        true = truth["joints2d"][0, person, wrists_and_ankles]
        height = np.ptp(truth["box"][0, person, [1, 3]])
        assert np.linalg.norm(seen - true, axis=1).mean() < 0.05 * height


def test_what_it_gives_fits_together(estimator, demo_frames, demo_boxes):
    for frame, detections, people in zip(
        demo_frames[:3],
        demo_boxes,
        estimator.estimate(demo_frames[:3], demo_boxes[:3]),
        strict=False,
    ):
        n = len(people)
        assert n >= 3
        found = people.detections
        np.testing.assert_array_equal(found.xyxy_px, detections.xyxy_px[people.source])
        np.testing.assert_array_equal(found.score, detections.score[people.source])
        assert found.mask.shape == (n, frame.height, frame.width)
        assert people.appearance.uv is None
        assert not people.appearance.code[:, 192:].any()
        np.testing.assert_allclose(np.linalg.norm(people.appearance.code, axis=1), 1, atol=1e-5)
        size = people.padded_xyxy_px[:, 2:] - people.padded_xyxy_px[:, :2]
        np.testing.assert_allclose(size[:, 1] / size[:, 0], 4 / 3, rtol=1e-4)
        bodies = people.bodies
        np.testing.assert_allclose(
            bodies.joints_2d, project_to_square(bodies.joints_3d, bodies.cam_t), atol=1e-5
        )
        for array in (people.padded_xyxy_px, found.xyxy_px, people.appearance.code):
            assert array.dtype == np.float32


def test_silhouettes_lie_in_their_boxes_and_cover_bodies(estimator, demo_frames, demo_boxes):
    (people,) = estimator.estimate(demo_frames[:1], demo_boxes[:1])
    found = people.detections
    for mask, (x0, y0, x1, y1) in zip(found.mask, found.xyxy_px, strict=True):
        inner = mask[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))]
        assert mask.sum() == inner.sum()
        assert 0.2 < inner.mean() < 0.8


def test_silhouettes_can_be_left_out(mannequin, demo_frames, demo_boxes):
    lean = make(mannequin, masks=False)
    (people,) = lean.estimate(demo_frames[:1], demo_boxes[:1])
    assert people.detections.mask is None


@pytest.mark.parametrize("chunk", [1, 7])
def test_the_chunk_changes_nothing(mannequin, demo_frames, demo_boxes, chunk):
    together = make(mannequin).estimate(demo_frames, demo_boxes)
    other = make(mannequin)
    parts = [
        people
        for i in range(0, len(demo_frames), chunk)
        for people in other.estimate(demo_frames[i : i + chunk], demo_boxes[i : i + chunk])
    ]
    for a, b in zip(together, parts, strict=True):
        assert_same(a, b)


def test_a_reset_and_a_cut_forget_everything(estimator, demo_frames, demo_boxes):
    first = estimator.estimate(demo_frames[:2], demo_boxes[:2])
    estimator.reset()
    again = estimator.estimate(demo_frames[:2], demo_boxes[:2])
    cut = dataclasses.replace(demo_frames[0], is_shot_start=True)
    after_cut = estimator.estimate([cut, demo_frames[1]], demo_boxes[:2])
    for expected, *others in zip(first, again, after_cut, strict=True):
        for other in others:
            assert_same(expected, other)


def test_smoothing_makes_still_landmarks_calmer(mannequin, demo_frames, demo_boxes):
    """Second differences of the joints, with and without."""
    jitter = []
    for smooth in (True, False):
        estimator = make(mannequin, smooth=smooth)
        people = estimator.estimate(demo_frames[:8], demo_boxes[:8])
        joints = np.array([p.bodies.joints_3d[p.detections.xyxy_px[:, 0].argmax()] for p in people])
        jitter.append(np.abs(np.diff(joints, n=2, axis=0)).mean())
    assert jitter[0] < 0.8 * jitter[1]


def test_weak_boxes_only_continue_somebody(estimator, demo_frames, demo_boxes):
    strong = demo_boxes[0]
    weak = dataclasses.replace(strong, score=np.full(len(strong), 0.25, np.float32))
    assert len(estimator.estimate(demo_frames[:1], [weak])[0]) == 0
    known = estimator.estimate(demo_frames[:1], [strong])[0]
    continued = estimator.estimate(demo_frames[1:2], [weak])[0]
    assert len(continued) == len(known) >= 3
    assert np.all(continued.detections.score == np.float32(0.25))
    nowhere = boxes([600, 10, 660, 90], score=0.25)
    assert len(estimator.estimate(demo_frames[2:3], [nowhere])[0]) == 0


def test_people_without_a_box_are_held_for_some_frames(estimator, demo_frames, demo_boxes):
    known = estimator.estimate(demo_frames[:5], demo_boxes[:5])[-1]
    (held,) = estimator.estimate(demo_frames[5:6], [Detections.empty()])
    assert len(held) == len(known)
    assert np.all(held.source == -1)
    np.testing.assert_allclose(held.detections.score, HELD_SCORE)
    overlap = iou(held.detections.xyxy_px, known.detections.xyxy_px)
    assert np.all(overlap.max(axis=1) > 0.6)
    assert held.detections.annotation is None


def test_held_people_are_given_up_where_they_are_not(estimator, demo_frames, demo_boxes):
    estimator.estimate(demo_frames[:5], demo_boxes[:5])
    empty_room = [
        dataclasses.replace(frame, rgb=np.full_like(frame.rgb, 120)) for frame in demo_frames[5:]
    ]
    later = estimator.estimate(empty_room, [Detections.empty()] * len(empty_room))
    assert [len(people) for people in later] == [0] * len(later)


def test_a_body_is_given_once(estimator, demo_frames, demo_boxes):
    box = demo_boxes[0].xyxy_px[0]
    twice = boxes(box, box + 5)
    (people,) = estimator.estimate(demo_frames[:1], [twice])
    assert people.source.tolist() in ([0], [1])


def test_given_boxes_are_all_kept_with_what_came_with_them(estimator, demo_frames, demo_boxes):
    box = demo_boxes[0].xyxy_px[0]
    given = boxes(
        box, box + 3, [300, 5, 330, 40], gt_id=np.array([7, 8, -1]), annotation=([1], [], "x")
    )
    for frame in demo_frames[:6]:
        (people,) = estimator.estimate([frame], [given])
        assert people.source.tolist() == [0, 1, 2]
        np.testing.assert_array_equal(people.detections.xyxy_px, given.xyxy_px)
        assert people.detections.gt_id.tolist() == [7, 8, -1]
        assert people.detections.annotation == ([1], [], "x")
    empty = given[[]]
    assert len(estimator.estimate(demo_frames[6:7], [empty])[0]) == 0


ODD_BOXES = [
    [0, 0, 1, 1],
    [853, 479, 854, 480],
    [5, 5, 5, 5],
    [0, 0, 854, 480],
    [-50, -50, 20, 20],
    [800, 100, 1000, 400],
]


@pytest.mark.parametrize("box", ODD_BOXES)
@pytest.mark.parametrize("is_given", [True, False])
def test_odd_boxes_do_no_harm(estimator, demo_frames, box, is_given):
    more = {"gt_id": np.zeros(1, np.int64), "annotation": ([],)} if is_given else {}
    for people in estimator.estimate(demo_frames[:2], [boxes(box, **more)] * 2):
        assert not is_given or len(people) == 1
        for field in dataclasses.fields(people.bodies):
            assert np.isfinite(getattr(people.bodies, field.name)).all(), field.name
        assert np.isfinite(people.appearance.code).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (33, 57), (3, 500)])
def test_tiny_pictures_do_no_harm(estimator, make_frame, height, width):
    frame = make_frame(0, height, width)
    whole = boxes([0, 0, width, height], annotation=([],))
    (people,) = estimator.estimate([frame], [whole])
    assert people.detections.mask.shape == (1, height, width)
    assert (
        estimator.estimate([make_frame(1, height, width)], [Detections.empty()])[0].source.size == 0
    )


def test_the_picture_may_change_size(estimator, demo_frames, demo_boxes, make_frame):
    estimator.estimate(demo_frames[:5], demo_boxes[:5])
    (people,) = estimator.estimate([make_frame(5)], [Detections.empty()])
    assert len(people) == 0


def test_somebody_at_the_border(estimator, demo_frames, demo_boxes, truth):
    """A picture cut through the person at the left: he is found in the half that shows."""
    x0, y0, x1, y1 = truth["box"][0, 0]
    cut = int(x0 + 0.4 * (x1 - x0))
    frame = dataclasses.replace(
        demo_frames[0], rgb=np.ascontiguousarray(demo_frames[0].rgb[:, cut:])
    )
    (people,) = estimator.estimate([frame], [boxes([0, y0, x1 - cut, y1])])
    assert len(people) == 1
    assert area(people.detections.xyxy_px)[0] > 0
    mask = people.detections.mask[0]
    assert mask[:, : int(x1 - cut) + 1].any()
    assert np.isfinite(people.bodies.joints_3d).all()
