"""PHALP's own truth of PoseTrack, ``gt_data.pickle``: {video: {frame: [names, ids, boxes, ids]}}.

Boxes are x, y, width, height; the second ids count from 0 within a video, and are those that
evaluate_PHALP.py scores. Frames are met by their file names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.errors import BenchmarkError, HumantrackError, MismatchError
from humantrack.evaluation.benchmarks.boxes import TrueBoxes, TrueFrame, checked_frame
from humantrack.evaluation.predictions import Predictions
from humantrack.geometry.boxes import xywh_to_xyxy
from humantrack.results import load_results

Named = Mapping[str, TrueFrame]
"""File name of a frame -> its true boxes, for the frames that have any."""


def read_phalp_truth(path: Path) -> dict[str, Named]:
    """Read the file; nothing that it names is run.

    Raises:
        BenchmarkError: if it is missing, damaged or something else.
    """
    try:
        content: Mapping[Any, Any] = load_results(path)
    except HumantrackError as error:
        raise BenchmarkError(error.what, where=path, hint=error.hint) from error
    try:
        return {str(video): _frames(frames, path) for video, frames in content.items()}
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        raise BenchmarkError(f"not PHALP's truth ({error!r})", where=path) from error


def _frames(frames: Mapping[Any, Any], path: Path) -> Named:
    out = {}
    for name, (_, _, boxes, ids) in frames.items():
        if len(ids):
            frame = TrueFrame(
                ids=np.asarray(ids, np.int64).reshape(-1),
                xyxy_px=xywh_to_xyxy(np.asarray(boxes, float).reshape(len(ids), 4)),
            )
            out[Path(str(name)).name] = checked_frame(frame, Path(str(name)).name, path)
    return out


def numbered(name: str, frames: Named, found: Predictions, path: Path) -> TrueBoxes:
    """The truth of a video, by the numbers of its frames in results.

    Raises:
        MismatchError: if the results lack a frame.
    """
    numbers = {frame: number for number, frame in enumerate(found.frame_names)}
    lacking = [frame for frame in frames if frame not in numbers]
    if lacking:
        raise MismatchError(
            f"the results have no frame {lacking[0]} of {name}",
            where=found.path,
            hint="track the folder of the data set's own pictures",
        )
    return TrueBoxes(
        name=name,
        path=path,
        source=None,
        frame_count=found.frame_count,
        frames={numbers[frame]: boxes for frame, boxes in frames.items()},
    )
