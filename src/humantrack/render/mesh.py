"""Draws shaded bodies over a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from humantrack.errors import ConfigError
from humantrack.geometry.zbuffer import rasterize
from humantrack.render.palette import Colour
from humantrack.types import BodyBatch, Observation

Array = npt.NDArray[np.floating[Any]]
ByteArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.integer[Any]]

ALPHA = 0.85
"""Opacity of a body."""

MAX_EXTENT_M = 8.0
"""A surface larger than this in any direction is not a body, and would take minutes to draw."""

NEAR_M, FAR_M = 0.1, 1e5
"""Nearest point of a body, and the depth of the background. With PHALP's long focal length a
person of a tenth of the picture's height is 300 m away."""

_HEAD_JOINT = 15
_HEAD_REGIONS = ("hair_scalp", "face", "eyes")

# Towards the lights, camera axes (y down, z away): a key light over the viewer's left shoulder and
# a fill from the right.
_LIGHTS = ((0.66, (-0.5, -0.75, -0.7)), (0.2, (0.9, -0.1, -0.4)))
_AMBIENT = 0.3
BRIGHTEST = 1.2
"""Brightness that the table of colours ends with; 1 is the person's colour."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole: focal length and principal point (x, y) in pixels of the drawn picture."""

    focal_px: float
    centre_px: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Paint:
    """How one body is drawn."""

    colour: Colour
    opacity: float
    """0..1"""


class MeshPainter:
    """Draws bodies of one model, nearer ones over farther ones.

    Args:
        body: a ``BodyModel``.
        head_mask: leave heads undrawn.
        device: where the z-buffer runs.

    Raises:
        ConfigError: if heads are to be left out and the body does not say which faces they are.
    """

    def __init__(self, body: Any, *, head_mask: bool = False, device: str = "cpu") -> None:
        from scipy.sparse import csr_matrix  # slow to import

        self._body = body
        self._device = device
        self._faces = np.asarray(body.faces, np.int64)
        self._head = _head_faces(body, self._faces) if head_mask else None
        corners = self._faces.ravel()
        rows = np.arange(len(corners)) // 3
        self._sum_at_vertex = csr_matrix(
            (np.ones(len(corners), np.float32), (corners, rows)),
            shape=(int(corners.max()) + 1, len(self._faces)),
        )

    def draw(
        self,
        picture: ByteArray,
        people: Sequence[Observation],
        paints: Sequence[Paint],
        camera: Camera,
    ) -> None:
        """Draw bodies into a picture, in place. What is not a body or not in view is left out.

        Args:
            picture: (H,W,3) uint8 RGB.
            people: whose bodies.
            paints: one per person.
            camera: of the picture.
        """
        people, paints = _with_numbers(people, paints)
        if not people:
            return
        vertices = self._body.vertices(_batch(people))
        with np.errstate(all="ignore"):
            vertices = vertices + np.stack([p.cam_t for p in people])[:, None]
        self.draw_surfaces(picture, vertices, paints, camera)

    def draw_surfaces(
        self, picture: ByteArray, vertices: Array, paints: Sequence[Paint], camera: Camera
    ) -> None:
        """As :meth:`draw`, for surfaces (N,V,3) in camera coordinates."""
        # One plane per axis: taking corners and finding extents is several times as fast so.
        with np.errstate(all="ignore"):
            planes = np.ascontiguousarray(np.moveaxis(vertices, 2, 0), np.float32)
        kept = np.flatnonzero(_drawable(planes))
        if not len(kept):
            return
        face = self._visible_faces(vertices[kept], camera, picture.shape[:2])
        window = _window(face >= 0)
        if window is None:
            return
        colours = _colour_table([paints[int(i)] for i in kept])
        of_face = np.take_along_axis(colours, self._shade(planes[:, kept]), axis=1)
        if self._head is not None:
            of_face[:, self._head] = 0
        # Face -1 is the last entry: nothing.
        layer = np.append(of_face, np.uint32(0)).take(face[window], mode="wrap")
        _blend(picture[window], layer.view(np.uint8).reshape(*layer.shape, 4))

    def _visible_faces(
        self, vertices: Array, camera: Camera, size: tuple[int, int]
    ) -> npt.NDArray[np.int32]:
        """(H,W) row of the face seen, n*F + face for person n, -1 for none."""
        surfaces, faces = _on(self._device, np.asarray(vertices, np.float32), self._faces)
        raster = rasterize(
            surfaces,
            faces,
            focal_px=camera.focal_px,
            centre_px=camera.centre_px,
            size=size,
            near=NEAR_M,
            far=FAR_M,
            cull_back=True,
            scene=True,
        )
        face = raster.face[0]
        return np.asarray(face if isinstance(face, np.ndarray) else face.cpu())

    def _shade(self, planes: Array) -> npt.NDArray[np.intp]:
        """(N,F) brightness of each face, 0..255, from normals averaged at its corners."""
        count, faces = planes.shape[1], len(self._faces)
        a, b, c = (planes.take(corner, axis=2) for corner in self._faces.T)
        u, v = b - a, c - a
        normal = np.empty((faces, 3, count), np.float32)
        for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            normal[:, i] = (u[j] * v[k] - u[k] * v[j]).T
        smooth = (self._sum_at_vertex @ normal.reshape(faces, -1)).reshape(-1, 3, count)
        smooth /= np.sqrt(np.einsum("vcn,vcn->vn", smooth, smooth) + 1e-20)[:, None]
        light = np.full((len(smooth), count), _AMBIENT, np.float32)
        for strength, towards in _LIGHTS:
            direction = np.array(towards, np.float32)
            direction *= strength / np.linalg.norm(direction)
            light += np.maximum(np.einsum("vcn,c->vn", smooth, direction), 0)
        by_person = np.ascontiguousarray(light.T)
        mean = sum(by_person.take(corner, axis=1) for corner in self._faces.T)
        return np.asarray(np.clip(mean * (255 / 3 / BRIGHTEST), 0, 255), np.intp)


def _on(device: str, *arrays: npt.NDArray[Any]) -> Sequence[Any]:
    """Arrays as the z-buffer takes them: as they are for the CPU, else as tensors."""
    if device.startswith("cpu"):
        return arrays
    import torch

    return [torch.from_numpy(array).to(device) for array in arrays]


def _colour_table(paints: Sequence[Paint]) -> npt.NDArray[np.uint32]:
    """(N,256) premultiplied RGBA, four bytes in one number, for each brightness."""
    level = np.linspace(0, BRIGHTEST, 256)[:, None]
    base = np.array([p.colour for p in paints], float)[:, None]
    # Above 1 the colour turns to white, like a highlight.
    rgb = base * np.minimum(level, 1) + (255 - base) * np.maximum(level - 1, 0)
    opacity = np.array([p.opacity for p in paints], float)[:, None, None]
    alpha = np.full((*rgb.shape[:2], 1), 255.0)
    rgba = np.concatenate([rgb, alpha], axis=2) * opacity
    return np.ascontiguousarray(np.rint(rgba), np.uint8).view(np.uint32)[..., 0]


def _window(drawn: npt.NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """The rectangle round what is drawn, with a rim of two pixels; None round nothing."""
    rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return (
        slice(max(int(rows[0]) - 2, 0), int(rows[-1]) + 3),
        slice(max(int(columns[0]) - 2, 0), int(columns[-1]) + 3),
    )


def _blend(picture: ByteArray, layer: ByteArray) -> None:
    """Lay premultiplied RGBA over a picture of its size, in place, edges softened by a pixel."""
    soft = cv2.GaussianBlur(layer, (3, 3), 0.6)
    keep = cv2.cvtColor(255 - soft[..., 3], cv2.COLOR_GRAY2RGB)
    below = cv2.multiply(picture, keep, scale=1 / 255)
    picture[:] = cv2.add(below, cv2.cvtColor(soft, cv2.COLOR_RGBA2RGB))


def _drawable(planes: Array) -> npt.NDArray[np.bool_]:
    """(N,) whether surfaces, planes (3,N,V), are finite, of a body's size and before the camera."""
    low, high = planes.min(axis=2), planes.max(axis=2)
    with np.errstate(all="ignore"):
        fine = np.isfinite(low + high).all(axis=0) & ((high - low) < MAX_EXTENT_M).all(axis=0)
    return np.asarray(fine & (low[2] > NEAR_M) & (low[2] < FAR_M))


def _with_numbers(
    people: Sequence[Observation], paints: Sequence[Paint]
) -> tuple[list[Observation], list[Paint]]:
    """Those whose parameters are finite and of a size that a body model can digest."""
    kept = [
        (person, paint)
        for person, paint in zip(people, paints, strict=True)
        if all(
            np.isfinite(a).all() and np.abs(a).max(initial=0) < 1e6
            for a in (person.global_orient, person.body_pose, person.betas, person.cam_t)
        )
    ]
    return [person for person, _ in kept], [paint for _, paint in kept]


def _batch(people: Sequence[Observation]) -> BodyBatch:
    fields = (
        "global_orient",
        "body_pose",
        "betas",
        "cam_crop",
        "cam_t",
        "joints_3d",
        "joints_2d",
    )
    return BodyBatch(**{name: np.stack([getattr(p, name) for p in people]) for name in fields})


def _head_faces(body: Any, faces: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(F,) whether a face belongs to the head: by the body's regions, else by its weights."""
    if hasattr(body, "region"):
        names = [i for i, name in enumerate(body.region_names) if name in _HEAD_REGIONS]
        vertices = np.isin(body.region, names)
    elif hasattr(body, "lbs_weights"):
        vertices = np.asarray(body.lbs_weights.argmax(1).cpu()) == _HEAD_JOINT
    else:
        raise ConfigError(
            "render.head_mask needs a body that names its parts",
            where=type(body).__name__,
            hint="set render.head_mask=false",
        )
    return np.asarray(vertices[faces].all(axis=1))
