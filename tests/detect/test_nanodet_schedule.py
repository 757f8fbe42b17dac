"""When NanoDet looks, at what, and that neither chunks nor interruptions change it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from humantrack.detect import NanoDet
from humantrack.detect.nanodet import detector as module
from humantrack.detect.nanodet.schedule import Schedule
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


def looks_of(schedule, fps, frames, strong=1):
    """Numbers of the frames that are looked at, and of those looked at thoroughly."""
    looked, full, wide = [], [], []
    for i in range(frames):
        frame = Frame(
            index=i, source_index=i, time_s=i / fps, rgb=np.zeros((480, 854, 3), np.uint8), key=i
        )
        if not schedule.is_due(frame):
            schedule.rested()
            continue
        is_wide, is_full = schedule.is_wide_due(frame), schedule.is_full_due(frame)
        looked.append(i)
        full += [i] * (is_full or is_wide)
        wide += [i] * is_wide
        schedule.looked(frame, strong, is_full=is_full or is_wide, is_wide=is_wide)
    return looked, full, wide


@pytest.mark.parametrize("fps", [0.5, 2, 6, 15, 30])
def test_the_work_for_a_live_frame_is_bounded_however_far_apart_frames_are(fps):
    looked, full, wide = looks_of(Schedule(is_live=True), fps, 305)
    assert looked[:5] == [0, 1, 2, 3, 4]
    assert np.diff(looked[4:]).min() >= 3
    assert len(full) <= len(looked) / 2 + 2
    assert len(wide) <= len(looked) / 2 + 1
    by_time = looks_of(Schedule(), fps, 305)
    if fps <= 6:
        assert len(by_time[0]) >= 300  # a file's frame costs the same, whenever it comes
    else:
        assert len(looked) >= 0.8 * len(by_time[0])


def test_a_live_frame_without_anybody_is_looked_at():
    looked, _, _ = looks_of(Schedule(is_live=True), 5, 50, strong=0)
    assert looked == list(range(50))


@pytest.mark.parametrize(("every", "frames"), [("auto", 5), (3, 3)])
def test_it_rests_as_many_times_as_long_as_it_is_told(every, frames):
    usual, _, _ = looks_of(Schedule(every), 30, 300)
    rested, _, _ = looks_of(Schedule(every, rest=4), 30, 300)
    assert np.median(np.diff(usual[6:])) == frames
    assert np.median(np.diff(rested[6:])) == pytest.approx(4 * frames, abs=1)


def live_looks(detector, network, count):
    """Input sizes of every look at so many frames of a live source, 5 a second."""
    looks = []
    for frame in frames([1] * count, fps=5):
        before = len(network.calls)
        if detector.detect([frame])[0].looked:
            looks.append([call[1] for call in network.calls[before:]])
    return looks


def test_looks_at_a_live_source_take_turns_at_what_is_beside_the_usual(network):
    detector = NanoDet(every="auto")
    detector.suit(is_live=True)
    looks = live_looks(detector, network, 120)
    assert sorted(looks[0]) == [320, 416, 640]  # everything, once
    assert max(map(len, looks[1:])) <= 3
    assert sum(map(len, looks[1:])) < 2.2 * len(looks)
    seen = {size for look in looks[1:] for size in look}
    assert seen >= {320, 416, 640}
    usual = NanoDet(every="auto")
    assert sum(map(len, live_looks(usual, network, 120))) > 2.5 * sum(map(len, looks))


def test_a_detector_does_less_and_again_what_it_did(network):
    detector = NanoDet(every="auto")
    detector.suit(is_live=True)
    live_looks(detector, network, 30)
    detector.lighten(rest=4, longest_side=320)
    less = live_looks(detector, network, 60)
    assert {size for look in less for size in look} == {320}
    assert len(less) <= 6
    detector.lighten(rest=1, longest_side=None)
    again = live_looks(detector, network, 60)
    assert {size for look in again for size in look} >= {320, 416, 640}
    assert len(again) >= 15


def test_a_smaller_input_that_was_asked_for_is_never_made_larger(network):
    detector = NanoDet(every="auto", size=320)
    detector.lighten(rest=1, longest_side=416)
    looks = live_looks(detector, network, 20)
    assert {size for look in looks for size in look} == {320}
