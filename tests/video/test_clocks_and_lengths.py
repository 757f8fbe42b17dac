"""Clocks that jump, and lengths that cannot be true."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import clocked_clips as clips
import numpy as np
import pytest

from humantrack.errors import EmptySourceError
from humantrack.video import VideoWriter, length, open_source
from humantrack.video.clock import Clock, longest_pause_s
from humantrack.video.length import Length, Packets, expected, measured
from humantrack.video.span import Span

PERIOD = 1 / clips.FPS
HOUR, DAY, WRAP = 3600.0, 86400.0, 2**33 / 90000


def times(stamps, pause_s=3600):
    clock = Clock(Fraction(1, 1000), Fraction(25), pause_s=pause_s)
    return [round(clock.time_s(stamp) * 1000) for stamp in stamps]


@pytest.mark.parametrize("jump_s", [-0.4, -2, -9000, 2 * HOUR, 30 * HOUR, 400 * DAY])
def test_time_runs_on_where_the_clock_is_set(jump_s):
    ran = list(range(100_000, 102_000, 40))
    later = [102_000 + round(jump_s * 1000) + 40 * n for n in range(30)]
    assert times(ran + later) == [40 * n for n in range(80)]


def test_a_pause_is_kept_but_not_in_a_broadcast():
    stamps = [0, 40, 80, 60_000, 60_040]
    assert times(stamps) == stamps
    assert times(stamps, longest_pause_s("mpegts")) == [0, 40, 80, 120, 160]
    assert times([0, 40, 9_000], longest_pause_s("mpegts")) == [0, 40, 9_000]


def test_a_stamp_that_is_wrong_by_itself_changes_nothing_behind_it():
    assert times([0, 40, 80, 10**8, 160, 200]) == [0, 40, 80, 120, 160, 200]
    assert times([9000, 9040, 9080, 0, 9160, 9200]) == [0, 40, 80, 120, 160, 200]


def test_a_clock_that_stalls_goes_on_at_the_rate_of_frames():
    assert times([0, 40, 80, *[80] * 20, 120, 160, 200])[3:] == [85 + 40 * n for n in range(23)]
    caught_up = times([0, 40, *[40] * 5, 280, 320])
    assert caught_up[-2:] == [280, 320] and sorted(set(caught_up)) == caught_up


def test_decode_times_among_presentation_times_still_increase():
    mixed = [0, 160, 80, 40, 120, 320, 240, 200, 280, 480, 400, 360, 440]
    got = times(mixed)
    assert sorted(set(got)) == got and got[-1] == pytest.approx(480, abs=160)


def test_a_slow_time_lapse_keeps_its_times(tmp_path):
    every = [2 * HOUR * n for n in range(12)]
    for name in ("lapse.mp4", "lapse.mkv"):
        clip = clips.write(tmp_path / name, frames=12, times_s=every, sound=None)
        got, info = clips.steps(clip)
        assert list(got) == every and info.frame_count == 12
        assert info.duration_s == pytest.approx(12 * 2 * HOUR, rel=0.1)


PARTS = {
    "the same clock twice": [0, 0],
    "back": [1000, 0],
    "ahead": [0, 1000],
    "ahead by hours": [0, 5 * HOUR],
    "nearly a day": [0, 23 * HOUR],
    "to and fro": [0, 1000, 500, 20 * HOUR, 0],
}


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("parts"), {}

    def get(offset_s, **changes):
        key = (offset_s, *changes.items())
        if key not in made:
            path = folder / f"{len(made)}.ts"
            made[key] = clips.write(path, output_ts_offset=str(offset_s), **changes)
        return made[key]

    return get


def overlay_of(clip, path):
    with (
        open_source(clip) as source,
        VideoWriter(path, fps=source.info.fps, width=96, height=64, audio_from=clip) as writer,
    ):
        for frame in source:
            writer.write(frame.rgb, frame.time_s)
    return path


def assert_in_step(overlay, seconds):
    end, loud = clips.bursts(overlay)
    seen = clips.flashes(overlay)
    assert end == pytest.approx(seconds, abs=0.1)
    assert len(seen) > 1
    for time in seen:
        assert min(abs(time - heard) for heard in loud) < 0.07, (time, loud)


@pytest.mark.parametrize("name", PARTS)
def test_joined_recordings_run_on_with_their_sound(name, part, tmp_path):
    clip = clips.joined(tmp_path / "joined.ts", *map(part, PARTS[name]))
    count = 60 * len(PARTS[name])
    got, info = clips.steps(clip)
    assert got == pytest.approx(np.arange(count) * PERIOD, abs=1e-4)
    assert (info.frame_count, info.fps) == (count, clips.FPS)
    assert info.duration_s == pytest.approx(count * PERIOD, abs=0.1)
    assert_in_step(overlay_of(clip, tmp_path / "overlay.mp4"), count * PERIOD)


def test_a_clock_of_33_bits_that_overflows_runs_on(part, tmp_path):
    clip = part(WRAP - 2.4)
    got, info = clips.steps(clip)
    assert got == pytest.approx(np.arange(60) * PERIOD, abs=1e-4) and info.frame_count == 60
    assert_in_step(overlay_of(clip, tmp_path / "overlay.mp4"), 2.0)


@pytest.mark.parametrize("sound_s", [1.3, 2.7])
def test_sound_whose_clock_jumps_elsewhere_is_in_step_again(sound_s, part, tmp_path):
    odd = part(1000, sound_s=sound_s)
    clip = clips.joined(tmp_path / "joined.ts", odd, part(0), odd)
    overlay = overlay_of(clip, tmp_path / "overlay.mp4")
    _, loud = clips.bursts(overlay)
    for time in (0, 1, 4, 5):  # those of the first and the last part: the joint costs no more
        assert min(abs(time - heard) for heard in loud) < 0.07, loud


def test_the_sound_of_a_range_behind_a_jump_is_that_of_its_pictures(part, tmp_path):
    clip = clips.joined(tmp_path / "joined.ts", part(1000), part(0))
    out = tmp_path / "overlay.mp4"
    with (
        open_source(clip, start_time_s=2.5) as source,
        VideoWriter(out, fps=source.info.fps, width=96, height=64, audio_from=clip) as writer,
    ):
        for frame in source:
            writer.write(frame.rgb, frame.time_s)
    assert clips.flashes(out) == pytest.approx([0.5], abs=0.001)
    end, loud = clips.bursts(out)
    assert end == pytest.approx(1.5, abs=0.1) and loud[0] == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_a_jump_ahead_in_an_indexed_file_is_closed_and_ranges_count_without_it(ending, tmp_path):
    half = [n * PERIOD for n in range(30)]
    stamps = [*half, *(5 * HOUR + time for time in half)]
    clip = clips.write(tmp_path / f"jump.{ending}", times_s=stamps, sound=None)
    got, info = clips.steps(clip)
    assert got == pytest.approx(np.arange(60) * PERIOD, abs=0.02)
    assert (info.frame_count, info.fps) == (60, clips.FPS)
    assert info.duration_s == pytest.approx(2, abs=0.1)
    with open_source(clip, start_time_s=1.49, end_time_s=1.8) as source:
        frames = list(source)
    assert [f.source_index for f in frames] == list(range(45, 54))


def test_a_time_before_zero_is_a_time(tmp_path):
    clip = clips.write(
        tmp_path / "early.mkv", output_ts_offset="-1.5", avoid_negative_ts="disabled"
    )
    got, info = clips.steps(clip)
    assert got == pytest.approx(np.arange(60) * PERIOD, abs=0.002) and info.frame_count == 60


FALSE = {
    "mvhd": lambda folder, mp4, mkv, avi: clips.changed(
        folder / "a.mp4", mp4, b"mvhd", 12 + 4, clips.big(94_445_000)
    ),
    "mdhd": lambda folder, mp4, mkv, avi: clips.changed(
        folder / "a.mp4", mp4, b"mdhd", 12 + 4, clips.big(2**31)
    ),
    "tkhd": lambda folder, mp4, mkv, avi: clips.changed(
        folder / "a.mp4", mp4, b"tkhd", 16 + 4, clips.big(94_445_000)
    ),
    "a thousand million in stts": lambda folder, mp4, mkv, avi: clips.changed(
        folder / "a.mp4", mp4, b"stts", 8, clips.big(10**9)
    ),
    "matroska": lambda folder, mp4, mkv, avi: clips.changed(
        folder / "a.mkv", mkv, b"\x44\x89\x88", 0, np.float64(94_445_000).tobytes()[::-1]
    ),
    "matroska, absurd": lambda folder, mp4, mkv, avi: clips.changed(
        folder / "a.mkv", mkv, b"\x44\x89\x88", 0, np.float64(1e15).tobytes()[::-1]
    ),
    "avi": lambda folder, mp4, mkv, avi: clips.changed(
        folder / "a.avi", avi, b"strh", 4 + 32, (10**9).to_bytes(4, "little")
    ),
    "avi, none": lambda folder, mp4, mkv, avi: clips.changed(
        folder / "a.avi", avi, b"strh", 4 + 32, bytes(4)
    ),
}


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("honest")
    return (
        clips.write(folder / "a.mp4", movflags="+faststart"),
        clips.write(folder / "a.mkv"),
        clips.write(folder / "a.avi", codec="mpeg4", sound="mp3"),
    )


@pytest.mark.parametrize("name", FALSE)
def test_a_length_that_cannot_be_true_is_not_believed(name, honest, tmp_path):
    clip = FALSE[name](tmp_path, *honest)
    with open_source(clip) as source:
        info, frames = source.info, list(source)
        assert source.warnings == ()
    assert len(frames) == 60 and info.fps == clips.FPS
    assert info.frame_count == pytest.approx(60, abs=1)
    assert info.duration_s == pytest.approx(2, abs=0.1)


def test_a_stream_that_says_nothing_of_its_length_is_counted(tmp_path):
    clip = clips.write(tmp_path / "raw.h264", sound=None)
    assert clips.steps(clip)[1].frame_count == 60


def test_the_length_of_a_fragmented_file_is_that_of_all_fragments(tmp_path):
    clip = clips.write(tmp_path / "a.mp4", movflags="frag_keyframe")
    assert clips.steps(clip)[1].frame_count == 60


def test_a_large_file_is_judged_by_its_beginning(part, tmp_path, monkeypatch):
    monkeypatch.setattr(length, "_SMALL", 0)
    monkeypatch.setattr(length, "_HEAD", 20_000)
    good = part(0)
    assert clips.steps(good)[1].frame_count == pytest.approx(60, abs=2)
    clip = clips.joined(tmp_path / "joined.ts", part(1000), part(0))
    got, info = clips.steps(clip)
    assert len(got) == 120 and info.frame_count is None and info.duration_s is None


CLAIM = Length(frames=None, duration_s=100.0, fps=Fraction(30))


@pytest.mark.parametrize(
    ("seconds", "believed"), [(100.0, 3000), (30.0, 900), (9.0, None), (2000.0, None), (3e10, None)]
)
def test_what_is_expected_of_a_file_is_no_more_than_a_guess(seconds, believed):
    head = Packets(count=300, stamps_s=[n / 30 for n in range(300)], size=1_000_000)
    got = expected(replace(CLAIM, duration_s=seconds), head, 10_000_000, 10)
    assert got.frames == believed and (got.duration_s is None) == (believed is None)


def test_nothing_is_expected_of_an_empty_beginning():
    got = expected(CLAIM, Packets(count=0), 10**9, 10)
    assert (got.frames, got.duration_s) == (None, None)


def test_a_true_claim_is_kept_and_a_false_one_mended():
    packets = Packets(count=90, stamps_s=[n / 30 for n in range(90)], size=9000)
    assert measured(replace(CLAIM, duration_s=3.02), packets).duration_s == 3.02
    got = measured(replace(CLAIM, duration_s=94_445.0, fps=Fraction(90, 94_445)), packets)
    assert (got.frames, got.duration_s, got.fps) == (90, 3.0, 30)
    ntsc = Packets(count=90, stamps_s=[n * 1001 / 30000 for n in range(90)], size=9000)
    got = measured(replace(CLAIM, duration_s=94_445.0, fps=Fraction(90, 94_445)), ntsc)
    assert got.fps == Fraction(30000, 1001)
    uneven = [0, 1, 2, 3, 30, 31, 32, 60, 61, 62]
    paused = Packets(count=10, stamps_s=[n / 30 for n in uneven], size=9000)
    got = measured(replace(CLAIM, duration_s=2.1, fps=Fraction(100, 21)), paused)
    assert (got.frames, got.fps) == (10, Fraction(100, 21))


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"start_time_s": 200}, "video.start_time=200 s lies beyond the end of the video"),
        ({"start_frame": 500}, "video.start_frame=500 lies beyond the end of the video"),
        ({"start_time_s": 2, "end_time_s": 1}, "video.end_time=1.0 s is not later than"),
        ({"start_frame": 9, "end_frame": 9}, "video.end_frame=9 is not later than"),
    ],
)
def test_a_range_without_a_frame_is_refused_by_the_option_that_is_wrong(
    bounds, words, part, honest, tmp_path
):
    for clip in (honest[0], clips.joined(tmp_path / "joined.ts", part(1000), part(0))):
        with open_source(clip, **bounds) as source, pytest.raises(EmptySourceError) as caught:
            next(source)
        line = str(caught.value)
        assert line.startswith(words) and "\n" not in line
        assert "frames, " in line and " s long" in line


def test_an_empty_range_without_a_known_length_names_its_start():
    assert Span(start_time_s=9).why_empty(None, None).startswith("video.start_time=9 s")
    assert Span(start_frame=9).why_empty(None, None).startswith("video.start_frame=9 ")
    assert "start and the end" in Span(start_frame=2, end_time_s=0.01).why_empty(90, 3.0)
