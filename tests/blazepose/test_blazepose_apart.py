"""Who is seen beside others is looked at without them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from humantrack.blazepose.candidates import Candidates, Looker
from humantrack.blazepose.network import Landmarks, nobody
from humantrack.blazepose.regions import CROP_PX, Cropper
from humantrack.types import JointSource

MINE, THEIRS, GROUND = (200, 40, 40), (40, 200, 40), (90, 90, 90)


def people(*columns: tuple[int, int], flag: float = 1.0, mark: float = 0.0) -> Candidates:
    """Upright people as strips of a picture of 256 x 256 px, seen in regions that fill it."""
    n = len(columns)
    fields = {
        field.name: np.zeros((n, *getattr(nobody(), field.name).shape[1:]))
        for field in dataclasses.fields(Landmarks)
    }
    fields["flag"] = np.full(n, flag)
    fields["world"][:] = mark
    fields["region"] = np.tile([CROP_PX / 2, CROP_PX / 2, CROP_PX, 0.0], (n, 1))
    x = np.arange(CROP_PX)
    inside = np.array([(x >= left) & (x < right) for left, right in columns])
    logits = np.where(inside[:, None], 5.0, -5.0)
    fields["segmentation"] = np.repeat(logits, CROP_PX, axis=1).astype(np.float32)
    down = np.linspace(20, 236, 33)
    for row, (left, right) in enumerate(columns):
        across = np.where(np.arange(33) % 2, left + 3, right - 3)
        fields["xy_px"][row] = np.stack([across, down], axis=1)
    boxes = np.array([[left, 0, right, CROP_PX] for left, right in columns], float)
    return Candidates(landmarks=Landmarks(**fields), box=boxes, guess=np.zeros(n, np.intp))


class Network:
    """One that sees what it is told to, and keeps the crops."""

    def __init__(self, sees: Candidates) -> None:
        self.sees, self.crops = sees, np.zeros((0, CROP_PX, CROP_PX, 3), np.uint8)

    def begin(self, crops: np.ndarray, at: np.ndarray) -> Network:
        self.crops = crops
        assert len(crops) == len(at)
        return self

    def landmarks(self) -> Landmarks:
        return self.sees.landmarks[list(range(len(self.crops)))]


def looker(sees: Candidates) -> tuple[Looker, Network]:
    """Before a picture of two strips: mine from 60 to 120, theirs from 100 to 160, in front."""
    picture = np.full((CROP_PX, CROP_PX, 3), GROUND, np.uint8)
    picture[:, 60:120] = MINE
    picture[:, 100:160] = THEIRS
    network = Network(sees)
    return Looker(network, Cropper(picture)), network


ME, THEM = (60, 100), (100, 160)


def test_the_other_is_hidden_and_nothing_of_oneself():
    found = people(ME, THEM)
    found = dataclasses.replace(found, box=np.array([[60.0, 0, 120, 256], [100, 0, 160, 256]]))
    one, network = looker(people((60, 120), THEM, mark=7.0))
    again = one.apart(found)
    assert len(network.crops) == 2
    mine, theirs = network.crops[:, 128].astype(int)
    assert np.abs(mine[60:100] - MINE).max() == 0, "what is seen of me stays"
    assert np.abs(mine[101:159] - THEIRS).max(axis=1).min() > 50, "nothing of them is left"
    assert np.abs(theirs[100:160] - THEIRS).max() == 0
    assert np.abs(theirs[60:98] - MINE).max(axis=1).min() > 50
    assert np.all(again.landmarks.world == 7)
    np.testing.assert_array_equal(again.box, found.box)


@pytest.mark.parametrize(
    ("sees", "why"),
    [
        (people(ME, THEM, flag=0.4, mark=7.0), "without the others nobody is seen"),
        (people((180, 250), (0, 40), mark=7.0), "or somebody elsewhere"),
    ],
)
def test_who_is_not_seen_alone_stays_as_he_was(sees, why):
    found = people((60, 104), (100, 160))
    again = looker(sees)[0].apart(found)
    assert np.all(again.landmarks.world == 0), why


@pytest.mark.parametrize("apart", [(60, 100), (60, 101)])
def test_people_apart_are_looked_at_once(apart):
    one, network = looker(people(ME, THEM, mark=7.0))
    alone = people((0, 50), apart)
    assert one.apart(alone) is alone
    assert one.apart(people(ME)).landmarks.world.max() == 0
    assert not len(network.crops)


def test_whose_pose_is_made_up_hides_nobody():
    found = people((60, 104), (100, 160))
    found.guess[1] = JointSource.MADE_UP
    one, network = looker(people(ME, THEM, mark=7.0))
    assert one.apart(found) is found
    assert not len(network.crops)
