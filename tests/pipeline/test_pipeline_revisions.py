"""What turns out later of people in frames that the window still holds."""

from __future__ import annotations

import numpy as np

from humantrack.pipeline.window import BackFillWindow, held_state, revised_state
from humantrack.types import BackFill, FrameUpdate, Revised, TrackedPerson

BETTER = np.full(10, 0.5, np.float32)


def person(track_id, observation):
    return TrackedPerson(track_id=track_id, missed=0, observation=observation)


def revising(make_observation, frame, row):
    revised = Revised(frame_index=frame, row=row, values={"betas": BETTER})
    return make_observation(9, row=row, revises=(revised,))


def betas(window):
    """The first shape number of everybody in the frames held."""
    return [[float(p.observation.betas[0]) for p in r.people] for _, r in window.held]


def filled(make_frame, make_observation, count=2):
    window = BackFillWindow(3)
    for i in range(count):
        two = tuple(person(k + 1, make_observation(i, row=k)) for k in range(2))
        list(window.push(make_frame(i), FrameUpdate(people=two)))
    return window


def test_only_that_person_of_that_frame_is_put_right(make_frame, make_observation):
    window = filled(make_frame, make_observation)
    window.revise([make_observation(2), revising(make_observation, 1, 0)])
    assert betas(window) == [[0, 0], [0.5, 0]]
    assert window.held[1][1].people[0].track_id == 1


def test_frames_that_have_left_stay_as_they_are(make_frame, make_observation):
    window = filled(make_frame, make_observation, 5)
    window.revise([revising(make_observation, 0, 0)])
    assert betas(window) == [[0, 0]] * 3
    assert window.revised == ()


def test_a_track_filled_in_later_is_put_right_too_even_after_a_checkpoint(
    make_frame, make_observation
):
    window = filled(make_frame, make_observation)
    window.revise([revising(make_observation, 0, 5)])
    again = BackFillWindow(3)
    states = [held_state(*pair) for pair in window.held]
    frames = [make_frame(i) for i in range(2)]
    again.restore(frames, states, [revised_state(r) for r in window.revised])
    late = BackFill(frame_index=0, person=person(3, make_observation(0, row=5)))
    for one in (window, again):
        list(one.push(make_frame(2), FrameUpdate(people=(), back_fill=(late,))))
        assert betas(one) == [[0, 0, 0.5], [0, 0], []]
        list(one.flush())
        assert one.revised == ()
