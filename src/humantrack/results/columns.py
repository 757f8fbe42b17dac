"""People of many frames side by side: one array per quantity, one row per person and frame."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from humantrack.errors import ResultsError
from humantrack.geometry.cameras import FOCAL_PX, SQUARE_PX
from humantrack.results.record import TRUST_KEYS
from humantrack.types import FrameKey, JointSource, RleMask

Array = npt.NDArray[Any]

_ARRAYS: dict[str, tuple[str, tuple[int, ...], type[np.generic]]] = {
    "xywh_px": ("bbox", (4,), np.float32),
    "score": ("conf", (), np.float32),
    "centre_px": ("center", (2,), np.float64),
    "scale": ("scale", (), np.float64),
    "size": ("size", (2,), np.int64),
    "cam_t": ("camera", (3,), np.float32),
    "cam_crop": ("camera_bbox", (3,), np.float32),
    "joints_3d": ("3d_joints", (45, 3), np.float32),
    "joints_2d": ("2d_joints", (45, 2), np.float32),
}
"""Column -> PHALP's key, shape of a row, type."""

_TRUST: dict[str, tuple[tuple[int, ...], type[np.generic], float]] = {
    "joint_confidence": ((45,), np.float32, np.nan),
    "joint_error_mm": ((45, 2), np.float32, np.nan),
    "joint_source": ((45,), np.int64, -1),
}
"""Column, and key -> shape of a row, type, and what stands where nothing is known."""

_WHOLE_NUMBERS = (int, np.integer)
_NUMBERS = (*_WHOLE_NUMBERS, float, np.floating)

_LARGEST_PX = 1 << 20
"""A side larger than that of any picture."""

_MOST_PEOPLE = 10_000
"""In a frame. Entries can be a byte in the file, but are some kilobytes side by side."""

_SMPL: dict[str, tuple[int, ...]] = {
    "global_orient": (1, 3, 3),
    "body_pose": (23, 3, 3),
    "betas": (10,),
}


PEOPLE_KEYS = ("tid", "tracked_time", *(key for key, _, _ in _ARRAYS.values()), "smpl", "mask")
"""PHALP's keys that a frame must have, each a list with an entry per person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleColumns:
    """P people-frames in the order of the file. Coordinates as in docs/coordinates.md."""

    frame_row: Array
    """(P,) int64, which of the frames handed in."""

    track_id: Array
    """(P,) int64"""

    missed: Array
    """(P,) int64, PHALP's ``tracked_time``: 0 seen, k last seen k frames ago, -1 filled in."""

    xywh_px: Array
    """(P,4) float32, the detector's box."""

    score: Array
    """(P,) float32"""

    centre_px: Array
    """(P,2) float64, centre of the padded box."""

    scale: Array
    """(P,) float64, longer side of the padded box over max(H, W)."""

    size: Array
    """(P,2) int64, H and W of the frame."""

    cam_t: Array
    """(P,3) float32 metres, for f = 5000 px on the 256-px padded square."""

    cam_crop: Array
    """(P,3) float32 (s, tx, ty)."""

    joints_3d: Array
    """(P,45,3) float32 metres, without ``cam_t``."""

    joints_2d: Array
    """(P,45,2) float32 in the padded square, 0..1."""

    global_orient: Array
    """(P,1,3,3) float32"""

    body_pose: Array
    """(P,23,3,3) float32"""

    betas: Array
    """(P,10) float32"""

    is_rated: Array
    """(P,) bool, whether the file says how far the person's joints are to be trusted."""

    joint_confidence: Array
    """(P,45) float32; this and the next as in ``JointTrust``, NaN where nothing is known."""

    joint_error_mm: Array
    """(P,45,2) float32"""

    joint_source: Array
    """(P,45) int64 of ``JointSource``, -1 where nothing is known."""

    masks: tuple[RleMask | None, ...]
    """P COCO run-length masks."""

    def __len__(self) -> int:
        return len(self.track_id)

    def joints_px(self) -> Array:
        """(P,45,2) float64 ``joints_2d`` in pixels of the original frames."""
        side = self.size.max(axis=1)
        offset = (side[:, None] - self.size[:, ::-1]) // 2
        return np.asarray(self.joints_2d * side[:, None, None].astype(float) - offset[:, None])

    def focal_px(self) -> Array:
        """(P,) float64, the focal length ``cam_t`` belongs to, in pixels of the frames."""
        return np.asarray(self.size.max(axis=1) * (FOCAL_PX / SQUARE_PX))

    def non_finite(self) -> int:
        """How many of the file's numbers are NaN or infinite."""
        arrays = (
            getattr(self, f.name)[self.is_rated] if f.name in _TRUST else getattr(self, f.name)
            for f in fields(self)
            if f.name != "masks"
        )
        floats = (a for a in arrays if a.dtype.kind == "f")
        return int(sum(a.size - np.count_nonzero(np.isfinite(a)) for a in floats))


def people_columns(frames: Sequence[tuple[FrameKey, Mapping[str, Any]]]) -> PeopleColumns:
    """Stack the people of some frames, given under PHALP's keys.

    Raises:
        ResultsError: if a key is missing or has the wrong shape; it names the first such frame.
    """
    try:
        return _stack([frame for _, frame in frames])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError):
        for key, frame in frames:
            _check(key, frame)
        raise


def _check(key: FrameKey, frame: Mapping[str, Any]) -> None:
    """Raise the error that this frame, by itself, gives."""
    try:
        _stack([frame])
    except KeyError as error:
        raise ResultsError(f"a frame of the results lacks {error}", where=key) from error
    except (IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ResultsError(f"a frame of the results is malformed ({error})", where=key) from error


def _stack(frames: Sequence[Mapping[str, Any]]) -> PeopleColumns:
    counts = [len(frame["tid"]) for frame in frames]
    if max(counts, default=0) > _MOST_PEOPLE:
        raise ValueError(f"{max(counts)} people are too many")
    columns: dict[str, Any] = {
        "frame_row": np.repeat(np.arange(len(frames)), counts),
        "track_id": _column(frames, "tid", counts, (), np.int64),
        "missed": _column(frames, "tracked_time", counts, (), np.int64),
    }
    for name, (key, shape, kind) in _ARRAYS.items():
        columns[name] = _column(frames, key, counts, shape, kind)
    bodies = _joined(frames, "smpl", counts)
    for name, shape in _SMPL.items():
        columns[name] = _array([body[name] for body in bodies], shape, np.float32, name)
    if ((columns["size"] < 1) | (columns["size"] > _LARGEST_PX)).any():
        raise ValueError("'size' is not that of a picture")
    columns |= _trust(frames, counts)
    masks = tuple(_mask(mask) for mask in _joined(frames, "mask", counts))
    return PeopleColumns(**columns, masks=masks)


def _trust(frames: Sequence[Mapping[str, Any]], counts: Sequence[int]) -> dict[str, Array]:
    """The columns of ``_TRUST``, filled up where frames lack their keys, and which rows do not."""
    rated = [any(key in frame for key in TRUST_KEYS) for frame in frames]
    rows = np.repeat(np.array(rated, bool), counts)
    columns: dict[str, Array] = {"is_rated": rows}
    some = list(itertools.compress(frames, rated))
    for key, (shape, kind, nothing) in _TRUST.items():
        columns[key] = np.full((len(rows), *shape), nothing, kind)
        columns[key][rows] = _column(
            some, key, list(itertools.compress(counts, rated)), shape, kind
        )
    source = columns["joint_source"][rows]
    if ((source < 0) | (source >= len(JointSource))).any():
        raise ValueError(f"'joint_source' is not made of whole numbers below {len(JointSource)}")
    return columns


def _joined(frames: Sequence[Mapping[str, Any]], key: str, counts: Sequence[int]) -> list[Any]:
    """The lists of all frames one after the other."""
    out: list[Any] = []
    for frame, count in zip(frames, counts, strict=True):
        entries = frame[key]
        if len(entries) != count:
            raise ValueError(f"'{key}' has {len(entries)} entries for {count} tracks")
        out += entries
    return out


def _column(
    frames: Sequence[Mapping[str, Any]],
    key: str,
    counts: Sequence[int],
    shape: tuple[int, ...],
    kind: type[np.generic],
) -> Array:
    return _array(_joined(frames, key, counts), shape, kind, key)


def _array(values: list[Any], shape: tuple[int, ...], kind: type[np.generic], name: str) -> Array:
    if not values:
        return np.zeros((0, *shape), kind)
    _check_values(values, shape, "biu" if issubclass(kind, np.integer) else "biuf", name)
    with np.errstate(over="ignore"):
        return np.array(values, kind).reshape(len(values), *shape)


def _check_values(values: list[Any], shape: tuple[int, ...], letters: str, name: str) -> None:
    """See that numpy may unfold the values of a column: arrays, or lists, of so many numbers.

    A list in a list is not looked into: it may hold itself many times over, which is a few bytes
    in a file and gigabytes unfolded.
    """
    arrays = [value for value in values if type(value) is np.ndarray]
    others = [value for value in values if type(value) is not np.ndarray]
    sizes = {array.size for array in arrays}
    numbers: Iterable[Any] = others
    if shape:
        sizes |= set(map(len, others))
        numbers = itertools.chain.from_iterable(others)
    if sizes - {math.prod(shape)}:
        raise ValueError(f"'{name}' has {max(sizes)} numbers instead of shape {shape}")
    kinds = _NUMBERS if "f" in letters else _WHOLE_NUMBERS
    if not all(issubclass(seen, kinds) for seen in set(map(type, numbers))) or any(
        dtype.kind not in letters for dtype in {array.dtype for array in arrays}
    ):
        raise ValueError(f"'{name}' is not made of numbers")


def _mask(entry: Any) -> RleMask | None:
    """PHALP's list of one mask; an empty list is none."""
    if not entry:
        return None
    mask = entry[0] if isinstance(entry, list | tuple) else entry
    counts = mask["counts"]
    text = counts.decode("ascii") if isinstance(counts, bytes) else counts
    if not isinstance(text, str) or not text.isascii():
        raise ValueError("'mask' is no run-length mask")
    height, width = _array([mask["size"]], (2,), np.int64, "mask")[0].tolist()
    return cast("RleMask", {"size": [height, width], "counts": text})
