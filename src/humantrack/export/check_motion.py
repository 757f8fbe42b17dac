"""Checks of files that hold people's motion over time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from humantrack.body.joints import OPENPOSE_JOINTS, SMPL_JOINTS, SMPL_PARENTS
from humantrack.clips.source import ResultsSource
from humantrack.errors import OutputError
from humantrack.export import readback, readback_scenes
from humantrack.export.formats.base import FORMATS, MotionExporter
from humantrack.export.formats.blender import Blender
from humantrack.export.formats.c3d import MOST_FRAMES
from humantrack.export.formats.trc import MARKERS
from humantrack.export.largest import Checked, Largest
from humantrack.export.output import OutputFiles
from humantrack.export.readback import ReadMotion
from humantrack.export.readback_scenes import ReadBody
from humantrack.export.rigs import rig_of
from humantrack.motion.bones import BONES
from humantrack.motion.motion import Y_UP, Motion
from humantrack.types import FrameKey, JointSource
from humantrack.types.arrays import FloatArray, IntArray

MOTION: dict[str, Callable[[Path], Iterator[ReadMotion]]] = {
    "bvh": readback.read_bvh,
    "npz": readback.read_npz,
    "trc": readback.read_trc,
    "c3d": readback.read_c3d,
    "glb": readback.read_glb,
    "usd": readback_scenes.read_usd,
    "rrd": readback_scenes.read_rrd,
}
SAME_OPTIONS = "check with the options it was written with (--focal, --for, --up, --smooth, ...)"
_POINTS = {"trc": MARKERS, "c3d": MARKERS, "rrd": {n: i for i, n in enumerate(OPENPOSE_JOINTS)}}
"""Formats of points that are no joints of a skeleton -> their number among the 45."""

_BLANK = ("trc", "c3d")
"""Formats in which a point may be missing."""

_Found = tuple[Motion, slice]


class _Motions(MotionExporter):
    """Gathers what an export of motion would write, and writes nothing."""

    found: list[_Found]

    def write_motion(self, motion: Motion, rows: slice = slice(None)) -> None:
        """Keep it."""
        self.found.append((motion, rows))


def _walked(source: ResultsSource, gather: MotionExporter) -> None:
    gather.begin()
    for batch in source.batches(context=True, world=gather.in_world):
        gather.write(batch)
    gather.finish()


def motions_of(source: ResultsSource, name: str) -> list[_Found]:
    """What an export of this format writes: motions, and which of their rows."""
    kind = FORMATS[name].load()
    gather = _Motions(source, OutputFiles(source.path), "")
    gather.found = []
    for trait in ("is_even", "is_timed"):
        setattr(gather, trait, getattr(kind, trait))
    _walked(source, gather)
    return gather.found


def check_motion(source: ResultsSource, name: str, path: Path) -> Checked:
    """Joints or markers of each person of a file.

    Raises:
        OutputError: if it has somebody whom the results do not have so.
    """
    largest, motions = Largest(), motions_of(source, name)
    if name == "c3d":
        motions = [(motion, _of_file(path, motion, rows)) for motion, rows in motions]
    told = set()
    for read in MOTION[name](path):
        count = len(next(iter(read.places.values())))
        fitting = [
            (motion, rows)
            for motion, rows in motions
            if read.name in ("", motion.name) and len(motion.frame[rows]) == count
        ]
        if not fitting:
            raise OutputError(
                f"no person of the results has {count} frames"
                if not read.name
                else f"{read.name} is not in the results with {count} frames",
                where=path,
                hint=SAME_OPTIONS,
            )
        told.add(fitting[0][0].name)
        _compare(largest, source, name, read, fitting[0])
    missing = [motion.name for motion, _ in motions if motion.name not in told]
    if FORMATS[name].is_single and missing:
        raise OutputError(f"{missing[0]} is not in it", where=path, hint=SAME_OPTIONS)
    return largest.done()


def _of_file(path: Path, motion: Motion, rows: slice) -> slice:
    """The rows of a motion that a file holds, if it is one of several."""
    start, stop, _ = rows.indices(len(motion))
    found = re.search(r"_file(\d+)$", path.stem)
    first = start + (int(found[1]) - 1 if found else 0) * MOST_FRAMES
    return slice(first, min(first + MOST_FRAMES, stop))


def _compare(
    largest: Largest, source: ResultsSource, name: str, read: ReadMotion, found: _Found
) -> None:
    """A person of a file with that of the results."""
    options, (motion, rows) = source.options, found
    names, picked = _joints(name, list(read.places))
    here = np.stack([read.places[joint] for joint in names], axis=1)
    rig = rig_of(options)
    if name == "glb":
        rig = replace(rig, up="y", unit="m")
    if name == "c3d":
        rig = replace(rig, unit=options.unit or "mm")
    if name == "npz":
        rig = replace(rig, up=options.up or "z", unit="m")
    if name == "rrd":
        rig = replace(rig, unit="m")
    start = 0
    for part in motion.parts(rows):
        if name in _POINTS:
            there = part.joints[:, picked].copy()
        else:
            there = part.skeleton.joints(part.matrices, part.pelvis)[:, picked]
        if name in _BLANK:
            blank = (
                part.joint_source[:, picked] == JointSource.MADE_UP
                if options.made_up == "blank"
                else False
            )
            there[blank | ~part.is_present[:, None]] = np.nan
        some = here[start : start + len(part)]
        who = [f"{motion.name}, frame {frame}" for frame in part.frame.tolist()]
        largest.add(some / rig.scale, rig.place(there) / rig.scale, names, who)
        start += len(part)


def _joints(name: str, names: list[str]) -> tuple[list[str], list[int]]:
    """The names a file has, and which joints of ours they are."""
    if name in _POINTS:
        return names, [_POINTS[name][point] for point in names]
    for scheme in BONES.values():
        known = {
            bone or own: i for i, (bone, own) in enumerate(zip(scheme, SMPL_JOINTS, strict=True))
        }
        if set(names) <= known.keys():
            return names, [known[joint] for joint in names]
    raise ValueError(f"these are no bones of ours: {', '.join(names[:4])}, ...")


# -- the CEB 4D-Humans add-on ---------------------------------------------------------------------


class _Bodies(Blender):
    """Gathers what the add-on's files would hold, and writes nothing."""

    found: dict[str, tuple[slice, list[tuple[IntArray, Motion]]]]

    def _write_track(self, keys: Sequence[FrameKey], rows: slice, parts: list[Motion]) -> None:
        name = replace(parts[0], part=None).name
        self.found[name] = rows, [self._placed(part, len(keys)) for part in parts]


def check_bodies(source: ResultsSource, path: Path) -> Checked:
    """A file for the add-on: its rotations, posed by scipy on the skeleton of the results.

    Raises:
        OutputError: if its name does not say whose it is.
        ValueError: if the person is there in other frames than in the results.
    """
    gather = _Bodies(source, OutputFiles(source.path), "")
    gather.found = {}
    _walked(source, gather)
    name = readback.track_of(path)
    if name not in gather.found:
        what = f"{name} is not in the results" if name else "its name does not say whose it is"
        raise OutputError(what, where=path, hint="it ends with _track1.blender.pkl, say")
    rows, stretches = gather.found[name]
    held = range(10**12)[rows]
    there: dict[int, tuple[Motion, FloatArray]] = {}
    for places, motion in stretches:
        there |= {row: told for row, told in _seen(places, motion) if row in held}
    largest = Largest()
    for body in readback_scenes.read_blender(path):
        row = held.start + body.row
        if row not in there:
            raise ValueError(f"{name} is not in frame {row} of the results")
        motion, meant = there.pop(row)
        here = _posed(body, motion)
        largest.add(here[None], meant[None], list(SMPL_JOINTS), [f"{name}, frame {row}"])
    if there:
        raise ValueError(f"{name} is missing in frame {min(there)}, and {len(there) - 1} more")
    return largest.done()


def _seen(places: IntArray, motion: Motion) -> Iterator[tuple[int, tuple[Motion, FloatArray]]]:
    """Rows of the file, and (24,3) joints there, in camera axes."""
    row = iter(places.tolist())
    for part in motion.parts():
        joints = part.skeleton.joints(part.matrices, part.pelvis) * Y_UP
        yield from zip(row, ((motion, one) for one in joints), strict=False)


def _posed(body: ReadBody, motion: Motion) -> FloatArray:
    """(24,3) joints of a person of a file, in camera axes."""
    from scipy.spatial.transform import Rotation

    rest = motion.skeleton.rest + motion.rest_pelvis
    turned = [Rotation.from_matrix(body.turns[0])]
    places = [body.origin + rest[0]]
    for joint in range(1, len(rest)):
        above = SMPL_PARENTS[joint]
        places.append(places[above] + turned[above].apply(rest[joint] - rest[above]))
        turned.append(turned[above] * Rotation.from_matrix(body.turns[joint]))
    return np.array(places)
