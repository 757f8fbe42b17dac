"""The loop, its sinks and their threads: order, errors, and what is kept when something fails."""

from __future__ import annotations

import threading

import pytest

from humantrack.errors import OutputError, StageError
from humantrack.pipeline.loop import feed, walk
from humantrack.pipeline.threads import ThreadedSink
from humantrack.pipeline.window import BackFillWindow
from humantrack.types import FrameUpdate, TrackedPerson


class Everyone:
    """A tracker that gives each observation the id of its place in the list."""

    def __init__(self):
        self.frames = []

    def update(self, frame_index, observations, *, is_shot_start):
        self.frames.append((frame_index, is_shot_start))
        return FrameUpdate(
            people=tuple(
                TrackedPerson(track_id=i + 1, missed=0, observation=o)
                for i, o in enumerate(observations)
            )
        )

    def reset(self):
        self.frames.clear()


class Recorder:
    """A sink that remembers, and fails where it is told to."""

    def __init__(self, fail_at=None, fail_on_exit=False):
        self.indices, self.threads = [], set()
        self.fail_at, self.fail_on_exit = fail_at, fail_on_exit
        self.left_with = "not left"

    def __enter__(self):
        self.threads.add(threading.get_ident())
        return self

    def write(self, frame, record):
        if record.index == self.fail_at:
            raise OutputError("disk full")
        self.indices.append(record.index)
        self.threads.add(threading.get_ident())

    def __exit__(self, kind, error, trace):
        self.left_with = kind
        self.threads.add(threading.get_ident())
        if self.fail_on_exit:
            raise OutputError("cannot close")


@pytest.fixture
def frames(make_frame):
    return [make_frame(i, is_shot_start=i == 4) for i in range(10)]


def observe_with(make_observation):
    return lambda some: [[make_observation(f.index)] for f in some]


@pytest.mark.parametrize("chunk", [1, 3, 10, 64])
@pytest.mark.parametrize("window", [1, 5, 20])
def test_chunk_and_window_change_no_result(frames, make_observation, chunk, window):
    tracker = Everyone()
    out = list(
        walk(
            frames,
            observe_with(make_observation),
            tracker,
            chunk=chunk,
            window=BackFillWindow(window),
        )
    )
    assert [f.index for f, _ in out] == [r.index for _, r in out] == list(range(10))
    assert [r.people[0].observation.frame_index for _, r in out] == list(range(10))
    assert tracker.frames == [(i, i == 4) for i in range(10)]


def test_a_stage_that_fails_names_its_frames_and_keeps_what_was_final(frames, make_observation):
    def observe(some):
        if some[0].index >= 6:
            raise ZeroDivisionError("no light")
        return [[make_observation(f.index)] for f in some]

    sink = Recorder()
    with pytest.raises(StageError, match=r"frames 6 to 8.*ZeroDivisionError: no light"):
        feed(walk(frames, observe, Everyone(), chunk=3, window=BackFillWindow(2)), [sink])
    assert sink.indices == [0, 1, 2, 3]
    assert sink.left_with is StageError


def test_an_observer_that_loses_a_frame_is_an_error(frames):
    with pytest.raises(ValueError, match="shorter"):
        list(walk(frames, lambda some: [], Everyone(), chunk=4, window=BackFillWindow(1)))


def test_a_threaded_sink_gets_every_frame_in_order_in_one_thread(frames, make_observation):
    inner = Recorder()
    final = walk(
        frames, observe_with(make_observation), Everyone(), chunk=2, window=BackFillWindow(1)
    )
    feed(final, [ThreadedSink(inner, depth=1)])
    assert inner.indices == list(range(10))
    assert inner.left_with is None
    assert len(inner.threads) == 1
    assert threading.get_ident() not in inner.threads


def test_a_threaded_sink_passes_its_error_on_and_leaves_no_thread(frames, make_observation):
    before = threading.active_count()
    inner, other = Recorder(fail_at=3), Recorder()
    final = walk(
        frames, observe_with(make_observation), Everyone(), chunk=2, window=BackFillWindow(1)
    )
    with pytest.raises(OutputError, match="disk full"):
        feed(final, [ThreadedSink(inner, depth=1), other])
    assert inner.indices == [0, 1, 2]
    assert inner.left_with is OutputError
    assert other.indices[:4] == [0, 1, 2, 3]
    assert threading.active_count() == before


def test_an_optional_sink_that_fails_costs_the_others_nothing(frames, make_observation):
    overlay, results = Recorder(fail_at=3), Recorder()
    final = walk(
        frames, observe_with(make_observation), Everyone(), chunk=2, window=BackFillWindow(1)
    )
    with pytest.raises(OutputError, match="disk full"):
        feed(final, [ThreadedSink(overlay, optional=True), ThreadedSink(results)])
    assert results.indices == list(range(10))
    assert results.left_with is None


def test_a_failing_close_is_reported(frames, make_observation):
    final = walk(
        frames, observe_with(make_observation), Everyone(), chunk=2, window=BackFillWindow(1)
    )
    with pytest.raises(OutputError, match="cannot close"):
        feed(final, [ThreadedSink(Recorder(fail_on_exit=True))])


def test_a_threaded_sink_knows_that_the_run_stopped_early(frames, make_observation):
    def observe(some):
        raise ZeroDivisionError

    inner = Recorder()
    with pytest.raises(StageError):
        feed(
            walk(frames, observe, Everyone(), chunk=1, window=BackFillWindow(1)),
            [ThreadedSink(inner)],
        )
    assert inner.left_with not in (None, "not left")
