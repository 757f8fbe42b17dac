"""What people who measure movement look for first, of each person over time.

Angles are those of ``motion.angles``. The hips are the root joint. Their speed is that between a
tenth of a second before and after; their height is above the floor of the world or, without a
world, above where the person's feet are at the median of the clip.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from humantrack.atomic import atomic_write, replace
from humantrack.body.joints import PHALP_JOINTS
from humantrack.clips.options import ExportOptions
from humantrack.clips.source import ResultsSource
from humantrack.errors import ResultsError
from humantrack.motion.angles import NAMES, joint_angles
from humantrack.motion.motion import Motion
from humantrack.motion.world import collector_for
from humantrack.results import world_path
from humantrack.types.arrays import FloatArray

ANGLES = (
    *("left_knee_flexion", "right_knee_flexion", "left_hip_flexion", "right_hip_flexion"),
    *("left_elbow_flexion", "right_elbow_flexion"),
    *("trunk_flexion", "trunk_bending", "trunk_rotation"),
)
SERIES = (*ANGLES, "hip_speed", "hip_height")

_COLUMNS = (*(f"{name}_deg" for name in ANGLES), "hip_speed_m_s", "hip_height_m")
_MOST = 3000
"""Points of a chart at most; tables have all."""

_REACH_S = 0.1
_FEET = [
    PHALP_JOINTS.index(f"{side}_{part}")
    for side in ("left", "right")
    for part in ("heel", "big_toe")
]
_ROWS = [NAMES.index(name) for name in ANGLES]
DONE = "done"
"""A file that is there when all charts are."""


def folder_of(results: Path, made: Path) -> Path:
    """Where the charts of these results are, or will be; other results have another folder.

    Raises:
        ResultsError: if the results are gone.
    """
    try:
        known = [results.stat()]
    except OSError as error:
        raise ResultsError("cannot read the results", where=results) from error
    world = world_path(results)
    known += [world.stat()] if world.is_file() else []
    return made / "-".join(["charts", *(f"{s.st_size:x}.{s.st_mtime_ns:x}" for s in known)])


def is_made(folder: Path) -> bool:
    """Whether all charts are there."""
    return (folder / DONE).is_file()


def make_charts(results: str, folder: str, scratch: str) -> None:
    """Write ``track<id>.json`` and ``track<id>.csv`` for each person.

    A chart has ``track_id``, ``space`` ('world' or 'camera'), ``height_above`` ('floor' or 'feet'),
    ``time_s``, ``observed`` (0 where a gap was filled) and ``series``: degrees, m/s, metres.

    Args:
        results: of humantrack or PHALP.
        folder: where the charts are put when all are whole.
        scratch: a folder beside it.

    Raises:
        ResultsError: if the results cannot be read.
        OutputError: if there is no room.
    """
    source = ResultsSource(Path(results), ExportOptions())
    in_world = source.is_in_world(is_motion=True)
    collector = collector_for(source, source.options)
    for batch in source.batches(world=in_world):
        collector.add(batch)
    where = Path(scratch)
    where.mkdir(parents=True, exist_ok=True, mode=0o700)
    for motion in collector.motions():
        values = series_of(motion, in_world=in_world)
        with atomic_write(where / f"track{motion.track_id}.csv") as file:
            file.write(_table(motion, values))
        with atomic_write(where / f"track{motion.track_id}.json") as file:
            file.write(orjson.dumps(_chart(motion, values, in_world=in_world)))
    (where / DONE).touch()
    with suppress(FileExistsError):
        Path(folder).mkdir(mode=0o700)
    for made in sorted(where.iterdir(), key=lambda path: path.name == DONE):
        replace(made, Path(folder) / made.name)


def series_of(motion: Motion, *, in_world: bool) -> FloatArray:
    """(T,11) the columns of ``SERIES``."""
    parts = list(motion.parts())
    angles = np.concatenate([joint_angles(part.matrices)[:, _ROWS] for part in parts])
    feet_m = np.concatenate([part.joints[:, _FEET, 1].min(axis=1) for part in parts])
    pelvis = np.concatenate([part.pelvis for part in parts]).astype(np.float64)
    speed, floor_m = np.zeros(len(pelvis)), np.zeros(len(pelvis))
    for rows in _shots(motion):
        speed[rows] = speed_of(motion.time_s[rows], pelvis[rows])
        floor_m[rows] = 0.0 if in_world else np.median(feet_m[rows])
    return np.column_stack([angles, speed, pelvis[:, 1] - floor_m])


def speed_of(time_s: FloatArray, places: FloatArray) -> FloatArray:
    """(T,), (T,3) metres -> (T,) m/s between a tenth of a second before and after each frame."""
    if len(time_s) < 2:
        return np.zeros(len(time_s))
    step_s = float(np.median(np.diff(time_s)))
    reach_s = max(_REACH_S, step_s)
    before, after = (
        np.maximum(time_s - reach_s, time_s[0]),
        np.minimum(time_s + reach_s, time_s[-1]),
    )
    moved = [np.interp(after, time_s, x) - np.interp(before, time_s, x) for x in places.T]
    return np.asarray(np.linalg.norm(moved, axis=0) / np.maximum(after - before, 1e-9))


def _shots(motion: Motion) -> Iterator[slice]:
    """Stretches without a cut: nothing moves across one."""
    cuts = [0, *(np.flatnonzero(np.diff(motion.shot)) + 1).tolist(), len(motion)]
    for start, stop in itertools.pairwise(cuts):
        yield slice(start, stop)


def _table(motion: Motion, values: FloatArray) -> bytes:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["track_id", "frame", "time_s", "observed", *_COLUMNS])
    for i, numbers in enumerate(values.tolist()):
        when = int(motion.frame[i]), round(float(motion.time_s[i]), 6), int(motion.observed[i])
        rows.writerow([motion.track_id, *when, *(round(number, 4) for number in numbers)])
    return out.getvalue().encode()


def _chart(motion: Motion, values: FloatArray, *, in_world: bool) -> dict[str, Any]:
    step = max(1, -(-len(values) // _MOST))
    some = np.round(values[::step], 3) + 0.0
    return {
        "track_id": motion.track_id,
        "space": "world" if in_world else "camera",
        "height_above": "floor" if in_world else "feet",
        "time_s": np.round(motion.time_s[::step], 5).tolist(),
        "observed": motion.observed[::step].astype(int).tolist(),
        "series": dict(zip(SERIES, some.T.tolist(), strict=True)),
    }
