"""A solved camera path, brought to the frames of the results that it is for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from humantrack.errors import ResultsError
from humantrack.types.arrays import IntArray
from humantrack.world.camera.evidence import AGAIN
from humantrack.world.evidence import path_rows
from humantrack.world.types import CameraPath


def matched(
    path: CameraPath, index: IntArray, shots: IntArray, size: tuple[int, int] | None, where: Path
) -> CameraPath:
    """The path in all frames of the results and in no others.

    Evidence may end before the results do (it was cut short), or after (they were). In a frame of
    which it says nothing, the camera of the frame before is held, with a confidence of 0; a shot of
    which it says nothing has a still camera. Both are told in a note.

    Args:
        path: as solved from the evidence.
        index: (T,) numbers of the results' frames.
        shots: (T,) cuts before each.
        size: width and height of the results' frames; None if it is not known.
        where: the evidence, for the error.

    Raises:
        ResultsError: if the evidence is of other results.
    """
    sizes = {(round(2 * x), round(2 * y)) for x, y in np.unique(path.centre_px, axis=0).tolist()}
    have = np.isin(index, path.index)
    is_foreign = len(index) > 0 and not have.any()
    if is_foreign or (size is not None and sizes and size not in sizes):
        raise ResultsError("the camera evidence is of other results", where=where, hint=AGAIN)
    if np.array_equal(path.index, index):
        return path
    rows = path_rows(path, index)
    shot = np.where(have, path.shot[rows], shots)
    rotation, position = path.rotation[rows], path.position[rows]
    is_new = ~have & (shot != path.shot[rows])
    rotation[is_new], position[is_new] = np.eye(3), 0.0
    count = int(shot.max(initial=-1)) + 1
    kinds = (*path.kinds, *("still",) * (count - len(path.kinds)))[:count]
    notes = path.notes
    if not have.all():
        notes += (
            f"of {int((~have).sum())} of {len(index)} frames it is not stored how the camera "
            "moves: the camera before is held",
        )
    return replace(
        path,
        index=index,
        shot=shot,
        rotation=rotation,
        position=position,
        focal_px=path.focal_px[rows],
        centre_px=path.centre_px[rows],
        kinds=kinds,
        confidence=np.where(have, path.confidence[rows], 0.0),
        notes=notes,
    )
