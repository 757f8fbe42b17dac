"""``humantrack-eval emdb`` and ``3dpw`` on small data sets in the genuine layouts."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from eval_layouts import write_3dpw, write_emdb, write_smpl_files
from eval_smpl import SIZE, STANDS_FROM, people_of_walk, posed, smpl_walk
from eval_tools import load_truth, people_of, write_results

from humantrack.evaluation.cli import main
from humantrack.evaluation.smpl import SmplFiles
from humantrack.geometry.rotations import axis_angle_to_matrix


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smpl")
    write_smpl_files(folder)
    return folder


@pytest.fixture(scope="module")
def walk():
    return smpl_walk()


@pytest.fixture(scope="module")
def plain(walk):
    return people_of_walk(walk, along_ray=False)


@pytest.fixture(scope="module")
def turned(walk):
    return people_of_walk(walk, along_ray=True)


@pytest.fixture
def score(tmp_path, models, capsys):
    def run(benchmark, *options, body=models):
        document = tmp_path / "scores.json"
        document.unlink(missing_ok=True)
        words = [benchmark, str(tmp_path / "results"), "--root", str(tmp_path / "data")]
        words += ["--body", str(body), "--json", str(document), *options]
        code = main(words)
        said = capsys.readouterr()
        if not document.exists():
            return {}, code, said.err
        return json.loads(document.read_text())["systems"]["results"]["values"], code, said.out

    return run


def test_the_surface_is_smplx(models):
    rng = np.random.default_rng(3)
    rotations = axis_angle_to_matrix(rng.normal(0, 0.4, (3, 24, 3)))
    betas = rng.normal(0, 1, 10)
    vertices, _, root = posed(rotations, betas)
    surface = SmplFiles(models).surface("neutral")
    tiled = np.tile(betas, (3, 1))
    np.testing.assert_allclose(surface.vertices(rotations, tiled, root), vertices, atol=2e-5)
    np.testing.assert_allclose(surface.rest_pelvis(tiled), root, atol=1e-5)


# -- EMDB ----------------------------------------------------------------------------------------


def emdb(tmp_path, walk, people, **changes):
    write_emdb(tmp_path / "data", "09_walk", walk, **changes)
    return write_results(tmp_path / "results" / "P0_09_walk.pkl", people, size=SIZE)


@pytest.mark.parametrize("protocol", ["wham", "gvhmr"])
def test_true_bodies_are_perfect_on_emdb_1(score, walk, plain, tmp_path, protocol):
    emdb(tmp_path, walk, plain)
    values, code, said = score("emdb", "--split", "1", "--protocol", protocol)
    assert code == 0
    assert values["Found"] == 1
    for name in ("MPJPE", "PA-MPJPE", "PVE"):
        assert values[name] == pytest.approx(0, abs=0.01), name
    assert values["Accel"] == pytest.approx(0, abs=0.02)
    assert "HMR2.0 [" in said


@pytest.mark.parametrize("protocol", ["wham", "gvhmr"])
def test_true_motion_is_perfect_on_emdb_2(score, walk, turned, tmp_path, protocol):
    emdb(tmp_path, walk, turned)
    values, code, said = score("emdb", "--protocol", protocol)
    assert code == 0
    for name in ("WA-MPJPE", "W-MPJPE", "RTE"):
        assert values[name] == pytest.approx(0, abs=0.05), name
    assert values["FS"] == pytest.approx(0, abs=0.05)
    assert values["Jitter"] == pytest.approx(values["Jitter-true"], rel=0.05)
    assert "lifted by the true camera" in said
    assert "GVHMR [" in said


def test_feet_that_slide_by_a_constant_drift(score, walk, turned, tmp_path):
    """The person drifts by 3 mm a frame along the picture while he stands."""
    drift = 0.003 * np.maximum(np.arange(len(turned)) - STANDS_FROM, 0)
    people = [
        [replace(p, cam_t=p.cam_t + np.array([d, 0, 0]))]
        for (p,), d in zip(turned, drift, strict=True)
    ]
    emdb(tmp_path, walk, people)
    values, _, _ = score("emdb")
    assert values["FS"] == pytest.approx(3, rel=0.2)


def test_a_larger_path_is_an_rte_and_nothing_else(score, walk, turned, tmp_path):
    """A camera of 1.1 times the focal length puts all farther away, bodies keep their size."""
    emdb(tmp_path, walk, turned)
    exact, _, _ = score("emdb")
    people = [[replace(p, cam_t=p.cam_t * [1.1, 1.1, 1.1])] for (p,) in turned]
    emdb(tmp_path, walk, people)
    values, _, _ = score("emdb")
    assert exact["RTE"] < 0.05
    assert values["RTE"] > 1
    assert values["MPJPE"] == pytest.approx(exact["MPJPE"], abs=0.01)


def test_invalid_frames_are_dropped_before_anything(score, walk, plain, tmp_path):
    good = np.ones(len(plain), bool)
    good[[3, 4, 9]] = False
    spoiled = [
        [replace(p, joints=p.joints * (1 if good[t] else 3), betas=p.betas * (1 if good[t] else 3))]
        for t, (p,) in enumerate(plain)
    ]
    emdb(tmp_path, walk, spoiled, good_frames_mask=good)
    values, _, _ = score("emdb", "--split", "1")
    assert values["Frames"] == 17
    assert values["MPJPE"] == pytest.approx(0, abs=0.01)


def test_frames_without_the_person_are_told(score, walk, plain, tmp_path):
    people = [[] if t in (5, 6) else frame for t, frame in enumerate(plain)]
    emdb(tmp_path, walk, people)
    values, _, _ = score("emdb", "--split", "1")
    assert values["Found"] == pytest.approx(18 / 20)
    assert values["MPJPE"] == pytest.approx(0, abs=0.01)


def test_another_body_has_no_vertices_to_compare(score, walk, plain, data, tmp_path):
    """The shipped body in the right places: joints are compared, surfaces are not."""
    truth = load_truth(data / "demo_small_gt.npz")
    some = [p for frame in people_of(truth) for p in frame][: len(plain)]
    people = [
        [replace(p, track_id=1, xyxy=q.xyxy, cam_t=q.cam_t)]
        for p, (q,) in zip(some, plain, strict=True)
    ]
    emdb(tmp_path, walk, people)
    values, code, said = score("emdb")
    assert code == 0
    assert "PVE" not in values
    assert "FS" not in values
    assert values["WA-MPJPE"] > 10
    assert "PVE: not comparable" in said
    assert "another body than SMPL's" in said
    _, code, said = score("emdb", "--fail-under", "FS=5")
    assert code == 32


# -- 3DPW ----------------------------------------------------------------------------------------


def pw(tmp_path, walk, people, **changes):
    write_3dpw(tmp_path / "data", "downtown_bar_00", walk, **changes)
    write_results(tmp_path / "results" / "downtown_bar_00.pkl", people, size=SIZE)


@pytest.mark.parametrize("protocol", ["4dhumans", "gvhmr"])
def test_true_bodies_are_perfect_on_3dpw(score, walk, plain, tmp_path, protocol):
    pw(tmp_path, walk, plain)
    values, code, said = score("3dpw", "--protocol", protocol)
    assert code == 0
    for name in ("MPJPE", "PA-MPJPE", "PVE"):
        assert values[name] == pytest.approx(0, abs=0.01), name
    assert values["Found"] == 1
    assert "HMR2.0b" in said


def test_a_joint_that_is_off_counts_by_its_share(score, walk, plain, tmp_path):
    """28 mm at the right wrist, one of 14; the pelvis is another joint."""
    people = [
        [replace(p, joints=p.joints + 0.028 * np.eye(45)[:, 31, None] * [1, 0, 0])]
        for (p,) in plain
    ]
    pw(tmp_path, walk, people)
    assert score("3dpw")[0]["MPJPE"] == pytest.approx(2, abs=0.01)


def test_frames_with_an_invalid_camera_and_other_tracks(score, walk, plain, tmp_path):
    valid = np.ones(len(plain), int)
    valid[:5] = 0
    people = [
        [replace(p, track_id=t, joints=p.joints * (3 if t < 5 else 1))]
        for t, (p,) in enumerate(plain)
    ]
    pw(tmp_path, walk, people, campose_valid=[valid])
    values = score("3dpw")[0]
    assert values["MPJPE"] == pytest.approx(0, abs=0.01)


def test_without_smpls_surface_gvhmrs_joints_are_not_comparable(score, walk, plain, data, tmp_path):
    truth = load_truth(data / "demo_small_gt.npz")
    some = [p for frame in people_of(truth) for p in frame][: len(plain)]
    people = [
        [replace(p, track_id=1, xyxy=q.xyxy, cam_t=q.cam_t)]
        for p, (q,) in zip(some, plain, strict=True)
    ]
    pw(tmp_path, walk, people)
    values, code, said = score("3dpw", "--protocol", "gvhmr")
    assert (code, "MPJPE" in values) == (0, False)
    assert "MPJPE: not comparable" in said
    values, code, _ = score("3dpw")
    assert (code, "MPJPE" in values, "PVE" in values) == (0, True, False)


# -- bad data ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"smpl": {}}, "not a file of EMDB (KeyError('poses_root'))"),
        ({"gender": "robot"}, "not a file of EMDB"),
        ({"emdb1": False}, "no sequence belongs to EMDB 1"),
        ({"bboxes": {"bboxes": np.full((20, 4), np.nan)}}, "'bboxes' in row 0 is not a number"),
        ({"bboxes": {"bboxes": np.zeros((19, 4))}}, "'bboxes' is malformed"),
    ],
    ids=["key", "gender", "split", "nan", "shape"],
)
def test_bad_emdb_data_is_told_in_one_line(score, walk, plain, tmp_path, *, change, words):
    emdb(tmp_path, walk, plain, **change)
    _, code, said = score("emdb", "--split", "1")
    assert (code, said.count("\n")) == (30, 1)
    assert words in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"poses": [np.full((20, 72), np.nan)]}, "'poses' in row 0 is not a number"),
        ({"trans": []}, "not a file of 3DPW"),
        ({"cam_poses": np.zeros((3, 4, 4))}, "not a file of 3DPW"),
    ],
    ids=["nan", "people", "frames"],
)
def test_bad_3dpw_data_is_told_in_one_line(score, walk, plain, tmp_path, *, change, words):
    pw(tmp_path, walk, plain, **change)
    _, code, said = score("3dpw")
    assert (code, said.count("\n")) == (30, 1)
    assert words in said


def test_results_of_another_video_are_told(score, walk, plain, tmp_path):
    emdb(tmp_path, walk, plain[:-1])
    pw(tmp_path, walk, [[replace(p, xyxy=[600, 440, 630, 470])] for (p,) in plain])
    _, code, said = score("emdb")
    assert (code, "hold 19 frames" in said, said.count("\n")) == (31, True, 1)
    (tmp_path / "results" / "P0_09_walk.pkl").unlink()
    _, code, said = score("3dpw")
    assert (code, "not one box" in said, said.count("\n")) == (31, True, 1)


def test_what_is_missing_is_named_with_where_it_is_had(score, walk, plain, tmp_path):
    (tmp_path / "data").mkdir()
    for benchmark, words in (("emdb", "emdb"), ("3dpw", "virtualhumans")):
        _, code, said = score(benchmark)
        assert (code, words in said, said.count("\n")) == (30, True, 1)
    emdb(tmp_path, walk, plain)
    empty = tmp_path / "empty"
    empty.mkdir()
    _, code, said = score("emdb", body=empty)
    assert (code, said.count("\n")) == (30, 1)
    assert "SMPL_FEMALE.pkl" in said
    assert "smpl.is.tue.mpg.de" in said


def test_a_pickle_that_would_run_code_is_refused(score, walk, plain, tmp_path):
    emdb(tmp_path, walk, plain)
    file = tmp_path / "data" / "P0" / "09_walk" / "P0_09_walk_data.pkl"
    file.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    _, code, said = score("emdb")
    assert (code, said.count("\n")) == (30, 1)
