"""COLMAP's text model: ``cameras.txt`` and ``images.txt``.

Axes are ours: camera x right, y down, z away, ``d = R X + t``; the middle of the upper left pixel
is (0.5, 0.5). Source: COLMAP's documentation, "Output format" and "Camera models".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from humantrack.errors import CameraFileError
from humantrack.geometry.rotations import quaternion_to_matrix
from humantrack.world.camera.given import GivenCameras, read_text

_ONE_FOCAL = {
    "SIMPLE_PINHOLE": 3,
    "SIMPLE_RADIAL": 4,
    "RADIAL": 5,
    "SIMPLE_RADIAL_FISHEYE": 4,
    "RADIAL_FISHEYE": 5,
    "SIMPLE_FISHEYE": 3,
    "SIMPLE_DIVISION": 4,
}
"""Models with parameters f, cx, cy, ..., and how many there are."""

_TWO_FOCALS = {
    "PINHOLE": 4,
    "OPENCV": 8,
    "OPENCV_FISHEYE": 8,
    "FULL_OPENCV": 12,
    "FOV": 5,
    "THIN_PRISM_FISHEYE": 12,
    "RAD_TAN_THIN_PRISM_FISHEYE": 16,
    "FISHEYE": 4,
    "DIVISION": 5,
    "EUCM": 6,
}
"""Models with parameters fx, fy, cx, cy, ..."""

_BENT = 0.02
"""Largest coefficient of distortion that goes unsaid."""


@dataclass(frozen=True, slots=True)
class _Lens:
    size: tuple[float, float]
    focal: tuple[float, float]
    centre: tuple[float, float]
    bends: bool


def read(folder: Path) -> GivenCameras:
    """The cameras of a model; frames are numbered by the last number in an image's name.

    Raises:
        CameraFileError: if a file is missing or damaged, or a name holds no number.
    """
    cameras, images = folder / "cameras.txt", folder / "images.txt"
    if not folder.exists():
        raise CameraFileError("no such folder", where=folder)
    for path in (cameras, images):
        if not path.exists():
            binary = path.with_suffix(".bin").exists()
            hint = (
                "colmap model_converter --output_type TXT writes the text model"
                if binary
                else "give the folder that holds cameras.txt and images.txt"
            )
            raise CameraFileError(f"no {path.name} of a COLMAP text model", where=folder, hint=hint)
    lenses = _lenses(read_text(cameras), cameras)
    number, turn, shift, used = [], [], [], []
    for line, words in _image_lines(read_text(images), images):
        place = f"{images}, line {line}"
        values = [_number(word, place) for word in words[1:8]]
        camera = words[8]
        if camera not in lenses:
            raise CameraFileError(f"camera {camera} is not in cameras.txt", where=place)
        number.append(_frame_number(words[9], place))
        turn.append(values[:4])
        shift.append(values[4:])
        used.append(lenses[camera])
    count = len(number)
    quaternion = np.array(turn, np.float64).reshape(count, 4)
    if (np.linalg.norm(quaternion, axis=1) < 1e-6).any():
        raise CameraFileError("a quaternion of length 0", where=images)
    rotation = quaternion_to_matrix(quaternion)
    t = np.array(shift, np.float64).reshape(count, 3)
    bends = any(lens.bends for lens in used)
    note = "the lens of the COLMAP model is distorted, which is not taken into account"
    return GivenCameras(
        frame=np.array(number, np.int64),
        rotation=rotation,
        position=-np.einsum("nji,nj->ni", rotation, t),
        focal_px=np.array([lens.focal for lens in used], np.float64).reshape(count, 2),
        centre_px=np.array([lens.centre for lens in used], np.float64).reshape(count, 2),
        size=np.array([lens.size for lens in used], np.float64).reshape(count, 2),
        counts_from=None,
        notes=(note,) if bends else (),
    )


def _lenses(text: str, path: Path) -> dict[str, _Lens]:
    lenses = {}
    for line, row in enumerate(text.splitlines(), 1):
        words = row.split()
        if not words or words[0].startswith("#"):
            continue
        place = f"{path}, line {line}"
        model = words[1].upper() if len(words) > 1 else ""
        count = _ONE_FOCAL.get(model) or _TWO_FOCALS.get(model)
        if count is None:
            raise CameraFileError(f"camera model {model!r} is not known", where=place)
        values = [_number(word, place) for word in words[2:]]
        if len(values) != count + 2:
            raise CameraFileError(f"{model} has {count} parameters", where=place)
        size, values = values[:2], values[2:]
        one = model in _ONE_FOCAL
        focal = (values[0], values[0]) if one else (values[0], values[1])
        centre = values[1:3] if one else values[2:4]
        if min(*focal, *size) <= 0:
            raise CameraFileError("size and focal length must be above 0", where=place)
        bends = "FISHEYE" in model or any(abs(k) > _BENT for k in values[3 if one else 4 :])
        lenses[words[0]] = _Lens((size[0], size[1]), focal, (centre[0], centre[1]), bends)
    return lenses


def _image_lines(text: str, path: Path) -> list[tuple[int, list[str]]]:
    """The lines that describe images: every second one, the others (their points) may be empty."""
    found = []
    points_follow = False
    for number, row in enumerate(text.splitlines(), 1):
        if row.lstrip().startswith("#"):
            continue
        if points_follow:
            points_follow = False
            # Some programs leave the lines of points out.
            if not _is_image(row):
                continue
        if not row.strip():
            continue
        words = row.split(maxsplit=9)
        if len(words) < 10:
            raise CameraFileError(
                "an image needs IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME",
                where=f"{path}, line {number}",
            )
        found.append((number, words))
        points_follow = True
    return found


def _is_image(row: str) -> bool:
    """True for a line that ends with a name; points are numbers all through."""
    words = row.split()
    if len(words) < 10:
        return False
    try:
        float(words[-1])
    except ValueError:
        return True
    return False


def _frame_number(name: str, place: str) -> int:
    numbers = re.findall(r"\d+", Path(name.strip()).stem)
    if not numbers or len(numbers[-1]) > 15:
        raise CameraFileError(f"no frame number in the image's name {name.strip()!r}", where=place)
    return int(numbers[-1])


def _number(word: str, place: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise CameraFileError(f"{word!r} is not a number", where=place)
    return value
