"""How much is seen before a part."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from split_tools import FRAMES, Light, LightEstimator, alone, encode, in_parts, stored

from humantrack import BlazePose_4dhuman
from humantrack.split.plan import cuts_of
from humantrack.types import SourceInfo, stages
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


def clip_of(seconds, fps=30.0):
    frames = round(seconds * fps)
    return SourceInfo(
        name="long",
        path=Path("long.mp4"),
        kind="video",
        fps=fps,
        frame_count=frames,
        width=64,
        height=36,
    )


def work_of(info, cuts, warm_up_s):
    """Seconds of video that each part has to see."""
    begins = [0, *cuts, info.frame_count]
    own = np.diff(begins) / float(info.fps)
    before = [min(warm_up_s(cut / float(info.fps)), cut / float(info.fps)) for cut in cuts]
    return own + np.array([0.0, *before])


def test_a_part_begins_where_little_must_be_seen_before_it():
    """Cut in the midst of two minutes, the second part would see 10.5 s before it first."""
    info = clip_of(120)
    assert cuts_of(info, 0, 2, 8) == [1800]
    (cut,) = cuts_of(info, 0, 2, 8, BlazePose_4dhuman.warm_up_at)
    assert cut % 8 == 0
    assert 61.5 <= cut / 30 < 62
    assert work_of(info, [cut], BlazePose_4dhuman.warm_up_at).max() < 62
    assert work_of(info, [1800], BlazePose_4dhuman.warm_up_at).max() == pytest.approx(70.5)


@given(
    st.floats(1, 4000),
    st.sampled_from([10.0, 24.0, 29.97, 240.0]),
    st.integers(1, 40),
    st.sampled_from([1, 8, 32]),
    st.floats(0.0, 6.0),
)
def test_moved_cuts_are_in_order_and_make_no_more_work(seconds, fps, parts, chunk, settles_s):
    def warm_up_s(begin_s):
        return since_mark(begin_s, settles_s)

    info = clip_of(seconds, fps)
    even = cuts_of(info, 0, parts, chunk)
    cuts = cuts_of(info, 0, parts, chunk, warm_up_s)
    assert len(cuts) == len(even)
    assert all(cut % chunk == 0 for cut in cuts)
    assert all(a < b for a, b in pairwise([0, *cuts, info.frame_count]))
    least, most = (np.square(work_of(info, at, warm_up_s)).sum() for at in (cuts, even))
    assert least <= most * (1 + 1e-9)


def test_work_is_even_whether_or_not_the_place_makes_a_difference():
    info = clip_of(600)
    assert cuts_of(info, 0, 7, 8, lambda _: 0.0) == cuts_of(info, 0, 7, 8)
    work = work_of(info, cuts_of(info, 0, 7, 8, lambda _: 3.0), lambda _: 3.0)
    assert work == pytest.approx(np.full(7, (600 + 6 * 3) / 7), abs=0.3)
