"""Work adapts to the machine: steps in their order, not too hasty, and back where there is room."""

from __future__ import annotations

import itertools

import pytest

from humantrack.pipeline.pace import (
    DOWN_S,
    LATE_SHARE,
    LONGEST_UP_S,
    RELAPSE_S,
    ROOM,
    UP_S,
    Pace,
    Rate,
    Step,
    lighter_detector,
)

TARGET_S = 0.3


class Machine:
    """Steps that are put down as they are taken, and a clock."""

    def __init__(self, count=3):
        self.log: list[str] = []
        self.now_s = 100.0
        put = self.log.append
        steps = [
            Step(
                n,
                f"s{n}",
                lambda n=n: put(f"+{n}"),
                lambda n=n: put(f"-{n}"),
            )
            for n in range(count, 0, -1)
        ]
        self.pace = Pace(TARGET_S, steps)

    def run(self, seconds, delay_s, fps=10.0):
        """Frames of one delay, or of what a function of the level says."""
        end = self.now_s + seconds
        while self.now_s < end - 1e-9:
            self.now_s += 1 / fps
            delay = delay_s(self.pace.level) if callable(delay_s) else delay_s
            self.pace.note(delay, self.now_s, self.now_s - 100)


def test_in_time_nothing_is_done():
    machine = Machine()
    machine.run(600, TARGET_S)
    assert machine.log == []
    assert machine.pace.reduced == []
    assert machine.pace.facts["change_count"] == 0


def test_late_frames_bring_one_step_after_the_other_in_their_order():
    machine = Machine()
    machine.run(DOWN_S - 0.5, 0.5)
    assert machine.log == []
    machine.run(1.0, 0.5)
    assert machine.log == ["+1"]
    machine.run(DOWN_S - 0.7, 0.5)
    assert machine.log == ["+1"]  # the first has its time to help
    machine.run(1.0, 0.5)
    assert machine.log == ["+1", "+2"]
    machine.run(60, 0.5)
    assert machine.log == ["+1", "+2", "+3"]
    assert machine.pace.reduced == ["s1", "s2", "s3"]
    facts = machine.pace.facts
    assert facts["target_delay_ms"] == 300
    assert facts["steps"] == ["s1", "s2", "s3"]
    assert facts["change_count"] == 3
    assert [one["reduced"] for one in facts["changes"]] == [
        ["s1"],
        ["s1", "s2"],
        ["s1", "s2", "s3"],
    ]
    assert [one["delay_ms"] for one in facts["changes"]] == [500.0] * 3
    assert facts["changes"][0]["time_s"] == pytest.approx(DOWN_S, abs=0.21)


def test_few_late_frames_are_let_be():
    machine = Machine()
    every = int(1 / LATE_SHARE) + 1
    late = (0.9 if i % every == 0 else 0.1 for i in itertools.count())
    machine.run(120, lambda _: next(late))
    assert machine.log == []


def test_it_goes_back_where_there_is_room():
    machine = Machine()
    machine.run(5, 0.5)
    assert machine.log == ["+1", "+2"]
    machine.run(UP_S + 0.2, 0.9 * ROOM * TARGET_S)
    assert machine.log == ["+1", "+2", "-2"]
    machine.run(UP_S + 0.2, 0.9 * ROOM * TARGET_S)
    assert machine.log == ["+1", "+2", "-2", "-1"]
    machine.run(300, 0.01)
    assert machine.pace.level == 0


def test_between_room_and_late_nothing_changes():
    machine = Machine()
    machine.run(3, 0.5)
    assert machine.log == ["+1"]
    machine.run(3600, (ROOM + 1) / 2 * TARGET_S)
    assert machine.log == ["+1"]


def test_it_does_not_flap_where_a_step_too_few_is_always_too_slow():
    """One step is too slow, two leave room: tries grow rarer, each twice as far from the last."""
    machine = Machine()
    tries = []

    def delay(level):
        if not tries or tries[-1][1] != level:
            tries.append((machine.now_s, level))
        return 0.1 if level >= 2 else 0.5

    machine.run(3600, delay)
    ups = [at for (at, level), (_, before) in zip(tries[1:], tries, strict=False) if level < before]
    waits = [b - a for a, b in itertools.pairwise(ups)]
    assert waits[:4] == pytest.approx([w + DOWN_S for w in (20, 40, 80, 160)], abs=0.5)
    assert max(waits) < LONGEST_UP_S + DOWN_S + 1
    assert len(ups) < 12  # in an hour
    assert DOWN_S * len(ups) < 0.01 * 3600  # so long it was late


def test_a_new_load_after_long_is_no_relapse():
    machine = Machine()
    machine.run(3, 0.5)
    machine.run(UP_S + 1, 0.05)
    assert machine.log == ["+1", "-1"]
    machine.run(RELAPSE_S, 0.05)
    machine.run(2, 0.5)
    assert machine.log == ["+1", "-1", "+1"]
    machine.run(UP_S + 0.5, 0.05)
    assert machine.log == ["+1", "-1", "+1", "-1"]


def test_what_cannot_be_kept_is_said_once(caplog):
    machine = Machine(count=1)
    machine.run(60, 0.5)
    told = [r.message for r in caplog.records if "cannot be kept" in r.message]
    assert len(told) == 1
    assert "500 ms" in told[0]


def test_frames_that_come_rarely_are_judged_by_several():
    machine = Machine()
    machine.run(8, 1.0, fps=0.5)  # never five in two seconds
    assert machine.log == []
    machine.run(60, 1.0, fps=0.5)
    assert machine.log == ["+1", "+2", "+3"]


def test_all_is_undone_at_the_end():
    machine = Machine()
    machine.run(60, 0.5)
    machine.pace.undo_all()
    assert machine.log == ["+1", "+2", "+3", "-3", "-2", "-1"]
    assert machine.pace.level == 0


def test_a_rate_lets_frames_go():
    rate, seen = Rate(), []

    class Sink:
        def __enter__(self):
            return self

        def write(self, frame, record):
            seen.append(frame)

        def __exit__(self, *_):
            seen.append("end")

    with rate.of(Sink()) as sink:
        for i in range(12):
            rate.every = 1 if i < 3 else 4 if i < 10 else 1
            sink.write(i, None)
    assert seen == [0, 1, 2, 3, 7, 10, 11, "end"]


class Detector:
    def __init__(self):
        self.calls = []

    def lighten(self, *, rest, longest_side):
        self.calls.append((rest, longest_side))


def test_the_steps_of_a_detector_lead_there_and_back():
    detector = Detector()
    steps = sorted(lighter_detector(detector, may_rest=True), key=lambda s: s.order)
    for step in steps:
        step.apply()
    for step in reversed(steps):
        step.undo()
    down = [(2, None), (2, 416), (4, 416), (4, 320)]
    assert detector.calls == [*down, (4, 416), (2, 416), (2, None), (1, None)]
    assert len(lighter_detector(detector, may_rest=False)) == 2
    assert lighter_detector(object(), may_rest=True) == []
