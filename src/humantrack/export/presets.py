"""What a program that reads our files wants of them, in one word (``--for``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from humantrack.clips.options import ExportOptions

if TYPE_CHECKING:
    from humantrack.export.formats.base import Format


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A program's wishes; what the user says himself goes before them."""

    formats: tuple[str, ...]
    """What is written where no format is asked for."""

    about: str
    """One line for the help."""

    bones: str = "smpl"
    rest: str | None = None
    up: str | None = None
    unit: str | None = None
    markers: str | None = None
    euler: str | None = None
    smpl_shape_only: bool = False

    def applied(self, options: ExportOptions) -> ExportOptions:
        """The options with the preset's wishes where they say nothing."""
        return replace(
            options,
            bones=self.bones if options.bones is None else options.bones,
            rest=options.rest or self.rest,
            up=options.up or self.up,
            unit=options.unit or self.unit,
            markers=options.markers or self.markers,
            euler=options.euler or self.euler,
            smpl_shape_only=self.smpl_shape_only or options.smpl_shape_only,
        )


PRESETS: dict[str, Preset] = {
    "blender": Preset(
        formats=("glb", "bvh"),
        about="Rigify's names, T pose, metres",
        bones="blender",
        rest="t",
    ),
    "unreal": Preset(
        formats=("glb", "bvh"),
        about="the mannequin's names, A pose, centimetres",
        bones="unreal",
        rest="a",
        unit="cm",
    ),
    "unity": Preset(
        formats=("glb", "bvh"), about="Humanoid's names, T pose, metres", bones="unity", rest="t"
    ),
    "maya": Preset(
        formats=("bvh",),
        about="HumanIK's names, T pose, y up, centimetres",
        bones="humanik",
        rest="t",
        up="y",
        unit="cm",
        euler="XYZ",
    ),
    "mixamo": Preset(
        formats=("bvh", "glb"),
        about="mixamorig: names, T pose, centimetres",
        bones="mixamo",
        rest="t",
        unit="cm",
    ),
    "humanik": Preset(
        formats=("bvh",),
        about="MotionBuilder: HumanIK's names, T pose, y up, centimetres",
        bones="humanik",
        rest="t",
        up="y",
        unit="cm",
    ),
    "amass": Preset(
        formats=("npz",), about="SMPL-H keys, z up, metres", up="z", smpl_shape_only=True
    ),
    "smplx": Preset(
        formats=("npz",), about="SMPL-X keys, z up, metres", up="z", smpl_shape_only=True
    ),
    "gmr": Preset(
        formats=("npz",),
        about="robots: SMPL-X keys, z up; with -f bvh LAFAN1's bones, y up, centimetres",
        bones="lafan",
        smpl_shape_only=True,
        unit="cm",
        euler="ZYX",
    ),
    "opensim": Preset(
        formats=("trc",),
        about="Pose2Sim's HALPE_26 markers, y up, metres",
        up="y",
        unit="m",
        markers="halpe26",
    ),
    "rerun": Preset(formats=("rrd",), about="a recording to scrub through"),
}
"""In the order of the help."""

_HEEDED = {
    "bones": ("bvh", "glb"),
    "rest": ("bvh", "glb"),
    "up": ("bvh", "npz", "trc", "c3d", "usd", "rrd"),
    "unit": ("bvh", "trc", "c3d", "usd"),
    "markers": ("trc", "c3d"),
    "timeline": ("bvh", "npz", "trc", "c3d"),
}
"""Option -> the formats that heed it. glTF is y up in metres by its specification, AMASS's files
and their readers know metres only, and a recording of Rerun has no place to say its unit."""


def deaf(option: str, formats: Sequence[Format], known: Sequence[str]) -> tuple[str, ...] | None:
    """The formats an option is for, if none of those asked for heeds it; else None.

    Formats of other packages may heed anything.
    """
    heed = tuple(name for name in _HEEDED[option] if name in known)
    if any(f.name in heed or f.name not in known for f in formats):
        return None
    return heed
