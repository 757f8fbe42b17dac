"""Draws shaded bodies over a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from humantrack.errors import ConfigError
from humantrack.geometry.zbuffer import rasterize
from humantrack.render.palette import Colour
from humantrack.render.shading import Shader, blend, colour_table, picked
from humantrack.render.windows import Window, apart
from humantrack.types import BodyBatch
from humantrack.types.stages import Levelled, SurfaceLevel

Array = npt.NDArray[np.floating[Any]]
ByteArray = npt.NDArray[np.uint8]

ALPHA = 0.85
"""Opacity of a body."""

MAX_EXTENT_M = 8.0
"""A surface larger than this in any direction is not a body, and would take minutes to draw."""

NEAR_M, FAR_M = 0.1, 1e5
"""Nearest point of a body, and the depth of the background. With PHALP's long focal length a
person of a tenth of the picture's height is 300 m away."""

_HEAD_JOINT = 15
_HEAD_REGIONS = ("hair_scalp", "face", "eyes")

DETAIL_PX = 4.5
"""Details of up to this many pixels may be left out of a surface. Measured on people of 60 to 900
px: silhouettes overlap (IoU) by 0.99 and more with those of the whole surface, and pictures differ
by 0.4 to 2.2 of 255 inside them on average."""


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

    scale: float = 1.0
    """Size of the body, times that of its parameters."""


class BodyParameters(Protocol):
    """What of an ``Observation`` is drawn; shapes as there."""

    @property
    def global_orient(self) -> Array:
        """(1,3,3)."""

    @property
    def body_pose(self) -> Array:
        """(23,3,3)."""

    @property
    def betas(self) -> Array:
        """(10,)."""

    @property
    def cam_crop(self) -> Array:
        """(3,)."""

    @property
    def cam_t(self) -> Array:
        """(3,) metres."""

    @property
    def joints_3d(self) -> Array:
        """(45,3)."""

    @property
    def joints_2d(self) -> Array:
        """(45,2)."""


class MeshPainter:
    """Draws bodies of one model, nearer ones over farther ones.

    A body with levels of detail is drawn with no more faces than its size in the picture needs.

    Args:
        body: a ``BodyModel``, perhaps ``Levelled``.
        head_mask: leave heads undrawn.
        device: where the z-buffer runs.

    Raises:
        ConfigError: if heads are to be left out and the body does not say which faces they are.
    """

    def __init__(self, body: Any, *, head_mask: bool = False, device: str = "cpu") -> None:
        head = _head_to_leave_out(body) if head_mask else None
        levels = body.levels if isinstance(body, Levelled) else [_OneLevel(body)]
        self._surfaces = [_Surface(level, head) for level in levels]
        self._device = device

    def draw(
        self,
        picture: ByteArray,
        people: Sequence[BodyParameters],
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
        bodies = [
            body
            for surface, numbers in self._by_surface(people, camera)
            for body in _posed(surface, [people[i] for i in numbers], [paints[i] for i in numbers])
        ]
        windows = [_window(body.planes, camera, picture.shape[:2]) for body in bodies]
        seen = [i for i, window in enumerate(windows) if not window.is_empty]
        for window, members in apart([windows[i] for i in seen]):
            self._draw_together(picture, window, [bodies[seen[i]] for i in members], camera)

    def _by_surface(
        self, people: Sequence[BodyParameters], camera: Camera
    ) -> list[tuple[_Surface, list[int]]]:
        """The numbers of the people for whom each surface is fine enough, none of them empty."""
        groups: dict[int, list[int]] = {}
        for number, person in enumerate(people):
            metre_px = camera.focal_px / max(float(person.cam_t[2]), NEAR_M)
            fine = [s for s in self._surfaces if s.size_m * metre_px <= DETAIL_PX]
            groups.setdefault(len(fine) - 1, []).append(number)
        return [(self._surfaces[level], numbers) for level, numbers in groups.items()]

    def _draw_together(
        self, picture: ByteArray, window: Window, bodies: Sequence[_Posed], camera: Camera
    ) -> None:
        """Draw bodies that may hide one another into a part of a picture."""
        face = self._visible_faces(bodies, window, camera)
        blend(window.of(picture), picked(face, [body.colours() for body in bodies]))

    def _visible_faces(
        self, bodies: Sequence[_Posed], window: Window, camera: Camera
    ) -> npt.NDArray[np.int32]:
        """(H,W) number of the face seen, counted through all bodies, -1 for none."""
        first = np.cumsum([0, *(body.planes.shape[1] for body in bodies)])
        faces = [b.surface.faces + start for b, start in zip(bodies, first[:-1], strict=True)]
        vertices = np.concatenate([body.planes for body in bodies], axis=1).T
        raster = rasterize(
            *_on(self._device, vertices, np.concatenate(faces)),
            focal_px=camera.focal_px,
            centre_px=(camera.centre_px[0] - window.x0, camera.centre_px[1] - window.y0),
            size=window.size,
            near=NEAR_M,
            far=FAR_M,
            cull_back=True,
        )
        face = raster.face[0]
        return np.asarray(face if isinstance(face, np.ndarray) else face.cpu())


class _OneLevel:
    """The surface of a body without levels. A ``SurfaceLevel``."""

    size_m = 0.0

    def __init__(self, body: Any) -> None:
        self.faces = np.asarray(body.faces)
        self.vertex = np.arange(int(self.faces.max()) + 1)
        self.vertices = body.vertices


class _Surface:
    """A level of detail, made ready for drawing.

    Args:
        level: which.
        head: (V,) whether a vertex of the full surface belongs to the head; None to draw heads.
    """

    def __init__(self, level: SurfaceLevel, head: npt.NDArray[np.bool_] | None) -> None:
        self.size_m, self.vertices = level.size_m, level.vertices
        self.faces = np.asarray(level.faces, np.int64)
        self.undrawn = None if head is None else head[level.vertex][self.faces].all(axis=1)

    @cached_property
    def shade(self) -> Shader:
        """Brightness of the faces."""
        return Shader(self.faces)


@dataclass(frozen=True, slots=True)
class _Posed:
    """One body in its place."""

    surface: _Surface
    planes: Array
    """(3,V) float32 camera coordinates in metres; a plane per axis, as that is faster."""

    paint: Paint

    def colours(self) -> npt.NDArray[np.uint32]:
        """(F,) premultiplied RGBA of the faces."""
        table = colour_table(self.paint.colour, self.paint.opacity)
        colours = table.take(self.surface.shade(self.planes))
        if self.surface.undrawn is not None:
            colours[self.surface.undrawn] = 0
        return colours


def _posed(
    surface: _Surface, people: Sequence[BodyParameters], paints: Sequence[Paint]
) -> list[_Posed]:
    """The bodies of people, without those that cannot be drawn."""
    with np.errstate(all="ignore"):
        scale = np.array([paint.scale for paint in paints], np.float32)[:, None, None]
        vertices = surface.vertices(_batch(people)) * scale
        vertices += np.stack([p.cam_t for p in people])[:, None]
        planes = np.ascontiguousarray(np.moveaxis(vertices, 2, 1), np.float32)
    drawn = np.flatnonzero(_drawable(planes))
    return [_Posed(surface, planes[i], paints[i]) for i in drawn.tolist()]


def _window(planes: Array, camera: Camera, size: tuple[int, int]) -> Window:
    """Where a surface, planes (3,V), lies in a picture, with a rim for soft edges."""
    scale = camera.focal_px / planes[2]
    x, y = (planes[i] * scale + camera.centre_px[i] for i in (0, 1))
    return Window.around(x, y, 2, *size)


def _on(device: str, *arrays: npt.NDArray[Any]) -> Sequence[Any]:
    """Arrays as the z-buffer takes them: as they are for the CPU, else as tensors."""
    if device.startswith("cpu"):
        return arrays
    import torch

    return [torch.from_numpy(array).to(device) for array in arrays]


def _drawable(planes: Array) -> npt.NDArray[np.bool_]:
    """(N,) whether surfaces, planes (N,3,V), are finite, of a body's size and before the camera."""
    low, high = planes.min(axis=2), planes.max(axis=2)
    with np.errstate(all="ignore"):
        fine = np.isfinite(low + high).all(axis=1) & ((high - low) < MAX_EXTENT_M).all(axis=1)
    return np.asarray(fine & (low[:, 2] > NEAR_M) & (low[:, 2] < FAR_M))


def _with_numbers(
    people: Sequence[BodyParameters], paints: Sequence[Paint]
) -> tuple[list[BodyParameters], list[Paint]]:
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


def _batch(people: Sequence[BodyParameters]) -> BodyBatch:
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


def _head_to_leave_out(body: Any) -> npt.NDArray[np.bool_]:
    head = head_vertices(body)
    if head is None:
        raise ConfigError(
            "render.head_mask needs a body that names its parts",
            where=type(body).__name__,
            hint="set render.head_mask=false",
        )
    return head


def head_vertices(body: Any) -> npt.NDArray[np.bool_] | None:
    """(V,) whether a vertex belongs to the head: by the body's regions, else by its weights.

    None if the body says neither.
    """
    if hasattr(body, "region"):
        names = [i for i, name in enumerate(body.region_names) if name in _HEAD_REGIONS]
        return np.asarray(np.isin(body.region, names))
    if hasattr(body, "lbs_weights"):
        return np.asarray(body.lbs_weights.argmax(1).cpu() == _HEAD_JOINT)
    return None
