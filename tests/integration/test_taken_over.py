"""A run that is suspended, replaced by another of the same clip, and wakes: it spoils nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from resume_tools import ROOT, assert_whole, encode_clip, files, track

from humantrack.run.naming import Identity, Names, part_from_sleeper
from humantrack.run.paths import OutputPaths
from humantrack.run.settings import RunOptions, SourceOptions

if os.name != "posix":
    pytest.skip("signals of POSIX systems", allow_module_level=True)

PROGRAM = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from resume_tools import track
from humantrack.pipeline import checkpoint
from humantrack.results import writer

def sleeping(module, name, count):
    call = getattr(module, name)
    def wrapped(*arguments, **named):
        nonlocal count
        count -= 1
        if count == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
        return call(*arguments, **named)
    setattr(module, name, wrapped)

stage, count = sys.argv[4].split(":")
kind = writer.ResultsWriter if stage == "_finish" else checkpoint.Checkpoints
sleeping(kind, stage, int(count))
track(Path(sys.argv[2]), Path(sys.argv[3]))
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "sung.mp4"
    encode_clip(ROOT / "tests" / "data" / "demo.mp4", path)
    return path


@pytest.fixture(scope="module")
def whole(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    track(clip, out)
    return out


@pytest.fixture
def begin() -> Iterator[Callable[[Path, Path, str], subprocess.Popen[bytes]]]:
    """Starts a run in a process of its own, stopped where it was told to."""
    running: list[subprocess.Popen[bytes]] = []

    def start(clip: Path, out: Path, stage: str) -> subprocess.Popen[bytes]:
        running.append(_begin(clip, out, stage))
        return running[-1]

    yield start
    for one in running:
        one.kill()
        one.wait()


def _begin(clip: Path, out: Path, stage: str) -> subprocess.Popen[bytes]:
    support = str(ROOT / "tests" / "support")
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, support, str(clip), str(out), stage]
    log = (out.parent / f"{out.name}.txt").open("ab")
    with log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        process.returncode = os.waitstatus_to_exitcode(status)
    assert os.WIFSTOPPED(status), Path(log.name).read_text()[-2000:]
    return process


@pytest.mark.slow
@pytest.mark.parametrize("stages", [("save:3", "save:2"), ("_finish:1", "save:1")])
def test_a_run_that_wakes_in_anothers_place_stops_and_leaves_all_as_it_is(
    begin: Any, clip: Path, whole: Path, tmp_path: Path, stages: tuple[str, str]
) -> None:
    out = tmp_path / "out"
    first = begin(clip, out, stages[0])
    claim = files(out)["results"].with_name(".demo_sung.claim")
    os.utime(claim, (1, 1))  # it has been silent for long
    second = begin(clip, out, stages[1])
    assert json.loads(claim.read_text())["pid"] == second.pid
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    first.send_signal(signal.SIGCONT)
    assert first.wait(300) != 0
    after = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    changed = [path for path in after | before if after.get(path) != before.get(path)]
    assert not changed, (tmp_path / "out.txt").read_text()[-2000:]
    second.send_signal(signal.SIGCONT)
    assert second.wait(300) == 0, (tmp_path / "out.txt").read_text()[-2000:]
    assert_whole(out, whole)


def test_what_a_sleeper_has_open_loses_its_name(tmp_path: Path) -> None:
    paths = OutputPaths.of(RunOptions(source=SourceOptions(path="a"), output_dir=tmp_path), "a")
    paths.make_folders()
    partial = paths.results.with_name("demo_a.partial.pkl")
    camera = paths.results.with_suffix(".camera")
    piece = paths.pieces / "0001.mp4"
    paths.pieces.mkdir()
    for path in (partial, camera, piece):
        path.write_bytes(b"whole")
    sleeper = [path.open("ab") for path in (partial, camera, piece)]
    part_from_sleeper(paths)
    for file in sleeper:
        file.write(b", and more")
        file.close()
    assert [path.read_bytes() for path in (partial, camera, piece)] == [b"whole"] * 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["PHALP_a.partial", "results"]


def test_names_that_another_run_has_or_has_finished_with_are_not_held(tmp_path: Path) -> None:
    options = RunOptions(source=SourceOptions(path="a"), output_dir=tmp_path)
    names = Names(
        lambda name: OutputPaths.of(options, name), "a", Identity("c", "p"), lost_after_s=60
    )
    with names.held(Event()) as paths:
        claim = paths.results.with_name(".demo_a.claim")
        assert names.is_held()
        ours = claim.read_text()
        claim.write_text(json.dumps({"token": "theirs"}))
        assert not names.is_held()
        claim.write_text("half a")  # the file system is not sure
        assert names.is_held()
        claim.unlink()
        assert not names.is_held()
        claim.write_text(ours)
        assert names.is_held()
