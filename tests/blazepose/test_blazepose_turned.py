"""Who lies or is upside down, and how often somebody is looked for so."""

from __future__ import annotations

import dataclasses

import numpy as np

from humantrack.blazepose import BlazePoseEstimator
from humantrack.blazepose.candidates import Candidates, Looker
from humantrack.blazepose.memory import Memory, Remembered
from humantrack.blazepose.network import Landmarks, nobody
from humantrack.blazepose.places import Places
from humantrack.blazepose.regions import CROP_PX, Cropper
from humantrack.types import Detections, Frame

UPRIGHT, LEFT, RIGHT, DOWN = 0.0, -np.pi / 2, np.pi / 2, np.pi


def looks(at: np.ndarray, flags: dict[float, float]) -> Landmarks:
    """Bodies that fill their regions (N,4), upright in them, by how each region is turned."""
    n = len(at)
    fields = {
        field.name: np.zeros((n, *getattr(nobody(), field.name).shape[1:]))
        for field in dataclasses.fields(Landmarks)
    }
    fields["flag"] = np.array([flags.get(round(float(a), 6), 0.0) for a in at[:, 3]])
    fields["visibility"] = np.ones((n, 33))
    fields["region"] = fields["next_region"] = at
    local = np.zeros((33, 2))
    local[:, 1] = np.linspace(-0.4, 0.4, 33)  # from head to feet
    local[::2, 0], local[1::2, 0] = -0.2, 0.2
    c, s = np.cos(at[:, 3]), np.sin(at[:, 3])
    turn = np.moveaxis(np.array([[c, -s], [s, c]]), -1, 0)
    fields["xy_px"] = at[:, None, :2] + at[:, 2, None, None] * (local @ turn.swapaxes(1, 2))
    return Landmarks(**fields)


class Network:
    """One that sees people as it is told, and counts the crops."""

    def __init__(self, flags: dict[float, float]) -> None:
        self.flags = {round(angle, 6): flag for angle, flag in flags.items()}
        self.crops = 0

    def begin(self, crops: np.ndarray, at: np.ndarray):
        self.crops += len(at)
        network = self

        class Looking:
            def landmarks(self):
                return looks(at, network.flags)

        return Looking()


def turn_of(flags: dict[float, float], box, *, is_new: bool = True) -> tuple[float, int]:
    """How the region of who is seen in a box is turned, and how many crops it took more."""
    network = Network(flags)
    looker = Looker(network, Cropper(np.zeros((CROP_PX, CROP_PX, 3), np.uint8)))
    at = np.array([[128.0, 128.0, 220.0, UPRIGHT]])
    found = Candidates(
        landmarks=looks(at, network.flags), box=np.array([box], float), guess=np.zeros(1, np.intp)
    )
    one, tried = looker.turned(found, may=np.array([True]), is_new=np.array([is_new]))
    assert tried[0] == (network.crops > 0)
    return float(one.landmarks.region[0, 3]), network.crops


HIGH, SQUARE = (98, 28, 158, 228), (48, 48, 208, 208)


def test_who_is_seen_well_upside_down_and_not_at_all_upright_is():
    assert turn_of({DOWN: 1.0}, HIGH) == (DOWN, 2)


def test_upright_people_seen_poorly_stay_upright_unless_turned_they_are_seen_much_better():
    assert turn_of({UPRIGHT: 0.6, DOWN: 0.7}, SQUARE)[0] == UPRIGHT
    assert turn_of({UPRIGHT: 0.2, LEFT: 0.9}, SQUARE)[0] == LEFT


def test_nobody_lies_in_a_tall_box():
    assert turn_of({LEFT: 1.0, RIGHT: 1.0}, HIGH) == (UPRIGHT, 1), "only upside down is tried"
    assert turn_of({LEFT: 1.0, RIGHT: 1.0}, SQUARE)[0] in (LEFT, RIGHT)


def test_places_are_forgotten_after_some_frames():
    places, box = Places(3), np.array([[10.0, 10, 50, 90]])
    assert not places.has(box).any()
    places.add(box)
    for _ in range(3):
        assert places.has(box + 4).tolist() == [True]
        assert places.has(np.concatenate([box + 40, box])).tolist() == [False, True]
        again = Places(3)
        again.load_state_dict(places.state_dict())
        places = again
        places.after_frame()
    assert not places.has(box).any()


def test_a_memory_forgets_places_at_a_cut():
    memory, box = Memory(), np.array([[10.0, 10, 50, 90]])
    memory.in_vain.add(box)
    memory.turned_in_vain.add(box)
    memory.clear()
    assert not memory.in_vain.has(box).any()
    assert not memory.turned_in_vain.has(box).any()


def test_where_nobody_was_is_not_looked_at_in_each_frame(mannequin, monkeypatch):
    """A box of a detector that is not certain, in which there is only grey."""
    grey = np.full((240, 320, 3), 120, np.uint8)
    frames = [
        Frame(index=i, source_index=i, time_s=i / 30, rgb=grey, is_shot_start=i == 0, key=f"{i}")
        for i in range(9)
    ]
    box = np.array([[100, 60, 160, 200]], np.float32)
    seen = Detections(xyxy_px=box, score=np.array([0.5], np.float32), class_id=np.zeros(1, int))
    crops = []
    real = Looker.at_boxes
    monkeypatch.setattr(
        Looker,
        "at_boxes",
        lambda self, boxes, known: crops.append(len(boxes)) or real(self, boxes, known),
    )
    estimator = BlazePoseEstimator(mannequin)
    assert not any(len(people) for people in estimator.estimate(frames, [seen] * 9))
    assert crops == [1, 0, 0] * 3


def test_who_moves_as_never_foretold_is_not_looked_at_where_he_is_foretold():
    """A small person before a camera that shakes: one crop a frame, not two."""
    region = np.array([35.0, 60, 40, 0])
    person = Remembered(np.array([25.0, 40, 45, 80]), region, 1.0, np.zeros(192))
    begun = 0
    for frame in range(20):
        begun += person.region_ahead() is not None
        way = 8.0 * (-1) ** frame * np.array([1, 0, 0, 0])
        person.see(person.box + np.tile(way[:2], 2), person.region + way, 1.0, person.signature)
        assert person.foretold is None or frame == 0
    assert begun == 1
    for _ in range(20):  # it stands still
        person.see(person.box, person.region, 1.0, person.signature)
    assert person.region_ahead() is not None
