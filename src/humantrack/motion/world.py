"""The motion of people in the world, for the same formats as that before the camera."""

from __future__ import annotations

import numpy as np

from humantrack.clips.frames import Batch
from humantrack.clips.options import ExportOptions
from humantrack.clips.source import ResultsSource
from humantrack.geometry.rotations import matrix_to_quaternion
from humantrack.motion.motion import MotionCollector
from humantrack.motion.skeleton import PELVIS_ROW
from humantrack.types.arrays import BoolArray, FloatArray


class WorldCollector(MotionCollector):
    """Gathers the tracks of a world file: y up, the floor at y = 0, metres.

    Batches must hold the frames of the world (``ResultsSource.batches``).
    """

    def __init__(self, options: ExportOptions, fps: float) -> None:
        super().__init__(options, fps)
        self._rest: dict[int, FloatArray] = {}

    def add(self, batch: Batch) -> None:
        """Take the next frames."""
        world, start = batch.world, self._add_frames(batch)
        people = world.people
        local = np.concatenate([people.global_orient, people.body_pose], axis=1)
        for track_id in sorted(set(people.track_id.tolist())):
            rows = np.flatnonzero(np.equal(people.track_id, track_id))
            numbers = self._spool.append(
                quaternions=matrix_to_quaternion(local[rows].astype(np.float64)),
                joints=people.joints_3d[rows],
                pelvis=people.joints_3d[rows, PELVIS_ROW],
                betas=people.betas[rows],
                rest_pelvis=self._known_rest(track_id, world.rest_pelvis[rows]),
                joint_source=people.joint_source[rows],
                joint_confidence=people.joint_confidence[rows],
            )
            about = world.observed[rows], world.contacts[rows], world.confidence[rows]
            row = start + people.frame_row[rows]
            self._rows.setdefault(track_id, []).append((row, numbers, *about))

    def _known_rest(self, track_id: int, rest: FloatArray) -> FloatArray:
        """(N,3) where the pelvis rests in the body's axes, as last known where it is not said."""
        known: BoolArray = np.asarray(np.isfinite(rest).all(axis=1))
        last = self._rest.get(track_id, np.zeros(3))
        if np.any(known):
            last = self._rest[track_id] = rest[known].mean(axis=0)
        return np.where(known[:, None], rest, last)


def collector_for(
    source: ResultsSource, options: ExportOptions, *, long_lens: bool = False
) -> MotionCollector:
    """What gathers the motion of a results file, in the world or before the camera.

    Args:
        source: the results.
        options: the export's, or those with which this format replaces them.
        long_lens: keep PHALP's focal length before the camera.

    Raises:
        ConfigError: if the world was asked for and there is none.
    """
    if source.is_in_world(is_motion=True):
        return WorldCollector(options, source.facts.fps)
    return MotionCollector(options, source.facts.fps, long_lens=long_lens)
