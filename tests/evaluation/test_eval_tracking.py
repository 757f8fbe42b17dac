"""Tracking measures equal those of the libraries called directly, and cases known by hand."""

from __future__ import annotations

import motmetrics
import numpy as np
import pytest
import trackeval
from hypothesis import given, settings
from hypothesis import strategies as st

from humantrack.evaluation.measures.tracking import (
    HOTA_NAMES,
    Overlaps,
    by_motmetrics,
    by_trackeval,
    hota,
)

FEW = settings(max_examples=15)


def random_video(rng: np.random.Generator) -> Overlaps:
    """Ids that may be any numbers, frames in which nobody is, IoU that is often 0."""
    names, tracks = rng.choice(90, 4, replace=False), rng.choice(90, 5, replace=False)
    true_ids, ids, iou = [], [], []
    for _ in range(rng.integers(1, 12)):
        a = rng.permutation(names)[: rng.integers(0, 5)]
        b = rng.permutation(tracks)[: rng.integers(0, 6)]
        overlap = rng.uniform(0, 1, (len(a), len(b))) * (rng.uniform(size=(len(a), len(b))) < 0.6)
        true_ids.append(a)
        ids.append(b)
        iou.append(overlap)
    return Overlaps(true_ids, ids, iou)


def dense(video: Overlaps) -> dict:
    """What TrackEval takes, made step by step."""
    a = sorted({int(i) for ids in video.true_ids for i in ids})
    b = sorted({int(i) for ids in video.ids for i in ids})
    return {
        "num_timesteps": len(video.iou),
        "num_gt_ids": len(a),
        "num_tracker_ids": len(b),
        "num_gt_dets": sum(len(x) for x in video.true_ids),
        "num_tracker_dets": sum(len(x) for x in video.ids),
        "gt_ids": [np.array([a.index(i) for i in ids], int) for ids in video.true_ids],
        "tracker_ids": [np.array([b.index(i) for i in ids], int) for ids in video.ids],
        "similarity_scores": list(video.iou),
    }


@FEW
@given(st.integers(0, 2**31))
def test_hota_clear_and_identity_are_trackevals(seed):
    rng = np.random.default_rng(seed)
    videos = {name: random_video(rng) for name in ("one", "two", "three")}
    ours = by_trackeval(videos)
    metric = trackeval.metrics.HOTA()
    each = {name: metric.eval_sequence(dense(video)) for name, video in videos.items()}
    whole = metric.combine_sequences(each)
    for name in HOTA_NAMES:
        assert ours.overall[name] == pytest.approx(np.mean(whole[name]), abs=1e-9)
        assert ours.videos["two"][name] == pytest.approx(np.mean(each["two"][name]), abs=1e-9)
    np.testing.assert_allclose(ours.alphas[""], whole["HOTA"], atol=1e-9)
    mean = hota(videos, mean_of_videos=True)
    expected = np.mean([np.mean(of["HOTA"]) for of in each.values()])
    assert mean.overall["HOTA"] == pytest.approx(expected, abs=1e-9)
    quiet = {"PRINT_CONFIG": False, "THRESHOLD": 0.5}
    for metric, names in (
        (trackeval.metrics.CLEAR(dict(quiet)), {"MOTA": "MOTA", "IDs": "IDSW", "Frag": "Frag"}),
        (trackeval.metrics.Identity(dict(quiet)), {"IDF1": "IDF1", "IDP": "IDP"}),
    ):
        each = {name: metric.eval_sequence(dense(video)) for name, video in videos.items()}
        whole = metric.combine_sequences(each)
        for our, their in names.items():
            assert ours.overall[our] == pytest.approx(whole[their], abs=1e-9)
            assert ours.videos["one"][our] == pytest.approx(each["one"][their], abs=1e-9)


@pytest.mark.filterwarnings("ignore")  # of pandas, from within motmetrics
@FEW
@given(st.integers(0, 2**31), st.sampled_from([0.99, 0.6, 0.5]))
def test_clear_and_identity_are_motmetrics(seed, most):
    rng = np.random.default_rng(seed)
    videos = {name: random_video(rng) for name in ("one", "two")}
    ours = by_motmetrics(videos, most)
    events = []
    for video in videos.values():
        events.append(motmetrics.MOTAccumulator(auto_id=True))
        for a, b, iou in zip(video.true_ids, video.ids, video.iou, strict=True):
            events[-1].update(list(a), list(b), np.where(1 - iou > most, np.nan, 1 - iou))
    table = motmetrics.metrics.create().compute_many(
        events,
        names=["one", "two"],
        metrics=["mota", "idf1", "num_switches"],
        generate_overall=True,
    )
    for row, values in (
        (table.loc["OVERALL"], ours.overall),
        (table.loc["one"], ours.videos["one"]),
    ):
        for our, their in (("MOTA", "mota"), ("IDF1", "idf1"), ("IDs", "num_switches")):
            assert values[our] == pytest.approx(row[their], abs=1e-9, nan_ok=True)


def video(true_ids, ids, iou) -> Overlaps:
    return Overlaps([np.array(i, int) for i in true_ids], [np.array(i, int) for i in ids], iou)


ONE, TWO = [1], [1, 2]
EYE = np.eye(2)


def test_the_truth_itself_is_perfect():
    same = {"a": video([TWO] * 10, [TWO] * 10, [EYE] * 10)}
    for scores in (by_trackeval(same), by_motmetrics(same, 0.5) | hota(same)):
        values = scores.overall
        assert [values[n] for n in ("HOTA", "DetA", "AssA", "MOTA", "IDF1")] == [1] * 5
        assert [values[n] for n in ("FP", "FN", "IDs", "Frag")] == [0] * 4


def test_one_swap():
    """Two people over ten frames exchange their ids in the midst."""
    swapped = {"a": video([TWO] * 10, [TWO] * 5 + [TWO[::-1]] * 5, [EYE] * 10)}
    for values in (by_trackeval(swapped).overall, by_motmetrics(swapped, 0.5).overall):
        assert values["IDs"] == 2
        assert values["MOTA"] == pytest.approx(1 - 2 / 20)
        assert values["IDF1"] == pytest.approx(10 / 20)
    values = hota(swapped).overall
    assert values["DetA"] == 1
    assert values["AssA"] == pytest.approx(5 / 15)  # 5 in common of 10 + 10 - 5
    assert values["HOTA"] == pytest.approx(np.sqrt(1 / 3))


def test_one_miss():
    """One of two people is not seen in one of ten frames."""
    ids = [TWO] * 4 + [ONE] + [TWO] * 5
    missed = {"a": video([TWO] * 10, ids, [EYE[:, : len(i)] for i in ids])}
    for values in (by_trackeval(missed).overall, by_motmetrics(missed, 0.5).overall):
        assert (values["FN"], values["FP"], values["IDs"], values["Frag"]) == (1, 0, 0, 1)
        assert values["MOTA"] == pytest.approx(19 / 20)
        assert values["Recall"] == pytest.approx(19 / 20)
        assert values["IDF1"] == pytest.approx(2 * 19 / 39)
    values = hota(missed).overall
    assert values["DetA"] == pytest.approx(19 / 20)
    assert values["AssA"] == pytest.approx((10 * 1 + 9 * 0.9) / 19)


def test_one_false_box():
    """A third box in one of ten frames."""
    ids = [TWO] * 9 + [[1, 2, 3]]
    iou = [EYE] * 9 + [np.eye(2, 3)]
    false = {"a": video([TWO] * 10, ids, iou)}
    for values in (by_trackeval(false).overall, by_motmetrics(false, 0.5).overall):
        assert (values["FN"], values["FP"], values["IDs"]) == (0, 1, 0)
        assert values["MOTA"] == pytest.approx(19 / 20)
        assert values["Precision"] == pytest.approx(20 / 21)
        assert values["IDF1"] == pytest.approx(2 * 20 / 41)
    values = hota(false).overall
    assert (values["DetA"], values["AssA"]) == (pytest.approx(20 / 21), 1)


def test_a_box_that_is_a_little_off_is_a_hit_up_to_its_overlap():
    off = {"a": video([ONE] * 4, [ONE] * 4, [np.array([[0.72]])] * 4)}
    scores = hota(off)
    np.testing.assert_array_equal(scores.alphas["a"], [1.0] * 14 + [0.0] * 5)  # .05 to .70
    assert scores.overall["HOTA"] == pytest.approx(14 / 19)


def test_the_mean_over_videos_is_not_that_over_boxes():
    videos = {
        "long": video([ONE] * 90, [ONE] * 90, [np.ones((1, 1))] * 90),
        "lost": video([ONE] * 10, [[]] * 10, [np.ones((1, 0))] * 10),
    }
    assert hota(videos, mean_of_videos=True).overall["HOTA"] == pytest.approx(0.5)
    assert hota(videos).overall["HOTA"] == pytest.approx(np.sqrt(0.9))
    assert by_motmetrics(videos, 0.5).overall["MOTA"] == pytest.approx(0.9)
