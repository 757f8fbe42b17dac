"""A z-buffer and smooth shading in numpy, for the figures of the clips.

Not ``geometry.zbuffer``: that one gives depth correct in perspective, this one interpolates it
straight across the picture, and the shipped clips keep their bits only with the latter.
"""

from __future__ import annotations

import numpy as np

FRAGMENTS = 1_000_000
"""Pixels of bounding boxes worked on in one go."""
EMPTY = np.iinfo(np.uint64).max
DEPTH_STEPS = 2**31 - 1
SAMPLES = 2
"""Per pixel and axis."""
LIGHT = np.array([-0.35, -0.7, -0.65]) / np.linalg.norm([-0.35, -0.7, -0.65])
"""Towards the lamp, camera axes."""
AMBIENT = 0.45


def visible_faces(points: np.ndarray, faces: np.ndarray, height: int, width: int) -> np.ndarray:
    """Which face is seen through each pixel's centre.

    Args:
        points: (V,3) pixel x, pixel y, depth.
        faces: (F,3).
        height: rows.
        width: columns.

    Returns:
        (height, width) int64 row of ``faces``; -1 = none.
    """
    corners = points[faces].astype(np.float32)
    low = np.floor(corners[..., :2].min(1)).astype(np.int64)
    high = np.ceil(corners[..., :2].max(1)).astype(np.int64)
    first = np.maximum(low, 0)
    size = np.minimum(high, [width - 1, height - 1]) - first + 1
    drawn = (np.abs(_area(corners)) > 1e-6) & (size > 0).all(1)
    rows = np.flatnonzero(drawn)
    batch = np.cumsum(size[rows].prod(1)) // FRAGMENTS
    near, far = points[:, 2].min(), points[:, 2].max()
    nearest = np.full(height * width, EMPTY, np.uint64)
    for part in np.split(rows, np.flatnonzero(np.diff(batch)) + 1):
        pixel, face, depth = _fragments(part, corners[part], first[part], size[part], width)
        steps = (depth - near) / (far - near + 1e-9) * DEPTH_STEPS
        # Depth in the upper half, face in the lower: the least number is the nearest face.
        key = steps.clip(0, DEPTH_STEPS).astype(np.uint64) << np.uint64(32)
        np.minimum.at(nearest, pixel, key | face.astype(np.uint64))
    seen = (nearest & np.uint64(0xFFFFFFFF)).astype(np.int64)
    seen[nearest == EMPTY] = -1
    return seen.reshape(height, width)


def _area(corners: np.ndarray) -> np.ndarray:
    """Twice the signed areas of triangles (F,3,>=2)."""
    x, y = corners[..., 0], corners[..., 1]
    return (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (y[:, 1] - y[:, 0]) * (x[:, 2] - x[:, 0])


def _fragments(
    faces: np.ndarray, corners: np.ndarray, first: np.ndarray, size: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels covered by triangles: their numbers, the faces' rows, and depths.

    Args:
        faces: (K,) rows.
        corners: (K,3,3).
        first: (K,2) column and row of the bounding boxes' first pixel.
        size: (K,2) columns and rows of the boxes.
        width: columns of the picture.
    """
    count = size.prod(1)
    own = np.repeat(np.arange(len(faces)), count)
    nth = np.arange(len(own)) - np.repeat(np.cumsum(count) - count, count)
    row, column = np.divmod(nth, size[own, 0])
    column += first[own, 0]
    row += first[own, 1]

    def share(p: int, q: int) -> np.ndarray:
        """Weight of the corner opposite the edge p q."""
        edge = corners[:, q] - corners[:, p]
        across = edge[own, 0] * (row + 0.5 - corners[own, p, 1])
        along = edge[own, 1] * (column + 0.5 - corners[own, p, 0])
        return (across - along) / _area(corners)[own]

    w0, w2 = share(1, 2), share(0, 1)
    w1 = 1 - w0 - w2
    inside = (w0 >= 0) & (w1 >= 0) & (w2 >= 0)
    z = corners[own, :, 2]
    depth = w0 * z[:, 0] + w1 * z[:, 1] + w2 * z[:, 2]
    return (row * width + column)[inside], faces[own[inside]], depth[inside]


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V,3) outward unit normals, faces weighted by their areas."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    total = np.zeros_like(vertices)
    for corner in faces.T:
        for axis in range(3):
            total[:, axis] += np.bincount(corner, normal[:, axis], len(vertices))
    return total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-9)


def paint(
    image: np.ndarray,
    projected: np.ndarray,
    vertices: np.ndarray,
    faces: np.ndarray,
    colour: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a mesh over a picture.

    Args:
        image: (H,W,3) uint8.
        projected: (V,3) pixel x, pixel y, depth.
        vertices: (V,3) camera axes, for the normals.
        faces: (F,3).
        colour: (V,3) 0..1.

    Returns:
        A new picture, and the mesh's share of each pixel (H,W) float32.
    """
    height, width = image.shape[:2]
    cover = np.zeros((height, width), np.float32)
    x0, y0 = np.maximum(np.floor(projected[:, :2].min(0)).astype(int) - 2, 0)
    x1, y1 = np.minimum(np.ceil(projected[:, :2].max(0)).astype(int) + 3, [width, height])
    if x1 - x0 < 2 or y1 - y0 < 2:
        return image, cover
    local = (projected - [x0, y0, 0]) * [SAMPLES, SAMPLES, 1]
    face = visible_faces(local, faces, (y1 - y0) * SAMPLES, (x1 - x0) * SAMPLES)
    layer = np.zeros((*face.shape, 4), np.float32)
    layer[face >= 0, :3] = _shaded(local, face, vertices, faces, colour) * 255
    layer[face >= 0, 3] = 1
    layer = layer.reshape(y1 - y0, SAMPLES, x1 - x0, SAMPLES, 4).mean((1, 3))
    out = image.copy()
    behind = out[y0:y1, x0:x1].astype(np.float32)
    mixed = behind * (1 - layer[..., 3:]) + layer[..., :3]
    out[y0:y1, x0:x1] = mixed.clip(0, 255).astype(np.uint8)
    cover[y0:y1, x0:x1] = layer[..., 3]
    return out, cover


def _shaded(
    projected: np.ndarray,
    face: np.ndarray,
    vertices: np.ndarray,
    faces: np.ndarray,
    colour: np.ndarray,
) -> np.ndarray:
    """Colours (S,3) of the S pixels where ``face`` (h,w) is not -1, row by row."""
    row, column = np.nonzero(face >= 0)
    corners = faces[face[row, column]]
    a, b, c = (projected[corners[:, k], :2] for k in range(3))
    p, ab, ac = np.stack([column + 0.5, row + 0.5], 1) - a, b - a, c - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    w1 = (p[:, 0] * ac[:, 1] - p[:, 1] * ac[:, 0]) / area
    w2 = (ab[:, 0] * p[:, 1] - ab[:, 1] * p[:, 0]) / area
    weights = np.stack([1 - w1 - w2, w1, w2], 1)[..., None]
    normal = (vertex_normals(vertices, faces)[corners] * weights).sum(1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    normal = np.where(normal[:, 2:] > 0, -normal, normal)  # what is seen faces the camera
    light = AMBIENT + (1 - AMBIENT) * np.clip(normal @ LIGHT, 0, 1)
    return (colour[corners] * weights).sum(1) * light[:, None]
