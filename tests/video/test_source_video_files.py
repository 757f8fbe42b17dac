"""Video files: times, orientation, colour, odd formats, damage."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from humantrack.errors import EmptySourceError, SourceNotFoundError, UnreadableSourceError
from humantrack.video import open_source
from humantrack.video.seeking import LostPlaceError
from humantrack.video.video_file import VideoReader


def read(source, **bounds):
    with open_source(source, **bounds) as frames:
        return list(frames)


def test_keys_count_in_the_source(make_clip):
    clip = make_clip("walk.v2.mp4", frames=12)
    assert [f.key for f in read(clip, start_frame=9)] == [
        "walk.v2/000010.jpg",
        "walk.v2/000011.jpg",
        "walk.v2/000012.jpg",
    ]
    assert read(clip, end_frame=1, name="other")[0].key == "other/000001.jpg"


def test_phalp_keys_are_path_and_pts(make_clip):
    clip = make_clip("vid.mp4", frames=3)
    with av.open(str(clip)) as container:
        expected = [(str(clip), frame.pts) for frame in container.decode(video=0)]
    assert [f.key for f in read(clip, keys="phalp")] == expected


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a.b.mp4", "a.b"),
        (".hidden.mp4", "hidden"),
        ("ünï çødé 視頻.mp4", "ünï çødé 視頻"),
        ("with 'quotes' & $.mp4", "with 'quotes' & $"),
    ],
)
def test_the_name_is_the_file_name_without_its_last_suffix(make_clip, file, name):
    with open_source(make_clip(file, frames=1)) as frames:
        assert frames.info.name == name
        assert len(list(frames)) == 1


def test_variable_frame_times_are_kept(make_clip, number):
    times = [0.0, 0.04, 0.05, 0.3, 0.9, 0.91, 1.5]
    for name in ("vfr.mp4", "vfr.mkv"):
        clip = make_clip(name, frames=len(times), times=times)
        frames = read(clip)
        assert [f.time_s for f in frames] == pytest.approx(times, abs=1e-3)
        part = read(clip, start_time_s=0.2, end_time_s=0.95)
        assert [number(f.rgb) for f in part] == [3, 4, 5]
        assert [f.source_index for f in part] == [3, 4, 5]


def test_seeking_finds_the_frame_that_counting_finds(make_clip, monkeypatch):
    """With a way to seek, and with seeking that always loses its place, frames are the same."""
    clip = make_clip(
        "long.mp4", frames=64, gop=10, options={"bf": "3", "x264-params": "open-gop=1"}
    )
    bounds = [{"start_frame": n} for n in (9, 10, 11, 20, 29, 33, 60, 63)]
    seeked = [read(clip, **b) for b in bounds]

    def lost(mark, frames):
        raise LostPlaceError

    monkeypatch.setattr("humantrack.video.video_file.frames_from", lost)
    for bound, fast in zip(bounds, seeked, strict=True):
        slow = read(clip, **bound)
        assert [(f.source_index, f.time_s, f.key) for f in fast] == [
            (f.source_index, f.time_s, f.key) for f in slow
        ]
        assert all(np.array_equal(a.rgb, b.rgb) for a, b in zip(fast, slow, strict=True))


def test_a_late_start_does_not_decode_what_comes_before(make_clip, monkeypatch):
    clip = make_clip("long.mp4", frames=64, gop=10)
    clocked = []
    from humantrack.video.clock import Clock

    real = Clock.time_s
    monkeypatch.setattr(
        Clock, "time_s", lambda self, stamp: clocked.append(stamp) or real(self, stamp)
    )
    assert len(read(clip, start_time_s=2.3)) == 64 - 58
    assert len(clocked) == 64 - 58


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("ccw", [0, 90, 180, -90])
def test_the_display_matrix_is_applied(make_clip, ccw, mirrored):
    """A red corner at the top left ends where a player would show it."""

    def corner(_):
        rgb = np.full((64, 96, 3), 90, np.uint8)
        rgb[:20, :30] = (250, 20, 20)
        return rgb

    clip = make_clip("turned.mp4", frames=2, picture=corner, rotation_ccw=ccw, is_mirrored=mirrored)
    with open_source(clip) as source:
        info, frame = source.info, next(source)
    # PyAV mirrors after turning.
    expected = np.rot90(corner(0), ccw // 90)
    if mirrored:
        expected = expected[:, ::-1]
    assert frame.rgb.shape == expected.shape
    assert frame.rgb.flags.c_contiguous
    assert (info.width, info.height) == (frame.width, frame.height)
    assert np.abs(frame.rgb.astype(int) - expected).mean() < 6
    if not mirrored:
        assert info.rotation_deg == -ccw % 360


@pytest.mark.parametrize(
    "stored",
    [
        ("odd.mkv", "ffv1", (101, 57), "yuv444p"),
        ("odd420.mkv", "ffv1", (101, 57), "yuv420p"),
        ("ten.mkv", "ffv1", (96, 64), "yuv420p10le"),
        ("hdr.mov", "prores_ks", (96, 64), "yuv422p10le"),
        ("grey.avi", "mjpeg", (96, 64), "yuvj420p"),
        ("tiny.webm", "libvpx-vp9", (16, 16), "yuv420p"),
        ("old.mpg", "mpeg1video", (96, 64), "yuv420p"),
    ],
)
def test_odd_sizes_and_depths_open(make_clip, number, stored):
    file, codec, size, pix_fmt = stored
    clip = make_clip(file, frames=9, codec=codec, size=size, pix_fmt=pix_fmt)
    frames = read(clip)
    assert [number(f.rgb) for f in frames] == list(range(9))
    assert {(f.width, f.height) for f in frames} == {size}


def test_one_frame_is_a_video(make_clip):
    frames = read(make_clip("one.mp4", frames=1))
    assert [(f.index, f.time_s) for f in frames] == [(0, 0.0)]


def test_the_colour_matrix_of_the_tags_is_used(tmp_path):
    """The same colour, stored by BT.601 and by BT.709, reads as the same colour."""
    from av.video.reformatter import Colorspace

    colour = np.tile(np.array([200, 60, 30], np.uint8), (64, 64, 1))
    for matrix, tag in ((Colorspace.ITU601, 6), (Colorspace.ITU709, 1)):
        path = tmp_path / f"{tag}.mkv"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
            stream.width = stream.height = 64
            stream.pix_fmt = "yuv420p"
            stream.codec_context.colorspace = tag
            stream.codec_context.color_range = 1
            frame = av.VideoFrame.from_ndarray(colour, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=matrix
            )
            frame.colorspace, frame.color_range = tag, 1
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        assert read(path)[0].rgb.mean((0, 1)) == pytest.approx([200, 60, 30], abs=4)


def test_sound_and_pixel_shape_are_noted(make_clip):
    with open_source(make_clip("s.mp4", frames=3, sound="aac", sound_s=0.1)) as frames:
        assert frames.info.has_audio
        assert frames.info.sample_aspect == Fraction(1)
        assert frames.info.codec == "h264"
        assert frames.info.fps == 25


def sound_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_what_is_no_video_is_refused(tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("not a video\n" * 100)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    notes = tmp_path / "notes.txt"
    notes.write_text("hello\n" * 100)
    for path in (text, empty, notes):
        with pytest.raises(UnreadableSourceError, match=path.name):
            open_source(path)
    with pytest.raises(UnreadableSourceError, match="the file is empty: "):
        open_source(empty)
    with pytest.raises(UnreadableSourceError, match="sound but no video"):
        open_source(sound_only(tmp_path / "sound.m4a"))
    for url in ("http://127.0.0.1:9/a.mp4", "rtsp://127.0.0.1:9/1"):  # where nobody answers
        with pytest.raises(UnreadableSourceError, match=re.escape(url)):
            open_source(url)


def test_a_link_to_nothing_names_what_it_points_to(tmp_path):
    link, circle = tmp_path / "link.mp4", tmp_path / "circle.mp4"
    link.symlink_to("gone.mp4")
    circle.symlink_to("circle.mp4")
    for path, goal in ((link, "gone"), (circle, "circle")):
        with pytest.raises(SourceNotFoundError, match=rf"leads to nothing: .*points to {goal}"):
            open_source(path)


def test_a_missing_file_names_its_nearest_neighbour(make_clip, tmp_path):
    make_clip("dancer.mp4", frames=1)
    with pytest.raises(SourceNotFoundError, match=r"dancer\.mp4\?"):
        open_source(tmp_path / "dancr.mp4")
    with pytest.raises(SourceNotFoundError, match="does not exist"):
        open_source(tmp_path / "nowhere" / "a.mp4")
    with pytest.raises((SourceNotFoundError, UnreadableSourceError)):
        open_source("x" * 5000 + ".mp4")
    with pytest.raises((SourceNotFoundError, UnreadableSourceError)):
        open_source("a\0b.mp4")


def test_no_permission_is_unreadable(make_clip, monkeypatch):
    clip = make_clip("locked.mp4", frames=1)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(UnreadableSourceError, match="permission"):
        open_source(clip)


def test_a_file_cut_short_yields_what_is_there(make_clip, number):
    def noise(i):
        return np.random.default_rng(i).integers(0, 255, (64, 96, 3), np.uint8)

    clip = make_clip("cut.mp4", frames=40, picture=noise, muxer={"movflags": "+faststart"})
    whole = read(clip)
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 6 // 10])
    with open_source(clip) as source:
        part = list(source)
        assert source.decode_errors > 0
        assert source.decode_messages
    assert 15 < len(part) < 35
    same = [np.array_equal(a.rgb, b.rgb) for a, b in zip(whole, part, strict=False)]
    assert sum(same) >= len(part) - 2  # only the last ones may be damaged


def test_a_file_without_its_index_or_without_a_frame_is_refused(make_clip):
    clip = make_clip("head.mp4", frames=40)  # the index is at the end
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) // 2])
    with pytest.raises(UnreadableSourceError, match="not a video"):
        open_source(clip)
    clip = make_clip("none.mp4", frames=4, muxer={"movflags": "+faststart"})
    data = clip.read_bytes()
    clip.write_bytes(data[: data.index(b"mdat") + 4])
    with pytest.raises(EmptySourceError):
        open_source(clip)


def test_damage_in_the_middle_is_passed_over(make_clip):
    clip = make_clip("hurt.mkv", frames=40, codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(clip.read_bytes())
    starts = [i for i in range(len(data) - 2) if data[i : i + 3] == b"\xff\xd8\xff"]
    assert len(starts) == 40
    for start in starts[10:15]:
        data[start : start + 600] = bytes(600)
    clip.write_bytes(bytes(data))
    with open_source(clip) as source:
        frames = list(source)
        assert len(frames) == 35
        assert source.decode_errors >= 5  # FFmpeg may say it in several words
        assert [f.index for f in frames] == list(range(35))


def test_frame_count_is_that_of_the_slice(make_clip):
    clip = make_clip("n.mp4", frames=40)
    for bounds in (
        {"start_frame": 10},
        {"end_time_s": 1.0},
        {"start_time_s": 0.4, "end_frame": 30},
    ):
        with open_source(clip, **bounds) as source:
            assert source.info.frame_count == len(list(source))


def test_the_reader_can_be_asked_again(make_clip):
    from humantrack.video.span import Span

    reader = VideoReader(make_clip("again.mp4", frames=5), name="again", phalp_keys=False)
    assert len(list(reader.frames(Span()))) == len(list(reader.frames(Span()))) == 5
