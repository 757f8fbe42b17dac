"""PHALP's schema: what a frame becomes, compared key by key with files of PHALP."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path

import joblib
import numpy as np
import pytest
from large_goldens import large_golden

from humantrack.errors import ResultsError
from humantrack.results import record_from_phalp, record_to_phalp
from humantrack.types import CODE_SIZE

DOCS = Path(__file__).parents[2] / "docs" / "results.md"


def shape_of(value):
    """Everything of a value but its numbers: types, dtypes, shapes, order of keys."""
    if isinstance(value, np.ndarray):
        return "array", value.dtype.str, value.shape
    if isinstance(value, dict):
        return "dict", tuple((key, shape_of(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return type(value).__name__, tuple(shape_of(item) for item in value)
    return type(value).__module__, type(value).__name__


def equal(a, b):
    """Same types, dtypes, shapes, order of keys, and the same numbers."""
    if shape_of(a) != shape_of(b):
        return False
    if isinstance(a, dict):
        return all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return all(map(equal, a, b))
    return bool(np.array_equal(a, b))


def check_against(path):
    """Every frame of a file of PHALP, read as a record and written again."""
    results = joblib.load(path)
    drawn = any("appe" in frame for frame in results.values())
    ghosts = 0
    for key, frame in results.items():
        ours = record_to_phalp(record_from_phalp(key, frame), features=drawn)
        assert math.isnan(ours.pop("time_s"))
        assert list(ours) == list(frame)
        assert shape_of(ours) == shape_of(frame)
        for name, value in frame.items():
            if name == "center":
                np.testing.assert_allclose(ours[name], value, rtol=1e-12)
            elif name == "scale":
                assert ours[name] == pytest.approx(value, rel=1e-12)
            else:
                assert equal(ours[name], value), name
        ghosts += sum(k > 0 for k in frame["tracked_time"])
    assert ghosts


def test_schema_and_values_are_those_of_phalp(upstream):
    check_against(upstream)


@pytest.mark.parametrize("name", ["extract", "stream", "render"])
def test_schema_and_values_are_those_of_phalp_in_whole_files(name):
    check_against(large_golden(f"upstream_{name}.pkl"))


def test_written_frame_has_the_keys_and_types_of_a_drawn_frame_of_phalp(data, make_record):
    theirs = joblib.load(data / "upstream_render.pkl")
    (frame,) = [f for f in theirs.values() if f["time"] == 5]
    ours = record_to_phalp(make_record(5, (1, 0, 0)))
    assert type(ours.pop("time_s")) is float
    for tracks in (ours, frame):
        tracks["mask"] = [[dict(m[0], counts="")] for m in tracks["mask"]]
    assert shape_of(ours) == shape_of(frame)


def test_every_key_is_explained(make_record):
    text = DOCS.read_text(encoding="utf-8")
    explained = [name for line in text.splitlines() for name in re.findall(r"^\| `(\w+)`", line)]
    keys = list(record_to_phalp(make_record(0)))
    assert {name for name in explained if name in keys} == set(keys)


def test_features_can_be_left_out(make_record):
    record = make_record(3)
    whole, small = record_to_phalp(record), record_to_phalp(record, features=False)
    assert [key for key in whole if key not in small] == ["appe", "loca", "pose"]
    assert [key for key in whole if key in small] == list(small)


def test_missed_track_keeps_its_last_detection_and_is_not_tracked(make_record):
    record = make_record(7, (0, 3))
    frame = record_to_phalp(record)
    assert frame["tid"] == [1, 2]
    assert frame["tracked_time"] == [0, 3]
    assert frame["tracked_ids"] == [1]
    assert len(frame["tracked_bbox"]) == 1
    assert frame["img_name"] == ["000008.jpg", "000005.jpg"]
    assert frame["img_path"][1] == "outputs//_DEMO/vid/img/000005.jpg"
    assert record_from_phalp(record.key, frame).people[1].observation.frame_index == 4


def test_numbers_of_a_box(make_record):
    record = make_record(0, (0,))
    person = record.people[0]
    box = np.array([10, 20, 40, 100], np.float32)
    padded = np.array([-5, 20, 55, 100], np.float32)
    seen = dataclasses.replace(person.observation, xyxy_px=box, padded_xyxy_px=padded)
    person = dataclasses.replace(person, observation=seen)
    frame = record_to_phalp(dataclasses.replace(record, people=(person,)))
    np.testing.assert_array_equal(frame["bbox"][0], [10, 20, 30, 80])
    np.testing.assert_array_equal(frame["center"][0], [25, 60])
    assert frame["center"][0].dtype == np.float64
    assert frame["scale"] == [80 / 1920]
    assert frame["size"] == [[1080, 1920]]
    joints = seen.joints_2d
    np.testing.assert_array_equal(frame["2d_joints"][0][:4], [*joints[0], *joints[1]])


def test_keys_of_a_stream_have_no_file_name(make_record):
    record = make_record(2, (0, 1), key=lambda index: ("video.mp4", 512 * index), shot=True)
    frame = record_to_phalp(record)
    assert frame["frame_path"] == ("video.mp4", 1024)
    assert frame["img_path"] == [("video.mp4", 1024), ("video.mp4", 512)]
    assert frame["img_name"] == [None, None]
    assert frame["shot"] == 1 and type(frame["shot"]) is int


def test_person_without_mask_or_annotation(make_record):
    record = make_record(0, (0,))
    bare = dataclasses.replace(record.people[0].observation, mask=None, annotation=None)
    person = dataclasses.replace(record.people[0], observation=bare)
    frame = record_to_phalp(dataclasses.replace(record, people=(person,)))
    assert frame["mask"] == [[]]
    assert frame["annotations"] == [[]]
    assert record_from_phalp(record.key, frame).people[0].observation.mask is None


@pytest.mark.parametrize("missed", [(), (0,), (0, 4, 0)])
def test_record_survives_the_round_trip(make_record, missed):
    record = make_record(9, missed, shot=True)
    frame = record_to_phalp(record)
    back = record_from_phalp(record.key, frame)
    again = record_to_phalp(back)
    assert list(again) == list(frame)
    for key in frame:
        if key in ("center", "scale"):
            np.testing.assert_allclose(again[key], frame[key], rtol=1e-12)
        else:
            assert shape_of(again[key]) == shape_of(frame[key])
            np.testing.assert_equal(again[key], frame[key])
    assert (back.index, back.time_s, back.is_shot_start) == (9, 0.3, True)
    assert [(p.track_id, p.missed) for p in back.people] == [
        (p.track_id, p.missed) for p in record.people
    ]
    for ours, original in zip(back.people, record.people, strict=True):
        for field in dataclasses.fields(original.observation):
            got = getattr(ours.observation, field.name)
            want = getattr(original.observation, field.name)
            if field.name in ("xyxy_px", "padded_xyxy_px"):
                np.testing.assert_allclose(got, want, atol=1e-3)
            elif field.name == "score":
                assert got == pytest.approx(want)
            else:
                np.testing.assert_equal(got, want)


def test_left_out_features_are_put_together_from_the_rest(data):
    frames = joblib.load(data / "upstream_render.pkl")
    for key, frame in frames.items():
        small = {k: v for k, v in frame.items() if k not in ("appe", "loca", "pose")}
        for i, person in enumerate(record_from_phalp(key, small).people):
            np.testing.assert_allclose(
                person.observation.pose_vector, frame["pose"][i], rtol=1e-6, atol=1e-7
            )
            np.testing.assert_allclose(
                person.observation.location_vector, frame["loca"][i], rtol=1e-6
            )
            assert person.observation.code.shape == (CODE_SIZE,)
            assert not person.observation.code.any()


@pytest.mark.parametrize("broken", ["tid", "smpl", "camera"])
def test_missing_key_is_named(make_record, broken):
    record = make_record(0)
    frame = record_to_phalp(record)
    del frame[broken]
    with pytest.raises(ResultsError, match=f"lacks '{broken}'"):
        record_from_phalp(record.key, frame)


@pytest.mark.parametrize(
    ("key", "value"), [("camera", [np.zeros(2)] * 2), ("size", [None] * 2), ("smpl", [])]
)
def test_malformed_frame_is_one_error(make_record, key, value):
    record = make_record(0)
    frame = {**record_to_phalp(record), key: value}
    with pytest.raises(ResultsError, match="malformed"):
        record_from_phalp(record.key, frame)
