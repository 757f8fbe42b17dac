"""What is made from a job's files on demand. These functions run in a helper process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from humantrack.atomic import atomic_write
from humantrack.errors import UnreadableSourceError
from humantrack.export import FORMATS, export
from humantrack.export.camera import usual_focal_px
from humantrack.export.motion import Motion, MotionCollector
from humantrack.export.options import ExportOptions
from humantrack.export.source import Batch, FrameEntry, ResultsSource
from humantrack.export.spans import TrackSpans, clip_spans
from humantrack.render.palette import identity_colour
from humantrack.video import open_source, parse_time

TIMELINE, FRAMES, OFFSETS = "timeline.json", "frames.jsonl", "frames.offsets"
_PREVIEW_PX = 640


def probe(path: str, overrides: Mapping[str, Any]) -> int | None:
    """Open a clip and decode its first frame.

    Returns:
        How many frames a job with these overrides has, if the container says.

    Raises:
        SourceError: if it is no video that can be read.
        ConfigError: if the overrides leave nothing of it.
    """
    with open_source(
        path,
        start_frame=overrides.get("start_frame"),
        end_frame=overrides.get("end_frame"),
        start_time_s=parse_time(overrides.get("start_time")),
        end_time_s=parse_time(overrides.get("end_time")),
        read_ahead=0,
    ) as source:
        count = source.info.frame_count
    with open_source(path, read_ahead=0) as whole:
        if whole.info.kind != "video":
            raise UnreadableSourceError("is no video", where=path)
        next(whole)
    return count


def make_export(results: str, format_name: str, folder: str) -> None:
    """Export results to ``folder``: ``results.json``, ``results_track1.bvh``, ..."""
    kind = FORMATS[format_name]
    stem = Path(folder) / "results"
    target = stem.with_name(stem.name + kind.suffix) if kind.is_single else stem
    export(results, [kind], target, force=True)


def make_preview(video: str, target: str) -> None:
    """A JPEG of a clip's first frame, at most 640 px wide."""
    import cv2

    with open_source(video, read_ahead=0) as source:
        picture = next(source).rgb
    height, width = picture.shape[:2]
    scale = min(1.0, _PREVIEW_PX / max(width, height))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    good, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not good:
        raise UnreadableSourceError("no picture can be made of it", where=video)
    with atomic_write(target) as file:
        file.write(data.tobytes())


def make_motion(results: str, folder: str) -> None:
    """Write what a viewer plays: the tracks' timeline, and a line of JSON for each frame.

    The lines' offsets lie in a file of their own, so that any stretch can be read without the rest.
    """
    options = ExportOptions()
    spans = {t.track_id: t for t in clip_spans(ResultsSource(results, options)).tracks}
    source = ResultsSource(results, options)
    collector = MotionCollector(options, source.facts.fps)
    frames: list[FrameEntry] = []
    rows: list[dict[int, tuple[float, list[float]]]] = []
    for batch in source.batches():
        collector.add(batch)
        rows += _boxes(batch)
        frames += [
            FrameEntry(
                key="", index=f.index, time_s=f.time_s, is_shot_start=f.is_shot_start, raw={}
            )
            for f in batch.frames
        ]
    motions = [m for m in collector.motions() if m.track_id in spans]
    _write_frames(Path(folder), frames, rows, motions)
    facts = source.facts
    size = np.array([[facts.height or 0, facts.width or 0]])
    timeline = {
        "fps": facts.fps,
        "frames": len(frames),
        "duration_s": len(frames) / facts.fps,
        "width": facts.width,
        "height": facts.height,
        "focal_px": float(usual_focal_px(size)[0]) or None,
        "tracks": [_track(spans[m.track_id], m) for m in motions],
    }
    with atomic_write(Path(folder) / TIMELINE) as file:  # last: its being there says all is
        file.write(json.dumps(timeline).encode())


def _boxes(batch: Batch) -> list[dict[int, tuple[float, list[float]]]]:
    """Score and box of each person of each frame, seen or not."""
    found: list[dict[int, tuple[float, list[float]]]] = [{} for _ in batch.frames]
    people = batch.people
    for row, track_id, score, box in zip(
        people.frame_row.tolist(),
        people.track_id.tolist(),
        people.score.tolist(),
        people.xywh_px.tolist(),
        strict=True,
    ):
        found[row].setdefault(track_id, (round(score, 4), [round(v, 2) for v in box]))
    return found


def _write_frames(
    folder: Path,
    frames: list[FrameEntry],
    rows: list[dict[int, tuple[float, list[float]]]],
    motions: list[Motion],
) -> None:
    place = {frame.index: i for i, frame in enumerate(frames)}
    starts = [place[int(m.frame[0])] for m in motions]
    offsets = [0]
    with atomic_write(folder / FRAMES) as file:
        for i, frame in enumerate(frames):
            people = [
                _person(motion, i - start, rows[i])
                for motion, start in zip(motions, starts, strict=True)
                if 0 <= i - start < len(motion)
            ]
            line = orjson.dumps({"index": i, "time_s": frame.time_s, "people": people})
            file.write(line + b"\n")
            offsets.append(offsets[-1] + len(line) + 1)
    with atomic_write(folder / OFFSETS) as file:
        file.write(np.array(offsets, "<i8").tobytes())


def _person(
    motion: Motion, row: int, boxes: Mapping[int, tuple[float, list[float]]]
) -> dict[str, Any]:
    score, box = boxes.get(motion.track_id, (None, None))
    return {
        "track_id": motion.track_id,
        "state": "observed" if motion.observed[row] else "predicted",
        "score": score if score is None or np.isfinite(score) else None,
        "bbox": box,
        "pelvis": np.round(motion.pelvis[row], 4).tolist(),
        "rotations": np.round(motion.quaternions[row], 5).tolist(),
    }


def _track(spans: TrackSpans, motion: Motion) -> dict[str, Any]:
    gaps = [[a[1] + 1, b[0] - 1] for a, b in zip(spans.spans, spans.spans[1:], strict=False)]
    return {
        "track_id": spans.track_id,
        "color": "#{:02x}{:02x}{:02x}".format(*identity_colour(spans.track_id)),
        "first": spans.first,
        "last": spans.last,
        "seen": spans.seen,
        "mean_score": spans.mean_score,
        "gaps": gaps,
        "rest": np.round(motion.skeleton.rest, 5).tolist(),
        "kind": motion.skeleton.kind,
    }


def read_frames(folder: Path, start: int, count: int) -> bytes:
    """The JSON document of some frames, read without the others."""
    width = 8
    with (folder / OFFSETS).open("rb") as file:
        last = file.seek(0, 2) // width - 1
        first, stop = min(start, last), min(start + count, last)
        file.seek(first * width)
        offsets = np.frombuffer(file.read((stop - first + 1) * width), "<i8")
    with (folder / FRAMES).open("rb") as file:
        file.seek(int(offsets[0]))
        lines = file.read(int(offsets[-1] - offsets[0])).splitlines()
    return b'{"start":%d,"frames":[%b]}' % (start, b",".join(lines))
