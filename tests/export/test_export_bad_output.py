"""Outputs that cannot be: what is there stays, and nothing half written is left."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from humantrack.export.formats.base import FORMATS
from humantrack.export.formats.json import JsonLines


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_there_stays(clip, attempt, name):
    first = attempt(clip, "-f", name, "--source-fps", "30")
    before = {file: (clip.parent / file).read_bytes() for file in first.new}
    assert before
    for file in before:
        (clip.parent / file).write_bytes(b"mine")
    results = clip.read_bytes()
    attempt(clip, "-f", name).assert_refused(8, "--force", str(clip.with_suffix("")))
    assert {(clip.parent / file).read_bytes() for file in before} == {b"mine"}
    assert attempt(clip, "-f", name, "--source-fps", "30", "--force").code == 0
    assert {file: (clip.parent / file).read_bytes() for file in before} == before
    assert clip.read_bytes() == results


@pytest.mark.parametrize("name", FORMATS)
def test_where_nothing_can_be_written(clip, attempt, name):
    (clip.parent / "file").write_bytes(b"")
    attempt(clip, "-f", name, "-o", f"{clip.parent}/file/in/").assert_refused(8, "cannot write")
    attempt(clip, "-f", name, "-o", f"{clip.parent}/{'x' * 300}/").assert_refused(8, "too long")
    attempt(clip, "-f", name, "-o", f"{clip.parent}/{'x' * 300}").assert_refused(8, "too long")


def test_a_folder_of_the_name(clip, attempt):
    clip.with_suffix(".json").mkdir()
    attempt(clip).assert_refused(8)
    attempt(clip, "--force").assert_refused(8, "cannot write")
    clip.with_suffix(".png").mkdir()
    attempt(clip, "--plot", clip.with_suffix(".png"), "--force").assert_refused(8)


class Full(io.FileIO):
    """A file on a disk with room for some bytes."""

    room = 200

    def write(self, data):
        if self.tell() + len(data) > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def test_a_full_disk_names_the_file_among_several_formats(clip, attempt, monkeypatch):
    really = Path.open

    def begin(path, mode="r", *rest, **named):
        if mode != "x+b":
            return really(path, mode, *rest, **named)
        return Full(path, mode)  # without a buffer: refused as soon as it is written

    monkeypatch.setattr(Path, "open", begin)
    monkeypatch.setattr(Full, "room", 9000)  # for the heads of all, and no frame of a table
    formats = ("-f", "csv", "-f", "json", "-f", "glb")
    attempt(clip, *formats).assert_refused(8, "no space left", f"{clip.with_suffix('.csv')}")


@pytest.mark.parametrize("room", [0, 200])
@pytest.mark.parametrize("name", FORMATS)
def test_disk_full(clip, attempt, monkeypatch, name, room):
    opened, really = [], Path.open

    def begin(path, mode="r", *rest, **named):
        if mode != "x+b":
            return really(path, mode, *rest, **named)
        opened.append(path)
        return io.BufferedRandom(Full(path, mode))

    monkeypatch.setattr(Path, "open", begin)
    monkeypatch.setattr(Full, "room", room)
    attempt(clip, "-f", name).assert_refused(8, "no space left")
    assert opened
    attempt(clip, "--plot", clip.with_suffix(".png")).assert_refused(8, "no space left")


@pytest.mark.parametrize("name", FORMATS)
def test_the_input_is_never_replaced(clip, attempt, name):
    results = clip.read_bytes()
    about = clip.with_name("clip.meta.json")
    about.write_text("{}")
    link, hard = clip.with_name("link.pkl"), clip.with_name("hard.pkl")
    link.symlink_to(clip)
    hard.hardlink_to(clip)
    for target in (clip, link, hard, about, clip.parent / "." / "clip.pkl"):
        if FORMATS[name].is_single:
            attempt(clip, "-f", name, "-o", target, "--force").assert_refused(8)
        else:
            assert attempt(clip, "-f", name, "-o", target, "--force").code == 0
        assert clip.read_bytes() == results
        assert about.read_text() == "{}"
    attempt(clip, "--plot", clip.rename(clip.with_suffix(".png")), "--force")
    assert clip.with_suffix(".png").read_bytes() == results


def test_one_output_is_not_put_over_another(tmp_path, clip, attempt):
    other = tmp_path / "clip.joblib"
    other.write_bytes(clip.read_bytes())
    tried = attempt(clip, other, "--force", "-o", f"{tmp_path}/out/")
    assert (tried.code, tried.new) == (8, ["out/clip.json"])


def test_stopped_in_the_middle(clip, attempt, monkeypatch):
    written = []

    def stop(self, batch):
        written.append(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(JsonLines, "write", stop)
    attempt(clip, "-f", "csv", "-f", "jsonl").assert_refused(130, "stopped")
    assert written
    monkeypatch.setattr("humantrack.export.summary.clip_spans", lambda source: stop(None, None))
    attempt(clip, "--summary", "--plot", clip.with_suffix(".svg")).assert_refused(130)


def test_an_error_of_our_own(clip, attempt, monkeypatch):
    def fail(self, batch):
        raise ZeroDivisionError("by\x1b[2J\nzero")

    monkeypatch.setattr(JsonLines, "write", fail)
    attempt(clip, "-f", "csv", "-f", "jsonl").assert_refused(70, "ZeroDivisionError", "--debug")


# -- several files ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [["-f", "json"], ["-f", "bvh", "-f", "csv"]])
def test_a_bad_file_costs_no_other(tmp_path, clip, attempt, how):
    (tmp_path / "a.pkl").write_bytes(b"no results")
    (tmp_path / "z.pkl").write_bytes(b"cos\nsystem\n.")
    tried = attempt(tmp_path, *how, "--source-fps", "30", "--quiet")
    assert tried.code == 9  # the first one's
    assert [line.partition(" ")[0] for line in tried.lines] == ["humantrack-export:"] * 2
    assert {file.partition(".")[0].partition("_")[0] for file in tried.new} == {"clip"}
    tried = attempt(tmp_path, "--summary", "--plot", tmp_path / "all.png")
    assert (tried.code, tried.new, len(tried.lines)) == (9, ["all.png"], 2)
    assert tried.out.count("clip.pkl") == 1


def test_several_files_do_not_fit_one(tmp_path, clip, attempt):
    other = tmp_path / "other.pkl"
    other.write_bytes(clip.read_bytes())
    attempt(clip, other, "-o", "-").assert_refused(2, "folder")
    attempt(clip, other, "-o", tmp_path / "x.json").assert_refused(2, "folder")
    attempt(tmp_path, "-o", "-").assert_refused(2, "folder")
    attempt(clip, "-f", "json", "-f", "csv", "-o", "-").assert_refused(2, "standard output")
    attempt(clip, "-f", "bvh", "-o", "-").assert_refused(2, "standard output")


NAMES = [
    "new\nline.pkl",
    "\x1b[31mred\x1b[0m \x07.pkl",
    "[bold]markup[-] [red]x.pkl",
    "%s {0} $HOME $\\frac{1}{2}$ `id`.pkl",
    "-f.pkl",
    "日本語 émoji 🕺.pkl",
    "right\u202eto left.pkl",
    ".pkl",
    "..pkl",
    "a.b.c.pkl",
    "no suffix",
    f"{'x' * 235}.pkl",
    os.fsdecode(b"latin\xe9.pkl"),
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names(tmp_path, clip, attempt, name):
    path = tmp_path / "in" / name
    path.parent.mkdir()
    clip.rename(path)
    everything = [word for name in FORMATS for word in ("-f", name)]
    tried = attempt(path, *everything)
    assert tried.code == 0
    assert len(tried.new) >= len(FORMATS)
    assert all(line.isprintable() for line in tried.lines)
    assert len(tried.lines) == len(tried.new)
    tried = attempt(path, "--summary", "--plot", tmp_path / "p.svg", "--force")
    assert tried.code == 0
    assert tried.out.splitlines()[1].startswith("3 frames")
    assert "\x1b" not in tried.out
    assert attempt(path, *everything, "-o", f"{tmp_path}/out/").code == 0
    path.write_bytes(b"junk")
    attempt(path, "-o", f"{tmp_path}/other/").assert_refused(9)


def test_a_name_with_no_room_for_a_suffix(tmp_path, clip, attempt):
    path = clip.rename(tmp_path / f"{'x' * 251}.pkl")
    attempt(path, "-f", "jsonl").assert_refused(8, "too long")
    assert attempt(path, "-f", "jsonl", "-o", tmp_path / "short.jsonl").code == 0


# -- pipes --------------------------------------------------------------------------------------


PRINTED = [["-f", "jsonl", "-o", "-"], ["-f", "csv", "-o", "-"], ["--summary"], ["--schema"]]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
@pytest.mark.parametrize("arguments", PRINTED, ids=" ".join)
def test_standard_output_that_is_full(clip, arguments):
    command = [sys.executable, "-m", "humantrack.export.cli", str(clip), *arguments]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 8
    assert done.stderr.decode().splitlines() == [
        "humantrack-export: cannot write (no space left on device): standard output"
    ]


@pytest.mark.parametrize("arguments", PRINTED, ids=" ".join)
def test_a_reader_that_has_had_enough(clip, arguments):
    command = [sys.executable, "-m", "humantrack.export.cli", str(clip), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0
