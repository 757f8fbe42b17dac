"""What other programs call SMPL's joints, and the axes they give their bones."""

from __future__ import annotations

import numpy as np

from humantrack.body.joints import SMPL_JOINTS
from humantrack.types.arrays import FloatArray

_SIDES = ("left", "right")


def _both(middle: dict[str, str], sides: dict[str, str], spell: str) -> tuple[str | None, ...]:
    """Names in SMPL's order: of the middle, and of each side by a pattern of {Side}, {s}, ..."""
    names: dict[str, str] = dict(middle)
    for joint, name in sides.items():
        for side in _SIDES:
            words = {"Side": side.capitalize(), "s": side[0], "S": side[0].upper(), "name": name}
            names[f"{side}_{joint}"] = spell.format(**words)
    return tuple(names.get(joint) for joint in SMPL_JOINTS)


_TRUNK = {
    "pelvis": "Hips",
    "spine1": "Spine",
    "spine2": "Spine1",
    "spine3": "Spine2",
    "neck": "Neck",
    "head": "Head",
}
_LIMBS = {
    "hip": "UpLeg",
    "knee": "Leg",
    "ankle": "Foot",
    "foot": "ToeBase",
    "collar": "Shoulder",
    "shoulder": "Arm",
    "elbow": "ForeArm",
    "wrist": "Hand",
}

BONES: dict[str, tuple[str | None, ...]] = {
    "smpl": SMPL_JOINTS,
    "humanik": _both(_TRUNK, _LIMBS | {"hand": "HandMiddle1"}, "{Side}{name}"),
    "mixamo": _both(
        {joint: f"mixamorig:{name}" for joint, name in _TRUNK.items()},
        _LIMBS | {"hand": "HandMiddle1"},
        "mixamorig:{Side}{name}",
    ),
    "lafan": _both(_TRUNK, _LIMBS | {"foot": "Toe"}, "{Side}{name}"),
    "unreal": _both(
        {
            "pelvis": "pelvis",
            "spine1": "spine_01",
            "spine2": "spine_02",
            "spine3": "spine_03",
            "neck": "neck_01",
            "head": "head",
        },
        {
            "hip": "thigh",
            "knee": "calf",
            "ankle": "foot",
            "foot": "ball",
            "collar": "clavicle",
            "shoulder": "upperarm",
            "elbow": "lowerarm",
            "wrist": "hand",
            "hand": "middle_01",
        },
        "{name}_{s}",
    ),
    "unity": _both(
        {
            "pelvis": "Hips",
            "spine1": "Spine",
            "spine2": "Chest",
            "spine3": "UpperChest",
            "neck": "Neck",
            "head": "Head",
        },
        {
            "hip": "UpperLeg",
            "knee": "LowerLeg",
            "ankle": "Foot",
            "foot": "Toes",
            "collar": "Shoulder",
            "shoulder": "UpperArm",
            "elbow": "LowerArm",
            "wrist": "Hand",
            "hand": "MiddleProximal",
        },
        "{Side}{name}",
    ),
    "blender": _both(
        {
            "pelvis": "spine",
            "spine1": "spine.001",
            "spine2": "spine.002",
            "spine3": "spine.003",
            "neck": "spine.004",
            "head": "spine.006",
        },
        {
            "hip": "thigh",
            "knee": "shin",
            "ankle": "foot",
            "foot": "toe",
            "collar": "shoulder",
            "shoulder": "upper_arm",
            "elbow": "forearm",
            "wrist": "hand",
            "hand": "f_middle.01",
        },
        "{name}.{S}",
    ),
}
"""Scheme -> names of the 24 joints in SMPL's order; None where the program has no such joint.

Sources: HumanIK's and Mixamo's character definitions, Epic's mannequin (UE4 and UE5), Unity's
``HumanBodyBones``, Blender's Rigify metarig, Ubisoft's LAFAN1 data set. SMPL's ``hand`` is where
the fingers begin, which they call the middle finger's first joint.
"""


def lafan_axes() -> FloatArray:
    """(24,3,3) LAFAN1's bone axes in the T pose: x runs along each bone.

    Source: the orientation offsets by which General Motion Retargeting (its tables for SMPL-X and
    for LAFAN1, of the same robot) tells one data set's joints from the other's; y is ahead on the
    trunk and legs, and z to the left of the trunk, to the right of the legs.
    """
    left, up, ahead = np.eye(3)
    trunk = np.stack([up, ahead, left], axis=1)
    leg = np.stack([-up, ahead, -left], axis=1)
    foot = np.stack([ahead, up, -left], axis=1)
    left_arm = np.stack([left, -ahead, up], axis=1)
    right_arm = np.stack([-left, -ahead, -up], axis=1)
    out = np.tile(trunk, (len(SMPL_JOINTS), 1, 1))
    for joint, name in enumerate(SMPL_JOINTS):
        side, _, part = name.partition("_")
        if part in ("hip", "knee"):
            out[joint] = leg
        elif part in ("ankle", "foot"):
            out[joint] = foot
        elif part:
            out[joint] = left_arm if side == "left" else right_arm
    return out
