"""People in the world side by side, with what the results say of them in the same frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from humantrack.body.joints import PHALP_JOINTS
from humantrack.results import PeopleColumns
from humantrack.types.arrays import BoolArray, FloatArray
from humantrack.types.world import WorldFrame

FILLED = -1
"""PHALP's ``tracked_time`` of somebody who was filled in."""

_NOTHING: dict[str, Any] = {"joint_source": -1, "track_id": 0, "missed": FILLED, "size": 0}
"""What stands in columns of whole numbers for people whom the results do not list in a frame; in
the others it is NaN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldPeople:
    """P people-frames of the world, in its order."""

    people: PeopleColumns
    """A row each, whose pose, shape and joints are those of the world (``global_orient`` leads
    to its axes, ``joints_3d`` is where joints are); boxes, scores and all else are what the results
    say, and NaN where they do not list the person in that frame."""

    root_position: FloatArray
    """(P,3) metres, the pelvis."""

    contacts: BoolArray
    """(P,4) whether heel and toe stand, in the order of ``types.world.CONTACTS``."""

    confidence: FloatArray
    """(P,) float64, 0..1."""

    scale: FloatArray
    """(P,) float64, size of the body, times that which ``betas`` give it."""

    observed: BoolArray
    """(P,) False where a gap of the track was bridged."""

    rest_pelvis: FloatArray
    """(P,3) the pelvis as the body's own axes have it; NaN where the results do not say."""


def world_people(people: PeopleColumns, frames: Sequence[WorldFrame]) -> WorldPeople:
    """The people of some frames of the world.

    Args:
        people: of the same frames, as the results have them.
        frames: of the world.
    """
    everybody = [(row, person) for row, frame in enumerate(frames) for person in frame.people]
    known = {
        key: i
        for i, key in enumerate(
            zip(people.frame_row.tolist(), people.track_id.tolist(), strict=True)
        )
    }
    rows = np.array([known.get((row, p.track_id), -1) for row, p in everybody], np.int64)
    observed = np.array([p.is_observed for _, p in everybody], bool)
    listed = _taken(people, rows)
    count = len(everybody)

    def stacked(name: str, *shape: int) -> FloatArray:
        values = [getattr(p, name) for _, p in everybody]
        return np.array(values, np.float64).reshape(count, *shape)

    missed = np.where(observed, np.minimum(listed.missed, 0), listed.missed)
    missed[~observed & (missed == 0)] = FILLED
    return WorldPeople(
        people=replace(
            listed,
            frame_row=np.array([row for row, _ in everybody], np.int64),
            track_id=np.array([p.track_id for _, p in everybody], np.int64),
            missed=missed,
            global_orient=stacked("root_rotation", 1, 3, 3).astype(np.float32),
            body_pose=stacked("body_pose", 23, 3, 3).astype(np.float32),
            betas=stacked("betas", 10).astype(np.float32),
            joints_3d=stacked("joints", 45, 3).astype(np.float32),
        ),
        root_position=stacked("root_position", 3),
        contacts=np.array([p.contacts for _, p in everybody], bool).reshape(count, 4),
        confidence=stacked("confidence"),
        scale=stacked("scale"),
        observed=observed,
        rest_pelvis=listed.joints_3d[:, PHALP_JOINTS.index("mid_hip")].astype(np.float64),
    )


def _taken(people: PeopleColumns, rows: Any) -> PeopleColumns:
    """These rows of the columns; row -1 is somebody of whom nothing is known."""
    missing = rows < 0
    out: dict[str, Any] = {}
    for field in fields(people):
        column = getattr(people, field.name)
        if field.name == "masks":
            out["masks"] = tuple(None if i < 0 else column[i] for i in rows.tolist())
            continue
        empty = _NOTHING.get(field.name, np.nan if column.dtype.kind == "f" else 0)
        padded = np.concatenate([column, np.full((1, *column.shape[1:]), empty, column.dtype)])
        out[field.name] = padded[np.where(missing, len(column), rows)]
    return PeopleColumns(**out)
