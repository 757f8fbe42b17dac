"""``posetrack18`` and ``posetrack21``: the layouts, and the two protocols that tables are made by.

PoseTrack18: ``ROOT/annotations/val/*.json``; PoseTrack21: ``ROOT/posetrack_data/val/*.json`` and,
for its official protocol, ``ROOT/posetrack_mot/mot/val/SEQUENCE/`` with ``image_info.json`` and
``gt/gt.txt``. Pictures lie in ``ROOT/images/val/SEQUENCE/``.

PHALP's own truth, ``gt_data.pickle`` (--truth), takes the place of ROOT in the protocol ``phalp``.

``phalp``, as evaluate_PHALP.py (branch initial_release of PHALP) scores: frames with a true box
only; boxes match from IoU 0.01 on; MOTA, IDF1 and switches are motmetrics' OVERALL; HOTA is
TrackEval's, the unweighted mean over videos.

``official``, as the kit of PoseTrack21 scores: all frames; boxes found that match nobody are taken
away where their IoU with an ignore region is above 0.1; MOTA and IDF1 by motmetrics at IoU 0.5
(eval/mot/evaluate_mot.py --use_ignore_regions), HOTA by TrackEval over all videos
(eval/posetrack21). The kit of PoseTrack18, poseval, scores key points; boxes of PoseTrack18 are
scored here by the rules of 21's kit.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.errors import BenchmarkError, ConfigError, DependencyError
from humantrack.evaluation.benchmark import Benchmark, BenchmarkOptions, Video
from humantrack.evaluation.benchmarks.boxes import (
    NOBODY,
    TrueBoxes,
    TrueFrame,
    check_video,
    checked_frame,
    matched,
    overlaps_of,
    without,
)
from humantrack.evaluation.benchmarks.phalp_truth import Named, numbered, read_phalp_truth
from humantrack.evaluation.measures.tracking import (
    Overlaps,
    by_motmetrics,
    hota,
    unmatched_by_motmetrics,
)
from humantrack.evaluation.predictions import Predictions, read_predictions
from humantrack.evaluation.scores import Scores, SequenceErrors, scores_of
from humantrack.geometry.boxes import xywh_to_xyxy
from humantrack.types.arrays import FloatArray, IntArray

PHALP_DISTANCE = 0.99
"""1 - IoU up to which evaluate_PHALP.py lets boxes match."""

OFFICIAL_DISTANCE = 0.5
IGNORED = 0.1
"""IoU with an ignore region from which a box that matches nobody does not count."""


class PoseTrack18(Benchmark):
    """PoseTrack 2018."""

    name = "posetrack18"
    protocols = ("phalp", "official")
    splits = ("val", "train", "test")
    had_from = (
        "PoseTrack18 is had from posetrack.net after registration, for research only; its JSON "
        "files belong into annotations/val"
    )
    annotations = "annotations"
    takes_truth = True

    def __init__(self, options: BenchmarkOptions) -> None:
        super().__init__(options)
        if options.truth and (self.protocol != "phalp" or len(options.truth) > 1):
            raise ConfigError("one gt_data.pickle, of the protocol phalp", where="--truth")

    def videos(self) -> Sequence[Video]:
        """The annotated videos."""
        if self.options.truth:
            return [
                Video(name=name, source=None, frame_count=len(frames))
                for name, frames in self._of_phalp().items()
            ]
        return [
            Video(name=truth.name, source=truth.source, frame_count=truth.least_count)
            for truth in map(self._read, self._files().values())
        ]

    def score(self, results: Mapping[str, Path]) -> Scores:
        """Score results; see the module."""
        pairs = list(self._pairs(results))
        for found, truth in pairs:
            check_video(found, truth)
        if self.protocol == "phalp":
            videos = {t.name: overlaps_of(f, t, annotated_only=True)[0] for f, t in pairs}
            tracking = by_motmetrics(videos, PHALP_DISTANCE) | hota(videos, mean_of_videos=True)
        else:
            whole = {t.name: self._read(t.path, whole_pixels=True) for _, t in pairs}
            tracking = by_motmetrics(
                {t.name: _without_ignored(f, whole[t.name], _strays) for f, t in pairs},
                OFFICIAL_DISTANCE,
            ) | hota({t.name: _without_ignored(f, t, _unmatched) for f, t in pairs})
        sequences = [SequenceErrors(name=t.name, frames=f.frame_count) for f, t in pairs]
        return scores_of(self.name, self.protocol, sequences, tracking=tracking)

    def _pairs(self, results: Mapping[str, Path]) -> Iterator[tuple[Predictions, TrueBoxes]]:
        """Results with the truth of their video."""
        if self.options.truth:
            for name, frames in self._of_phalp().items():
                if name in results:
                    found = read_predictions(results[name])
                    yield found, numbered(name, frames, found, self.options.truth[0])
            return
        for name, file in self._files().items():
            if name in results:
                yield read_predictions(results[name]), self._read(file)

    def _of_phalp(self) -> dict[str, Named]:
        videos = read_phalp_truth(self.options.truth[0])
        return {name: videos[name] for name in self.chosen(list(videos))}

    def _files(self) -> dict[str, Path]:
        folder = self.root / self.annotations / self.split
        files = {file.stem: file for file in sorted(folder.glob("*.json"))}
        if not files:
            raise self.lacking(folder / "SEQUENCE.json")
        return {name: files[name] for name in self.chosen(list(files))}

    def _read(self, file: Path, *, whole_pixels: bool = False) -> TrueBoxes:
        """The truth of a JSON file; ``whole_pixels`` is for MOT files alone."""
        return read_posetrack(file, self.root)


class PoseTrack21(PoseTrack18):
    """PoseTrack 2021."""

    name = "posetrack21"
    had_from = (
        "PoseTrack21 is had with the token that its authors send for a signed form "
        "(github.com/anDoer/PoseTrack21), for research only; its JSON files belong into "
        "posetrack_data/val, its MOT files into posetrack_mot/mot/val"
    )
    annotations = "posetrack_data"

    def _read(self, file: Path, *, whole_pixels: bool = False) -> TrueBoxes:
        truth = read_posetrack(file, self.root)
        if self.protocol != "official":
            return truth
        folder = self.root / "posetrack_mot" / "mot" / self.split / file.stem
        for needed in (folder / "image_info.json", folder / "gt" / "gt.txt"):
            if not needed.is_file():
                raise self.lacking(needed)
        return replace(
            read_mot_of_posetrack(folder, whole_pixels=whole_pixels),
            path=file,
            source=truth.source,
        )


def read_posetrack(file: Path, root: Path) -> TrueBoxes:
    """Read a JSON file of PoseTrack.

    Raises:
        BenchmarkError: if it is damaged.
    """
    content = _json(file)
    try:
        images = sorted(content["images"], key=lambda image: str(image["file_name"]))
        boxes: dict[Any, list[tuple[int, Any]]] = defaultdict(list)
        for row in content["annotations"]:
            if row.get("bbox"):  # people of whom only the head is annotated have none
                boxes[row["image_id"]].append((int(row["track_id"]), row["bbox"]))
        frames = {}
        for number, image in enumerate(images):
            rows = boxes.pop(image["id"], [])
            frame = TrueFrame(
                ids=np.array([track for track, _ in rows], np.int64),
                xyxy_px=xywh_to_xyxy(np.array([box for _, box in rows], float).reshape(-1, 4)),
                regions=_regions(image),
            )
            frames[number] = checked_frame(frame, number, file)
        if boxes:
            raise BenchmarkError(
                f"people of a picture that is not listed: {min(boxes)}", where=file
            )
        source = root / Path(str(images[0]["file_name"])).parent
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise BenchmarkError(f"not a PoseTrack file ({error!r})", where=file) from error
    return TrueBoxes(
        name=file.stem,
        path=file,
        source=source if source.is_dir() else None,
        frame_count=len(images),
        frames=frames,
    )


def read_mot_of_posetrack(folder: Path, *, whole_pixels: bool) -> TrueBoxes:
    """Read the MOT form of a sequence of PoseTrack21.

    Args:
        folder: of the sequence.
        whole_pixels: cut fractions off, as evaluate_mot.py does and the kit's TrackEval does not.

    Raises:
        BenchmarkError: if a file is damaged.
    """
    info, file = folder / "image_info.json", folder / "gt" / "gt.txt"
    images = _json(info)
    try:
        numbers = [int(image["frame_index"]) - 1 for image in images]
        regions = {n: _regions(image) for n, image in zip(numbers, images, strict=True)}
        rows: dict[int, list[list[float]]] = defaultdict(list)
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.strip():
                values = [float(value) for value in line.split(",")]
                if values[6] == 1:
                    rows[int(values[0]) - 1].append(values)
    except (KeyError, TypeError, ValueError, IndexError, OSError) as error:
        raise BenchmarkError(f"malformed ({error!r})", where=folder) from error
    if sorted(numbers) != list(range(len(numbers))) or set(rows) - set(numbers):
        raise BenchmarkError("frames are not those of image_info.json", where=folder)
    frames = {}
    for number in numbers:
        some = np.array(rows.get(number, []), float).reshape(-1, 10)
        frame = TrueFrame(
            ids=some[:, 1].astype(np.int64),
            xyxy_px=xywh_to_xyxy(np.trunc(some[:, 2:6]) if whole_pixels else some[:, 2:6]),
            regions=regions[number],
        )
        frames[number] = checked_frame(frame, number, file)
    return TrueBoxes(
        name=folder.name, path=file, source=None, frame_count=len(numbers), frames=frames
    )


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BenchmarkError(f"cannot be read ({error})", where=file) from error


def _regions(image: Mapping[str, Any]) -> tuple[FloatArray, ...]:
    """The polygons in which people are not annotated; a lone one may stand without its list."""
    xs, ys = image.get("ignore_regions_x") or [], image.get("ignore_regions_y") or []
    if xs and not isinstance(xs[0], list):
        xs, ys = [xs], [ys]
    polygons = (np.array([x, y], float).T for x, y in zip(xs, ys, strict=True) if len(x) and len(y))
    return tuple(polygon for polygon in polygons if len(polygon) >= 3)


# -- ignore regions -------------------------------------------------------------------------------


def _without_ignored(found: Predictions, truth: TrueBoxes, stray_of: Any) -> Overlaps:
    """The video without boxes that match nobody and lie in an ignore region."""
    video, rows, numbers = overlaps_of(found, truth)
    strays = stray_of(video)
    gone: list[IntArray] = []
    for number, row, stray in zip(numbers, rows, strays, strict=True):
        regions = truth.frames.get(number, NOBODY).regions
        inside = region_overlap(found.xyxy_px[row[stray]], regions) > IGNORED
        gone.append(stray[inside])
    return without(video, gone)


def _strays(video: Overlaps) -> list[IntArray]:
    """Columns that motmetrics leaves without a match, as evaluate_mot.py knows them."""
    return unmatched_by_motmetrics(video, OFFICIAL_DISTANCE)


def _unmatched(video: Overlaps) -> list[IntArray]:
    """Columns without a match in each frame by itself, as the kit's TrackEval knows them."""
    return [
        np.setdiff1d(np.arange(overlap.shape[1]), matched(overlap)[1])
        if len(overlap)
        else np.zeros(0, np.int64)
        for overlap in video.iou
    ]


def region_overlap(boxes: FloatArray, regions: Sequence[FloatArray]) -> FloatArray:
    """(m,) the largest IoU of each box (m,4) with a polygon, by shapely.

    Raises:
        DependencyError: if shapely is not installed.
    """
    if not len(boxes) or not regions:
        return np.zeros(len(boxes))
    try:
        import shapely
    except ImportError as error:
        raise DependencyError(
            "ignore regions need shapely", hint='install it: pip install "humantrack[eval]"'
        ) from error
    polygons = shapely.polygons(list(map(shapely.linearrings, regions)))
    polygons = np.where(shapely.is_valid(polygons), polygons, shapely.buffer(polygons, 0))
    rectangles = shapely.box(*np.asarray(boxes, float).T)
    pairs = polygons[:, None], rectangles[None]
    both = shapely.area(shapely.intersection(*pairs))
    either = shapely.area(shapely.union(*pairs))
    return np.asarray(np.where(either > 0, both / np.where(either > 0, either, 1), 0).max(axis=0))
