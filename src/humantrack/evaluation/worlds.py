"""Tracks in the world: as the world pass found them, or lifted by a known camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from humantrack.evaluation.joints import PELVIS_OF_45
from humantrack.evaluation.lifting import before_real_camera
from humantrack.evaluation.predictions import Predictions
from humantrack.results import iter_results
from humantrack.results.world import iter_world_of, world_path
from humantrack.types.arrays import FloatArray, IntArray
from humantrack.types.world import WorldPerson


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """P rows of people in some axes, metres."""

    frame: IntArray
    track_id: IntArray
    pelvis: FloatArray
    """(P,3)"""

    rotations: FloatArray
    """(P,24,3,3), the root's from the body's axes to these."""

    betas: FloatArray
    """(P,10)"""

    joints: FloatArray
    """(P,45,3) PHALP's joints, in their places."""

    note: str = ""
    """Where they are from."""

    def of(self, track: int, frames: IntArray) -> tuple[Motion, IntArray]:
        """A track in some frames (rising), and which of these frames it is in."""
        mine = np.flatnonzero(self.track_id == track)
        _, at, which = np.intersect1d(self.frame[mine], frames, return_indices=True)
        return self.rows(mine[at]), which

    def rows(self, rows: IntArray) -> Motion:
        """Some of the rows."""
        return Motion(
            frame=self.frame[rows],
            track_id=self.track_id[rows],
            pelvis=self.pelvis[rows],
            rotations=self.rotations[rows],
            betas=self.betas[rows],
            joints=self.joints[rows],
            note=self.note,
        )


def in_camera(found: Predictions) -> Motion:
    """People as results hold them: in the axes of PHALP's camera, pelvises where they are."""
    pelvis = found.joints[:, PELVIS_OF_45] + found.cam_t
    return Motion(
        frame=found.frame,
        track_id=found.track_id,
        pelvis=pelvis,
        rotations=found.rotations,
        betas=found.betas,
        joints=found.joints + found.cam_t[:, None],
    )


def _from_file(found: Predictions, path: Path) -> Motion:
    """The people of a world file, bridged gaps among them."""
    rows: list[tuple[int, WorldPerson]] = []
    shots = set()
    for number, (_, _, frame) in enumerate(iter_world_of(iter_results(found.path), path)):
        rows += [(number, person) for person in frame.people]
        shots.add(frame.shot)
    people = [person for _, person in rows]
    count = len(rows)

    def stacked(arrays: list[FloatArray], *shape: int) -> FloatArray:
        return np.array(arrays, np.float64).reshape(count, *shape)

    root = stacked([p.root_rotation for p in people], 1, 3, 3)
    note = f"motion in the world is that of {path.name}"
    if len(shots) > 1:
        note += f", whose {len(shots)} shots have each a world of their own"
    return Motion(
        frame=np.array([number for number, _ in rows], np.int64),
        track_id=np.array([p.track_id for p in people], np.int64),
        pelvis=stacked([p.root_position for p in people], 3),
        rotations=np.concatenate([root, stacked([p.body_pose for p in people], 23, 3, 3)], axis=1),
        betas=stacked([p.betas for p in people], 10),
        joints=stacked([p.joints for p in people], 45, 3),
        note=note,
    )


def in_world(
    found: Predictions,
    *,
    intrinsics: FloatArray,
    rotation: FloatArray,
    position: FloatArray,
    given_camera: bool = False,
) -> Motion:
    """The people of results in the world.

    Args:
        found: the results.
        intrinsics: (3,3) or (T,3,3) of the given camera, pixels.
        rotation: (T,3,3) world to camera: X_camera = R (X_world - position).
        position: (T,3) of the camera, metres.
        given_camera: lift by that camera even where a world file lies by the results.

    Raises:
        ResultsError: if the world file is damaged, or was made of other results.
    """
    path = world_path(found.path)
    if not given_camera and path.is_file():
        return _from_file(found, path)
    frame = found.frame
    k = intrinsics if intrinsics.ndim == 2 else intrinsics[frame]
    seen = in_camera(found)
    place, turn = before_real_camera(seen.pelvis, found.size, k)
    to_world = rotation[frame].transpose(0, 2, 1) @ turn
    pelvis = (place[:, None] @ rotation[frame])[:, 0] + position[frame]
    bare = seen.joints - seen.pelvis[:, None]
    rotations = found.rotations.copy()
    rotations[:, 0] = to_world @ rotations[:, 0]
    return Motion(
        frame=frame,
        track_id=found.track_id,
        pelvis=pelvis,
        rotations=rotations,
        betas=found.betas,
        joints=bare @ to_world.transpose(0, 2, 1) + pelvis[:, None],
        note="motion in the world is lifted by the true camera",
    )
