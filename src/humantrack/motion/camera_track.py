"""The camera's way through the world over a clip, for formats that show it."""

from __future__ import annotations

import bisect
from array import array as numbers_of

import numpy as np

from humantrack.clips.frames import Batch
from humantrack.geometry.rotations import matrix_to_quaternion, slerp
from humantrack.motion.motion import Y_UP
from humantrack.motion.rig import UP, Rig
from humantrack.motion.spool import chunks
from humantrack.types.arrays import FloatArray

_JUMP_S = 1e-3
"""Before a cut a key frame holds the camera still, at most this long before the new shot."""


class CameraTrack:
    """Gathers the camera of each frame; some 150 bytes a frame."""

    def __init__(self) -> None:
        self.time_s = numbers_of("d")
        self.focal_px = numbers_of("d")
        self._shot = numbers_of("q")
        self._rotation, self._position, self._centre_px = (numbers_of("d") for _ in range(3))

    def __len__(self) -> int:
        return len(self.time_s)

    def add(self, batch: Batch) -> None:
        """Take the next frames."""
        for frame in batch.frames:
            if frame.world is None:
                continue
            self.time_s.append(frame.time_s)
            self._shot.append(frame.world.shot)
            self._rotation.extend(frame.world.camera_rotation.ravel().tolist())
            self._position.extend(frame.world.camera_position.tolist())
            self.focal_px.append(frame.world.focal_px)
            self._centre_px.extend(frame.world.centre_px.tolist())

    def rotation(self, row: int) -> FloatArray:
        """(3,3) world to camera, in the frame of this row."""
        return np.array(self._rotation[9 * row : 9 * row + 9]).reshape(3, 3)

    def position(self, row: int) -> FloatArray:
        """(3,) metres in the world, in the frame of this row."""
        return np.array(self._position[3 * row : 3 * row + 3])

    def centre_px(self, row: int) -> FloatArray:
        """(2,) the principal point, in the frame of this row."""
        return np.array(self._centre_px[2 * row : 2 * row + 2])

    def at(self, time_s: float) -> tuple[FloatArray, FloatArray, float]:
        """Rotation, position and focal length at any time, between those of the frames around it.

        Within a shot only; what is nearest otherwise.
        """
        after = min(bisect.bisect_left(self.time_s, time_s - 1e-9), len(self) - 1)
        before = max(after - 1, 0)
        span = self.time_s[after] - self.time_s[before]
        share = 1.0 if span <= 0 else float(np.clip((time_s - self.time_s[before]) / span, 0, 1))
        if share >= 1 - 1e-9 or self._shot[before] != self._shot[after]:
            row = after if share >= 1 - 1e-9 else before
            return self.rotation(row), self.position(row), self.focal_px[row]
        turn = slerp(self.rotation(before), self.rotation(after), np.array(share))
        place = self.position(before) * (1 - share) + self.position(after) * share
        focal_px = self.focal_px[before] * (1 - share) + self.focal_px[after] * share
        return turn, place, focal_px

    def key_frames(
        self, start_s: float, rig: Rig | None = None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Times, places and turns of a camera as scenes have it: it looks along its own -z.

        Args:
            start_s: when the scene begins.
            rig: the scene's axes and unit; None: y up, metres.

        Returns:
            (K,) float32 seconds, rising; (K,3) float32 in the scene's unit; (K,4) float32
            x, y, z, w from the camera's axes to the scene's, each near the one before.
        """
        rig = rig or Rig()
        time_s = np.array(self.time_s) - start_s
        rows = np.arange(len(self))
        cuts = np.flatnonzero(np.diff(self._shot)) + 1
        if len(cuts):
            jumps = time_s[cuts] - np.minimum(_JUMP_S, (time_s[cuts] - time_s[cuts - 1]) / 2)
            time_s, rows = np.concatenate([time_s, jumps]), np.concatenate([rows, cuts - 1])
            order = np.argsort(time_s, kind="stable")
            time_s, rows = time_s[order], rows[order]
        turns = np.empty((len(rows), 4))
        for some in chunks(0, len(rows)):
            matrices = np.array([self.rotation(row) for row in rows[some].tolist()])
            turns[some] = matrix_to_quaternion(UP[rig.up] @ (matrices.transpose(0, 2, 1) * Y_UP))
        signs = np.cumprod(np.where((turns[1:] * turns[:-1]).sum(axis=1) < 0, -1.0, 1.0))
        turns[1:] *= signs[:, None]
        seconds = np.maximum(time_s, 0).astype(np.float32)
        kept = np.flatnonzero(np.diff(seconds, prepend=np.float32(-1)) > 0)
        places = rig.place(np.array(self._position).reshape(-1, 3)).astype(np.float32)
        return seconds[kept], places[rows[kept]], turns[kept][:, [1, 2, 3, 0]].astype(np.float32)
