"""Contract of every sink: frames are taken in order, and however a run ends it is survived."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from rich.console import Console

from humantrack.errors import HumantrackError
from humantrack.pipeline.loop import feed
from humantrack.pipeline.progress import ProgressSink
from humantrack.pipeline.threads import ThreadedSink
from humantrack.render import Overlay, OverlaySink
from humantrack.results import ResultsWriter, load_results
from humantrack.types import FrameRecord, TrackedPerson
from humantrack.video import VideoWriter


class Flat:
    """A body model of one triangle."""

    faces = np.array([[0, 1, 2]])

    def vertices(self, bodies):
        corners = np.array([[0.0, -0.5, 0.0], [0.3, 0.5, 0.0], [-0.3, 0.5, 0.0]], np.float32)
        return np.tile(corners, (len(bodies), 1, 1))


def results(folder):
    path = folder / "results.pkl"
    return ResultsWriter(path), lambda: len(load_results(path))


def results_in_a_thread(folder):
    sink, count = results(folder)
    return ThreadedSink(sink, depth=1), count


def overlay(folder):
    path = folder / "overlay.mp4"

    def open_writer(width, height, *start):
        return VideoWriter(path, fps=Fraction(30), width=width, height=height)

    def count():
        with av.open(str(path)) as container:
            return sum(1 for _ in container.decode(video=0))

    return OverlaySink(Overlay(Flat(), kind="HUMAN_MESH"), open_writer), count


def overlay_in_a_thread(folder):
    sink, count = overlay(folder)
    return ThreadedSink(sink, depth=1), count


def progress_in_lines(folder):
    sink = ProgressSink("clip", 5, Console(file=io.StringIO()), bar=False)
    return sink, lambda: sink.frames


def progress_as_a_bar(folder):
    sink = ProgressSink("clip", None, Console(file=io.StringIO(), force_terminal=True), bar=True)
    return sink, lambda: sink.frames


SINKS = [
    results,
    results_in_a_thread,
    overlay,
    overlay_in_a_thread,
    progress_in_lines,
    progress_as_a_bar,
]


@pytest.fixture
def final(make_frame, make_observation):
    """Frames with their records; every other one has a person."""

    def build(count):
        for i in range(count):
            frame = make_frame(i)
            person = TrackedPerson(track_id=1, missed=0, observation=make_observation(i))
            record = FrameRecord(
                index=i,
                source_index=i,
                key=frame.key,
                time_s=frame.time_s,
                is_shot_start=False,
                image_size=(frame.height, frame.width),
                people=(person,) if i % 2 else (),
            )
            yield frame, record

    return build


@pytest.mark.parametrize("make", SINKS)
@pytest.mark.parametrize("count", [1, 7])
def test_every_frame_arrives(make, count, final, tmp_path):
    sink, arrived = make(tmp_path)
    feed(final(count), [sink])
    assert arrived() == count


@pytest.mark.parametrize("make", SINKS)
def test_a_run_without_a_frame_ends_quietly(make, final, tmp_path):
    sink, _ = make(tmp_path)
    feed(final(0), [sink])


@pytest.mark.parametrize("make", SINKS)
def test_a_run_that_fails_reports_its_own_error_and_leaves_no_scratch(make, final, tmp_path):
    def failing():
        yield from final(4)
        raise HumantrackError("the run failed")

    sink, _ = make(tmp_path)
    with pytest.raises(HumantrackError, match="the run failed"):
        feed(failing(), [sink])
    left = {p.name for p in tmp_path.iterdir()}
    assert left <= {"results.partial.pkl", "overlay.mp4"}


def test_what_was_final_before_a_failure_can_be_read(final, tmp_path):
    def failing():
        yield from final(4)
        raise HumantrackError("the run failed")

    with pytest.raises(HumantrackError):
        feed(failing(), [overlay(tmp_path)[0], results(tmp_path)[0]])
    assert len(load_results(tmp_path / "results.partial.pkl")) == 4
    assert overlay(tmp_path)[1]() == 4
