"""Side data of frames never ends a run; orientation in it is heeded once."""

from __future__ import annotations

import io
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type
from PIL import Image, ImageCms

from humantrack.video import open_source
from humantrack.video.orientation import Orientation

DATA = Path(__file__).parents[1] / "data" / "video"
EXIF = 31
"""FFmpeg's number of a kind that PyAV has no name for."""


@pytest.mark.parametrize(("name", "count"), [("exif.mov", 10), ("exif.avif", 1)])
def test_frames_with_exif_are_read(name, count):
    with av.open(str(DATA / name)) as container:
        frame: Any = next(container.decode(video=0))
        kinds = [getattr(entry, "type", entry) for entry in frame.side_data]  # PyAV 19: a mapping
        assert EXIF in [kind.value for kind in kinds]
    with open_source(DATA / name) as source:
        frames = list(source)
    assert [frame.rgb.shape for frame in frames] == [(180, 320, 3)] * count
    assert all(100 < frame.rgb.mean() < 200 for frame in frames)


def test_kinds_of_side_data_keep_their_names_and_unknown_ones_their_numbers():
    assert Type(6) is Type["DISPLAYMATRIX"] or Type["DISPLAYMATRIX"].value != 6
    assert Type(9999).value == 9999
    assert Type(9999) is Type(9999)
    with pytest.raises(ValueError, match="not a number"):
        Type("not a number")


def mjpeg(path: Path, turn: int, *, rotation: int = 0) -> Path:
    """A MOV of JPEG pictures that carry an orientation."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:20, :30], pixels[:20, 30:], pixels[20:, :30] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    exif = Image.Exif()
    exif[0x0112] = turn
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", exif=exif.tobytes(), quality=95)
    return of_pictures(path, "mjpeg", "yuvj420p", data.getvalue(), rotation=rotation)


def of_pictures(path: Path, codec: str, layout: str, picture: bytes, *, rotation: int = 0) -> Path:
    """A MOV of five times one picture of 60 x 40 pixels, as a file holds it."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        (stream.width, stream.height), stream.pix_fmt = (60, 40), layout
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(5):
            packet = av.Packet(picture)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.is_keyframe = True
            container.mux(packet)
    return path


def corners(rgb: np.ndarray) -> str:
    """Colours of the four quarters: top left, top right, bottom left, bottom right."""
    height, width = rgb.shape[:2]
    names = {(1, 0, 0): "R", (0, 1, 0): "G", (0, 0, 1): "B", (0, 0, 0): "K"}
    places = [(y, x) for y in (1, 3) for x in (1, 3)]
    return "".join(
        names[tuple(int(v > 120) for v in rgb[y * height // 4, x * width // 4])] for y, x in places
    )


SEEN = {1: "RGBK", 2: "GRKB", 3: "KBGR", 4: "BKRG", 5: "RBGK", 6: "BRKG", 7: "KGBR", 8: "GKRB"}
"""By TIFF 6.0's Orientation: where the quarters RGBK stand."""


@pytest.mark.parametrize(("turn", "expected"), SEEN.items())
def test_the_orientation_of_jpeg_pictures_in_a_video(tmp_path, turn, expected):
    with open_source(mjpeg(tmp_path / "a.mov", turn)) as source:
        frames = list(source)
        info = source.info
    assert [corners(frame.rgb) for frame in frames] == [expected] * 5
    assert (info.width, info.height) == ((40, 60) if turn >= 5 else (60, 40))


def test_a_frame_without_side_data_is_upright():
    assert Orientation.of(av.VideoFrame(16, 16, "rgb24")) == Orientation()


def test_a_colour_profile_with_a_name_does_not_crash_the_process(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = io.BytesIO()
    Image.new("RGB", (60, 40), (250, 0, 0)).save(data, "PNG", icc_profile=profile)
    path = of_pictures(tmp_path / "a.mov", "png", "rgb24", data.getvalue())
    program = (
        "import gc, sys, humantrack\n"
        "for _ in range(3):\n"
        "    with humantrack.open_source(sys.argv[1]) as source:\n"
        "        print(len([frame.rgb[20, 30] for frame in source]))\n"
        "    gc.collect()\n"
    )
    command = [sys.executable, "-c", program, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "5\n" * 3, "")
