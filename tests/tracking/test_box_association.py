"""Association by boxes, motion and colours: crowds, weak boxes, duplicates, people lost."""

from __future__ import annotations

import pickle

import motmetrics
import numpy as np
import pytest
from numpy.testing import assert_allclose

from humantrack.errors import ConfigError
from humantrack.geometry.boxes import iou
from humantrack.tracking import AppearanceOptions, AssociationOptions, LifeOptions, PhalpTracker
from humantrack.tracking.box_motion import BoxMotion

FRAMES, WALKERS = 200, 14


def make(kind="boxes", appearance="colour"):
    return PhalpTracker(
        AssociationOptions(method=kind, predict="APL"),
        LifeOptions(low_th_c=0.4),
        AppearanceOptions(kind=appearance),
    )


def colours(seed):
    """A signature of a few colours."""
    shares = np.random.default_rng(seed).dirichlet(np.full(192, 0.05))
    return np.concatenate([np.sqrt(shares), np.zeros(4096 - 192)]).astype(np.float32)


def noisy(code, rng, amount=0.03):
    seen = code.copy()
    seen[:192] = np.abs(seen[:192] + rng.normal(0, amount, 192))
    seen[:192] /= np.linalg.norm(seen[:192])
    return seen


@pytest.fixture
def person(observe):
    """(frame, centre x, centre y, height) -> an observation with a location to match."""

    def at(frame, x, y, height=160.0, *, score=0.9, code=None):
        location = np.zeros(99, np.float32)
        location[:90] = np.tile([x / 1280, y / 1280], 45)
        depth = 2000.0 / height
        location[90:] = np.tile([(x - 640) / 640, (y - 360) / 640, depth], 3)
        width = 0.4 * height
        box = (x - width / 2, y - height / 2, width, height)
        code = colours(0) if code is None else code
        return observe(frame, xywh=box, score=score, code=code, location=location)

    return at


def walkers(seed):
    """(F,W,4) boxes of people who walk up and down, and across each other."""
    rng = np.random.default_rng(seed)
    start = rng.uniform([0, 250], [1280, 470], (WALKERS, 2))
    speed = rng.uniform([2, -0.4], [5, 0.4], (WALKERS, 2)) * rng.choice([-1, 1], (WALKERS, 1))
    path = start + np.arange(FRAMES)[:, None, None] * speed
    path[..., 0] = np.abs((path[..., 0] - 60) % 2320 - 1160) + 60
    height = 120 + 0.35 * (path[..., 1] - 250)
    size = np.stack([0.4 * height, height], axis=-1)
    return np.concatenate([path - size / 2, path + size / 2], axis=-1)


def hidden(boxes):
    """(W,) share of each box behind the boxes of people who stand lower in the picture."""
    wide = np.minimum(boxes[:, None, 2:], boxes[:, 2:]) - np.maximum(
        boxes[:, None, :2], boxes[:, :2]
    )
    inter = np.prod(np.clip(wide, 0, None), axis=2)
    in_front = boxes[:, 3] > boxes[:, None, 3]
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return (inter * in_front).max(axis=1) / area


def crowd(seed, person):
    """Per frame: the true boxes, which of them are detected, and the observations."""
    rng = np.random.default_rng(1000 + seed)
    codes = [colours(100 * seed + k) for k in range(WALKERS)]
    for frame, boxes in enumerate(walkers(seed)):
        behind, found, detected = hidden(boxes), [], np.zeros(WALKERS, bool)
        for k in rng.permutation(WALKERS):
            if rng.random() < 0.2 or behind[k] > 0.85:
                continue
            detected[k] = True
            centre = (boxes[k, :2] + boxes[k, 2:]) / 2
            height = boxes[k, 3] - boxes[k, 1]
            x, y = centre + rng.normal(0, 0.03 * height, 2)
            height *= np.exp(rng.normal(0, 0.04))
            score = 0.3 if behind[k] > 0.4 else rng.uniform(0.5, 0.95)
            code = noisy(codes[k], rng)
            found.append(person(frame, x, y, height, score=score, code=code))
        yield boxes, detected, found


def follow(tracker, seed, person):
    """Number of identities, and IDF1 of the people detected."""
    rows, truth = {}, []
    for frame, (boxes, detected, found) in enumerate(crowd(seed, person)):
        update = tracker.update(frame, found, is_shot_start=frame == 0)
        truth.append((boxes, detected))
        rows[frame] = [(p.track_id, p.observation) for p in update.people if not p.missed]
        for filled in update.back_fill:
            rows[filled.frame_index].append((filled.person.track_id, filled.person.observation))
    events = motmetrics.MOTAccumulator()
    for frame, (boxes, detected) in enumerate(truth):
        there = np.flatnonzero(detected)
        seen = np.array([o.xyxy_px for _, o in rows[frame]]).reshape(-1, 4)
        overlap = iou(boxes[there], seen)
        distance = np.where(overlap > 0.4, 1 - overlap, np.nan)
        events.update(there.tolist(), [i for i, _ in rows[frame]], distance, frameid=frame)
    table = motmetrics.metrics.create().compute(events, metrics=["idf1"])
    ids = {i for people in rows.values() for i, _ in people}
    return len(ids), float(table["idf1"].iloc[0])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_fourteen_people_who_cross_keep_their_identities(seed, person):
    ids, idf1 = follow(make(), seed, person)
    assert WALKERS - 2 <= ids <= 16
    assert idf1 >= 0.9


def test_a_weak_box_keeps_a_track_and_starts_none(person):
    tracker = make()
    for t in range(10):
        found = [person(t, 300 + 4 * t, 300)]
        tracker.update(t, found, is_shot_start=t == 0)
    weak = [person(10, 340, 300, score=0.25), person(10, 900, 300, score=0.25)]
    update = tracker.update(10, weak, is_shot_start=False)
    assert [(p.track_id, p.missed) for p in update.people] == [(1, 0)]
    assert len(tracker.tracks) == 1


@pytest.mark.parametrize("second_first", [True, False])
def test_a_second_box_on_one_body_starts_no_track(person, second_first):
    tracker = make()
    for t in range(10):
        both = [person(t, 300 + 4 * t, 300), person(t, 304 + 4 * t, 302, score=0.6)]
        tracker.update(t, both[::-1] if second_first else both, is_shot_start=t == 0)
    assert [t.id for t in tracker.tracks] == [1]
    assert tracker.tracks[0].newest.score == pytest.approx(0.9)


def test_somebody_behind_another_is_found_again_by_his_colours(person):
    """He walks on, unseen for a second, while somebody else appears nearer to his last place."""
    tracker, code, other = make(), colours(1), colours(2)
    for t in range(20):
        tracker.update(t, [person(t, 200 + 5 * t, 300, code=code)], is_shot_start=t == 0)
    for t in range(20, 40):
        tracker.update(t, [person(t, 320, 300, code=other)], is_shot_start=False)
    found = [person(40, 320, 300, code=other), person(40, 400, 300, code=code)]
    update = tracker.update(40, found, is_shot_start=False)
    at = {p.track_id: p.observation.xyxy_px[0] for p in update.people if not p.missed}
    assert len(at) == 2
    assert at[1] == pytest.approx(400 - 32)


def test_who_passes_behind_another_and_shows_his_colours_keeps_his_id(person):
    tracker, front, behind = make(), colours(1), colours(2)
    mixed = 0
    for t in range(60):
        x = 300 + 4 * t
        found = [person(t, 420, 300, 180, code=front), person(t, x, 290, 160, code=behind)]
        if iou(found[0].xyxy_px[None], found[1].xyxy_px[None])[0, 0] > 0.3:
            found[1] = person(t, x, 290, 160, code=front)
            mixed += 1
        update = tracker.update(t, found, is_shot_start=t == 0)
        if t > 10:
            there = [p for p in update.people if not p.missed]
            at = {p.track_id: float(p.observation.xyxy_px[0]) for p in there}
            assert at == pytest.approx({1: 420 - 36, 2: x - 32})
    assert mixed > 10


def test_after_a_cut_people_are_known_by_their_colours_alone(person):
    tracker, code, other = make(), colours(1), colours(2)
    for t in range(10):
        found = [person(t, 200, 300, code=code), person(t, 800, 300, code=other)]
        tracker.update(t, found, is_shot_start=t == 0)
    found = [person(10, 200, 300, code=other), person(10, 700, 300, code=code)]
    update = tracker.update(10, found, is_shot_start=True)
    at = {p.track_id: float(p.observation.xyxy_px[0]) for p in update.people}
    assert at == pytest.approx({1: 700 - 32, 2: 200 - 32})


def test_broken_boxes_and_colours_match_nobody_and_fail_nothing(person):
    tracker = make()
    for t in range(8):
        tracker.update(t, [person(t, 300, 300)], is_shot_start=t == 0)
    broken, code = person(8, 300, 300), colours(0)
    broken.xyxy_px[:] = np.nan
    code[0] = np.nan
    found = [broken, person(8, 300, 300, code=code)]
    update = tracker.update(8, found, is_shot_start=False)
    assert [(p.track_id, p.missed) for p in update.people] == [(1, 1)]


def test_a_restored_tracker_goes_on_alike(person):
    frames = [found for _, _, found in crowd(3, person)][:80]
    whole, first = make(), make()
    for t in range(40):
        whole.update(t, frames[t], is_shot_start=t == 0)
        first.update(t, frames[t], is_shot_start=t == 0)
    second = make()
    second.load_state_dict(pickle.loads(pickle.dumps(first.state_dict())))
    for t in range(40, 80):
        a = whole.update(t, frames[t], is_shot_start=False)
        b = second.update(t, frames[t], is_shot_start=False)
        assert [(p.track_id, p.missed) for p in a.people] == [
            (p.track_id, p.missed) for p in b.people
        ]
    for a, b in zip(whole.tracks, second.tracks, strict=True):
        assert np.array_equal(a.motion.mean, b.motion.mean)


def test_a_box_is_expected_where_its_motion_leads():
    motion = BoxMotion.first(np.array([0.0, 0, 40, 100]))
    for t in range(1, 30):
        motion = motion.ahead(is_seen=True).seen(np.array([3.0 * t, t, 3.0 * t + 40, t + 100]))
    assert_allclose(motion.ahead(is_seen=True).xyxy, [90, 30, 130, 130], atol=0.5)
    spreads = []
    for _ in range(5):
        motion = motion.ahead(is_seen=False)
        spreads.append(motion.spread)
    assert spreads == sorted(spreads)


def test_boxes_need_colours():
    with pytest.raises(ConfigError, match="needs colour signatures"):
        make(appearance="phalp")
