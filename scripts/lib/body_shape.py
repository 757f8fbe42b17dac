"""The 10 shape directions of the baked body: named, measurable, next to independent.

0 scales the whole body. 1 to 5 stretch one bone each, evenly along it; 6 and 7 widen the trunk at
the shoulders and at the hips; 8 and 9 are what MakeHuman's weight and gender do at fixed joints.
Joints move along the mean body's bones only, so that lengths are linear in the numbers and no bone
turns. MakeHuman's own shapes for lengths and widths are not used: they press a short part of thigh
or trunk together and thicken the thighs with the hips, which bulges at three standard deviations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from humantrack.body.joints import SMPL_JOINTS, SMPL_PARENTS
from humantrack.body.shape import BONE_LENGTHS, bone_lengths

WIDENED = {
    "shoulders": {"spine2": 0.5, "spine3": 1.0, "left_collar": 1.0, "right_collar": 1.0},
    "hips": {"pelvis": 1.0, "spine1": 0.5},
}
"""Parts of the trunk that become wider with shoulders or hips, and how much of it they take."""

SPREAD = {
    "size": 0.0544,
    "upper_arm": 0.0652,
    "forearm": 0.0796,
    "thigh": 0.0767,
    "shin": 0.0643,
    "trunk": 0.0781,
    "shoulders": 0.0803,
    "hips": 0.0731,
}
"""Standard deviation among adults, as many women as men, relative to the mean.

Worked out from the public data of the 2012 Anthropometric Survey of U.S. Army Personnel (Gordon et
al., NATICK/TR-15/007; 4082 men, 1986 women): stature, acromion to radiale, radiale to stylion,
trochanter to femoral epicondyle, epicondyle to malleolus, trochanter to acromion (heights),
biacromial and bicristal breadth. MakeHuman's random adults differ otherwise: their upper arms
hardly, their thighs half as much again.
"""

ALONG = {
    **{"pelvis": "spine1", "spine1": "spine2", "spine2": "spine3", "spine3": "neck"},
    **{"neck": "head", "hip": "knee", "knee": "ankle", "ankle": "foot"},
    **{"collar": "shoulder", "shoulder": "elbow", "elbow": "wrist", "wrist": "hand"},
}
"""The joint at a bone's other end; head, foot and hand have none."""

Sample = tuple[np.ndarray, np.ndarray]
"""Surface (V,3) and joints (24,3), float64."""


@dataclass(frozen=True)
class Adults:
    """The people whose mean the body is."""

    vertices: np.ndarray
    """(P,V,3)."""

    joints: np.ndarray
    """(P,24,3)."""

    phenotype: Mapping[str, np.ndarray]
    """(P,) by name."""

    @property
    def mean(self) -> Sample:
        """Surface and joints."""
        return self.vertices.mean(0, dtype=np.float64), self.joints.mean(0, dtype=np.float64)

    def effect(self, name: str) -> Sample:
        """What one standard deviation of a phenotype does, the others kept: linear regression."""
        table = np.stack([*self.phenotype.values()], axis=1)
        deviations = table - table.mean(0)
        solve = np.linalg.pinv(deviations)[list(self.phenotype).index(name)]
        solve *= self.phenotype[name].std()
        return np.tensordot(solve, self.vertices, 1), np.tensordot(solve, self.joints, 1)


def directions(
    adults: Adults,
    weights: np.ndarray,
    faces: np.ndarray,
) -> Sample:
    """All ten, for one standard deviation: of ``SPREAD``, 8 and 9 of the adults' weight and gender.

    Args:
        adults: whose mean the directions start from.
        weights: (V,24) skin weights.
        faces: (F,3).

    Returns:
        (10,V,3) and (10,24,3).
    """
    surface, joints = adults.mean
    skin = SkinMove(surface, joints, weights)
    made = [(SPREAD["size"] * surface, SPREAD["size"] * joints)]
    for name, length in zip(BONE_LENGTHS, bone_lengths(joints), strict=True):
        wanted = bone_change(name, joints)
        if name in WIDENED:
            unit = skin.widened(name, wanted)
        elif name == "forearm":
            unit = skin.with_hands(wanted)
        else:
            unit = skin(wanted)
        metres = SPREAD[name] * length
        made.append((metres * unit, metres * wanted))
    lengthen = tuple(np.stack(parts) for parts in zip(*made, strict=True))
    girth = _at_fixed_joints(adults.effect("weight"), joints, lengthen, skin)
    build = _at_fixed_joints(adults.effect("gender"), joints, lengthen, skin)
    # Build changes the outline, not the weight.
    per_girth, per_build = (volume_change(surface, d, faces) for d in (girth, build))
    print(f"litres per girth {1e3 * per_girth:.2f}, per build before {1e3 * per_build:.2f}")
    build = build - per_build / per_girth * girth
    still = np.zeros_like(joints)
    made += [(girth, still), (build, still)]
    twin = mirror_vertices(surface)
    flip = np.array([-1, 1, 1])
    surfaces = np.stack([(d + d[twin] * flip) / 2 for d, _ in made])
    return surfaces, np.stack([d for _, d in made])


def bone_change(name: str, joints: np.ndarray) -> np.ndarray:
    """Where the joints (24,3) go when one length grows by a metre and no bone turns."""
    grown = np.zeros_like(joints)
    at = SMPL_JOINTS.index
    if name == "trunk":
        return _trunk_change(joints)
    if name in ("shoulders", "hips"):
        grown[at(f"left_{name[:-1]}"), 0], grown[at(f"right_{name[:-1]}"), 0] = 0.5, -0.5
        return _with_all_below(grown)
    end = {"upper_arm": "elbow", "forearm": "wrist", "thigh": "knee", "shin": "ankle"}[name]
    for side in ("left", "right"):
        joint = at(f"{side}_{end}")
        bone = joints[joint] - joints[SMPL_PARENTS[joint]]
        grown[joint] = bone / np.linalg.norm(bone)
        if name == "forearm":
            hand = joints[at(f"{side}_hand")] - joints[joint]
            grown[at(f"{side}_hand")] = hand / np.linalg.norm(bone)
    return _with_all_below(grown)


def _trunk_change(joints: np.ndarray) -> np.ndarray:
    """All between hips and shoulders is stretched along the line of their middles."""
    at = SMPL_JOINTS.index
    low, high = (
        (joints[at(f"left_{part}")] + joints[at(f"right_{part}")]) / 2
        for part in ("hip", "shoulder")
    )
    up = (high - low) / np.linalg.norm(high - low)
    share = np.clip((joints - low) @ up / np.linalg.norm(high - low), 0, 1)
    moved = share[:, None] * up
    for child, parent in enumerate(SMPL_PARENTS):
        name = SMPL_JOINTS[child]
        if name.endswith("hip") or parent < 0:
            moved[child] = 0
        elif name.endswith(("elbow", "wrist", "hand", "knee", "ankle", "foot")):
            moved[child] = moved[parent]
    return moved


def _with_all_below(grown: np.ndarray) -> np.ndarray:
    """Growth (24,3) of each joint's distance from its parent -> moves of the joints."""
    moved = grown.copy()
    for child, parent in enumerate(SMPL_PARENTS[1:], start=1):
        moved[child] += moved[parent]
    return moved


class SkinMove:
    """Moves a surface with its joints: linear along each bone, blended by the skin weights."""

    def __init__(self, surface: np.ndarray, joints: np.ndarray, weights: np.ndarray) -> None:
        self._weights = weights.astype(np.float64)
        self._surface, self._joints = surface, joints
        ends = []
        for number, name in enumerate(SMPL_JOINTS):
            side, _, part = name.rpartition("_")
            end = ALONG.get(part)
            named = f"{side}_{end}" if side else end
            ends.append(number if end is None else SMPL_JOINTS.index(named))
        self._ends = np.array(ends)
        bone = joints[self._ends] - joints
        square = np.maximum((bone**2).sum(1), 1e-9)
        apart = surface[:, None] - joints
        self._share = np.clip((apart * bone).sum(2) / square, 0, 1)

    def __call__(self, moved: np.ndarray) -> np.ndarray:
        """Moves of the joints (24,3) -> of the surface (V,3)."""
        whole = moved + self._share[..., None] * (moved[self._ends] - moved)
        return np.einsum("vj,vja->va", self._weights, whole)

    def with_hands(self, moved: np.ndarray) -> np.ndarray:
        """As a call, for longer forearms; the hands are scaled about the wrists with them."""
        at = SMPL_JOINTS.index
        moved, hands = moved.copy(), np.zeros_like(self._surface)
        for side in ("left", "right"):
            elbow, wrist, hand = (at(f"{side}_{part}") for part in ("elbow", "wrist", "hand"))
            moved[hand] = moved[wrist]
            grown = 1 / np.linalg.norm(self._joints[wrist] - self._joints[elbow])
            share = self._weights[:, [wrist, hand]].sum(1)
            hands += grown * share[:, None] * (self._surface - self._joints[wrist])
        return self(moved) + hands

    def widened(self, name: str, moved: np.ndarray) -> np.ndarray:
        """(V,3) for wider shoulders or hips: the trunk is stretched across, limbs move whole."""
        x = self._surface[:, 0] / self._joints[SMPL_JOINTS.index(f"left_{name[:-1]}"), 0]
        across = np.clip(x, -1, 1)[:, None] * [0.5, 0, 0]
        total = self._weights @ moved
        for part, share in WIDENED[name].items():
            joint = SMPL_JOINTS.index(part)
            total += self._weights[:, joint, None] * (share * across - moved[joint])
        return total


def _at_fixed_joints(
    change: Sample, joints: np.ndarray, lengthen: Sample, skin: SkinMove
) -> np.ndarray:
    """(V,3) what is left of a change when size and bone lengths are taken back, joints at rest."""
    surface, moved = change
    # The combination of the first eight that comes nearest to the joints' move.
    rows = lengthen[1].reshape(len(lengthen[1]), -1)
    share, *_ = np.linalg.lstsq(rows.T, moved.ravel(), rcond=None)
    print("taken back:", np.round(share, 2))
    left = [a - np.tensordot(share, b, 1) for a, b in zip((surface, moved), lengthen, strict=True)]
    print(f"joints then still move by {1e3 * np.abs(left[1]).max():.1f} mm")
    return left[0] - skin(left[1])


def volume_change(surface: np.ndarray, direction: np.ndarray, faces: np.ndarray) -> float:
    """Cubic metres per unit, to first order (central difference of a cubic)."""
    step = 1e-3
    both = [volume(surface + sign * step * direction, faces) for sign in (1, -1)]
    return (both[0] - both[1]) / (2 * step)


def volume(surface: np.ndarray, faces: np.ndarray) -> float:
    """Cubic metres inside a closed surface: sum of signed tetrahedra."""
    a, b, c = (surface[faces[:, k]].astype(np.float64) for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def mirror_vertices(surface: np.ndarray) -> np.ndarray:
    """(V,) the vertex on the other side."""
    apart, twin = cKDTree(surface).query(surface * [-1, 1, 1])
    print(f"mirrored vertices lie within {1e3 * apart.max():.2f} mm")
    if not np.array_equal(twin[twin], np.arange(len(surface))):
        raise SystemExit("the surface is not symmetric: vertices have no twins")
    return twin


SLICES = 12
"""Of the trunk, and of each thigh."""
AZIMUTHS = 12
FROM_KNEE, FROM_CROTCH, FROM_SPINE3 = 0.08, 0.14, 0.08
"""Metres: the thighs are looked at from so far above the knee to so far below the pelvis, the trunk
from the hips to so far above the joint spine3, the armpits' height."""


def girth_width(
    surface: np.ndarray, joints: np.ndarray, girth: np.ndarray, part: np.ndarray
) -> float:
    """How much wider trunk and thighs look per unit of girth, relative to betas 0.

    Mean over horizontal slices and over all sides a camera may stand on.
    """
    at = SMPL_JOINTS.index
    y = joints[:, 1]
    trunk = np.isin(part, [at(name) for name in ("pelvis", "spine1", "spine2", "spine3")])
    parts = [(trunk, y[at("left_hip")], y[at("spine3")] + FROM_SPINE3)]
    for side in ("left", "right"):
        thigh = part == at(f"{side}_hip")
        parts.append((thigh, y[at(f"{side}_knee")] + FROM_KNEE, y[0] - FROM_CROTCH))
    growth = []
    for vertices, low, high in parts:
        for start, end in pairwise(np.linspace(low, high, SLICES)):
            rows = vertices & (surface[:, 1] >= start) & (surface[:, 1] < end)
            growth += _widening(surface[rows], girth[rows])
    return float(np.mean(growth))


def _widening(points: np.ndarray, moves: np.ndarray) -> list[float]:
    """Growth of the width of (V,3) points, seen from each side, relative to the width."""
    found = []
    for angle in np.arange(AZIMUTHS) * np.pi / AZIMUTHS:
        across = np.array([np.cos(angle), 0, np.sin(angle)])
        thin, middle, thick = (np.ptp((points + sign * moves) @ across) for sign in (-1, 0, 1))
        found.append(float((thick - thin) / (2 * middle)))
    return found
