"""Our own camera file, JSON (docs/world.md): K, R and t for each frame."""

from __future__ import annotations

import json
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from humantrack.errors import CameraFileError
from humantrack.geometry.rotations import Array
from humantrack.world.camera.given import GivenCameras, rotations
from humantrack.world.types import CameraPath

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "unknown": None}
_UPS = {
    "y": np.eye(3),
    "-y": np.diag([1.0, -1.0, -1.0]),
    "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
    "-z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
    "x": np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    "-x": np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
}
"""What turns a world whose "up" is this axis so that y is up."""

_HEAD = ("frames", "unit", "up", "size", "K")
_FRAME = ("frame", "time_s", "K", "R", "t")


def parse(text: str, path: Path, fps: float) -> GivenCameras:
    """The cameras of a JSON file.

    Raises:
        CameraFileError: if it is not JSON, or a key is missing, wrong, there twice, or nearly one
            of ours ("units"). Other keys that are not ours are told in the notes.
    """
    try:
        data = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise CameraFileError(f"not JSON ({error})", where=path) from error
    frames = data.get("frames") if isinstance(data, dict) else data
    if not isinstance(frames, list):
        raise CameraFileError("the camera file needs a list 'frames'", where=path)
    head = data if isinstance(data, dict) else {}
    unit, up = head.get("unit", "unknown"), head.get("up", "unknown")
    _one_of("unit", unit, UNITS, path)
    _one_of("up", up, {**_UPS, "unknown": None}, path)
    size = _numbers(head.get("size", [np.nan, np.nan]), (2,), "size", path)
    unknown = dict.fromkeys(_unknown(head, _HEAD, str(path)))
    number, k, r, t = [], [], [], []
    for at, frame in enumerate(frames):
        place = f"{path}, frames[{at}]"
        if not isinstance(frame, dict):
            raise CameraFileError("a frame must have R and t", where=place)
        unknown.update(dict.fromkeys(_unknown(frame, _FRAME, place)))
        number.append(_number(frame, fps, place))
        k.append(_camera(frame.get("K", head.get("K")), place))
        r.append(_numbers(frame.get("R"), (3, 3), "R", place))
        t.append(_numbers(frame.get("t"), (3,), "t", place))
    count = len(number)
    rotation = rotations(np.array(r).reshape(count, 3, 3), str(path))
    position = -np.einsum("nji,nj->ni", rotation, np.array(t).reshape(count, 3))
    position *= UNITS[unit] or 1.0
    turn = _UPS.get(up, np.eye(3))
    camera = np.array(k).reshape(count, 3, 3)
    return GivenCameras(
        frame=np.array(number, np.int64),
        rotation=rotation @ turn.T,
        position=position @ turn.T,
        focal_px=camera[:, [0, 1], [0, 1]],
        centre_px=camera[:, :2, 2],
        size=np.tile(size, (count, 1)),
        is_metric=UNITS[unit] is not None,
        has_up=up in _UPS,
        notes=tuple(f"{key!r} of the camera file is not taken into account" for key in unknown),
    )


def camera_json(path: CameraPath, size: tuple[int, int]) -> bytes:
    """A camera file that ``read_camera_file`` reads back.

    Args:
        path: of one shot, or given (each solved shot has axes of its own).
        size: width and height of a frame.
    """
    frames = []
    for row, index in enumerate(path.index.tolist()):
        focal, (x, y) = float(path.focal_px[row]), path.centre_px[row].tolist()
        rotation = path.rotation[row]
        frames.append(
            {
                "frame": index,
                "K": [[focal, 0.0, x], [0.0, focal, y], [0.0, 0.0, 1.0]],
                "R": rotation.tolist(),
                "t": (-rotation @ path.position[row]).tolist(),
            }
        )
    head = {
        "unit": "m" if path.is_metric else "unknown",
        "up": "y" if path.has_up else "unknown",
        "size": list(size),
    }
    return orjson.dumps({**head, "frames": frames})


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are there once.

    Raises:
        ValueError: if one is there twice.
    """
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} is there twice")
        found[key] = value
    return found


def _unknown(given: Iterable[str], known: tuple[str, ...], place: str) -> list[str]:
    """Keys that are not ours.

    Raises:
        CameraFileError: if one of them seems to be meant for ours.
    """
    keys = [key for key in given if key not in known]
    for key in keys:
        near = [name for name in known if name.casefold() == key.casefold()]
        near = near or get_close_matches(key.casefold(), known, n=1, cutoff=0.75)
        if near:
            raise CameraFileError(
                f"unknown key {key!r}", where=place, hint=f"did you mean {near[0]!r}?"
            )
    return keys


def _number(frame: dict[str, Any], fps: float, place: str) -> int:
    """The number of a frame, from 0; or that of its time."""
    value = frame.get("frame")
    if value is None and isinstance(frame.get("time_s"), int | float):
        value = frame["time_s"] * fps
        value = round(value) if np.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 1 << 40:
        raise CameraFileError("a frame needs 'frame', its number from 0, or 'time_s'", where=place)
    return value


def _camera(value: Any, place: str) -> Array:
    if value is None:
        return np.full((3, 3), np.nan)
    camera = _numbers(value, (3, 3), "K", place)
    if camera[2].tolist() != [0, 0, 1] or camera[1, 0] or not (np.diag(camera) > 0).all():
        raise CameraFileError(
            "K must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] with focal lengths above 0",
            where=place,
        )
    return camera


def _numbers(value: Any, shape: tuple[int, ...], name: str, place: object) -> Array:
    try:
        array = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.zeros(0)
    if array.shape != shape or (name != "size" and not np.isfinite(array).all()):
        form = "x".join(map(str, shape))
        raise CameraFileError(f"'{name}' must be {form} finite numbers", where=place)
    if name == "size" and (array <= 0).any():
        raise CameraFileError("'size' must be two numbers above 0", where=place)
    return array


def _one_of(name: str, value: Any, choices: Any, path: Path) -> None:
    if not isinstance(value, str) or value not in choices:
        known = ", ".join(choices)
        raise CameraFileError(f"'{name}' must be one of {known}, not {value!r}", where=path)
