"""Readers of files in pixels of the picture, for ``--check``."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from humantrack.types.arrays import FloatArray

Row = tuple[int, int, FloatArray]
"""Frame, track and (K,2) pixels: two corners of the box, then keypoints, NaN where blank."""


def read_mot(path: Path) -> Iterator[Row]:
    """Boxes of MOTChallenge's text, whose frames and pixels begin at 1."""
    with path.open(newline="", encoding="ascii") as file:
        for cells in csv.reader(file):
            x, y, width, height = (float(cell) for cell in cells[2:6])
            yield int(cells[0]) - 1, int(cells[1]), _corners(x - 1, y - 1, width, height)


def read_coco(path: Path) -> Iterator[Row]:
    """Boxes and keypoints of a COCO document; frames are those its images name."""
    document = json.loads(path.read_text(encoding="utf-8"))
    frames = {image["id"]: image["frame_id"] for image in document["images"]}
    for one in document["annotations"]:
        points = np.array(one["keypoints"], float).reshape(-1, 3)
        places = np.where(points[:, 2:] > 0, points[:, :2], np.nan)
        whole = np.concatenate([_corners(*one["bbox"]), places])
        yield frames[one["image_id"]], one["track_id"], whole


def _corners(x: float, y: float, width: float, height: float) -> FloatArray:
    return np.array([[x, y], [x + width, y + height]], float)
