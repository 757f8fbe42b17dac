"""Measures of tracking, worked out by TrackEval and motmetrics; only data is passed on here."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from humantrack.errors import DependencyError
from humantrack.types.arrays import FloatArray, IntArray

Values = dict[str, float]

HOTA_NAMES = ("HOTA", "DetA", "AssA", "DetRe", "DetPr", "AssRe", "AssPr", "LocA")
ALPHAS = np.arange(0.05, 0.99, 0.05)
"""(19,) IoU above which a box is a hit, over which HOTA is the mean."""

_MOTMETRICS = {
    "mota": "MOTA",
    "motp": "MOTP",
    "idf1": "IDF1",
    "idp": "IDP",
    "idr": "IDR",
    "recall": "Recall",
    "precision": "Precision",
    "num_false_positives": "FP",
    "num_misses": "FN",
    "num_switches": "IDs",
    "num_fragmentations": "Frag",
    "num_objects": "Boxes",
}
"""motmetrics' names and ours."""

_TRACKEVAL = {
    "MOTA": "MOTA",
    "MOTP": "MOTP",
    "CLR_Re": "Recall",
    "CLR_Pr": "Precision",
    "CLR_FP": "FP",
    "CLR_FN": "FN",
    "IDSW": "IDs",
    "Frag": "Frag",
    "IDF1": "IDF1",
    "IDP": "IDP",
    "IDR": "IDR",
}
"""TrackEval's names of CLEAR and Identity, and ours."""

_NEEDS = 'install it: pip install "humantrack[eval]"'


@dataclass(frozen=True, slots=True)
class Overlaps:
    """Who is where in the frames of one video, and how much boxes overlap."""

    true_ids: Sequence[IntArray]
    """T arrays (n,), unique within a frame."""

    ids: Sequence[IntArray]
    """T arrays (m,) of the tracks found, unique within a frame."""

    iou: Sequence[FloatArray]
    """T arrays (n,m), 0..1."""


@dataclass(frozen=True, slots=True)
class TrackingScores:
    """What came out, with shares as 0..1."""

    overall: Values
    videos: Mapping[str, Values]
    alphas: Mapping[str, FloatArray] = field(default_factory=dict)
    """Video -> (19,) HOTA over ``ALPHAS``; "" is all of them."""

    def __or__(self, other: TrackingScores) -> TrackingScores:
        """Both, where ``other`` has the last word."""
        videos = {name: {**of, **other.videos[name]} for name, of in self.videos.items()}
        alphas = {**self.alphas, **other.alphas}
        return TrackingScores({**self.overall, **other.overall}, videos, alphas)


def by_motmetrics(videos: Mapping[str, Overlaps], most_distance: float) -> TrackingScores:
    """CLEAR and identity measures (MOTA, IDF1, switches, ...) of motmetrics.

    Args:
        videos: by name, at least one.
        most_distance: pairs whose 1 - IoU is more cannot match.

    Returns:
        Values of each video and motmetrics' OVERALL: counts of all videos pooled.

    Raises:
        DependencyError: if motmetrics is not installed.

    Source:
        Bernardin and Stiefelhagen, "Evaluating multiple object tracking performance: the CLEAR
        MOT metrics", 2008; Ristani et al., "Performance measures and a data set for
        multi-target, multi-camera tracking", 2016; both as in motmetrics.
    """
    motmetrics = _motmetrics()
    with _unworried():
        events = [accumulated(video, most_distance) for video in videos.values()]
        table = motmetrics.metrics.create().compute_many(
            events, names=list(videos), metrics=list(_MOTMETRICS), generate_overall=True
        )
    rows = {
        str(name): {ours: float(row[theirs]) for theirs, ours in _MOTMETRICS.items()}
        for name, row in table.iterrows()
    }
    return TrackingScores(rows["OVERALL"], {name: rows[name] for name in videos})


def accumulated(video: Overlaps, most_distance: float) -> Any:
    """The events of a video in an accumulator of motmetrics."""
    events = _motmetrics().MOTAccumulator()
    for t, (true_ids, ids, iou) in enumerate(
        zip(video.true_ids, video.ids, video.iou, strict=True)
    ):
        distance = 1 - np.asarray(iou, np.float64)
        distance[distance > most_distance] = np.nan
        events.update(np.asarray(true_ids).tolist(), np.asarray(ids).tolist(), distance, frameid=t)
    return events


def unmatched_by_motmetrics(video: Overlaps, most_distance: float) -> list[IntArray]:
    """Columns of each frame's overlaps that motmetrics matches with nobody."""
    with _unworried():
        events = accumulated(video, most_distance).mot_events
    out: list[IntArray] = []
    is_stray = events["Type"] == "FP"
    strays = events[is_stray].reset_index().groupby("FrameId")["HId"].apply(list).to_dict()
    for t, ids in enumerate(video.ids):
        out.append(np.flatnonzero(np.isin(ids, strays.get(t, []))))
    return out


def hota(videos: Mapping[str, Overlaps], *, mean_of_videos: bool = False) -> TrackingScores:
    """HOTA and its parts, by TrackEval.

    Args:
        videos: by name, at least one.
        mean_of_videos: the plain mean over videos, as PHALP's script takes, instead of
            TrackEval's COMBINED_SEQ, which weighs videos by their boxes.

    Raises:
        DependencyError: if TrackEval is not installed.

    Source:
        Luiten et al., "HOTA: a higher order metric for evaluating multi-object tracking", IJCV
        2021, as in TrackEval: means over ``ALPHAS``.
    """
    metric = _trackeval().HOTA()
    each = {name: metric.eval_sequence(trackeval_data(video)) for name, video in videos.items()}
    values = {name: _means(of) for name, of in each.items()}
    alphas = {name: np.asarray(of["HOTA"]) for name, of in each.items()}
    if mean_of_videos:
        overall = {n: float(np.mean([of[n] for of in values.values()])) for n in HOTA_NAMES}
        alphas[""] = np.mean(list(alphas.values()), axis=0)
    else:
        combined = metric.combine_sequences(each)
        overall, alphas[""] = _means(combined), np.asarray(combined["HOTA"])
    return TrackingScores(overall, values, alphas)


def by_trackeval(videos: Mapping[str, Overlaps]) -> TrackingScores:
    """HOTA, CLEAR and identity measures of TrackEval at IoU 0.5, videos pooled by it.

    Args:
        videos: by name, at least one.

    Raises:
        DependencyError: if TrackEval is not installed.
    """
    module = _trackeval()
    quiet = {"THRESHOLD": 0.5, "PRINT_CONFIG": False}
    overall: Values = {}
    each: dict[str, Values] = {name: {} for name in videos}
    for metric in (module.CLEAR(dict(quiet)), module.Identity(dict(quiet))):
        found = {n: metric.eval_sequence(trackeval_data(video)) for n, video in videos.items()}
        overall |= _named(metric.combine_sequences(found))
        for name, of in found.items():
            each[name] |= _named(of)
    return TrackingScores(overall, each) | hota(videos)


def trackeval_data(video: Overlaps) -> dict[str, Any]:
    """A video as TrackEval's metrics take it: ids counted from 0, each of them used."""
    true_names, true_ids = _counted(video.true_ids)
    names, ids = _counted(video.ids)
    return {
        "num_timesteps": len(video.true_ids),
        "num_gt_ids": len(true_names),
        "num_tracker_ids": len(names),
        "num_gt_dets": sum(map(len, true_ids)),
        "num_tracker_dets": sum(map(len, ids)),
        "gt_ids": true_ids,
        "tracker_ids": ids,
        "similarity_scores": [np.asarray(iou, np.float64) for iou in video.iou],
    }


def _counted(frames: Sequence[IntArray]) -> tuple[IntArray, list[IntArray]]:
    flat = np.concatenate([np.zeros(0, np.int64), *frames]).astype(np.int64)
    names, numbers = np.unique(flat, return_inverse=True)
    ends = np.cumsum([len(ids) for ids in frames])[:-1]
    return names, np.split(numbers.reshape(-1), ends)


def _means(result: Mapping[str, Any]) -> Values:
    return {name: float(np.mean(result[name])) for name in HOTA_NAMES}


def _named(result: Mapping[str, Any]) -> Values:
    return {ours: float(result[theirs]) for theirs, ours in _TRACKEVAL.items() if theirs in result}


class _unworried(warnings.catch_warnings):  # noqa: N801 - used as a word
    """Passes over what motmetrics and pandas warn their developers of."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore")
        logging.getLogger("motmetrics").setLevel(logging.ERROR)


def _motmetrics() -> Any:
    try:
        with _unworried():
            import motmetrics
    except ImportError as error:
        raise DependencyError("scoring tracks needs motmetrics", hint=_NEEDS) from error
    return motmetrics


def _trackeval() -> Any:
    try:
        with _unworried():
            from trackeval import metrics
    except ImportError as error:
        raise DependencyError("scoring tracks needs TrackEval", hint=_NEEDS) from error
    return metrics
