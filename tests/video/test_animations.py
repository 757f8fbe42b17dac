"""Animated pictures and documents of several pages give all their frames, with their times."""

from __future__ import annotations

import logging
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from humantrack.errors import EmptySourceError
from humantrack.video import open_source
from humantrack.video.images import read_image

DURATIONS = [40, 40, 80, 200, 40, 40, 120, 60, 100, 100]
"""Milliseconds."""

STARTS = [sum(DURATIONS[:i]) / 1000 for i in range(len(DURATIONS))]


def picture(number: int) -> Image.Image:
    pixels = np.full((48, 64, 3), number * 20, np.uint8)
    pixels[:, : 6 * number + 4] = 255 - 20 * number
    return Image.fromarray(pixels)


def write(path: Path, count: int = 10, **options: object) -> Path:
    pictures = [picture(number) for number in range(count)]
    if path.suffix != ".tif":
        options["duration"] = DURATIONS[:count]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)
    return path


@pytest.mark.parametrize("suffix", [".webp", ".png", ".gif", ".avif", ".WEBP"])
def test_every_frame_comes_at_its_time(tmp_path, suffix):
    path = write(tmp_path / f"a{suffix}")
    with open_source(path) as source:
        frames = list(source)
        assert source.info.kind == "video"
        assert source.info.frame_count in (10, None)
        assert float(source.info.fps) == pytest.approx(10 / (sum(DURATIONS) / 1000), rel=0.25)
        assert source.decode_errors == 0
    assert [f.source_index for f in frames] == list(range(10))
    assert [f.time_s for f in frames] == pytest.approx(STARTS, abs=0.002)
    for number, frame in enumerate(frames):
        expected = np.asarray(picture(number)).astype(int)
        assert np.abs(frame.rgb.astype(int) - expected).mean() < 6


@pytest.mark.parametrize("big", [False, True])
def test_every_page_of_a_tiff_is_a_frame(tmp_path, big):
    path = write(tmp_path / "a.tif", big_tiff=big)
    with open_source(path, fps=10) as source:
        frames = list(source)
        assert source.info.frame_count == 10
    assert [f.time_s for f in frames] == pytest.approx([i / 10 for i in range(10)])
    assert all(np.array_equal(f.rgb, picture(i)) for i, f in enumerate(frames))


@pytest.mark.parametrize("suffix", [".webp", ".png", ".gif", ".avif", ".tif"])
@pytest.mark.parametrize("keys", ["name", "phalp"])
def test_frames_are_the_same_when_begun_in_the_middle(tmp_path, suffix, keys):
    with open_source(write(tmp_path / f"a{suffix}"), keys=keys) as source:
        every = list(source)
        source.begin_again(6)
        again = list(source)
    assert len({f.key for f in every}) == 10
    assert [f.source_index for f in again] == [6, 7, 8, 9]
    for frame in again:
        twin = every[frame.source_index]
        assert (frame.time_s, frame.key) == (twin.time_s, twin.key)
        assert np.array_equal(frame.rgb, twin.rgb)


@pytest.mark.parametrize("suffix", [".webp", ".png", ".gif", ".avif", ".tif"])
def test_one_frame_is_a_picture(tmp_path, suffix):
    with open_source(write(tmp_path / f"a{suffix}", count=1)) as source:
        assert source.info.kind == "images"
        assert len(list(source)) == 1


def test_bounds_by_time_and_number(tmp_path):
    path = write(tmp_path / "a.webp")
    with open_source(path, start_time_s=0.1, end_frame=7) as source:
        assert [f.source_index for f in source] == [3, 4, 5, 6]


def test_a_duration_of_nothing_is_a_tenth_of_a_second(tmp_path):
    pictures = [picture(number) for number in range(3)]
    path = tmp_path / "a.webp"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=0)
    with open_source(path) as source:
        assert [f.time_s for f in source] == pytest.approx([0, 0.1, 0.2])


@pytest.mark.parametrize("suffix", [".webp", ".tif"])
@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.95])
def test_one_that_is_cut_short_gives_what_is_there(tmp_path, suffix, part):
    path = write(tmp_path / f"a{suffix}")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    try:
        with open_source(path) as source:
            frames = list(source)
            count = source.info.frame_count
            errors = source.decode_errors
    except EmptySourceError:
        return
    assert len(frames) < 10
    assert errors or len(frames) == count


def tiff_of(pages: list[tuple[int, int, int]]) -> bytes:
    """A grey TIFF of pages (NewSubfileType, width, height)."""
    data = bytearray(b"II*\0\x08\0\0\0")
    for number, (kind, width, height) in enumerate(pages):
        directory = len(data)
        fields = [(254, kind), (256, width), (257, height), (258, 8), (259, 1), (262, 1)]
        pixels = directory + 2 + 12 * 9 + 4
        fields += [(273, pixels), (278, height), (279, width * height)]
        data += struct.pack("<H", len(fields))
        for tag, value in fields:
            data += struct.pack("<HHII", tag, 4, 1, value)
        is_last = number == len(pages) - 1
        data += struct.pack("<I", 0 if is_last else pixels + width * height)
        data += bytes([50 * number]) * (width * height)
    return bytes(data)


def test_small_copies_and_masks_in_a_tiff_are_no_pages(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_of([(0, 64, 48), (1, 16, 12), (2, 60, 40), (4, 64, 48)]))
    with open_source(path) as source:
        frames = list(source)
    assert [(f.width, f.height, int(f.rgb[0, 0, 0])) for f in frames] == [
        (64, 48, 0),
        (60, 40, 100),
    ]


def test_a_chain_of_pages_that_bites_its_tail_ends(tmp_path):
    data = bytearray(tiff_of([(0, 8, 8), (0, 8, 8)]))
    second = struct.unpack_from("<I", data, 8 + 2 + 12 * 9)[0]
    struct.pack_into("<I", data, second + 2 + 12 * 9, 8)
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    with open_source(path) as source:
        assert len(list(source)) == 2


def test_an_animation_among_images_gives_its_first_frame_and_a_note(tmp_path, caplog):
    folder = tmp_path / "pictures"
    folder.mkdir()
    write(folder / "1.webp")
    picture(3).save(folder / "2.png")
    with caplog.at_level(logging.WARNING), open_source(folder) as source:
        frames = list(source)
    assert len(frames) == 2
    assert np.abs(frames[0].rgb.astype(int) - np.asarray(picture(0))).mean() < 6
    assert "1.webp" in caplog.text


@pytest.mark.parametrize(
    "suffix", [".avif", ".jfif", ".ppm", ".pgm", ".pnm", ".tiff", ".webp", ".bmp", ".JPG", ".Tif"]
)
@pytest.mark.parametrize("way", ["alone", "folder", "glob"])
def test_every_kind_of_image_is_found(tmp_path, suffix, way):
    kinds = {".jfif": "JPEG", ".jpg": "JPEG", ".pnm": "PPM", ".pgm": "PPM", ".tif": "TIFF"}
    path = tmp_path / f"7{suffix}"
    shown = picture(4).convert("L") if suffix == ".pgm" else picture(4)
    shown.save(path, kinds.get(suffix.lower()))
    given = {"alone": path, "folder": tmp_path, "glob": tmp_path / f"*{suffix}"}[way]
    with open_source(given) as source:
        (frame,) = list(source)
        assert source.info.kind == "images"
    assert np.abs(frame.rgb.astype(int) - np.asarray(picture(4))).mean() < 8


@pytest.mark.parametrize("turn", [1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_orientation_is_heeded_once(tmp_path, kind, turn):
    """The corner that Pillow's picture has in front is there in ours."""
    from PIL import ImageOps

    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:20, :30], pixels[:20, 30:], pixels[20:, :30] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    path = tmp_path / f"a.{kind.lower()}"
    exif = Image.Exif()
    exif[0x0112] = turn
    options = {"tiffinfo": {274: turn}} if kind == "TIFF" else {"exif": exif.tobytes()}
    Image.fromarray(pixels).save(path, **options)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)
    got = read_image(path).astype(int)
    assert got.shape == expected.shape
    assert np.abs(got - expected).mean() < 12


@pytest.mark.parametrize(
    ("values", "white"),
    [
        (np.float32, 1.0),
        (np.float32, 255.0),
        (np.float32, 65535.0),
        (np.uint16, 65535.0),
        (np.uint16, 4095.0),
        (np.uint16, 16383.0),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_deep_tiffs_are_shown_at_their_own_scale(tmp_path, values, white, channels):
    ramp = np.linspace(0, 1, 64)[None, :, None].repeat(48, 0).repeat(channels, 2)
    path = tmp_path / "a.tif"
    cv2.imwrite(str(path), (ramp * white).astype(values).squeeze())
    got = read_image(path).astype(int)
    assert got.shape == (48, 64, 3)
    assert np.abs(got - ramp * 255).max() <= 2


def test_what_is_no_number_is_black(tmp_path):
    values = np.full((20, 30, 3), 0.5, np.float32)
    values[0, 0], values[0, 1] = np.nan, -1
    values[0, 2] = np.inf
    path = tmp_path / "a.tif"
    cv2.imwrite(str(path), values)
    got = read_image(path)
    assert got[0, 0].tolist() == got[0, 1].tolist() == [0, 0, 0]
    assert got[0, 2].tolist() == [255, 255, 255]
    assert got[10, 10].tolist() == [128, 128, 128]
