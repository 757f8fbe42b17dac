"""Looks between full ones: as small as shows everybody, and full where somebody came or went."""

from __future__ import annotations

import numpy as np
import pytest

from humantrack.detect import NanoDet
from humantrack.detect.nanodet import detector as module
from humantrack.types import Frame

STAYS = (10, 2, 20, 30)
COMES = (50, 4, 58, 30)


@pytest.fixture
def clip(monkeypatch):
    """Gives frames in which, at an input of some size, boxes show with some scores, and the calls.

    ``clip(scores, n)``: ``scores(frame number, size)`` -> {box: score}.
    """
    calls: list[tuple[int, int]] = []

    def make(scores, n: int) -> tuple[list[Frame], list[tuple[int, int]]]:
        def candidates(rgb, long_side, threshold, threads):
            index = int(rgb[0, 0, 0])
            calls.append((index, long_side))
            found = scores(index, long_side)
            boxes = np.array(list(found), np.float32).reshape(-1, 4)
            return boxes, np.array(list(found.values()), np.float32)

        monkeypatch.setattr(module, "candidates", candidates)
        picture = np.zeros((36, 64, 3), np.uint8)
        frames = [
            Frame(index=i, source_index=i, time_s=i / 30, rgb=picture + np.uint8(i), key=f"{i}")
            for i in range(n)
        ]
        return frames, calls

    return make


def sizes(calls: list[tuple[int, int]], index: int) -> list[int]:
    return sorted(size for i, size in calls if i == index)


def test_the_smallest_input_that_shows_everybody_confirms(clip):
    frames, calls = clip(lambda i, size: {STAYS: 0.8}, 50)
    NanoDet(every="auto").detect(frames)
    assert sizes(calls, 0) == [320, 416, 640]
    assert sizes(calls, 1) == [416, 640]
    for i in (2, 3, 4, 9, 14, 24, 29, 39, 44):
        assert sizes(calls, i) == [320], i
    assert sizes(calls, 19) == [416, 640], "half a second after the last full one"
    assert sizes(calls, 34) == [320, 416, 640], "a second after the last look at everything"


@pytest.mark.parametrize("misses", [(320,), (320, 416)])
def test_an_input_that_misses_somebody_does_not_confirm(clip, misses):
    frames, calls = clip(lambda i, size: {} if size in misses else {STAYS: 0.8}, 15)
    NanoDet(every="auto").detect(frames)
    assert sizes(calls, 9) == [416 if misses == (320,) else 640]


def test_people_who_show_in_different_inputs_need_both(clip):
    shows = {320: {}, 416: {STAYS: 0.8}, 640: {COMES: 0.8}}
    frames, calls = clip(lambda i, size: shows[size], 15)
    found = NanoDet(every="auto").detect(frames)
    assert sizes(calls, 9) == [416, 640]
    assert len(found[9]) == 2


def test_where_one_is_missed_the_look_becomes_full(clip):
    def scores(i, size):
        return {STAYS: 0.3 if i >= 9 and size == 320 else 0.8}

    frames, calls = clip(scores, 15)
    found = NanoDet(every="auto").detect(frames)
    assert sizes(calls, 9) == [320, 416, 640]
    assert found[9].score.max() == pytest.approx(0.8)
    assert sizes(calls, 14) == [416], "which is enough from now on"


def test_somebody_who_shows_weakly_makes_the_look_full(clip):
    def scores(i, size):
        coming = {COMES: 0.25 if size == 320 else 0.7} if i >= 9 else {}
        return {STAYS: 0.8, **coming}

    frames, calls = clip(scores, 12)
    found = NanoDet(every="auto").detect(frames)
    assert sizes(calls, 9) == [320, 416, 640]
    assert np.count_nonzero(found[9].score >= 0.4) == 2
    assert found[11].looked, "after somebody came"


def test_who_shows_strongly_where_nobody_was_is_looked_at_in_full(clip):
    def scores(i, size):
        lamp = {COMES: 0.5} if i >= 9 and size == 320 else {}
        return {STAYS: 0.8, **lamp}

    frames, calls = clip(scores, 12)
    found = NanoDet(every="auto").detect(frames)
    assert sizes(calls, 9) == [320, 416, 640]
    assert np.count_nonzero(found[9].score >= 0.4) == 1


@pytest.mark.parametrize("box", [(12, 2, 22, 30), (50, 4, 52, 6)])
def test_a_part_of_somebody_and_a_tiny_box_do_not(clip, box):
    frames, calls = clip(lambda i, size: {STAYS: 0.8, **({box: 0.25} if i >= 9 else {})}, 12)
    NanoDet(every="auto").detect(frames)
    assert sizes(calls, 9) == [320]


def test_a_weak_box_that_a_full_look_saw_too_does_not(clip):
    frames, calls = clip(lambda i, size: {STAYS: 0.8, COMES: 0.3}, 15)
    NanoDet(every="auto").detect(frames)
    assert sizes(calls, 9) == sizes(calls, 14) == [320]


def test_chunks_and_resuming_change_nothing(clip):
    def scores(i, size):
        there = {STAYS: 0.3 if size == 320 and i % 19 == 14 else 0.8}
        coming = {COMES: 0.25 if size == 320 else 0.6} if 20 <= i < 60 else {}
        return {**there, **coming}

    frames, _ = clip(scores, 90)
    together = NanoDet(every="auto").detect(frames)
    state, parts = None, []
    for start in range(0, len(frames), 7):
        detector = NanoDet(every="auto")
        if state is not None:
            detector.load_state_dict(state)
        parts += detector.detect(frames[start : start + 7])
        state = detector.state_dict()
    for a, b in zip(parts, together, strict=True):
        assert a.looked == b.looked
        np.testing.assert_array_equal(a.score, b.score)


def test_every_nth_frame_is_always_looked_at_in_full(clip):
    frames, calls = clip(lambda i, size: {STAYS: 0.8}, 12)
    NanoDet(every=3).detect(frames)
    assert sizes(calls, 9) == [416, 640]
