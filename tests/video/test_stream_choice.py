"""Of several streams the one FFmpeg would take is read, or the one asked for."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from humantrack.errors import ConfigError
from humantrack.video import PiecewiseWriter, StreamChoice, VideoWriter, open_source

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
RATE = 48000


def write(
    path: Path,
    pictures: list[tuple[tuple[int, int], str]],
    sounds: list[tuple[int, str]] = (),  # type: ignore[assignment]
) -> Path:
    """A second of video; (size, flag) of each video stream and (channels, flag) of each sound."""
    with av.open(str(path), "w") as container:
        videos, audios = [], []
        for number, (size, flag) in enumerate(pictures):
            stream: Any = container.add_stream("libx264", rate=25)
            (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
            stream.disposition = Disposition[flag] if flag else Disposition(0)
            stream.metadata["title"] = f"view {number}"
            videos.append(stream)
        for channels, flag in sounds:
            sound: Any = container.add_stream("aac", rate=RATE)
            sound.codec_context.layout = LAYOUTS[channels]
            sound.disposition = Disposition[flag] if flag else Disposition(0)
            audios.append(sound)
        for index in range(25):
            for number, stream in enumerate(videos):
                shape = (stream.height, stream.width, 3)
                rgb = np.full(shape, 40 + 60 * number, np.uint8)
                frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                container.mux(stream.encode(frame))
        for number, sound in enumerate(audios):
            write_tone(container, sound, 400 * (number + 1))
        for stream in videos:
            container.mux(stream.encode(None))
    return path


def write_tone(container: Any, stream: Any, hertz: float) -> None:
    layout = stream.codec_context.layout
    for block in range(RATE // 1024):
        time_s = (np.arange(1024) + 1024 * block) / RATE
        wave = (0.5 * np.sin(2 * np.pi * hertz * time_s)).astype(np.float32)
        planes = np.repeat(wave[None], layout.nb_channels, axis=0)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout.name)
        frame.sample_rate, frame.pts, frame.time_base = RATE, 1024 * block, Fraction(1, RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def hertz_of(path: Path) -> float:
    """The pitch of a file's only sound."""
    with av.open(str(path)) as container:
        assert len(container.streams.audio) == 1
        wave = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    middle = wave[RATE // 4 : RATE // 4 + RATE // 2]
    return float(np.argmax(np.abs(np.fft.rfft(middle)))) * RATE / len(middle)


SMALL, MIDDLE, LARGE = (80, 46), (160, 90), (320, 180)


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        ([(SMALL, ""), (LARGE, "default")], 1),
        ([(SMALL, "default"), (LARGE, "")], 0),
        ([(SMALL, ""), (LARGE, ""), (MIDDLE, "")], 1),
        ([(SMALL, "default"), (LARGE, "default"), (MIDDLE, "default")], 1),
        ([(MIDDLE, ""), (MIDDLE, "")], 0),
    ],
)
def test_the_default_then_the_largest(tmp_path, pictures, expected):
    with open_source(write(tmp_path / "a.mkv", pictures)) as source:
        frames = list(source)
        assert source.info.stream == expected
        assert (source.info.width, source.info.height) == pictures[expected][0]
    assert len(frames) == 25
    assert abs(frames[0].rgb.mean() - (40 + 60 * expected)) < 4


def test_a_number_chooses_and_seeks_alike(tmp_path):
    path = write(tmp_path / "a.mp4", [(SMALL, ""), (LARGE, "default"), (MIDDLE, "")])
    for number, size in enumerate([SMALL, LARGE, MIDDLE]):
        with open_source(path, streams=StreamChoice(number)) as source:
            assert (source.info.width, source.info.height) == size
            assert [f.source_index for f in source] == list(range(25))
            source.begin_again(14)
            again = list(source)
        assert [f.source_index for f in again] == list(range(14, 25))
        assert all(abs(f.rgb.mean() - (40 + 60 * number)) < 4 for f in again)


def test_cover_art_is_no_video(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        cover: Any = container.add_stream("mjpeg", rate=25)
        (cover.width, cover.height), cover.pix_fmt = LARGE, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        video: Any = container.add_stream("libx264", rate=25)
        (video.width, video.height), video.pix_fmt = SMALL, "yuv420p"
        for stream, count in ((video, 20), (cover, 1)):
            for number in range(count):
                frame = av.VideoFrame(stream.width, stream.height, stream.pix_fmt)
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        covers = [s for s in container.streams.video if s.disposition & Disposition.attached_pic]
        assert len(covers) == 1
    with open_source(path) as source:
        assert (source.info.width, source.info.height) == SMALL
        assert len(list(source)) == 20


def test_a_number_that_is_not_there_lists_what_is(tmp_path):
    path = write(tmp_path / "a.mkv", [(SMALL, ""), (LARGE, "default")], [(2, "default")])
    with pytest.raises(ConfigError) as caught:
        open_source(path, streams=StreamChoice(2))
    line = str(caught.value)
    assert "video.stream=2" in line
    assert "0: h264 80x46 view 0; 1: h264 320x180 default view 1" in line
    with pytest.raises(ConfigError, match=r"video\.audio_stream=1.*0: aac 2-channel default"):
        open_source(path, streams=StreamChoice(audio=1))


@pytest.mark.parametrize(
    ("sounds", "chosen", "expected"),
    [
        ([(1, ""), (2, "default")], None, 1),
        ([(1, "default"), (6, "")], None, 0),
        ([(1, ""), (6, ""), (2, "")], None, 1),
        ([(1, ""), (6, ""), (2, "")], 2, 2),
    ],
)
@pytest.mark.parametrize("in_pieces", [False, True])
def test_the_overlay_gets_the_sound_chosen(tmp_path, sounds, chosen, expected, in_pieces):
    path = write(tmp_path / "a.mkv", [(SMALL, ""), (LARGE, "default")], sounds)
    out = tmp_path / "out.mp4"
    with open_source(path, streams=StreamChoice(audio=chosen)) as source:
        info = source.info
        assert info.audio_stream == expected
        same: dict[str, Any] = {"fps": info.fps, "width": info.width, "height": info.height}
        same |= {"audio_from": path, "audio_streams": StreamChoice(info.stream, info.audio_stream)}
        pieces = tmp_path / "pieces"
        with PiecewiseWriter(out, pieces, **same) if in_pieces else VideoWriter(out, **same) as w:
            for frame in source:
                w.write(frame.rgb, frame.time_s)
    assert hertz_of(out) == pytest.approx(400 * (expected + 1), abs=4)
