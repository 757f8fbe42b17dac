"""Known colours come back from every way of storing them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from humantrack.video import VideoWriter, open_source
from humantrack.video.colour import RgbConverter

DATA = Path(__file__).parents[1] / "data" / "video"
PATCHES = np.array(
    [
        *([255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]),
        *([128, 128, 128], [200, 150, 120], [16, 16, 16], [255, 255, 255]),
    ]
)
WIDE = 32
LUMA = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.088, 0.8956]])
"""From BT.709 (ITU-R BT.2087)."""


def coded(rgb: np.ndarray, matrix: int, bits: int, *, is_full: bool) -> np.ndarray:
    """(N,3) R'G'B' of 0..1 -> (3,N) Y'CbCr, by the equations of H.273."""
    red_part, blue_part = LUMA[matrix]
    r, g, b = rgb.T
    y = red_part * r + (1 - red_part - blue_part) * g + blue_part * b
    cb, cr = (b - y) / (2 * (1 - blue_part)), (r - y) / (2 * (1 - red_part))
    unit = 2 ** (bits - 8)
    if is_full:
        top = 2**bits - 1
        values = [y * top, cb * top + 128 * unit, cr * top + 128 * unit]
        return np.clip(np.rint(values), 0, top)
    return np.rint([16 * unit + 219 * unit * y, *(128 * unit + 224 * unit * c for c in (cb, cr))])


def frame_of(
    planes: np.ndarray, bits: int, size: tuple[int, int] | None = None, **tags: int
) -> av.VideoFrame:
    """A frame of patches side by side, 4:4:4."""
    count = planes.shape[1]
    width, height = size or (count * WIDE, 64)
    frame = av.VideoFrame(width, height, "yuv444p" if bits == 8 else f"yuv444p{bits}le")
    dtype = np.uint8 if bits == 8 else np.uint16
    patch = np.arange(width) * count // width
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((height, plane.line_size // np.dtype(dtype).itemsize), dtype)
        rows[:, :width] = values[patch]
        plane.update(rows.tobytes())
    for name, value in tags.items():
        setattr(frame, name, value)
    return frame


def seen(frame: av.VideoFrame) -> np.ndarray:
    rgb = RgbConverter(frame).convert(frame)
    step = rgb.shape[1] // len(PATCHES)
    return rgb[rgb.shape[0] // 2, step // 2 :: step].astype(int)


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("matrix", [1, 5, 6])
def test_tagged_colours(matrix, is_full, bits):
    planes = coded(PATCHES / 255, matrix, bits, is_full=is_full)
    frame = frame_of(planes, bits, colorspace=matrix, color_range=2 if is_full else 1)
    assert np.abs(seen(frame) - PATCHES).max() <= 3


@pytest.mark.parametrize(
    ("size", "matrix"),
    [
        *(((1280, 720), 1), ((720, 1280), 1), ((1280, 544), 1), ((1024, 720), 1)),
        *(((720, 576), 5), ((640, 360), 5), ((1272, 712), 5)),
    ],
)
def test_untagged_hd_is_bt709_and_sd_bt601(size, matrix):
    planes = coded(PATCHES / 255, matrix, 8, is_full=False)
    assert np.abs(seen(frame_of(planes, 8, size)) - PATCHES).max() <= 3


def test_sd_that_names_its_primaries_goes_by_them():
    planes = coded(PATCHES / 255, 1, 8, is_full=False)
    assert np.abs(seen(frame_of(planes, 8, color_primaries=1)) - PATCHES).max() <= 3


@pytest.mark.parametrize("colorspace", [3, 10, 11, 12, 13, 14, 15])
def test_a_matrix_ffmpeg_does_not_convert_costs_no_frame(colorspace):
    planes = coded(PATCHES / 255, 5, 8, is_full=False)
    assert seen(frame_of(planes, 8, colorspace=colorspace)).shape == PATCHES.shape


@pytest.mark.parametrize("is_full", [False, True])
def test_ycgco(is_full):
    r, g, b = (PATCHES / 255).T
    y, cg, co = r / 4 + g / 2 + b / 4, -r / 4 + g / 2 - b / 4, r / 2 - b / 2
    if is_full:
        planes = np.clip(np.rint([255 * y, 255 * cg + 128, 255 * co + 128]), 0, 255)
    else:
        planes = np.rint([16 + 219 * y, 128 + 224 * cg, 128 + 224 * co])
    frame = frame_of(planes, 8, colorspace=8, color_range=2 if is_full else 1)
    assert np.abs(seen(frame) - PATCHES).max() <= 4


def test_rgb_with_any_tag_stays_as_it_is():
    rgb = np.repeat(np.repeat(PATCHES[None].astype(np.uint8), 64, 0), WIDE, 1)
    for layout in ("rgb24", "gbrp"):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        frame = frame.reformat(format=layout)
        for colorspace in (0, 1, 2):
            frame.colorspace = colorspace
            assert np.abs(seen(frame) - PATCHES).max() <= 1


def test_wide_gamut_of_ordinary_brightness_is_brought_to_bt709():
    light = (PATCHES / 255) ** 2.4 @ TO_2020.T
    planes = coded(light ** (1 / 2.4), 9, 10, is_full=False)
    frame = frame_of(planes, 10, colorspace=9, color_primaries=9, color_trc=14)
    assert np.abs(seen(frame)[4:] - PATCHES[4:]).max() <= 3
    assert np.abs(seen(frame) - PATCHES).max() <= 12  # 10 bits of a saturated primary


def pq(nits: np.ndarray) -> np.ndarray:
    """Codes of SMPTE ST 2084."""
    y = (nits / 10000) ** (2610 / 16384)
    top, bottom = 3424 / 4096 + 2413 / 128 * y, 1 + 2392 / 128 * y
    return (top / bottom) ** (2523 / 32)


def grey(codes: np.ndarray, transfer: int) -> np.ndarray:
    """Levels that greys of these codes are shown at."""
    planes = coded(np.repeat(codes[:, None], 3, axis=1), 9, 10, is_full=False)
    frame = frame_of(planes, 10, colorspace=9, color_primaries=9, color_trc=transfer)
    rgb = RgbConverter(frame).convert(frame)[32, WIDE // 2 :: WIDE].astype(int)
    assert np.ptp(rgb, axis=1).max() <= 1
    return rgb[:, 0]


def test_pq_keeps_what_sdr_can_show_and_rolls_off_above():
    nits = np.array([0, 1, 5, 20, 50, 100, 203, 400, 600, 1000, 4000])
    shown = grey(pq(nits), 16)
    linear = 255 * np.minimum(nits / 203, 1) ** (1 / 2.4)
    assert np.abs(shown[:6] - linear[:6]).max() <= 3
    assert (np.diff(shown[:10]) > 0).all()  # highlights up to 1000 keep their order
    assert shown[-2] == shown[-1] == 255


def test_hlg_keeps_its_order_and_middle_grey():
    shown = grey(np.array([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]), 18)
    assert (np.diff(shown) > 0).all()
    assert abs(shown[3] - 255 * (1000 / 12**1.2 / 203) ** (1 / 2.4)) <= 3
    assert 215 <= shown[4] <= 240  # the white of paper (BT.2408)


def test_an_hdr_clip_looks_like_its_sdr_twin():
    with open_source(DATA / "truepq.mp4") as hdr, open_source(DATA / "sdr24.mp4") as sdr:
        pairs = [(a.rgb.astype(int), b.rgb.astype(int)) for a, b in zip(hdr, sdr, strict=True)]
    assert len(pairs) == 24
    for a, b in pairs:
        assert np.abs(a - b).mean() < 6
        low, high = (np.percentile(x, [5, 95]) for x in (a, b))
        assert np.abs(low - high).max() < 12


def test_hdr_frames_are_the_same_after_a_seek():
    with open_source(DATA / "truepq.mp4") as source:
        every = list(source)
        source.begin_again(17)
        again = list(source)
    assert [f.source_index for f in again] == list(range(17, 24))
    assert all(np.array_equal(f.rgb, every[f.source_index].rgb) for f in again)


def test_untagged_hd_of_a_file(tmp_path):
    path = tmp_path / "hd.mp4"
    rgb = np.repeat(np.repeat(PATCHES[None].astype(np.uint8), 720, 0), 160, 1)
    with VideoWriter(path, fps=Fraction(25), width=1280, height=720, crf=5) as writer:
        writer.write(rgb)
    with open_source(path) as source:
        frame = next(source).rgb.astype(int)
    assert np.abs(frame[360, 80::160] - PATCHES).max() <= 4
    with av.open(str(path)) as container:
        codec: Any = container.streams.video[0].codec_context
        assert (codec.color_primaries, codec.color_trc, codec.colorspace) == (1, 1, 1)
