"""The table and the picture: who is in a clip, and when."""

from __future__ import annotations

import builtins
import io
import re
import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from humantrack.clips.facts import ClipFacts
from humantrack.clips.spans import ClipSpans, TrackSpans
from humantrack.export.cli import main
from humantrack.export.summary import bar, print_clip
from humantrack.render.palette import identity_colour
from humantrack.results import ResultsWriter, load_results

FACTS = ClipFacts(
    name="clip", path=None, fps=30, fps_known=True, width=None, height=None, duration_s=None,
    frame_count=None,
)  # fmt: skip


def track_of(seen, track_id=1):
    """A track seen in these of the frames 0, 1, 2, ..."""
    track = TrackSpans(track_id)
    for row in seen:
        track.see(row, row, 0.5)
    return track


def clip_of(count, *tracks):
    return ClipSpans("clip.pkl", FACTS, frames=count, first=0, last=count - 1, tracks=list(tracks))


@pytest.fixture
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")


def test_table_says_who_is_there_and_when(make_results, capsys, wide):
    path = make_results()
    assert main([str(path), "--summary"]) == 0
    out = capsys.readouterr().out
    name, facts, heading, *rows = out.splitlines()
    assert name == "clip.pkl"
    assert facts == (
        "40 frames, 30 fps, 1.33 s, 640 x 480 px, 3 tracks, written by humantrack 0.1.0"
    )
    assert heading.split() == [
        *("track", "first", "last", "seen", "length", "gaps", "missed", "score", "0", "39")
    ]
    assert [row.split()[:8] for row in rows] == [
        ["1", "0", "39", "40", "40", "-", "-", "0.90"],
        ["2", "5", "34", "25", "30", "1", "5", "0.90"],
        ["7", "12", "29", "18", "18", "-", "-", "0.90"],
    ]
    assert {len(row) for row in rows} <= set(range(1, 121))
    assert "\x1b" not in out  # no colour but on a terminal


def test_selection_is_heeded(make_results, capsys, wide):
    path = make_results()
    assert main([str(path), "--summary", "--frames", "10:30", "--tracks", "2,7"]) == 0
    _, facts, _, *rows = capsys.readouterr().out.splitlines()
    assert facts.startswith("20 of 40 frames, 30 fps, 0.67 s")
    assert [row.split()[:5] for row in rows] == [
        ["2", "10", "29", "15", "20"],
        ["7", "12", "29", "18", "18"],
    ]
    assert main([str(path), "--summary", "--min-length", "26"]) == 0
    assert [row.split()[0] for row in capsys.readouterr().out.splitlines()[3:]] == ["1"]


@pytest.mark.parametrize("name", ["upstream_render", "upstream_extract_cut"])
def test_files_of_phalp(data, capsys, name):
    path = data / "results" / f"{name}.pkl"
    assert main([str(path), "--summary", "--source-fps", "25"]) == 0
    _, facts, _, *rows = capsys.readouterr().out.splitlines()
    frames = list(load_results(path).values())
    assert facts.startswith(f"{len(frames)} frames, 25 fps")
    expected = {}
    for frame in frames:
        for track, missed in zip(frame["tid"], frame["tracked_time"], strict=True):
            if missed <= 0:
                expected.setdefault(track, []).append(frame["time"])
    assert [[int(n) for n in row.split()[:4]] for row in rows] == [
        [i, seen[0], seen[-1], len(seen)] for i, seen in sorted(expected.items())
    ]


def test_rate_that_is_assumed_is_said(data, capsys):
    assert main([str(data / "results" / "upstream_render.pkl"), "--summary"]) == 0
    assert "30 fps (assumed)" in capsys.readouterr().out


def test_several_files_are_several_tables(make_results, person, capsys, tmp_path):
    make_results([person(3, range(4))], count=4, name="a.pkl")
    make_results([person(5, range(4))], count=4, name="b.pkl")
    assert main([str(tmp_path), "--summary"]) == 0
    tables = capsys.readouterr().out.split("\n\n")
    assert [table.splitlines()[0] for table in tables] == ["a.pkl", "b.pkl"]
    assert [table.splitlines()[3].split()[0] for table in tables] == ["3", "5"]


# -- the time line --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (range(10), "##########"),
        ([0, 1, 2, 6, 7, 8, 9], "###---####"),
        ([4], "    #     "),
        (range(5, 10), "     #####"),
        ([9], "         #"),
    ],
)
def test_bar_of_a_cell_a_frame(seen, line):
    track = track_of(seen)
    assert bar(track, clip_of(10, track), 10, " -+#") == line


def test_a_gap_shows_however_short():
    track = track_of(i for i in range(10_000) if i != 5_550)
    line = bar(track, clip_of(10_000, track), 20, " -+#")
    assert line == "###########+########"


@given(
    seen=st.sets(st.integers(0, 59), min_size=1),
    more=st.integers(0, 20),
    cells=st.integers(1, 90),
)
def test_bar_covers_what_is_seen(seen, more, cells):
    count = max(seen) + 1 + more
    track = track_of(sorted(seen))
    assert (track.first, track.last, track.seen) == (min(seen), max(seen), len(seen))
    assert track.length == max(seen) - min(seen) + 1
    assert track.spans == sorted(track.spans)
    assert track.gaps == sum(1 for i in seen if i + 1 not in seen) - 1
    line = bar(track, clip_of(count, track), cells, " -+#")
    assert len(line) == cells
    edges = np.linspace(0, count, cells + 1)
    for glyph, start, end in zip(line, edges[:-1], edges[1:], strict=True):
        inside = [i for i in range(count) if i < end - 1e-6 and i + 1 > start + 1e-6]
        there = [i for i in inside if track.first <= i <= track.last]
        if glyph == " ":
            assert not there
        elif glyph == "#":
            assert there
            assert seen.issuperset(there)
        elif glyph == "-":
            assert there
            assert seen.isdisjoint(there)
        else:
            assert seen.intersection(there)
            assert not seen.issuperset(there)


def printed(clip, width, **how):
    file = io.TextIOWrapper(io.BytesIO(), encoding=how.pop("encoding", "utf-8"))
    print_clip(Console(file=file, width=width, highlight=False, **how), clip)
    file.seek(0)
    return file.read()


@pytest.mark.parametrize("width", [20, 80, 100, 250])
def test_width_follows_the_terminal(width):
    track = track_of(range(1000))
    *_, heading, line = printed(clip_of(1000, track), width).splitlines()
    assert len(line) == max(width, heading.index("score") + 7 + 16)
    assert line.count("▇") == len(line) - line.index("▇") >= 16


def test_colour_is_the_tracks_and_only_on_a_terminal():
    tracks = [track_of(range(9), i) for i in (1, 2)]
    clip = clip_of(9, *tracks)
    text = printed(clip, 80, force_terminal=True, color_system="truecolor")
    for i in (1, 2):
        red, green, blue = identity_colour(i)
        assert text.count(f"\x1b[38;2;{red};{green};{blue}m") == 2
    assert "\x1b" not in printed(clip, 80)
    assert "▇" in printed(clip, 80)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_plain_letters_where_there_are_no_blocks(encoding):
    track = track_of([0, 1, 2, 30, 31, 32])
    text = printed(clip_of(33, track), 80, encoding=encoding)
    assert text.isascii()
    assert re.search(r"#\+?-{5,}\+?#", text)


def test_a_name_that_the_encoding_lacks(make_results, capsys, monkeypatch):
    path = make_results(meta=False)
    path = path.rename(path.with_name("日本.pkl"))
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", out)
    assert main([str(path), "--summary"]) == 0
    out.seek(0)
    assert out.read().splitlines()[0] == r"\u65e5\u672c.pkl"


def test_memory_does_not_grow_with_the_length(make_results):
    path = make_results(count=40)
    frames = list(load_results(path).values())
    peaks = []
    for count in (320, 1280):
        with ResultsWriter(path) as writer:
            for i in range(count):
                writer.write_frame(str(i), {**frames[i % 12], "time": i, "time_s": i / 30})
        tracemalloc.start()
        assert main([str(path), "--summary"]) == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


# -- the picture ----------------------------------------------------------------------------------


def test_picture_shows_the_tracks_in_their_colours(make_results, tmp_path, capsys):
    """Track 2 has a gap: its colour is a thin line there, and is not before or after the track."""
    path, target = make_results(), tmp_path / "timeline.png"
    assert main([str(path), "--plot", str(target)]) == 0
    assert capsys.readouterr().out == ""  # a table only where one is asked for
    picture = cv2.imread(str(target))[:, :, ::-1].astype(int)
    heights = {}
    for i in (1, 2, 7):
        near = np.abs(picture - identity_colour(i)).max(axis=2) < 3
        columns = np.flatnonzero(near.any(axis=0))
        heights[i] = near.sum(axis=0)[columns[0] : columns[-1] + 1], columns
    left, right = heights[1][1][[0, -1]]
    assert heights[1][0].min() == heights[1][0].max()
    frame = (right - left + 1) / 40
    assert heights[7][1][0] == pytest.approx(left + 12 * frame, abs=2)
    assert heights[7][1][-1] == pytest.approx(left + 30 * frame, abs=2)
    assert heights[2][1][0] == pytest.approx(left + 5 * frame, abs=2)
    height = heights[2][0]
    thin = height < height.max() / 3
    assert thin.sum() == pytest.approx(5 * frame, abs=3)
    assert height[thin].min() >= 1


@pytest.mark.parametrize("suffix", [".png", ".svg", ".SVG"])
def test_the_same_results_give_the_same_picture(make_results, tmp_path, suffix):
    path = make_results()
    a, b = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    assert main([str(path), "--plot", str(a)]) == main([str(path), "--plot", str(b)]) == 0
    assert a.read_bytes() == b.read_bytes()
    assert a.stat().st_size < 200_000
    assert a.read_bytes().startswith(b"\x89PNG" if suffix == ".png" else b"<?xml")


def test_several_files_are_one_picture(make_results, person, tmp_path):
    make_results([person(3, range(4))], count=4, name="a.pkl")
    first, both = tmp_path / "first.png", tmp_path / "both.png"
    assert main([str(tmp_path), "--plot", str(first)]) == 0
    make_results([person(5, range(4))], count=4, name="b.pkl")
    assert main([str(tmp_path), "--plot", str(both)]) == 0
    one, two = cv2.imread(str(first)), cv2.imread(str(both))
    assert two.shape[0] == pytest.approx(2 * one.shape[0], abs=2)
    for picture, there in ((one, False), (two, True)):
        near = np.abs(picture[:, :, ::-1].astype(int) - identity_colour(5)).max(axis=2) < 3
        assert near.any() == there


def test_picture_that_is_there_stays(make_results, tmp_path, attempt):
    path, target = make_results(), tmp_path / "p.png"
    target.write_bytes(b"mine")
    attempt(path, "--plot", target).assert_refused(8, "--force")
    assert target.read_bytes() == b"mine"
    assert attempt(path, "--plot", target, "--force").code == 0
    assert target.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib(make_results, tmp_path, attempt, monkeypatch):
    really = builtins.__import__

    def lacking(name, *rest, **named):
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return really(name, *rest, **named)

    path = make_results()
    monkeypatch.setattr(builtins, "__import__", lacking)
    attempt(path, "--plot", tmp_path / "p.png").assert_refused(11, "pip install 'humantrack[plot]'")
    assert attempt(path, "--summary").code == 0


def test_many_tracks_and_a_long_clip(make_results, tmp_path, person, attempt):
    """The picture does not grow without end, and every track is a row of the table."""
    from humantrack.export.plot import draw

    tracks = [track_of(range(3 * i, 3 * i + 2), 10**15 + i) for i in range(1500)]
    picture = cv2.imdecode(np.frombuffer(draw([clip_of(108_000, *tracks)], ".png"), np.uint8), 1)
    assert picture.shape[0] < 2**15
    assert len(printed(clip_of(108_000, *tracks), 100).splitlines()) == 1503
