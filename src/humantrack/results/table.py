"""People of many frames as a flat table: one named column per number, one row per person and frame.

docs/python.md describes every column.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from humantrack.body.joints import PHALP_JOINTS, SMPL_JOINTS
from humantrack.errors import ConfigError
from humantrack.geometry.notations import COMPONENTS, rotations_as
from humantrack.results.columns import PeopleColumns
from humantrack.types import SOURCE_NAMES, FrameKey, person_confidence, pose_source

Array = npt.NDArray[Any]


def people_table(
    people: PeopleColumns,
    *,
    index: Sequence[int],
    key: Sequence[FrameKey],
    time_s: Sequence[float],
    shot: Sequence[bool],
    rotations: str = "axis_angle",
    masks: bool = False,
    trust: bool | None = None,
) -> dict[str, Array]:
    """The columns, in order, each (P,) and contiguous; ``float`` ones have NaN for infinity.

    Args:
        people: of F frames.
        index: F numbers of the frames.
        key: F keys.
        time_s: F times.
        shot: F marks, true after a cut.
        rotations: notation, a name of ``COMPONENTS``.
        masks: whether there is a column of silhouettes.
        trust: whether there are columns of ``JointTrust``; None: if it is known of anybody.

    Raises:
        ConfigError: for an unknown notation.
    """
    if rotations not in COMPONENTS:
        raise ConfigError(f"must be one of {', '.join(COMPONENTS)}", where=f"rotations={rotations}")
    local = np.concatenate([people.global_orient, people.body_pose], axis=1)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not a number is none afterwards
        pixels = people.joints_px().astype(np.float32)
    table: dict[str, Array] = {
        "frame": np.array(index, np.int64)[people.frame_row],
        "key": np.array([key_text(k) for k in key], object)[people.frame_row],
        "time_s": np.array(time_s, np.float64)[people.frame_row],
        "shot": np.array(shot, bool)[people.frame_row],
        "track_id": people.track_id,
        "state": np.where(people.missed == 0, "observed", "predicted"),
        "tracked_time": people.missed,
        "score": people.score,
        "image_width": people.size[:, 1].copy(),
        "image_height": people.size[:, 0].copy(),
        **_spread(["bbox"], "xywh", people.xywh_px),
        **_spread(["center"], "xy", people.centre_px),
        "scale": people.scale,
        **_spread(["camera"], "xyz", people.cam_t),
        **_spread(["camera_bbox"], "sxy", people.cam_crop),
        **_spread(
            [f"rot_{joint}" for joint in SMPL_JOINTS],
            *(COMPONENTS[rotations], rotations_as(local, rotations)),
        ),
        **_spread(["betas"], "0123456789", people.betas),
        **_spread(PHALP_JOINTS, "xyz", people.joints_3d),
        **_spread(PHALP_JOINTS, "uv", pixels),
    }
    if people.is_rated.any() if trust is None else trust:
        table |= _trust(people)
    if masks:
        table["mask_counts"] = np.array([m and m["counts"] for m in people.masks], object)
    return {name: _finite(column) for name, column in table.items()}


def _trust(people: PeopleColumns) -> dict[str, Array]:
    """How far people and their joints are to be trusted; NaN and None where nothing is known."""
    # Row -1 of an unknown source is the last name: none.
    names = np.array([*SOURCE_NAMES, None], object)
    sources = names[people.joint_source]
    return {
        "pose_confidence": person_confidence(people.joint_confidence),
        "pose_source": names[pose_source(people.joint_source)],
        **_spread(PHALP_JOINTS, ["confidence"], people.joint_confidence),
        **_spread(PHALP_JOINTS, ["error50_mm", "error90_mm"], people.joint_error_mm),
        **_spread(PHALP_JOINTS, ["source"], sources),
    }


def key_text(key: FrameKey) -> str:
    """A frame's key as text; a tuple as JSON has it."""
    if isinstance(key, str):
        return readable(key)
    return readable(json.dumps(key, ensure_ascii=False, default=str))


def readable(text: str) -> str:
    """The text with what UTF-8 cannot hold (of file names that are no text) as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _spread(names: Sequence[str], parts: Sequence[str], array: Array) -> dict[str, Array]:
    """(P, names x parts) as columns ``name_part``."""
    columns = np.ascontiguousarray(array.reshape(len(array), len(names) * len(parts)).T)
    labels = [f"{name}_{part}" for name in names for part in parts]
    return dict(zip(labels, columns, strict=True))


def _finite(column: Array) -> Array:
    if column.dtype.kind != "f" or np.isfinite(column).all():
        return column
    return np.where(np.isfinite(column), column, np.nan).astype(column.dtype)
