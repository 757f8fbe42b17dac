"""A run in which nobody is found, or nobody for long, says so and what was tried."""

from __future__ import annotations

import types

import pytest

from humantrack.pipeline.summary import TrackCounter
from humantrack.run.run import Run, _why_nobody
from humantrack.types import FrameRecord


def counted(make_frame, people) -> TrackCounter:
    """A frame every half second, with somebody in it where ``people`` says so."""
    counter = TrackCounter()
    person = types.SimpleNamespace(
        track_id=1, missed=0, observation=types.SimpleNamespace(joint_source=None)
    )
    for i, there in enumerate(people):
        frame = make_frame(i)
        record = FrameRecord(
            index=i,
            source_index=i,
            key=frame.key,
            time_s=i / 2,
            is_shot_start=False,
            image_size=(36, 64),
            people=(person,) if there else (),
        )
        counter.write(frame, record)
        counter = TrackCounter.of(counter.state_dict())
    return counter


def said(counter: TrackCounter, **stages) -> str | None:
    return Run(None, types.SimpleNamespace(**stages))._nobody_found(counter)


TRIED = {"tried": lambda: "inputs of 416 and 640 px"}


def test_a_clip_without_anybody_is_told_with_what_was_tried(make_frame):
    counter = counted(make_frame, [0] * 3)
    assert (
        said(counter, **TRIED) == "nobody found in 3 frames; looked with inputs of 416 and 640 px"
    )
    assert said(counter) == "nobody found in 3 frames"


@pytest.mark.parametrize(
    ("people", "told"),
    [
        ([1] * 4 + [0] * 7 + [1], "from 2.0 s to 5.0 s"),
        ([0] * 7 + [1] * 4, "from 0.0 s to 3.0 s"),
        ([1] + [0] * 9, "from 0.5 s to 4.5 s"),
        ([1] + [0] * 7 + [1] + [0] * 9 + [1] + [0] * 8, "from 4.5 s to 8.5 s"),
    ],
)
def test_the_longest_stretch_without_anybody_is_told(make_frame, people, told):
    note = said(counted(make_frame, people), **TRIED)
    assert note == f"nobody found {told}; looked with inputs of 416 and 640 px"


def test_short_stretches_and_other_detectors_say_nothing(make_frame):
    assert said(counted(make_frame, [1] + [0] * 6 + [1] + [0] * 6), **TRIED) is None
    assert said(counted(make_frame, [1] + [0] * 9)) is None


@pytest.mark.parametrize(
    ("tracks", "frames", "seen", "told"),
    [
        (1, 3, 3, None),
        (0, 9, 0, None),
        (0, 3, 3, "a track counts from phalp.n_init=5 frames on"),
        (0, 7, 6, "people were seen in 6 of 7 frames, but not in enough in a row: a track counts"),
    ],
)
def test_people_who_are_seen_too_briefly_to_count_are_told(tracks, frames, seen, told):
    note = _why_nobody(types.SimpleNamespace(tracks=tracks, frames=frames), 5, seen)
    assert note is None if told is None else note.startswith(told)


@pytest.mark.parametrize(("asked", "told"), [(None, False), (1, False), (3, True)])
def test_an_overlay_of_somebody_who_is_not_there_says_so(make_frame, asked, told):
    counter = counted(make_frame, [1] * 3)
    stages = types.SimpleNamespace(visualizer=types.SimpleNamespace(only_track=asked))
    note = Run(None, stages)._nobody_drawn(counter)
    expected = "the overlay shows nobody: there is no track 3 (render.type), but 1"
    assert note == (expected if told else None)
