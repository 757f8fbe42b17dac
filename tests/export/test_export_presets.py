"""Who reads it: names, axes, unit and rest pose, by readers that know nothing of the writer."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from humantrack.body.joints import OPENPOSE_OF_45, SMPL_JOINTS, SMPL_PARENTS
from humantrack.body.kinematics import forward_kinematics
from humantrack.body.mannequin import load_mannequin
from humantrack.clips.options import ExportOptions
from humantrack.export.cli import main
from humantrack.export.presets import PRESETS
from humantrack.export.readback import read_bvh, read_glb, read_npz, read_trc
from humantrack.export.rigs import rig_of
from humantrack.motion.bones import BONES
from humantrack.motion.rig import UNITS, Rig, rest_joints
from humantrack.motion.skeleton import Skeleton

SHOWN = [(row, joint) for row, joint in enumerate(OPENPOSE_OF_45) if joint < 24]
AVAILABLE = [name for name in PRESETS if name != "rerun"]

GOLDEN = {
    "blender": "spine thigh.L thigh.R spine.001 shin.L shin.R spine.002 foot.L foot.R spine.003 "
    "toe.L toe.R spine.004 shoulder.L shoulder.R spine.006 upper_arm.L upper_arm.R forearm.L "
    "forearm.R hand.L hand.R f_middle.01.L f_middle.01.R",
    "unreal": "pelvis thigh_l thigh_r spine_01 calf_l calf_r spine_02 foot_l foot_r spine_03 "
    "ball_l ball_r neck_01 clavicle_l clavicle_r head upperarm_l upperarm_r lowerarm_l "
    "lowerarm_r hand_l hand_r middle_01_l middle_01_r",
    "unity": "Hips LeftUpperLeg RightUpperLeg Spine LeftLowerLeg RightLowerLeg Chest LeftFoot "
    "RightFoot UpperChest LeftToes RightToes Neck LeftShoulder RightShoulder Head LeftUpperArm "
    "RightUpperArm LeftLowerArm RightLowerArm LeftHand RightHand LeftMiddleProximal "
    "RightMiddleProximal",
    "humanik": "Hips LeftUpLeg RightUpLeg Spine LeftLeg RightLeg Spine1 LeftFoot RightFoot "
    "Spine2 LeftToeBase RightToeBase Neck LeftShoulder RightShoulder Head LeftArm RightArm "
    "LeftForeArm RightForeArm LeftHand RightHand LeftHandMiddle1 RightHandMiddle1",
    "gmr": "Hips LeftUpLeg RightUpLeg Spine LeftLeg RightLeg Spine1 LeftFoot RightFoot Spine2 "
    "LeftToe RightToe Neck LeftShoulder RightShoulder Head LeftArm RightArm LeftForeArm "
    "RightForeArm LeftHand RightHand",
    "opensim": "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist RHip RKnee RAnkle LHip "
    "LKnee LAnkle LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel Hip Head",
}
GOLDEN["maya"] = GOLDEN["humanik"]
GOLDEN["mixamo"] = " ".join(f"mixamorig:{name}" for name in GOLDEN["humanik"].split())
AXES = dict.fromkeys(("unreal", "maya", "mixamo", "humanik", "gmr"), ("y", "cm"))


def exported(path, *arguments, into="out"):
    """Suffix after the stem -> file."""
    out = path.parent / into
    shutil.rmtree(out, ignore_errors=True)
    assert main([str(path), *arguments, "-o", f"{out}/", "--quiet"]) == 0
    return {p.name.removeprefix(path.stem): p for p in sorted(out.iterdir())}


def one(files, suffix, reader):
    [read] = reader(files[suffix])
    return read


# -- presets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", [p for p in AVAILABLE if p in GOLDEN])
def test_names_axes_and_unit_are_those_of_the_program(preset, make_results, joints_seen):
    path = make_results()
    up, unit = AXES.get(preset, ("y", "m"))
    names = GOLDEN[preset].split()
    if preset == "opensim":
        read = one(exported(path, "--for", preset), "_track1.trc", read_trc)
        text = (path.parent / "out" / "clip_track1.trc").read_text().splitlines()
        assert text[2].split("\t")[4] == unit
    else:
        files = exported(path, "--for", preset, "-f", "bvh")
        read = one(files, "_track1.bvh", read_bvh)
    assert sorted(read.places) == sorted(names)
    there = np.stack(list(joints_seen(path, 1).values())) * UNITS[unit]
    assert up == "y"
    if preset != "opensim":
        for row, joint in SHOWN:
            assert read.places[names[joint]] == pytest.approx(
                there[:, row], abs=0.1 * UNITS[unit] / 1000
            )
        assert read.places[names[15]][:, 1].mean() > read.places[names[7]][:, 1].mean()


@pytest.mark.parametrize("preset", AVAILABLE)
def test_a_file_written_twice_is_the_same_bytes(preset, make_results):
    path = make_results(count=12)
    first = {name: p.read_bytes() for name, p in exported(path, "--for", preset).items()}
    again = {name: p.read_bytes() for name, p in exported(path, "--for", preset).items()}
    assert first == again and first
    suffixes = {name.rpartition(".")[2] for name in first}
    assert suffixes == set(PRESETS[preset].formats)


def test_what_the_user_says_goes_before_the_preset(make_results):
    path = make_results(count=5)
    files = exported(path, "--for", "maya", "--unit", "mm", "--bones", "smpl")
    read = one(files, "_track1.bvh", read_bvh)
    assert next(iter(read.places)) == "pelvis"
    assert 3000 < -read.places["pelvis"][0, 2] < 6000


def test_smpl_readers_get_the_mean_body_for_betas_of_another(make_results, person):
    shape = np.array([1.5, -1, 0.5, 0, 0, 0, 0, 0, 0, 0], np.float32)
    path = make_results([person(1, range(5), betas=shape)], count=5)
    for preset in ("amass", "smplx", "gmr"):
        with np.load(exported(path, "--for", preset)["_track1.npz"]) as file:
            assert not file["betas"].any()
            assert file["body_betas"][:3] == pytest.approx([1.5, -1, 0.5])
            assert str(file["gender"]) == "neutral" and file["mocap_frame_rate"].item() == 30


def test_lafans_bones_run_along_x(make_results):
    """As in the data set itself, where offsets of limbs have only an x."""
    path = make_results(count=5)
    text = exported(path, "--for", "gmr", "-f", "bvh")["_track1.bvh"].read_text()
    offsets = dict(re.findall(r"(?:JOINT|ROOT) (\w+)\s*\{\s*OFFSET ([-\d. ]+)", text))
    for name in ("LeftLeg", "LeftFoot", "RightLeg", "LeftForeArm", "RightHand", "LeftHand"):
        x, y, z = map(float, offsets[name].split())
        assert x > 15 and abs(y) < 2 and abs(z) < 2
    x, y, z = map(float, offsets["LeftUpLeg"].split())
    assert z > 5 > abs(x)  # to the left
    assert "CHANNELS 3 Zrotation Yrotation Xrotation" in text


def test_lafans_axes_are_right_handed_turns_of_the_t_pose():
    axes = rig_of(ExportOptions(bones="lafan")).frames
    assert axes @ axes.transpose(0, 2, 1) == pytest.approx(np.tile(np.eye(3), (24, 1, 1)))
    assert np.linalg.det(axes) == pytest.approx(np.ones(24))


# -- axes, units ----------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["m", "cm", "mm"])
@pytest.mark.parametrize("up", ["y", "z"])
def test_axes_and_units_of_bvh_and_trc(up, unit, make_results, joints_seen):
    path = make_results()
    files = exported(path, "-f", "bvh", "-f", "trc", "--up", up, "--unit", unit)
    there = np.stack(list(joints_seen(path, 1).values())) * UNITS[unit]
    if up == "z":
        there = np.stack([there[..., 0], -there[..., 2], there[..., 1]], axis=-1)
    near = 0.1 * UNITS[unit] / 1000
    bvh, trc = one(files, "_track1.bvh", read_bvh), one(files, "_track1.trc", read_trc)
    for row, joint in SHOWN:
        assert bvh.places[SMPL_JOINTS[joint]] == pytest.approx(there[:, row], abs=near)
    assert trc.places["LBigToe"] == pytest.approx(there[:, 19], abs=near)
    rest = rest_of(files["_track1.bvh"])
    up_axis = "xyz".index(up)
    assert rest["head"][up_axis] > 0.5 * UNITS[unit] > 0 > rest["left_ankle"][up_axis]


@pytest.mark.parametrize("up", [None, "y", "z"])
def test_bodies_in_npz_stand_along_the_axis_it_names(up, make_results, edit_results, joints_seen):
    path = make_results()
    files = exported(path, "-f", "npz", *([] if up is None else ["--up", up]))
    with np.load(files["_track1.npz"]) as file:
        said = str(file["up"])
    assert said == (up or "z")
    places = one(files, "_track1.npz", read_npz).places
    tall = (places["head"] - (places["left_ankle"] + places["right_ankle"]) / 2).mean(axis=0)
    assert "xyz"[int(np.argmax(tall))] == said
    there = np.stack(list(joints_seen(path, 1).values()))
    if said == "z":
        there = np.stack([there[..., 0], -there[..., 2], there[..., 1]], axis=-1)
    for row, joint in SHOWN:
        assert places[SMPL_JOINTS[joint]] == pytest.approx(there[:, row], abs=1e-3)


@pytest.mark.parametrize(
    ("formats", "option"),
    [
        (["glb"], ["--up", "z"]),
        (["glb"], ["--unit", "cm"]),
        (["npz"], ["--unit", "mm"]),
        (["json"], ["--rest", "a"]),
        (["bvh"], ["--markers", "body25"]),
        (["csv", "mot"], ["--timeline", "clip"]),
        (["trc"], ["--bones", "unity"]),
    ],
)
def test_what_no_format_heeds_is_refused(formats, option, make_results, attempt):
    words = [word for f in formats for word in ("-f", f)]
    attempt(make_results(count=3), *words, *option).assert_refused(2, option[0], "It is for")


# -- rest poses -----------------------------------------------------------------------------------


def rest_of(path):
    """Joint -> where it is with all angles zero, the root at the origin."""
    text = path.read_text().split("MOTION")[0]
    stack, places = [], {}
    for line in text.splitlines():
        words = line.split()
        if words[0] in ("ROOT", "JOINT"):
            stack.append(words[1])
        elif words[0] == "End":
            stack.append("end")
        elif words[0] == "OFFSET" and stack[-1] != "end":
            above = places[stack[-2]] if len(stack) > 1 else 0
            places[stack[-1]] = above + np.array([float(n) for n in words[1:]])
        elif words[0] == "}":
            stack.pop()
    return places


@pytest.mark.parametrize("rest", ["t", "a"])
def test_bvh_and_glb_rest_alike(rest, make_results):
    path = make_results()
    files = exported(path, "-f", "bvh", "-f", "glb", "--rest", rest)
    of_bvh = rest_of(files["_track1.bvh"])
    document, binary = glb_of(files[".glb"])
    skin = document["skins"][0]
    nodes = [document["nodes"][joint] for joint in skin["joints"]]
    for node in nodes:
        assert node["rotation"] == pytest.approx([0, 0, 0, 1])
    inverse = accessor(document, binary, skin["inverseBindMatrices"]).reshape(-1, 4, 4)
    for node, matrix in zip(nodes, inverse.transpose(0, 2, 1), strict=True):
        bind = np.linalg.inv(matrix)
        assert bind[:3, :3] == pytest.approx(np.eye(3), abs=1e-6)
        assert bind[:3, 3] == pytest.approx(of_bvh[node["name"]], abs=1e-4)
    arms = of_bvh["left_wrist"] - of_bvh["left_shoulder"]
    drop = np.degrees(np.arctan2(-arms[1], np.hypot(arms[0], arms[2])))
    assert abs(drop) < 1 if rest == "t" else 30 < drop < 60
    [read] = [r for r in read_glb(files[".glb"]) if r.name == "track1"]
    bvh = one(files, "_track1.bvh", read_bvh)
    for name, places in bvh.places.items():
        assert read.places[name] == pytest.approx(places, abs=1e-4)


@pytest.mark.parametrize(("rest", "mean_mm", "worst_mm"), [("a", 0.05, 10.0), ("t", 1.0, 25.0)])
def test_the_skin_stays_valid_in_the_rest_pose(rest, mean_mm, worst_mm, make_results):
    """Against the surface as it is bound without a rest pose."""
    path = make_results()
    plain = skinned(exported(path, "-f", "glb")[".glb"])
    rested = skinned(exported(path, "-f", "glb", "--rest", rest)[".glb"])
    off = 1000 * np.linalg.norm(plain - rested, axis=-1)
    assert off.mean() < mean_mm
    assert off.max() < worst_mm


def glb_of(path):
    data = path.read_bytes()
    length = int.from_bytes(data[12:16], "little")
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def accessor(document, binary, index):
    kinds = {5121: "u1", 5123: "<u2", 5126: "<f4"}
    widths = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
    about = document["accessors"][index]
    start = document["bufferViews"][about["bufferView"]]["byteOffset"]
    count = about["count"] * widths[about["type"]]
    return np.frombuffer(binary, kinds[about["componentType"]], count, start).reshape(
        about["count"], -1
    )


def skinned(path):
    """(F,V,3) the first skin's surface in every tenth frame, as glTF defines it."""
    document, binary = glb_of(path)
    skin, nodes = document["skins"][0], document["nodes"]
    primitive = document["meshes"][0]["primitives"][0]["attributes"]
    vertices, joints, weights = (
        accessor(document, binary, primitive[name]).astype(float)
        for name in ("POSITION", "JOINTS_0", "WEIGHTS_0")
    )
    inverse = accessor(document, binary, skin["inverseBindMatrices"]).astype(float)
    inverse = inverse.reshape(-1, 4, 4).transpose(0, 2, 1)
    moved = {}
    for channel in document["animations"][0]["channels"]:
        sampler = document["animations"][0]["samplers"][channel["sampler"]]
        key = channel["target"]["node"], channel["target"]["path"]
        moved[key] = accessor(document, binary, sampler["output"]).astype(float)[::10]
    parent = {c: i for i, node in enumerate(nodes) for c in node.get("children", ())}
    count = len(moved[skin["joints"][0], "translation"])
    world = {}
    for joint in skin["joints"]:
        own = np.tile(np.eye(4), (count, 1, 1))
        own[:, :3, :3] = Rotation.from_quat(moved[joint, "rotation"]).as_matrix()
        own[:, :3, 3] = moved.get((joint, "translation"), nodes[joint]["translation"])
        above = parent.get(joint)
        world[joint] = world[above] @ own if above in world else own
    matrices = np.stack([world[j] for j in skin["joints"]], axis=1) @ inverse
    blended = np.einsum("vk,fvkij->fvij", weights, matrices[:, joints.astype(int)])
    return np.einsum("fvij,vj->fvi", blended[..., :3, :3], vertices) + blended[..., :3, 3]


turns = st.lists(st.floats(-3, 3), min_size=72, max_size=72)


@given(turns, st.sampled_from(list(BONES)), st.sampled_from("ta"), st.sampled_from("yz"))
def test_every_rig_puts_every_joint_where_the_motion_has_it(vector, bones, rest, up):
    local = Rotation.from_rotvec(np.reshape(vector, (24, 3))).as_matrix()
    body = load_mannequin().rest_joints()
    skeleton = Skeleton(kind="embedded", rest=body - body[0], error_m=0.0)
    rig = rig_of(ExportOptions(bones=bones, rest=rest, up=up, unit="cm"))
    _, there = forward_kinematics(local[None], skeleton.rest)
    turned, places = [], []
    own, offsets = rig.local(local[None])[0], rig.offsets(skeleton)
    for joint, parent in enumerate(SMPL_PARENTS):
        turned.append(own[joint] if joint == 0 else turned[parent] @ own[joint])
        above = np.zeros(3) if joint == 0 else places[parent] + turned[parent] @ offsets[joint]
        places.append(above)
    assert np.array(places) == pytest.approx(rig.place(there[0]), abs=1e-6)


def test_the_a_pose_is_that_in_which_the_surface_was_made():
    body = load_mannequin()
    skeleton = Skeleton(kind="embedded", rest=body.rest_joints(), error_m=0.0)
    _, made, _ = body.bind(np.zeros(10))
    assert rest_joints(skeleton, "a") == pytest.approx(made, abs=2e-3)
    assert rest_joints(skeleton, "t") == pytest.approx(skeleton.rest, abs=1e-9)
    assert Rig(rest="a").at_rest() == pytest.approx(np.tile(np.eye(3), (24, 1, 1)), abs=1e-9)


def test_scenes_with_rest_poses_are_valid_gltf(make_results, tmp_path):
    folder = shutil.which("node") and validator()
    if not folder:
        pytest.skip("no node, or no gltf-validator (npm ci --prefix tests/support/gltf)")
    path = make_results(count=6)
    for words in (["--rest", "t"], ["--rest", "a"], ["--bones", "lafan"], ["--for", "mixamo"]):
        file = exported(path, "-f", "glb", *words)[".glb"]
        program = (
            "require('gltf-validator').validateBytes(new Uint8Array("
            f"require('fs').readFileSync({json.dumps(str(file))})))"
            ".then(r => console.log(r.issues.numErrors, r.issues.numWarnings))"
        )
        done = subprocess.run(
            ["node", "-e", program], cwd=folder, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == ["0", "0"], words


def validator():
    """A folder from which node finds gltf-validator."""
    pinned = Path(__file__).parents[1] / "support" / "gltf"
    for folder in (pinned, Path.cwd(), *Path.cwd().parents):
        if (folder / "node_modules" / "gltf-validator").is_dir():
            return folder
    return None
