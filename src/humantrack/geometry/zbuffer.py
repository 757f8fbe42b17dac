"""A z-buffer rasteriser in plain torch: depth, face and barycentrics of every pixel. No OpenGL.

Semantics are those of PHALP's depth maps (golden ARCHITECTURE.md section 9). Camera axes are x
right, y down, z away, in metres; map row r, column c is the ray through the pixel centre
(c + 0.5, r + 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Raster:
    """What is seen through every pixel of B pictures."""

    depth: Tensor
    """(B,H,W) float32 camera z in metres; ``far`` where nothing is drawn."""

    face: Tensor
    """(B,H,W) int32 row of ``faces``, -1 where nothing is drawn; n*F + row in a scene (mesh n)."""

    barycentric: Tensor | None
    """(B,H,W,3) float32 weights of the face's corners on the surface (perspective-correct),
    0 where nothing is drawn. None unless asked for."""


def rasterize(
    vertices: Tensor,
    faces: Tensor,
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
        vertices: (V,3) or (B,V,3) camera coordinates in metres, any float type, any device.
        faces: (F,3) integers.
        focal_px: focal length in pixels.
        centre_px: principal point (x, y) in pixels, origin at the top-left corner.
        size: (H, W) of the map.
        near: smallest z drawn, metres, above 0.
        far: largest z drawn, and the depth of the background.
        cull_back: skip faces that are clockwise as seen (counter-clockwise is outside).
        barycentric: also compute the weights of the corners.
        scene: draw all meshes into one picture (B = 1), so that they hide one another.

    Returns:
        Maps on the device of ``vertices``. The same input gives the same bits.
    """
    device = vertices.device
    # Apple's GPUs have no float64 and no 64-bit minimum.
    work = torch.device("cpu") if device.type == "mps" else device
    points = vertices.detach().to(work).reshape(-1, *vertices.shape[-2:])
    faces = faces.to(work, torch.int64)
    height, width = size
    pictures, pixels = (1 if scene else len(points)), height * width
    screens = [_project(mesh, focal_px, centre_px) for mesh in points]

    key = _empty_key(pictures * pixels, far, work)
    for number, screen in enumerate(screens):
        first_pixel, first_face = (0, number * len(faces)) if scene else (number * pixels, 0)
        for start, some in _blocks(faces):
            for part in _chunks(_set_up(screen, some, size, (near, far), cull_back)):
                pixel, depth, face = _fragments(part, width, (near, far))
                bits = depth.view(torch.int32).to(torch.int64) << 32
                _keep_nearest(key, pixel + first_pixel, bits | (face + (first_face + start)))

    halves = key.view(pictures, height, width, 1).view(torch.int32)
    face = halves[..., 0]
    return Raster(
        depth=halves[..., 1].view(torch.float32).to(device),
        face=face.to(device),
        barycentric=_weights(screens, faces, face, scene).to(device) if barycentric else None,
    )


def _empty_key(pixels: int, far: float, device: torch.device) -> Tensor:
    """(pixels,) int64 that show nothing: the depth's bits above, the face below.

    Positive floats sort like their bits, so the least key is the nearest; the low -1 is "no face".
    """
    background = int(np.float32(far).view(np.int32))
    return torch.from_numpy(np.full(pixels, (background << 32) | 0xFFFFFFFF, np.int64)).to(device)


def _block_size(device: torch.device) -> int:
    """Elements worked on in one go.

    On a CPU the arrays then stay in its cache, and torch does not split the work between threads,
    which costs far more than it gains when the other stages of a run keep the cores busy. (For the
    same reason this file has ``index_select`` where ``[]`` would be shorter.)
    """
    return 1 << 15 if device.type == "cpu" else 1 << 21


def _blocks(faces: Tensor) -> list[tuple[int, Tensor]]:
    """Faces in blocks, each with the row of its first."""
    size = _block_size(faces.device)
    return [(first, faces[first : first + size]) for first in range(0, len(faces), size)]


def _project(mesh: Tensor, focal_px: float, centre_px: Sequence[float]) -> Tensor:
    """(3,V) float64: x, y in pixels and z in metres."""
    x, y, z = (axis.to(torch.float64) for axis in mesh.unbind(1))
    scale = focal_px / (z + 1e-9)
    return torch.stack([x * scale + centre_px[0], y * scale + centre_px[1], z])


def _pick(values: Sequence[Tensor], index: Tensor) -> Tensor:
    """The picked entries of each, stacked."""
    return torch.stack([row.index_select(0, index) for row in values])


@dataclass(frozen=True, slots=True)
class _Triangles:
    """K triangles and the rectangles of pixels whose centres they may cover."""

    face: Tensor
    """(K,) rows of the faces they come from; a triangle can be here in several bands."""

    column: Tensor
    row: Tensor
    """(K,) of the rectangle's first pixel. Whole numbers, as float64 like all that follows."""

    width: Tensor
    height: Tensor
    """(K,) pixels, never 0."""

    edges: Tensor
    """(9,K) e0, e1, e2, d/dcolumn of them, d/drow of them. e_i is twice the area of the pixel
    centre and the edge opposite corner i, all >= 0 inside, here at the first pixel's centre."""

    z: Tensor
    """(3,K) metres."""

    def part(self, start: int, end: int) -> _Triangles:
        """Some of them, sharing memory."""
        return _Triangles(
            self.face[start:end],
            self.column[start:end],
            self.row[start:end],
            self.width[start:end],
            self.height[start:end],
            self.edges[:, start:end],
            self.z[:, start:end],
        )


def _set_up(
    screen: Tensor,
    faces: Tensor,
    size: tuple[int, int],
    near_far: tuple[float, float],
    cull_back: bool,
) -> _Triangles:
    """The triangles that can be seen at all."""
    height, width = size
    corners = faces.T.contiguous()
    x0, x1, x2 = (screen[0].index_select(0, i) for i in corners)
    y0, y1, y2 = (screen[1].index_select(0, i) for i in corners)
    area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
    # In pixels y points down, so counter-clockwise as seen is a negative area.
    drawn = area < 0 if cull_back else (area != 0)
    left, right = _bounds(x0, x1, x2, width)
    top, bottom = _bounds(y0, y1, y2, height)
    drawn &= (left < right) & (top < bottom) & torch.isfinite(area)
    face = torch.nonzero(drawn).squeeze(1)

    z0, z1, z2 = (screen[2].index_select(0, i.index_select(0, face)) for i in corners)
    # 1/z inside is a mean of the corners'. So the others cannot pass the depth test; a face that
    # reaches behind the camera can, even if its corners before it are nearer than near.
    z_low = torch.minimum(torch.minimum(z0, z1), z2)
    z_high = torch.maximum(torch.maximum(z0, z1), z2)
    near, far = near_far
    straddles = (z_low < 0) & (z_high > 0)
    possible = torch.nonzero(((z_high > near) | straddles) & (z_low < far)).squeeze(1)
    z = _pick((z0, z1, z2), possible)
    face = face.index_select(0, possible)

    x, y = _pick((x0, x1, x2), face), _pick((y0, y1, y2), face)
    area, left, right, top, bottom = _pick((area, left, right, top, bottom), face)
    edges = _edges(x, y, left + 0.5, top + 0.5, area.sign())
    return _Triangles(face, left, top, right - left, bottom - top, edges, z)


def _bounds(a: Tensor, b: Tensor, c: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """First pixel whose centre is at or after the smallest of three, and end (exclusive)."""
    low = torch.minimum(torch.minimum(a, b), c).sub_(0.5).clamp_(0, size)
    high = torch.maximum(torch.maximum(a, b), c).add_(0.5).clamp_(0, size)
    whole = _floor(low)
    return whole + (low > whole), _floor(high)


def _floor(x: Tensor) -> Tensor:
    """Rounded down, for x >= 0; ``torch.floor`` starts threads however short the array."""
    return x.to(torch.int64).to(x.dtype)


def _edges(x: Tensor, y: Tensor, px: Tensor, py: Tensor, sign: Tensor | float = 1) -> Tensor:
    """(9,K) as in ``_Triangles.edges`` for corners (3,K); ``sign`` (K,) makes them positive."""
    value, per_column, per_row = [], [], []
    for i, j in ((1, 2), (2, 0), (0, 1)):
        dx, dy = (x[j] - x[i]) * sign, (y[j] - y[i]) * sign
        value.append(dx * (py - y[i]) - dy * (px - x[i]))
        per_column.append(-dy)
        per_row.append(dx)
    return torch.stack([*value, *per_column, *per_row])


def _chunks(triangles: _Triangles) -> list[_Triangles]:
    """Triangles in runs of at most a block of pixels (a single row may be longer)."""
    limit = _block_size(triangles.face.device)
    count = triangles.width * triangles.height
    if int(count.sum()) <= limit:
        return [triangles]
    if int(count.max()) > limit // 4:
        triangles = _bands(triangles, limit // 4)
        count = triangles.width * triangles.height
    # A run ends with the first triangle past the mark, hence the quarter's slack.
    run = _floor(torch.cumsum(count, 0) / (limit * 3 // 4))
    lengths = torch.unique_consecutive(run, return_counts=True)[1].tolist()
    ends = np.cumsum(lengths).tolist()
    return [triangles.part(end - n, end) for end, n in zip(ends, lengths, strict=True)]


def _bands(triangles: _Triangles, limit: int) -> _Triangles:
    """Cut the rectangles into bands of at most so many pixels, but at least a row."""
    rows = _floor(limit / triangles.width).clamp_(min=1)
    own, nth = _expand(_floor((triangles.height + rows - 1) / rows))
    rows, column, row, width, height = _pick(
        (rows, triangles.column, triangles.row, triangles.width, triangles.height), own
    )
    down = nth * rows
    edges = _pick(tuple(triangles.edges), own)
    edges[:3] += edges[6:] * down
    return _Triangles(
        triangles.face.index_select(0, own),
        column,
        row + down,
        width,
        torch.minimum(rows, height - down),
        edges,
        _pick(tuple(triangles.z), own),
    )


def _expand(count: Tensor) -> tuple[Tensor, Tensor]:
    """Element i count[i] times -> (its index, which of its copies)."""
    whole = count.to(torch.int64)
    if whole.device.type == "cpu":
        # torch.repeat_interleave starts threads however short the array.
        index = torch.from_numpy(np.repeat(np.arange(len(whole)), whole.numpy()))
    else:
        index = torch.repeat_interleave(whole)
    first = torch.cumsum(count, 0) - count
    nth = torch.arange(len(index), device=count.device, dtype=count.dtype)
    return index, nth.sub_(first.index_select(0, index))


def _fragments(
    triangles: _Triangles, width: int, near_far: tuple[float, float]
) -> tuple[Tensor, Tensor, Tensor]:
    """What is drawn: number of the pixel (row * width + column), depth float32, face."""
    own, nth = _expand(triangles.width * triangles.height)
    columns = triangles.width.index_select(0, own)
    row = _floor(nth / columns)
    column = nth.addcmul_(row, columns, value=-1)
    e = [
        triangles.edges[i]
        .index_select(0, own)
        .addcmul_(triangles.edges[3 + i].index_select(0, own), column)
        .addcmul_(triangles.edges[6 + i].index_select(0, own), row)
        for i in range(3)
    ]
    inside = torch.nonzero(torch.minimum(torch.minimum(e[0], e[1]), e[2]) >= 0).squeeze(1)
    own, row, column, e0, e1, e2 = (a.index_select(0, inside) for a in (own, row, column, *e))
    z0, z1, z2 = (z.index_select(0, own) for z in triangles.z)
    depth = ((e0 + e1 + e2) / (e0 / z0 + e1 / z1 + e2 / z2)).to(torch.float32)
    row += triangles.row.index_select(0, own)
    column += triangles.column.index_select(0, own)
    pixel = column.add_(row, alpha=width).to(torch.int64)
    face = triangles.face.index_select(0, own)
    seen = torch.nonzero((depth > near_far[0]) & (depth < near_far[1])).squeeze(1)
    return pixel.index_select(0, seen), depth.index_select(0, seen), face.index_select(0, seen)


def _keep_nearest(key: Tensor, pixel: Tensor, value: Tensor) -> None:
    """key[pixel] = min(key[pixel], value), in place, whatever the order."""
    if key.device.type == "cpu":
        # Eight times as fast as scatter_reduce_ on a CPU.
        np.minimum.at(key.numpy(), pixel.numpy(), value.numpy())
    else:
        key.scatter_reduce_(0, pixel, value, "amin")


def _weights(screens: Sequence[Tensor], faces: Tensor, face: Tensor, scene: bool) -> Tensor:
    """(B,H,W,3) barycentrics on the surface of what every pixel shows."""
    _, height, width = face.shape
    flat = face.reshape(-1)
    weights = torch.from_numpy(np.zeros((len(flat), 3), np.float32)).to(face.device)
    points = torch.cat([torch.zeros(3, 0, device=face.device), *screens], 1)
    corner_count = points.shape[1] // max(len(screens), 1)
    size = _block_size(flat.device)
    for start in range(0, len(flat), size):
        pixel = torch.nonzero(flat[start : start + size] >= 0).squeeze(1) + start
        number = flat.index_select(0, pixel).to(torch.int64)
        mesh = number // len(faces) if scene else pixel // (height * width)
        corners = faces.index_select(0, number % len(faces)).T + mesh * corner_count
        x, y, z = (torch.stack([a.index_select(0, i) for i in corners]) for a in points)
        px, py = pixel % width + 0.5, pixel // width % height + 0.5
        w = _edges(x, y, px, py)[:3] / z
        weights.index_copy_(0, pixel, (w / w.sum(0)).T.to(torch.float32))
    return weights.view(-1, height, width, 3)
