"""BVH files, read by a strict reader of our own and by a package, put the joints where they are."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from types import SimpleNamespace

import bvh
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from humantrack.body.joints import OPENPOSE_OF_45, SMPL_JOINTS, SMPL_PARENTS
from humantrack.body.mannequin import load_mannequin
from humantrack.clips.options import ExportOptions
from humantrack.export.cli import main
from humantrack.export.formats.bvh import Bvh, continuous_euler
from humantrack.geometry.rotations import euler_to_matrix, matrix_to_quaternion
from humantrack.motion.motion import Motion
from humantrack.motion.skeleton import Skeleton

ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
SHOWN = [(row, joint) for row, joint in enumerate(OPENPOSE_OF_45) if joint < 24]


# -- a reader that forgives nothing -------------------------------------------------------------


@dataclass
class Joint:
    name: str
    parent: int
    offset: np.ndarray
    channels: list[str] = field(default_factory=list)


class Tokens:
    def __init__(self, text):
        assert text.isascii() and "\r" not in text and text.endswith("\n")
        self.words = text.split()
        self.place = 0

    def take(self, *expected):
        word = self.words[self.place]
        self.place += 1
        assert not expected or word in expected, f"{word!r} where {expected} is due"
        return word

    def numbers(self, count):
        words = [self.take() for _ in range(count)]
        assert not any(set(word) - set("-0123456789.") for word in words), words
        assert not any(float(word) == 0 and word[0] == "-" for word in words), words
        return np.array(words, float)


def parse(text):
    """Joints, ends, frames (T,C), frame time."""
    tokens, joints, ends = Tokens(text), [], {}

    def body(name, parent):
        assert name not in [j.name for j in joints]
        tokens.take("{")
        tokens.take("OFFSET")
        joint = Joint(name, parent, tokens.numbers(3))
        index = len(joints)
        joints.append(joint)
        tokens.take("CHANNELS")
        joint.channels = [tokens.take() for _ in range(int(tokens.take()))]
        leaf = True
        while (word := tokens.take("JOINT", "End", "}")) != "}":
            leaf = False
            if word == "JOINT":
                body(tokens.take(), index)
            else:
                tokens.take("Site")
                tokens.take("{")
                tokens.take("OFFSET")
                ends[name] = tokens.numbers(3)
                tokens.take("}")
        assert not leaf, f"{name} has neither a child nor an end"

    tokens.take("HIERARCHY")
    tokens.take("ROOT")
    body(tokens.take(), -1)
    tokens.take("MOTION")
    tokens.take("Frames:")
    count = int(tokens.take())
    tokens.take("Frame")
    tokens.take("Time:")
    frame_time = float(tokens.take())
    width = sum(len(j.channels) for j in joints)
    frames = tokens.numbers(count * width).reshape(count, width)
    assert tokens.place == len(tokens.words)
    assert [len(line.split()) for line in text.splitlines()[-count:]] == [width] * count
    return joints, ends, frames, frame_time


def pose(joints, frames):
    """Local rotations (T,J,3,3) and places (T,J,3) by the rules of the format alone."""
    local, world, places, column = [], [], [], 0
    for joint in joints:
        turn, move = np.tile(np.eye(3), (len(frames), 1, 1)), np.zeros((len(frames), 3))
        for channel in joint.channels:
            value = frames[:, column]
            column += 1
            axis, kind = "XYZ".index(channel[0]), channel[1:]
            assert kind in ("rotation", "position")
            if kind == "position":
                move[:, axis] = value
            else:
                vector = np.deg2rad(value)[:, None] * np.eye(3)[axis]
                turn = turn @ Rotation.from_rotvec(vector).as_matrix()
        local.append(turn)
        if joint.parent < 0:
            world.append(turn)
            places.append(joint.offset + move)
        else:
            above = world[joint.parent]
            world.append(above @ turn)
            places.append(places[joint.parent] + above @ joint.offset + move)
    return np.stack(local, axis=1), np.stack(places, axis=1)


def by_smpl(joints, array):
    """(T,J,...) in SMPL's order."""
    names = [j.name for j in joints]
    return array[:, [names.index(name) for name in SMPL_JOINTS]]


def read(path):
    joints, _, frames, _ = parse(path.read_text())
    local, places = pose(joints, frames)
    return by_smpl(joints, local), by_smpl(joints, places)


def exported(path, *arguments):
    out = path.parent / "motion"
    assert main([str(path), "-f", "bvh", "-o", f"{out}/", "--force", "--quiet", *arguments]) == 0
    return {p.stem.removeprefix(f"{path.stem}_"): p for p in sorted(out.glob(f"{path.stem}_*.bvh"))}


# -- what is written ----------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
def test_joints_are_where_the_results_have_them(make_results, joints_seen, order):
    path = make_results()
    files = exported(path, "--euler", order)
    assert list(files) == ["track1", "track2", "track7"]
    for track_id, first in ((1, 0), (2, 5), (7, 12)):
        text = files[f"track{track_id}"].read_text()
        assert f"CHANNELS 3 {order[0]}rotation {order[1]}rotation {order[2]}rotation" in text
        _, places = read(files[f"track{track_id}"])
        for index, there in joints_seen(path, track_id).items():
            error = [np.linalg.norm(places[index - first, j] - there[row]) for row, j in SHOWN]
            assert max(error) < 1e-4  # a tenth of a millimetre, digits and all


def test_frames_that_were_filled_in_are_between_those_seen(make_results):
    _, places = read(exported(make_results())["track2"])
    assert len(places) == 30
    step = np.linalg.norm(np.diff(places, axis=0), axis=-1)
    assert step.max() < 0.1
    parts = exported(make_results(name="parts.pkl"), "--gaps", "split")
    assert list(parts) == ["track1", "track2_part1", "track2_part2", "track7"]
    assert len(read(parts["track2_part1"])[1]) == 10


def test_the_tree_is_smpls(make_results):
    joints, ends, frames, frame_time = parse(exported(make_results())["track1"].read_text())
    assert {j.name for j in joints} == set(SMPL_JOINTS)
    for joint in joints:
        parent = SMPL_PARENTS[SMPL_JOINTS.index(joint.name)]
        assert (joints[joint.parent].name if joint.parent >= 0 else None) == (
            SMPL_JOINTS[parent] if parent >= 0 else None
        )
    assert joints[0].channels[:3] == ["Xposition", "Yposition", "Zposition"]
    assert all(len(j.channels) == 3 for j in joints[1:])
    assert (len(frames), frame_time) == (40, pytest.approx(1 / 30))
    assert set(ends) == {"head", "left_foot", "right_foot", "left_hand", "right_hand"}
    assert ends["head"][1] > 0.1 and ends["left_foot"][2] > 0.03  # up, and forward
    assert ends["left_hand"][0] > 0.03 and ends["right_hand"][0] < -0.03  # outwards


def test_the_package_bvh_reads_the_same(make_results):
    file = exported(make_results())["track7"]
    joints, _, frames, frame_time = parse(file.read_text())
    other = bvh.Bvh(file.read_text())
    assert other.get_joints_names() == [j.name for j in joints]
    assert (other.nframes, other.frame_time) == (18, frame_time)
    assert np.array_equal(np.array(other.frames, float), frames)
    for joint in joints:
        assert other.joint_offset(joint.name) == tuple(joint.offset)
        assert other.joint_channels(joint.name) == joint.channels
    assert other.joint_parent("left_knee").name == "left_hip"
    assert other.joint_parent_index("pelvis") == -1


def test_precision_is_the_number_of_digits(make_results):
    path = make_results()
    for digits in (2, 8):
        file = exported(path, "--precision", str(digits))["track1"]
        words = [w for w in file.read_text().split("Frame Time:")[1].split()[1:] if "." in w]
        assert {len(word.partition(".")[2]) for word in words} == {digits}
    fine, usual = (read(exported(path, *a)["track1"])[1] for a in (("--precision", "8"), ()))
    assert 1e-7 < np.abs(fine - usual).max() < 1e-4


def test_another_rate(make_results):
    text = exported(make_results(), "--fps", "24")["track1"].read_text()
    assert "Frames: 32\nFrame Time: 0.0416666667\n" in text
    read(exported(make_results(), "--fps", "60")["track1"])


def test_one_frame_and_nobody(make_results):
    path = make_results(name="one.pkl")
    _, places = read(exported(path, "--frames", "10:11")["track1"])
    assert places.shape == (1, 24, 3)
    assert exported(make_results([], count=3, name="nobody.pkl")) == {}


def test_variable_rate_is_written_at_the_average(make_results):
    path = make_results(times=lambda i: i / 30 + 0.012 * np.sin(i))
    _, _, frames, frame_time = parse(exported(path)["track1"].read_text())
    assert frame_time == pytest.approx(1 / 30)
    assert len(frames) == 40


# -- angles -------------------------------------------------------------------------------------


def motion_of(matrices, pelvis=None, fps=30.0):
    count = len(matrices)
    rest = load_mannequin().rest_joints()
    return Motion(
        track_id=1,
        part=None,
        fps=fps,
        frame=np.arange(count),
        time_s=np.arange(count) / fps,
        shot=np.zeros(count, int),
        observed=np.ones(count, bool),
        quaternions=matrix_to_quaternion(matrices),
        pelvis=np.zeros((count, 3)) if pelvis is None else pelvis,
        joints=np.zeros((count, 45, 3)),
        betas=np.zeros(10),
        joint_source=np.full((count, 45), -1, np.int8),
        joint_confidence=np.full((count, 45), np.nan, np.float32),
        skeleton=Skeleton(kind="embedded", rest=rest - rest[0], error_m=0.0),
        rest_pelvis=np.zeros(3),
    )


class _Kept(io.BytesIO):
    """A file that can be read after it was closed."""

    def close(self):
        pass


def written(motion, **choices):
    """The text that the writer makes of a motion."""
    file = _Kept()
    source = SimpleNamespace(options=ExportOptions(**choices), facts=None)
    Bvh(source, SimpleNamespace(open=lambda suffix: file), ".bvh").write_motion(motion)
    return file.getvalue().decode("ascii")


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 4),
    st.sampled_from(ORDERS),
    st.sampled_from([0.0, 1e-6, 0.3, 10.0]),
    st.sampled_from([1.0, 23.976, 30.0, 120.0]),
)
def test_what_is_read_is_what_was_written(seed, count, order, size, fps):
    rng = np.random.default_rng(seed)
    turns = Rotation.from_rotvec(rng.normal(size=(count * 24, 3)) * size).as_matrix()
    motion = motion_of(turns.reshape(count, 24, 3, 3), rng.normal(size=(count, 3)) * 10, fps)
    joints, _, frames, frame_time = parse(written(motion, euler=order))
    local, places = (by_smpl(joints, array) for array in pose(joints, frames))
    assert frame_time == pytest.approx(1 / fps, abs=1e-10)
    assert np.abs(local - motion.matrices).max() < 1e-6
    assert np.abs(places - motion.skeleton.joints(motion.matrices, motion.pelvis)).max() < 1e-4


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("off", [0, 1e-9, 1e-5])
@pytest.mark.parametrize("sign", [-90, 90])
def test_gimbal_lock(order, sign, off):
    rng = np.random.default_rng(4)
    angles = rng.uniform(-180, 180, (6, 24, 3))
    angles[..., 1] = sign * (1 - off)
    motion = motion_of(euler_to_matrix(angles, order, degrees=True))
    joints, _, frames, _ = parse(written(motion, euler=order))
    local, places = (by_smpl(joints, array) for array in pose(joints, frames))
    assert np.abs(local - motion.matrices).max() < 1e-6
    assert np.abs(places - motion.skeleton.joints(motion.matrices, motion.pelvis)).max() < 1e-4


@pytest.mark.parametrize("order", ORDERS)
def test_angles_do_not_jump(order):
    spin = np.arange(0, 1000, 10.0)  # nearly three turns
    for axis in range(3):
        vector = np.deg2rad(spin)[:, None] * np.eye(3)[axis]
        matrices = Rotation.from_rotvec(vector).as_matrix()[:, None]
        angles = continuous_euler(matrices, order)
        assert np.abs(np.diff(angles, axis=0)).max() < 10 + 1e-6
        assert np.abs(angles[-1, 0] - angles[0, 0]).max() == pytest.approx(990)
        assert np.abs(euler_to_matrix(angles, order, degrees=True) - matrices).max() < 1e-9


@given(st.integers(0, 2**32 - 1), st.integers(1, 10), st.sampled_from(ORDERS))
def test_continuous_angles_are_the_same_turns(seed, count, order):
    rng = np.random.default_rng(seed)
    matrices = Rotation.from_rotvec(rng.normal(size=(count * 3, 3)) * 2).as_matrix()
    matrices = matrices.reshape(count, 3, 3, 3)
    angles = continuous_euler(matrices, order)
    assert np.abs(euler_to_matrix(angles, order, degrees=True) - matrices).max() < 1e-9
    assert np.abs(np.diff(angles, axis=0)).max(initial=0) <= 180 + 1e-9
