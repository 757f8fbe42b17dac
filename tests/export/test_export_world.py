"""People in the world, exported and read back: joints, camera, contacts, and what is refused."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from importlib.resources import files

import jsonschema
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation
from test_export_bvh import read as read_bvh
from test_export_glb import JOINTS, ROWS, Scene
from test_export_json import people_of, strict
from test_export_trc import MARKERS, read_strictly
from world_tools import lifted_frames, make_world, moving_camera, still_camera

from humantrack.body.joints import PHALP_JOINTS
from humantrack.export.cli import main
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.results import load_results, load_world
from humantrack.types.world import CONTACTS
from humantrack.world.file import WorldWriter

NEAR_M = 1e-4


@pytest.fixture
def results(make_results):
    """A dance of three people, and its world."""
    path = make_results()
    make_world(path)
    return path


@pytest.fixture
def known(results):
    """track -> frame -> (45,3) joints in the world."""
    out: dict[int, dict[int, np.ndarray]] = {}
    for frame in load_world(results.with_name("clip.world.pkl")).values():
        for person in frame.people:
            out.setdefault(person.track_id, {})[frame.index] = np.asarray(person.joints, float)
    return out


def exported(path, kind, *arguments):
    out = path.parent / f"out_{kind}"
    assert main([str(path), "-f", kind, "-o", f"{out}/", "--force", "--quiet", *arguments]) == 0
    return sorted(out.glob(f"{path.stem}[._]*"))


def test_bvh_joints_are_those_of_the_world(results, known):
    for track_id, frames in known.items():
        (path,) = [p for p in exported(results, "bvh") if f"track{track_id}." in p.name]
        _, places = read_bvh(path)
        first = min(frames)
        for index, there in frames.items():
            assert places[index - first][JOINTS] == pytest.approx(there[ROWS], abs=NEAR_M)


def test_trc_markers_are_those_of_the_world(results, known):
    for path in exported(results, "trc"):
        frames = known[int(path.stem.split("track")[1])]
        _, _, table = read_strictly(path)
        first = min(frames)
        for index, there in frames.items():
            row = table[index - first, 2:].reshape(-1, 3)
            assert row == pytest.approx(there[list(MARKERS.values())], abs=NEAR_M)


def test_glb_joints_and_camera_are_those_of_the_world(results, known):
    (path,) = exported(results, "glb")
    scene = Scene(path)
    for index in (0, 13, 33, 39):
        for track_id, frames in known.items():
            if index in frames:
                places = scene.joints(f"track{track_id}", index / 30)
                assert places[JOINTS] == pytest.approx(frames[index][ROWS], abs=NEAR_M)
        rotation, position, focal_px = moving_camera(index)
        camera = scene.world(index / 30)[scene.named["camera"]]
        assert camera[:3, 3] == pytest.approx(position, abs=1e-5)
        # glTF's cameras look along their -z, y up.
        assert np.diag([1, -1, -1]) @ camera[:3, :3].T == pytest.approx(rotation, abs=1e-6)
        lens = scene.document["cameras"][0]["perspective"]
        assert np.tan(lens["yfov"] / 2) == pytest.approx(240 / focal_px)


def test_seen_through_the_camera_of_the_glb_joints_are_where_the_clip_has_them(results):
    (path,) = exported(results, "glb")
    scene = Scene(path)
    for index, frame in enumerate(load_results(results).values()):
        into = np.linalg.inv(scene.world(index / 30)[scene.named["camera"]])
        for i, (track_id, missed) in enumerate(
            zip(frame["tid"], frame["tracked_time"], strict=True)
        ):
            if missed:
                continue
            joints = scene.joints(f"track{track_id}", index / 30 + 1e-6)[JOINTS] @ into[:3, :3].T
            joints = (joints + into[:3, 3]) * (1, -1, -1)
            seen = (frame["3d_joints"][i] + frame["camera"][i] * 0.02)[ROWS]
            off = joints[:, :2] / joints[:, 2:] - seen[:, :2] / seen[:, 2:]
            assert np.abs(off * 800).max() < 0.1  # px


def test_npz_is_smpls_motion_in_the_world(results, known):
    for path in exported(results, "npz"):
        frames = known[int(path.stem.split("track")[1])]
        with np.load(path, allow_pickle=False) as file:
            first = min(frames)
            level = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # from z up to y up
            for index, there in frames.items():
                row = index - first
                pelvis = level @ (file["trans"][row] + file["rest_joints"][0])
                assert pelvis == pytest.approx(there[8], abs=NEAR_M)
                assert file["contacts"][row].tolist()[:3] == [bool(index % 2), False, True]
                rotation, position, focal_px = moving_camera(index)
                assert file["camera_rotation"][row] @ level.T == pytest.approx(rotation, abs=1e-6)
                assert level @ file["camera_position"][row] == pytest.approx(position, abs=1e-5)
                assert file["camera_focal_px"][row] == focal_px
            assert file["confidence"].shape == file["observed"].shape
            assert (~file["observed"]).sum() == (max(frames) - first + 1) - len(frames)


def test_blender_has_the_body_and_the_camera_in_level_axes(results, known):
    for path in exported(results, "blender"):
        track_id = int(path.name.split("track")[1].split(".")[0])
        content = pickle.loads(path.read_bytes())
        for index, frame in enumerate(content.values()):
            rotation, position, focal_px = moving_camera(index)
            camera = frame["camera_pose"]
            assert camera["focal_length_px"] == focal_px
            if index not in known[track_id]:
                continue
            there = known[track_id][index] * (1, -1, -1)
            pelvis = (
                frame["camera"][0]
                + load_results(results)[f"clip/{index + 1:06d}.jpg"]["3d_joints"][0][8]
            )
            assert pelvis == pytest.approx(there[8], abs=NEAR_M)
            seen = (there - camera["position"]) @ camera["rotation"].T
            wanted = (known[track_id][index] - position) @ rotation.T
            assert seen == pytest.approx(wanted, abs=1e-6)


def test_json_fits_the_schema_and_holds_the_world(results, known):
    (path,) = exported(results, "json", "--space", "world", "--rotations", "matrix")
    document = strict(path.read_text())
    schema = json.loads(files("humantrack.export").joinpath("results.schema.json").read_text())
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    assert document["coordinates"]["space"] == "world"
    assert document["schema_version"] == "1.2"
    world = load_world(results.with_name("clip.world.pkl"))
    for frame, there in zip(document["frames"], world.values(), strict=True):
        rotation, position, focal_px = moving_camera(frame["index"])
        assert frame["camera_pose"]["rotation"] == pytest.approx(rotation)
        assert frame["camera_pose"]["position"] == pytest.approx(position)
        assert frame["camera_pose"]["focal_length_px"] == focal_px
        for person, wanted in zip(frame["people"], there.people, strict=True):
            assert person["track_id"] == wanted.track_id
            assert person["joints_3d"] == pytest.approx(wanted.joints, abs=1e-5)
            turn = person["smpl"]["global_orient"]
            assert turn == pytest.approx(wanted.root_rotation, abs=1e-6)
            place = person["smpl"]["root_position"]
            assert place == pytest.approx(wanted.joints[PHALP_JOINTS.index("mid_hip")], abs=1e-5)
            assert list(person["contacts"]) == list(CONTACTS)
            assert list(person["contacts"].values()) == wanted.contacts.tolist()
            assert person["confidence"] == pytest.approx(wanted.confidence)
            # As the camera sees the world, so the clip shows the person.
            seen = (np.array(person["joints_3d"]) - position) @ np.array(rotation).T
            assert seen[:, 2].min() > 0
    assert {p["track_id"] for _, p in people_of(document)} == set(known)


def test_tables_hold_the_world_too(results, known):
    (path,) = exported(results, "csv", "--space", "world")
    table = pd.read_csv(path)
    (parquet,) = exported(results, "parquet", "--space", "world")
    typed = pd.read_parquet(parquet)
    assert list(table) == list(typed)
    assert typed["contact_left_toe"].dtype == bool
    assert len(table) == sum(map(len, known.values()))
    for row in table.to_dict("records"):
        there = known[row["track_id"]][row["frame"]]
        for joint, place in zip(PHALP_JOINTS, there, strict=True):
            assert [row[f"{joint}_{a}"] for a in "xyz"] == pytest.approx(place, abs=1e-5)
        rotation, position, focal_px = moving_camera(row["frame"])
        got = [[row[f"camera_rotation_{i}{j}"] for j in range(3)] for i in range(3)]
        assert got == pytest.approx(rotation)
        assert [row[f"camera_position_{a}"] for a in "xyz"] == pytest.approx(position)
        assert row["camera_focal_px"] == focal_px


def test_motion_takes_the_world_and_the_rest_the_camera_unless_told(results, make_results):
    alone = make_results(name="clip2.pkl")
    motion = {kind: exported(results, kind) for kind in ("bvh", "npz")}
    world = {p: p.read_bytes() for paths in motion.values() for p in paths}
    for kind in motion:
        for path in exported(results, kind, "--space", "camera"):
            assert path.read_bytes() != world[path]
            camera = path.read_bytes()
            exported(alone, kind)
            assert (path.parent / path.name.replace("clip", "clip2")).read_bytes() == camera
    (path,) = exported(results, "json")
    document = strict(path.read_text())
    assert "space" not in document["coordinates"]
    assert "camera_pose" not in document["frames"][0]


def test_what_is_filled_in_is_said_to_be(make_results):
    path = make_results()
    frames = list(lifted_frames(path))
    with WorldWriter(path) as writer:
        for frame in frames:
            people = list(frame.people)
            for track_id, hidden in ((2, range(15, 20)), (7, range(30, 40))):
                if frame.index in hidden:
                    last = frames[hidden.start - 1].people
                    bridge = next(p for p in last if p.track_id == track_id)
                    people.append(replace(bridge, is_observed=False))
            writer.write(replace(frame, people=tuple(people)))
    (out,) = exported(path, "json", "--space", "world")
    document = strict(out.read_text())
    states = {f: p["state"] for f, p in people_of(document) if p["track_id"] == 2}
    assert [f for f, state in states.items() if state == "predicted"] == list(range(15, 20))
    gone = [p for p in document["frames"][39]["people"] if p["track_id"] == 7]
    assert (gone[0]["state"], gone[0]["tracked_time"]) == ("predicted", -1)
    assert gone[0]["bbox"] == [None] * 4  # no ghost follows so long: the results list nobody
    assert document["counts"]["non_finite"] == 0
    npz = [p for p in exported(path, "npz") if "track2" in p.name]
    with np.load(npz[0]) as file:
        assert file["frame"][0] == 5
        assert np.flatnonzero(~file["observed"]).tolist() == list(range(10, 15))


def test_tracks_and_frames_are_selected(results, known):
    chosen = ("--space", "world", "--tracks", "2", "--frames", "8:12")
    (path,) = exported(results, "json", *chosen)
    document = strict(path.read_text())
    assert [(f, p["track_id"]) for f, p in people_of(document)] == [(f, 2) for f in range(8, 12)]
    (path,) = exported(results, "glb", "--tracks", "2", "--frames", "8:12")
    scene = Scene(path)
    there = scene.joints("track2", 1 / 30)
    assert there[JOINTS] == pytest.approx(known[2][9][ROWS], abs=NEAR_M)
    assert scene.world(1 / 30)[scene.named["camera"]][:3, 3] == pytest.approx(
        moving_camera(9)[1], abs=1e-5
    )


def test_a_cut_moves_the_camera_at_once(make_results, edit_results):
    path = edit_results(make_results(), lambda frames: frames[20].update(shot=1))
    jump = np.array([5.0, 0, 0])

    def camera(index):
        rotation, position, focal_px = still_camera(index)
        return rotation, position + jump * (index >= 20), focal_px

    make_world(path, camera)
    (out,) = exported(path, "glb")
    scene = Scene(out)
    before, after = (scene.world(t)[scene.named["camera"]][:3, 3] for t in (19.9 / 30, 20 / 30))
    assert before == pytest.approx([0, 1.5, 0])
    assert after == pytest.approx([5, 1.5, 0])


def test_a_zoom_is_told(make_results):
    path = make_results()
    make_world(path, lambda i: (*still_camera(i)[:2], 800.0 + i))
    (out,) = exported(path, "glb")
    scene = Scene(out)
    assert scene.nodes[scene.named["camera"]]["extras"]["focal_length_px"][:3] == [800, 801, 802]


def test_turning_the_world_turns_the_motion(results, known, tmp_path):
    turn = axis_angle_to_matrix(np.array([0, 0.7, 0]))
    frames = list(lifted_frames(results))
    before = {p.name: read_bvh(p)[1] for p in exported(results, "bvh")}
    with WorldWriter(results) as writer:
        for frame in frames:
            people = tuple(
                replace(
                    p,
                    root_position=turn @ p.root_position,
                    root_rotation=turn @ p.root_rotation,
                    joints=p.joints @ turn.T,
                )
                for p in frame.people
            )
            writer.write(replace(frame, people=people))
    for path in exported(results, "bvh"):
        assert read_bvh(path)[1] == pytest.approx(before[path.name] @ turn.T, abs=2e-4)


@pytest.mark.parametrize("kind", ["bvh", "glb"])
def test_a_world_of_other_results_is_refused_in_one_line(results, make_results, attempt, kind):
    make_results(count=30)
    attempt(results, "-f", kind).assert_refused(9, "other results", "clip.world.pkl")
    assert attempt(results, "-f", kind, "--space", "camera").code == 0


def test_what_cannot_be_is_refused(results, make_results, attempt):
    alone = make_results(name="alone.pkl")
    attempt(alone, "--space", "world").assert_refused(2, "no world file", "humantrack-world")
    attempt(results, "-f", "coco", "--space", "world").assert_refused(2, "no format", "--space")
    attempt(results, "--space", "world", "--focal", "900").assert_refused(2, "--focal 900")
    attempt(results.with_name("clip.world.pkl")).assert_refused(9, "a world file, not results")


def test_a_folder_is_searched_for_results_and_not_for_worlds(results, tmp_path, attempt):
    done = attempt(tmp_path, "-f", "json")
    assert (done.code, done.new) == (0, ["clip.json"])


def test_rotations_are_the_ones_of_scipy(results):
    (path,) = exported(results, "json", "--space", "world")
    person = strict(path.read_text())["frames"][3]["people"][0]
    wanted = load_world(results.with_name("clip.world.pkl"))["clip/000004.jpg"].people[0]
    turn = Rotation.from_rotvec(person["smpl"]["global_orient"]).as_matrix()
    assert turn == pytest.approx(wanted.root_rotation, abs=1e-5)


def test_bodies_of_another_size_keep_their_surface(make_results, recwarn):
    path = make_results()
    small = 0.7
    with WorldWriter(path) as writer:
        for frame in lifted_frames(path):
            people = tuple(
                replace(
                    p, joints=p.root_position + small * (p.joints - p.root_position), scale=small
                )
                for p in frame.people
            )
            writer.write(replace(frame, people=people))
    world = load_world(path.with_name("clip.world.pkl"))
    (out,) = exported(path, "glb")
    scene = Scene(out)
    first = world["clip/000001.jpg"].people[0]
    assert scene.joints("track1", 0)[JOINTS] == pytest.approx(first.joints[ROWS], abs=NEAR_M)
    assert scene.nodes[scene.named["track1"]]["extras"]["skeleton"] == "embedded"
    full = make_results(name="clip_full.pkl")
    make_world(full)
    (other,) = exported(full, "glb")
    sizes = [np.ptp(s.mesh("track1")[0]["POSITION"], axis=0) for s in (scene, Scene(other))]
    assert sizes[0] == pytest.approx(small * sizes[1], abs=1e-5)
    for npz in exported(path, "npz"):
        with np.load(npz) as file:
            assert file["body_scale"] == pytest.approx(small, abs=1e-5)
    (document,) = exported(path, "json", "--space", "world")
    person = strict(document.read_text())["frames"][0]["people"][0]
    assert person["smpl"]["scale"] == small
    assert not [w for w in recwarn if "estimated" in str(w.message)]
