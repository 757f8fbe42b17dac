"""A lack of memory is named, whoever meets it first, and has an exit code of its own."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from humantrack.cli.errors import explain
from humantrack.errors import (
    DependencyError,
    OutOfMemoryError,
    OutputError,
    ResultsError,
    StageError,
    UnreadableSourceError,
)
from humantrack.memory import is_lack_of_memory, out_of_memory
from humantrack.pipeline.loop import walk
from humantrack.pipeline.window import BackFillWindow

SRC = Path(__file__).parents[2] / "src"

SAID = [
    MemoryError(),
    OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    RuntimeError("std::bad_alloc"),
    RuntimeError("can't start new thread"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("Failed to allocate memory for requested buffer of size 37748736"),
    ImportError("cv2.abi3.so: failed to map segment from shared object"),
    Exception("OpenCV(4.10) error: (-4:Insufficient memory) Failed to allocate 99 bytes"),
]


@pytest.mark.parametrize("error", SAID, ids=str)
def test_what_libraries_say_is_understood(error):
    assert is_lack_of_memory(error)
    known = explain(error)
    assert (type(known), known.exit_code) == (OutOfMemoryError, 17)
    assert "ulimit -v" in str(known)


@pytest.mark.parametrize("kind", [StageError, DependencyError])
def test_our_errors_that_pass_it_on_are_seen_through(kind):
    wrapped = kind("it failed", where="frame 7", hint="x; the same command goes on from there")
    wrapped.__cause__ = RuntimeError("std::bad_alloc")
    assert "frame 7" in str(explain(wrapped))
    assert "the same command goes on" in str(explain(wrapped))


@pytest.mark.parametrize("kind", [UnreadableSourceError, ResultsError, OutputError])
def test_a_damaged_file_that_asks_for_too_much_is_not_a_lack_of_memory(kind):
    wrapped = kind("damaged")
    wrapped.__cause__ = MemoryError()
    assert explain(wrapped) is wrapped


@pytest.mark.parametrize("error", [RuntimeError("no"), ValueError("memory"), OSError(2, "none")])
def test_other_errors_are_left_alone(error):
    assert not is_lack_of_memory(error)


def test_it_is_said_once():
    error = OutOfMemoryError("not enough memory")
    assert out_of_memory(error) is error


def test_a_stage_that_lacks_memory_says_at_which_frames(make_frame):
    def observe(frames):
        raise RuntimeError("std::bad_alloc")

    frames = [make_frame(i) for i in range(3)]
    with pytest.raises(OutOfMemoryError, match="frames 0 to 2"):
        list(walk(frames, observe, None, chunk=3, window=BackFillWindow(1)))


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the address space")
@pytest.mark.parametrize("megabytes", [100, 500, 899, 1000])
def test_a_limit_that_is_too_small_is_one_line(megabytes, data, tmp_path):
    code = (
        "import resource\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({megabytes} << 20,) * 2)\n"
        "from humantrack.cli.entry import main\n"
        "main()"
    )
    arguments = [f"video.source={data / 'demo_small.mp4'}", "tracker=embedded"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, f"video.output_dir={tmp_path}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 17, done.stderr
    assert "Traceback" not in done.stderr
    assert "not enough memory" in done.stderr.splitlines()[-1]
