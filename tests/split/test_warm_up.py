"""How much is seen before a part."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from split_tools import FRAMES, Light, LightEstimator, alone, encode, in_parts, stored

from humantrack.types import stages
from humantrack.types.stages import FRESH_S, passes_mark, since_mark, warm_up_of


@given(st.floats(0, 1e5), st.floats(0, 5))
def test_a_mark_lies_in_the_warm_up_and_has_had_its_time(begin_s, settles_s):
    seconds = since_mark(begin_s, settles_s)
    assert 0 < seconds <= since_mark(math.inf, settles_s) + 1e-9
    start_s = begin_s - seconds
    mark = math.floor((begin_s - settles_s) / FRESH_S) * FRESH_S
    assert start_s < mark <= begin_s - settles_s + 1e-9
    assert mark - start_s == pytest.approx(0.5, abs=1e-6)


def test_marks_are_multiples_of_the_videos_time():
    assert not passes_mark(0.0, 9.99)
    assert passes_mark(9.99, 10.0)
    assert not passes_mark(10.0, 19.9)
    assert passes_mark(8.0, 31.0)
    assert passes_mark(-0.1, 0.0)


def test_a_stage_may_say_it_of_each_part():
    class Remembers:
        warm_up_s = 7.0

        @staticmethod
        def warm_up_before(begin_s):
            return begin_s / 2

    assert warm_up_of(Remembers()) == 7
    assert warm_up_of(Remembers(), 4.0) == 2
    assert warm_up_of(LightEstimator(), 4.0) == 0
    assert warm_up_of(object(), 4.0) == stages.USUAL_WARM_UP_S


class Counting(LightEstimator):
    """Remembers each whole tenth of a second by its first frame, and tells it as the shape."""

    warm_up_s = 0.2

    def reset(self):
        self.tenth, self.first = -1, 0

    def estimate(self, frames, detections):
        from dataclasses import replace

        out = []
        for frame, found in zip(frames, detections, strict=True):
            if math.floor(frame.time_s * 10) != self.tenth:
                self.tenth, self.first = math.floor(frame.time_s * 10), frame.source_index
            people = self._one(frame, found)
            shape = np.full_like(people.bodies.betas, self.first)
            out.append(replace(people, bodies=replace(people.bodies, betas=shape)))
        return out

    def state_dict(self):
        return {"tenth": self.tenth, "first": self.first}

    def load_state_dict(self, state):
        self.tenth, self.first = state["tenth"], state["first"]


class Counted(Light):
    """A tracker with that memory."""

    def setup_hmr(self):
        self.body, self.estimator = None, Counting()
        self.estimator.reset()


@pytest.mark.parametrize(
    "step", [lambda n: 3, lambda n: 1 if n < 15 else 6, lambda n: 12 if n < 10 else 1]
)
def test_uneven_times_get_as_much_as_their_stages_need(boxes, tmp_path, step):
    """A count of frames says little of seconds where frames come fast and slowly."""
    path = tmp_path / "long.mp4"
    stamps = [0]
    for n in range(1, FRAMES):
        stamps.append(stamps[-1] + step(n))
    encode(path, stamps)
    one = alone(path, tmp_path / "one", boxes, kind=Counted)
    two = in_parts(path, tmp_path / "two", boxes, "split.parts=4", kind=Counted)
    assert stored(two) == stored(one)
