"""``mot``: any truth in MOTChallenge's layout, by TrackEval's rules.

``ROOT/SEQUENCE/gt/gt.txt`` with lines frame, id, left, top, width, height, mark, class, visibility
(frames and pixels from 1), and ``seqinfo.ini`` and ``img1/`` beside ``gt`` where they are there.

Protocols, as in TrackEval's MotChallenge2DBox: ``mot17`` (MOT16, MOT17, DanceTrack, ...) takes away
boxes found on distractors (people on vehicles, static people, reflections, ...) first, and true
boxes that are marked 0 or are no pedestrians; ``mot20`` takes vehicles for distractors too;
``mot15`` knows no classes. ``auto`` tells them by the sequence's name and the class column.
Pooled values are TrackEval's COMBINED_SEQ; hits are at IoU 0.5 for MOTA and IDF1.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from humantrack.errors import BenchmarkError, ConfigError
from humantrack.evaluation.benchmark import Benchmark, Video
from humantrack.evaluation.benchmarks.boxes import (
    TrueBoxes,
    TrueFrame,
    check_video,
    checked_frame,
    matched,
    overlaps_of,
    without,
)
from humantrack.evaluation.measures.tracking import Overlaps, by_trackeval
from humantrack.evaluation.predictions import Predictions, read_predictions
from humantrack.evaluation.scores import Scores, SequenceErrors, scores_of
from humantrack.geometry.boxes import xywh_to_xyxy
from humantrack.types.arrays import FloatArray, IntArray

_PEDESTRIAN = 1
_DISTRACTORS = {"mot15": (), "mot17": (2, 7, 8, 12), "mot20": (2, 6, 7, 8, 12)}
"""Classes of people on vehicles, (vehicles,) static people, distractors, reflections."""

_COLUMNS = 7


class MotBenchmark(Benchmark):
    """MOTChallenge and data sets in its layout."""

    name = "mot"
    protocols = ("auto", "mot15", "mot17", "mot20")
    needs_root = False
    takes_truth = True
    had_from = (
        "MOTChallenge's sets are had from motchallenge.net (CC BY-NC-SA 3.0); the truth of a "
        "sequence lies in SEQUENCE/gt/gt.txt"
    )

    def videos(self) -> Sequence[Video]:
        """The sequences with a truth."""
        out = []
        for file in self._files().values():
            truth = read_mot(file, self.protocol)
            out.append(Video(name=truth.name, source=truth.source, frame_count=truth.least_count))
        return out

    def score(self, results: Mapping[str, Path]) -> Scores:
        """Score results; see the module."""
        overlaps: dict[str, Overlaps] = {}
        sequences = []
        for name, file in self._files().items():
            if name not in results:
                continue
            truth, found = read_mot(file, self.protocol), read_predictions(results[name])
            check_video(found, truth)
            overlaps[name] = preprocessed(found, truth)
            sequences.append(SequenceErrors(name=name, frames=found.frame_count))
        return scores_of(self.name, self.protocol, sequences, tracking=by_trackeval(overlaps))

    def _files(self) -> dict[str, Path]:
        files = list(self.options.truth)
        if not files:
            if self.options.root is None:
                raise ConfigError("no truth is named", where="--root", hint=self.had_from)
            files = sorted(self.root.glob("**/gt/gt.txt"))
            if not files:
                raise self.lacking(self.root / "SEQUENCE/gt/gt.txt")
        by_name = {sequence_of(file): file for file in files}
        return {name: by_name[name] for name in self.chosen(list(by_name))}


def sequence_of(file: Path) -> str:
    """The name of a truth file's sequence: that of its folder, or the file's own."""
    if file.name == "gt.txt" and file.resolve().parent.name == "gt":
        return file.resolve().parents[1].name
    return file.stem.removesuffix("_gt")


def preprocessed(found: Predictions, truth: TrueBoxes) -> Overlaps:
    """The overlaps that count, after TrackEval's preprocessing."""
    video, _, numbers = overlaps_of(found, truth)
    gone: list[IntArray] = []
    keep: list[IntArray] = []
    for number, overlap in zip(numbers, video.iou, strict=True):
        frame = truth.frames.get(number)
        distractor = np.zeros(len(overlap), bool)
        ignored = np.zeros(len(overlap), bool)
        if frame is not None and frame.is_distractor is not None:
            distractor = frame.is_distractor.astype(bool)
        if frame is not None and frame.is_ignored is not None:
            ignored = frame.is_ignored.astype(bool)
        rows, columns = matched(overlap)
        gone.append(columns[distractor[rows]])
        keep.append(np.flatnonzero(~ignored))
    video = without(video, gone)
    return Overlaps(
        [ids[k] for ids, k in zip(video.true_ids, keep, strict=True)],
        video.ids,
        [overlap[k] for overlap, k in zip(video.iou, keep, strict=True)],
    )


def read_mot(file: Path, protocol: str) -> TrueBoxes:
    """Read a truth file, and what lies beside it.

    Args:
        file: ``gt.txt``.
        protocol: one of ``MotBenchmark.protocols``.

    Raises:
        BenchmarkError: if it is missing or damaged.
    """
    rows = _rows(file)
    name = sequence_of(file)
    if protocol == "auto":
        protocol = _told_by(name, rows)
    length, size, pictures = _sequence_info(file)
    frames = {}
    for number in np.unique(rows[:, 0]).astype(int):
        some = rows[rows[:, 0] == number]
        frames[int(number) - 1] = checked_frame(_frame(some, protocol), int(number) - 1, file)
    if length is not None and max(frames, default=-1) >= length:
        what = f"the truth has frame {max(frames) + 1}, seqinfo.ini says there are {length}"
        raise BenchmarkError(what, where=file)
    return TrueBoxes(
        name=name, path=file, source=pictures, frame_count=length, size=size, frames=frames
    )


def _frame(rows: FloatArray, protocol: str) -> TrueFrame:
    xywh = rows[:, 2:6].copy()
    xywh[:, :2] -= 1
    ignored = rows[:, 6] == 0
    distractor = np.zeros(len(rows), bool)
    if protocol != "mot15" and rows.shape[1] > _COLUMNS:
        kind = rows[:, 7]
        ignored |= kind != _PEDESTRIAN
        distractor = np.isin(kind, _DISTRACTORS[protocol])
    return TrueFrame(
        ids=rows[:, 1].astype(np.int64),
        xyxy_px=xywh_to_xyxy(xywh),
        is_distractor=distractor,
        is_ignored=ignored,
    )


def _told_by(name: str, rows: FloatArray) -> str:
    """The protocol of a sequence that nobody named one for."""
    if rows.shape[1] <= _COLUMNS or not (rows[:, 7] >= 1).any():
        return "mot15"
    return "mot20" if name.upper().startswith("MOT20") else "mot17"


def _rows(file: Path) -> FloatArray:
    """(M,C) numbers of a truth file, C at least 7: a mark of 1 where there is none."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BenchmarkError(f"cannot read the truth ({error})", where=file) from error
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = [float(value) for value in line.replace(",", " ").split()]
        except ValueError:
            row = []
        if len(row) == _COLUMNS - 1:
            row.append(1.0)
        if len(row) < _COLUMNS or (rows and len(row) != len(rows[0])) or not _is_sound(row):
            raise BenchmarkError(
                "not a line of frame, id, left, top, width, height, mark",
                where=f"{file}, line {number}",
            )
        rows.append(row)
    return np.array(rows, np.float64).reshape(len(rows), -1 if rows else _COLUMNS)


def _is_sound(row: Sequence[float]) -> bool:
    return bool(np.isfinite(row).all()) and row[0] >= 1 and row[0] % 1 == 0 and row[1] % 1 == 0


def _sequence_info(file: Path) -> tuple[int | None, tuple[int, int] | None, Path | None]:
    """Length, size (H, W) and pictures of the sequence that a truth lies in."""
    folder = file.parent.parent
    pictures = folder / "img1"
    info = folder / "seqinfo.ini"
    if not info.is_file() or file.name != "gt.txt":
        return None, None, pictures if pictures.is_dir() else None
    parser = configparser.ConfigParser()
    try:
        parser.read(info, encoding="utf-8")
        section = parser["Sequence"]
        size = int(section["imHeight"]), int(section["imWidth"])
        length = int(section["seqLength"])
    except (configparser.Error, KeyError, ValueError, UnicodeDecodeError) as error:
        raise BenchmarkError(f"malformed ({error})", where=info) from error
    pictures = folder / section.get("imDir", "img1")
    return length, size, pictures if pictures.is_dir() else None
