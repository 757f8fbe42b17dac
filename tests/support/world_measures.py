"""Measures of people in the world against exact truth, on 12 limb joints.

As WHAM (Shin et al., CVPR 2024) and GVHMR (Shen et al., SIGGRAPH Asia 2024) define them: WA per 100
frames by a similarity, RTE after a rigid fit of the whole path in percent of its length, jitter as
the mean third difference times fps^3 / 10, sliding as the mean move of the ankles in frames whose
true ankle moves less than 1 cm; PA frame by frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from humantrack.types.world import WorldFrame

TRUE_LIMBS = [16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8]
LIMBS = [5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11]
HIPS, ANKLES = slice(6, 8), slice(10, 12)


def fit(a: np.ndarray, b: np.ndarray, *, scales: bool = True) -> tuple[float, np.ndarray, Any]:
    """Scale s, rotation R and shift t with s R a + t nearest to b (Umeyama 1991)."""
    a_mean, b_mean = a.mean(axis=0), b.mean(axis=0)
    u, values, vt = np.linalg.svd((b - b_mean).T @ (a - a_mean))
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((values * sign).sum() / ((a - a_mean) ** 2).sum()) if scales else 1.0
    return scale, rotation, b_mean - scale * rotation @ a_mean


def moved(a: np.ndarray, b: np.ndarray, *, scales: bool = True) -> np.ndarray:
    """``a`` (...,3) brought onto ``b``."""
    scale, rotation, shift = fit(a.reshape(-1, 3), b.reshape(-1, 3), scales=scales)
    return scale * a @ rotation.T + shift


def off_mm(a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance."""
    return float(np.linalg.norm(a - b, axis=-1).mean() * 1000)


def paths(
    frames: Iterable[WorldFrame], truth: Mapping[str, np.ndarray]
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Per true person: frames (T,), joints (T,12,3) of the track that is there most, true joints.

    Matched by where the true pelvis is seen through the found camera: the nearest wins.
    """
    found: dict[int, dict[int, np.ndarray]] = {}
    near: dict[tuple[int, int], int] = {}
    for frame in frames:
        camera = truth["world_to_camera"][frame.index], truth["camera_position"][frame.index]
        for person in frame.people:
            if not person.is_observed:
                continue
            found.setdefault(person.track_id, {})[frame.index] = person.joints[LIMBS]
            place = frame.camera_rotation @ (person.root_position - frame.camera_position)
            for k in np.flatnonzero(truth["present"][frame.index]):
                true = camera[0] @ (truth["joints_world"][frame.index, k, 0] - camera[1])
                apart = np.linalg.norm(place[:2] / place[2] - true[:2] / true[2])
                if apart < 0.05:
                    near[person.track_id, k] = near.get((person.track_id, k), 0) + 1
    out = []
    for k in range(len(truth["ids"])):
        votes = {t: near.get((t, k), 0) for t in found}
        track = max(votes, key=votes.__getitem__)
        shown = np.flatnonzero(truth["present"][:, k] & (truth["visible"][:, k] > 0.5))
        use = np.array([f for f in shown.tolist() if f in found[track]])
        joints = np.stack([found[track][f] for f in use.tolist()])
        out.append((use, joints, truth["joints_world"][use][:, k][:, TRUE_LIMBS].astype(float)))
    return out


def measure(frames: Iterable[WorldFrame], truth: Mapping[str, np.ndarray]) -> dict[str, float]:
    """All measures, means over the people."""
    fps = float(truth["fps"])
    rows = paths(frames, truth)
    each: dict[str, list[float]] = {name: [] for name in ("wa", "rte", "jitter", "slide", "pa")}
    for use, a, b in rows:
        for start in range(0, len(a) - 19, 100):
            p, q = a[start : start + 100], b[start : start + 100]
            each["wa"].append(off_mm(moved(p, q), q))
        root, true = a[:, HIPS].mean(axis=1), b[:, HIPS].mean(axis=1)
        length = np.linalg.norm(np.diff(true, axis=0), axis=1).sum()
        each["rte"].append(off_mm(moved(root, true, scales=False), true) / length / 10)
        run = use[3:] - use[:-3] == 3
        each["jitter"].append(
            float(np.linalg.norm(np.diff(a, 3, axis=0), axis=-1)[run].mean() * fps**3 / 10)
        )
        step = np.diff(use) == 1
        still = np.linalg.norm(np.diff(b[:, ANKLES], axis=0), axis=-1)[step] < 0.01
        moves = np.linalg.norm(np.diff(a[:, ANKLES], axis=0), axis=-1)[step]
        each["slide"].append(float(moves[still].mean() * 1000))
        each["pa"].append(
            float(np.mean([off_mm(moved(x, y), y) for x, y in zip(a, b, strict=True)]))
        )
    out = {name: float(np.mean(values)) for name, values in each.items()}
    every = [np.concatenate([row[i].reshape(-1, 3) for row in rows]) for i in (1, 2)]
    _, rotation, _ = fit(*every)
    out["up_deg"] = float(np.degrees(np.arccos(np.clip(rotation[1, 1], -1, 1))))
    low = [np.concatenate([row[i][:, ANKLES, 1].min(axis=1) for row in rows]) for i in (1, 2)]
    out["floor_mm"] = float((low[0] - low[1]).mean() * 1000)
    return out
