"""The mp4 writer: what comes out is opened again and looked at."""

from __future__ import annotations

import errno
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.errors import OutputError
from humantrack.video import VideoWriter, open_source
from humantrack.video.writer import _ticks


def write(path, pictures, times=None, **options):
    height, width = pictures[0].shape[:2]
    options = {"fps": Fraction(25), "width": width, "height": height, **options}
    with VideoWriter(path, **options) as writer:
        for n, rgb in enumerate(pictures):
            writer.write(rgb, None if times is None else times[n])
    return path


def stream_of(path):
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        context = video.codec_context
        return {
            "codec": context.name,
            "pix_fmt": context.pix_fmt,
            "size": (video.width, video.height),
            "colour": (
                context.colorspace, context.color_primaries, context.color_trc, context.color_range
            ),
            "rate": video.average_rate,
            "duration": float(video.duration * video.time_base),
            "sound": [s.codec_context.name for s in container.streams.audio],
        }  # fmt: skip


def sound_of(path):
    """(first sample's time, seconds of sound, strength of the 440 Hz tone's samples)."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    samples = np.concatenate([f.to_ndarray()[0] for f in frames])
    return frames[0].time, len(samples) / frames[0].sample_rate, float(np.abs(samples).mean())


def read(path):
    with open_source(path) as source:
        return list(source)


def test_it_is_a_browsers_mp4(tmp_path, picture, number):
    path = write(tmp_path / "new" / "out.mp4", [picture(n) for n in range(40)])
    info = stream_of(path)
    assert (info["codec"], info["pix_fmt"], info["size"]) == ("h264", "yuv420p", (96, 64))
    assert info["colour"] == (1, 1, 1, 1)
    assert info["rate"] == 25
    assert info["duration"] == pytest.approx(40 / 25, abs=1e-3)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    frames = read(path)
    assert [number(f.rgb) for f in frames] == list(range(40))
    assert [f.time_s for f in frames] == pytest.approx(np.arange(40) / 25, abs=1e-6)
    assert [p.name for p in path.parent.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize(
    "rgb", [(200, 60, 30), (20, 200, 90), (60, 70, 220), (128,) * 3, (250,) * 3]
)
def test_colours_come_back(tmp_path, rgb):
    path = write(tmp_path / "c.mp4", [np.full((64, 64, 3), rgb, np.uint8)] * 3)
    assert read(path)[1].rgb.mean((0, 1)) == pytest.approx(rgb, abs=4)


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001), Fraction(60), Fraction(7)])
def test_the_rate_is_kept_exactly(tmp_path, picture, rate):
    path = write(tmp_path / "r.mp4", [picture(n) for n in range(30)], fps=rate)
    assert stream_of(path)["rate"] == rate
    assert [f.time_s for f in read(path)] == pytest.approx(
        [float(n / rate) for n in range(30)], abs=1e-6
    )


def test_variable_times_are_kept_and_start_at_zero(tmp_path, picture, number):
    times = [2.0, 2.04, 2.05, 2.3, 2.9, 2.91, 3.5]
    frames = read(write(tmp_path / "v.mp4", [picture(n) for n in range(7)], times))
    assert [number(f.rgb) for f in frames] == list(range(7))
    assert [f.time_s for f in frames] == pytest.approx(np.array(times) - 2.0, abs=1e-4)


def test_times_that_do_not_increase_are_nudged(tmp_path, picture):
    frames = read(write(tmp_path / "n.mp4", [picture(n) for n in range(4)], [0, 0.5, 0.5, 0.2]))
    times = [f.time_s for f in frames]
    assert len(times) == 4
    assert all(a < b for a, b in pairwise(times))
    assert times == pytest.approx([0, 0.5, 0.5, 0.5], abs=1e-3)


def test_odd_sizes_get_one_repeated_row_and_column(tmp_path, picture, number):
    frames = read(write(tmp_path / "odd.mp4", [picture(n, 101, 57) for n in range(5)]))
    assert {(f.width, f.height) for f in frames} == {(102, 58)}
    assert [number(f.rgb[:57, :101]) for f in frames] == list(range(5))
    last = frames[2].rgb.astype(int)
    assert np.abs(last[57] - last[56]).mean() < 8
    assert np.abs(last[:, 101] - last[:, 100]).mean() < 8


def test_pictures_of_another_size_are_fitted_in(tmp_path):
    white = [np.full(shape, 255, np.uint8) for shape in ((64, 96, 3), (200, 100, 3))]
    frames = read(write(tmp_path / "f.mp4", white))
    assert frames[1].rgb.shape == (64, 96, 3)
    assert frames[1].rgb[:, 36:60].mean() > 245
    assert frames[1].rgb[:, :28].mean() < 10


@pytest.mark.parametrize(
    ("name", "codec", "out"),
    [
        ("s.mp4", "aac", "aac"),
        ("s.mkv", "libmp3lame", "mp3float"),
        ("s.mkv", "pcm_s16le", "aac"),
        ("s.webm", "libopus", "aac"),
        ("s.ts", "aac", "aac"),
        ("s.avi", "mp2", "aac"),
    ],
)
def test_sound_comes_along_cut_to_the_pictures(make_clip, tmp_path, name, codec, out):
    clip = make_clip(name, frames=75, sound=codec, sound_s=3.0)
    with open_source(clip, start_frame=25, end_frame=60) as source:
        frames = list(source)
    path = write(
        tmp_path / "out.mp4",
        [f.rgb for f in frames],
        [f.time_s for f in frames],
        audio_from=clip,
    )
    assert stream_of(path)["sound"] == [out]
    start, seconds, strength = sound_of(path)
    assert start == pytest.approx(0, abs=0.06)
    assert seconds == pytest.approx(35 / 25, abs=0.12)
    assert strength == pytest.approx(2 / np.pi, rel=0.2) or strength > 1000  # 16-bit samples
    assert len(read(path)) == 35


def test_sound_is_in_step(make_clip, tmp_path):
    """A click half a second after the start of the cut is still there."""
    import wave

    clip = make_clip("silent.mkv", frames=75)
    samples = np.zeros(3 * 44100, np.int16)
    samples[66150:66650] = 20000  # at 1.5 s
    with wave.open(str(tmp_path / "click.wav"), "wb") as file:
        file.setparams((1, 2, 44100, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    both = tmp_path / "both.mkv"
    with (
        av.open(str(clip)) as video,
        av.open(str(tmp_path / "click.wav")) as sound,
        av.open(str(both), "w") as out,
    ):
        streams = [out.add_stream_from_template(c.streams[0]) for c in (video, sound)]
        for source, stream in zip((video, sound), streams, strict=True):
            for packet in source.demux(source.streams[0]):
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
    with open_source(both, start_time_s=1.0) as source:
        frames = list(source)
    path = write(
        tmp_path / "out.mp4", [f.rgb for f in frames], [f.time_s for f in frames], audio_from=both
    )
    with av.open(str(path)) as container:
        decoded = list(container.decode(audio=0))
    loud = next(f for f in decoded if np.abs(f.to_ndarray()[0]).max() > 0.2)
    at = loud.time + np.argmax(np.abs(loud.to_ndarray()[0]) > 0.2) / 44100
    assert at == pytest.approx(0.5, abs=0.03)


def test_end_s_cuts_the_sound(make_clip, tmp_path, picture):
    clip = make_clip("s.mp4", frames=50, sound="aac", sound_s=2.0)
    path = write(
        tmp_path / "o.mp4",
        [picture(0)] * 40,
        audio_from=clip,
        start_s=0.4,
        end_s=1.0,
    )
    assert sound_of(path)[1] == pytest.approx(0.6, abs=0.05)


def test_no_sound_is_no_reason_to_fail(make_clip, make_folder, tmp_path, picture, caplog):
    silent = make_clip("silent.mp4", frames=3)
    assert stream_of(write(tmp_path / "a.mp4", [picture(1)] * 3, audio_from=silent))["sound"] == []
    assert not caplog.records
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    path = write(tmp_path / "b.mp4", [picture(1)] * 3, audio_from=text)
    assert stream_of(path)["sound"] == []
    assert "is left out" in caplog.text


def test_after_an_error_what_was_written_plays(tmp_path, picture, number):
    path = tmp_path / "part.mp4"
    with (
        pytest.raises(RuntimeError, match="stopped"),
        VideoWriter(path, fps=Fraction(25), width=96, height=64) as writer,
    ):
        for n in range(10):
            writer.write(picture(n))
        raise RuntimeError("stopped")
    assert [number(f.rgb) for f in read(path)] == list(range(10))
    assert list(tmp_path.iterdir()) == [path]


def test_a_video_being_written_does_not_replace_the_one_before(tmp_path, picture):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"before")
    with VideoWriter(path, fps=Fraction(25), width=96, height=64) as writer:
        writer.write(picture(1))
        assert path.read_bytes() == b"before"
    assert len(read(path)) == 1


def test_nothing_written_leaves_nothing(tmp_path):
    with VideoWriter(tmp_path / "none.mp4", fps=Fraction(25), width=96, height=64):
        pass
    assert list(tmp_path.iterdir()) == []


def test_misuse_is_refused(tmp_path, picture):
    writer = VideoWriter(tmp_path / "m.mp4", fps=Fraction(25), width=96, height=64)
    with pytest.raises(ValueError, match="shape"):
        writer.write(np.zeros((64, 96), np.uint8))
    writer.write(picture(0))
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(picture(0))


def test_an_unwritable_place_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"o\.mp4"):
        VideoWriter(tmp_path / "file" / "o.mp4", fps=Fraction(25), width=96, height=64)


def test_a_full_disk_is_an_output_error(tmp_path, picture, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "full.mp4"
    with (
        pytest.raises(OutputError, match="No space left"),
        VideoWriter(path, fps=Fraction(25), width=96, height=64) as writer,
    ):
        writer.write(picture(0))
        monkeypatch.setattr(writer, "_mux", full)
        writer.write(picture(1))
    assert not list(tmp_path.glob(".*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
def test_a_disk_that_is_full_from_the_start_is_an_output_error_and_no_crash(tmp_path):
    """In a process of its own, which FFmpeg ended where more was written without a head."""
    program = (
        "import sys, numpy as np\n"
        "from fractions import Fraction\n"
        "from pathlib import Path\n"
        "from humantrack.errors import OutputError\n"
        "from humantrack.video import VideoWriter\n"
        "path = Path(sys.argv[1])\n"
        "writer = VideoWriter(path, fps=Fraction(25), width=96, height=64)\n"
        "writer._part.unlink(missing_ok=True)\n"
        "writer._part.symlink_to('/dev/full')\n"
        "try:\n"
        "    with writer:\n"
        "        for _ in range(60):\n"
        "            writer.write(np.zeros((64, 96, 3), np.uint8))\n"
        "except OutputError as error:\n"
        "    print(error)\n"
    )
    path = tmp_path / "full.mp4"
    command = [sys.executable, "-c", program, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"cannot write the video: {path}. No space left on device\n"
    assert list(tmp_path.iterdir()) == []


def test_without_libx264_another_encoder_is_named(tmp_path, picture, number, monkeypatch, caplog):
    monkeypatch.setattr("humantrack.video.writer._ENCODERS", ("absent", "mpeg4"))
    path = write(tmp_path / "old.mp4", [picture(n) for n in range(5)])
    assert "mpeg4" in caplog.text
    assert stream_of(path)["codec"] == "mpeg4"
    assert [number(f.rgb) for f in read(path)] == list(range(5))


@given(st.fractions(Fraction(1, 100), 1000, max_denominator=1001))
def test_ticks_hold_the_rate(fps):
    period, tick = _ticks(fps)
    assert tick.numerator == 1
    assert tick.denominator <= 65535
    assert float(period * tick * fps) == pytest.approx(1, rel=1e-4)
