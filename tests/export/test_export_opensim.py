"""OpenSim itself reads what is for OpenSim, where its package is installed.

``OPENSIM_PYTHON`` names a Python that has it, if it is not the one that runs the tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from motion_tools import motions

from humantrack.export.cli import main
from humantrack.export.formats.trc import MARKER_SETS, MARKERS
from humantrack.motion.angles import NAMES, joint_angles

PYTHON = os.environ.get("OPENSIM_PYTHON", sys.executable)
READER = Path(__file__).parents[1] / "support" / "opensim_reader.py"


@pytest.fixture(scope="module", autouse=True)
def opensim():
    """Skip where there is no OpenSim."""
    found = subprocess.run([PYTHON, "-c", "import opensim"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip("the package opensim is not installed (or set OPENSIM_PYTHON)")


def read(file):
    out = file.with_suffix(".opensim.json")
    subprocess.run([PYTHON, READER, file, out], check=True, capture_output=True)
    return json.loads(out.read_text())


@pytest.mark.parametrize("markers", MARKER_SETS)
def test_markers(markers, make_results):
    path = make_results()
    assert main([str(path), "-f", "trc", "--markers", markers, "--quiet"]) == 0
    for motion in motions(path):
        found = read(path.with_name(f"clip_{motion.name}.trc"))
        assert found["head"] == {"Units": "m", "DataRate": "30"}
        meant = motion.joints[:, [MARKERS[name] for name in found["labels"]]]
        assert np.array(found["rows"]) == pytest.approx(meant, abs=1e-4)
        assert np.array(found["time"]) == pytest.approx(motion.time_s, abs=1e-6)


@pytest.mark.parametrize(("kind", "suffix"), [("mot-osim", ".mot"), ("sto", ".sto")])
def test_joint_angles(kind, suffix, make_results):
    path = make_results()
    assert main([str(path), "-f", kind, "--quiet"]) == 0
    for motion in motions(path):
        found = read(path.with_name(f"clip_{motion.name}{suffix}"))
        count = len(motion)
        assert found["head"] == {"inDegrees": "yes", "rows": count, "degrees": True}
        angles = joint_angles(motion.matrices)
        rows = np.array(found["rows"])
        for ours, theirs in (
            ("left_knee_flexion", "knee_angle_l"),
            ("right_hip_flexion", "hip_flexion_r"),
        ):
            off = rows[:, found["labels"].index(theirs)] - angles[:, NAMES.index(ours)]
            assert (off + 180) % 360 - 180 == pytest.approx(np.zeros(count), abs=1e-3)
        assert np.array(found["time"]) == pytest.approx(motion.time_s, abs=1e-6)
