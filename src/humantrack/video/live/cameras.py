"""Cameras of this machine: v4l2 on Linux, avfoundation on macOS, dshow on Windows."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error

from humantrack.errors import SourceNotFoundError, UnreadableSourceError
from humantrack.url import CAMERA

SYSTEM = Path("/sys/class/video4linux")
"""Where Linux lists its video devices."""

_FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""FFmpeg's device layer by platform."""


@dataclass(frozen=True)
class Camera:
    """A camera, and how FFmpeg is told of it."""

    number: int
    name: str
    device: str
    """The first argument of FFmpeg's device layer."""

    layer: str
    """The device layer: v4l2, avfoundation or dshow."""

    def __str__(self) -> str:
        return f"{CAMERA}{self.number}"


def list_cameras() -> list[Camera]:
    """The cameras that the system knows, by number."""
    layer = _FORMATS.get(sys.platform, "")
    if layer == "v4l2":
        return _of_linux(SYSTEM)
    if not layer:
        return []
    found = [d for d in _devices(layer) if "video" in (d.media_types or ["video"])]
    prefix = "video=" if layer == "dshow" else ""
    return [
        Camera(i, d.description or d.name, f"{prefix}{d.name}", layer) for i, d in enumerate(found)
    ]


def _devices(layer: str) -> list[Any]:
    try:
        return list(av.enumerate_input_devices(layer))
    except (av.error.FFmpegError, ValueError, OSError):
        return []


def _of_linux(system: Path) -> list[Camera]:
    """Numbers are those of /dev/videoN. A camera's further nodes (metadata) are left out."""
    found = []
    for folder in system.glob("video*") if system.is_dir() else ():
        number = re.fullmatch(r"video(\d+)", folder.name)
        if number is None or _text(folder / "index") not in ("", "0"):
            continue
        name = _text(folder / "name") or folder.name
        found.append(Camera(int(number[1]), name, f"/dev/{folder.name}", "v4l2"))
    return sorted(found, key=lambda camera: camera.number)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def find_camera(source: str) -> Camera:
    """The camera that ``camera:0`` or ``camera:NAME`` means; a part of the name will do.

    Raises:
        SourceNotFoundError: if there is none, or several fit.
    """
    wanted = source[len(CAMERA) :].strip()
    cameras = list_cameras()
    if wanted.isascii() and wanted.isdecimal():
        fits = [c for c in cameras if c.number == int(wanted)]
    else:
        exact = [c for c in cameras if c.name.lower() == wanted.lower()]
        fits = exact or [c for c in cameras if wanted and wanted.lower() in c.name.lower()]
    if len(fits) == 1:
        return fits[0]
    there = ", ".join(f"{c} ({c.name})" for c in cameras)
    raise SourceNotFoundError(
        "several cameras fit" if fits else "no such camera",
        where=source,
        hint=f"there are {there}" if there else "the system lists no camera at all",
    )


def open_camera(camera: Camera, options: Mapping[str, str], timeout_s: float) -> Any:
    """A PyAV container that reads it.

    Raises:
        SourceNotFoundError: if it is gone.
        UnreadableSourceError: if it cannot be used.
    """
    try:
        return av.open(
            camera.device,
            format=camera.layer,
            options=dict(options),
            metadata_errors="ignore",
            timeout=timeout_s,
        )
    except FileNotFoundError as error:
        raise SourceNotFoundError("the camera is gone", where=camera) from error
    except PermissionError as error:
        hint = "join the group video" if camera.layer == "v4l2" else "allow it in the settings"
        raise UnreadableSourceError("no permission for it", where=camera, hint=hint) from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        busy = getattr(error, "errno", None) == 16
        said = "another program uses it" if busy else getattr(error, "strerror", str(error))
        raise UnreadableSourceError("cannot be opened", where=camera, hint=said) from error
