"""BVH: a skeleton and its motion, as Blender, Maya, MotionBuilder and Unreal read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from humantrack.body.joints import SMPL_PARENTS
from humantrack.export.formats.base import MotionExporter
from humantrack.export.rigs import rig_of
from humantrack.geometry.rotations import matrix_to_euler
from humantrack.motion.motion import Motion
from humantrack.motion.rig import Rig
from humantrack.motion.skeleton import Skeleton
from humantrack.types.arrays import FloatArray

DIGITS = 5
"""After the point: a hundredth of a millimetre, a hundred-thousandth of a degree."""

_CHILDREN = [[c for c, p in enumerate(SMPL_PARENTS) if p == joint] for joint in range(24)]
_FOOT, _HEAD = (10, 11), 15
_TIP, _TOE, _SKULL = 1.0, 0.04, 0.11
"""Where bones end that no joint ends: fingers, in lengths of the bone before; toes and the top of
the head, in heights of the skeleton."""


EULER = "ZXY"


class Bvh(MotionExporter):
    """A file per track: SMPL's 24 joints, metres and degrees, y up, unless the options say else.

    Zero angles are the T pose, facing z. The root's position is the pelvis in the axes of
    ``export.motion``; each joint turns from its parent by the product of its channels' rotations
    in the order in which they are listed. With the clip's time line a table beside each file tells
    when the person is there.
    """

    is_even = True

    def write_motion(self, motion: Motion, rows: slice = slice(None)) -> None:
        """Write one track at even frames."""
        options = self.options
        digits = DIGITS if options.precision is None else options.precision
        rig, order = rig_of(options), options.euler or EULER
        head = "\n".join(_hierarchy(rig, motion.skeleton, order, digits))
        count = len(motion.frame[rows])
        motion_head = f"MOTION\nFrames: {count}\nFrame Time: {1 / motion.fps:.10f}\n"
        joints = [joint for joint in _depth_first() if joint in rig.joints]
        before: FloatArray | None = None
        with self.open_track(motion) as file:
            file.write(f"HIERARCHY\n{head}\n{motion_head}".encode("ascii"))
            # What comes before the rows is looked at too: angles go on from frame to frame.
            for place, part in _placed(motion.parts(slice(0, rows.stop))):
                angles = continuous_euler(rig.local(part.matrices), order, before)
                before = angles[-1]
                turns = angles[:, joints].reshape(len(part), -1)
                table = np.concatenate([rig.place(part.pelvis), turns], axis=1)
                some = table[max((rows.start or 0) - place, 0) :]
                file.write("".join(f"{_numbers(row, digits)}\n" for row in some).encode("ascii"))
        if options.timeline == "clip":
            self._write_presence(motion, rows)

    def _write_presence(self, motion: Motion, rows: slice) -> None:
        """A table of when the person is there, as BVH has no place for it."""
        there = motion.is_present[rows].tolist()
        lines = (
            f"{i},{time_s:.6f},{int(shown)}\n"
            for i, (time_s, shown) in enumerate(
                zip(motion.time_s[rows].tolist(), there, strict=True)
            )
        )
        with self.outputs.open(f"_{motion.name}.visible.csv") as file:
            file.write(b"row,time_s,visible\n")
            file.writelines(line.encode("ascii") for line in lines)


def _placed(parts: Iterable[Motion]) -> Iterator[tuple[int, Motion]]:
    """Stretches with the row at which each begins."""
    start = 0
    for part in parts:
        yield start, part
        start += len(part)


def continuous_euler(
    matrices: FloatArray, order: str, before: FloatArray | None = None
) -> FloatArray:
    """Euler angles that do not jump, so that programs may interpolate them.

    Args:
        matrices: (T,J,3,3) rotations.
        order: three different axes, as :func:`humantrack.geometry.rotations.matrix_to_euler`.
        before: (J,3) degrees in the frame before, if these go on from one.

    Returns:
        (T,J,3) degrees. Of the two triples that are one rotation, and whole turns more or less,
        the one nearest to the frame before.
    """
    out = matrix_to_euler(matrices, order, degrees=True)
    other = np.array([180.0, 0, 180]) + np.array([1.0, -1, 1]) * out
    other[..., 1] += 180
    for t in range(len(out)):
        if before is None:
            before = out[0]
            continue
        step, step_other = ((new - before + 180) % 360 - 180 for new in (out[t], other[t]))
        nearer = np.abs(step_other).sum(axis=-1) < np.abs(step).sum(axis=-1) - 1e-9
        out[t] = before = before + np.where(nearer[:, None], step_other, step)
    return out


def _depth_first(joint: int = 0) -> Iterator[int]:
    """Joints in the order in which the file lists them."""
    yield joint
    for child in _CHILDREN[joint]:
        yield from _depth_first(child)


def _hierarchy(
    rig: Rig, skeleton: Skeleton, order: str, digits: int, joint: int = 0
) -> Iterator[str]:
    """The lines of a joint and those below it, indented by depth."""
    is_root = joint == 0
    turns = " ".join(f"{axis}rotation" for axis in order)
    channels = f"6 Xposition Yposition Zposition {turns}" if is_root else f"3 {turns}"
    yield f"{'ROOT' if is_root else 'JOINT'} {rig.names[joint]}"
    yield "{"
    yield f"  OFFSET {_numbers(rig.offsets(skeleton)[joint], digits)}"
    yield f"  CHANNELS {channels}"
    children = [child for child in _CHILDREN[joint] if child in rig.joints]
    for child in children:
        yield from (f"  {line}" for line in _hierarchy(rig, skeleton, order, digits, child))
    if not children:
        end = _numbers(rig.seen_from(joint, _end(skeleton, joint)), digits)
        yield from ("  End Site", "  {", f"    OFFSET {end}", "  }")
    yield "}"


def _end(skeleton: Skeleton, joint: int) -> FloatArray:
    """(3,) metres in the body's axes: where the bone that begins at a last joint ends."""
    if _CHILDREN[joint]:
        return np.asarray(skeleton.offsets[_CHILDREN[joint][0]])
    height = float(np.ptp(skeleton.rest[:, 1]))
    if joint in _FOOT:
        return np.array([0, 0, _TOE * height])
    if joint == _HEAD:
        return np.array([0, _SKULL * height, 0])
    return np.asarray(_TIP * skeleton.offsets[joint])


def _numbers(row: FloatArray, digits: int) -> str:
    """Decimals with spaces between; never '-0.0'."""
    return " ".join(f"{value:.{digits}f}" for value in (np.round(row, digits) + 0.0).tolist())
