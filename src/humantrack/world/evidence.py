"""What people tell of gravity, floor and scale, before lens and camera are known.

A person is kept as the crop's camera saw it: where the pelvis is in the picture, how many metres a
pixel is there, and places relative to the pelvis in axes whose z is the line of sight. ``looks``
puts that before a real camera, of any focal length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from humantrack.geometry.rotations import unit
from humantrack.motion.camera import ray_rotations
from humantrack.types.arrays import BoolArray, FloatArray, IntArray
from humantrack.world.types import CameraPath

MOST_ROWS = 6000
"""Kept of a shot; when there are more, every other one is let go."""

MOST_IN_ALL = 30_000
"""Kept of all shots together; when there are more, they are thinned."""

FEW_ROWS = 150
"""A shot with no more rows than these is left as it is."""

LAG_S = 0.12
"""Between two looks at a foot that may stand."""


Rows = TypeVar("Rows", bound="_Rows")


class _Rows:
    """M looks as arrays, of which each dataclass that this is the base of names its own."""

    __slots__ = ()
    track_id: IntArray

    def __len__(self) -> int:
        return len(self.track_id)

    def rows(self: Rows, index: IntArray | BoolArray | slice) -> Rows:
        """Some of them."""
        return type(self)(**{name: getattr(self, name)[index] for name in _FIELDS})

    @classmethod
    def joined(cls: type[Rows], parts: Sequence[Rows]) -> Rows:
        """All of some, one after the other."""
        return cls(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in _FIELDS})


@dataclass(frozen=True, slots=True, kw_only=True)
class FootRows(_Rows):
    """M looks at the lowest point of a person: where it is now, and a moment later."""

    track_id: IntArray
    """(M,)"""

    frame: IntArray
    """(M,2) numbers of the frames, now and later."""

    time_s: FloatArray
    """(M,)"""

    pelvis_px: FloatArray
    """(M,2,2) the pelvis in the picture, now and later."""

    per_px: FloatArray
    """(M,2) metres that a pixel is there, for the track's own body once ``of_bodies`` was told."""

    low: FloatArray
    """(M,2,3) the lowest point of heels and toes, less the sole, from the pelvis."""

    up: FloatArray
    """(M,3) from the feet to the neck, of unit length."""

    span_m: FloatArray
    """(M,) length of arms and legs of the body as estimated in that frame."""

    has_later: BoolArray
    """(M,) whether the person was seen then, and the same point was the lowest."""

    upright: FloatArray
    """(M,) 0..1 how straight legs and trunk are."""

    error_m: FloatArray
    """(M,) of the lowest point, sideways; infinite if it is not seen."""


_FIELDS = tuple(FootRows.__dataclass_fields__)


BOTH, LEFT, RIGHT = range(3)
"""What a person may stand on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stances(_Rows):
    """M looks at people of whom it is not known yet which foot they stand on.

    Fields are those of :class:`FootRows`; those with an axis of three more tell what a look is if
    the person stands on both feet, on the left or on the right one.
    """

    track_id: IntArray
    """(M,)"""

    frame: IntArray
    """(M,2)"""

    time_s: FloatArray
    """(M,)"""

    pelvis_px: FloatArray
    """(M,2,2)"""

    per_px: FloatArray
    """(M,2)"""

    low: FloatArray
    """(M,3,2,3)"""

    up: FloatArray
    """(M,3,3) from the feet to the neck, or from the one foot to the centre of mass."""

    span_m: FloatArray
    """(M,)"""

    has_later: BoolArray
    """(M,3)"""

    upright: FloatArray
    """(M,3)"""

    error_m: FloatArray
    """(M,3)"""

    def on(self, stance: IntArray) -> FootRows:
        """The looks if people stand on these, (M,)."""
        each = np.arange(len(self))
        own = {name: getattr(self, name)[each, stance] for name in _BY_STANCE}
        return FootRows(
            **{name: own.get(name, getattr(self, name)) for name in _FIELDS},
        )


_BY_STANCE = ("low", "up", "has_later", "upright", "error_m")


@dataclass
class ShotEvidence:
    """Gathers the rows of one shot in bounded memory."""

    stride: int = 1
    """One of so many rows is kept."""

    parts: list[Stances] = field(default_factory=list)
    count: int = 0
    seen: int = 0

    def add(self, rows: Stances) -> None:
        """Take some more rows, in the order of time."""
        keep = (np.arange(self.seen, self.seen + len(rows)) % self.stride) == 0
        self.seen += len(rows)
        self.parts.append(rows.rows(keep))
        self.count += int(keep.sum())
        if self.count > MOST_ROWS:
            self.thin()

    def thin(self) -> None:
        """Let go of every other row, of those to come, too."""
        whole = Stances.joined(self.parts).rows(slice(None, None, 2))
        self.parts, self.count = [whole], len(whole)
        self.stride *= 2

    def rows(self) -> Stances | None:
        """All that was kept; None if there is nothing."""
        return Stances.joined(self.parts) if self.count else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """The same before a real camera: places from the camera, in the axes of the shot."""

    track_id: IntArray
    """(M,)"""

    time_s: FloatArray
    """(M,)"""

    low: FloatArray
    """(M,3) metres, of bodies as estimated."""

    later: FloatArray
    """(M,3)"""

    camera: FloatArray
    """(M,3) the camera, in the path's unit."""

    camera_later: FloatArray
    """(M,3)"""

    up: FloatArray
    """(M,3)"""

    has_later: BoolArray
    """(M,)"""

    upright: FloatArray
    """(M,)"""

    error_m: FloatArray
    """(M,)"""

    def __len__(self) -> int:
        return len(self.track_id)


def looks(rows: FootRows, path: CameraPath, spans: dict[int, float], *, lens: float = 1.0) -> Looks:
    """Rows as the camera of a path saw them.

    Args:
        rows: of one shot.
        path: of the camera.
        spans: length of arms and legs of each track's one body.
        lens: times the path's focal length.
    """
    at = path_rows(path, rows.frame)
    focal = lens * path.focal_px[at]
    span = np.array([spans.get(int(t), np.nan) for t in rows.track_id])
    factor = np.where(np.isfinite(span), span / np.maximum(rows.span_m, 1e-6), 1.0)
    per_px = rows.per_px * factor[:, None]
    apart = rows.pelvis_px - path.centre_px[at]
    pelvis = np.concatenate([apart, focal[..., None]], axis=-1) * per_px[..., None]
    rays = ray_rotations(pelvis.reshape(-1, 3)).reshape(-1, 2, 3, 3)
    to_shot = np.swapaxes(path.rotation[at], -1, -2)
    low = pelvis + (rays @ (rows.low * factor[:, None, None])[..., None])[..., 0]
    low = (to_shot @ low[..., None])[..., 0]
    up = (to_shot[:, 0] @ rays[:, 0] @ rows.up[..., None])[..., 0]
    camera = path.position[at]
    return Looks(
        track_id=rows.track_id,
        time_s=rows.time_s,
        low=low[:, 0],
        later=low[:, 1],
        camera=camera[:, 0],
        camera_later=camera[:, 1],
        up=unit(up),
        has_later=rows.has_later,
        upright=rows.upright,
        error_m=rows.error_m,
    )


def path_rows(path: CameraPath, frame: IntArray) -> IntArray:
    """Rows of a path that hold some frames; the nearest before where one is missing."""
    at = np.searchsorted(path.index, frame, side="right") - 1
    return np.clip(at, 0, max(len(path.index) - 1, 0)).astype(np.int64)
