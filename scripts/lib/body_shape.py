"""The 10 shape directions of the baked body: named, measurable, next to independent.

0 scales the whole body. 1 to 7 change one bone length each, by MakeHuman's own measure shapes.
8 and 9 are what its weight and gender do at fixed joints. Joints move along the mean body's bones
only, so that lengths are linear in the numbers and no bone turns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from humantrack.body.joints import SMPL_JOINTS, SMPL_PARENTS
from humantrack.body.shape import BONE_LENGTHS, bone_lengths

MEASURE_SHAPES = {
    "upper_arm": ("measure-upperarm-length-incr",),
    "forearm": ("measure-lowerarm-length-incr",),
    "thigh": ("measure-upperleg-height-incr",),
    "shin": ("measure-lowerleg-height-incr",),
    "trunk": ("measure-napetowaist-dist-incr", "measure-waisttohip-dist-incr"),
    "shoulders": ("measure-shoulder-dist-incr",),
    "hips": ("hip-scale-horiz-incr",),
}
"""MakeHuman's shapes that change a bone length; their sum where there are two."""
HAND_SHAPES = ("l-hand-scale-incr", "r-hand-scale-incr")
"""Go along with the forearm, so that the hand keeps its proportion to it."""

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
TRUNK = ("spine1", "spine2", "spine3", "neck", "head")

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
    local: Callable[[Mapping[str, float]], Sample],
    weights: np.ndarray,
    faces: np.ndarray,
) -> Sample:
    """All ten, for one standard deviation: of ``SPREAD``, 8 and 9 of the adults' weight and gender.

    Args:
        adults: whose mean the directions start from.
        local: Anny's average body with some of its local shapes.
        weights: (V,24) skin weights.
        faces: (F,3).

    Returns:
        (10,V,3) and (10,24,3).
    """
    surface, joints = adults.mean
    skin = SkinMove(surface, joints, weights)
    made = [(SPREAD["size"] * surface, SPREAD["size"] * joints)]
    for name, length in zip(BONE_LENGTHS, bone_lengths(joints), strict=True):
        unit = _lengthened(name, local, joints)
        wanted = bone_change(name, joints)
        metres = SPREAD[name] * length
        made.append((metres * skin.follow(unit, wanted), metres * wanted))
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
    vectors = joints - joints[[max(parent, 0) for parent in SMPL_PARENTS]]
    grown = np.zeros_like(vectors)
    at = SMPL_JOINTS.index

    def mean_pair(part: str) -> np.ndarray:
        return (joints[at(f"left_{part}")] + joints[at(f"right_{part}")]) / 2

    if name == "trunk":
        low, high = mean_pair("hip"), mean_pair("shoulder")
        up = (high - low) / np.linalg.norm(high - low)
        share = np.clip((joints - low) @ up / np.linalg.norm(high - low), 0, 1)
        share[[i for i, j in enumerate(SMPL_JOINTS) if "hip" in j]] = 0
        for child, parent in enumerate(SMPL_PARENTS[1:], start=1):
            arm = SMPL_JOINTS[child].endswith(("elbow", "wrist", "hand"))
            leg = SMPL_JOINTS[child].endswith(("knee", "ankle", "foot"))
            if not (arm or leg):
                grown[child] = (share[child] - share[parent]) * up
        # Left and right shoulder get exactly the whole.
    elif name in ("shoulders", "hips"):
        part = name[:-1]
        for side, sign in (("left", 0.5), ("right", -0.5)):
            grown[at(f"{side}_{part}")] = [sign, 0, 0]
    else:
        end = {"upper_arm": "elbow", "forearm": "wrist", "thigh": "knee", "shin": "ankle"}[name]
        for side in ("left", "right"):
            bone = vectors[at(f"{side}_{end}")]
            grown[at(f"{side}_{end}")] = bone / np.linalg.norm(bone)
            if name == "forearm":
                hand = vectors[at(f"{side}_hand")]
                grown[at(f"{side}_hand")] = hand / np.linalg.norm(bone)
    moved = grown.copy()
    for child, parent in enumerate(SMPL_PARENTS[1:], start=1):
        moved[child] += moved[parent]
    return moved


def _lengthened(
    name: str, local: Callable[[Mapping[str, float]], Sample], joints: np.ndarray
) -> Sample:
    """MakeHuman's shape for a metre more of one length; mean of its longer and shorter half."""
    row = BONE_LENGTHS.index(name)
    middle = local({})
    halves = []
    for sign in (1.0, -1.0):
        changed = local(dict.fromkeys(MEASURE_SHAPES[name], sign))
        grown = (bone_lengths(changed[1]) - bone_lengths(middle[1]))[row]
        halves.append([(a - b) / grown for a, b in zip(changed, middle, strict=True)])
    surface, moved = (np.mean(parts, axis=0) for parts in zip(*halves, strict=True))
    if name == "forearm":
        hand = _hands(local, middle) / bone_lengths(joints)[row]
        surface = surface + hand
    return surface, moved


def _hands(local: Callable[[Mapping[str, float]], Sample], middle: Sample) -> np.ndarray:
    """(V,3) the hands' own shape, scaled so that the middle finger's root moves like a doubling."""
    at = SMPL_JOINTS.index
    changed = [local(dict.fromkeys(HAND_SHAPES, sign)) for sign in (1.0, -1.0)]

    def length(joints: np.ndarray) -> float:
        return float(np.linalg.norm(joints[at("left_hand")] - joints[at("left_wrist")]))

    grown = (length(changed[0][1]) - length(changed[1][1])) / length(middle[1])
    return (changed[0][0] - changed[1][0]) / grown


class SkinMove:
    """Moves a surface with its joints: linear along each bone, blended by the skin weights."""

    def __init__(self, surface: np.ndarray, joints: np.ndarray, weights: np.ndarray) -> None:
        self._weights = weights.astype(np.float64)
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

    def follow(self, change: Sample, wanted: np.ndarray) -> np.ndarray:
        """The change's surface (V,3), corrected so that it fits joints that move as wanted."""
        surface, moved = change
        apart = wanted - moved
        print(f"largest correction of a joint: {np.abs(apart).max():.4f} of the change")
        return surface + self(apart)


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


SLICES = 24
AZIMUTHS = 12


def girth_width(
    surface: np.ndarray, joints: np.ndarray, girth: np.ndarray, part: np.ndarray
) -> float:
    """How much wider trunk and thighs look per unit of girth, relative to betas 0.

    Mean over horizontal slices from above the knee to the armpit and over all sides a camera may
    stand on.
    """
    at = SMPL_JOINTS.index
    trunk = np.isin(part, [at(n) for n in ("pelvis", "spine1", "spine2", "spine3")])
    ratios = []
    for group, low, high in (
        (trunk, joints[at("left_hip"), 1], joints[at("spine3"), 1] + 0.08),
        *(
            (part == at(f"{s}_hip"), joints[at("left_knee"), 1] + 0.08, -0.14)
            for s in ("left", "right")
        ),
    ):
        edges = np.linspace(low, high, SLICES // 2)
        for start, end in pairwise(edges):
            rows = group & (surface[:, 1] >= start) & (surface[:, 1] < end)
            for angle in np.arange(AZIMUTHS) * np.pi / AZIMUTHS:
                across = np.array([np.cos(angle), 0, np.sin(angle)])
                wide = [np.ptp((surface + k * girth)[rows] @ across) for k in (-1, 0, 1)]
                ratios.append((wide[2] - wide[0]) / (2 * wide[1]))
    return float(np.mean(ratios))
