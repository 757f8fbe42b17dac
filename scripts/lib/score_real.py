"""The figures of real clips of one person, whose joints were triangulated from several cameras.

Truth is ``<clip>_gt.npz``: ``joints_m`` (T,12,3) in metres and the camera's axes, ``joints_px``
(T,12,2), in the order of :data:`lib.measures.NAMES`, NaN where unknown; ``calibrated`` is false
where the pixels do not fit the picture, so that PCK says nothing.

A person is the one whose hips and shoulders lie nearest to the true ones in the picture, and not
farther than a quarter of his height; a frame without one is missed. MPJPE with the middle of the
hips at the origin; "aligned" (PA) after the best similarity transform; "along the ray" with the
truth turned so that the person's ray is the camera's axis. PCK@.05: joints in the picture nearer
than 0.05 of the height, which is 1.2 times the vertical extent of the 12 joints. A frame is flipped
if the joints fit better with left and right exchanged. Angles at knee (hip to ankle), hip
(shoulder to knee) and elbow (shoulder to wrist) are compared in absolute degrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lib.measures import (
    ANGLES,
    HIPS,
    OF_BLAZEPOSE,
    OF_BODY25,
    OTHER_SIDE,
    SHOULDERS,
    Intervals,
    angles_deg,
    at_hips,
    to_axis,
)

from humantrack import iter_results
from humantrack.evaluation.measures.body import accelerations, pa_mpjpe
from humantrack.geometry.cameras import PaddedSquare

_NEAR = 0.25
_PCK = 0.05
_HEAD_AND_FEET = 1.2

Raw = Mapping[int, np.ndarray]
"""Frame -> (N,33,2) landmarks of the network in pixels, before a body is fitted to them."""


def is_real(truth: str | Path) -> bool:
    """Whether a truth file is one of a real clip."""
    with np.load(truth) as arrays:
        return "joints_m" in arrays.files


def real_quality(
    results: str | Path, truth: str | Path, raw: Raw | None = None
) -> dict[str, float]:
    """All figures: counts, millimetres, shares 0..1, degrees, millimetres per frame^2."""
    with np.load(truth) as arrays:
        true_m, true_px = arrays["joints_m"].astype(float), arrays["joints_px"].astype(float)
        calibrated = bool(arrays.get("calibrated", True))
    known = np.isfinite(true_m).all(axis=(1, 2))
    got: dict[int, dict[str, Any]] = {}
    there = 0
    for _, frame in iter_results(results):
        t = int(frame["time"])
        if t >= len(true_m):
            break
        there += int(known[t])
        person = _nearest(frame, true_px[t]) if known[t] else None
        if person is not None:
            got[t] = person
    out: dict[str, float] = {"frames": len(got), "missed": there - len(got)}
    if got:
        out |= _figures(got, true_m, true_px)
        out |= _raw_pck(raw, sorted(got), true_px)
    if not calibrated:
        out = {name: value for name, value in out.items() if not name.endswith("pck05")}
    return out


def seen_quality(results: str | Path) -> dict[str, float]:
    """What can be said without a truth: frames, those with somebody in them, identities."""
    frames = [[person["tid"] for person in seen(frame)] for _, frame in iter_results(results)]
    return {
        "frames": len(frames),
        "frames_with_people": sum(map(bool, frames)),
        "ids": len({tid for frame in frames for tid in frame}),
    }


def seen(frame: dict[str, Any]) -> list[dict[str, Any]]:
    """The people seen in a frame, one dict each."""
    keys = ("tid", "bbox", "smpl", "camera", "size", "3d_joints", "2d_joints", "joint_error_mm")
    return [
        {key: frame[key][k] for key in keys if key in frame}
        for k, missed in enumerate(frame["tracked_time"])
        if missed == 0
    ]


def _nearest(frame: dict[str, Any], true_px: np.ndarray) -> dict[str, Any] | None:
    """The person seen where the true one is, with ``px`` (12,2) and ``m`` (12,3)."""
    people = []
    for person in seen(frame):
        square = PaddedSquare(*(int(side) for side in person["size"]))
        px = square.to_image(np.asarray(person["2d_joints"], float).reshape(-1, 2))[OF_BODY25]
        m = np.asarray(person["3d_joints"], float)[OF_BODY25]
        people.append((_apart(px, true_px), {**person, "px": px, "m": m}))
    apart, nearest = min(people, key=lambda p: p[0], default=(np.inf, None))
    return nearest if apart < _NEAR * _height(true_px) else None


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance of the middles of hips and shoulders, px."""
    middles = [a[pair].mean(axis=0) - b[pair].mean(axis=0) for pair in (HIPS, SHOULDERS)]
    return float(np.linalg.norm(middles, axis=1).mean())


def _height(px: np.ndarray) -> np.ndarray:
    return _HEAD_AND_FEET * np.ptp(px[..., 1], axis=-1)


def _figures(
    got: Mapping[int, dict[str, Any]], true_m: np.ndarray, true_px: np.ndarray
) -> dict[str, float]:
    frames = sorted(got)
    ours, true = at_hips(np.stack([got[t]["m"] for t in frames])), at_hips(true_m[frames])
    errors = 1000 * np.linalg.norm(ours - true, axis=-1)
    exchanged = 1000 * np.linalg.norm(ours[:, OTHER_SIDE] - true, axis=-1)
    along = np.stack([to_axis(m[HIPS].mean(axis=0)) for m in true_m[frames]])
    turned = true @ along.transpose(0, 2, 1)
    px = np.stack([got[t]["px"] for t in frames])
    intervals = Intervals()
    for row, t in enumerate(frames):
        intervals.add(errors[row], got[t].get("joint_error_mm"))
    return {
        "mpjpe_mm": float(errors.mean()),
        "pa_mpjpe_mm": float(pa_mpjpe(ours, true).mean()),
        "ray_mpjpe_mm": 1000 * float(np.linalg.norm(ours - turned, axis=-1).mean()),
        "pck05": _pck(px, true_px[frames]),
        "flipped": int((exchanged.mean(axis=1) < errors.mean(axis=1)).sum()),
        **{
            f"{name}_deg": float(np.abs(angles_deg(ours, name) - angles_deg(true, name)).mean())
            for name in ANGLES
        },
        "acceleration": 1000 * float(accelerations(ours, np.array(frames)).mean()),
        "acceleration_true": 1000 * float(accelerations(true, np.array(frames)).mean()),
        **intervals.shares(),
    }


def _pck(px: np.ndarray, true_px: np.ndarray) -> float:
    """Share of joints (T,12,2) within 0.05 of the height."""
    near = np.linalg.norm(px - true_px, axis=-1) < _PCK * _height(true_px)[:, None]
    return float(near.mean())


def _raw_pck(raw: Raw | None, frames: list[int], true_px: np.ndarray) -> dict[str, float]:
    """PCK of the landmarks themselves, in those of the frames that have any."""
    found = {}
    for t in frames:
        people = (raw or {}).get(t, np.zeros((0, 33, 2)))[:, OF_BLAZEPOSE]
        if len(people):
            found[t] = min(people, key=lambda px, t=t: _apart(px, true_px[t]))
    if not found:
        return {}
    return {"raw_pck05": _pck(np.stack(list(found.values())), true_px[list(found)])}
