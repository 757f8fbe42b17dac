"""Decoders that cannot be opened, tags in any encoding, and the numbers of PyAV 19."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import av
import hostile_clips as clips
import numpy as np

from humantrack.video import VideoWriter, open_source


def _with_alac(path: Path) -> Path:
    """A clip of 10 frames with sound whose decoder needs a header of its own."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("alac", rate=48000)
        for number in range(10):
            picture = np.full((48, 64, 3), 20 * number, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            samples = np.zeros((2, 1920), np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16p", layout="stereo")
            frame.sample_rate, frame.pts = 48000, 1920 * number
            container.mux(sound.encode(frame))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    return path


def test_sound_whose_decoder_cannot_be_opened_is_left_out(tmp_path, caplog):
    path = _with_alac(tmp_path / "clip.mov")
    data = bytearray(path.read_bytes())
    start = data.rindex(b"alac\0\0\0\0")
    data[start + 8 : start + 32] = b"\xff" * 24
    path.write_bytes(data)
    out = tmp_path / "out.mp4"
    with (
        caplog.at_level(logging.WARNING),
        open_source(path) as source,
        VideoWriter(out, fps=Fraction(25), width=64, height=48, audio_from=path) as writer,
    ):
        for frame in source:
            writer.write(frame.rgb, frame.time_s)
    assert "left out" in caplog.text
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 10


def test_tags_need_not_be_utf_8(tmp_path):
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "QQQQQQQQ"
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        container.mux(video.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(video.encode(None))
    path.write_bytes(path.read_bytes().replace(b"QQQQQQQQ", b"M\xfcnchen!"))
    with open_source(path) as source:
        assert len(list(source)) == 1


def test_rates_and_shapes_are_fractions_whatever_pyav_has(tmp_path):
    """PyAV 19 has a type of its own, which knows neither round() nor limit_denominator()."""
    path = clips.write(tmp_path / "clip.mp4")
    with open_source(path) as source:
        assert type(source.info.fps) is Fraction
        assert type(source.info.sample_aspect) is Fraction
        assert all(type(frame.time_s) is float for frame in source)
