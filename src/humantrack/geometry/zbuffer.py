"""A z-buffer rasteriser without OpenGL: depth, face and barycentrics of every pixel.

Written once for numpy arrays and for tensors on a GPU, which have the same methods; torch is only
imported when tensors come in. Triangles are cut into rows of pixels, the rows into pixels, each
step for all triangles at once.

Semantics are those of the depth maps in 4D-Humans' track.py (shubham-goel/NMR). Camera axes are x
right, y down, z away, in metres; map row r, column c is the ray through the pixel centre
(c + 0.5, r + 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
"""A numpy array or a torch tensor."""


@dataclass(frozen=True, slots=True)
class Raster:
    """What is seen through every pixel of B pictures, as arrays or tensors as the vertices were."""

    depth: Array
    """(B,H,W) float32 camera z in metres; ``far`` where nothing is drawn."""

    face: Array
    """(B,H,W) int32 row of ``faces``, -1 where nothing is drawn; n*F + row in a scene (mesh n)."""

    barycentric: Array | None
    """(B,H,W,3) float32 weights of the face's corners on the surface (perspective-correct),
    0 where nothing is drawn. None unless asked for."""


def rasterize(
    vertices: Array,
    faces: Array,
    *,
    focal_px: float,
    centre_px: Sequence[float],
    size: tuple[int, int],
    near: float = 0.1,
    far: float = 100.0,
    cull_back: bool = False,
    barycentric: bool = False,
    scene: bool = False,
) -> Raster:
    """Draw meshes without anti-aliasing.

    A pixel centre on an edge is inside. Faces without area or with a corner that is not finite
    draw nothing. Depth is perspective-correct; only near < z < far is drawn; the nearest face
    wins, of equal ones the first. Nothing is clipped at the near plane: faces are tested by pixel.

    Args:
        vertices: (V,3) or (B,V,3) camera coordinates in metres, any float type: a numpy array, or
            a tensor on any device.
        faces: (F,3) integers, likewise.
        focal_px: focal length in pixels.
        centre_px: principal point (x, y) in pixels, origin at the top-left corner.
        size: (H, W) of the map.
        near: smallest z drawn, metres, above 0.
        far: largest z drawn, and the depth of the background.
        cull_back: skip faces that are clockwise as seen (counter-clockwise is outside).
        barycentric: also compute the weights of the corners.
        scene: draw all meshes into one picture (B = 1), so that they hide one another.

    Returns:
        Maps of the kind and on the device of ``vertices``. The same input gives the same bits.
    """
    view = _View(focal_px, (centre_px[0], centre_px[1]), size, near, far, cull_back)
    if isinstance(vertices, np.ndarray):
        faces = np.asarray(faces, np.int64)
        return _draw(np, vertices, faces, view, scene=scene, barycentric=barycentric)
    import torch

    points, faces = vertices.detach(), faces.to(torch.int64)
    if vertices.is_cuda:
        faces = faces.to(vertices.device)
        return _draw(torch, points, faces, view, scene=scene, barycentric=barycentric)
    # On a CPU numpy is faster; Apple's GPUs have no float64 and no 64-bit minimum.
    mesh, triangles = points.cpu().to(torch.float64).numpy(), faces.cpu().numpy()
    drawn = _draw(np, mesh, triangles, view, scene=scene, barycentric=barycentric)
    maps = (drawn.depth, drawn.face, drawn.barycentric)
    return Raster(*(m if m is None else torch.from_numpy(m).to(vertices.device) for m in maps))


@dataclass(frozen=True, slots=True)
class _View:
    """The arguments of :func:`rasterize` that say how a mesh is seen."""

    focal_px: float
    centre_px: tuple[float, float]
    size: tuple[int, int]
    near: float
    far: float
    cull_back: bool


def _draw(
    xp: Any, vertices: Array, faces: Array, view: _View, *, scene: bool, barycentric: bool
) -> Raster:
    """:func:`rasterize` with the library (numpy or torch) that the arrays belong to."""
    points = vertices.reshape(-1, *vertices.shape[-2:])
    height, width = view.size
    pictures, pixels = (1 if scene else len(points)), height * width
    block = _block_size(xp)
    with np.errstate(all="ignore"):  # what is not a number is never drawn
        screens = [_project(xp, mesh, view) for mesh in points]
        key = _empty_key(xp, pictures * pixels, view.far, vertices)
        for number, screen in enumerate(screens):
            pixel, face = (0, number * len(faces)) if scene else (number * pixels, 0)
            for first in range(0, len(faces), block):
                found = _set_up(xp, screen, faces[first : first + block], view)
                for start, end in _runs(xp, found.height, block):
                    rows = _rows(xp, found.part(start, end), width)
                    for low, high in _runs(xp, rows.width, block):
                        part = rows.part(low, high)
                        _keep_nearest(xp, key, *_fragments(xp, part, view, pixel, face + first))
        halves = key.reshape(pictures, height, width, 1).view(xp.int32)
        face = halves[..., 0]
        weights = _weights(xp, screens, faces, face, scene) if barycentric else None
    return Raster(depth=halves[..., 1].view(xp.float32), face=face, barycentric=weights)


def _empty_key(xp: Any, pixels: int, far: float, like: Array) -> Array:
    """(pixels,) int64 that show nothing: the depth's bits above, the face below.

    Positive floats sort like their bits, so the least key is the nearest; the low -1 is "no face".
    """
    background = int(np.float32(far).view(np.int32))
    return _placed(xp, np.full(pixels, (background << 32) | 0xFFFFFFFF, np.int64), like)


def _placed(xp: Any, array: Array, like: Array) -> Array:
    """A new array, on the device of another."""
    return array if xp is np else xp.from_numpy(array).to(like.device)


def _block_size(xp: Any) -> int:
    """Elements worked on in one go: on a CPU the arrays then stay in its cache."""
    return 1 << 15 if xp is np else 1 << 21


def _project(xp: Any, mesh: Array, view: _View) -> tuple[Array, Array, Array]:
    """Of V points x, y in pixels and z in metres, float64."""
    x, y, z = (xp.asarray(mesh[:, axis], dtype=xp.float64) for axis in range(3))
    scale = view.focal_px / (z + 1e-9)
    return x * scale + view.centre_px[0], y * scale + view.centre_px[1], z


@dataclass(frozen=True, slots=True)
class _Triangles:
    """K triangles and the rectangles of pixels whose centres they may cover."""

    face: Array
    """(K,) rows of the faces they come from."""

    column: Array
    row: Array
    """(K,) of the rectangle's first pixel. Whole numbers, as float64 like all that follows."""

    width: Array
    height: Array
    """(K,) pixels, never 0."""

    edges: Array
    """(9,K) e0, e1, e2, d/dcolumn of them, d/drow of them. e_i is twice the area of the pixel
    centre and the edge opposite corner i, all >= 0 inside, here at the first pixel's centre."""

    inverse: Array
    """(3,K) e0/z0 + e1/z1 + e2/z2, and its d/dcolumn and d/drow; ``area`` over it is the depth."""

    area: Array
    """(K,) e0 + e1 + e2, which is the same everywhere."""

    def part(self, start: int, end: int) -> _Triangles:
        """Some of them, sharing memory."""
        return _Triangles(*(getattr(self, name)[..., start:end] for name in self.__slots__))


def _set_up(xp: Any, screen: tuple[Array, Array, Array], faces: Array, view: _View) -> _Triangles:
    """The triangles that can be seen at all."""
    corners = [faces[:, i] for i in range(3)]
    x, y, z = ([axis.take(i) for i in corners] for axis in screen)
    area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
    # In pixels y points down, so counter-clockwise as seen is a negative area.
    drawn = area < 0 if view.cull_back else (area != 0)
    left, right = _bounds(xp, x, view.size[1])
    top, bottom = _bounds(xp, y, view.size[0])
    drawn &= (left < right) & (top < bottom) & xp.isfinite(area)
    face = xp.where(drawn)[0]

    z = [a.take(face) for a in z]
    # 1/z inside is a mean of the corners'. So the others cannot pass the depth test; a face that
    # reaches behind the camera can, even if its corners before it are nearer than near.
    low, high = _extremes(xp, z)
    straddles = (low < 0) & (high > 0)
    possible = xp.where(((high > view.near) | straddles) & (low < view.far))[0]
    z = [a.take(possible) for a in z]
    face = face.take(possible)

    x, y = [a.take(face) for a in x], [a.take(face) for a in y]
    area, left, right, top, bottom = (a.take(face) for a in (area, left, right, top, bottom))
    edges = _edges(x, y, left + 0.5, top + 0.5, xp.sign(area))
    inverse = [e[0] / z[0] + e[1] / z[1] + e[2] / z[2] for e in edges]
    return _Triangles(
        face=face,
        column=left,
        row=top,
        width=right - left,
        height=bottom - top,
        edges=xp.stack([e for some in edges for e in some]),
        inverse=xp.stack(inverse),
        area=xp.abs(area),
    )


def _extremes(xp: Any, values: Sequence[Array]) -> tuple[Array, Array]:
    """The smallest and the largest of three, element by element."""
    a, b, c = values
    return xp.minimum(xp.minimum(a, b), c), xp.maximum(xp.maximum(a, b), c)


def _bounds(xp: Any, corners: Sequence[Array], size: int) -> tuple[Array, Array]:
    """First pixel whose centre is at or after the smallest of three, and end (exclusive)."""
    low, high = _extremes(xp, corners)
    return xp.ceil(xp.clip(low - 0.5, 0, size)), xp.floor(xp.clip(high + 0.5, 0, size))


def _edges(
    x: Sequence[Array], y: Sequence[Array], px: Array, py: Array, sign: Array | float = 1
) -> tuple[list[Array], list[Array], list[Array]]:
    """e0, e1, e2 at a point, d/dx and d/dy of them; ``sign`` makes them positive inside."""
    value, per_column, per_row = [], [], []
    for i, j in ((1, 2), (2, 0), (0, 1)):
        dx, dy = (x[j] - x[i]) * sign, (y[j] - y[i]) * sign
        value.append(dx * (py - y[i]) - dy * (px - x[i]))
        per_column.append(-dy)
        per_row.append(dx)
    return value, per_column, per_row


def _runs(xp: Any, count: Array, limit: int) -> list[tuple[int, int]]:
    """Cut elements into runs, first and end, of about ``limit`` of what each counts for."""
    if not len(count):
        return []
    total = xp.cumsum(count, 0)
    if float(total[-1]) <= limit:
        return [(0, len(count))]
    run = xp.floor(total / limit)
    ends = (xp.where(run[1:] != run[:-1])[0] + 1).tolist()
    return list(zip([0, *ends], [*ends, len(count)], strict=True))


def _expand(xp: Any, count: Array) -> tuple[Array, Array]:
    """Element i count[i] times -> (its index, which of its copies), int64."""
    whole = xp.asarray(count, dtype=xp.int64)
    if xp is np:
        own = np.repeat(np.arange(len(whole)), whole)
        nth = np.arange(len(own))
    else:
        own = xp.repeat_interleave(whole)
        nth = xp.arange(len(own), device=own.device)
    return own, nth - (xp.cumsum(whole, 0) - whole).take(own)


@dataclass(frozen=True, slots=True)
class _Rows:
    """K rows of pixels, each of one triangle."""

    face: Array
    """(K,) which the triangle comes from."""

    pixel: Array
    """(K,) number of the first pixel (row * width + column), int64."""

    width: Array
    """(K,) pixels, never 0."""

    inverse: Array
    """(2,K) as in ``_Triangles``, at the first pixel, and its d/dcolumn."""

    area: Array
    """(K,) as in ``_Triangles``."""

    def part(self, start: int, end: int) -> _Rows:
        """Some of them, sharing memory."""
        return _Rows(*(getattr(self, name)[..., start:end] for name in self.__slots__))


def _rows(xp: Any, triangles: _Triangles, width: int) -> _Rows:
    """The pixels inside of triangles: where in a row of its rectangle all edges are passed."""
    own, down = _expand(xp, triangles.height)
    down = xp.asarray(down, dtype=xp.float64)
    first, last = 0 * down, triangles.width.take(own) - 1
    some_level = bool((triangles.edges[3:6] == 0).any())
    for i in range(3):
        edge = triangles.edges[i].take(own) + triangles.edges[6 + i].take(own) * down
        slope = triangles.edges[3 + i].take(own)
        zero = edge / -slope
        never = xp.where((slope == 0) & (edge < 0), np.inf, 0.0) if some_level else 0.0
        first = xp.maximum(first, xp.where(slope > 0, zero, never))
        last = xp.minimum(last, xp.where(slope < 0, zero, np.inf))
    first, last = xp.ceil(first), xp.floor(last)
    some = xp.where(first <= last)[0]
    own, down, first, last = (a.take(some) for a in (own, down, first, last))
    value, per_column, per_row = (a.take(own) for a in triangles.inverse)
    row, column = triangles.row.take(own) + down, triangles.column.take(own) + first
    return _Rows(
        face=triangles.face.take(own),
        pixel=xp.asarray(row * width + column, dtype=xp.int64),
        width=last - first + 1,
        inverse=xp.stack([value + per_row * down + per_column * first, per_column]),
        area=triangles.area.take(own),
    )


def _fragments(
    xp: Any, rows: _Rows, view: _View, first_pixel: int, first_face: int
) -> tuple[Array, Array]:
    """What is drawn: number of the pixel, and the key that ``_empty_key`` describes."""
    own, nth = _expand(xp, rows.width)
    inverse = rows.inverse[0].take(own) + rows.inverse[1].take(own) * nth
    depth = xp.asarray(rows.area.take(own) / inverse, dtype=xp.float32)
    pixel = rows.pixel.take(own) + nth
    seen = xp.where((depth > view.near) & (depth < view.far))[0]
    if len(seen) < len(depth):
        own, pixel, depth = (a.take(seen) for a in (own, pixel, depth))
    bits = xp.asarray(depth.view(xp.int32), dtype=xp.int64) << 32
    return pixel + first_pixel, bits | (rows.face.take(own) + first_face)


def _keep_nearest(xp: Any, key: Array, pixel: Array, value: Array) -> None:
    """key[pixel] = min(key[pixel], value), in place, whatever the order."""
    if xp is np:
        np.minimum.at(key, pixel, value)
    else:
        key.scatter_reduce_(0, pixel, value, "amin")


def _weights(xp: Any, screens: Sequence[Any], faces: Array, face: Array, scene: bool) -> Array:
    """(B,H,W,3) barycentrics on the surface of what every pixel shows."""
    pictures, height, width = face.shape
    flat = face.reshape(-1)
    weights = _placed(xp, np.zeros((len(flat), 3), np.float32), flat)
    block = _block_size(xp)
    for start in range(0, len(flat) if screens else 0, block):
        pixel = xp.where(flat[start : start + block] >= 0)[0] + start
        number = xp.asarray(flat.take(pixel), dtype=xp.int64)
        mesh = number // len(faces) if scene else pixel // (height * width)
        corners = faces[number % len(faces)]
        x, y, z = (
            [xp.stack([s[axis] for s in screens])[mesh, corners[:, i]] for i in range(3)]
            for axis in range(3)
        )
        value, _, _ = _edges(x, y, pixel % width + 0.5, pixel // width % height + 0.5)
        w = xp.stack([e / depth for e, depth in zip(value, z, strict=True)], 1)
        weights[pixel] = xp.asarray(w / w.sum(1)[:, None], dtype=xp.float32)
    return weights.reshape(pictures, height, width, 3)
