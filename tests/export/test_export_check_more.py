"""Scenes, boxes and PHALP's files are read back too; axes and units of stages and recordings."""

from __future__ import annotations

import contextlib
import io
import json
import re
import warnings

import joblib
import numpy as np
import pytest
from foreign_readers import positions_of_recording, stage_of
from world_tools import make_world

from humantrack.errors import ConfigError, OutputError
from humantrack.export.check import check
from humantrack.export.cli import main
from humantrack.export.readback_boxes import read_coco, read_mot
from humantrack.export.readback_scenes import read_rrd, read_usd
from humantrack.results import load_results

NEEDS = {"usd": "pxr", "rrd": "rerun.chunk"}
FILES = {
    "usd": "clip.usdc",
    "rrd": "clip.rrd",
    "coco": "clip.coco.json",
    "mot": "clip.txt",
    "phalp": "clip.phalp.pkl",
    "blender": "clip_track{}.blender.pkl",
}
PIXELS = ("coco", "mot")
Z_UP = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])


def written(path, kind, *words):
    """The files of a format, beside the results."""
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind])
    assert main([str(path), "-f", kind, "--quiet", "--force", *words]) == 0
    files = [path.with_name(FILES[kind].format(i)) for i in (1, 2, 7)]
    return [f for f in dict.fromkeys(files) if f.exists()]


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize(
    "words", [[], ["--frames", "6:31"], ["--tracks", "2,7"]], ids=["plain", "frames", "tracks"]
)
def test_what_was_written_is_what_was_meant(kind, words, make_results, attempt):
    path = make_results()
    files = written(path, kind, *words)
    assert files
    unit = "px" if kind in PIXELS else "mm"
    for file in files:
        outcome = attempt("--check", file, *words)  # the results lie beside it
        assert outcome.code == 0, outcome.lines
        assert "largest difference 0.0" in outcome.lines[-1] and f" {unit} (" in outcome.lines[-1]


@pytest.mark.parametrize("kind", FILES)
def test_other_results_are_told(kind, make_results, edit_results):
    path = make_results()
    file = written(path, kind)[0]

    def move(frames):
        frames[3]["camera"][0] = frames[3]["camera"][0] + np.float32([0.01, 0, 0])
        frames[3]["bbox"][0] = frames[3]["bbox"][0] + np.float32([4, 3, 0, 0])

    edit_results(path, move)
    with pytest.raises(OutputError) as told:
        check(path, file)
    text = str(told.value)
    far = r"5\.000 px" if kind in PIXELS else r"1[01]\.\d+ mm"  # a body turns to its new ray
    assert re.search(rf"differs from the results by {far} .*frame 3\)", text), text

    def leave(frames):
        for frame in frames[:20]:
            for key in ("tid", "bbox", "camera", "smpl", "3d_joints", "2d_joints", "tracked_time"):
                frame[key] = frame[key][1:]
            for key, value in list(frame.items()):
                if isinstance(value, list) and len(value) == len(frame["tid"]) + 1:
                    frame[key] = value[1:]

    edit_results(path, leave)
    with pytest.raises(OutputError):
        check(path, file)


@pytest.mark.parametrize("kind", ["usd", "rrd", "blender"])
@pytest.mark.parametrize("words", [["--fps", "50"], ["--smooth", "savgol"], ["--gaps", "split"]])
def test_with_the_options_of_motion(kind, words, make_results, attempt):
    path = make_results()
    for file in written(path, kind, *words):
        outcome = attempt("--check", file, *words)
        assert outcome.code == 0, outcome.lines


@pytest.mark.parametrize("kind", ["usd", "rrd", "blender"])
def test_people_in_the_world(kind, make_results, attempt):
    path = make_results()
    make_world(path)
    file = written(path, kind)[0]
    outcome = attempt(path, "--check", file)
    assert outcome.code == 0, outcome.lines
    assert attempt(path, "--check", file, "--space", "camera").code == OutputError.exit_code


@pytest.mark.parametrize(("up", "unit"), [("z", None), ("y", "cm"), ("z", "mm")])
@pytest.mark.parametrize("world", [False, True])
def test_axes_and_unit_of_a_stage(up, unit, world, make_results, attempt):
    pytest.importorskip("pxr")
    from pxr import Gf, UsdGeom

    path = make_results()
    if world:
        make_world(path)
    [plain] = written(path, "usd")
    plain = plain.rename(plain.with_name("plain.usdc"))  # pxr knows open files by their names
    before, old = list(read_usd(plain)), stage_of(plain)
    eye = UsdGeom.Xformable(old.GetPrimAtPath("/World/camera"))
    seen = [np.array(eye.ComputeLocalToWorldTransform(code)) for code in (0, 17)]
    mesh = np.array(UsdGeom.Mesh(old.GetPrimAtPath("/World/track1/body")).GetPointsAttr().Get())
    words = ["--up", up, *(["--unit", unit] if unit else [])]
    [file] = written(path, "usd", *words)
    stage = stage_of(file)
    scale = {None: 1, "cm": 100, "mm": 1000}[unit]
    turn = Z_UP if up == "z" else np.eye(3)
    assert UsdGeom.GetStageUpAxis(stage) == up.upper()
    assert UsdGeom.GetStageMetersPerUnit(stage) == pytest.approx(1 / scale)
    for one, other in zip(before, read_usd(file), strict=True):
        for joint, places in one.places.items():
            assert other.places[joint] == pytest.approx(scale * places @ turn.T, abs=1e-4 * scale)
    moved = np.array(UsdGeom.Mesh(stage.GetPrimAtPath("/World/track1/body")).GetPointsAttr().Get())
    assert moved == pytest.approx(scale * mesh @ turn.T, abs=1e-5 * scale)
    camera = UsdGeom.Camera(stage.GetPrimAtPath("/World/camera"))
    whole = np.eye(4)
    whole[:3, :3] = turn.T  # rows
    for code, was in zip((0, 17), seen, strict=True):
        meant = was @ whole
        meant[3, :3] *= scale
        placed = np.array(UsdGeom.Xformable(camera.GetPrim()).ComputeLocalToWorldTransform(code))
        assert placed == pytest.approx(meant, abs=1e-4 * scale)
    assert camera.GetClippingRangeAttr().Get() == Gf.Vec2f(0.05 * scale, 1e4 * scale)
    outcome = attempt("--check", file, *words)
    assert outcome.code == 0 and "difference 0.0" in outcome.lines[-1], outcome.lines
    assert attempt("--check", file).code == OutputError.exit_code


def test_the_skin_of_a_stage_moves_with_its_axes(make_results):
    """Every vertex, skinned by USD's own rules."""
    pytest.importorskip("pxr")
    path = make_results(count=8)
    [file] = written(path, "usd", "--tracks", "1")
    plain = skinned(stage_of(file.rename(file.with_name("plain.usdc"))), 5)
    [file] = written(path, "usd", "--tracks", "1", "--up", "z", "--unit", "cm")
    assert skinned(stage_of(file), 5) == pytest.approx(100 * plain @ Z_UP.T, abs=0.02)


def skinned(stage, code):
    """(V,3) of track 1 at a time code."""
    from pxr import Usd, UsdSkel

    root = UsdSkel.Root(stage.GetPrimAtPath("/World/track1"))
    cache = UsdSkel.Cache()
    cache.Populate(root, Usd.PrimDefaultPredicate)
    [binding] = cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate)
    query = cache.GetSkelQuery(binding.GetSkeleton())
    [skin] = binding.GetSkinningTargets()
    points = skin.GetPrim().GetAttribute("points").Get()
    assert skin.ComputeSkinnedPoints(query.ComputeSkinningTransforms(code), points, code)
    return np.array(points)


@pytest.mark.parametrize("world", [False, True])
def test_axes_of_a_recording(world, make_results, attempt):
    pytest.importorskip("rerun.chunk")
    path = make_results()
    if world:
        make_world(path)
    [file] = written(path, "rrd")
    before = list(read_rrd(file))
    flat = positions_of_recording(file, "/world/camera/track1", "Points2D:positions")
    [file] = written(path, "rrd", "--up", "z")
    for one, other in zip(before, read_rrd(file), strict=True):
        for joint, places in one.places.items():
            assert other.places[joint] == pytest.approx(places @ Z_UP.T, abs=1e-4)
    again = positions_of_recording(file, "/world/camera/track1", "Points2D:positions")
    assert all(np.array_equal(flat[i], again[i]) for i in flat)
    assert attempt("--check", file, "--up", "z").code == 0
    assert attempt("--check", file).code == OutputError.exit_code


def test_a_recording_has_no_unit_to_say(make_results, attempt):
    outcome = attempt(make_results(count=4), "-f", "rrd", "--unit", "cm")
    outcome.assert_refused(ConfigError.exit_code, "--unit", "bvh, trc, c3d, usd")


def test_pycocotools_and_motmetrics_read_the_same(make_results):
    path = make_results()
    [file] = written(path, "coco")
    coco = pytest.importorskip("pycocotools.coco")
    with contextlib.redirect_stdout(io.StringIO()):
        found = coco.COCO(str(file))
    ours = {(frame, track): places for frame, track, places in read_coco(file)}
    assert len(ours) == len(found.anns)
    for one in found.anns.values():
        frame = found.imgs[one["image_id"]]["frame_id"]
        x, y, width, height = one["bbox"]
        points = np.array(one["keypoints"]).reshape(17, 3)[:, :2]
        whole = np.concatenate([[[x, y], [x + width, y + height]], points])
        assert ours[frame, one["track_id"]] == pytest.approx(whole)
    [file] = written(path, "mot")
    motmetrics = pytest.importorskip("motmetrics")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, about motmetrics
        table = motmetrics.io.loadtxt(str(file), fmt="mot15-2D", min_confidence=-1)
    for frame, track, places in read_mot(file):
        row = table.loc[frame + 1, track]
        corner = row[["X", "Y"]].to_numpy(float)
        assert places[0] == pytest.approx(corner, abs=1e-3)
        assert places[1] - places[0] == pytest.approx(row[["Width", "Height"]].to_numpy(float))


def test_made_up_keypoints_are_blank_on_both_sides(make_results, edit_results):
    path = make_results()

    def rate(frames):
        for frame in frames:
            people = len(frame["tid"])
            frame["joint_confidence"] = [np.full(45, 0.5, np.float32)] * people
            frame["joint_error_mm"] = [np.full((45, 2), 9, np.float32)] * people
            frame["joint_source"] = [np.where(np.arange(45) == 4, 3, 0)] * people

    edit_results(path, rate)
    [file] = written(path, "coco")
    assert check(path, file).largest < 1e-3
    document = json.loads(file.read_text())
    document["annotations"][0]["keypoints"][3 * 10 + 2] = 2  # the right wrist
    file.write_text(json.dumps(document))
    with pytest.raises(OutputError, match=r"by inf px .right_wrist, track 1, frame 0"):
        check(path, file)


def test_changed_files_are_told(make_results, attempt):
    path = make_results()
    [file] = written(path, "phalp")
    frames = load_results(file)
    frame = list(frames.values())[5]
    frame["3d_joints"][0] = frame["3d_joints"][0] + np.float32([0, 0.004, 0])
    joblib.dump(frames, file, compress=3)
    with pytest.raises(OutputError, match=r"by 4\.0\d\d mm .*track 1, frame 5"):
        check(path, file)
    file = written(path, "blender")[0]
    frames = load_results(file)
    frame = list(frames.values())[5]
    turns = frame["smpl"][0]["body_pose"].copy()
    turns[15] = turns[15] @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # the left upper arm
    frame["smpl"][0]["body_pose"] = turns
    joblib.dump(dict(frames), file)
    outcome = attempt("--check", file)
    assert outcome.code == OutputError.exit_code
    assert "left_hand, track1, frame 5" in outcome.lines[-1], outcome.lines
    for kind in ("usd", "rrd", "mot", "coco"):
        file = written(path, kind)[0]
        file.write_bytes(b"1,2,nothing\n")
        outcome = attempt("--check", file)
        assert (outcome.code, len(outcome.lines)) == (OutputError.exit_code, 1), outcome.lines
