"""A live source's part in a run: which steps there are, when they are taken, and what is told."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from one_person import OnePerson

from humantrack import BlazePose_4dhuman, load_config, models
from humantrack.config.options import run_options
from humantrack.phalp import PHALP
from humantrack.run.live import LiveRun

QUICK = ["tracker=embedded", "video.source=camera:0", "render.enable=false"]
ALL_STEPS = [
    "overlay of every 2nd frame",
    "detector resting 2 times as long",
    "landmarks by full",
    "detector input of 416 px",
    "overlay of every 4th frame",
    "detector resting 4 times as long",
    "detector input of 320 px",
]


class Reader:
    """Frames of which each came some time ago."""

    def __init__(self):
        self.delay_s, self.also = 0.0, {}

    def age_s(self, index):
        return self.delay_s

    def lost_before(self, index):
        return 0


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def live_run(stages, *keys, draws=True):
    reader, clock = Reader(), Clock()
    options = run_options(load_config(*QUICK, "live.target_delay_ms=300", *keys))
    return LiveRun(reader, options, stages, draws=draws, clock=clock), reader, clock


def play(run, reader, clock, seconds, delay_s):
    reader.delay_s = delay_s
    fps = 10
    for _ in range(round(seconds * fps)):
        clock.now_s += 1 / fps
        number = round(clock.now_s * fps)
        record = SimpleNamespace(index=number, time_s=clock.now_s)
        run.note(SimpleNamespace(held=[(None, record)]))


def test_the_steps_of_the_default_are_as_documented_and_are_taken_back():
    stages = BlazePose_4dhuman(load_config(*QUICK, "embedded.landmarks=heavy"))
    run, reader, clock = live_run(stages, "embedded.landmarks=heavy")
    with run:
        assert reader.also["pace"]["steps"] == ALL_STEPS
        assert stages.estimator.model == models.BLAZEPOSE_HEAVY
        play(run, reader, clock, 60, 0.5)
        assert reader.also["pace"]["reduced"] == ALL_STEPS
        assert stages.estimator.model == models.BLAZEPOSE
        assert stages.detector._size == 320
        assert stages.detector._slower == 4
        play(run, reader, clock, 300, 0.05)
        assert reader.also["pace"]["reduced"] == []
        assert stages.estimator.model == models.BLAZEPOSE_HEAVY
        assert (stages.detector._size, stages.detector._slower) == (None, 1)
        play(run, reader, clock, 20, 0.5)
    assert stages.estimator.model == models.BLAZEPOSE_HEAVY  # as before, for the next run
    assert (stages.detector._size, stages.detector._slower) == (None, 1)


def test_live_landmarks_are_full_unless_asked_for_and_a_files_heavy_again():
    for asked, live in (("auto", models.BLAZEPOSE), ("heavy", models.BLAZEPOSE_HEAVY)):
        stages = BlazePose_4dhuman(load_config(*QUICK, f"embedded.landmarks={asked}"))
        run, _, _ = live_run(stages)
        assert stages.estimator.model == live
        with run:
            assert stages.detector._schedule.is_live
        assert stages.estimator.model == models.BLAZEPOSE_HEAVY
        assert not stages.detector._schedule.is_live


def test_a_record_that_is_told_twice_counts_once():
    stages = OnePerson()
    run, reader, clock = live_run(stages)
    reader.delay_s = 9.0
    record = SimpleNamespace(index=0, time_s=0.0)
    for _ in range(100):
        clock.now_s += 0.1
        run.note(SimpleNamespace(held=[(None, record)]))
    assert reader.also["pace"]["change_count"] == 0
    run.note(SimpleNamespace(held=[]))


@pytest.mark.parametrize("keys", [(), ("render.fps=25",)])
def test_where_there_is_nothing_to_do_less_of_one_line_says_so(keys, caplog):
    with caplog.at_level(logging.INFO, "humantrack"):
        _, reader, _ = live_run(OnePerson(), *keys, draws=bool(keys))
    assert reader.also["pace"]["steps"] == []
    told = [r.message for r in caplog.records if "nothing that this tracker" in r.message]
    assert len(told) == 1


def test_a_tracker_whose_detector_cannot_rest_has_the_other_steps():
    detector = BlazePose_4dhuman(load_config(*QUICK)).detector
    stages = SimpleNamespace(detector=detector, _detector_may_rest=lambda: False, tracker=None)
    steps = PHALP.lighter(stages)
    assert [step.what for step in sorted(steps, key=lambda s: s.order)] == [
        "detector input of 416 px",
        "detector input of 320 px",
    ]


def test_without_a_target_nothing_is_told_and_done():
    reader = Reader()
    options = run_options(load_config(*QUICK))
    run = LiveRun(reader, options, OnePerson(), draws=True)
    with run:
        run.note(SimpleNamespace(held=[(None, SimpleNamespace(index=0, time_s=0.0))]))
        assert run.around_overlay("sink") == "sink"
    assert reader.also == {}


@pytest.mark.parametrize("value", ["0", "-5", "fast"])
def test_a_target_that_is_none_is_refused(value):
    from humantrack import ConfigError

    with pytest.raises(ConfigError) as failed:
        run_options(load_config(*QUICK, f"live.target_delay_ms={value}"))
    assert "target_delay_ms" in str(failed.value)
