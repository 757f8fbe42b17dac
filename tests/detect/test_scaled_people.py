"""People are found at every height: some heights of what ``scripts/quality.py scaling`` tries."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from humantrack.detect.registry import DetectorOptions, make_detector
from humantrack.types import Detections

HEIGHTS = (60, 150, 170, 270, 300, 330, 450)
"""In px where the longer side is 640; 140 to 180 and 260 to 340 are the hard ones."""

GOAL = 0.98
MOST_FALSE = 0
"""Boxes on nobody, in all cases together."""


@pytest.fixture(scope="module")
def scaling():
    folder = str(Path(__file__).parents[2] / "scripts")
    sys.path.insert(0, folder)
    yield importlib.import_module("lib.score_scaling")
    sys.path.remove(folder)


@pytest.fixture(scope="module")
def people(scaling, data):
    """Two drawn ones, a man seen from the side and above, and one from behind."""
    stills = scaling.stills(data)
    return stills["drawn"][1::8] + stills["real"][3:10:6]


@pytest.fixture(scope="module")
def results(scaling, people):
    return scaling.results(make_detector("nanodet", DetectorOptions()), people, HEIGHTS)


def test_people_of_every_height_are_found(scaling, results):
    missed = [(r.still, r.height) for r in results if not r.found]
    assert scaling.share_found(results) >= GOAL, missed


def test_nearly_all_are_found_and_nobody_is_made_up(scaling, results):
    assert scaling.share_found(results) >= 0.7
    assert sum(r.false for r in results) <= MOST_FALSE


def test_a_person_is_scaled_to_the_height_asked(scaling, people):
    for still in people:
        for height in (40, 330, 350, 600):
            frame, box, others = scaling.scaled(still, height)
            assert max(frame.rgb.shape) == 1280
            assert box[3] - box[1] == pytest.approx(2 * height, abs=0.1)
            assert len(others) <= len(still.others)


@pytest.mark.parametrize(
    ("name", "height"),
    [
        ("balance_cam1.mp4 0", 40),
        ("balance_cam1.mp4 0", 50),
        ("balance_cam3.mp4 95", 50),
        ("balance_cam2.mp4 50", 360),
        ("balance_cam2.mp4 50", 480),
    ],
)
def test_a_still_like_a_card_and_the_mount_of_a_camera_are_nobody(scaling, data, name, height):
    people = [still for still in scaling.stills(data)["real"] if still.name == name]
    detector = make_detector("nanodet", DetectorOptions())
    (result,) = scaling.results(detector, people, [height])
    assert result.found
    assert result.false == 0


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([], (False, 0, 0)),
        ([[0, 0, 100, 200]], (True, 0, 0)),
        ([[0, 0, 100, 110], [0, 90, 100, 200]], (True, 0, 1)),
        ([[0, 0, 100, 60]], (False, 0, 0)),
        ([[200, 0, 300, 200]], (False, 0, 0)),
        ([[0, 0, 100, 200], [400, 0, 450, 80]], (True, 1, 0)),
        ([[0, 0, 400, 400]], (False, 1, 0)),
    ],
    ids=["nobody", "he", "two halves", "half of him", "the other", "nothing", "far too large"],
)
def test_boxes_are_judged(scaling, boxes, expected):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    found = Detections(
        xyxy_px=boxes,
        score=np.full(len(boxes), 0.4, np.float32),
        class_id=np.zeros(len(boxes), np.int64),
    )
    he, other = np.array([0.0, 0, 100, 200]), np.array([[200.0, 0, 300, 200]])
    assert scaling.judged(found, he, other) == expected
