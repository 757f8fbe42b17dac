"""TRC: marker positions over time, as OpenSim and Pose2Sim read them."""

from __future__ import annotations

import numpy as np

from humantrack.body.joints import OPENPOSE_JOINTS, PHALP_JOINTS
from humantrack.export.formats.base import MotionExporter
from humantrack.export.rigs import rig_of
from humantrack.motion.motion import Motion
from humantrack.types import JointSource

DIGITS = 5
"""After the point: a hundredth of a millimetre."""

_SIDES = {"left": "L", "right": "R"}


def _marker(joint: str) -> str:
    """left_big_toe -> LBigToe, as Pose2Sim spells OpenPose's joints."""
    side, *rest = joint.split("_")
    words = rest if side in _SIDES else [side, *rest]
    return _SIDES.get(side, "") + "".join(word.capitalize() for word in words)


MARKERS = {
    **{_marker(joint): row for row, joint in enumerate(OPENPOSE_JOINTS) if joint != "mid_hip"},
    "CHip": OPENPOSE_JOINTS.index("mid_hip"),
    "Hip": OPENPOSE_JOINTS.index("mid_hip"),
    "Head": PHALP_JOINTS.index("extra_head_top"),
}
"""Marker -> row of PHALP's 45: those of Pose2Sim's BODY_25 and HALPE_26 models, which call the
same point CHip and Hip, and the eyes and ears."""

_EYES_AND_EARS = {"REye", "LEye", "REar", "LEar"}
MARKER_SETS = {
    "body25": tuple(name for name in MARKERS if name not in {*_EYES_AND_EARS, "Hip", "Head"}),
    "halpe26": tuple(name for name in MARKERS if name not in {*_EYES_AND_EARS, "CHip"}),
    "all": tuple(MARKERS),
}
"""The markers that a reader knows. Source: the inverse kinematics set-ups of Pose2Sim's OpenSim
models (IK_Setup_Pose2Sim_Body25.xml, ..._Halpe26.xml)."""

_COLUMNS = (
    *("DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"),
    *("OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"),
)


class Trc(MotionExporter):
    """A file per track: up to 27 markers; metres and y up, unless the options say else.

    Frames are numbered, and timed in seconds, from the start of the source. Markers of joints that
    are made up are blank, as TRC has missing markers, unless they are to be kept; so are those of
    somebody who is not there, where the time line is the clip's.
    """

    is_even = True

    def write_motion(self, motion: Motion, rows: slice = slice(None)) -> None:
        """Write one track at even frames."""
        digits = DIGITS if self.options.precision is None else self.options.precision
        name = " ".join(self.outputs.path(f"_{motion.name}{self.suffix}").name.split())
        numbers = range(len(motion))[rows]
        count, start_s = len(numbers), float(motion.time_s[0])
        offset, rate = round(start_s * motion.fps), f"{motion.fps:.10g}"
        first = offset + numbers[0]
        rig, markers = rig_of(self.options), MARKER_SETS[self.options.markers or "all"]
        facts = (rate, rate, count, len(markers), rig.unit, rate, first, count)
        lines = [
            f"PathFileType\t4\t(X/Y/Z)\t{name}",
            "\t".join(_COLUMNS),
            "\t".join(map(str, facts)),
            "Frame#\tTime\t" + "".join(f"{marker}\t\t\t" for marker in markers),
            "\t\t" + "".join(f"X{i}\tY{i}\tZ{i}\t" for i in range(1, len(markers) + 1)),
            "",
        ]
        joints = [MARKERS[marker] for marker in markers]
        with self.open_track(motion) as file:
            file.write("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
            following = iter(numbers)
            for part in motion.parts(rows):
                points = np.round(rig.place(part.joints[:, joints]), digits) + 0.0
                shown = np.tile(part.is_present[:, None, None], (1, *points.shape[1:]))
                if self.options.made_up == "blank":
                    shown &= (part.joint_source[:, joints] != JointSource.MADE_UP)[..., None]
                for row, kept, i in zip(points, shown, following, strict=False):
                    time_s = start_s + i / motion.fps
                    cells = zip(row.ravel().tolist(), kept.ravel().tolist(), strict=True)
                    places = "\t".join(
                        f"{value:.{digits}f}" if is_shown else "" for value, is_shown in cells
                    )
                    file.write(f"{offset + i}\t{time_s:.6f}\t{places}\n".encode("ascii"))
