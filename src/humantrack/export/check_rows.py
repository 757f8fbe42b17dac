"""Checks of files with a row a person and frame: tables and documents, boxes and keypoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from humantrack.body.joints import OPENPOSE_JOINTS
from humantrack.clips.source import ResultsSource
from humantrack.export import readback, readback_boxes
from humantrack.export.formats.coco import KEYPOINTS
from humantrack.export.largest import Checked, Largest
from humantrack.export.readback import Row
from humantrack.motion.camera import through_lens
from humantrack.results import PeopleColumns
from humantrack.types import JointSource
from humantrack.types.arrays import FloatArray

TABLES: dict[str, Callable[[Path], Iterator[Row]]] = {
    "json": readback.read_json,
    "jsonl": readback.read_json,
    "csv": readback.read_csv,
    "parquet": readback.read_parquet,
    "phalp": readback.read_phalp,
}
BOXES: dict[str, Callable[[Path], Iterator[readback_boxes.Row]]] = {
    "mot": readback_boxes.read_mot,
    "coco": readback_boxes.read_coco,
}
_KEYPOINTS = [OPENPOSE_JOINTS.index(name) for name in KEYPOINTS]
_CORNERS = ["box's first corner", "box's second corner"]

_There = dict[tuple[int, int], FloatArray]
"""Frame and track -> places."""


def check_table(source: ResultsSource, name: str, path: Path) -> Checked:
    """Joints of each row, where they are before the camera or in the world."""
    there: _There = {}
    is_phalps = name == "phalp"  # its lens and its axes, whatever the options say
    in_world = not is_phalps and source.is_in_world(is_motion=False)
    for batch in source.batches(world=in_world):
        if in_world:  # joints are where they are
            people = batch.world.people
            moved: FloatArray = np.zeros(3)
        else:
            people = through_lens(batch.people, None if is_phalps else source.options.focal_px)
            moved = people.cam_t[:, None]
        joints = people.joints_3d.astype(float) + moved
        frames = [batch.frames[row].index for row in people.frame_row.tolist()]
        there |= zip(zip(frames, people.track_id.tolist(), strict=True), joints, strict=True)
    names = [*OPENPOSE_JOINTS, *(f"joint {i}" for i in range(len(OPENPOSE_JOINTS), 45))]
    rows = (
        (frame, track_id, own if in_world else own + camera)
        for frame, track_id, own, camera in TABLES[name](path)
    )
    return _compared(Largest(), rows, there, names)


def check_boxes(source: ResultsSource, name: str, path: Path) -> Checked:
    """Boxes, and in COCO keypoints, of the people seen, in pixels."""
    has_points = name == "coco"
    there: _There = {}
    for batch in source.batches():
        people = batch.people
        seen = (people.missed == 0) & np.isfinite(people.xywh_px).all(axis=1)
        boxes = people.xywh_px.astype(float)
        places = np.stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
        if has_points:
            points = _keypoints(people, is_blank=source.options.made_up == "blank")
            places = np.concatenate([places, points], axis=1)
        for row in np.flatnonzero(seen).tolist():
            frame = batch.frames[int(people.frame_row[row])].index
            there[frame, int(people.track_id[row])] = places[row]
    names = [*_CORNERS, *(KEYPOINTS if has_points else ())]
    return _compared(Largest("px"), BOXES[name](path), there, names)


def _keypoints(people: PeopleColumns, *, is_blank: bool) -> FloatArray:
    """(P,17,2) pixels, NaN for what has no place."""
    points = people.joints_px()[:, _KEYPOINTS].astype(float)
    known = np.isfinite(points).all(axis=-1)
    if is_blank:
        known &= people.joint_source[:, _KEYPOINTS] != JointSource.MADE_UP
    return np.where(known[..., None], points, np.nan)


def _compared(
    largest: Largest, rows: Iterator[readback_boxes.Row], there: _There, names: list[str]
) -> Checked:
    """Every row against its person.

    Raises:
        ValueError: if a row has nobody in the results, or somebody of theirs has none.
    """
    for frame, track_id, places in rows:
        meant = there.pop((frame, track_id), None)
        if meant is None:
            raise ValueError(f"track {track_id} is not in frame {frame} of the results")
        meant = np.where(np.isfinite(meant), meant, np.nan)
        largest.add(places[None], meant[None], names, [f"track {track_id}, frame {frame}"])
    if there:
        frame, track_id = next(iter(there))
        raise ValueError(f"track {track_id} is missing in frame {frame}, and {len(there) - 1} more")
    return largest.done()
