"""Cuts found while the frames go by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from humantrack.types import Frame
from humantrack.video import mark_shots, open_source

DEMO = Path(__file__).parents[1] / "data" / "demo.mp4"


def scene(number: int, frame: int, width: int = 160, height: int = 90) -> np.ndarray:
    """A coloured gradient of its own for each scene, drifting slowly."""
    x = np.linspace(0, 1, width) + frame * 0.002
    y = np.linspace(0, 1, height)[:, None]
    channels = [
        (np.sin(3 * x * (number + 1) + c * number) + y + 1) * 80 * ((number + c) % 3 + 1) / 3
        for c in range(3)
    ]
    return np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)


def clip(lengths, sizes=((160, 90),)):
    index = 0
    for number, length in enumerate(lengths):
        width, height = sizes[number % len(sizes)]
        for _ in range(length):
            rgb = scene(number, index, width, height)
            yield Frame(index=index, source_index=index + 100, time_s=index / 25, rgb=rgb, key="k")
            index += 1


def starts(frames):
    return [n for n, frame in enumerate(frames) if frame.is_shot_start]


def test_known_cuts_are_found_and_nothing_else_changes():
    before = list(clip([20, 30, 25, 16]))
    after = list(mark_shots(iter(before)))
    assert starts(after) == [20, 50, 75]
    assert [f.source_index for f in after] == [f.source_index for f in before]
    assert all(a.rgb is b.rgb for a, b in zip(after, before, strict=True))


def test_a_cut_survives_encoding(make_clip):
    path = make_clip(
        "cuts.mp4", frames=60, size=(160, 90), picture=lambda n: scene(n // 20, n), gop=250
    )
    with open_source(path) as source:
        assert starts(mark_shots(source)) == [20, 40]
    with open_source(path, start_frame=5) as source:
        assert starts(mark_shots(source)) == [15, 35]


def test_pictures_may_change_their_size():
    sizes = ((160, 90), (90, 160), (300, 301))
    assert starts(mark_shots(clip([20, 20, 20], sizes))) == [20, 40]


def test_shots_shorter_than_the_minimum_are_not_split():
    assert starts(mark_shots(clip([20, 8, 30]))) == [20]
    assert starts(mark_shots(clip([20, 8, 30]), min_shot_frames=5)) == [20, 28]


@pytest.mark.parametrize("length", [0, 1, 2, 3, 5])
def test_short_clips_come_whole(length):
    frames = list(mark_shots(clip([length])))
    assert [f.index for f in frames] == list(range(length))
    assert starts(frames) == []


def test_it_looks_only_a_few_frames_ahead():
    taken = []

    def counted():
        for frame in clip([30]):
            taken.append(frame.index)
            yield frame

    for frame in mark_shots(counted()):
        assert len(taken) <= frame.index + 3


def test_a_moving_camera_is_no_cut():
    with open_source(DEMO) as source:
        assert starts(mark_shots(source)) == []
