"""Scenes, read back by a reader of glTF that shares nothing with the writer."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation, Slerp
from viewing_ray import ray_turn, seen_joints

from humantrack.body.joints import OPENPOSE_OF_45, SMPL_PARENTS
from humantrack.body.mannequin import load_mannequin
from humantrack.body.smpl_file import SmplArrays
from humantrack.export.cli import main
from humantrack.motion.skeleton import Skeleton
from humantrack.motion.surface import surface_of
from humantrack.render.palette import identity_colour
from humantrack.results import load_results
from humantrack.types import BodyBatch

Y_UP = np.diag([1.0, -1.0, -1.0])
TO_REAL = np.hypot(640, 480) / (5000 * 640 / 256)
"""PHALP's camera to that of a lens as long as the picture's diagonal."""

SHOWN = [(row, joint) for row, joint in enumerate(OPENPOSE_OF_45) if joint < 24]
ROWS, JOINTS = map(list, zip(*SHOWN, strict=True))

_COMPONENTS = {5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_SHAPES = {"SCALAR": (), "VEC3": (3,), "VEC4": (4,), "MAT4": (4, 4)}


class Scene:
    """A .glb as the specification reads."""

    def __init__(self, path):
        data = path.read_bytes()
        magic, version, total = struct.unpack_from("<4sII", data)
        assert (magic, version, total) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON"
        assert size % 4 == 0
        self.document = json.loads(data[20 : 20 + size])
        self.bytes = b""
        if rest := data[20 + size :]:
            length, kind = struct.unpack_from("<I4s", rest)
            assert kind == b"BIN\0"
            assert length % 4 == 0
            self.bytes = rest[8:]
            assert len(self.bytes) == length == self.document["buffers"][0]["byteLength"]
        self.nodes = self.document.get("nodes", [])
        self.named = {
            n["name"]: i for i, n in enumerate(self.nodes) if "skin" in n or i in self.top
        }
        self.channels = []
        for animation in self.document.get("animations", []):
            for channel in animation["channels"]:
                sampler = animation["samplers"][channel["sampler"]]
                clock, values = self.array(sampler["input"]), self.array(sampler["output"])
                assert len(clock) == len(values)
                assert (np.diff(clock) > 0).all()
                assert clock[0] >= 0
                target, kind = channel["target"], sampler["interpolation"]
                self.channels.append((target["node"], target["path"], clock, values, kind))

    @property
    def top(self):
        return self.document["scenes"][self.document["scene"]].get("nodes", [])

    def array(self, index):
        accessor = self.document["accessors"][index]
        view = self.document["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        shape = (accessor["count"], *_SHAPES[accessor["type"]])
        kind = np.dtype(_COMPONENTS[accessor["componentType"]])
        assert int(np.prod(shape)) * kind.itemsize == view["byteLength"]
        array = np.frombuffer(self.bytes, kind, int(np.prod(shape)), view["byteOffset"])
        array = array.reshape(shape)
        for key, bound in (("min", array.min(axis=0)), ("max", array.max(axis=0))):
            if key in accessor:
                assert np.array_equal(accessor[key], np.atleast_1d(bound))
        assert np.isfinite(array).all()
        return array

    def world(self, time_s=None):
        """(N,4,4) every node's place; None: before any animation."""
        pose = [
            {"translation": (0, 0, 0), "rotation": (0, 0, 0, 1), "scale": (1, 1, 1)} | node
            for node in self.nodes
        ]
        for node, path, clock, values, kind in self.channels if time_s is not None else ():
            pose[node][path] = at(clock, values, time_s, path, kind)
        out = np.full((len(pose), 4, 4), np.nan)

        def place(node, above):
            local = np.eye(4)
            local[:3, :3] = Rotation.from_quat(pose[node]["rotation"]).as_matrix()
            local[:3, :3] *= pose[node]["scale"]
            local[:3, 3] = pose[node]["translation"]
            out[node] = above @ local
            for child in pose[node].get("children", []):
                place(child, out[node])

        for node in self.top:
            place(node, np.eye(4))
        assert np.isfinite(out).all()  # all nodes hang in the scene
        return out

    def joints(self, name, time_s):
        """(24,3) where a track's joints are."""
        skin = self.document["skins"][self.nodes[self.named[f"{name}_body"]]["skin"]]
        return self.world(time_s)[skin["joints"], :3, 3]

    def mesh(self, name):
        node = self.nodes[self.named[f"{name}_body"]]
        (primitive,) = self.document["meshes"][node["mesh"]]["primitives"]
        arrays = {key: self.array(i) for key, i in primitive["attributes"].items()}
        faces = self.array(primitive["indices"]).reshape(-1, 3)
        return arrays, faces, self.document["materials"][primitive["material"]]

    def skinned(self, name, time_s):
        """(V,3) a track's surface."""
        node = self.nodes[self.named[f"{name}_body"]]
        skin = self.document["skins"][node["skin"]]
        inverse = self.array(skin["inverseBindMatrices"]).transpose(0, 2, 1)  # by columns
        matrices = self.world(time_s)[skin["joints"]] @ inverse
        arrays = self.mesh(name)[0]
        points = np.pad(arrays["POSITION"], ((0, 0), (0, 1)), constant_values=1)
        each = matrices[arrays["JOINTS_0"]][..., :3, :] @ points[:, None, :, None]
        return (arrays["WEIGHTS_0"][..., None] * each[..., 0]).sum(axis=1)

    def scale(self, name, time_s):
        return self.world(time_s)[self.named[name]][0, 0]


def at(clock, values, time_s, path, kind):
    before = max(int(np.searchsorted(clock, time_s, side="right")) - 1, 0)
    after = min(before + 1, len(clock) - 1)
    if kind == "STEP" or before == after or time_s <= clock[0]:
        return values[before]
    share = (time_s - clock[before]) / (clock[after] - clock[before])
    if path == "rotation":
        return Slerp([0, 1], Rotation.from_quat(values[[before, after]]))(share).as_quat()
    return values[before] * (1 - share) + values[after] * share


def exported(path, *arguments):
    assert main([str(path), "-f", "glb", "--force", "--quiet", *arguments]) == 0
    return Scene(path.with_suffix(".glb"))


def seen(path):
    """(time, track id, joints (45,3) and body of that person), y up, with a real lens."""
    for frame in load_results(path).values():
        for i, missed in enumerate(frame["tracked_time"]):
            if missed == 0:
                joints = seen_joints(frame["3d_joints"][i], frame["camera"][i], TO_REAL) @ Y_UP
                yield frame["time_s"], frame["tid"][i], joints, frame["smpl"][i]


def test_the_animated_nodes_are_where_the_joints_are(make_results):
    path = make_results()
    scene = exported(path)
    errors = [
        np.linalg.norm(scene.joints(f"track{track}", np.float32(t))[JOINTS] - joints[ROWS], axis=-1)
        for t, track, joints, _ in seen(path)
    ]
    assert len(errors) == 40 + 25 + 18
    assert np.mean(errors) < 1e-5
    assert np.max(errors) < 1e-4


def test_the_skinned_surface_is_the_bodys_but_for_the_fifth_weight(make_results):
    path = make_results()
    scene, body = exported(path), load_mannequin()
    errors = []
    for t, track, joints, smpl in list(seen(path))[::9]:
        one = BodyBatch(
            global_orient=smpl["global_orient"][None],
            body_pose=smpl["body_pose"][None],
            betas=smpl["betas"][None],
            cam_crop=np.zeros((1, 3), np.float32),
            cam_t=np.zeros((1, 3), np.float32),
            joints_3d=np.zeros((1, 45, 3), np.float32),
            joints_2d=np.zeros((1, 45, 2), np.float32),
        )
        surface = body.vertices(one)[0] @ (Y_UP @ ray_turn(joints[44] @ Y_UP)).T + joints[44]
        errors.append(np.linalg.norm(scene.skinned(f"track{track}", t) - surface, axis=-1))
    errors = np.array(errors)
    few = (body.weights > 0).sum(axis=1) <= 4
    assert few.mean() > 0.9
    assert errors[:, few].max() < 1e-4
    assert errors.mean() < 1e-4
    assert errors.max() < 0.02
    arrays, faces, _ = scene.mesh("track7")
    assert np.array_equal(faces, body.faces)
    assert np.linalg.norm(arrays["NORMAL"], axis=1) == pytest.approx(1, abs=1e-5)
    assert arrays["WEIGHTS_0"].sum(axis=1) == pytest.approx(1, abs=1e-6)


def test_normals_are_smooth_and_point_outwards(make_results):
    arrays, faces, _ = exported(make_results()).mesh("track1")
    mesh = trimesh.Trimesh(arrays["POSITION"], faces, process=False)
    assert mesh.is_winding_consistent
    assert mesh.volume > 0.05
    assert (arrays["NORMAL"] * mesh.vertex_normals).sum(axis=1).min() > 0.5


def test_people_appear_and_leave_with_their_tracks(make_results):
    scene = exported(make_results())
    for name, first, stop in (("track1", 0, 40), ("track2", 5, 35), ("track7", 12, 30)):
        shown = [scene.scale(name, np.float32((i + 0.5) / 30)) for i in range(40)]
        assert shown == [float(first <= i < stop) for i in range(40)]
        assert scene.scale(name, None) == 1  # who looks without playing sees everybody
    assert {path for node, path, *_ in scene.channels if node == scene.named["track1"]} == set()


def test_the_times_are_the_clips_own_however_uneven(make_results):
    times = 100 + np.cumsum(np.random.default_rng(3).uniform(0.01, 0.09, 40))
    path = make_results(times=lambda i: float(times[i]))
    scene = exported(path)
    assert scene.document["asset"]["extras"]["start_s"] == times[0]
    node = scene.named["track2"] + 1
    (clock,) = [c for n, key, c, *_ in scene.channels if (n, key) == (node, "translation")]
    assert clock == pytest.approx(times[5:35] - times[0], abs=1e-6)
    for t, track, joints, _ in seen(path):
        there = scene.joints(f"track{track}", np.float32(t - times[0]))
        assert np.abs(there[JOINTS] - joints[ROWS]).max() < 1e-4


def test_gaps_and_rate(make_results):
    path = make_results()
    scene = exported(path, "--gaps", "split")
    for name, first, stop in (("track2_part1", 5, 15), ("track2_part2", 20, 35)):
        shown = [scene.scale(name, np.float32((i + 0.5) / 30)) for i in range(40)]
        assert shown == [float(first <= i < stop) for i in range(40)]
    assert scene.document["asset"]["extras"]["tracks"] == [1, 2, 7]
    fine = exported(path, "--fps", "90", "--tracks", "1")
    assert {len(clock) for *_, clock, _, _ in fine.channels} == {39 * 3 + 1}


def test_colours_header_and_camera(make_results):
    path = make_results()
    scene = exported(path)
    for track in (1, 2, 7):
        paint = scene.mesh(f"track{track}")[2]["pbrMetallicRoughness"]
        linear = np.array(paint["baseColorFactor"][:3])
        srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
        assert (srgb * 255).round().tolist() == list(identity_colour(track))
    about = scene.document["asset"]["extras"]
    assert about["tracks"] == [1, 2, 7]
    assert about["tool"].startswith("humantrack ")
    assert about["source"] == "videos/clip.mp4"
    assert about["units"].startswith("metres")
    assert [scene.nodes[scene.named[f"track{i}"]]["extras"]["track_id"] for i in (1, 2, 7)] == [
        *about["tracks"]
    ]
    # Seen through the camera, people are where they are in the picture.
    lens = scene.document["cameras"][0]["perspective"]
    focal = 480 / 2 / np.tan(lens["yfov"] / 2)
    assert focal == pytest.approx(800)
    assert lens["aspectRatio"] == pytest.approx(640 / 480)
    for frame in list(load_results(path).values())[::10]:
        x, y, z = scene.joints("track1", frame["time_s"])[0]
        i = frame["tid"].index(1)
        pixels = frame["2d_joints"][i].reshape(45, 2)[8] * 640 - (0, 80)
        assert (320 - x / z * focal, 240 + y / z * focal) == pytest.approx(pixels, abs=0.5)


def test_trimesh_opens_it(make_results, tmp_path):
    path = make_results()
    exported(path)
    scene = trimesh.load(path.with_suffix(".glb"))
    assert len(scene.geometry) == 3
    assert {len(mesh.vertices) for mesh in scene.geometry.values()} == {13718}


def test_nobody_is_a_scene_too(make_results):
    scene = exported(make_results([], count=3))
    assert [node["name"] for node in scene.nodes] == ["camera"]
    assert "tracks" not in scene.document["asset"]["extras"]
    assert "buffers" not in scene.document


def test_crowds_share_what_is_equal_and_may_be_seen_once(make_results, person):
    crowd = [person(i, range(1 + i % 2, 2 + i % 2)) for i in range(1, 301)]
    path = make_results(crowd, count=4)
    scene = exported(path)
    assert len(scene.document["skins"]) == 300
    assert len(scene.bytes) < 2e6  # one surface
    assert len({scene.document["skins"][i]["joints"][0] for i in range(300)}) == 300
    clocks = [clock for _, path, clock, *_ in scene.channels if path == "rotation"]
    assert {len(clock) for clock in clocks} == {1}
    world = scene.world(np.float32(1.5 / 30))
    for i in (1, 2, 299, 300):
        assert world[scene.named[f"track{i}"]][0, 0] == (i + 1) % 2


def test_an_unknown_body_shows_its_bones(data, tmp_path):
    out = tmp_path / "out.glb"
    assert main([str(data / "results" / "upstream_render.pkl"), "-f", "glb", "-o", str(out)]) == 0
    scene = Scene(out)
    name = f"track{scene.document['asset']['extras']['tracks'][0]}"
    assert scene.nodes[scene.named[name]]["extras"]["skeleton"] == "estimated"
    points = scene.skinned(name, 0.2)
    joints = scene.joints(name, 0.2)
    assert len(points) <= 23 * 24
    for child, parent in enumerate(SMPL_PARENTS[1:], start=1):  # each bone reaches from end to end
        if np.linalg.norm(joints[child] - joints[parent]) > 1e-3:
            assert np.linalg.norm(points - joints[child], axis=1).min() < 1e-4
            assert np.linalg.norm(points - joints[parent], axis=1).min() < 1e-4


def test_bones_are_closed_and_look_outwards():
    surface = surface_of(
        Skeleton(kind="estimated", rest=load_mannequin().rest_joints(), error_m=1), np.zeros(10)
    )
    mesh = trimesh.Trimesh(surface.vertices, surface.faces)  # merges the corners
    assert mesh.is_watertight
    assert mesh.volume > 0
    sides = surface.vertices[surface.faces]
    across = np.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    assert surface.normals[surface.faces] == pytest.approx(
        np.repeat(across[:, None], 3, 1), abs=1e-4
    )


def test_smpls_surface_is_skinned_round_the_pelvis():
    rng = np.random.default_rng(5)
    count = 60
    weights = np.zeros((count, 24), np.float32)
    for row in weights:
        row[rng.choice(24, 4, replace=False)] = rng.dirichlet(np.ones(4))
    smpl = SmplArrays(
        v_template=rng.normal(0, 0.5, (count, 3)).astype(np.float32),
        shapedirs=rng.normal(0, 0.01, (count, 3, 10)).astype(np.float32),
        posedirs=np.zeros((count, 3, 207), np.float32),
        j_regressor=rng.dirichlet(np.ones(count), 24).astype(np.float32),
        weights=weights,
        parents=np.array(SMPL_PARENTS),
        faces=rng.integers(0, count, (80, 3)),
    )
    betas = rng.normal(0, 1, 10)
    shaped = smpl.v_template + smpl.shapedirs @ betas
    joints = smpl.j_regressor @ shaped
    rest = joints - joints[0]
    surface = surface_of(Skeleton(kind="smpl", rest=rest, error_m=0, smpl=smpl), betas)
    world = np.tile(np.eye(4), (24, 1, 1))
    world[:, :3, :3] = Rotation.random(24, random_state=1).as_matrix()
    world[:, :3, 3] = rng.normal(0, 1, (24, 3))
    expected = sum(
        weights[:, j, None] * ((shaped - joints[j]) @ world[j, :3, :3].T + world[j, :3, 3])
        for j in range(24)
    )
    points = np.pad(surface.vertices, ((0, 0), (0, 1)), constant_values=1)
    each = (world @ surface.inverse_bind)[surface.joints] @ points[:, None, :, None]
    posed = (surface.weights[..., None] * each[..., :3, 0]).sum(axis=1)
    assert posed == pytest.approx(expected, abs=1e-5)
