"""Headers of documents and tables."""

from __future__ import annotations

from typing import Any

from humantrack._version import __version__
from humantrack.body.joints import PHALP_JOINTS, SMPL_JOINTS
from humantrack.clips.source import ResultsSource
from humantrack.geometry.cameras import PaddedSquare
from humantrack.results.table import readable

SCHEMA_ID = "urn:humantrack:results:1"
SCHEMA_VERSION = "1.1"
_WITHOUT_TRUST = "1.0"
"""The version of what says nothing of how far joints are to be trusted: it has no newer member."""

_WITH_WORLD = "1.2"

_WORLD = {
    "space": "world",
    "world_axes": "y up, the floor at 0, metres; the origin is below the first camera of the "
    "shot, which looks along -z, with x to its right",
    "camera_pose": "a point of the world is rotation @ (point - position) in camera_axes",
    "camera": "as without the world; joints_3d have nothing to do with it",
    "joints_3d": "metres in world_axes",
    "global_orient": "from the body's axes to world_axes; the pelvis is at root_position",
}


def header_of(
    source: ResultsSource, *, frames: int, non_finite: int, in_world: bool = False
) -> dict[str, Any]:
    """The members of the document before its frames (docs/export.md).

    Args:
        source: what is exported, with the user's options.
        frames: how many frames the export holds.
        non_finite: how many of its people's numbers are NaN or infinite.
        in_world: whether its people are in the world.
    """
    facts, options = source.facts, source.options
    square = PaddedSquare(facts.height, facts.width) if facts.height and facts.width else None
    return {
        "schema": SCHEMA_ID,
        "schema_version": _version(source, in_world=in_world),
        "tool": {"name": "humantrack", "version": __version__},
        "results": {"file": readable(source.path.name), "written_by": facts.written_by},
        "source": {
            "name": readable(facts.name),
            "path": facts.path and readable(facts.path),
            "fps": facts.fps,
            "fps_known": facts.fps_known,
            "width": facts.width,
            "height": facts.height,
            "duration_s": facts.duration_s,
            "frame_count": facts.frame_count,
        },
        "model": dict(facts.model),
        "coordinates": {
            "camera_axes": "x right, y down, z away from the viewer; metres",
            "camera": "translation; a point of the body is seen at joints_3d + camera",
            "focal_length_px": options.focal_px or (square and square.focal_px),
            "principal_point_px": square and square.centre_px.tolist(),
            "camera_bbox": "scale, x, y of the crop round the padded box, for f = 5000 "
            "on the 256-px padded square",
            "bbox": "x, y, width, height in pixels of the frame",
            "joints_2d": "pixels of the frame, origin at its top-left corner",
            "joints_3d": "metres, without camera; 'root' is the body's origin, always 0",
            **(_WORLD if in_world else {}),
        },
        "rotations": options.rotations,
        "joint_names": {"smpl": SMPL_JOINTS, "joints": PHALP_JOINTS},
        "counts": {"frames": frames, "non_finite": non_finite},
    }


def _version(source: ResultsSource, *, in_world: bool) -> str:
    if in_world:
        return _WITH_WORLD
    return SCHEMA_VERSION if source.is_rated else _WITHOUT_TRUST
