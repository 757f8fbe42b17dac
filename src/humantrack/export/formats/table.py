"""A batch as the table that csv and parquet write."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from humantrack.clips.frames import Batch
from humantrack.clips.options import ExportOptions
from humantrack.motion.camera import through_lens
from humantrack.results.table import people_table
from humantrack.types.world import CONTACTS


def table_of(
    batch: Batch, options: ExportOptions, *, trust: bool = False, in_world: bool = False
) -> dict[str, npt.NDArray[Any]]:
    """Columns of ``results.table``, with the rotations, camera and masks that were asked for.

    ``trust`` says whether there are columns of how far joints are to be trusted; ``in_world``
    whether people are those of the world, with columns of what only it tells.

    Raises:
        ResultsError: if a frame is malformed.
    """
    people, frames = batch.world.people if in_world else batch.people, batch.frames
    table = people_table(
        through_lens(people, options.focal_px),
        index=[frame.index for frame in frames],
        key=[frame.key for frame in frames],
        time_s=[frame.time_s for frame in frames],
        shot=[frame.is_shot_start for frame in frames],
        rotations=options.rotations,
        masks=options.masks,
        trust=trust,
    )
    return table | _world(batch) if in_world else table


def _world(batch: Batch) -> dict[str, npt.NDArray[Any]]:
    """Columns of what only the world tells, the camera's the same for all people of a frame."""
    world = batch.world
    rows = world.people.frame_row
    cameras = [frame.world for frame in batch.frames if frame.world is not None]
    rotation = np.array([c.camera_rotation for c in cameras]).reshape(-1, 9)[rows]
    position = np.array([c.camera_position for c in cameras]).reshape(-1, 3)[rows]
    focal_px = np.array([c.focal_px for c in cameras], np.float64)[rows]
    return {
        **{f"root_position_{a}": world.root_position[:, i].copy() for i, a in enumerate("xyz")},
        "body_scale": world.scale,
        "confidence": world.confidence,
        **{f"contact_{name}": world.contacts[:, i].copy() for i, name in enumerate(CONTACTS)},
        **{f"camera_rotation_{i // 3}{i % 3}": rotation[:, i].copy() for i in range(9)},
        **{f"camera_position_{a}": position[:, i].copy() for i, a in enumerate("xyz")},
        "camera_focal_px": focal_px,
    }
