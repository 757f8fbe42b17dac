"""What avatar programs are sent: bones that put the joints where ours are, and nothing unasked."""

from __future__ import annotations

import dataclasses
import socket

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_tools import HEIGHT, WIDTH, observation, person, told
from pythonosc.osc_bundle import OscBundle
from scipy.spatial.transform import Rotation

from humantrack.body.joints import SMPL_JOINTS, SMPL_PARENTS
from humantrack.body.kinematics import forward_kinematics
from humantrack.body.mannequin import load_mannequin
from humantrack.live.addresses import receiver
from humantrack.live.avatar import NAMES, Choice
from humantrack.live.vmc import PACKET_BYTES, VmcOutput
from humantrack.motion.skeleton import PELVIS_ROW, SHOWN_JOINTS, SHOWN_ROWS

SIDES = ("Left", "Right")
LIMBS = ("UpperLeg", "LowerLeg", "Foot", "Toes", "Shoulder", "UpperArm", "LowerArm", "Hand")
TRUNK = ("Hips", "Spine", "Chest", "UpperChest", "Neck", "Head")
UNITY = [*TRUNK, *(f"{side}{limb}" for side in SIDES for limb in LIMBS)]
"""Of Unity's HumanBodyBones."""

PARENT = {
    name: None if SMPL_PARENTS[i] < 0 else NAMES[SMPL_PARENTS[i]] for i, name in enumerate(NAMES)
}


class Received:
    """A receiver at a port of its own."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(10)

    def output(self, whom="longest"):
        return VmcOutput(receiver(*self.socket.getsockname(), "--vmc"), whom)

    def frame(self):
        """The messages of the next frame, as (address, values)."""
        found = []
        while not found or (_is_tracked(found) and _bones(found) < len(NAMES)):
            packet = self.socket.recv(65536)
            assert len(packet) <= PACKET_BYTES
            found += [(m.address, m.params) for m in OscBundle(packet)]
        return found


def _is_tracked(found):
    return dict(found)["/VMC/Ext/OK"][3] == 1


def _bones(found):
    return sum(address == "/VMC/Ext/Bone/Pos" for address, _ in found)


@pytest.fixture
def received():
    one = Received()
    yield one
    one.socket.close()


def bones_of(messages):
    return {
        values[0]: (np.array(values[1:4]), np.array(values[4:]))
        for address, values in messages
        if address == "/VMC/Ext/Bone/Pos"
    }


def placed(messages):
    """Joints by name where an avatar program puts them, in Unity's axes."""
    root = next(values for address, values in messages if address == "/VMC/Ext/Root/Pos")
    places, turns = {None: np.array(root[1:4])}, {None: Rotation.from_quat(root[4:])}
    for name, (place, turn) in bones_of(messages).items():  # parents come first
        above = PARENT[name]
        places[name] = places[above] + turns[above].apply(place)
        turns[name] = turns[above] * Rotation.from_quat(turn)
    return places


def as_ours(seen):
    """Our joints (22,3) from the pelvis in Unity's axes, as a usual lens sees them."""
    focal = 5000 / 256 * max(HEIGHT, WIDTH)
    rest = seen.joints_3d[PELVIS_ROW].astype(float)
    ray = seen.cam_t + rest
    ray = ray * (1, 1, np.hypot(HEIGHT, WIDTH) / focal)
    ray /= np.linalg.norm(ray)
    axis = np.cross([0, 0, 1], ray)
    sine = np.linalg.norm(axis)
    turn = Rotation.from_rotvec(axis / max(sine, 1e-12) * np.arctan2(sine, ray[2]))
    # Camera axes are right, down, away; Unity's, with a person who looks at the camera looking
    # ahead (z), are left, up, and towards the camera.
    return -turn.apply(seen.joints_3d[SHOWN_ROWS] - rest)


def numbers(count, most):
    return st.lists(st.floats(-most, most, width=32), min_size=count, max_size=count)


@settings(max_examples=40, deadline=None)
@given(numbers(3, 3.0), numbers(69, 1.5), numbers(10, 2.0), st.floats(-9, 9), st.floats(20, 80))
def test_the_bones_put_the_joints_where_ours_are(orient, pose, betas, aside, away):
    seen = observation(orient, np.reshape(pose, (23, 3)), betas, (aside, 0.5, away))
    received = Received()
    with received.output() as out:
        out.tell(told(0, people=[person(seen=seen)]))
        places = placed(received.frame())
    received.socket.close()
    names = [NAMES[joint] for joint in SHOWN_JOINTS]
    there = np.array([places[name] - places["Hips"] for name in names])
    np.testing.assert_allclose(there, as_ours(seen), atol=0.001)


def of_another_body(pose, orient):
    """Somebody whose bones are not those of the shipped body, at any shape."""
    rest = load_mannequin().rest_joints(np.zeros((1, 10)))[0]
    longer = np.ones(24)
    longer[[4, 5, 7, 8]], longer[[18, 19, 20, 21]], longer[12] = 1.12, 0.9, 1.2
    other = rest.copy()
    for joint in range(1, 24):
        above = SMPL_PARENTS[joint]
        other[joint] = other[above] + (rest[joint] - rest[above]) * longer[joint]
    seen = observation(orient, pose)
    local = np.concatenate([seen.global_orient, seen.body_pose])[None].astype(float)
    joints = seen.joints_3d.copy()
    joints[SHOWN_ROWS] = forward_kinematics(local, other)[1][0, SHOWN_JOINTS]
    return dataclasses.replace(seen, joints_3d=joints)


def test_joints_of_a_body_that_is_not_known_are_put_where_they_are_too(received):
    rng = np.random.default_rng(0)
    with received.output() as out:
        for i in range(4):
            seen = of_another_body(rng.normal(0, 0.4, (23, 3)), [np.pi, 0.2 * i, 0])
            out.tell(told(i, people=[person(seen=seen)]))
            places = placed(received.frame())
            there = [places[NAMES[joint]] - places["Hips"] for joint in SHOWN_JOINTS]
            np.testing.assert_allclose(there, as_ours(seen), atol=0.001)


def test_a_body_at_rest_is_the_t_pose_of_an_avatar(received):
    """All rotations are zero; it looks along +z, with its left at -x, and stands on the floor."""
    with received.output() as out:
        out.tell(told(0, people=[person(seen=observation())]))
        messages = received.frame()
    bones = bones_of(messages)
    assert sorted(bones) == sorted(UNITY)
    for name, (_, turn) in bones.items():
        np.testing.assert_allclose(turn, [0, 0, 0, 1], atol=2e-3, err_msg=name)
    places = placed(messages)
    assert places["LeftHand"][0] < -0.4 and places["RightHand"][0] > 0.4
    assert places["LeftHand"][1] == pytest.approx(places["LeftUpperArm"][1], abs=0.01)
    assert places["Head"][1] > places["Hips"][1] > places["LeftFoot"][1]
    assert places["LeftToes"][2] - places["LeftFoot"][2] > 0.1
    assert 0.7 < places["Hips"][1] < 1.1 and 0 <= places["LeftFoot"][1] < 0.2
    assert places["Hips"][[0, 2]] == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("joint", "vector", "bone", "quaternion"),
    [
        # Quarter turns of the body's own axes (x to its left, y up, z ahead).
        ("left_elbow", [0, -1, 0], "LeftLowerArm", [0, 1, 0, 1]),  # the hand comes ahead
        ("right_elbow", [0, 1, 0], "RightLowerArm", [0, -1, 0, 1]),
        ("left_knee", [1, 0, 0], "LeftLowerLeg", [1, 0, 0, 1]),  # the foot goes back
        ("right_shoulder", [0, 0, 1], "RightUpperArm", [0, 0, -1, 1]),  # the arm goes down
    ],
)
def test_a_quarter_turn_of_a_joint_is_that_of_the_bone(received, joint, vector, bone, quaternion):
    pose = np.zeros((23, 3))
    pose[SMPL_JOINTS.index(joint) - 1] = np.array(vector) * np.pi / 2
    with received.output() as out:
        out.tell(told(0, people=[person(seen=observation(pose=pose))]))
        messages = received.frame()
    turn = bones_of(messages)[bone][1]
    np.testing.assert_allclose(turn, np.array(quaternion) / np.sqrt(2), atol=1e-3)
    places = placed(messages)
    if bone == "LeftLowerArm":
        assert places["LeftHand"][2] - places["LeftLowerArm"][2] > 0.2
    if bone == "LeftLowerLeg":
        assert places["LeftFoot"][2] - places["LeftLowerLeg"][2] < -0.3
    if bone == "RightUpperArm":
        assert places["RightHand"][1] - places["RightUpperArm"][1] < -0.4


def test_hips_move_as_the_person_does(received):
    """A step to his left is -x of the avatar; a step towards the camera is +z."""
    lens = np.hypot(HEIGHT, WIDTH) / (5000 / 256 * max(HEIGHT, WIDTH))
    ways = [(0, 0, 0), (0.5, 0, 0), (0, 0, -0.4 / lens)]
    hips = []
    with received.output() as out:
        for i, way in enumerate(ways):
            seen = observation(cam_t=np.add((0.0, 0.0, 40.0), way))
            out.tell(told(i, people=[person(seen=seen)]))
            hips.append(bones_of(received.frame())["Hips"][0])
    assert hips[1] - hips[0] == pytest.approx([-0.5, 0, 0], abs=1e-3)
    assert hips[2] - hips[0] == pytest.approx([0, 0, 0.4], abs=1e-3)


def test_every_frame_tells_its_time_and_whether_he_is_seen(received):
    lost = np.full((45, 3), np.nan, np.float32)
    nobody = observation()
    object.__setattr__(nobody, "joints_3d", lost)
    frames = [
        [],
        [person()],
        [person(missed=1)],
        [person(seen=nobody)],
        [person()],
    ]
    seen = []
    with received.output() as out:
        for i, people in enumerate(frames):
            out.tell(told(i, people=people))
            out.tell(told(i, state="final", people=[person()]))  # is late, and not sent
            messages = received.frame()
            values = dict(messages)
            assert values["/VMC/Ext/T"] == [pytest.approx(i / 30)]
            assert values["/VMC/Ext/OK"][:3] == [1, 3, 0]
            seen.append((values["/VMC/Ext/OK"][3], _bones(messages)))
    assert seen == [(0, 0), (1, 22), (0, 0), (0, 0), (1, 22)]


def test_nobody_who_receives_is_no_error():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    with VmcOutput(receiver(*address, "--vmc")) as out:
        for i in range(20):
            out.tell(told(i, people=[person()]))


def box(size):
    return observation(box=(0, 0, size, size))


def follow(whom, *frames):
    choice = Choice(whom)
    out = []
    for people in frames:
        one = choice.of(tuple(people))
        out.append(None if one is None else one.track_id)
    return out


def test_the_one_tracked_for_longest_is_followed_until_he_is_gone():
    one, two, three = person(1), person(2), person(3)
    away = person(1, missed=1)
    frames = [[one], [one, two], [two, one], [away, two], [one, two], [three, two], [three]]
    assert follow("longest", *frames) == [1, 1, 1, None, 1, 2, 3]


def test_the_largest_is_followed_and_another_only_if_clearly_larger():
    frames = [
        [person(1, seen=box(10)), person(2, seen=box(8))],
        [person(1, seen=box(10)), person(2, seen=box(11))],
        [person(1, seen=box(10)), person(2, seen=box(12))],
        [person(1, seen=box(10)), person(2, missed=1, seen=box(12))],
        [],
    ]
    assert follow("largest", *frames) == [1, 1, 2, 1, None]


def test_somebody_is_followed_by_number():
    one, two = person(1), person(2)
    assert follow(2, [one], [one, two], [one], [two]) == [None, 2, None, 2]
