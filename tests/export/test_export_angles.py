"""Joint angles: poses whose angles are known by hand, and files of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from humantrack.body.joints import SMPL_JOINTS
from humantrack.export.cli import main
from humantrack.export.formats.osim import COORDINATES
from humantrack.motion.angles import NAMES, joint_angles

LEFT, UP, FORWARD = np.eye(3)
"""The body's own axes."""


def pose(**turns):
    """(1,24,3,3) a T pose with some joints turned by degrees about an axis (a list: in order)."""
    local = np.tile(np.eye(3), (1, 24, 1, 1))
    for joint, steps in turns.items():
        for axis, degrees in steps if isinstance(steps, list) else [steps]:
            turn = Rotation.from_rotvec(np.radians(degrees) * axis).as_matrix()
            local[:, SMPL_JOINTS.index(joint)] = local[:, SMPL_JOINTS.index(joint)] @ turn
    return local


def angles_of(**turns):
    return dict(zip(NAMES, joint_angles(pose(**turns))[0].tolist(), strict=True))


def others_are_zero(angles, *names):
    still = {n: v for n, v in angles.items() if n not in names and "elevation" not in n}
    assert max(map(abs, still.values())) < 1e-9, still


def test_the_t_pose_is_zero_but_for_the_arms():
    angles = angles_of()
    others_are_zero(angles)
    assert angles["left_shoulder_elevation"] == pytest.approx(90)
    assert angles["right_shoulder_elevation"] == pytest.approx(90)


# A turn about the body's left axis by a positive angle takes what hangs down backwards.
BY_HAND = [
    ("knee", LEFT, 90, "knee_flexion", 90),  # the heel to the seat
    ("knee", LEFT, 135, "knee_flexion", 135),
    ("hip", LEFT, -60, "hip_flexion", 60),  # the knee to the front
    ("hip", LEFT, 20, "hip_flexion", -20),
    ("ankle", LEFT, -15, "ankle_dorsiflexion", 15),  # the toes up
    ("ankle", LEFT, 30, "ankle_dorsiflexion", -30),
]


@pytest.mark.parametrize(("joint", "axis", "turn", "name", "expected"), BY_HAND)
@pytest.mark.parametrize("side", ["left", "right"])
def test_legs_bend_by_what_they_are_bent(side, *, joint, axis, turn, name, expected):
    angles = angles_of(**{f"{side}_{joint}": (axis, turn)})
    assert angles[f"{side}_{name}"] == pytest.approx(expected)
    others_are_zero(angles, f"{side}_{name}")


@pytest.mark.parametrize("side", ["left", "right"])
def test_to_the_middle_is_positive(side):
    """Adduction, inversion and internal rotation of a leg, seen from the front."""
    inwards = -1 if side == "left" else 1  # about the forward axis: what hangs down goes left
    for joint, name in (
        ("hip", "hip_adduction"), ("knee", "knee_adduction"), ("ankle", "ankle_inversion"),
    ):  # fmt: skip
        angles = angles_of(**{f"{side}_{joint}": (FORWARD, inwards * 25)})
        assert angles[f"{side}_{name}"] == pytest.approx(25)
        others_are_zero(angles, f"{side}_{name}")
        angles = angles_of(**{f"{side}_{joint}": (UP, inwards * 25)})  # the front to the left
        assert angles[f"{side}_{joint}_rotation"] == pytest.approx(25)
        others_are_zero(angles, f"{side}_{joint}_rotation")


def test_trunk():
    """Bent forward, to the right, turned to the left; shared by the spine's three joints."""
    forward = angles_of(spine1=(LEFT, 10), spine2=(LEFT, 20), spine3=(LEFT, 15))
    assert forward["trunk_flexion"] == pytest.approx(45)
    others_are_zero(forward, "trunk_flexion")
    assert angles_of(spine2=(FORWARD, 12))["trunk_bending"] == pytest.approx(12)
    assert angles_of(spine2=(UP, 12))["trunk_rotation"] == pytest.approx(12)


@pytest.mark.parametrize("side", ["left", "right"])
def test_arms(side):
    out = 1 if side == "left" else -1
    shoulder, elbow = f"{side}_shoulder", f"{side}_elbow"

    def read(**turns):
        angles = angles_of(**turns)
        return [angles[f"{shoulder}_{a}"] for a in ("plane", "elevation", "rotation")]

    # From the T pose: half way down, straight up, and to the front.
    assert read(**{shoulder: (FORWARD, -45 * out)}) == pytest.approx([0, 45, 0])
    assert read(**{shoulder: (FORWARD, 60 * out)}) == pytest.approx([0, 150, 0])
    assert read(**{shoulder: (UP, -90 * out)}) == pytest.approx([90, 90, 0])
    # The collar bone is part of it; thumbs from the front to the floor are turned inwards.
    assert read(**{f"{side}_collar": (FORWARD, 20 * out)}) == pytest.approx([0, 110, 0])
    assert read(**{shoulder: (LEFT, 40)}) == pytest.approx([0, 90, 40])
    # Hanging: plane and rotation are one.
    assert read(**{shoulder: (FORWARD, -90 * out)}) == pytest.approx([0, 0, 0], abs=1e-6)
    angles = angles_of(**{elbow: (UP, -90 * out)})  # the hand to the front
    assert angles[f"{elbow}_flexion"] == pytest.approx(90)
    others_are_zero(angles, f"{elbow}_flexion")
    assert angles_of(**{elbow: (LEFT, 35)})[f"{elbow}_pronation"] == pytest.approx(35)


ROTATIONS = st.integers(0, 2**32 - 1)
PAIRS = [
    SMPL_JOINTS.index(n.replace("left", "right") if "left" in n else n.replace("right", "left"))
    for n in SMPL_JOINTS
]


@given(ROTATIONS, st.sampled_from([0.2, 1.0, 3.0]))
def test_the_mirror_image_has_the_other_sides_angles(seed, size):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(3, 24, 3)) * size
    mirrored = (vectors * [1, -1, -1])[:, PAIRS]  # seen in a mirror across the body's left axis
    one, other = (
        joint_angles(Rotation.from_rotvec(v.reshape(-1, 3)).as_matrix().reshape(3, 24, 3, 3))
        for v in (vectors, mirrored)
    )
    swapped = []
    for name in NAMES:
        twin = name.replace("left", "right") if "left" in name else name.replace("right", "left")
        sign = -1 if name in ("trunk_bending", "trunk_rotation") else 1
        swapped.append(sign * other[:, NAMES.index(twin)])
    difference = (one - np.stack(swapped, axis=1) + 180) % 360 - 180
    assert np.abs(difference).max() < 1e-6


@given(ROTATIONS)
def test_the_angles_bring_the_rotation_back(seed):
    """By their definition, with scipy: Grood and Suntay's for the legs, Y-X-Y for the shoulder."""
    rng = np.random.default_rng(seed)
    local = Rotation.from_rotvec(rng.normal(size=(24, 3))).as_matrix()[None]
    angles = dict(zip(NAMES, joint_angles(local)[0].tolist(), strict=True))
    to_isb = np.array([FORWARD, UP, -LEFT])

    def isb(joint):
        return to_isb @ local[0, SMPL_JOINTS.index(joint)] @ to_isb.T

    knee = [angles[f"right_knee_{a}"] for a in ("flexion", "adduction", "rotation")]
    built = Rotation.from_euler("ZXY", [-knee[0], *knee[1:]], degrees=True).as_matrix()
    assert np.allclose(built, isb("right_knee"), atol=1e-9)
    plane, elevation, turn = (
        angles[f"right_shoulder_{a}"] for a in ("plane", "elevation", "rotation")
    )
    built = Rotation.from_euler("YXY", [plane, -elevation, turn], degrees=True).as_matrix()
    hanging = Rotation.from_euler("X", -90, degrees=True).as_matrix()
    assert np.allclose(built, isb("right_collar") @ isb("right_shoulder") @ hanging, atol=1e-9)


# -- files ----------------------------------------------------------------------------------------


def exported(path, tmp_path, *more):
    out = tmp_path / "out"
    assert main([str(path), *more, "-o", f"{out}/", "--quiet", "--force"]) == 0
    return out


def test_table(make_results, tmp_path):
    path = make_results()
    out = exported(path, tmp_path, "-f", "angles", "-f", "angles-parquet")
    text = pd.read_csv(out / "clip.angles.csv")
    stored = pd.read_parquet(out / "clip.angles.parquet")
    assert list(text) == list(stored)
    assert list(text)[:6] == ["track_id", "part", "frame", "time_s", "shot", "observed"]
    assert np.abs(text[list(NAMES)].to_numpy() - stored[list(NAMES)].to_numpy()).max() < 1e-4
    gaps = text[~text.observed]
    assert 0 < len(gaps) < len(text) / 4
    split = pd.read_csv(
        exported(path, tmp_path / "split", "-f", "angles", "--gaps", "split") / "clip.angles.csv"
    )
    assert split.observed.all() and len(split) == len(text) - len(gaps)
    assert split.groupby("track_id").part.max().max() > 1


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("a.csv", "a.csv"),
        ("a.parquet", "a.parquet"),
        ("a.mot", "a_track1.mot"),
        ("a.sto", "a_track1.sto"),
    ],
)
def test_the_outputs_suffix_chooses(make_results, tmp_path, capsys, name, made):
    path = make_results()
    command = [str(path), "-f", "angles", "-o", str(tmp_path / name)]
    assert main([*command, "--tracks", "1"]) == 0
    assert (tmp_path / made).exists()
    assert "note" not in capsys.readouterr().err


def test_opensims_file(make_results, tmp_path):
    path = make_results()
    out = exported(path, tmp_path, "-f", "mot-osim", "-f", "angles", "--tracks", "1")
    head, _, body = (out / "clip_track1.mot").read_text().partition("endheader\n")
    lines = head.splitlines()
    assert lines[0] == "Coordinates" and "inDegrees=yes" in lines
    names, *rows = (line.split("\t") for line in body.splitlines())
    assert names == ["time", *COORDINATES]
    assert f"nRows={len(rows)}" in lines and f"nColumns={len(names)}" in lines
    storage = pd.DataFrame(np.array(rows, float), columns=names)
    table = pd.read_csv(out / "clip.angles.csv")
    assert np.allclose(storage.time, table.time_s)
    for theirs, ours in (
        ("hip_flexion_l", "left_hip_flexion"),
        ("knee_angle_r", "right_knee_flexion"),
        ("hip_adduction_r", "right_hip_adduction"),
        ("ankle_angle_l", "left_ankle_dorsiflexion"),
        ("lumbar_bending", "trunk_bending"),
        ("elbow_flex_r", "right_elbow_flexion"),
    ):
        turn = (storage[theirs] - table[ours] + 180) % 360 - 180
        assert np.abs(turn).max() < 1e-3, theirs
    assert np.allclose(storage.lumbar_extension, -table.trunk_flexion, atol=1e-3)
    assert np.abs(np.diff(storage[list(COORDINATES)], axis=0)).max() < 90  # nothing jumps


def test_a_slice_is_that_of_the_whole(make_results, tmp_path):
    path = make_results()
    for kind, suffix in (("mot-osim", "_track1.mot"), ("angles", ".angles.csv")):
        whole, some = (
            (exported(path, tmp_path / name, "-f", kind, "--tracks", "1", *more) / f"clip{suffix}")
            .read_text()
            .splitlines()
            for name, more in (("whole", ()), ("some", ("--frames", "12:20")))
        )
        assert len(some[-8:]) == 8 and some[-8:] == whole[-40:][12:20]
