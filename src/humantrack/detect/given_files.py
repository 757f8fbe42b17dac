"""Files of given boxes -> boxes by frame: PHALP's structure, COCO's, MOTChallenge's.

PHALP's structure is ``{frame: {"gt_bbox": (N,4), "extra_data": {"gt_class": [...],
"gt_track_id": [...]}}}``, the last two empty or of length N. PHALP's documentation calls the boxes
corners, but its code adds the third and fourth number to the first two; the code is followed here,
so the default is x, y, width, height.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from humantrack.detect.given import FrameName, GivenFrame
from humantrack.errors import ResultsError
from humantrack.geometry.boxes import xywh_to_xyxy

BoxFormat = Literal["xywh", "xyxy"]

_MOT_COLUMNS = 6
_COCO_PERSON = 1


def check_mapping(
    mapping: Any, *, where: object = None, box_format: BoxFormat = "xywh"
) -> dict[FrameName, GivenFrame]:
    """PHALP's structure, already loaded.

    Args:
        mapping: see the top of this file; ``extra_data`` may be missing.
        where: the file it came from, for messages.
        box_format: what the numbers of ``gt_bbox`` are.

    Raises:
        ResultsError: if it is not of this structure.
    """
    if not isinstance(mapping, Mapping):
        raise _wrong("given boxes must be a dictionary of frames", where)
    out: dict[FrameName, GivenFrame] = {}
    for name, entry in mapping.items():
        place = f"{where}, frame {name}" if where else f"frame {name}"
        if not isinstance(entry, Mapping) or "gt_bbox" not in entry:
            raise _wrong("a frame of given boxes needs 'gt_bbox'", place)
        extra = entry.get("extra_data") or {}
        if not isinstance(extra, Mapping):
            raise _wrong("'extra_data' must be a dictionary", place)
        out[name if isinstance(name, int) else str(name)] = _frame(
            entry["gt_bbox"],
            extra.get("gt_track_id"),
            extra.get("gt_class"),
            place=place,
            box_format=box_format,
        )
    return out


def read_text(path: str | Path, *, box_format: BoxFormat = "xywh") -> dict[FrameName, GivenFrame]:
    """A ``.json`` or MOTChallenge ``.txt``/``.csv`` file.

    JSON holds PHALP's structure, or COCO's annotations: the whole ``{"images", "annotations"}``,
    or only the list, whose ``image_id`` is then a file name or the frame's number from 1.
    MOT lines are frame, id, x, y, width, height and, if present, a mark that is 0 for boxes to be
    ignored; frames and pixels count from 1, so that the picture begins at 1, 1.

    Raises:
        ResultsError: if the file cannot be read or is corrupt.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"given boxes cannot be read ({error})", where=path) from error
    if path.suffix.lower() != ".json":
        return _mot(text, path, box_format)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"not JSON ({error})", where=path) from error
    if isinstance(content, Mapping) and not {"images", "annotations"} <= set(content):
        return check_mapping(content, where=path, box_format=box_format)
    return _coco(content, path, box_format)


def _mot(text: str, path: Path, box_format: BoxFormat) -> dict[FrameName, GivenFrame]:
    boxes: dict[int, list[tuple[Any, Any, Any]]] = defaultdict(list)
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            values = [float(value) for value in line.replace(",", " ").split()]
        except ValueError as error:
            raise _wrong(f"not a line of numbers ({error})", f"{path}, line {number}") from error
        if len(values) < _MOT_COLUMNS or not float(values[0]).is_integer() or values[0] < 1:
            raise _wrong(
                "a line must be frame (from 1), id, x, y, width, height", f"{path}, line {number}"
            )
        if len(values) > _MOT_COLUMNS and values[_MOT_COLUMNS] == 0:
            continue
        box = np.array(values[2:6])
        box[: 2 if box_format == "xywh" else 4] -= 1
        boxes[int(values[0]) - 1].append((box, values[1], []))
    return _grouped(boxes, path, box_format)


def _coco(content: Any, path: Path, box_format: BoxFormat) -> dict[FrameName, GivenFrame]:
    files: dict[Any, str] = {}
    person = _COCO_PERSON
    boxes: dict[FrameName, list[tuple[Any, Any, Any]]] = defaultdict(list)
    try:
        rows = content
        if isinstance(content, Mapping):
            rows = content["annotations"]
            files = {image["id"]: str(image["file_name"]) for image in content["images"]}
            for category in content.get("categories", []):
                person = category["id"] if category["name"] == "person" else person
        for row in rows:
            if row.get("category_id", person) != person:
                continue
            image = row["image_id"]
            if files:
                name: FrameName = files[image]
            else:
                name = int(image) - 1 if isinstance(image, int) else str(image)
            boxes[name].append((row["bbox"], row.get("track_id", -1), []))
    except (KeyError, TypeError, AttributeError) as error:
        raise _wrong(f"neither PHALP's structure nor COCO's ({error!r})", path) from error
    return _grouped(boxes, path, box_format)


def _grouped(
    boxes: Mapping[Any, Sequence[tuple[Any, Any, Any]]], path: Path, box_format: BoxFormat
) -> dict[FrameName, GivenFrame]:
    """Rows (box, id, annotation) by frame -> frames."""
    out: dict[FrameName, GivenFrame] = {}
    for name, rows in boxes.items():
        box, ids, notes = (list(column) for column in zip(*rows, strict=True))
        out[name] = _frame(box, ids, notes, place=f"{path}, frame {name}", box_format=box_format)
    return out


def _frame(boxes: Any, ids: Any, notes: Any, *, place: str, box_format: BoxFormat) -> GivenFrame:
    try:
        xyxy = np.array([] if boxes is None else boxes, np.float64).reshape(-1, 4)
        ids = np.array([] if ids is None else ids, np.float64).reshape(-1)
        annotation = () if notes is None else tuple(notes)
    except (TypeError, ValueError) as error:
        raise _wrong(f"boxes must be rows of four numbers ({error})", place) from error
    n = len(xyxy)
    ids = ids if len(ids) else np.full(n, -1.0)
    annotation = annotation or ([],) * n
    if not (np.isfinite(xyxy).all() and np.isfinite(ids).all()):
        raise _wrong("boxes and ids must be finite", place)
    if len(ids) != n or len(annotation) != n:
        raise _wrong(
            f"{n} boxes, but {len(ids)} ids (gt_track_id) and {len(annotation)} annotations"
            " (gt_class); give one for each box or none",
            place,
        )
    return GivenFrame(
        xyxy_px=(xywh_to_xyxy(xyxy) if box_format == "xywh" else xyxy).astype(np.float32),
        gt_id=ids.astype(np.int64),
        annotation=annotation,
    )


def _wrong(what: str, where: object) -> ResultsError:
    return ResultsError(what, where=where)
