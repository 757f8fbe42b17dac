"""Rotations in the notation a user asked for."""

from __future__ import annotations

import numpy as np

from humantrack.geometry.rotations import (
    matrix_to_quaternion,
    matrix_to_sixd,
    quaternion_to_axis_angle,
)
from humantrack.types.arrays import FloatArray

COMPONENTS = {
    "axis_angle": ("x", "y", "z"),
    "quaternion": ("w", "x", "y", "z"),
    "6d": ("1", "2", "3", "4", "5", "6"),
    "matrix": ("11", "12", "13", "21", "22", "23", "31", "32", "33"),
}
"""What the numbers of a rotation are called; of a matrix its rows and columns."""


def rotations_as(matrix: FloatArray, kind: str) -> FloatArray:
    """Matrices (...,3,3) -> float32 (...,3) axis times angle, (...,4), (...,6) or (...,3,3).

    Args:
        matrix: rotations; where one is not finite, so is what comes out.
        kind: a name of ``COMPONENTS``. Quaternions have w first and never negative; 6d is the
            first two columns one after the other.
    """
    if kind == "matrix":
        return matrix
    with np.errstate(invalid="ignore", over="ignore"):
        if kind == "6d":
            return matrix_to_sixd(matrix).astype(np.float32)
        quaternion = matrix_to_quaternion(matrix)
        if kind == "quaternion":
            return quaternion.astype(np.float32)
        return quaternion_to_axis_angle(quaternion).astype(np.float32)
