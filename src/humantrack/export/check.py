"""Reads a written file back, and tells how far it is from the results (``--check``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from humantrack.body.joints import OPENPOSE_JOINTS, SMPL_JOINTS
from humantrack.clips.options import ExportOptions
from humantrack.clips.source import ResultsSource
from humantrack.errors import ConfigError, OutputError
from humantrack.export import readback
from humantrack.export.formats.base import FORMATS, Format, MotionExporter
from humantrack.export.formats.trc import MARKERS
from humantrack.export.names import format_named
from humantrack.export.output import OutputFiles
from humantrack.export.readback import ReadMotion, Row
from humantrack.export.rigs import rig_of
from humantrack.motion.bones import BONES
from humantrack.motion.camera import through_lens
from humantrack.motion.motion import Motion
from humantrack.types import JointSource
from humantrack.types.arrays import FloatArray

MOST_MM = 1.0
"""A larger difference is an error."""

_MOTION: dict[str, Callable[[Path], Iterator[ReadMotion]]] = {
    "bvh": readback.read_bvh,
    "npz": readback.read_npz,
    "trc": readback.read_trc,
    "c3d": readback.read_c3d,
    "glb": readback.read_glb,
}
_TABLES: dict[str, Callable[[Path], Iterator[Row]]] = {
    "json": readback.read_json,
    "jsonl": readback.read_json,
    "csv": readback.read_csv,
    "parquet": readback.read_parquet,
}
_MARKERS = ("trc", "c3d")
READABLE = (*_MOTION, *_TABLES)
"""The formats that can be checked."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What came of a file."""

    people: int
    """Frames times people, compared."""

    points: int
    """Joints or markers of each."""

    largest_mm: float
    where: str
    """Which joint, of whom, when."""


def results_of(path: Path) -> Path:
    """The results that lie beside a file under its name.

    Raises:
        ConfigError: if there are none, or nothing reads files of this kind back.
    """
    stem = path.name.removesuffix(_format_of(path).suffix)
    beside = path.with_name(re.sub(r"_track\d+(_part\d+)?$", "", stem) + ".pkl")
    if not beside.exists():
        hint = f"write humantrack-export RESULTS.pkl --check {path}"
        raise ConfigError("the results it was made of are not beside it", where=path, hint=hint)
    return beside


def check(results: str | Path, path: str | Path, options: ExportOptions | None = None) -> Checked:
    """Compare a file with the results it was made of.

    Args:
        results: the results.
        path: the file; its suffix says its format.
        options: those it was written with.

    Raises:
        ConfigError: if nothing reads files of this kind back.
        OutputError: if the file cannot be read, does not fit the results, or differs by more than
            a millimetre.
        ResultsError: if the results cannot be read.
    """
    path, options = Path(path), options or ExportOptions()
    found = _format_of(path)
    if not path.exists():
        raise OutputError("there is no such file to check", where=path)
    source = ResultsSource(results, options)
    try:
        if found.name in _MOTION:
            done = _motion(source, found.name, path)
        else:
            done = _table(source, _TABLES[found.name](path))
    except (OSError, ImportError, ValueError, KeyError, IndexError, TypeError) as error:
        what = f"it cannot be read back ({type(error).__name__}: {error})"
        raise OutputError(what, where=path) from error
    if done.people == 0:
        raise OutputError("nobody in it is in the results", where=path, hint=_SAME_OPTIONS)
    if not done.largest_mm <= MOST_MM:
        what = f"it differs from the results by {done.largest_mm:.3f} mm ({done.where})"
        raise OutputError(what, where=path, hint=_SAME_OPTIONS)
    return done


def _format_of(path: Path) -> Format:
    found = format_named(path)
    if found is None or found.name not in READABLE:
        raise ConfigError(
            "nothing reads this kind of file back",
            where=f"--check {path}",
            hint=f"there are readers of {', '.join(READABLE)}",
        )
    return found


_SAME_OPTIONS = "check with the options it was written with (--focal, --for, --up, --smooth, ...)"


class _Largest:
    """The largest of many differences, and where it is."""

    def __init__(self) -> None:
        self.people = self.points = 0
        self.mm, self.where = 0.0, ""

    def add(self, here: FloatArray, there: FloatArray, names: list[str], who: list[str]) -> None:
        """Places (T,J,D) in metres; what is blank on both sides is equal, on one it differs."""
        off = 1000 * np.linalg.norm(here - there, axis=-1)
        blank = np.isnan(here).any(axis=-1), np.isnan(there).any(axis=-1)
        off = np.where(blank[0] & blank[1], 0.0, np.where(blank[0] ^ blank[1], np.inf, off))
        self.people += len(here)
        self.points = len(names)
        if off.size and off.max() >= self.mm:
            row, joint = np.unravel_index(int(off.argmax()), off.shape)
            self.mm, self.where = float(off.max()), f"{names[joint]}, {who[row]}"

    def done(self) -> Checked:
        """The outcome."""
        return Checked(people=self.people, points=self.points, largest_mm=self.mm, where=self.where)


_Found = tuple[Motion, slice]


class _Motions(MotionExporter):
    """Gathers what an export of motion would write, and writes nothing."""

    found: list[_Found]

    def write_motion(self, motion: Motion, rows: slice = slice(None)) -> None:
        """Keep it."""
        self.found.append((motion, rows))


def _motions(source: ResultsSource, name: str) -> list[_Found]:
    kind = FORMATS[name].load()
    gather = _Motions(source, OutputFiles(source.path), "")
    gather.found = []
    for trait in ("is_even", "is_timed"):
        setattr(gather, trait, getattr(kind, trait))
    gather.begin()
    for batch in source.batches(context=True, world=gather.in_world):
        gather.write(batch)
    gather.finish()
    return gather.found


def _motion(source: ResultsSource, name: str, path: Path) -> Checked:
    largest, motions = _Largest(), _motions(source, name)
    for read in _MOTION[name](path):
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
                hint=_SAME_OPTIONS,
            )
        _compare(largest, source, name, read, fitting[0])
    return largest.done()


def _compare(
    largest: _Largest, source: ResultsSource, name: str, read: ReadMotion, found: _Found
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
    start = 0
    for part in motion.parts(rows):
        if name in _MARKERS:
            there = part.joints[:, picked].copy()
            blank = (
                part.joint_source[:, picked] == JointSource.MADE_UP
                if options.made_up == "blank"
                else False
            )
            there[blank | ~part.is_present[:, None]] = np.nan
        else:
            there = part.skeleton.joints(part.matrices, part.pelvis)[:, picked]
        some = here[start : start + len(part)]
        who = [f"{motion.name}, frame {frame}" for frame in part.frame.tolist()]
        largest.add(some / rig.scale, rig.place(there) / rig.scale, names, who)
        start += len(part)


def _joints(name: str, names: list[str]) -> tuple[list[str], list[int]]:
    """The names a file has, and which joints of ours they are."""
    if name in _MARKERS:
        return names, [MARKERS[marker] for marker in names]
    for scheme in BONES.values():
        known = {
            bone or own: i for i, (bone, own) in enumerate(zip(scheme, SMPL_JOINTS, strict=True))
        }
        if set(names) <= known.keys():
            return names, [known[joint] for joint in names]
    raise ValueError(f"these are no bones of ours: {', '.join(names[:4])}, ...")


def _table(source: ResultsSource, rows: Iterator[Row]) -> Checked:
    there: dict[tuple[int, int], FloatArray] = {}
    in_world = source.is_in_world(is_motion=False)
    for batch in source.batches(world=in_world):
        if in_world:  # joints are where they are
            people = batch.world.people
            moved: FloatArray = np.zeros(3)
        else:
            people = through_lens(batch.people, source.options.focal_px)
            moved = people.cam_t[:, None]
        joints = people.joints_3d.astype(float) + moved
        frames = [batch.frames[row].index for row in people.frame_row.tolist()]
        there |= zip(zip(frames, people.track_id.tolist(), strict=True), joints, strict=True)
    largest = _Largest()
    names = [*OPENPOSE_JOINTS, *(f"joint {i}" for i in range(len(OPENPOSE_JOINTS), 45))]
    for frame, track_id, own, camera in rows:
        joints = own if in_world else own + camera
        meant = there.pop((frame, track_id), None)
        if meant is None:
            raise ValueError(f"track {track_id} is not in frame {frame} of the results")
        meant = np.where(np.isfinite(meant), meant, np.nan)
        largest.add(joints[None], meant[None], names, [f"track {track_id}, frame {frame}"])
    if there:
        frame, track_id = next(iter(there))
        raise ValueError(f"track {track_id} is missing in frame {frame}, and {len(there) - 1} more")
    return largest.done()
