"""The rig that the options of an export ask for."""

from __future__ import annotations

from dataclasses import replace

from humantrack.body.joints import SMPL_JOINTS
from humantrack.clips.options import ExportOptions
from humantrack.motion.bones import BONES, lafan_axes
from humantrack.motion.rig import Rig


def rig_of(options: ExportOptions) -> Rig:
    """Names, rest pose, axes and unit of a skeleton."""
    bones = options.bones or "smpl"
    return Rig(
        names=BONES[bones],
        rest=options.rest or "t",
        axes=lafan_axes() if bones == "lafan" else None,
        up=options.up or "y",
        unit=options.unit or "m",
    )


def scene_rig(options: ExportOptions) -> Rig:
    """As ``rig_of`` with all joints, for what is y up and in metres by its specification."""
    rig = rig_of(options)
    names = tuple(name or own for name, own in zip(rig.names, SMPL_JOINTS, strict=True))
    return replace(rig, names=names, up="y", unit="m")
