"""The files that stand for the original projects' scripts, and our own, start from a checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def start(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("script", ["track.py", "scripts/demo.py"])
def test_the_original_scripts_are_this_program(script, tmp_path):
    assert "humantrack video.source=clip.mp4" in start(script).stdout
    missing = start(script, "video.source=none.mp4", f"video.output_dir={tmp_path}")
    assert missing.returncode == 3
    assert "none.mp4" in missing.stderr


def test_the_demo_says_how_it_is_used():
    done = start("scripts/demo", "--help")
    assert done.returncode == 0
    assert "usage: scripts/demo [VIDEO]" in done.stdout
