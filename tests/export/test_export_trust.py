"""How far joints are to be trusted, in what is exported."""

from __future__ import annotations

import csv
import json
from importlib.resources import files

import joblib
import jsonschema
import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from motion_tools import one
from trust_tools import rate_file

from humantrack.body.joints import PHALP_JOINTS
from humantrack.export.cli import main
from humantrack.export.formats.coco import KEYPOINTS
from humantrack.export.formats.trc import MARKERS
from humantrack.results import load_results
from humantrack.results.record import TRUST_KEYS
from humantrack.types import JointSource

SEEN, HIDDEN, HELD, MADE_UP = JointSource
WRIST = PHALP_JOINTS.index("right_wrist")
NAMES = ("seen", "hidden", "held", "made_up")


def sources(track, frame):
    """1 has a made-up wrist in 10..19; 2 is held, and made up from 25 on; 7 says nothing."""
    of_joint = np.zeros(45, np.uint8)
    of_joint[3] = HIDDEN
    if track == 1 and 10 <= frame < 20:
        of_joint[WRIST] = MADE_UP
    if track == 2:
        of_joint[:] = HELD if frame < 25 else MADE_UP
    return of_joint


@pytest.fixture
def path(make_results):
    return rate_file(make_results(), sources)


def exported(path, kind, *arguments):
    out = path.parent / "out"
    assert main([str(path), "-f", kind, "-o", f"{out}/", "--force", "--quiet", *arguments]) == 0
    return out


def csv_rows(path):
    with (exported(path, "csv") / "clip.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def validate(document):
    schema = json.loads(files("humantrack.export").joinpath("results.schema.json").read_text())
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)


def test_the_document_names_confidence_errors_and_source_of_each_joint(path):
    document = json.loads((exported(path, "json") / "clip.json").read_text())
    validate(document)
    assert document["schema_version"] == "1.1"
    for frame, raw in zip(document["frames"], load_results(path).values(), strict=True):
        for i, person in enumerate(frame["people"]):
            confidence = raw["joint_confidence"][i]
            np.testing.assert_array_equal(
                np.array(person["joint_confidence"], np.float32), confidence
            )
            np.testing.assert_array_equal(
                np.array(person["joint_error_mm"], np.float32), raw["joint_error_mm"][i]
            )
            assert person["joint_source"] == [NAMES[s] for s in raw["joint_source"][i]]
            body = np.delete(confidence[:25], 8)
            assert person["pose_confidence"] == pytest.approx(body.mean(), abs=1e-6)
            whole = {1: "seen", 7: "seen"}.get(person["track_id"], person["joint_source"][0])
            assert person["pose_source"] == whole
    lines = (exported(path, "jsonl") / "clip.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines[1:]] == document["frames"]


def test_where_nothing_is_said_documents_and_tables_are_as_they_were(make_results):
    path = make_results()
    document = json.loads((exported(path, "json") / "clip.json").read_text())
    validate(document)
    assert document["schema_version"] == "1.0"
    assert not [key for key in document["frames"][20]["people"][0] if "source" in key]
    with (exported(path, "csv") / "clip.csv").open(newline="") as file:
        names = next(csv.reader(file))
    assert len(names) == 330
    exported(path, "npz")
    with np.load(path.parent / "out" / "clip_track1.npz") as motion:
        assert not {"joint_source", "joint_confidence"} & set(motion)


def test_only_those_of_whom_it_is_known_have_it(make_results):
    path = rate_file(make_results(), lambda t, f: None if f == 4 else SEEN)
    document = json.loads((exported(path, "json") / "clip.json").read_text())
    validate(document)
    known = [["joint_source" in person for person in f["people"]] for f in document["frames"]]
    assert known[4] == [False] and known[3] == [True] and all(map(all, known[5:]))
    rows = csv_rows(path)
    rated = [row for row in rows if row["frame"] != "4"]
    assert {row["nose_source"] for row in rated} == {"seen"}
    [bare] = [row for row in rows if row["frame"] == "4"]
    assert {bare[k] for k in bare if "confidence" in k or "_mm" in k or "source" in k} == {""}


def test_tables_have_a_column_for_each_of_them(path):
    rows = csv_rows(path)
    assert list(rows[0])[330:332] == ["pose_confidence", "pose_source"]
    assert len(rows[0]) == 332 + 4 * 45
    raw = list(load_results(path).values())
    table = pyarrow.parquet.read_table(exported(path, "parquet") / "clip.parquet").to_pylist()
    for row, same in zip(rows, table, strict=True):
        frame = raw[int(row["frame"])]
        i = frame["tid"].index(int(row["track_id"]))
        for joint, name in ((WRIST, "right_wrist"), (0, "nose"), (44, "root")):
            wanted = (frame["joint_confidence"][i][joint], *frame["joint_error_mm"][i][joint])
            columns = ("confidence", "error50_mm", "error90_mm")
            for column, number in zip(columns, wanted, strict=True):
                assert np.float32(row[f"{name}_{column}"]) == number
                assert np.float32(same[f"{name}_{column}"]) == number
            source = NAMES[frame["joint_source"][i][joint]]
            assert row[f"{name}_source"] == same[f"{name}_source"] == source
    whole = {row["pose_source"] for row in rows if row["track_id"] == "2"}
    assert whole == {"held", "made_up"}


def test_phalps_schema_has_none_of_it(path):
    frames = joblib.load(exported(path, "phalp") / "clip.phalp.pkl")
    assert not {key for frame in frames.values() for key in frame} & {*TRUST_KEYS, "time_s"}


def trc_points(file):
    """Marker -> (T,3) with NaN where the marker is missing, and the numbers of the frames."""
    lines = file.read_text().split("\n")
    names = lines[3].split("\t")[2::3][:-1]
    rows = [line.split("\t") for line in lines[6:-1]]
    assert {len(row) for row in rows} == {2 + 3 * len(names)}
    table = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    points = table[:, 2:].reshape(len(rows), len(names), 3)
    return {name: points[:, i] for i, name in enumerate(names)}, table[:, 0].astype(int)


def test_markers_of_made_up_joints_are_missing(path):
    out = exported(path, "trc")
    points, frame = trc_points(out / "clip_track1.trc")
    for name, place in points.items():
        made_up = (frame >= 10) & (frame < 20) & (name == "RWrist")
        assert (np.isnan(place).all(axis=1) == made_up).all()
        assert (np.isnan(place).any(axis=1) == made_up).all()
    points, frame = trc_points(out / "clip_track2.trc")
    for place in points.values():  # what is held stays, also in the gap that was filled
        assert (np.isnan(place).all(axis=1) == (frame >= 25)).all()
    kept, _ = trc_points(exported(path, "trc", "--made-up", "keep") / "clip_track2.trc")
    assert not any(np.isnan(place).any() for place in kept.values())
    for name in MARKERS:
        np.testing.assert_array_equal(kept[name][frame < 25], points[name][frame < 25])


@pytest.mark.parametrize("made_up", ["blank", "keep"])
def test_keypoints_are_marked_and_scored(path, made_up):
    raw = list(load_results(path).values())
    out = exported(path, "coco", "--made-up", made_up)
    document = json.loads((out / "clip.coco.json").read_text())
    for person in document["annotations"]:
        frame = raw[person["image_id"] - 1]
        i = frame["tid"].index(person["track_id"])
        x, y, mark = np.reshape(person["keypoints"], (17, 3)).T
        rows = [PHALP_JOINTS.index(name) for name in KEYPOINTS]
        source = frame["joint_source"][i][rows]
        scores = np.array(person["keypoint_scores"], np.float32)
        np.testing.assert_array_equal(scores, frame["joint_confidence"][i][rows])
        assert set(mark[source == SEEN]) <= {1, 2}
        assert set(mark[(source == HIDDEN) | (source == HELD)]) <= {1}
        gone = source == MADE_UP
        if made_up == "blank":
            assert not np.stack([x, y, mark])[:, gone].any()
        else:
            assert set(mark[gone]) <= {1} and (x[gone] > 0).all()
        assert person["num_keypoints"] == (mark > 0).sum()
    marks = {m for person in document["annotations"] for m in person["keypoints"][2::3]}
    assert marks == ({0, 1, 2} if made_up == "blank" else {1, 2})


def test_what_is_filled_in_is_held_and_has_no_confidence(path):
    motion = one(path, track_id=2)  # missed in 15..19
    gap = np.isin(motion.frame, range(15, 20))
    assert (motion.observed == ~gap).all()
    assert (motion.joint_source[motion.frame < 25] == HELD).all()
    assert np.isnan(motion.joint_confidence[gap]).all()
    assert np.isfinite(motion.joint_confidence[~gap]).all()
    path = rate_file(path, lambda t, f: SEEN if f < 15 else HIDDEN)
    motion = one(path, track_id=2)
    assert (motion.joint_source[gap] == HELD).all()
    path = rate_file(path, lambda t, f: MADE_UP if f < 15 else SEEN)
    assert (one(path, track_id=2).joint_source[gap] == MADE_UP).all()
    with np.load(exported(path, "npz") / "clip_track2.npz") as stored:
        np.testing.assert_array_equal(stored["joint_source"][gap], MADE_UP)
        assert np.isnan(stored["joint_confidence"][gap]).all()
        assert stored["joint_confidence"].shape == (30, 45)


def test_between_two_frames_is_the_worse_of_both(path):
    path = rate_file(path, lambda t, f: SEEN if f % 2 else HIDDEN)
    motion = one(path, fps=60)
    assert (motion.joint_source[2::4] == SEEN).all()
    assert (motion.joint_source[0::4] == HIDDEN).all()
    assert (motion.joint_source[1::2] == HIDDEN).all()
    confidence = motion.joint_confidence
    lower = np.minimum(confidence[:-2:2], confidence[2::2])
    np.testing.assert_array_equal(confidence[1::2], lower)
    assert len(one(path, fps=60, gaps="split").joint_source) == len(motion)


def test_where_nothing_is_known_motion_says_so(make_results):
    motion = one(make_results(), track_id=2, fps=47)
    assert (motion.joint_source == -1).all() and np.isnan(motion.joint_confidence).all()


@given(
    fps=st.floats(5, 90),
    table=st.lists(st.integers(-1, 3), min_size=12, max_size=12),
    gaps=st.sampled_from(["interpolate", "hold"]),
)
def test_no_motion_is_better_than_what_it_is_made_of(
    tmp_path_factory, dance_file, fps, table, gaps
):
    path = tmp_path_factory.mktemp("m") / "clip.pkl"
    path.write_bytes(dance_file)
    rate_file(path, lambda t, f: None if table[f] < 0 else JointSource(table[f]))
    motion = one(path, fps=fps, gaps=gaps)
    assert motion.joint_source.shape == (len(motion), 45)
    for when, source in zip(motion.time_s * 30, motion.joint_source[:, 0], strict=True):
        near = round(when)
        around = [near] if abs(when - near) < 1e-6 else [int(when), min(int(when) + 1, 11)]
        values = [table[f] for f in around]
        assert source == (-1 if min(values) < 0 else max(values))


@pytest.fixture(scope="module")
def dance_file(dance, tmp_path_factory):
    """The bytes of a short file."""
    from humantrack.results import ResultsWriter

    path = tmp_path_factory.mktemp("d") / "r.pkl"
    with ResultsWriter(path, features=False) as writer:
        for record in dance(12, lambda i: i / 30):
            writer.write(None, record)
    return path.read_bytes()


def test_what_no_format_heeds_is_refused(clip, attempt):
    attempt(clip, "-f", "bvh", "--made-up", "keep").assert_refused(2, "--made-up", "coco, trc")
    assert attempt(clip, "-f", "bvh", "-f", "trc", "--made-up", "keep").code == 0


@pytest.fixture
def short(make_results, person):
    """Three frames with one person, who is seen."""
    return rate_file(make_results([person(1, range(3))], count=3), lambda t, f: SEEN)


@pytest.mark.parametrize("kind", ["json", "csv", "parquet", "coco", "trc", "npz", "mot", "phalp"])
@pytest.mark.parametrize("value", [None, [np.full(45, 9)], [np.zeros(3)], "x"])
def test_malformed_trust_is_one_line(short, edit_results, attempt, kind, value):
    path = short
    edit_results(path, lambda frames: frames[1].update(joint_source=value))
    attempt(path, "-f", kind).assert_refused(9, "malformed", "clip/000002.jpg")


def test_numbers_that_are_none_are_null_and_counted(short, edit_results):
    path = short

    def spoil(frames):
        frames[1]["joint_confidence"][0][5] = np.nan
        frames[2]["joint_error_mm"][0][5] = np.inf

    edit_results(path, spoil)
    document = json.loads((exported(path, "json") / "clip.json").read_text())
    validate(document)
    assert document["counts"]["non_finite"] == 3
    people = [frame["people"][0] for frame in document["frames"]]
    assert people[1]["joint_confidence"][5] is people[1]["pose_confidence"] is None
    assert people[2]["joint_error_mm"][5] == [None, None]


def test_the_summary_tells_the_share_of_guessed_poses(make_results, short, attempt):
    path = rate_file(make_results(name="dance.pkl"), sources)
    frames = list(load_results(path).values())
    seen = sum(missed == 0 for f in frames for missed in f["tracked_time"])
    told = f"{100 * 25 / seen:.1f} % of poses held or made up"  # all of track 2
    assert told in " ".join(attempt(path, "--summary").out.split())
    assert "made up" not in attempt(short, "--summary").out
