"""How far joints are to be trusted, in results: written, read, absent, malformed."""

from __future__ import annotations

import dataclasses

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from trust_tools import rated, rated_observation

from humantrack import load_results
from humantrack.clips.source import ResultsSource
from humantrack.errors import ResultsError
from humantrack.results import (
    ResultsWriter,
    people_columns,
    record_from_phalp,
    record_to_phalp,
)
from humantrack.results.record import PERSON_KEYS, TRUST_KEYS
from humantrack.types import JointSource, is_guessed, person_confidence, pose_source

MIXED = np.arange(45) % 4


def frame_of(record, source=MIXED):
    [made] = rated([record], lambda track, frame: source)
    return record_to_phalp(made)


def test_the_keys_lie_between_phalps_and_the_time(make_record):
    frame = frame_of(make_record(3, (0, 2)))
    assert list(frame)[-5:] == ["extra_data", *TRUST_KEYS, "time_s"]
    shapes = [[(type(v), v.shape, v.dtype) for v in frame[key]] for key in TRUST_KEYS]
    assert shapes == [
        [(np.ndarray, (45,), np.dtype(np.float32))] * 2,
        [(np.ndarray, (45, 2), np.dtype(np.float32))] * 2,
        [(np.ndarray, (45,), np.dtype(np.uint8))] * 2,
    ]


def test_a_frame_has_the_keys_only_if_they_are_known_of_everybody_in_it(make_record):
    usual = list(record_to_phalp(make_record(0)))
    assert not set(TRUST_KEYS) & set(usual)
    record = make_record(4)
    for source_of in (lambda t, f: None, lambda t, f: MIXED if t == 1 else None):
        assert list(record_to_phalp(rated([record], source_of)[0])) == usual
    [whole] = rated([record], lambda t, f: MIXED)
    half = dataclasses.replace(whole.people[1].observation, joint_error_mm=None)
    people = (whole.people[0], dataclasses.replace(whole.people[1], observation=half))
    assert list(record_to_phalp(dataclasses.replace(whole, people=people))) == usual
    assert not set(TRUST_KEYS) & set(record_to_phalp(make_record(0, ())))


def test_a_record_reads_back_as_it_was(make_record):
    [record] = rated([make_record(9, (0, 4))], lambda t, f: MIXED)
    back = record_from_phalp(record.key, record_to_phalp(record))
    for ours, original in zip(back.people, record.people, strict=True):
        for name in TRUST_KEYS:
            got, want = (getattr(p.observation, name) for p in (ours, original))
            np.testing.assert_array_equal(got, want, strict=True)
    bare = make_record(9)
    back = record_from_phalp(bare.key, record_to_phalp(bare))
    assert [getattr(p.observation, k) for p in back.people for k in TRUST_KEYS] == [None] * 6


@given(data=st.data(), count=st.integers(1, 3))
def test_any_numbers_come_back_bit_for_bit(tmp_path_factory, make_person, data, count):
    floats = st.floats(width=32, allow_nan=True, allow_infinity=True)
    people = []
    for i in range(count):
        seen = dataclasses.replace(
            make_person(i),
            joint_confidence=data.draw(arrays.arrays(np.float32, 45, elements=floats)),
            joint_error_mm=data.draw(arrays.arrays(np.float32, (45, 2), elements=floats)),
            joint_source=data.draw(arrays.arrays(np.uint8, 45, elements=st.integers(0, 3))),
        )
        people.append(seen)
    record = record_to_phalp(make_person.record(people))
    path = tmp_path_factory.mktemp("r") / "r.pkl"
    with ResultsWriter(path) as writer:
        writer.write_frame("k", record)
    for loaded in (load_results(path), joblib.load(path)):
        for key in TRUST_KEYS:
            for got, person in zip(loaded["k"][key], people, strict=True):
                assert got.tobytes() == getattr(person, key).tobytes()
    columns = people_columns(list(load_results(path).items()))
    numbers = [*columns.joint_confidence.ravel(), *columns.joint_error_mm.ravel()]
    assert columns.non_finite() == np.count_nonzero(~np.isfinite(numbers))


@pytest.fixture(scope="module")
def make_person():
    """``make_person(i)``: an observation; ``make_person.record(people)``: a frame of them."""
    from humantrack.types import FrameRecord, Observation, TrackedPerson

    def make(i):
        zeros = {
            name: np.zeros(shape, np.float32)
            for name, shape in (
                *(("global_orient", (1, 3, 3)), ("body_pose", (23, 3, 3)), ("betas", 10)),
                *(("cam_crop", 3), ("cam_t", 3), ("joints_3d", (45, 3)), ("joints_2d", (45, 2))),
                *(("code", 4096), ("pose_vector", 229), ("location_vector", 99)),
            )
        }
        box = np.array([0, 0, 30, 40], np.float32)
        return Observation(
            **zeros,
            **{"frame_index": 0, "frame_key": "k", "image_size": (100, 100), "score": 1.0},
            **{"class_id": 0, "xyxy_px": box, "padded_xyxy_px": box},
        )

    def record(people):
        return FrameRecord(
            **{"index": 0, "source_index": 0, "key": "k", "time_s": 0.0, "is_shot_start": False},
            image_size=(100, 100),
            people=tuple(
                TrackedPerson(track_id=i + 1, missed=0, observation=seen)
                for i, seen in enumerate(people)
            ),
        )

    make.record = record
    return make


def test_columns_say_of_whom_it_is_known(make_record):
    records = [make_record(i, missed) for i, missed in enumerate([(0, 0), (0,), (), (0, 1)])]
    frames = [frame_of(records[0]), record_to_phalp(records[1]), record_to_phalp(records[2])]
    frames.append(frame_of(records[3], JointSource.HELD))
    columns = people_columns([(str(i), frame) for i, frame in enumerate(frames)])
    assert columns.is_rated.tolist() == [True, True, False, True, True]
    assert columns.joint_source[0].tolist() == MIXED.tolist()
    assert set(columns.joint_source[2]) == {-1}
    assert set(columns.joint_source[3]) == {int(JointSource.HELD)}
    assert np.isnan(columns.joint_confidence[2]).all() and np.isnan(columns.joint_error_mm[2]).all()
    np.testing.assert_array_equal(columns.joint_error_mm[4], frames[3]["joint_error_mm"][1])
    assert columns.non_finite() == 0  # what is not said is not a wrong number


SPOILT = {
    "too short": ("joint_confidence", [np.zeros(44, np.float32)] * 2),
    "another shape": ("joint_error_mm", [np.zeros((45, 3), np.float32)] * 2),
    "nothing": ("joint_confidence", [None, None]),
    "text": ("joint_confidence", ["x" * 45] * 2),
    "one entry": ("joint_source", [np.zeros(45, np.uint8)]),
    "no list": ("joint_source", None),
    "a number": ("joint_error_mm", 3),
    "no such source": ("joint_source", [np.full(45, 4, np.uint8)] * 2),
    "negative": ("joint_source", [np.full(45, -1)] * 2),
    "huge": ("joint_source", [[2**70] * 45] * 2),
    "fractions": ("joint_source", [np.full(45, 0.5)] * 2),
    "lists in lists": ("joint_error_mm", [[[[1.0] * 2] * 45]] * 2),
}


@pytest.mark.parametrize(("key", "value"), SPOILT.values(), ids=SPOILT)
def test_what_is_malformed_is_one_error_that_names_the_frame(make_record, key, value):
    frame = {**frame_of(make_record(0)), key: value}
    for read in (
        lambda: record_from_phalp("here.jpg", frame),
        lambda: people_columns([("good", frame_of(make_record(1))), ("here.jpg", frame)]),
    ):
        with pytest.raises(ResultsError, match="malformed") as error:
            read()
        assert error.value.where == "here.jpg"


@pytest.mark.parametrize("gone", TRUST_KEYS)
def test_a_frame_with_some_of_the_keys_is_told_which_it_lacks(make_record, gone):
    frame = frame_of(make_record(0))
    del frame[gone]
    for read in (lambda: record_from_phalp("k", frame), lambda: people_columns([("k", frame)])):
        with pytest.raises(ResultsError, match=f"lacks '{gone}'"):
            read()


def test_numbers_that_are_none_are_read_as_they_are(make_record):
    frame = frame_of(make_record(0, (0,)))
    frame["joint_confidence"][0][:3] = np.nan, np.inf, -5
    seen = record_from_phalp("k", frame).people[0].observation
    np.testing.assert_array_equal(seen.joint_confidence[:3], [np.nan, np.inf, -5])


def test_a_table_has_the_columns_if_anybody_is_rated(make_record, tmp_path):
    path = tmp_path / "r.pkl"
    with ResultsWriter(path) as writer:
        writer.write(None, make_record(0))
        for record in rated([make_record(1), make_record(2)], lambda t, f: MIXED):
            writer.write(None, record)
    table = load_results(path).to_pandas()
    assert table.pose_source.isna().tolist() == [True, True, False, False, False, False]
    assert set(table.pose_source[2:]) == {"seen"}
    assert table.left_knee_source.iloc[2] == ("seen", "hidden", "held", "made_up")[13 % 4]
    frame = list(load_results(path).values())[2]
    assert table.left_knee_error90_mm.iloc[4] == frame["joint_error_mm"][0][13, 1]
    assert table.left_knee_confidence.iloc[5] == frame["joint_confidence"][1][13]
    assert table.left_knee_confidence.iloc[:2].isna().all()
    with ResultsWriter(path) as writer:
        writer.write(None, make_record(0))
    assert not [c for c in load_results(path).to_pandas() if "confidence" in c or "source" in c]


def test_a_file_knows_whether_it_says_anything_of_trust(make_record, tmp_path, data):
    path = tmp_path / "r.pkl"
    records = [make_record(i) for i in range(5)]
    for kind, known in ((None, False), (MIXED, True)):
        late = rated(records[4:], lambda t, f, kind=kind: kind)
        with ResultsWriter(path) as writer:
            for record in [*records[:4], *late]:
                writer.write(None, record)
        assert ResultsSource(path).is_rated is known
        joblib.dump(dict(load_results(path)), tmp_path / "p.pkl", compress=3)
        assert ResultsSource(tmp_path / "p.pkl").is_rated is known
    [word] = rated(records[:1], lambda t, f: None)
    with ResultsWriter(path) as writer:  # the word alone is not the key
        writer.write_frame("k", {**record_to_phalp(word), "extra_data": [TRUST_KEYS, TRUST_KEYS]})
    assert ResultsSource(path).is_rated is False
    assert ResultsSource(data / "upstream_render.pkl").is_rated is False


def test_a_whole_person_is_the_mean_and_the_best_of_the_joints(make_record):
    seen = make_record(0).people[0].observation
    assert not is_guessed(seen)
    for source, guessed in zip(JointSource, (False, False, True, True), strict=True):
        assert is_guessed(rated_observation(seen, source)) is guessed
        assert pose_source(np.full(45, int(source))) == source
    mixed = np.full(45, int(JointSource.MADE_UP))
    mixed[[8, 44]] = 0  # the origin of errors, and the root: no joints to be found
    assert pose_source(mixed) == JointSource.MADE_UP
    mixed[4] = JointSource.HIDDEN
    assert not is_guessed(rated_observation(seen, mixed))
    confidence = np.zeros((2, 45), np.float32)
    confidence[1, :25], confidence[1, 4] = 1, 0
    assert person_confidence(confidence).tolist() == pytest.approx([0, 23 / 24])


def test_upstreams_keys_are_as_they_were():
    assert not set(TRUST_KEYS) & set(PERSON_KEYS)
