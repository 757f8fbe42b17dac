"""Blender itself reads what is for Blender, where its package bpy is installed.

``BPY_PYTHON`` names a Python that has it, if it is not the one that runs the tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from humantrack.body.joints import OPENPOSE_OF_45
from humantrack.export.cli import main
from humantrack.motion.bones import BONES

PYTHON = os.environ.get("BPY_PYTHON", sys.executable)
READER = Path(__file__).parents[1] / "support" / "blender_reader.py"
SHOWN = [(row, joint) for row, joint in enumerate(OPENPOSE_OF_45) if joint < 24]


@pytest.fixture(scope="module", autouse=True)
def bpy():
    """Skip where there is no Blender."""
    found = subprocess.run([PYTHON, "-c", "import bpy"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip("the package bpy is not installed (pip install bpy, or set BPY_PYTHON)")


def read(file):
    out = file.with_suffix(".blender.json")
    subprocess.run([PYTHON, READER, file, out], check=True, capture_output=True)
    return json.loads(out.read_text())


def test_both_files_have_their_joints_in_place_and_one_rest_pose(make_results, joints_seen):
    path = make_results()
    out = path.parent / "out"
    assert main([str(path), "--for", "blender", "--tracks", "1", "-o", f"{out}/", "--quiet"]) == 0
    there, names = joints_seen(path, 1), BONES["blender"]
    rests = []
    for file in (out / "clip.glb", out / "clip_track1.bvh"):
        scene = read(file)
        for index, bones in zip(range(0, 40, 5), scene["frames"], strict=True):
            for row, joint in SHOWN:
                x, y, z = there[index][row]
                assert bones[names[joint]] == pytest.approx((x, -z, y), abs=2e-4)
        root = np.array(scene["rest"]["spine"])
        rests.append({name: np.array(at) - root for name, at in scene["rest"].items()})
    for name in names:
        assert rests[0][name] == pytest.approx(rests[1][name], abs=1e-4)
