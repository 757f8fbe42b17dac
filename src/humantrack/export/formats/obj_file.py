"""Wavefront .obj: the text of one body."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from humantrack.types.arrays import FloatArray, IntArray


def write_obj(file: BinaryIO, vertices: FloatArray, faces: bytes, *, name: str) -> None:
    """Write a surface: metres, y up, z towards the camera, as 4D-Humans' demo has it.

    Args:
        file: binary, open for writing.
        vertices: (V,3) metres in camera axes (x right, y down, z away).
        faces: of :func:`faces_text`.
        name: of the object; white space in it becomes ``_``.
    """
    # Half a turn about x leaves a surface its handedness, so faces stay as they are.
    points = np.asarray(vertices, float) * (1, -1, -1)
    file.write(f"o {'_'.join(name.split()) or 'body'}\n".encode())
    file.write((len(points) * "v %.6f %.6f %.6f\n" % tuple(points.ravel().tolist())).encode())
    file.write(faces)


def faces_text(faces: IntArray) -> bytes:
    """The lines of faces (F,3), vertex numbers from 0, counter-clockwise from outside."""
    numbers = np.asarray(faces, np.int64) + 1
    return (len(numbers) * "f %d %d %d\n" % tuple(numbers.ravel().tolist())).encode()
