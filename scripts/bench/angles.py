"""Measure joint angles against those of the rotations that a drawn clip was made of.

    python scripts/bench/angles.py RESULTS.pkl TRUTH.npz [RESULTS.pkl TRUTH.npz ...]

Truth has ``box`` (T,N,4) xyxy pixels, ``present`` or ``visible`` (T,N) and ``body_pose``
(T,N,23,3,3). A person of the results is the one whose box overlaps most, by at least half. Prints
per angle, both sides together, the mean absolute error in degrees, the same after each track's mean
difference is taken away, and the error of frames whose joint is rated seen.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from humantrack.clips.source import ResultsSource
from humantrack.motion.angles import NAMES, joint_angles, trust_of
from humantrack.types import JointSource

LEAST_OVERLAP = 0.5


def main() -> int:
    """Print the table."""
    rows = [
        row
        for pair in zip(sys.argv[1::2], sys.argv[2::2], strict=True)
        for row in errors_of(*map(Path, pair))
    ]
    tracks, errors, seen = (np.concatenate(column) for column in zip(*rows, strict=True))
    centred = errors.copy()
    for track in np.unique(tracks):
        centred[tracks == track] -= np.nanmean(errors[tracks == track], axis=0)
    print(f"{len(errors)} people in frames, {len(np.unique(tracks))} tracks")
    print(f"{'angle':24} {'error':>6} {'without mean':>12} {'seen':>6}")
    for name in dict.fromkeys(n.removeprefix("left_").removeprefix("right_") for n in NAMES):
        columns = [i for i, n in enumerate(NAMES) if n.endswith(name)]
        some, good = errors[:, columns], seen[:, columns]
        clear = np.abs(some[good]).mean() if good.any() else np.nan
        print(
            f"{name:24} {np.nanmean(np.abs(some)):6.1f} "
            f"{np.nanmean(np.abs(centred[:, columns])):12.1f} {clear:6.1f}"
        )
    return 0


def errors_of(results: Path, truth_path: Path) -> list[tuple[np.ndarray, ...]]:
    """Track, error of each angle (P,33) in degrees, and whether the joint was seen (P,33)."""
    truth = np.load(truth_path)
    there = truth["present"] if "present" in truth else truth["visible"] > 0
    out = []
    for batch in ResultsSource(results).batches():
        people = batch.people
        angles = _angles(people.body_pose)
        trust = trust_of(people.joint_source, people.joint_confidence)
        for row in np.flatnonzero(people.missed == 0):
            index = batch.frames[people.frame_row[row]].index
            box = people.xywh_px[row]
            overlap = [
                _overlap(np.concatenate([box[:2], box[:2] + box[2:]]), b) * t
                for b, t in zip(truth["box"][index], there[index], strict=True)
            ]
            who = int(np.argmax(overlap))
            if overlap[who] < LEAST_OVERLAP:
                continue
            true = _angles(truth["body_pose"][index, who][None])[0]
            error = (angles[row] - true + 180) % 360 - 180
            seen = [trust[n.rsplit("_", 1)[0]][0][row] == JointSource.SEEN for n in NAMES]
            track = hash((str(results), int(people.track_id[row])))
            out.append((np.array([track]), error[None], np.array(seen)[None]))
    return out


def _angles(body_pose: np.ndarray) -> np.ndarray:
    root = np.tile(np.eye(3), (len(body_pose), 1, 1, 1))
    return joint_angles(np.concatenate([root, body_pose], axis=1).astype(np.float64))


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two xyxy boxes."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = np.prod(np.clip(sides, 0, None))
    areas = [np.prod(np.clip(b[2:] - b[:2], 0, None)) for b in (one, other)]
    return float(shared / max(sum(areas) - shared, 1e-9))


if __name__ == "__main__":
    sys.exit(main())
