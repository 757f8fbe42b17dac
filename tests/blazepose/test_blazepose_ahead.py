"""The landmark network goes on to the coming frame while bodies are made, of several at once."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from humantrack import models
from humantrack.blazepose import BlazePoseEstimator, estimator
from humantrack.blazepose.people import Search
from humantrack.types import Detections


@pytest.fixture
def events(monkeypatch) -> list[tuple[str, int]]:
    """What is done in which order: searches begun, by their frames, and bodies made, of so many."""
    seen: list[tuple[str, int]] = []

    class Watched(Search):
        def __init__(self, network, frame, memory):
            seen.append(("search", frame.index))
            super().__init__(network, frame, memory)

    def make(frames, body):
        seen.append(("make", len(frames)))
        return real(frames, body)

    real = estimator.make_bodies
    monkeypatch.setattr(estimator, "Search", Watched)
    monkeypatch.setattr(estimator, "make_bodies", make)
    return seen


def test_the_coming_frame_is_begun_before_bodies_are_made(
    mannequin, demo_frames, demo_boxes, events
):
    some = slice(0, 3)
    one = BlazePoseEstimator(mannequin, model=models.BLAZEPOSE)
    one.estimate(demo_frames[some], demo_boxes[some])
    assert events == [*(("search", index) for index in range(3)), ("make", 2), ("make", 1)]


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
