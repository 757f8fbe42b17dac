"""The motion of people in the world, for the same formats as that before the camera."""

from __future__ import annotations

import numpy as np

from humantrack.clips.options import ExportOptions
from humantrack.clips.source import Batch, ResultsSource
from humantrack.geometry.rotations import matrix_to_quaternion
from humantrack.motion.motion import MotionCollector


class WorldCollector(MotionCollector):
    """Gathers the tracks of a world file: y up, the floor at y = 0, metres.

    Batches must hold the frames of the world (``ResultsSource.batches``).
    """

    def add(self, batch: Batch) -> None:
        """Take the next frames."""
        world, start = batch.world, self._add_frames(batch)
        people = world.people
        local = np.concatenate([people.global_orient, people.body_pose], axis=1)
        for track_id in np.unique(people.track_id).tolist():
            rows = people.track_id == track_id
            self._rows.setdefault(track_id, []).append(
                (
                    start + people.frame_row[rows],
                    matrix_to_quaternion(local[rows].astype(np.float64)).astype(np.float32),
                    people.joints_3d[rows],
                    people.betas[rows],
                    world.rest_pelvis[rows],
                    people.joint_source[rows].astype(np.int8),
                    people.joint_confidence[rows],
                    world.observed[rows],
                    world.contacts[rows],
                    world.confidence[rows],
                )
            )


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
