"""Standard input, pipes and devices, read and written as streams."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from formats_here import FORMATS_HERE as FORMATS

from humantrack.export.names import outputs_of
from humantrack.export.output import StreamOutput

SINGLE = [f.name for f in FORMATS.values() if f.is_single]
SEVERAL = [f.name for f in FORMATS.values() if not f.is_single]
PROGRAM = [sys.executable, "-m", "humantrack.export.cli"]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes with names")


@pytest.fixture
def piped(monkeypatch):
    """Bytes as standard input."""

    def give(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return give


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def reading(path, most=-1):
    """A thread that reads a pipe, and where it puts what comes."""
    came = []

    def read():
        with path.open("rb") as file:
            came.append(file.read(most))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread, came


def same_but_for_room(a, b):
    """A header whose counts come later has some room at its end."""
    wide = re.compile(rb"(?<=[\]}]) +(?=[\n,])")
    return wide.sub(b"", a) == wide.sub(b"", b)


@pytest.mark.parametrize("force", [[], ["--force"]], ids=str)
@pytest.mark.parametrize("name", SINGLE)
def test_a_pipe_with_a_name(clip, attempt, fifo, name, force):
    how = ("-f", name, "--source-fps", "30")
    file = clip.parent / "file"
    assert attempt(clip, *how, "-o", file).code == 0
    thread, came = reading(fifo)
    tried = attempt(clip, *how, "-o", fifo, *force)
    thread.join()
    assert (tried.code, tried.new, tried.lines) == (0, [], [])
    assert fifo.is_fifo()
    assert same_but_for_room(came[0], file.read_bytes())


@pytest.mark.parametrize("arguments", [["-f", n] for n in SEVERAL] + [["-f", "csv", "-f", "json"]])
def test_several_files_do_not_fit_a_pipe(clip, attempt, fifo, arguments):
    for target in (fifo, "/dev/stdout", "/dev/null"):
        tried = attempt(clip, *arguments, "-o", target, "--force")
        tried.assert_refused(2, "only one file fits a pipe or device", str(target))
    assert fifo.is_fifo()


@pytest.mark.parametrize("force", [[], ["--force"]], ids=str)
def test_devices_stay(clip, attempt, force):
    assert attempt(clip, "-f", "csv", "-o", "/dev/null", *force, "--source-fps", "30").new == []
    assert not Path("/dev/null").is_file()
    tried = attempt(clip, "-f", "csv", "-o", "/dev/full", *force)
    tried.assert_refused(8, "no space left", "/dev/full")


def test_a_pipe_where_a_file_of_a_folder_would_be(clip, attempt, tmp_path):
    os.mkfifo(tmp_path / "clip.json")
    attempt(clip, "--force").assert_refused(8, "pipe", "clip.json")
    assert (tmp_path / "clip.json").is_fifo()


@pytest.mark.parametrize("target", ["/dev/stdout", "/dev/fd/1", "link"])
def test_standard_output_by_its_path(clip, attempt, tmp_path, target):
    """Also where it is an ordinary file, which is written on, not replaced or begun anew."""
    if target == "link":
        (tmp_path / "link").symlink_to("/dev/stdout")
        target = str(tmp_path / "link")
    want = attempt(clip, "-f", "csv", "-o", "-").out
    file = tmp_path / "out.txt"
    file.write_text("before\n")
    with file.open("a") as out:
        command = [*PROGRAM, str(clip), "-f", "csv", "-o", target, "--force"]
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, check=True)
    assert file.read_text() == f"before\n{want}"
    assert done.stderr == b""


def test_an_open_descriptor(clip, attempt, tmp_path):
    """As a shell's ``>(...)`` gives it."""
    want = attempt(clip, "-f", "csv", "-o", "-").out
    read, write = os.pipe()
    tried = attempt(clip, "-f", "csv", "-o", f"/dev/fd/{write}", "--force")
    os.close(write)
    with os.fdopen(read) as file:
        assert (tried.code, file.read()) == (0, want)
    attempt(clip, "-f", "csv", "-o", "/dev/fd/977").assert_refused(8, "cannot write")


@pytest.mark.parametrize("name", ["json", "parquet"])
@pytest.mark.parametrize("where", ["-", "/dev/stdout", "named"])
def test_who_reads_leaves_early(make_results, tmp_path, name, where):
    path = make_results(count=40)
    read, write = os.pipe()
    target, out = where, write
    if where == "named":
        target, out = str(tmp_path / "pipe"), subprocess.DEVNULL
        os.mkfifo(target)
    command = [*PROGRAM, str(path), "-f", name, "-o", target]
    child = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE)
    os.close(write)
    if where == "named":
        with Path(target).open("rb", buffering=0) as file:
            file.read(1)
    os.close(read)
    assert child.communicate()[1] == b""
    assert child.returncode == 0


def test_a_stream_is_opened_once(tmp_path):
    with contextlib.ExitStack() as stack:
        (outputs,) = outputs_of(
            tmp_path / "a.pkl", [FORMATS["csv"]], os.devnull, force=False, keep=()
        )
        assert isinstance(stack.enter_context(outputs), StreamOutput)
        outputs.open(".csv")


# -- input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SINGLE)
def test_results_from_standard_input(clip, attempt, piped, tmp_path, name):
    """To standard output, as there is no name to give to a file."""
    how = ("-f", name, "--source-fps", "30")
    alone = tmp_path / "alone" / "stdin.pkl"
    alone.parent.mkdir()
    alone.write_bytes(clip.read_bytes())
    assert attempt(alone, *how, "-o", tmp_path / "want").code == 0
    piped(clip.read_bytes())
    assert attempt("-", *how, "-o", tmp_path / "got").code == 0
    assert (tmp_path / "got").read_bytes() == (tmp_path / "want").read_bytes()
    piped(clip.read_bytes())
    if name in ("json", "csv"):
        assert attempt("-", *how).out == attempt(alone, *how, "-o", "-").out


@pytest.mark.parametrize("name", SEVERAL)
def test_several_files_from_standard_input(clip, attempt, piped, name, tmp_path):
    piped(clip.read_bytes())
    tried = attempt("-", "-f", name, "-o", f"{tmp_path}/out/")
    suffix = FORMATS[name].suffix
    files = [re.sub(r"_\d{6}(?=\.obj$)", "", file) for file in tried.new]  # one for each frame
    assert list(dict.fromkeys(files)) == [f"out/stdin_track1{suffix}", f"out/stdin_track2{suffix}"]
    assert all(str(tmp_path) not in line or "out/" in line for line in tried.lines)
    piped(clip.read_bytes())
    attempt("-", "-f", name).assert_refused(2, "only one file fits standard output")


@pytest.mark.parametrize(
    ("data", "code", "word"),
    [
        (b"", 9, "nothing came"),
        (b"no results", 9, "standard input"),
        (b"cos\nsystem\n.", 10, "standard input"),
    ],
)
def test_standard_input_that_is_no_results(attempt, piped, data, code, word):
    for how in ([], ["--summary"]):
        piped(data)
        tried = attempt("-", *how)
        tried.assert_refused(code, word)
        assert tempfile.gettempdir() not in tried.lines[0]


def test_standard_input_that_is_closed_or_a_terminal(attempt, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    attempt("-").assert_refused(9, "closed")
    terminal = io.TextIOWrapper(io.BytesIO())
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", terminal)
    attempt("-").assert_refused(9, "terminal", "cat out.pkl")


def test_no_room_for_the_copy(clip, attempt, piped, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    piped(clip.read_bytes())
    attempt("-").assert_refused(8, "TMPDIR")


def test_a_pipe_as_input(clip, attempt, fifo, tmp_path):
    thread = threading.Thread(target=lambda: fifo.write_bytes(clip.read_bytes()), daemon=True)
    thread.start()
    tried = attempt(fifo, "-f", "csv", "-o", f"{tmp_path}/out/")
    thread.join()
    assert (tried.code, tried.new) == (0, ["out/pipe.csv"])
    assert fifo.is_fifo()


def test_the_summary_of_standard_input(clip, attempt, piped):
    piped(clip.read_bytes())
    tried = attempt("-", "--summary", "--source-fps", "30")
    assert tried.code == 0
    assert tried.out.startswith("stdin.pkl\n3 frames, 30 fps")
