"""Contract of every source."""

from __future__ import annotations

import gc
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from humantrack.errors import ConfigError, EmptySourceError
from humantrack.types import Frame
from humantrack.video import open_source

FRAMES = 40
KINDS = [
    "clip.mp4",
    "clip.mkv",
    "clip.MOV",
    "clip.avi",
    "clip.ts",
    "clip.webm",
    "vp8.webm",
    "h264.avi",
    "folder",
    "glob",
    "list",
]


@pytest.fixture(params=KINDS, scope="module")
def source(request, write_source):
    return write_source(request.param, FRAMES)


@pytest.fixture(scope="module")
def whole(source):
    return read(source)


def read(source, **bounds) -> list[Frame]:
    with open_source(source, **bounds) as frames:
        return list(frames)


def test_every_frame_comes_once_in_order_with_its_number(whole, number):
    frames = whole
    assert [number(f.rgb) for f in frames] == list(range(FRAMES))
    assert [f.index for f in frames] == list(range(FRAMES))
    assert [f.source_index for f in frames] == list(range(FRAMES))
    assert not any(f.is_shot_start for f in frames)
    assert len({f.key for f in frames}) == FRAMES


def test_time_starts_at_zero_and_increases(source, whole):
    times = [f.time_s for f in whole]
    assert times[0] == 0.0
    assert all(a < b for a, b in pairwise(times))
    rate = 30 if not str(source).endswith(("mp4", "mkv", "MOV", "avi", "ts", "webm")) else 25
    assert times == pytest.approx(np.arange(FRAMES) / rate, abs=1e-3)


def test_info_agrees_with_the_frames(source):
    with open_source(source) as frames:
        info = frames.info
        first = next(frames)
        assert (info.width, info.height) == (first.width, first.height) == (96, 64)
        assert 1 + len(list(frames)) == info.frame_count == FRAMES
        assert info.duration_s == pytest.approx(FRAMES / info.fps, abs=0.1)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"start_frame": 13}, range(13, FRAMES)),
        ({"start_frame": 16}, range(16, FRAMES)),
        ({"start_frame": 1, "end_frame": 2}, range(1, 2)),
        ({"end_frame": 7}, range(7)),
        ({"start_frame": 5, "end_frame": 999}, range(5, FRAMES)),
        ({"start_frame": -1, "end_frame": -1}, range(FRAMES)),
        ({"start_frame": FRAMES - 1}, range(FRAMES - 1, FRAMES)),
    ],
)
def test_a_slice_by_number_is_that_slice_of_the_whole(source, whole, bounds, expected):
    check_slice(whole, read(source, **bounds), expected)


@pytest.mark.parametrize(
    ("start", "end"), [(0.5, None), (None, 0.7), (0.32, 0.96), (-1, -1), (0.31, 0.35), (1.2, 99)]
)
def test_a_slice_by_time_holds_the_frames_of_those_times(source, whole, start, end):
    low = 0.0 if start in (None, -1) else start
    high = np.inf if end in (None, -1) else end
    expected = [f.index for f in whole if low <= f.time_s < high]
    check_slice(whole, read(source, start_time_s=start, end_time_s=end), expected)


def check_slice(whole, part, expected):
    assert [f.index for f in part] == list(range(len(part)))
    assert [f.source_index for f in part] == list(expected)
    for frame in part:
        same = whole[frame.source_index]
        assert frame.key == same.key
        assert frame.time_s == same.time_s
        assert np.array_equal(frame.rgb, same.rgb)


def test_bounds_by_number_and_time_hold_together(source, whole):
    part = read(source, start_frame=10, start_time_s=0.1, end_frame=30, end_time_s=0.7)
    check_slice(whole, part, [f.index for f in whole if 10 <= f.index < 30 and f.time_s < 0.7])


@pytest.mark.parametrize(
    "bounds", [{"start_frame": 4000}, {"start_time_s": 1000.0}, {"start_frame": 5, "end_frame": 5}]
)
def test_nothing_in_the_bounds_says_how_long_the_source_is(source, bounds):
    with (
        open_source(source, **bounds) as frames,
        pytest.raises(EmptySourceError, match="40 frames"),
    ):
        next(frames)


def test_negative_bounds_are_refused(source):
    with pytest.raises(ConfigError, match="start_frame"):
        open_source(source, start_frame=-7)


def test_closing_early_ends_the_thread_and_the_frames(source):
    frames = open_source(source, read_ahead=2)
    next(frames)
    assert any(t.name == "humantrack-read-ahead" for t in threading.enumerate())
    frames.close()
    frames.close()
    assert list(frames) == []


def test_a_forgotten_source_ends_its_thread(source):
    frames = open_source(source, read_ahead=1)
    next(frames)
    del frames
    gc.collect()  # the fixture checks that the thread is gone


def test_it_is_read_once_like_a_file(source, number):
    with open_source(source) as frames:
        assert [number(f.rgb) for f, _ in zip(frames, range(3), strict=False)] == [0, 1, 2]
        rest = [number(f.rgb) for f in frames]
        assert rest in (list(range(3, FRAMES)), list(range(4, FRAMES)))  # zip may eat one
        assert list(frames) == []


def test_without_a_thread_the_frames_are_the_same(source, whole):
    check_slice(whole, read(source, read_ahead=0), range(FRAMES))


def test_phalp_keys_are_unique_and_name_the_source(source):
    keys = [f.key for f in read(source, keys="phalp")]
    assert len(set(keys)) == FRAMES
    if isinstance(source, Path) and source.is_file():
        assert {key[0] for key in keys} == {str(source)}
        assert all(isinstance(key[1], int) for key in keys)
        assert [key[1] for key in keys] == sorted(key[1] for key in keys)
    elif isinstance(source, list):
        assert keys == [str(path) for path in source]
    else:
        assert all(Path(key).is_file() for key in keys)
