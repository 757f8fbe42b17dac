"""A clip, its whole results, and runs of it that were killed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from resume_tools import (
    FRAMES,
    NAME,
    copied,
    encode_clip,
    track,
)

from humantrack.results import ResultsWriter


@pytest.fixture(scope="session")
def clip(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("clip") / f"{NAME}.mp4"
    encode_clip(data / "demo.mp4", path)
    return path


@pytest.fixture(scope="session")
def whole(clip, tmp_path_factory):
    """The folder of a run that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole")
    done = track(clip, out, "checkpoint.every_s=1000")
    assert (done.frames, done.resumed_from) == (FRAMES, 0)
    return out


def orphan(killed_run):
    """Let its claims be those of a process that is no more; this one goes on."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    claims = list((killed_run / "results").glob(".*.claim"))
    assert claims
    for claim in claims:
        claim.write_text(json.dumps({**json.loads(claim.read_text()), "pid": gone.pid}))


@pytest.fixture(scope="session")
def killed_runs(clip, tmp_path_factory):
    """What a kill would leave at every ninth frame, by frame: at each place in a chunk of four."""
    root = tmp_path_factory.mktemp("killed_runs")
    out, found = root / "out", {}
    write = ResultsWriter.write

    def copying(self, frame, record):
        write(self, frame, record)
        if record.index % 9 == 4:
            found[record.index] = root / str(record.index)
            shutil.copytree(out, found[record.index], copy_function=copied)
            orphan(found[record.index])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ResultsWriter, "write", copying)
        track(clip, out)
    return found


@pytest.fixture
def killed_run(killed_runs, tmp_path):
    """A folder as a kill at frame 22 leaves it: the checkpoint is of frame 24."""
    return Path(shutil.copytree(killed_runs[22], tmp_path / "killed_run"))
