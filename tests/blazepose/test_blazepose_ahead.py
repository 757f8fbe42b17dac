"""The landmark network goes on to coming frames before all is known of this one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from humantrack import models
from humantrack.blazepose import BlazePoseEstimator, estimator, searches
from humantrack.blazepose.memory import Remembered
from humantrack.blazepose.people import Search
from humantrack.types import Detections


@pytest.fixture
def events(monkeypatch) -> list[tuple[str, int]]:
    """What is done in which order: searches begun, by their frames, and bodies made, of so many."""
    seen: list[tuple[str, int]] = []

    class Watched(Search):
        def __init__(self, ahead, memory):
            seen.append(("search", ahead.frame.index))
            super().__init__(ahead, memory)

    def make(frames, body):
        seen.append(("make", len(frames)))
        return real(frames, body)

    real = estimator.make_bodies
    monkeypatch.setattr(searches, "Search", Watched)
    monkeypatch.setattr(estimator, "make_bodies", make)
    return seen


def test_the_coming_frame_is_begun_before_bodies_are_made(
    mannequin, demo_frames, demo_boxes, events
):
    some = slice(0, 3)
    one = BlazePoseEstimator(mannequin, model=models.BLAZEPOSE)
    one.estimate(demo_frames[some], demo_boxes[some])
    assert events == [*(("search", index) for index in range(3)), ("make", 2), ("make", 1)]


def looked_at(network, monkeypatch) -> list[np.ndarray]:
    """The regions that a network is begun with, in order."""
    regions: list[np.ndarray] = []
    begin = network.begin

    def watched(crops, at):
        regions.extend(np.asarray(at))
        return begin(crops, at)

    monkeypatch.setattr(network, "begin", watched)
    return regions


def test_the_network_is_at_two_frames_of_a_person_at_once(
    mannequin, demo_frames, demo_boxes, monkeypatch
):
    one = BlazePoseEstimator(mannequin, model=models.BLAZEPOSE)
    one.estimate(demo_frames[:3], demo_boxes[:3])
    regions = looked_at(one._network, monkeypatch)
    one.estimate(demo_frames[3:6], demo_boxes[3:6])
    ahead = {person.region_ahead().tobytes() for person in one._memory.people}
    followed = len(regions)
    assert followed == 3 * len(one._memory.people)  # nobody is looked at twice
    again = looked_at(one._network, monkeypatch)
    one.estimate(demo_frames[6:8], demo_boxes[6:8])
    n = len(one._memory.people)
    assert ahead == {at.tobytes() for at in again[n : 2 * n]}  # before the frame between is known


def test_chunks_change_nothing(mannequin, demo_frames, demo_boxes):
    def run(size: int) -> list[np.ndarray]:
        one = BlazePoseEstimator(mannequin, model=models.BLAZEPOSE)
        out = []
        for i in range(0, 8, size):
            some = slice(i, min(i + size, 8))
            out += one.estimate(demo_frames[some], demo_boxes[some])
        return [people.bodies.joints_3d for people in out]

    for a, b, c in zip(run(1), run(3), run(8), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


def test_a_region_foretold_is_left_where_the_frame_between_shows_another():
    still, quick = (
        Remembered(np.array([10.0, 10, 60, 110]), np.array([35.0, 60, 120, 0]), 1.0, np.zeros(192))
        for _ in range(2)
    )
    for person, way in ((still, 1.0), (quick, 20.0)):
        box, region = person.box + way * np.array([1, 0, 1, 0]), person.region.copy()
        region[0] += way
        person.see(box, region, 1.0, person.signature)
        assert person.foretold is not None
    np.testing.assert_array_equal(still.coming_region(), still.foretold)
    np.testing.assert_array_equal(quick.coming_region(), quick.expected_region())
    assert not np.array_equal(quick.coming_region(), quick.foretold)
    still.begin_again()
    np.testing.assert_array_equal(still.coming_region(), still.expected_region())


def test_nothing_is_begun_across_a_cut(mannequin, demo_frames, demo_boxes, events):
    frames = list(demo_frames[:3])
    frames[1] = dataclasses.replace(frames[1], is_shot_start=True)
    one = BlazePoseEstimator(mannequin, model=models.BLAZEPOSE)
    people = one.estimate(frames, demo_boxes[:3])
    assert events == [*(("search", index) for index in range(3)), ("make", 2), ("make", 1)]
    fresh = BlazePoseEstimator(mannequin, model=models.BLAZEPOSE)
    again = fresh.estimate(frames[1:], demo_boxes[1:3])
    for got, expected in zip(people[1:], again, strict=True):
        np.testing.assert_array_equal(got.bodies.joints_3d, expected.bodies.joints_3d)


def test_a_frame_after_a_failure_is_searched_with_the_memory_of_then(
    mannequin, demo_frames, demo_boxes, monkeypatch
):
    one, other = (BlazePoseEstimator(mannequin, model=models.BLAZEPOSE) for _ in range(2))
    for each in (one, other):
        each.estimate(demo_frames[:2], demo_boxes[:2])
    state = one.state_dict()
    broken: list[Detections] = [demo_boxes[2], None]  # type: ignore[list-item]
    with pytest.raises(AttributeError):
        one.estimate(demo_frames[2:4], broken)
    one.load_state_dict(state)
    got = one.estimate(demo_frames[2:4], demo_boxes[2:4])
    expected = other.estimate(demo_frames[2:4], demo_boxes[2:4])
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a.bodies.joints_3d, b.bodies.joints_3d)
        np.testing.assert_array_equal(a.detections.mask, b.detections.mask)


def test_one_core_gives_the_same(mannequin, demo_frames, demo_boxes, monkeypatch):
    def run() -> list[np.ndarray]:
        one = BlazePoseEstimator(mannequin, model=models.BLAZEPOSE, threads=1)
        return [p.bodies.joints_3d for p in one.estimate(demo_frames[:4], demo_boxes[:4])]

    several = run()
    monkeypatch.setattr(models, "available_cores", lambda: 1)
    for a, b in zip(run(), several, strict=True):
        np.testing.assert_array_equal(a, b)
