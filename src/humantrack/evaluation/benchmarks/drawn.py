"""The truth of our own clips: everything is known, since they were drawn.

``NAME_gt.npz`` of T frames and N people: ``ids`` (N,), ``present`` (T,N), ``visible`` (T,N) share
that is not covered, ``box`` (T,N,4) xyxy of the picture, ``box_full`` (T,N,4) of all of the body
(optional), ``joints3d`` or ``joints_cam`` (T,N,24,3) SMPL's joints in camera axes, ``joints2d``
(T,N,24,2) px, ``global_orient`` or ``global_orient_cam`` (T,N,3,3), ``fps``, ``size`` (W, H), ``K``
(3,3), and the camera: ``world_to_camera`` (T,3,3) and ``camera_position`` (T,3), or of one that
stands still ``camera_rotation`` (3,3) and ``camera_height``. World: y up, floor y = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.errors import BenchmarkError
from humantrack.types.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnTruth:
    """The truth of a clip of T frames and N people."""

    name: str
    path: Path
    fps: float
    size: tuple[int, int]
    """H and W."""

    ids: IntArray
    present: BoolArray
    visible: FloatArray
    box: FloatArray
    box_full: FloatArray
    joints: FloatArray
    """(T,N,24,3) metres, camera axes."""

    joints_px: FloatArray
    root: FloatArray
    """(T,N,3,3) the body's axes to the camera's."""

    intrinsics: FloatArray
    rotation: FloatArray
    """(T,3,3) world to camera."""

    position: FloatArray
    """(T,3) metres."""

    @property
    def frame_count(self) -> int:
        """Frames of the clip."""
        return len(self.present)

    def joints_world(self) -> FloatArray:
        """(T,N,24,3) metres."""
        return np.asarray(self.joints @ self.rotation[:, None] + self.position[:, None, None])


def name_of(path: Path) -> str:
    """The clip's name: the file's without ``_gt``."""
    return path.stem.removesuffix("_gt")


def read_drawn(path: Path) -> DrawnTruth:
    """Read a truth file.

    Raises:
        BenchmarkError: if it is missing, damaged, or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise BenchmarkError("no such truth file", where=path, hint="it ends in _gt.npz") from None
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise BenchmarkError(f"cannot read the truth ({error})", where=path) from error
    try:
        truth = _truth(path, found)
    except KeyError as error:
        raise BenchmarkError(f"the truth lacks {error}", where=path) from error
    except (ValueError, TypeError, IndexError) as error:
        raise BenchmarkError(f"the truth is malformed ({error})", where=path) from error
    _check(truth)
    return truth


def _truth(path: Path, of: dict[str, Any]) -> DrawnTruth:
    present = of["present"].astype(bool)
    frames, people = present.shape

    def array(*names: str, shape: tuple[int, ...], default: Any = None) -> FloatArray:
        name = next((n for n in names if n in of), None)
        if name is None and default is None:
            raise KeyError(names[0])
        values = default if name is None else of[name].astype(np.float64).reshape(shape)
        return np.asarray(values, np.float64)

    each = (frames, people)
    box = array("box", shape=(*each, 4))
    if "world_to_camera" in of:
        rotation = array("world_to_camera", shape=(frames, 3, 3))
        position = array("camera_position", shape=(frames, 3))
    else:
        rotation = np.tile(array("camera_rotation", shape=(3, 3)), (frames, 1, 1))
        position = np.tile([0.0, float(of["camera_height"]), 0.0], (frames, 1))
    width, height = (int(n) for n in of["size"])
    return DrawnTruth(
        name=name_of(path),
        path=path,
        fps=float(of["fps"]),
        size=(height, width),
        ids=np.asarray(of.get("ids", np.arange(people))).astype(np.int64),
        present=present,
        visible=array("visible", shape=each),
        box=box,
        box_full=array("box_full", shape=(*each, 4), default=box),
        joints=array("joints3d", "joints_cam", shape=(*each, 24, 3)),
        joints_px=array("joints2d", shape=(*each, 24, 2)),
        root=array("global_orient", "global_orient_cam", shape=(*each, 3, 3)),
        intrinsics=array("K", shape=(3, 3)),
        rotation=rotation,
        position=position,
    )


def _check(truth: DrawnTruth) -> None:
    if len(truth.ids) != truth.present.shape[1] or len(set(truth.ids.tolist())) != len(truth.ids):
        raise BenchmarkError("'ids' of the truth are not one for each person", where=truth.path)
    if not truth.frame_count or not truth.fps > 0:
        raise BenchmarkError("the truth holds no frames, or no rate", where=truth.path)
    for name in ("visible", "box", "box_full", "joints", "joints_px", "root"):
        values = np.asarray(getattr(truth, name))[truth.present]
        if not np.isfinite(values).all():
            good = np.isfinite(values.reshape(len(values), -1)).all(axis=1)
            frame, person = np.argwhere(truth.present)[np.flatnonzero(~good)[0]]
            what = f"'{name}' of person {truth.ids[person]} in frame {frame} is not a number"
            raise BenchmarkError(what, where=truth.path)
    for name in ("intrinsics", "rotation", "position"):
        if not np.isfinite(getattr(truth, name)).all():
            raise BenchmarkError(f"the camera's {name} is not a number", where=truth.path)
