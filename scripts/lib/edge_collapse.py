"""Makes a closed triangle mesh coarser by collapsing edges onto vertices it already has.

A vertex u is merged into a neighbour v. What that costs is the error quadric of u at v (Garland and
Heckbert, "Surface simplification using quadric error metrics", 1997): the mean squared distance of
v from the planes of the faces that u stands for. To it a share of the squared length of the edge is
added, so that small faces go first even where the surface bends, and faces stay of one size.

Plain Python numbers throughout: the same input gives the same faces on every machine.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

LENGTH_SHARE = 1 / 8
"""An edge of length e costs as much as an error of this share of e."""

_FLATTEST = 0.3
"""Least cosine between a face's normal before and after; turned further it would fold over."""

_SHARPEST = 0.12
"""Least height of a face over its longest side; sharper ones shade badly."""

Vector = tuple[float, float, float]


class EdgeCollapse:
    """A mesh that becomes coarser step by step.

    Args:
        vertices: (V,3).
        faces: (F,3) vertex numbers of a closed surface, every edge between two faces.
        label: (V,) vertices of different labels are never merged.

    Raises:
        ValueError: if the surface is not closed.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, label: np.ndarray) -> None:
        edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]))
        if (np.unique(edges, axis=0, return_counts=True)[1] != 2).any():
            raise ValueError("an edge does not lie between two faces")
        self._at: list[Vector] = [tuple(p) for p in vertices.astype(float).tolist()]
        self._faces: dict[int, tuple[int, int, int]] = dict(enumerate(map(tuple, faces.tolist())))
        self._label: list[int] = label.tolist()
        self._around: list[set[int]] = [set() for _ in self._at]
        self._quadric = [[0.0] * 11 for _ in self._at]
        for number, face in self._faces.items():
            quadric = _plane(*(self._at[i] for i in face))
            for corner in face:
                self._around[corner].add(number)
                self._quadric[corner] = _sum(self._quadric[corner], quadric)
        self._version = [0] * len(self._at)
        self._queue: list[tuple[float, int, int, int, int]] = []
        for vertex in range(len(self._at)):
            self._offer(vertex)

    def until(self, length: float) -> np.ndarray:
        """Collapse all that costs less than a flat edge of a length.

        Returns:
            (F,3) int32 faces left, with the numbers that the vertices had.
        """
        limit = (LENGTH_SHARE * length) ** 2
        while self._queue and self._queue[0][0] <= limit:
            _, gone, kept, *versions = heapq.heappop(self._queue)
            if versions == [self._version[gone], self._version[kept]] and self._fits(gone, kept):
                self._merge(gone, kept)
        return np.array([self._faces[i] for i in sorted(self._faces)], np.int32)

    def _offer(self, vertex: int) -> None:
        """Queue all edges of a vertex, in both directions."""
        for other in sorted(self._neighbours(vertex)):
            if self._label[vertex] == self._label[other]:
                for gone, kept in ((vertex, other), (other, vertex)):
                    entry = (self._version[gone], self._version[kept])
                    heapq.heappush(self._queue, (self._cost(gone, kept), gone, kept, *entry))

    def _neighbours(self, vertex: int) -> set[int]:
        found = {corner for face in self._around[vertex] for corner in self._faces[face]}
        found.discard(vertex)
        return found

    def _cost(self, gone: int, kept: int) -> float:
        length = _less(self._at[kept], self._at[gone])
        return _error(self._quadric[gone], self._at[kept]) + LENGTH_SHARE**2 * _dot(length, length)

    def _fits(self, gone: int, kept: int) -> bool:
        """Whether the surface stays closed and simple, and no face folds over."""
        if len(self._neighbours(gone) & self._neighbours(kept)) != 2:
            return False
        shared = self._around[gone] & self._around[kept]
        for number in self._around[gone] - shared:
            before = [self._at[i] for i in self._faces[number]]
            after = [self._at[kept if i == gone else i] for i in self._faces[number]]
            old, new = _normal(*before), _normal(*after)
            sizes = _dot(old, old), _dot(new, new)
            if _dot(old, new) <= _FLATTEST * (sizes[0] * sizes[1]) ** 0.5:
                return False
            sides = [_less(after[i], after[i - 1]) for i in range(3)]
            if sizes[1] ** 0.5 < _SHARPEST * max(_dot(side, side) for side in sides):
                return False
        return True

    def _merge(self, gone: int, kept: int) -> None:
        for number in sorted(self._around[gone]):
            face = self._faces[number]
            if kept in face:
                for corner in face:
                    self._around[corner].discard(number)
                del self._faces[number]
            else:
                a, b, c = (kept if i == gone else i for i in face)
                self._faces[number] = (a, b, c)
                self._around[kept].add(number)
        self._around[gone] = set()
        self._quadric[kept] = _sum(self._quadric[kept], self._quadric[gone])
        self._version[gone] += 1
        # What did not fit before may fit now that the faces around have changed.
        for vertex in (kept, *sorted(self._neighbours(kept))):
            self._version[vertex] += 1
        for vertex in (kept, *sorted(self._neighbours(kept))):
            self._offer(vertex)


def _plane(a: Vector, b: Vector, c: Vector) -> list[float]:
    """The ten numbers of a face's quadric, times its area, and the area."""
    normal = _normal(a, b, c)
    twice = _dot(normal, normal) ** 0.5
    if twice == 0:
        return [0.0] * 11
    x, y, z = (n / twice for n in normal)
    w, area = -_dot((x, y, z), a), twice / 2
    products = (x * x, x * y, x * z, x * w, y * y, y * z, y * w, z * z, z * w, w * w, 1.0)
    return [area * product for product in products]


def _error(q: Sequence[float], at: Vector) -> float:
    """Mean squared distance of a point from the planes of a quadric."""
    x, y, z = at
    total = (
        x * (q[0] * x + 2 * (q[1] * y + q[2] * z + q[3]))
        + y * (q[4] * y + 2 * (q[5] * z + q[6]))
        + z * (q[7] * z + 2 * q[8])
        + q[9]
    )
    return max(total, 0.0) / q[10] if q[10] else 0.0


def _normal(a: Vector, b: Vector, c: Vector) -> Vector:
    """Of a face, as long as twice its area."""
    (ux, uy, uz), (vx, vy, vz) = _less(b, a), _less(c, a)
    return uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx


def _less(a: Vector, b: Vector) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _sum(a: Sequence[float], b: Sequence[float]) -> list[float]:
    return [x + y for x, y in zip(a, b, strict=True)]
