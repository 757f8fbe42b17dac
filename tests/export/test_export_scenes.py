"""C3D, USD and Rerun's recordings, as their own libraries read them."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest
from foreign_readers import positions_of_recording, stage_of
from motion_tools import motions, one

from humantrack.body.joints import SMPL_JOINTS
from humantrack.errors import DependencyError
from humantrack.export.cli import main
from humantrack.export.formats import c3d as c3d_module
from humantrack.export.formats.trc import MARKERS
from humantrack.motion import spool
from humantrack.results import iter_results


def exported(path, tmp_path, kind, *more):
    out = tmp_path / "out"
    assert main([str(path), "-f", kind, "-o", f"{out}/", "--quiet", "--force", *more]) == 0
    return out


@pytest.mark.parametrize(("kind", "module"), [("c3d", "ezc3d"), ("usd", "pxr"), ("rrd", "rerun")])
def test_a_missing_library_is_one_line_that_names_the_extra(
    make_results, tmp_path, monkeypatch, capsys, *, kind, module
):
    monkeypatch.setitem(sys.modules, module, None)
    path = make_results()
    assert main([str(path), "-f", kind, "-o", f"{tmp_path}/out/"]) == DependencyError.exit_code
    [line] = capsys.readouterr().err.splitlines()
    assert f"{kind} needs" in line and f"humantrack[{kind}]" in line
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


@pytest.mark.parametrize(("kind", "module"), [("c3d", "ezc3d"), ("usd", "pxr"), ("rrd", "rerun")])
def test_written_twice_and_in_stretches_is_the_same_bytes(
    make_results, tmp_path, monkeypatch, kind, module
):
    pytest.importorskip(module)
    path = make_results()
    once = {p.name: p.read_bytes() for p in exported(path, tmp_path / "a", kind).iterdir()}
    again = {p.name: p.read_bytes() for p in exported(path, tmp_path / "b", kind).iterdir()}
    assert once == again
    if kind == "c3d":  # the others hold a chunk of their own a stretch
        monkeypatch.setattr(spool, "CHUNK", 7)
        parts = exported(path, tmp_path / "c", kind)
        assert once == {p.name: p.read_bytes() for p in parts.iterdir()}


# -- C3D ------------------------------------------------------------------------------------------


def test_c3d(make_results, tmp_path):
    ezc3d = pytest.importorskip("ezc3d")
    path = make_results()
    out = exported(path, tmp_path, "c3d")
    for motion in motions(path):
        file = ezc3d.c3d(str(out / f"clip_{motion.name}.c3d"))
        points = file["parameters"]["POINT"]
        assert points["LABELS"]["value"] == list(MARKERS)
        assert points["UNITS"]["value"] == ["mm"] and points["RATE"]["value"] == [30]
        assert points["Y_SCREEN"]["value"] == ["+Y"]
        expected = 1000 * motion.joints[:, list(MARKERS.values())]
        found = file["data"]["points"][:3].transpose(2, 1, 0)
        assert np.abs(found - expected).max() < 1e-3  # mm
        start = file["parameters"]["HUMANTRACK"]["START_TIME_S"]["value"][0]
        assert start == pytest.approx(motion.time_s[0])


def test_c3d_is_what_ezc3d_would_write(make_results, tmp_path):
    ezc3d = pytest.importorskip("ezc3d")
    path = exported(make_results(), tmp_path, "c3d") / "clip_track1.c3d"
    file = ezc3d.c3d(str(path))
    file.write(str(tmp_path / "again.c3d"))
    again = ezc3d.c3d(str(tmp_path / "again.c3d"))
    assert (
        again["header"] == file["header"] or again["header"]["points"] == file["header"]["points"]
    )
    assert np.array_equal(again["data"]["points"], file["data"]["points"])
    assert path.stat().st_size % 512 == 0


def test_c3d_goes_on_in_further_files(make_results, tmp_path, monkeypatch, capsys):
    ezc3d = pytest.importorskip("ezc3d")
    monkeypatch.setattr(c3d_module, "MOST_FRAMES", 16)
    path = make_results()
    out = exported(path, tmp_path, "c3d", "--tracks", "1")
    assert "note: track 1 is longer" in capsys.readouterr().err
    names = ["clip_track1.c3d", "clip_track1_file2.c3d", "clip_track1_file3.c3d"]
    assert sorted(p.name for p in out.iterdir()) == names
    points = [ezc3d.c3d(str(out / name))["data"]["points"][:3] for name in names]
    whole = np.concatenate(points, axis=2).transpose(2, 1, 0)
    expected = 1000 * one(path).joints[:, list(MARKERS.values())]
    assert np.abs(whole - expected).max() < 1e-3


# -- USD ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.usdc", "a.usda", "a.usd"])
def test_usd(make_results, tmp_path, name):
    pytest.importorskip("pxr")
    from pxr import Usd, UsdGeom, UsdSkel

    path = make_results()
    assert main([str(path), "-o", str(tmp_path / name), "--quiet"]) == 0
    assert (tmp_path / name).read_bytes().startswith(b"#usda" if name == "a.usda" else b"PXR-USDC")
    stage = stage_of(tmp_path / name)
    assert UsdGeom.GetStageUpAxis(stage) == "Y" and UsdGeom.GetStageMetersPerUnit(stage) == 1
    assert stage.GetTimeCodesPerSecond() == 30
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (0, 39)
    cache = UsdSkel.Cache()
    for motion in motions(path):
        root = UsdSkel.Root(stage.GetPrimAtPath(f"/World/{motion.name}"))
        cache.Populate(root, Usd.PrimDefaultPredicate)
        [binding] = cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate)
        assert [t.GetPrim().GetName() for t in binding.GetSkinningTargets()] == ["body"]
        query = cache.GetSkelQuery(binding.GetSkeleton())
        assert [str(j).rsplit("/")[-1] for j in query.GetJointOrder()] == list(SMPL_JOINTS)
        expected = motion.skeleton.joints(motion.matrices, motion.pelvis)
        for row in (0, 7, len(motion) - 1):
            code = motion.time_s[row] * 30
            found = [m.ExtractTranslation() for m in query.ComputeJointSkelTransforms(code)]
            assert np.abs(np.array(found) - expected[row]).max() < 1e-4
        seen = UsdGeom.Imageable(root.GetPrim())
        first, last = motion.time_s[[0, -1]] * 30
        assert seen.ComputeVisibility(first) == seen.ComputeVisibility(last) == "inherited"
        if first > 0:
            assert seen.ComputeVisibility(first - 1) == "invisible"
        assert seen.ComputeVisibility(last + 1) == "invisible"
        mesh = UsdSkel.BindingAPI(stage.GetPrimAtPath(f"/World/{motion.name}/body"))
        weights = np.array(mesh.GetJointWeightsPrimvar().Get()).reshape(-1, 4)
        assert np.abs(weights.sum(axis=1) - 1).max() < 1e-5
    camera = UsdGeom.Camera(stage.GetPrimAtPath("/World/camera")).GetCamera()
    assert camera.focalLength / camera.horizontalAperture == pytest.approx(800 / 640)


# -- Rerun ----------------------------------------------------------------------------------------


def test_usd_resampled_has_a_time_code_for_each_of_the_new_frames(make_results, tmp_path):
    pytest.importorskip("pxr")
    from pxr import UsdSkel

    path = tmp_path / "a.usdc"
    assert main([str(make_results()), "-o", str(path), "--fps", "60", "--quiet"]) == 0
    stage = stage_of(path)
    assert (stage.GetTimeCodesPerSecond(), stage.GetFramesPerSecond()) == (60, 60)
    animations = [UsdSkel.Animation(p) for p in stage.Traverse() if p.IsA(UsdSkel.Animation)]
    codes = [animation.GetRotationsAttr().GetTimeSamples() for animation in animations]
    assert codes and all(np.array_equal(c, np.arange(c[0], c[-1] + 1)) for c in codes)
    assert stage.GetEndTimeCode() == max(c[-1] for c in codes)


def test_recording(make_results, tmp_path):
    pytest.importorskip("rerun", minversion="0.41")
    path = make_results()
    recording = exported(path, tmp_path, "rrd") / "clip.rrd"
    for motion in motions(path):
        found = positions_of_recording(recording, f"/world/{motion.name}", "Points3D:positions")
        *frames, end = sorted(found)
        assert frames == motion.frame.tolist() and end == frames[-1] + 1 and not len(found[end])
        places = np.stack([found[i] for i in frames])
        assert np.abs(places - motion.joints[:, :25]).max() < 1e-5
    flat = positions_of_recording(recording, "/world/camera/track1", "Points2D:positions")
    boxes = positions_of_recording(recording, "/world/camera/track1/box", "Boxes2D:centers")
    for index, (_, frame) in enumerate(iter_results(path)):
        seen = [i for i, t in zip(frame["tid"], frame["tracked_time"], strict=True) if t == 0]
        if 1 in seen:
            row = frame["tid"].index(1)
            x, y, w, h = frame["bbox"][row]
            assert boxes[index][0] == pytest.approx([x + w / 2, y + h / 2], abs=1e-3)
            assert flat[index].shape == (25, 2)


def test_the_modules_are_only_imported_when_asked_for():
    for name in ("c3d", "usd", "rrd"):
        importlib.import_module(f"humantrack.export.formats.{name}")
