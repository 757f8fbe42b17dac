"""What is told of a world: plain facts for the files, and a line and notes for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from humantrack.world.build import WorldBuilder
from humantrack.world.options import SHORTEST_M, TALLEST_M
from humantrack.world.verticals import Verticals

_HOW = {
    "feet": "feet that stand",
    "bodies": "upright bodies",
    "camera": "the camera, taken to be level",
}
ADULT_M = 0.02
"""A size within this share of the estimate is told as assumed."""

_OFF_FLOOR_M = 0.5
"""Median distance of feet from the floor that is no mistake of the estimate any more."""

_SHOWN_IDS = 12
"""Ids that a note names before it only counts."""


def facts_of(
    builder: WorldBuilder, lens_mm: float | None, said: Sequence[str] = ()
) -> tuple[dict[str, Any], tuple[str, ...], str]:
    """Facts (plain values), notes, and one line.

    Args:
        builder: that has been through all frames.
        lens_mm: what the file says of its lens.
        said: what was noticed while reading.
    """
    path, lens, options = builder.path, builder.lens, builder.options
    kinds = list(path.kinds) or ["still"]
    given = {t: options.height_m(t) for t in builder.bodies if options.height_m(t) is not None}
    scale = (
        "person_height_m"
        if given
        else "camera_height_m"
        if options.camera_height_m is not None
        else "camera file"
        if path.is_metric
        else "mean adult"
    )
    tally = builder.tally
    facts = {
        "camera": {
            "kinds": kinds,
            "asked": options.camera,
            "confidence": _rounded(float(path.confidence.mean())) if len(path.index) else None,
            "evidence": dict(path.evidence),
        },
        "lens": {
            "focal_px": _rounded(lens.focal_px, 1),
            "how": lens.how,
            "relative_error": _rounded(lens.error),
            "file_35mm": lens_mm,
        },
        "scale": {"from": scale},
        "shots": _shots(builder),
        "people": {
            str(track_id): {
                "height_m": _rounded(body.height_m),
                "scale": _rounded(body.scale, 4),
                "given": track_id in given,
            }
            for track_id, body in builder.bodies.items()
        },
        "refinement": {
            "person_frames": tally.person_frames,
            "standing": tally.standing,
            "turned_round": tally.flipped,
            "bridged": tally.bridged,
            "filled_in": tally.filled,
        },
    }
    notes = (*said, *_notes(builder))
    facts["notes"] = list(notes)
    return facts, notes, _line(builder, scale)


def _shots(builder: WorldBuilder) -> list[dict[str, Any]]:
    """What was found out of each shot."""
    path = builder.path
    return [
        {
            "shot": number,
            "camera": path.kinds[number] if number < len(path.kinds) else "still",
            "up_from": ground.how,
            "up_error_deg": _rounded(ground.up_error_deg),
            "vertical_lines": _vertical_lines(ground.verticals),
            "floor_known": ground.has_floor,
            "floor_error_m": _rounded(ground.floor_error_m),
            "floor_residual_m": _rounded(ground.residual_m),
            "unit_m": _rounded(ground.unit_m),
            "unit_error": _rounded(ground.unit_error),
        }
        for number, ground in enumerate(builder.grounds)
    ]


def _vertical_lines(found: Verticals | None) -> dict[str, Any]:
    """What the scene's vertical edges said of up."""
    if found is None:
        return {"used": False, "why_not": "not looked for"}
    out = {
        "used": found.is_used,
        "lines": found.lines,
        "agreeing": _rounded(found.share),
        "axes": found.axes,
        "error_deg": _rounded(found.error_deg),
        "from_people_deg": _rounded(found.apart_deg),
    }
    return out if found.is_used else {**out, "why_not": found.why}


def _up(builder: WorldBuilder) -> str:
    """Of the shots in which vertical edges helped: how many there are, and how sure."""
    used = [g.verticals for g in builder.grounds if g.verticals and g.verticals.is_used]
    if not used:
        return ""
    count = sum(found.lines for found in used)
    error = max(found.error_deg for found in used)
    part = "" if max(found.axes for found in used) > 1 else " sideways"
    some = "" if len(used) == len(builder.grounds) else f" in {len(used)} of the shots"
    return f"up also from {count} vertical lines +-{error:.1f} deg{part}{some}; "


def _line(builder: WorldBuilder, scale: str) -> str:
    kinds = sorted(set(builder.path.kinds)) or ["still"]
    lens = builder.lens
    sure = "" if lens.error == 0 else f" +-{100 * lens.error:.0f} %"
    hows = sorted({_HOW[ground.how] for ground in builder.grounds}) or [_HOW["camera"]]
    what = "scale of a mean adult" if scale == "mean adult" else f"scale from {scale}"
    return (
        f"camera {', '.join(kinds)}; lens {lens.focal_px:.0f} px{sure} ({lens.how}); "
        f"floor from {' and '.join(hows)}; {_up(builder)}{what}"
    )


def _notes(builder: WorldBuilder) -> tuple[str, ...]:
    notes = [*builder.path.notes, *_unused_heights(builder), *_unlikely_height(builder)]
    if builder.lens.how == "assumed":
        tilt = max((ground.up_error_deg for ground in builder.grounds), default=0.0)
        notes.append(
            "the lens is not known and taken to be of 43 mm on 35 mm film: distances from the "
            f"camera may be off in proportion, and up by some {tilt:.0f} degrees (world.focal_px, "
            "world.fov_deg)"
        )
    if not builder.bodies:
        return tuple(notes)
    one_shot = len(builder.grounds) == 1
    for number, ground in enumerate(builder.grounds):
        where = "" if one_shot else f"shot {number + 1}: "
        if not ground.has_floor:
            notes.append(
                f"{where}no feet are seen, so the floor lies where the legs, as far as they are "
                "guessed, would stand"
            )
        lines = ground.verticals is not None and ground.verticals.is_used
        if ground.how == "camera" and not lines:
            notes.append(f"{where}nobody stands upright, so the camera is taken to be held level")
        if ground.unit_m == 0:
            notes.append(
                f"{where}how far the camera travels cannot be told from the people, so it is "
                "taken to stay where it is (world.camera_height_m, world.camera=FILE)"
            )
    return tuple(notes)


def _unlikely_height(builder: WorldBuilder) -> list[str]:
    """A height of the camera with which nobody would stand on the floor, or be of human size."""
    camera_m = builder.options.camera_height_m
    if camera_m is None or not builder.bodies:
        return []
    off = max((g.residual_m for g in builder.grounds if np.isfinite(g.residual_m)), default=0.0)
    tallest = max(body.height_m for body in builder.bodies.values())
    smallest = min(body.height_m for body in builder.bodies.values())
    if off < _OFF_FLOOR_M and smallest >= SHORTEST_M and tallest <= TALLEST_M:
        return []
    return [
        f"world.camera_height_m={camera_m:g} does not fit the people, who would be {smallest:.2g} "
        f"to {tallest:.2g} m tall, their feet {off:.2g} m off the floor: it is in metres"
    ]


def _unused_heights(builder: WorldBuilder) -> list[str]:
    """Heights of people who are not there: a slip, which would else go unseen."""
    ids = sorted(builder.bodies)
    there = f"there are {', '.join(map(str, ids[:_SHOWN_IDS]))}" if ids else "there is nobody"
    if len(ids) > _SHOWN_IDS:
        there += f" and {len(ids) - _SHOWN_IDS} more"
    return [
        f"world.person_height_m gives a height for track {track_id}, which is not there: {there}"
        for track_id in sorted(set(builder.options.heights_m) - set(ids))
    ]


def _rounded(value: float, digits: int = 3) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None
