"""Who crosses: a box round parts of two is nobody, and one silhouette is not two people."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from humantrack.blazepose.candidates import Candidates, Looker
from humantrack.blazepose.network import LandmarkNetwork, Landmarks, nobody
from humantrack.blazepose.regions import CROP_PX, Cropper

TWO = ((0, 60), (60, 120))
"""Columns of the picture that two people fill."""


def people(*columns: tuple[float, float]) -> Candidates:
    """Upright people as strips of a picture of 256 x 256 px, seen in regions that fill it."""
    n = len(columns)
    fields = {
        field.name: np.zeros((n, *getattr(nobody(), field.name).shape[1:]))
        for field in dataclasses.fields(Landmarks)
    }
    fields["flag"] = np.ones(n)
    fields["region"] = np.tile([CROP_PX / 2, CROP_PX / 2, CROP_PX, 0.0], (n, 1))
    x = np.arange(CROP_PX)
    inside = [(x >= left) & (x < right) for left, right in columns]
    logits = np.where(np.array(inside)[:, None], 5.0, -5.0)
    fields["segmentation"] = np.repeat(logits, CROP_PX, axis=1).astype(np.float32)
    boxes = np.array([[left, 0, right, CROP_PX] for left, right in columns], float)
    return Candidates(landmarks=Landmarks(**fields), box=boxes, guess=np.zeros(n, np.intp))


@pytest.fixture
def looker() -> Looker:
    return Looker(LandmarkNetwork(), Cropper(np.zeros((CROP_PX, CROP_PX, 3), np.uint8)))


@pytest.mark.parametrize(
    ("new", "is_ghost"),
    [
        ((30, 90), True),  # half of him is each one's
        ((30, 99), True),
        ((5, 55), False),  # all of him is one's: who of the two is right is judged elsewhere
        ((50, 180), False),  # half of him is his own
        ((130, 190), False),
    ],
)
def test_who_is_made_of_two_others_is_nobody(looker, new, is_ghost):
    found = people(*TWO, new)
    assert looker.ghosts(found, [False, False, True]).tolist() == [2] * is_ghost


def test_those_who_are_known_stay(looker):
    assert not looker.ghosts(people(*TWO, (30, 90)), [False] * 3).size


def test_of_three_who_are_new_only_the_one_between_is_nobody(looker):
    assert looker.ghosts(people(*TWO, (30, 90)), [True] * 3).tolist() == [2]


def test_among_more_than_two_nothing_is_told(looker):
    found = people(*TWO, (40, 110), (30, 90))
    assert not looker.ghosts(found, [False, False, False, True]).size


@pytest.mark.parametrize(
    ("one", "other", "is_mixed"),
    [
        ((0, 100), (10, 105), True),  # both show both
        ((0, 100), (60, 160), False),
        ((0, 100), (30, 60), False),  # a child before somebody
        ((0, 60), (60, 120), False),
    ],
)
def test_two_with_one_silhouette_are_mixed(looker, one, other, is_mixed):
    assert looker.are_mixed(people((200, 250), one, other)) == is_mixed
    assert not looker.are_mixed(people(one))
