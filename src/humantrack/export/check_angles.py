"""Checks of files of joint angles: the rotations that they stand for, put together by scipy.

The definitions are written down here a second time, after docs/angles.md, and share no code with
what writes the files.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.body.joints import SMPL_JOINTS
from humantrack.clips.source import ResultsSource
from humantrack.errors import OutputError
from humantrack.export.check_motion import SAME_OPTIONS, motions_of
from humantrack.export.formats.base import FORMATS
from humantrack.export.largest import Checked, Largest
from humantrack.export.readback_angles import READERS, ReadAngles
from humantrack.motion.motion import Motion
from humantrack.types.arrays import FloatArray

ANGLES = tuple(READERS)
"""The formats of angles that can be checked."""

_OPENSIM = ("mot-osim", "sto")

_SAME_S = 1e-4
"""Seconds by which times may differ."""

_LOST = 1e-3
"""Below this cosine of the second angle the first and the third are one turn."""

_TO_ISB = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
"""Body (x left, y up, z forward) -> ISB (x forward, y up, z right)."""


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """A joint whose rotation a file has in up to three columns."""

    name: str
    columns: tuple[str, ...]
    """Turns one after the other, in the order of ``axes``; the last may be left out."""

    chain: tuple[str, ...]
    """SMPL's joints that make up the rotation."""

    axes: str = "ZXY"
    signs: tuple[int, int, int] = (1, 1, 1)
    arm: str = ""
    """'upper' or 'fore': zero is not the T pose but the arm hanging."""

    @property
    def is_left(self) -> bool:
        """Then the file has the mirror image, as of a right one."""
        return self.chain[0].startswith("left_")


def check_angles(source: ResultsSource, name: str, path: Path) -> Checked:
    """Every joint's rotation, and when it is; in OpenSim's files also where the pelvis is.

    Raises:
        OutputError: if a person of the file is not in the results so, or one is missing.
        ValueError: if its frames or times are others.
    """
    motions = {motion.name: (motion, rows) for motion, rows in motions_of(source, name)}
    turns = Largest("deg")
    places = Largest("mm") if name in _OPENSIM else None
    left = dict(motions)
    for read in READERS[name](path):
        count = len(next(iter(read.columns.values())))
        motion, rows = _meant(read, count, left, path)
        left.pop(motion.name)
        _compare(turns, places, read, motion, rows)
    if left and FORMATS[name].is_single:
        raise OutputError(f"{next(iter(left))} is not in it", where=path, hint=SAME_OPTIONS)
    return replace(turns.done(), beside=None if places is None else places.done())


def _meant(
    read: ReadAngles, count: int, left: dict[str, tuple[Motion, slice]], path: Path
) -> tuple[Motion, slice]:
    """Whose angles these are."""
    names = (read.name, read.name.removesuffix("_part1"))
    for motion, rows in left.values():
        if (not read.name or motion.name in names) and len(motion.frame[rows]) == count:
            return motion, rows
    what = read.name.removesuffix("_part1") or "nobody"
    raise OutputError(
        f"{what} is in the results with {count} frames"
        if not read.name
        else f"{what} is not in the results with {count} frames",
        where=path,
        hint=SAME_OPTIONS,
    )


def _compare(
    turns: Largest,
    places: Largest | None,
    read: ReadAngles,
    motion: Motion,
    rows: slice,
) -> None:
    start = 0
    begin = rows.indices(len(motion))[0]
    joints = _TABLE if places is None else _COORDINATES
    for part in motion.parts(rows):
        some = {n: c[start : start + len(part)] for n, c in read.columns.items()}
        who = [f"{motion.name}, frame {frame}" for frame in part.frame.tolist()]
        if places is not None:
            steps = np.arange(begin + start, begin + start + len(part)) / motion.fps
            _same("time", some["time"], motion.time_s[0] + steps, who)
        else:
            for column in ("frame", "time_s", "shot", "observed"):
                _same(column, some[column], np.asarray(getattr(part, column), float), who)
        local = part.matrices
        off = np.stack([_off(joint, some, local) for joint in joints], axis=1)
        turns.note(off, [joint.name for joint in joints], who)
        if places is not None:
            here = np.stack([some[f"pelvis_t{axis}"] for axis in "xyz"], axis=1)
            places.add(here[:, None], np.asarray(part.pelvis)[:, None], ["pelvis"], who)
        start += len(part)


def _same(column: str, here: FloatArray, there: FloatArray, who: list[str]) -> None:
    """Raises ValueError where a column says something else than the results."""
    wrong = np.flatnonzero(~(np.abs(here - there) <= _SAME_S))
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(f"{column} is {here[row]:g}, not {there[row]:g} ({who[row]})")


def _off(joint: _Turn, columns: dict[str, FloatArray], local: FloatArray) -> FloatArray:
    """(T,) degrees between what a file says of a joint and what the results do."""
    from scipy.spatial.transform import Rotation

    given = np.stack([columns[column] for column in joint.columns], axis=1)
    blank = np.asarray(np.isnan(given).any(axis=1))
    given = np.where(blank[:, None], 0, given) * joint.signs[: given.shape[1]]
    meant = _of_results(joint, local)
    if joint.is_left:
        given = given * np.where(np.array([*joint.axes[: given.shape[1]]]) == "Z", 1, -1)
    if given.shape[1] == len(joint.axes):
        here = Rotation.from_euler(joint.axes, given, degrees=True)
        off = np.degrees((here.inv() * meant).magnitude())
    else:
        off = _off_of_some(given, _angles(meant, joint.axes))
    return np.asarray(np.where(blank, np.inf, off))


def _of_results(joint: _Turn, local: FloatArray) -> Any:
    """A joint's rotation as its angles describe it, in the ISB's axes."""
    from scipy.spatial.transform import Rotation

    turned = np.eye(3)
    for name in joint.chain:
        turned = turned @ local[:, SMPL_JOINTS.index(name)]
    if joint.chain == ("pelvis",):  # in the axes in which people move
        return Rotation.from_matrix(turned @ _TO_ISB.T)
    whole = Rotation.from_matrix(_TO_ISB @ turned @ _TO_ISB.T)
    raised = Rotation.from_euler("X", 90 if joint.is_left else -90, degrees=True)
    if joint.arm == "upper":
        return whole * raised
    return raised.inv() * whole * raised if joint.arm == "fore" else whole


def _angles(turn: Any, axes: str) -> FloatArray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of gimbal lock, which is looked for
        return np.asarray(turn.as_euler(axes, degrees=True))


def _off_of_some(given: FloatArray, triple: FloatArray) -> FloatArray:
    """(T,) degrees between the first angles and those of either triple that is the rotation."""
    kept = given.shape[1]
    other = np.array([180.0, 180.0, 180.0]) + np.array([1, -1, 1]) * triple
    each = [np.abs((given - angles[:, :kept] + 180) % 360 - 180) for angles in (triple, other)]
    is_lost = np.asarray(np.abs(np.cos(np.radians(triple[:, 1]))) < _LOST)
    for off in each:
        off[is_lost, 0] = 0
    return np.asarray(np.minimum(*(off.max(axis=1) for off in each)))


def _sides() -> Iterator[tuple[str, str]]:
    yield from (("left_", "_l"), ("right_", "_r"))


def _table() -> Iterator[_Turn]:
    def columns(joint: str, *angles: str) -> tuple[str, ...]:
        return tuple(f"{joint}_{angle}" for angle in angles)

    yield _Turn(
        name="trunk",
        columns=columns("trunk", "flexion", "bending", "rotation"),
        chain=("spine1", "spine2", "spine3"),
        signs=(-1, 1, 1),
    )
    for side, _ in _sides():
        hip, knee, ankle, shoulder, elbow = (
            f"{side}{joint}" for joint in ("hip", "knee", "ankle", "shoulder", "elbow")
        )
        bent = ("flexion", "adduction", "rotation")
        yield _Turn(name=hip, columns=columns(hip, *bent), chain=(hip,))
        yield _Turn(name=knee, columns=columns(knee, *bent), chain=(knee,), signs=(-1, 1, 1))
        tipped = ("dorsiflexion", "inversion", "rotation")
        yield _Turn(name=ankle, columns=columns(ankle, *tipped), chain=(ankle,))
        yield _Turn(
            name=shoulder,
            columns=columns(shoulder, "plane", "elevation", "rotation"),
            chain=(f"{side}collar", shoulder),
            axes="YXY",
            signs=(1, -1, 1),
            arm="upper",
        )
        folded = columns(elbow, "flexion", "carrying", "pronation")
        yield _Turn(name=elbow, columns=folded, chain=(elbow,), arm="fore")


def _coordinates() -> Iterator[_Turn]:
    yield _Turn(
        name="pelvis",
        columns=("pelvis_tilt", "pelvis_list", "pelvis_rotation"),
        chain=("pelvis",),
    )
    yield _Turn(
        name="lumbar",
        columns=("lumbar_extension", "lumbar_bending", "lumbar_rotation"),
        chain=("spine1", "spine2", "spine3"),
    )
    for side, end in _sides():

        def columns(*names: str, end: str = end) -> tuple[str, ...]:
            return tuple(f"{name}{end}" for name in names)

        hip, knee, ankle, shoulder, elbow = (
            f"{side}{joint}" for joint in ("hip", "knee", "ankle", "shoulder", "elbow")
        )
        turned = columns("hip_flexion", "hip_adduction", "hip_rotation")
        yield _Turn(name=hip, columns=turned, chain=(hip,))
        yield _Turn(name=knee, columns=columns("knee_angle"), chain=(knee,), signs=(-1, 1, 1))
        foot = columns("ankle_angle", "subtalar_angle")
        yield _Turn(name=ankle, columns=foot, chain=(ankle,))
        upper = columns("arm_flex", "arm_add", "arm_rot")
        chain = (f"{side}collar", shoulder)
        yield _Turn(name=shoulder, columns=upper, chain=chain, arm="upper")
        yield _Turn(name=elbow, columns=columns("elbow_flex"), chain=(elbow,), arm="fore")


_TABLE, _COORDINATES = tuple(_table()), tuple(_coordinates())
