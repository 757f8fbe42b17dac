"""The estimator's per-person state, and its association across frames."""

from __future__ import annotations

import numpy as np
import pytest

from humantrack.blazepose.memory import FRAMES, HELD_FRAMES, HELD_HITS, Memory, Remembered

RED, BLUE = np.eye(192)[:2]


def moved(box, x: float) -> np.ndarray:
    """A box further to the right."""
    return np.add(box, [x, 0, x, 0])


BOX = np.array([100.0, 100, 150, 250])
REGION = np.array([125.0, 175, 200, 0.1])


def somebody(box=BOX, signature=RED) -> Remembered:
    return Remembered(np.asarray(box, float), REGION.copy(), 1.0, signature)


def walk(person: Remembered, frames: int, step: float = 4.0) -> None:
    for _ in range(frames):
        person.see(moved(person.box, step), np.add(person.region, [step, 0, 0, 0]), 1.0, RED)


def memory_of(*people: Remembered) -> Memory:
    memory = Memory()
    memory.after_frame(people)
    return memory


def test_a_walker_is_expected_further_on():
    person = somebody()
    walk(person, 40)
    np.testing.assert_allclose(person.expected_box(), moved(person.box, 4), atol=1e-3)
    person.missed = 3
    np.testing.assert_allclose(person.expected_box(), moved(person.box, 16), atol=1e-3)
    np.testing.assert_allclose(person.expected_region()[0], person.region[0] + 16, atol=1e-3)


def test_speed_is_per_frame_even_after_a_gap():
    person = somebody()
    walk(person, 40)
    person.missed = 4
    person.see(moved(person.box, 20), person.region, 1.0, RED)
    np.testing.assert_allclose(person.speed, [4, 0], atol=1e-3)
    assert person.missed == 0


def test_boxes_continue_people_one_to_one():
    memory = memory_of(somebody(), somebody(moved(BOX, 300)))
    boxes = np.array([moved(BOX, x) for x in (303, 2, 4, 1000)])
    assert memory.continued_by(boxes).tolist() == [1, 0, -1, -1]
    assert memory.continued_by(np.zeros((0, 4))).tolist() == []
    assert Memory().continued_by(boxes).tolist() == [-1] * 4


def test_colours_tell_people_who_cross():
    memory = memory_of(somebody(signature=RED), somebody(moved(BOX, 10), signature=BLUE))
    boxes = np.array([moved(BOX, 6), moved(BOX, 4)])
    assert memory.recognise(boxes, np.array([RED, BLUE])).tolist() == [0, 1]
    assert memory.recognise(boxes, np.array([BLUE, RED])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("box", "signature"),
    [(BOX, BLUE), (BOX * [1, 1, 1, 30], RED), (moved(BOX, 80), RED)],
)
def test_other_people_are_not_recognised(box, signature):
    assert memory_of(somebody()).recognise(box[None], signature[None]).tolist() == [-1]


def test_people_are_waited_for_and_then_forgotten():
    person = somebody()
    walk(person, HELD_HITS - 1)
    memory = memory_of(person)
    waiting = []
    for _ in range(FRAMES - 1):
        waiting.append(person.is_waiting())
        memory.after_frame([])
        assert memory.people == [person]
    assert sum(waiting) == HELD_FRAMES
    memory.after_frame([])
    assert memory.people == []


def test_the_longer_ago_the_further_off_somebody_may_be():
    person = somebody()
    memory = memory_of(person)
    further = moved(BOX, 80)[None]
    assert memory.recognise(further, RED[None]).tolist() == [-1]
    person.missed = 3
    assert memory.recognise(further, RED[None]).tolist() == [0]


def test_a_glimpse_is_not_waited_for():
    assert not somebody().is_waiting()


def test_clearing_forgets_everybody():
    memory = memory_of(somebody())
    memory.clear()
    assert memory.expected_boxes().shape == (0, 4)
