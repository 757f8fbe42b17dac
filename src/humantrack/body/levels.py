"""The shipped body's surface with fewer faces, for drawing people who are small in the picture."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from humantrack import models
from humantrack.errors import WeightsError
from humantrack.types import BodyBatch

Array = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


class MannequinLevel:
    """Some of the vertices of the shipped body, and faces between them. A ``SurfaceLevel``.

    Args:
        faces: (F,3) with the vertex numbers of the full surface.
        size_m: how large the details are that are left out.
        make_skin: (V,) vertex numbers -> what poses these vertices; called when first needed.
    """

    def __init__(
        self,
        faces: IntArray,
        size_m: float,
        make_skin: Callable[[IntArray], Callable[[BodyBatch], Array]],
    ) -> None:
        vertex, corner = np.unique(faces, return_inverse=True)
        self.vertex: IntArray = vertex
        self.faces: IntArray = corner.reshape(-1, 3).astype(np.int32)
        self.size_m = size_m
        self._make_skin = make_skin
        self._skin: Callable[[BodyBatch], Array] | None = None

    def vertices(self, bodies: BodyBatch) -> Array:
        """(N,V,3) float32, metres, camera axes, without translation."""
        if self._skin is None:
            self._skin = self._make_skin(self.vertex)
        return self._skin(bodies)


def read_levels(faces: IntArray) -> list[tuple[IntArray, float]]:
    """Faces (F,3) and size in metres of the shipped coarser surfaces, finest first.

    Args:
        faces: (F,3) of the full surface.

    Raises:
        MissingWeightsError, WeightsError: if the file is missing, damaged or of other faces.
    """
    with np.load(io.BytesIO(models.read(models.BODY24_LEVELS)), allow_pickle=False) as arrays:
        of_faces = hashlib.sha256(np.asarray(faces, "<u2").tobytes()).hexdigest()
        if str(arrays["of_faces"]) != of_faces:
            raise WeightsError(
                "the levels of detail belong to another body",
                where=models.BODY24_LEVELS,
                hint="install the package again",
            )
        parts = np.split(arrays["faces"].astype(np.int32), np.cumsum(arrays["count"])[:-1])
        return list(zip(parts, arrays["size_m"].tolist(), strict=True))
