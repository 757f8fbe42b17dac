"""The document: what its numbers mean, that it fits its schema, and that it never says NaN."""

from __future__ import annotations

import json
import tracemalloc

import jsonschema
import numpy as np
import pytest

from humantrack.body.joints import PHALP_JOINTS
from humantrack.export.cli import main
from humantrack.geometry.cameras import PaddedSquare
from humantrack.geometry.rotations import (
    axis_angle_to_matrix,
    quaternion_to_matrix,
    sixd_to_matrix,
)
from humantrack.results import ResultsWriter, load_results


@pytest.fixture(scope="module")
def schema():
    from importlib.resources import files

    return json.loads(files("humantrack.export").joinpath("results.schema.json").read_text())


def strict(text):
    """JSON as the standard has it: no NaN, no Infinity."""

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def exported(path, *arguments, code=0):
    assert main([str(path), "--force", "--quiet", *arguments]) == code
    return strict(path.with_suffix(".json").read_text())


def people_of(document):
    return [(f["index"], p) for f in document["frames"] for p in f["people"]]


def test_the_schema_itself_is_one(schema, capsys):
    jsonschema.Draft202012Validator.check_schema(schema)
    assert main(["--schema"]) == 0
    assert strict(capsys.readouterr().out) == schema


@pytest.mark.parametrize("rotations", ["axis_angle", "matrix", "quaternion", "6d"])
def test_document_fits_the_schema_and_gives_the_rotations_back(make_results, schema, rotations):
    path = make_results()
    document = exported(path, "--masks", "--rotations", rotations)
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    back = {
        "axis_angle": axis_angle_to_matrix,
        "matrix": np.asarray,
        "quaternion": quaternion_to_matrix,
        "6d": sixd_to_matrix,
    }[rotations]
    frames = list(load_results(path).values())
    for index, person in people_of(document):
        i = frames[index]["tid"].index(person["track_id"])
        smpl = frames[index]["smpl"][i]
        turned = back(np.array(person["smpl"]["body_pose"]))
        assert turned == pytest.approx(smpl["body_pose"], abs=2e-6)
        root = back(np.array(person["smpl"]["global_orient"]))
        assert root == pytest.approx(smpl["global_orient"][0], abs=2e-6)


@pytest.mark.parametrize("name", ["upstream_render", "upstream_extract_cut", "upstream_stream_cut"])
def test_a_file_of_phalp_fits_the_schema(data, tmp_path, schema, name, capsys):
    out = tmp_path / "out.json"
    assert main([str(data / "results" / f"{name}.pkl"), "-o", str(out), "--masks"]) == 0
    document = strict(out.read_text())
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    assert not document["source"]["fps_known"]
    assert "--source-fps" in capsys.readouterr().err
    assert any(frame["people"] for frame in document["frames"])
    states = {p["state"] for _, p in people_of(document)}
    assert "observed" in states


def test_numbers_are_the_results_own(make_results):
    path = make_results()
    document = exported(path)
    assert document["counts"] == {"frames": 40, "non_finite": 0}
    assert document["source"] == {
        "name": "clip",
        "path": "videos/clip.mp4",
        "fps": 30.0,
        "fps_known": True,
        "width": 640,
        "height": 480,
        "duration_s": 40 / 30,
        "frame_count": 40,
    }
    assert document["joint_names"]["joints"] == list(PHALP_JOINTS)
    assert document["coordinates"]["focal_length_px"] == 5000 * 640 / 256
    square = PaddedSquare(480, 640)
    frames = list(load_results(path).values())
    for index, person in people_of(document):
        frame = frames[index]
        i = frame["tid"].index(person["track_id"])
        for key, name in (("bbox", "bbox"), ("camera", "camera"), ("joints_3d", "3d_joints")):
            stored = np.array(person[key], np.float32)
            assert np.array_equal(stored, frame[name][i])  # the very same float32
        assert np.array_equal(np.float32(person["score"]), frame["conf"][i])
        assert person["tracked_time"] == frame["tracked_time"][i]
        assert person["state"] == ("observed" if person["tracked_time"] == 0 else "predicted")
        # What is seen is what the camera sees of what is there.
        seen = square.project(np.array(person["joints_3d"]) + person["camera"])
        assert np.abs(seen - person["joints_2d"]).max() < 0.01
    assert document["frames"][3]["time_s"] == pytest.approx(0.1)
    assert document["frames"][3]["key"] == "clip/000004.jpg"


def test_another_focal_length_leaves_people_where_they_are_in_the_picture(make_results):
    path = make_results()
    document = exported(path, "--focal", "800")
    assert document["coordinates"]["focal_length_px"] == 800
    centre = np.array(document["coordinates"]["principal_point_px"])
    for _, person in people_of(document):
        camera = np.array(person["camera"])
        assert 3 < camera[2] < 5  # 60 m by PHALP's lens
        root = camera[:2] / camera[2] * 800 + centre
        assert root == pytest.approx(person["joints_2d"][44], abs=0.01)


def test_lines_hold_what_the_document_holds(make_results, tmp_path, schema, capsysbinary):
    path = make_results()
    whole = exported(path)
    assert main([str(path), "--format", "jsonl", "--quiet"]) == 0
    header, *frames = map(strict, path.with_suffix(".jsonl").read_text().splitlines())
    assert header == {k: v for k, v in whole.items() if k != "frames"}
    assert frames == whole["frames"]
    assert main([str(path), "-f", "jsonl", "-o", "-"]) == 0
    printed = [strict(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert printed == [header, *frames]
    of_frames = jsonschema.Draft202012Validator({**schema, "$ref": "#/$defs/frame"})
    for frame in frames:
        of_frames.validate(frame)


def test_what_is_not_finite_is_null_and_counted(make_results, schema):
    path = make_results()
    frames = list(load_results(path).items())
    frames[2][1]["camera"][0][1] = np.nan
    frames[2][1]["3d_joints"][0][5] = np.inf
    frames[4][1]["conf"][0] = np.float32(-np.inf)
    frames[5][1]["smpl"][0]["body_pose"][7] = np.nan
    with ResultsWriter(path) as writer:
        for key, frame in frames:
            writer.write_frame(key, frame)
    document = exported(path)
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    assert document["counts"]["non_finite"] == 1 + 3 + 1 + 9
    assert document["frames"][2]["people"][0]["camera"][1] is None
    assert document["frames"][2]["people"][0]["joints_3d"][5] == [None] * 3
    assert document["frames"][4]["people"][0]["score"] is None
    assert document["frames"][5]["people"][0]["smpl"]["body_pose"][7] == [None] * 3


def test_precision_rounds_every_number(make_results):
    path = make_results()
    fine = people_of(exported(path))
    text = path.with_suffix(".json").read_text()
    coarse = people_of(exported(path, "--precision", "2"))
    assert len(path.with_suffix(".json").read_text()) < 0.75 * len(text)
    for (_, a), (_, b) in zip(fine, coarse, strict=True):
        for key in ("bbox", "camera", "joints_3d", "joints_2d", "center", "scale", "score"):
            assert np.abs(np.array(a[key]) - b[key]).max() < 0.0051
            assert np.round(b[key], 2) == pytest.approx(np.array(b[key]), abs=1e-6)


def test_selection(make_results):
    path = make_results()
    document = exported(path, "--frames", "10:20", "--tracks", "2,7")
    assert [f["index"] for f in document["frames"]] == list(range(10, 20))
    assert {p["track_id"] for _, p in people_of(document)} == {2, 7}
    assert document["counts"]["frames"] == 10
    long = {p["track_id"] for _, p in people_of(exported(path, "--min-length", "20"))}
    assert long == {1, 2}
    assert {p["track_id"] for _, p in people_of(exported(path, "--min-length", "26"))} == {1}


def test_memory_does_not_grow_with_the_length(make_results, tmp_path):
    peaks = []
    for count in (320, 960):
        path = make_results(count=40, name="long.pkl")
        frames = list(load_results(path).items())
        with ResultsWriter(path) as writer:
            for i in range(count):
                writer.write_frame(str(i), {**frames[i % 40][1], "time": i, "time_s": i / 30})
        tracemalloc.start()
        assert main([str(path), "-f", "jsonl", "--quiet", "--force"]) == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        with path.with_suffix(".jsonl").open() as file:
            assert sum(1 for _ in file) == count + 1
    assert peaks[1] < 1.1 * peaks[0]
