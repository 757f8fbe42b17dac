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

from humantrack.body.joints import OPENPOSE_OF_45, SMPL_JOINTS
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


PRESETS = {
    "unreal": ("unreal", 100),
    "unity": ("unity", 1),
    "mixamo": ("mixamo", 100),
    "maya": ("humanik", 100),
    "humanik": ("humanik", 100),
}
"""Names of bones, and units of the bvh in a metre."""


@pytest.mark.parametrize("preset", PRESETS)
def test_files_of_other_presets_have_their_joints_in_place(preset, make_results, joints_seen):
    path = make_results(count=12)
    out = path.parent / "out"
    assert main([str(path), "--for", preset, "--tracks", "1", "-o", f"{out}/", "--quiet"]) == 0
    there, (scheme, per_metre) = joints_seen(path, 1), PRESETS[preset]
    files = sorted(f for f in out.iterdir() if f.suffix in (".glb", ".bvh"))
    assert len(files) == (1 if scheme == "humanik" else 2)
    for file in files:
        scale = per_metre if file.suffix == ".bvh" else 1
        for index, bones in zip(range(0, 12, 5), read(file)["frames"], strict=False):
            for row, joint in SHOWN:
                x, y, z = there[index][row]
                at = np.array(bones[BONES[scheme][joint] or SMPL_JOINTS[joint]]) / scale
                assert at == pytest.approx((x, -z, y), abs=2e-4), (file.name, index)


def test_a_stage_has_its_joints_in_place(make_results, joints_seen):
    pytest.importorskip("pxr")
    path = make_results()
    for words in ([], ["--up", "z", "--unit", "cm"]):
        assert main([str(path), "-f", "usd", "--tracks", "1", "--force", "--quiet", *words]) == 0
        scene, there = read(path.with_suffix(".usdc")), joints_seen(path, 1)
        for index, bones in zip(range(0, 40, 5), scene["frames"], strict=True):
            for row, joint in SHOWN:
                x, y, z = there[index][row]
                assert bones[SMPL_JOINTS[joint]] == pytest.approx((x, -z, y), abs=2e-4)


def test_fbx_has_every_bone_and_frame(make_results, joints_seen):
    """By way of the script that makes it."""
    path = make_results()
    command = [str(path), "-f", "glb", "--rest", "t", "--tracks", "1", "--quiet"]
    assert main(command) == 0
    script = Path(__file__).parents[2] / "scripts" / "glb_to_fbx.py"
    subprocess.run([PYTHON, script, path.with_suffix(".glb")], check=True, capture_output=True)
    scene, there = read(path.with_suffix(".fbx")), joints_seen(path, 1)
    assert set(scene["rest"]) == set(SMPL_JOINTS)
    assert scene["last"] == pytest.approx(39, abs=0.01)
    for index, bones in zip(range(0, 40, 5), scene["frames"], strict=True):
        for row, joint in SHOWN:
            x, y, z = there[index][row]
            assert bones[SMPL_JOINTS[joint]] == pytest.approx((x, -z, y), abs=5e-4)
