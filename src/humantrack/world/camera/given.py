"""A camera that the user has solved already, in one of three kinds of files."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from humantrack.atomic import reason_of
from humantrack.errors import CameraFileError
from humantrack.geometry.rotations import Array, project_to_so3
from humantrack.types.arrays import BoolArray, IntArray
from humantrack.world.camera.adjust import Cameras
from humantrack.world.camera.fitted import spread
from humantrack.world.options import CAMERAS
from humantrack.world.types import CameraPath

LARGEST = 1 << 30
"""Bytes of a file that are read at most."""

FARTHEST = 1e10
"""Of a camera from the world's origin, in the file's unit; geodetic coordinates are below."""

_BRIDGED = 0.5
"""Confidence between two frames of the file."""

_NOT_ROUND = 0.01
"""Share by which two focal lengths, or two scales, may differ unsaid."""


@dataclass(frozen=True, kw_only=True)
class GivenCameras:
    """What a file says, frame by frame.

    Axes as everywhere: camera x right, y down, z away; ``d = rotation @ (X - position)``.
    """

    frame: IntArray
    """(N,) numbers of the frames as the file counts them; no two alike."""

    rotation: Array
    """(N,3,3), from the world's axes."""

    position: Array
    """(N,3) metres if ``is_metric``."""

    focal_px: Array
    """(N,2) across and down, pixels of pictures of ``size``; NaN where the file does not say."""

    centre_px: Array
    """(N,2) pixels of pictures of ``size``; NaN: the middle."""

    size: Array
    """(N,2) width and height of the pictures; NaN: that of the frames (with a height alone, a
    width in proportion)."""

    is_metric: bool = False
    has_up: bool = False
    says_focal: bool = True
    """Whether the focal length of every frame is the file's own."""

    counts_from: int | None = 0
    """Number of the video's first frame; None if the file does not say."""

    notes: tuple[str, ...] = ()


def read_camera_file(
    path: str | os.PathLike[str],
    frame_indices: IntArray,
    frame_size: tuple[int, int],
    fps: float,
    *,
    focal_px: float | None = None,
    shot: IntArray | None = None,
    counts_from: int | None = None,
) -> CameraPath:
    """The camera's path as a file says it.

    Args:
        path: JSON of humantrack (``.json``), COLMAP's text model (its folder, or one of
            ``cameras.txt`` and ``images.txt``), or Nuke's ``.chan``.
        frame_indices: (T,) numbers of the results' frames in the source, from 0.
        frame_size: width and height of a frame, pixels.
        fps: frames per second, for files that give times.
        focal_px: used where the file says no focal length.
        shot: (T,) cuts before each frame; None for no cuts.
        counts_from: the file's number of the video's first frame, if that is known.

    Raises:
        CameraFileError: if the file cannot be read, is damaged, or holds none of the frames.
    """
    path = Path(path)
    given = _read(path, fps)
    if counts_from is not None:
        given = replace(given, counts_from=counts_from)
    if not len(given.frame):
        raise CameraFileError("no camera in this file", where=path)
    if len(np.unique(given.frame)) < len(given.frame):
        values, times = np.unique(given.frame, return_counts=True)
        raise CameraFileError(
            "a frame is there twice", where=f"{path}, frame {values[times > 1][0]}"
        )
    given = _scaled(given, frame_size, focal_px, path)
    return _path(given, np.asarray(frame_indices, np.int64), shot, path)


def _read(path: Path, fps: float) -> GivenCameras:
    from humantrack.world.camera import given_chan, given_colmap, given_json

    if path.is_dir() or path.name in {"images.txt", "cameras.txt"}:
        return given_colmap.read(path if path.is_dir() else path.parent)
    kind = path.suffix.lower()
    if kind == ".json":
        return given_json.parse(read_text(path), path, fps)
    if kind == ".chan":
        return given_chan.parse(read_text(path), path)
    if not path.exists():
        raise CameraFileError(
            "no such camera file",
            where=path,
            hint=f"world.camera is {', '.join(CAMERAS)} or a file",
        )
    raise CameraFileError(
        "not a kind of camera file that is known",
        where=path,
        hint="give a .json, a .chan, or the folder of a COLMAP text model",
    )


def read_text(path: Path) -> str:
    """A text file's content.

    Raises:
        CameraFileError: if it cannot be read, is too large, or is not UTF-8.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise CameraFileError("the camera file is too large", where=path)
        return path.read_text("utf-8-sig")
    except OSError as error:
        reason = reason_of(error)
        raise CameraFileError(f"the camera file cannot be read ({reason})", where=path) from error
    except UnicodeDecodeError as error:
        raise CameraFileError("the camera file is not text in UTF-8", where=path) from error


def rotations(matrices: Array, where: str) -> Array:
    """(N,3,3) the rotations nearest to these, which must nearly be some.

    Raises:
        CameraFileError: if one is none.
    """
    near = project_to_so3(matrices)
    off = np.abs(near - matrices).max(axis=(1, 2), initial=0.0)
    if (off > 0.02).any():
        raise CameraFileError(
            "not a rotation (orthonormal, with determinant 1)",
            where=f"{where}, entry {int(off.argmax()) + 1}",
        )
    return near


def _scaled(
    given: GivenCameras, frame_size: tuple[int, int], focal_px: float | None, path: Path
) -> GivenCameras:
    """The same in pixels of the frames, with every number known."""
    frame = np.array(frame_size, np.float64)
    size = np.where(np.isnan(given.size), frame * (given.size / frame)[:, 1:], given.size)
    size = np.where(np.isnan(size), frame, size)
    scale = frame / size
    notes = list(given.notes)
    if (np.abs(scale[:, 0] / scale[:, 1] - 1) > _NOT_ROUND).any():
        worst = size[np.abs(scale[:, 0] / scale[:, 1] - 1).argmax()]
        raise CameraFileError(
            f"the camera is of pictures of {worst[0]:g} x {worst[1]:g}, the frames have "
            f"{frame[0]:g} x {frame[1]:g}",
            where=path,
            hint="solve it on uncropped pictures of the same video",
        )
    focal = given.focal_px * scale
    if np.isnan(focal).any():
        if focal_px is None:
            raise CameraFileError(
                "the camera file says no focal length", where=path, hint="give world.focal_px"
            )
        focal = np.where(np.isnan(focal), focal_px, focal)
    if (np.abs(focal[:, 0] / focal[:, 1] - 1) > _NOT_ROUND).any():
        notes.append("the camera file's focal lengths across and down differ: their mean is used")
    centre = np.where(np.isnan(given.centre_px), frame / 2, given.centre_px * scale)
    if not all(np.isfinite(x).all() for x in (given.rotation, given.position, focal, centre)):
        raise CameraFileError("the camera file holds numbers that are not finite", where=path)
    if np.abs(given.position).max(initial=0.0) > FARTHEST:
        raise CameraFileError(f"the camera file holds a place beyond {FARTHEST:g}", where=path)
    if (focal <= 0).any():
        raise CameraFileError(
            "the camera file holds a focal length that is not above 0", where=path
        )
    return replace(
        given,
        focal_px=focal,
        centre_px=centre,
        says_focal=not np.isnan(given.focal_px).any(),
        size=np.broadcast_to(frame, size.shape),
        notes=tuple(notes),
    )


def _path(given: GivenCameras, index: IntArray, shot: IntArray | None, path: Path) -> CameraPath:
    order = np.argsort(given.frame, kind="stable")
    first = _counts_from(given, index)
    frame = given.frame[order] - first
    have = np.isin(index, frame)
    if not have.any() and len(index):
        raise CameraFileError(
            f"the camera file has frames {frame[0] + first} to {frame[-1] + first}, none of which "
            "is in the results",
            where=path,
        )
    last = int(max(frame.max(), index.max(initial=0)))
    low = int(min(frame.min(), index.min(initial=0)))
    log_focal = np.log(given.focal_px[order].mean(axis=1))
    cameras = Cameras(given.rotation[order], given.position[order], log_focal)
    at = _filled(frame - low, cameras, given.centre_px[order], last - low + 1, index - low)
    inside = (index >= frame[0]) & (index <= frame[-1])
    notes = list(given.notes)
    if given.counts_from is None and first:
        notes.append(f"frame {first} of the camera file is taken as the video's first")
    notes += _missing(index, have, inside)
    shots = np.zeros(len(index), np.int64) if shot is None else np.asarray(shot, np.int64)
    found, centre = at
    return CameraPath(
        index=index,
        shot=shots,
        rotation=found.rotation,
        position=found.position,
        focal_px=np.exp(found.log_focal),
        centre_px=centre,
        kinds=("given",) * (int(shots.max()) + 1 if len(shots) else 0),
        is_metric=given.is_metric,
        has_up=given.has_up,
        confidence=np.where(have, 1.0, np.where(inside, _BRIDGED, 0.0)),
        notes=tuple(notes),
        evidence={
            "file": path.name,
            "says_focal": given.says_focal,
            "frames_in_file": len(frame),
            "frames_found": int(have.sum()),
            "frames_bridged": int((inside & ~have).sum()),
            "frames_outside": int((~inside).sum()),
        },
    )


def _filled(
    rows: IntArray, cameras: Cameras, centre: Array, count: int, wanted: IntArray
) -> tuple[Cameras, Array]:
    """Cameras and principal points at the wanted rows, between those that are there."""
    if count > 4 * (len(rows) + len(wanted)) + 1000:  # far apart: only the numbers' order counts
        every = np.unique(np.concatenate([rows, wanted]))
        return _filled_sparse(rows, cameras, centre, every, wanted)
    whole = spread(rows, cameras, count)
    middle = np.stack([np.interp(wanted, rows, centre[:, i]) for i in range(2)], axis=1)
    return whole.at(wanted), middle


def _filled_sparse(
    rows: IntArray, cameras: Cameras, centre: Array, every: IntArray, wanted: IntArray
) -> tuple[Cameras, Array]:
    whole = spread(np.searchsorted(every, rows), cameras, len(every))
    middle = np.stack([np.interp(wanted, rows, centre[:, i]) for i in range(2)], axis=1)
    return whole.at(np.searchsorted(every, wanted)), middle


def _counts_from(given: GivenCameras, index: IntArray) -> int:
    """The file's number of the video's first frame.

    Where the file does not say: 0 if it has a frame 0; else 1, as most programs count; and a file
    that begins after the video's end (1001, as in film) counts from its own first frame.
    """
    if given.counts_from is not None:
        return given.counts_from
    first = int(given.frame.min())
    if first <= 0:
        return 0
    return first if first > int(index.max(initial=0)) + 1 else 1


def _missing(index: IntArray, have: BoolArray, inside: BoolArray) -> list[str]:
    notes = []
    bridged = int((inside & ~have).sum())
    if bridged:
        notes.append(
            f"{bridged} of {len(index)} frames are not in the camera file and lie between others: "
            "interpolated"
        )
    outside = int((~inside).sum())
    if outside:
        notes.append(
            f"{outside} of {len(index)} frames lie before or after all of the camera file: the "
            "nearest camera is held"
        )
    return notes
