"""Damaged files, files that change while they are read, and paths that are no files."""

from __future__ import annotations

import hashlib
import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import hostile_clips as clips
import numpy as np
import pytest
from hang_guard import hang_guard

from humantrack.errors import (
    EmptySourceError,
    HumantrackError,
    SourceNotFoundError,
    UnreadableSourceError,
)
from humantrack.video import container, open_source
from humantrack.video.clock import Clock
from humantrack.video.decode_errors import KEPT, Problems

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")


@pytest.fixture(autouse=True)
def guard(capsys):
    with hang_guard(capsys) as guard:
        yield guard


def read(path, **options):
    """(digests of the frames, decode errors, messages)."""
    with open_source(path, **options) as source:
        digests = [hashlib.sha256(f.rgb.tobytes()).digest() for f in source]
        return digests, source.decode_errors, source.decode_messages


def packets_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as source:
        return [bytes(p) for p in source.demux(video=0) if p.size]


def emptied(path: Path, number: int) -> Path:
    """The file with packet ``number`` zeroed."""
    data, packet = bytearray(path.read_bytes()), packets_of(path)[number]
    start = data.index(packet)
    data[start : start + len(packet)] = bytes(len(packet))
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", [n for n in clips.DAMAGED if n != "index-last.mp4"])
def test_pictures_before_a_cut_are_those_of_the_whole_file(name, tmp_path):
    path = clips.write(tmp_path / name, **clips.DAMAGED[name])
    data = path.read_bytes()
    whole, errors, _ = read(path)
    assert (len(whole), errors) == (clips.FRAMES, 0)
    lengths = []
    for case, damaged in list(clips.cuts(data))[9:]:
        path.write_bytes(damaged)
        part, errors, messages = read(path)
        assert errors >= len(messages) > 0, case
        same = [a == b for a, b in zip(whole, part, strict=False)]
        assert sum(same) >= len(part) - 3, case  # B-frames at the cut miss what follows them
        assert all(same[: len(part) - 4]), case
        lengths.append(len(part))
    assert lengths == sorted(lengths)
    assert lengths[-1] >= clips.FRAMES - 4


@pytest.mark.parametrize("name", clips.DAMAGED)
def test_damage_gives_the_same_frames_every_time(name, tmp_path):
    path = clips.write(tmp_path / name, **clips.DAMAGED[name])
    for case, damaged in clips.flips(path.read_bytes()):
        path.write_bytes(damaged)
        try:
            first = read(path)
        except HumantrackError as error:
            with pytest.raises(type(error)):
                read(path)
            continue
        assert read(path, read_ahead=0) == first, case


def test_a_picture_patched_without_a_word_of_error_is_patched_the_same_every_time(data):
    """The file is an H.264 clip with a few flipped bits: B-frames are made from that picture."""
    path = data / "hostile" / "patched_silently.mkv"
    alone = {tuple(read(path)[0]) for _ in range(20)}
    assert len(alone) == 1
    assert len(*alone) == clips.FRAMES


@pytest.mark.parametrize("number", range(20, clips.FRAMES))
def test_damage_near_the_end_costs_one_frame(number, tmp_path):
    """However many frames the threads of a decoder hold."""
    options = {"x264-params": "keyint=1:bframes=0"}
    path = clips.write(tmp_path / "intra.mkv", options=options)
    whole, _, _ = read(path)
    part, errors, _ = read(emptied(path, number))
    assert part == whole[:number] + whole[number + 1 :]
    assert errors > 0


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_a_lost_frame_leaves_a_gap_and_seeking_knows_of_it(name, tmp_path):
    """Frames have the same numbers, times and keys read from the start and seeked."""
    path = clips.write(tmp_path / name, codec="mjpeg", pix_fmt="yuvj420p", frames=60)
    for number in (4, 5, 21):
        emptied(path, number)
    with open_source(path, keys="phalp") as source:
        whole = {f.source_index: (f.time_s, f.key, f.rgb.tobytes()) for f in source}
    assert sorted(whole) == [n for n in range(60) if n not in (4, 5, 21)]
    assert all(whole[n][0] == pytest.approx(n / clips.FPS) for n in whole)
    for start in (3, 5, 20, 21, 40):
        with open_source(path, keys="phalp", start_frame=start) as source:
            part = {f.source_index: (f.time_s, f.key, f.rgb.tobytes()) for f in source}
        assert part == {n: seen for n, seen in whole.items() if n >= start}


def test_empty_slots_of_an_avi_are_no_damage(tmp_path):
    times = [*range(10), *range(15, 25)]
    path = clips.write(tmp_path / "gap.avi", codec="mjpeg", pix_fmt="yuvj420p", ticks=times)
    with open_source(path) as source:
        assert [f.time_s for f in source] == pytest.approx([t / clips.FPS for t in times])
        assert source.decode_errors == 0
    for name, arguments in clips.DAMAGED.items():
        if not name.endswith("webm"):  # with sound that is longer than the pictures
            path = clips.write(tmp_path / name, sound=True, **arguments)
            assert (name, len(read(path)[0]), read(path)[1]) == (name, clips.FRAMES, 0)


def test_what_is_only_logged_is_counted(tmp_path):
    path = clips.write(tmp_path / "cut.webm", **clips.DAMAGED["vp8.webm"])
    path.write_bytes(path.read_bytes()[:-2000])
    _, errors, messages = read(path)
    assert errors > 0
    assert any("ended prematurely" in message for message in messages)


def test_memory_for_messages_is_bounded():
    problems = Problems()
    for number in range(10_000):
        problems.add(f"damage {number % 5000}")
    assert problems.count == 10_000
    assert problems.messages == [f"damage {n}" for n in range(KEPT)]
    more = Problems()
    more.add("once")
    more.extend(problems)
    assert more.count == 10_001
    assert more.messages[:2] == ["once", "damage 0"]


@pytest.mark.parametrize("level", [None, av.logging.FATAL, av.logging.VERBOSE])
def test_ffmpegs_log_is_left_as_it_was(level, tmp_path):
    path = clips.write(tmp_path / "hurt.mkv", **clips.DAMAGED["h264.mkv"])
    av.logging.set_level(level)
    try:
        with open_source(path) as outer, open_source(path) as inner:
            assert len(list(inner)) == len(list(outer)) == clips.FRAMES
            assert (inner.decode_errors, outer.decode_errors) == (0, 0)
        assert read(emptied(path, 3))[1] > 0
        assert av.logging.get_level() == level
    finally:
        av.logging.set_level(None)


def test_of_two_videos_read_at_once_the_damaged_one_is_known(tmp_path):
    good = clips.write(tmp_path / "good.avi", **clips.DAMAGED["mjpeg.avi"])
    bad = emptied(clips.write(tmp_path / "bad.webm", **clips.DAMAGED["vp9.webm"]), 5)
    with open_source(good) as first, open_source(bad) as second:
        counts = [sum(1 for _ in pair) for pair in zip(*zip(first, second), strict=True)]  # noqa: B905
        assert counts[0] >= clips.FRAMES - 2
        assert (first.decode_errors, second.decode_errors > 0) == (0, True)


@pytest.mark.parametrize("name", ["h264.mp4", "h264.mkv", "mpeg4.avi"])
def test_leaving_early_while_threads_log_errors_does_not_hang(name, tmp_path):
    path = clips.write(tmp_path / name, **clips.DAMAGED[name])
    data = path.read_bytes()
    rng = np.random.default_rng(3)
    for frames in range(1, 40):
        hurt = bytearray(data)
        for place in rng.integers(2000, len(hurt), 60):
            hurt[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(hurt)
        try:
            with open_source(path, read_ahead=frames % 3) as source:
                for _ in zip(range(frames), source):  # noqa: B905
                    pass
        except (EmptySourceError, UnreadableSourceError):
            continue


def test_a_packet_that_cannot_be_read_costs_only_itself(tmp_path):
    path = clips.write(tmp_path / "clip.avi", **clips.DAMAGED["mpeg4.avi"])

    class Refusing:
        """A container that cannot read every fifth packet."""

        def __init__(self, real):
            self._real, self.asked = real, 0

        def demux(self, stream):
            for packet in self._real.demux(stream):
                self.asked += 1
                if self.asked % 5 == 0:
                    raise av.error.MemoryError(12, "Cannot allocate memory")
                yield packet

    with container.open_video(path) as (real, stream):
        problems = Problems()
        packets = list(container._packets(Refusing(real), stream, problems))
    assert len(packets) == clips.FRAMES - clips.FRAMES // 5
    assert problems.count == (clips.FRAMES + 1) // 5  # PyAV's last packet is an empty one
    assert problems.messages == ["Cannot allocate memory"]


def test_a_disk_that_never_answers_again_ends_the_reading(tmp_path):
    path = clips.write(tmp_path / "clip.mkv")

    class Broken:
        def demux(self, stream):
            raise av.error.OSError(5, "Input/output error")
            yield

    with container.open_video(path) as (_, stream):
        problems = Problems()
        assert not list(container._packets(Broken(), stream, problems))
    assert 1 < problems.count < 1000


def test_pictures_beyond_all_measure_get_no_memory(tmp_path, monkeypatch):
    path = clips.write(tmp_path / "clip.mp4")
    monkeypatch.setattr(container, "MOST_PIXELS", 96 * 64 - 1)
    with pytest.raises(EmptySourceError, match="not one frame"):
        open_source(path)


def test_a_timestamp_days_ahead_is_damage():
    clock = Clock(Fraction(1, 1000), Fraction(25))
    stamps = [0, 40, 80, 2**62, 160, 200]
    assert [clock.time_s(s) for s in stamps] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16, 0.2])


@pytest.mark.parametrize("keys", ["name", "phalp"])
def test_no_two_frames_have_the_same_key(keys, tmp_path):
    for name, (path, count, _) in clips.healthy(tmp_path).items():
        with open_source(path, keys=keys) as source:
            assert (name, len({frame.key for frame in source})) == (name, count)


# -- files that change --------------------------------------------------------------------------


def test_a_file_that_is_gone_before_its_first_frame_is_said_to_be(tmp_path):
    path = clips.write(tmp_path / "clip.mp4")
    with open_source(path) as source:
        path.unlink()
        with pytest.raises(SourceNotFoundError, match=r"gone.*clip\.mp4"):
            next(source)


@POSIX
def test_a_file_removed_while_it_is_read_is_read_to_its_end(tmp_path):
    path = clips.write(tmp_path / "clip.mp4", frames=100)
    with open_source(path, read_ahead=0) as source:
        next(source)
        path.unlink()
        assert len(list(source)) == 99
        assert source.decode_errors == 0


@POSIX
def test_a_file_cut_while_it_is_read_keeps_its_first_frames(tmp_path):
    path = clips.write(tmp_path / "clip.mkv", frames=60, size=(320, 240))
    size = path.stat().st_size
    with open_source(path, read_ahead=0) as source:
        next(source)
        os.truncate(path, size // 2)
        frames = list(source)
        assert 10 < len(frames) < 59
        assert source.decode_errors > 0


def test_a_file_that_grows_while_it_is_read_ends(tmp_path):
    path = clips.write(tmp_path / "live.ts", codec="mpeg2video", frames=40)
    more = path.read_bytes()
    with open_source(path, read_ahead=0) as source:
        first = next(source)
        with path.open("ab") as file:
            file.write(more)
        rest = list(source)
    assert len(rest) in (39, 79)
    assert first.time_s < rest[0].time_s < rest[-1].time_s


def test_an_image_that_vanishes_is_counted(tmp_path):
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), clips.picture(number))
    with open_source(tmp_path, read_ahead=0) as source:
        next(source)
        (tmp_path / "2.png").unlink()
        assert [f.source_index for f in source] == [1, 3]
        assert source.decode_errors == 1


# -- files that are not videos -------------------------------------------------------------------


@POSIX
def test_pipes_and_devices_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.mp4", tmp_path / "pipe.png", Path("/dev/zero")):
        with pytest.raises(UnreadableSourceError, match="neither a file nor a folder"):
            open_source(path)
    with pytest.raises(EmptySourceError, match="no image"):
        open_source(tmp_path)
    cv2.imwrite(str(tmp_path / "1.png"), clips.picture(1))
    assert len(read(tmp_path)[0]) == 1
    assert len(read(str(tmp_path / "*.png"))[0]) == 1


@POSIX
@pytest.mark.parametrize("name", ["pipe:0", "12:30 walk.mp4", "concat:a|b.mp4", "-i.mp4", "%d.mp4"])
def test_a_name_is_a_name_whatever_ffmpeg_makes_of_it(name, tmp_path, monkeypatch):
    clips.write(tmp_path / "plain.mp4", sound=True).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(read(name)[0]) == clips.FRAMES


LISTS = [
    "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n",
    "ffconcat version 1.0\nfile other.ts\n",
]
TEXTS = ["just words\n" * 100, "\0" * 5000, "\x1b[31mred\x1b[0m\n" * 300]


@pytest.mark.parametrize("text", [*LISTS, *TEXTS])
def test_a_text_called_mp4_is_refused(text, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_text(text)
    with pytest.raises(UnreadableSourceError, match=r"not a video.*clip\.mp4|a text file"):
        open_source(path)


@pytest.mark.parametrize("text", LISTS)
def test_a_list_of_files_is_not_followed(text, tmp_path, monkeypatch):
    clips.write(tmp_path / "other.ts", codec="mpeg2video")
    path = tmp_path / "clip.m3u8"
    path.write_text(text)
    with pytest.raises(UnreadableSourceError, match=r"a list of other files.*clip\.m3u8"):
        open_source(path)
    monkeypatch.setattr(container, "_formats", lambda: ",".join(av.formats_available))
    assert len(read(path)[0]) == clips.FRAMES  # which it would be


@POSIX
def test_links_that_lead_nowhere_or_in_circles_are_not_found(tmp_path):
    (tmp_path / "nowhere.mp4").symlink_to(tmp_path / "missing.mp4")
    (tmp_path / "circle.mp4").symlink_to(tmp_path / "circle.mp4")
    for name in ("nowhere.mp4", "circle.mp4"):
        with pytest.raises((SourceNotFoundError, UnreadableSourceError), match=name):
            open_source(tmp_path / name)


def test_a_home_that_is_not_known_is_a_path_that_cannot_be_used():
    with pytest.raises((SourceNotFoundError, UnreadableSourceError), match="~no-such-user"):
        open_source("~no-such-user/clip.mp4")


def test_a_video_without_a_frame_is_empty(tmp_path):
    path = clips.write(tmp_path / "clip.mp4", muxer={"movflags": "+faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 4])
    with pytest.raises(EmptySourceError, match=r"not one frame.*clip\.mp4"):
        open_source(path)
    with pytest.raises(UnreadableSourceError, match="sound but no video"):
        open_source(clips.sound_only(tmp_path / "sound.mp4"))
