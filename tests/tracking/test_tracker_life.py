"""The life of tracks: births, confirmation, back-fill, gaps, ends, and surviving a restart."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tracker_making import make_tracker

from humantrack.errors import ConfigError
from humantrack.types.stages import Tracker


def at(x, depth=20.0):
    location = np.zeros(99, np.float32)
    location[:90] = np.tile([x, 0.5], 45)
    location[90:] = np.tile([0, 0, depth], 3)
    return location


@pytest.fixture
def one(observe):
    """One person standing at x."""

    def one(t, x=0.5, **fields):
        return observe(t, location=at(x), **fields)

    return one


def make(**options):
    return make_tracker(**({"predict": "APL", "n_init": 3, "max_age_track": 4} | options))


def step(tracker, t, *observations, shot=False):
    return tracker.update(t, observations, is_shot_start=shot)


def said(update):
    people = [(p.track_id, p.missed, p.observation.frame_index) for p in update.people]
    filled = [(b.frame_index, b.person.track_id, b.person.missed) for b in update.back_fill]
    return people, filled


def test_it_is_a_tracker():
    assert isinstance(make(), Tracker)


def test_confirmation_fills_in_the_frames_before_once(one):
    tracker = make()
    assert said(step(tracker, 7, one(7))) == ([], [])
    assert said(step(tracker, 8, one(8))) == ([], [])
    update = step(tracker, 9, one(9))
    assert said(update) == ([(1, 0, 9)], [(7, 1, 0), (8, 1, 0)])
    assert [b.person.observation.frame_index for b in update.back_fill] == [7, 8]
    assert said(step(tracker, 10, one(10))) == ([(1, 0, 10)], [])


def test_what_is_handed_back_is_what_was_handed_in(one):
    tracker, observation = make(n_init=1), one(0)
    assert step(tracker, 0, observation).people[0].observation is observation


def test_more_detections_asked_for_than_there_are_frames(one):
    tracker = make(n_init=50)
    for t in range(20):
        assert said(step(tracker, t, one(t))) == ([], [])
    assert tracker.tracks[0].hits == 20


def test_the_back_fill_may_be_longer_than_the_history(one):
    tracker = make(n_init=12, track_history=3)
    updates = [step(tracker, t, one(t)) for t in range(12)]
    assert [b.frame_index for b in updates[-1].back_fill] == list(range(11))
    assert tracker.tracks[0].recent
    step(tracker, 12, one(12))
    assert tracker.tracks[0].recent == []


def test_a_tentative_track_ends_with_its_first_miss(one):
    tracker = make()
    step(tracker, 0, one(0))
    step(tracker, 1)
    assert tracker.association.gone == (1,)
    step(tracker, 2, one(2))
    assert [t.id for t in tracker.tracks] == [2]


def test_a_confirmed_track_is_reported_for_max_age_frames_after_its_last_detection(one):
    tracker = make(max_age_track=4)
    for t in range(3):
        step(tracker, t, one(t))
    reported = [said(step(tracker, t))[0] for t in range(3, 9)]
    assert reported == [[(1, k, 2)] for k in (1, 2, 3, 4)] + [[], []]


@pytest.mark.parametrize("seen", [1, 2, 5])
def test_a_person_is_found_again_after_a_gap(seen, one):
    tracker = make(n_init=1, max_age_track=10)
    for t in range(seen):
        step(tracker, t, one(t))
    for t in range(seen, seen + 5):
        step(tracker, t)
    assert said(step(tracker, seen + 5, one(seen + 5)))[0] == [(1, 0, seen + 5)]


@pytest.mark.parametrize(
    ("annotation", "at_once"),
    [(None, False), ([], False), ((), False), (["walks"], True), ({"name": 1}, True), (3, True)],
)
def test_an_annotated_detection_is_confirmed_at_birth(annotation, at_once, one):
    update = step(make(n_init=3), 0, one(0, annotation=annotation))
    assert len(update.people) == int(at_once)


def test_annotated_people_need_no_back_fill(one):
    tracker = make(n_init=3)
    updates = [step(tracker, t, one(t, annotation=["given"])) for t in range(6)]
    assert [said(u) for u in updates] == [([(1, 0, t)], []) for t in range(6)]


def test_an_annotation_that_comes_later_confirms_then_and_is_filled_back(one):
    tracker = make(n_init=5)
    updates = [step(tracker, t, one(t, annotation=["given"] if t == 2 else None)) for t in range(6)]
    assert [said(u)[0] for u in updates] == [[], [], *([(1, 0, t)] for t in range(2, 6))]
    assert [[b.frame_index for b in u.back_fill] for u in updates] == [[], [], [0, 1], [], [], []]


def test_given_identities_are_carried_along_and_decide_nothing(one):
    plain, given_ids = make(), make()
    for t in range(6):
        a = step(plain, t, one(t, 0.2), one(t, 0.8))
        b = step(given_ids, t, one(t, 0.2, gt_id=70 + t), one(t, 0.8, gt_id=3))
        assert said(a) == said(b)
    assert [p.observation.gt_id for p in b.people] == [75, 3]


def test_a_cut_voids_the_old_motion(one):
    tracker = make(n_init=1)
    for t in range(6):
        step(tracker, t, one(t, 0.3 + 0.02 * t))
    step(tracker, 6, one(6, 0.45), shot=True)
    track = tracker.tracks[0]
    assert track.hits == 7
    assert all(s.location is track.newest.location_vector for s in track.history)
    assert track.samples[-1].location[88] == pytest.approx(0.45)


def test_reset_starts_a_new_run(one):
    tracker = make(n_init=1)
    first = [said(step(tracker, t, one(t), one(t, 0.9))) for t in range(4)]
    tracker.reset()
    assert tracker.tracks == ()
    assert [said(step(tracker, t, one(t), one(t, 0.9))) for t in range(4)] == first
    assert said(step(make(n_init=1), 0, one(0)))[0] == [(1, 0, 0)]


def test_the_pose_forecaster_is_asked_for_all_tracks_at_once(one):
    class Turning:
        def __init__(self):
            self.calls = []

        def forecast(self, poses, times, missed):
            self.calls.append((poses.shape, times.tolist(), missed.tolist()))
            return poses[:, -1] + 1

    forecaster = Turning()
    tracker = make(n_init=1, pose_forecaster=forecaster)
    step(tracker, 0, one(0, 0.2), one(0, 0.8))
    step(tracker, 1, one(1, 0.8))
    step(tracker, 2)
    assert forecaster.calls == [
        ((2, 7, 229), [[0] * 7, [0] * 6 + [1]], [1, 0]),
        ((2, 7, 229), [[0] * 7, [0] * 6 + [1]], [2, 1]),
    ]
    assert_array_equal(tracker.tracks[0].samples[-1].pose, np.ones(229))
    still = make(n_init=1, predict="AL", pose_forecaster=forecaster)
    step(still, 0, one(0))
    step(still, 1, one(1))
    assert_array_equal(still.tracks[0].samples[-1].pose, np.zeros(229))


def test_without_l_the_newest_location_is_compared(one):
    tracker = make(n_init=1, predict="AP")
    for t in range(5):
        step(tracker, t, one(t, 0.3 + 0.01 * t))
    assert_array_equal(tracker.tracks[0].samples[-1].location, at(0.34))


def test_looking_back_finds_a_pose_of_before(observe):
    def posed(t, value):
        pose = np.full(229, value, np.float32)
        return observe(t, location=at(0.5), pose=pose)

    for lookback, hits in ((1, 3), (3, 4)):
        tracker = make(
            n_init=1, predict="P", distance_type="P0", hungarian_th=1.0, past_lookback=lookback
        )
        for t, value in enumerate((0.0, 0.05, 0.1, 0.02)):
            step(tracker, t, posed(t, value))
        assert tracker.tracks[0].hits == hits
        assert len(tracker.tracks[0].samples) == lookback


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"predict": "XPL"}, "X.*T, A, P, L"),
        ({"predict": "TPL"}, "encoder"),
        ({"distance_type": "EQ_000"}, "EQ_000.*EQ_019"),
        ({"pose_distance": "mesh"}, "smpl"),
        ({"kind": "smell"}, "phalp, colour"),
        ({"n_init": 0}, "n_init"),
        ({"max_age_track": -1}, "max_age"),
        ({"track_history": 2}, "track_history"),
        ({"past_lookback": 0}, "past_lookback"),
        ({"hungarian_th": float("nan")}, "threshold"),
    ],
)
def test_arguments_out_of_range_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        make(**options)


# A restart in the middle


def leaves(item):
    if isinstance(item, dict):
        for key, value in item.items():
            assert isinstance(key, str)
            yield from leaves(value)
    elif isinstance(item, (list, tuple)):
        for value in item:
            yield from leaves(value)
    else:
        yield item


@pytest.mark.parametrize("options", [{}, {"reference_quirks": True}, {"kind": "colour"}])
@pytest.mark.parametrize("texture", [False, True])
def test_a_restored_tracker_continues_as_if_nothing_had_happened(
    options, texture, person_at, rules
):
    def new():
        predict = "TPL" if texture else "APL"
        encoder = rules.stub_embeddings if texture else None
        return make_tracker(predict=predict, encoder=encoder, past_lookback=2, **options)

    def run(tracker, frames):
        for t in frames:
            people = [person_at(p, t, texture=texture) for p in (0, 1, 3) if p < 3 or t != 35]
            yield said(tracker.update(t, people, is_shot_start=t == 36))

    whole = list(run(new(), range(30, 42)))
    first = new()
    list(run(first, range(30, 34)))
    state = first.state_dict()
    plain = (str, int, float, bool, type(None), np.ndarray, np.generic)
    assert all(isinstance(leaf, plain) for leaf in leaves(state))
    second = new()
    second.load_state_dict(pickle.loads(pickle.dumps(state)))
    assert list(run(second, range(34, 42))) == whole[4:]
    assert list(run(first, range(34, 42))) == whole[4:]


def test_a_state_of_another_version_is_refused():
    with pytest.raises(ConfigError, match="version"):
        make().load_state_dict({"version": 99})


# Any input

NAN_AT = {
    "x": ("location", 88),
    "y": ("location", 89),
    "depth": ("location", 92),
    "pose": ("pose", 5),
    "code": ("code", 17),
}
person = st.tuples(
    st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]),
    st.sampled_from([None, *NAN_AT]),
    st.sampled_from([0.95, 0.3, float("nan")]),
)
frames = st.lists(st.tuples(st.lists(person, max_size=4), st.booleans()), max_size=12)


def broken(observe, t, x, field, score):
    """A person with a NaN in one place, or None."""
    vectors = {
        "location": at(x),
        "pose": np.zeros(229, np.float32),
        "code": np.zeros(4096, np.float32),
    }
    if field is not None:
        name, index = NAN_AT[field]
        vectors[name][index] = np.nan
    return observe(t, score=score, **vectors)


@settings(max_examples=60, deadline=None)
@given(
    frames,
    st.sampled_from(["phalp", "colour"]),
    st.sampled_from(["EQ_019", "EQ_010"]),
    st.integers(1, 4),
)
def test_nothing_makes_it_fail_and_broken_numbers_never_match(
    observe, video, appearance, distance_type, n_init
):
    tracker = make(n_init=n_init, kind=appearance, distance_type=distance_type, low_th_c=0.2)
    known = set()
    for t, (people, shot) in enumerate(video):
        observations = [broken(observe, t, x, field, score) for x, field, score in people]
        update = step(tracker, t, *observations, shot=shot)
        matched = {column for _, column in tracker.association.matches}
        assert not matched & {i for i, (_, field, _) in enumerate(people) if field}
        born = tracker.association.born
        assert list(born) == sorted(born)
        assert not set(born) & known
        assert all(i > max(known, default=0) for i in born)
        known |= set(born)
        ids = [p.track_id for p in update.people]
        assert len(ids) == len(set(ids))
        assert set(ids) <= known
        assert all(b.frame_index < t for b in update.back_fill)


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(range(4)), t=st.integers(46, 49))
def test_the_order_of_detections_does_not_matter(order, t, person_at):
    def run(order):
        tracker = make(n_init=2)
        for i in range(45, t):
            step(tracker, i, *(person_at(p, i) for p in range(4)))
        step(tracker, t, *(person_at(p, t) for p in order))
        return {i: order[column] for i, column in tracker.association.matches}

    assert run(order) == run(list(range(4)))
