"""Frames have square pixels, whatever shape a video stores them in."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from humantrack.video import extracting, open_source
from humantrack.video.aspect import sane, squared

DATA = Path(__file__).parents[1] / "data" / "video"


def disc(width: int, height: int, aspect: float) -> np.ndarray:
    """A white circle in the middle, as stored with pixels of this aspect."""
    rows, columns = np.mgrid[:height, :width]
    x, y = (columns - width / 2 + 0.5) * aspect, rows - height / 2 + 0.5
    inside = np.hypot(x, y) < 0.3 * min(width * aspect, height)
    return np.repeat((inside * 255).astype(np.uint8)[..., None], 3, axis=2)


def extent(rgb: np.ndarray) -> tuple[int, int]:
    """(W, H) of what is white."""
    white = rgb.mean(axis=2) > 127
    return int(white.any(axis=0).sum()), int(white.any(axis=1).sum())


def write(
    path: Path, aspect: Any, size: tuple[int, int], *, frames: int = 6, turn: int = 0
) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"bf": "2", "crf": "10"})
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        stream.codec_context.gop_size = 4
        if turn:
            stream.set_display_rotation(turn)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(disc(*size, float(aspect)), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi"])
@pytest.mark.parametrize(
    "aspect", [Fraction(2), Fraction(1, 2), Fraction(64, 45), Fraction(10, 11)]
)
def test_a_circle_is_round(tmp_path, suffix, aspect):
    stored = (160, 120)
    path = write(tmp_path / f"a{suffix}", aspect, stored)
    with open_source(path) as source:
        frames = list(source)
        info = source.info
    expected = squared(stored, aspect, 2**27)
    assert (info.width, info.height) == expected
    assert expected == (round(160 * max(aspect, 1)), round(120 / min(aspect, 1)))
    assert info.sample_aspect == aspect
    assert len(frames) == 6
    for frame in frames:
        assert (frame.width, frame.height) == expected
        width, height = extent(frame.rgb)
        assert abs(width - height) <= 3


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_the_stored_picture_is_squared_before_it_is_turned(tmp_path, turn):
    path = write(tmp_path / "a.mp4", Fraction(2), (160, 120), turn=turn)
    with open_source(path) as source:
        frame = next(source)
        size = (source.info.width, source.info.height)
    assert size == (frame.width, frame.height) == ((320, 120) if turn == 180 else (120, 320))
    width, height = extent(frame.rgb)
    assert abs(width - height) <= 3


@pytest.mark.parametrize(
    "aspect", [None, 0, Fraction(0, 7), 1000, Fraction(1, 1000), Fraction(1281, 1280)]
)
def test_senseless_and_nearly_square_pixels_count_as_square(aspect):
    assert sane(aspect) == 1


def test_a_picture_never_grows_beyond_what_is_decoded():
    assert squared((12000, 9000), Fraction(2), 2**27) == (12000, 9000)


def test_an_absurd_header_changes_nothing(tmp_path):
    path = write(tmp_path / "a.mp4", Fraction(1000), (160, 120))
    with open_source(path) as source:
        assert next(source).rgb.shape == (120, 160, 3)
        assert source.info.sample_aspect == 1


def joined(tmp_path: Path, aspects: list[Fraction]) -> Path:
    """Raw H.264 with reordered frames, whose pixels change their shape every 8 frames."""
    path = tmp_path / "joined.h264"
    pieces = [write(tmp_path / f"{i}.h264", a, (160, 96), frames=8) for i, a in enumerate(aspects)]
    path.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    return path


def test_pixels_that_change_on_the_way_change_with_the_frame(tmp_path):
    path = joined(tmp_path, [Fraction(1), Fraction(2), Fraction(1, 2), Fraction(1)])
    with open_source(path) as source:
        sizes = [(frame.width, frame.height) for frame in source]
    runs = [(size, len(list(group))) for size, group in itertools.groupby(sizes)]
    assert runs == [((160, 96), 8), ((320, 96), 8), ((160, 192), 8), ((160, 96), 8)]


def test_frames_are_the_same_after_a_seek():
    with open_source(DATA / "anam21.mp4") as source:
        every = list(source)
        source.begin_again(27)
        again = list(source)
    assert [f.source_index for f in again] == list(range(27, 40))
    for frame in again:
        assert np.array_equal(frame.rgb, every[frame.source_index].rgb)


def test_extracted_frames_are_square_too(tmp_path):
    with open_source(DATA / "anam21.mp4", end_frame=2) as source:
        frames = list(extracting(source, tmp_path / "img"))
    assert {frame.rgb.shape for frame in frames} == {(180, 320, 3)}
