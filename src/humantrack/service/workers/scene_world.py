"""The world of results as the page draws it, beside what ``scene`` gives of them.

``world`` of a frame: ``camera`` with ``position`` (metres), ``rotation`` (quaternion, w first, from
the camera's axes, y up and looking along -z, to the world's) and ``focal_px``; and ``people``, each
with ``track_id``, ``state`` ('observed', or 'predicted' where a gap was bridged), ``pelvis``,
``rotations`` and ``contacts`` (four, as ``types.world.CONTACTS``).

``world`` of the time line: ``tracks``, each with ``track_id``, ``rest`` and ``kind``; ``shots``,
the first rows of all; and ``camera``, the camera's way: row, x, y, z, thinned out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from humantrack.body.smpl_file import SmplArrays
from humantrack.clips.frames import Batch
from humantrack.geometry.rotations import matrix_to_quaternion, quaternion_to_matrix
from humantrack.motion.motion import Y_UP
from humantrack.motion.skeleton import PELVIS_ROW, skeleton_of
from humantrack.types.arrays import FloatArray
from humantrack.types.world import WorldFrame

_MOST_OF_WAY = 4000
"""Places of the camera at most."""

_SAMPLES = 60
"""Frames of a track from which its skeleton is found; at most twice as many are kept."""


class _Samples:
    """Some frames of a track, evenly over its length: rotations, joints, shape of each."""

    def __init__(self) -> None:
        self.kept: list[tuple[FloatArray, FloatArray, FloatArray]] = []
        self._count, self._every = 0, 1

    def add(self, sample: tuple[FloatArray, FloatArray, FloatArray]) -> None:
        if self._count % self._every == 0:
            self.kept.append(sample)
        if len(self.kept) >= 2 * _SAMPLES:
            self.kept, self._every = self.kept[::2], 2 * self._every
        self._count += 1


class WorldScene:
    """Takes batch after batch; holds some places of the camera, and some frames per track."""

    def __init__(self) -> None:
        self._samples: dict[int, _Samples] = {}
        self._way: list[list[float]] = []
        self._every = 1
        self._shots: list[int] = []
        self._shot: int | None = None

    def take(self, batch: Batch, first: int) -> list[dict[str, Any]]:
        """The ``world`` of each frame of a batch that begins at a row."""
        world = batch.world
        people = world.people
        local = np.concatenate([people.global_orient, people.body_pose], axis=1).astype(float)
        quaternions = matrix_to_quaternion(local)
        out = [self._frame(frame.world, first + i) for i, frame in enumerate(batch.frames)]
        places, rotations = plain(people.joints_3d[:, PELVIS_ROW], 4), plain(quaternions, 5)
        for i, row in enumerate(people.frame_row.tolist()):
            track_id = int(people.track_id[i])
            sample = quaternions[i], people.joints_3d[i], people.betas[i]
            self._samples.setdefault(track_id, _Samples()).add(sample)
            out[row]["people"].append(
                {
                    "track_id": track_id,
                    "state": "observed" if world.observed[i] else "predicted",
                    "pelvis": places[i],
                    "rotations": rotations[i],
                    "contacts": world.contacts[i].tolist(),
                }
            )
        return out

    def timeline(self, smpl: Callable[[], SmplArrays | None]) -> dict[str, Any]:
        """The ``world`` of the time line."""
        tracks = []
        for track_id in sorted(self._samples):
            parts = zip(*self._samples[track_id].kept, strict=True)
            quaternions, joints, betas = (np.stack(part) for part in parts)
            skeleton = skeleton_of(quaternion_to_matrix(quaternions), joints, betas, smpl)
            about = {"rest": plain(skeleton.rest, 5), "kind": skeleton.kind}
            tracks.append({"track_id": track_id, **about})
        return {"tracks": tracks, "shots": self._shots, "camera": self._way}

    def _frame(self, frame: WorldFrame | None, row: int) -> dict[str, Any]:
        if frame is None:
            raise ValueError(f"row {row} was not read with its world")
        is_cut = frame.shot != self._shot
        if is_cut:
            self._shot = frame.shot
            self._shots.append(row)
        place = plain(frame.camera_position, 4)
        if is_cut or row % self._every == 0:
            self._way.append([row, *place])
        if len(self._way) > _MOST_OF_WAY:
            self._way, self._every = self._way[::2], 2 * self._every
        turn = matrix_to_quaternion(frame.camera_rotation.T * Y_UP)
        camera = {"position": place, "rotation": plain(turn, 6), "focal_px": frame.focal_px}
        return {"camera": camera, "people": []}


def plain(array: FloatArray, digits: int) -> list[Any]:
    """Numbers for JSON (float64, as its shortest text is then the rounded one); no -0.0."""
    numbers: list[Any] = (np.round(array.astype(np.float64), digits) + 0.0).tolist()
    return numbers
