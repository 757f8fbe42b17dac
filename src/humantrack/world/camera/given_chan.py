"""Nuke's ``.chan``: frame tx ty tz rx ry rz [vertical angle of view], one frame a line.

Degrees; y up, the camera looks along -z. It turns about z first, then x, then y ("ZXY", the order
of Nuke's cameras), so that camera axes lead to the world by Ry Rx Rz.
Source: Foundry's Nuke reference guide, Camera node and "Importing .chan files".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from humantrack.errors import CameraFileError
from humantrack.geometry.rotations import euler_to_matrix, transpose
from humantrack.world.camera.given import GivenCameras

_LOOKS_BACK = np.diag([1.0, -1.0, -1.0])
"""From axes x right, y up, z towards the viewer to x right, y down, z away."""


def parse(text: str, path: Path) -> GivenCameras:
    """The cameras of a ``.chan``; the frame's height is not known yet, so focal lengths are of 1.

    Raises:
        CameraFileError: if a line is not of that form.
    """
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            values = [float(word) for word in line.replace(",", " ").split()]
        except ValueError as error:
            raise CameraFileError(
                f"not a line of numbers ({error})", where=f"{path}, line {number}"
            ) from error
        if len(values) not in {7, 8} or not np.isfinite(values).all() or values[0] % 1:
            raise CameraFileError(
                "a line needs frame tx ty tz rx ry rz and, if known, the vertical angle of view",
                where=f"{path}, line {number}",
            )
        view = values[7] if len(values) == 8 else np.nan
        if view <= 0 or view >= 180:
            raise CameraFileError(
                f"an angle of view of {view:g} degrees", where=f"{path}, line {number}"
            )
        rows.append([*values[:7], view])
    table = np.array(rows, np.float64).reshape(-1, 8)
    to_world = euler_to_matrix(table[:, [5, 4, 6]], "YXZ", degrees=True)
    # Of a picture one high; its width is said to be unknown, and is that of the frames.
    focal = 0.5 / np.tan(np.deg2rad(table[:, 7]) / 2)
    count = len(table)
    return GivenCameras(
        frame=table[:, 0].astype(np.int64),
        rotation=_LOOKS_BACK @ transpose(to_world),
        position=table[:, 1:4],
        focal_px=np.repeat(focal[:, None], 2, axis=1),
        centre_px=np.full((count, 2), np.nan),
        size=np.tile([np.nan, 1.0], (count, 1)),
        has_up=True,
        counts_from=None,
    )
