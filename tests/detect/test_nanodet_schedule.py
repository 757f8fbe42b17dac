"""When NanoDet looks, at what, and that neither chunks nor interruptions change it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from humantrack.detect import NanoDet
from humantrack.detect.nanodet import detector as module
from humantrack.types import Frame

PERSON = np.array([[10, 2, 20, 30]], np.float32)


@pytest.fixture
def network(monkeypatch):
    """A network that finds what ``network.people(picture)`` says, and its calls' input sizes."""

    class Network:
        calls: list[tuple[tuple[int, int], int]] = []  # noqa: RUF012 - one for each test, below

        @staticmethod
        def people(rgb: np.ndarray) -> np.ndarray:
            return PERSON[: int(rgb[0, 0, 0])]

        def __call__(self, rgb, long_side, threshold, threads):
            self.calls.append((rgb.shape[:2], long_side))
            boxes = self.people(rgb)
            return boxes, np.full(len(boxes), 0.9, np.float32)

    fake = Network()
    fake.calls = []
    monkeypatch.setattr(module, "candidates", fake)
    return fake


def frames(people, fps: float = 30.0, cuts=()) -> list[Frame]:
    """One frame for each number of people, which its first pixel holds."""
    return [
        Frame(
            index=i,
            source_index=i,
            time_s=i / fps,
            rgb=np.full((36, 64, 3), count, np.uint8),
            key=f"{i}",
            is_shot_start=i in cuts,
        )
        for i, count in enumerate(people)
    ]


def looks(found) -> list[int]:
    return [i for i, one in enumerate(found) if one.looked]


@pytest.mark.parametrize(
    ("fps", "after"), [(30, [4, 9, 14, 19]), (60, [4, 14, 24]), (25, [4, 8, 12, 16, 20]), (5, None)]
)
def test_somebody_who_stays_is_looked_at_some_six_times_a_second(network, fps, after):
    found = NanoDet(every="auto").detect(frames([1] * 25, fps))
    expected = list(range(25)) if after is None else [0, 1, 2, 3, *after]
    assert [i for i in looks(found) if i <= expected[-1]] == expected
    assert all(len(one) == 0 for one in found if not one.looked)
    assert all(len(one) == 1 for one in found if one.looked)


def test_while_nobody_is_found_every_second_frame_is_looked_at(network):
    found = NanoDet(every="auto").detect(frames([0] * 15))
    assert looks(found) == [0, 1, 2, 3, 4, 6, 8, 10, 12, 14]


def test_after_somebody_came_or_went_the_next_look_is_soon(network):
    found = NanoDet(every="auto").detect(frames([0] * 7 + [1] * 20))
    assert looks(found) == [0, 1, 2, 3, 4, 6, 8, 10, 15, 20, 25]


def test_a_cut_and_a_reset_start_over(network):
    detector = NanoDet(every="auto")
    found = detector.detect(frames([1] * 20, cuts=(11,)))
    assert looks(found) == [0, 1, 2, 3, 4, 9, 11, 12, 13, 14, 15]
    detector.reset()
    assert looks(detector.detect(frames([1] * 3))) == [0, 1, 2]


@pytest.mark.parametrize("every", [1, 2, 7])
def test_every_nth_frame_is_looked_at_from_the_last_cut_on(network, every):
    found = NanoDet(every=every).detect(frames([0, 1] * 10, cuts=(9,)))
    expected = [i for i in range(20) if (i if i < 9 else i - 9) % every == 0]
    assert looks(found) == expected


def test_time_that_stands_still_or_goes_back_does_not_stop_the_looks(network):
    still = [dataclasses.replace(frame, time_s=1.0) for frame in frames([1] * 70)]
    assert looks(NanoDet(every="auto").detect(still)) == [0, 1, 2, 3, 4, 64]
    back = frames([1] * 8)
    back[6] = dataclasses.replace(back[6], time_s=0.0)
    assert 6 in looks(NanoDet(every="auto").detect(back))


def test_a_look_sees_two_sizes_and_once_a_second_all(network):
    NanoDet(every=1).detect(frames([0] * 32))
    sizes = [size for _, size in network.calls]
    assert sorted(sizes[:3]) == [320, 416, 640]
    assert sizes.count(640) == 32
    assert sizes.count(416) == 32
    assert sizes.count(320) == 2, "in frames 0 and 30"


def test_one_size_that_is_asked_for_is_the_only_one(network):
    NanoDet(size=512, every=1).detect(frames([0] * 32))
    assert {size for _, size in network.calls} == {512}


def test_large_people_are_looked_at_in_smaller_sizes(network):
    network.people = lambda rgb: np.array([[2, 0, 30, 36]], np.float32)
    tall = [dataclasses.replace(f, rgb=np.ones((64, 36, 3), np.uint8)) for f in frames([1] * 3)]
    network.people = lambda rgb: np.array([[2, 0, 30, 63]], np.float32)
    NanoDet(every=1).detect(tall)
    assert sorted(size for _, size in network.calls[3:]) == [320, 320, 416, 416]


CHANGES = [1] * 8 + [0] * 12 + [1, 1, 0, 1, 0] * 4 + [1] * 20


@pytest.mark.parametrize("every", ["auto", 1, 4])
@pytest.mark.parametrize("chunk", [1, 3, 16])
def test_neither_chunks_nor_resuming_change_what_is_looked_at(network, every, chunk):
    clip = frames(CHANGES, cuts=(17, 40))
    together = NanoDet(every=every).detect(clip)
    parts = []
    state = None
    for start in range(0, len(clip), chunk):
        detector = NanoDet(every=every)
        if state is not None:
            detector.load_state_dict(state)
        parts += detector.detect(clip[start : start + chunk])
        state = detector.state_dict()
    assert looks(parts) == looks(together)
    assert [len(one) for one in parts] == [len(one) for one in together]


def test_the_next_look_runs_while_the_caller_works_on_the_last(network):
    detector = NanoDet(every=1)
    found = detector.ahead(frames([1, 0, 1, 1]))
    assert len(found) == 4
    assert len(found[0]) == 1
    found_early = detector.state_dict()["schedule"]["frames"]
    assert found_early == 1, "the state is that after what was asked for"
    assert [len(one) for one in found] == [1, 0, 1, 1]
    assert [len(one) for one in found[1:3]] == [0, 1]
    assert len(found[-1]) == 1
    with pytest.raises(IndexError):
        found[4]


def test_a_failure_is_raised_where_its_frame_is_asked_for(network):
    def people(rgb):
        if rgb[0, 0, 0] == 2:
            raise RuntimeError("broken")
        return PERSON

    network.people = people
    found = NanoDet(every=1).ahead(frames([1, 1, 2, 1]))
    assert len(found[1]) == 1
    with pytest.raises(RuntimeError, match="broken"):
        found[2]


def test_a_look_on_demand_leaves_the_schedule_alone(network):
    clip = frames([1] * 30)
    plain, asked = NanoDet(every="auto"), NanoDet(every="auto")
    expected = looks(plain.detect(clip))
    found = []
    for frame in clip:
        found += asked.detect([frame])
        before = asked.state_dict()
        assert len(asked.look(frame)) == 1
        assert len(asked.look(frame, PERSON)) == 1
        assert asked.state_dict() == before or repr(asked.state_dict()) == repr(before)
    assert looks(found) == expected


def test_what_was_tried_is_said(network, make_frame):
    detector = NanoDet()
    detector.detect([make_frame()])
    assert detector.tried() == "inputs of 320, 416 and 640 px"
    detector.detect([make_frame(1, 1080, 1920, is_shot_start=True)])
    assert detector.tried() == "inputs of 320, 416 and 640 px and in tiles of the full picture"
    assert NanoDet(size=512).tried() == "inputs of 512 px"
