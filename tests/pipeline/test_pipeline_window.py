"""The back-fill window: order, delay, and where a late track's entries go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.pipeline.window import BackFillWindow
from humantrack.types import BackFill, FrameUpdate, TrackedPerson


def person(track_id, observation):
    return TrackedPerson(track_id=track_id, missed=0, observation=observation)


@pytest.mark.parametrize("length", [1, 3, 5])
def test_frames_come_out_in_order_after_the_window_is_full(make_frame, length):
    window = BackFillWindow(length)
    out = [list(window.push(make_frame(i), FrameUpdate(people=()))) for i in range(8)]
    assert [len(o) for o in out] == [0] * length + [1] * (8 - length)
    final = [record.index for some in [*out, list(window.flush())] for _, record in some]
    assert final == list(range(8))


def test_a_track_confirmed_late_is_written_into_its_earlier_frames(make_frame, make_observation):
    window = BackFillWindow(3)
    seen = person(1, make_observation(0))
    late = [
        BackFill(frame_index=i, person=person(2, make_observation(i)))
        for i in (1, 0)  # newest first, as the tracker gives them
    ]
    list(window.push(make_frame(0), FrameUpdate(people=(seen,))))
    list(window.push(make_frame(1), FrameUpdate(people=())))
    list(window.push(make_frame(2), FrameUpdate(people=(), back_fill=tuple(late))))
    records = [record for _, record in window.flush()]
    assert [[p.track_id for p in r.people] for r in records] == [[1, 2], [2], []]
    assert records[1].people[0].observation.frame_index == 1


def test_an_entry_for_a_frame_that_has_left_changes_nothing(make_frame, make_observation):
    window = BackFillWindow(1)
    out = list(window.push(make_frame(0), FrameUpdate(people=())))
    old = BackFill(frame_index=0, person=person(1, make_observation(0)))
    out += window.push(make_frame(1), FrameUpdate(people=()))
    out += window.push(make_frame(2), FrameUpdate(people=(), back_fill=(old,)))
    out += window.flush()
    assert [r.people for _, r in out] == [(), (), ()]


@given(frames=st.integers(0, 30), length=st.integers(-1, 10))
def test_no_frame_is_lost_or_doubled(frames, length):
    import numpy as np

    from humantrack.types import Frame

    window = BackFillWindow(length)
    out = []
    for i in range(frames):
        frame = Frame(
            index=i,
            source_index=i,
            time_s=i / 10,
            rgb=np.zeros((2, 2, 3), np.uint8),
            key=str(i),
        )
        out += window.push(frame, FrameUpdate(people=()))
        assert len(out) >= i + 1 - max(1, length)
    out += window.flush()
    assert [r.index for _, r in out] == list(range(frames))
