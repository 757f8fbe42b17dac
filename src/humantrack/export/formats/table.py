"""A batch as the table that csv and parquet write."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from humantrack.clips.options import ExportOptions
from humantrack.clips.source import Batch
from humantrack.motion.camera import through_lens
from humantrack.results.table import people_table


def table_of(
    batch: Batch, options: ExportOptions, *, trust: bool = False
) -> dict[str, npt.NDArray[Any]]:
    """Columns of ``results.table``, with the rotations, camera and masks that were asked for.

    ``trust`` says whether there are columns of how far joints are to be trusted.

    Raises:
        ResultsError: if a frame is malformed.
    """
    frames = batch.frames
    return people_table(
        through_lens(batch.people, options.focal_px),
        index=[frame.index for frame in frames],
        key=[frame.key for frame in frames],
        time_s=[frame.time_s for frame in frames],
        shot=[frame.is_shot_start for frame in frames],
        rotations=options.rotations,
        masks=options.masks,
        trust=trust,
    )
