"""The public names are those that docs/python.md lists, and type checkers know what they are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import humantrack

ROOT = Path(__file__).parents[2]

PROGRAM = """
from pathlib import Path

import humantrack
import numpy as np
from humantrack import BlazePose_4dhuman, Defaults, PHALP, load_config, load_results


class Mine(BlazePose_4dhuman):
    defaults = Defaults(predict="APL", small_w=0, small_h=0, detector="nanodet")


results = humantrack.track(Path("clip.mp4"), tracker="embedded", progress=lambda done, total: None)
reveal_type(results)
reveal_type(results.track_ids)
for record in humantrack.iter_track([np.zeros((2, 2, 3), np.uint8)], fps=30):
    reveal_type(record)
    reveal_type(record.people[0].track_id)
reveal_type(load_results("out.pkl"))
reveal_type(Mine(load_config("video.source=clip.mp4")).track())
reveal_type(Mine.defaults)
humantrack.track(7)
humantrack.nobody
"""

REVEALED = (
    "humantrack.results.collection.Results",
    "tuple[int, ...]",
    "humantrack.types.record.FrameRecord",
    "int",
    "humantrack.results.collection.Results",
    "humantrack.pipeline.summary.RunSummary",
    "humantrack.phalp.Defaults",
)


def test_the_documented_names_are_the_public_ones():
    page = (ROOT / "docs" / "python.md").read_text("utf-8")
    table = page.partition("## Public names")[2].partition("\n## ")[0]
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|[^|]+\|", table, re.MULTILINE)))
    assert sorted(listed) == sorted(humantrack.__all__)


def test_every_public_name_is_there():
    assert all(hasattr(humantrack, name) for name in humantrack.__all__)
    assert set(humantrack.__all__) <= set(dir(humantrack))


@pytest.mark.slow
def test_mypy_finds_the_types(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "mypy.ini").write_text("[mypy]\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tuple(re.findall(r'Revealed type is "(.+)"', done.stdout)) == REVEALED, done.stdout
    errors = re.findall(r"program\.py:(\d+): error: (.*)", done.stdout)
    lines = PROGRAM.splitlines()
    wrong = {lines[int(number) - 1] for number, _ in errors}
    assert wrong == {"humantrack.track(7)", "humantrack.nobody"}, done.stdout
