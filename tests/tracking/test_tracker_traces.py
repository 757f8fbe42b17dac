"""Runs of the genuine tracker, replayed step by step."""

from __future__ import annotations

import json

import numpy as np
import pytest
from large_goldens import find_large
from tracker_making import make_tracker

from humantrack.errors import StageError

ORDINARY = [
    *("main", "apl", "pl", "eq010", "noshot", "shot_still", "gaps", "n_init_2"),
    *("short4", "empty", "nothing"),
]
DEFECTIVE = ["n_init_1", "annotated", "annotated_single", "negative_depth"]


@pytest.fixture
def load(golden):
    def load(name):
        return json.loads((golden.data / f"trace_{name}.json").read_text())

    return load


@pytest.fixture
def tracker_for(rules):
    def make(config, *, quirks):
        return make_tracker(
            predict=config["predict"],
            distance_type=config["distance_type"],
            hungarian_th=config["hungarian_th"],
            n_init=config["n_init"],
            max_age_track=config["max_age_track"],
            track_history=config["track_history"],
            past_lookback=config["past_lookback"],
            alpha=config["alpha"],
            encoder=rules.stub_embeddings,
            reference_quirks=quirks,
        )

    return make


@pytest.fixture
def replay(person_at, tracker_for):
    """Run a trace's detections; yields (step, tracker, update) after each frame."""

    def run(trace, *, quirks):
        config, name = trace["config"], trace["name"]
        tracker = tracker_for(config, quirks=quirks)
        texture = "T" in config["predict"]
        annotation = ["given"] if name.startswith("annotated") else []
        for step in trace["steps"]:
            people = []
            for person, t in step["detections"]:
                lone = name == "annotated_single" and person == 3
                people.append(
                    person_at(
                        person,
                        40 if lone else t,
                        texture=texture,
                        frame_index=t,
                        annotation=annotation,
                    )
                )
            update = tracker.update(step["t"], people, is_shot_start=bool(step["shot"]))
            yield step, tracker, update

    return run


def seen(observation):
    return [observation.extra, observation.frame_index]


def entry(person):
    return person.track_id, person.missed, seen(person.observation)


def assert_step(step, tracker):
    found = tracker.association
    assert list(found.track_ids) == step["tracks_before"]
    if step["cost"] is None:
        assert found.cost is None
    else:
        # The genuine one squares float32 differences as a^2 + b^2 - 2ab.
        np.testing.assert_allclose(found.cost, step["cost"], atol=4e-3, rtol=1e-4)
        np.testing.assert_allclose(found.cost, step["cost"], rtol=3e-3)
    assert [list(m) for m in found.matches] == step["matches"]
    assert list(found.born) == step["new"]
    assert list(found.gone) == step["deleted"]
    assert [
        (t.id, t.state.value, t.missed, t.hits, t.age, seen(t.newest)) for t in tracker.tracks
    ] == [
        (t["id"], t["state"], t["time_since_update"], t["hits"], t["age"], t["last"])
        for t in step["tracks"]
    ]


def assert_records(records, stored):
    for record in records:
        people = stored[record["time"]]
        assert [p.track_id for p in people] == record["tid"]
        assert [p.missed for p in people] == record["tracked_time"]
        assert [seen(p.observation) for p in people] == record["source"]
        assert [p.track_id for p in people if p.missed == 0] == record["tracked_ids"]
        xyxy = np.array([p.observation.xyxy_px for p in people]).reshape(-1, 4)
        xywh = np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)
        np.testing.assert_allclose(xywh, np.reshape(record["bbox"], (-1, 4)), atol=1e-3)


class Stored:
    """The lists of people per frame, as ``track()`` would store them."""

    def __init__(self):
        self.frames = {}

    def add(self, t, update):
        self.frames[t] = list(update.people)
        for entry in update.back_fill:
            self.frames[entry.frame_index].append(entry.person)


class Expected:
    """Forecasts and textures that the genuine tracks held after each frame, if at hand."""

    def __init__(self, golden, name):
        file, self.row, self.arrays = f"trace_{name}.npz", 0, None
        path = golden.data / file if (golden.data / file).exists() else find_large(file)
        if path is not None:
            self.arrays = dict(np.load(path))

    def check(self, t, tracks):
        if self.arrays is None:
            return
        rows = slice(self.row, self.row + len(tracks))
        self.row += len(tracks)
        frames, ids, locations, uv_sums = (
            self.arrays[k][rows] for k in ("frame", "track", "pred_loca", "pred_uv_sums")
        )
        assert list(frames) == [t] * len(tracks)
        assert list(ids) == [track.id for track in tracks]
        for track, location, sums in zip(tracks, locations, uv_sums, strict=True):
            sample = track.samples[-1]
            np.testing.assert_allclose(sample.location, location, rtol=1e-6, atol=1e-6)
            if sample.uv is not None:
                found = [sample.uv[:3].sum(dtype=float), sample.uv[3].sum(dtype=float)]
                np.testing.assert_allclose(found, sums, rtol=1e-5, atol=1e-2)

    def check_end(self):
        assert self.arrays is None or self.row == len(self.arrays["frame"])


@pytest.mark.parametrize(
    ("name", "quirks"),
    [(n, True) for n in ORDINARY + DEFECTIVE] + [(n, False) for n in ORDINARY],
)
def test_it_repeats_the_genuine_run(name, quirks, golden, load, replay):
    trace = load(name)
    stored, expected = Stored(), Expected(golden, name)
    for step, tracker, update in replay(trace, quirks=quirks):
        assert_step(step, tracker)
        expected.check(step["t"], tracker.tracks)
        stored.add(step["t"], update)
    expected.check_end()
    assert len(stored.frames) == len(trace["steps"])
    assert_records(trace["records"], stored.frames)


def test_annotated_people_are_stored_once_and_only_where_seen(load, replay):
    trace = load("annotated")
    for step, tracker, update in replay(trace, quirks=False):
        assert_step(step, tracker)
        assert update.back_fill == ()
        genuine = trace["records"][step["t"]]
        from_tracker = len(step["tracks"])
        assert [entry(p) for p in update.people] == list(
            zip(
                genuine["tid"][:from_tracker],
                genuine["tracked_time"][:from_tracker],
                genuine["source"][:from_tracker],
                strict=True,
            )
        )
        if step["t"] == 35:
            assert entry(update.people[-1]) == (4, 1, [3, 34])


def test_a_person_seen_once_takes_nobody_elses_place(load, replay):
    lone = {}
    for step, _, update in replay(load("annotated_single"), quirks=False):
        people = {p.track_id: entry(p)[1:] for p in update.people}
        assert update.back_fill == ()
        assert people[1] == (0, [0, step["t"]])
        assert people[2] == (max(0, step["t"] - 24), [2, min(step["t"], 24)])
        if 3 in people:
            lone[step["t"]] = people[3]
    # Kept for max_age = 12 frames after the one where he was seen.
    assert lone == {t: (t - 10, [3, 10]) for t in range(10, 23)}


def test_one_detection_confirms_if_one_is_asked_for(load, replay):
    trace = load("n_init_1")
    for step, tracker, update in replay(trace, quirks=False):
        assert [list(m) for m in tracker.association.matches] == step["matches"]
        assert list(tracker.association.born) == step["new"]
        assert update.back_fill == ()
        genuine = trace["records"][step["t"]]
        assert [p.track_id for p in update.people] == genuine["tid"] + step["new"]
        assert [p.missed for p in update.people] == genuine["tracked_time"] + [0] * len(step["new"])


def behind_the_camera(observation):
    location = observation.location_vector.copy()
    location[[92, 95, 98]] = -5
    return location


def test_a_depth_behind_the_camera_stops_the_genuine_tracker(load, replay, person_at):
    *_, (_, tracker, _) = replay(load("negative_depth"), quirks=True)
    people = [person_at(p, 40) for p in (1, 3, 0)]
    people[0] = person_at(1, 40, location=behind_the_camera(people[0]))
    with pytest.raises(StageError, match="not positive"):
        tracker.update(40, people, is_shot_start=False)


@pytest.mark.parametrize("depth", [-5.0, 0.0, np.nan])
def test_a_bad_depth_costs_one_frame_of_one_person(depth, load, replay, person_at):
    trace = load("negative_depth")
    for step, tracker, _ in replay(trace, quirks=False):
        assert_step(step, tracker)
    location = person_at(1, 40).location_vector.copy()
    location[[92, 95, 98]] = depth
    people = [person_at(1, 40, location=location), person_at(3, 40), person_at(0, 40)]
    update = tracker.update(40, people, is_shot_start=False)
    assert [entry(p) for p in update.people] == [
        (1, 0, [0, 40]),
        (2, 1, [1, 39]),
        (5, 0, [3, 40]),
    ]
    update = tracker.update(41, [person_at(p, 41) for p in (3, 0, 1)], is_shot_start=False)
    assert [entry(p) for p in update.people] == [
        (1, 0, [0, 41]),
        (2, 0, [1, 41]),
        (5, 0, [3, 41]),
    ]
    assert len(tracker.tracks) == 3
