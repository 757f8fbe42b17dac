"""Reads a written file back, and tells how far it is from the results (``--check``)."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from humantrack.clips.options import ExportOptions
from humantrack.clips.source import ResultsSource
from humantrack.errors import ConfigError, OutputError
from humantrack.export.check_angles import ANGLES, check_angles
from humantrack.export.check_motion import MOTION, SAME_OPTIONS, check_bodies, check_motion
from humantrack.export.check_rows import BOXES, TABLES, check_boxes, check_table
from humantrack.export.check_surface import SURFACES, check_surface
from humantrack.export.formats.base import Format
from humantrack.export.largest import Checked
from humantrack.export.names import format_of_file

MOST = {"mm": 1.0, "px": 1.0, "deg": 0.1}
"""A larger difference is an error, by its unit."""

_BODIES = "blender"
_UNREADABLE = (
    *(OSError, ImportError, ValueError, LookupError, TypeError, AttributeError),
    *(RuntimeError, struct.error),
)
"""What readers of other packages raise for files that are none of theirs."""

READABLE = (*MOTION, _BODIES, *TABLES, *BOXES, *ANGLES, *SURFACES)
"""The formats that can be checked."""

_BESIDE = {
    "tracks.csv": "sums up the rows of out.csv: check that",
    "frames.csv": "sums up the rows of out.csv: check that",
    "tracks.parquet": "sums up the rows of out.parquet: check that",
    "frames.parquet": "sums up the rows of out.parquet: check that",
    "visible.csv": "says when the person of a bvh is there, which has all places: check that",
    "gait.json": "is worked out from contacts of the world, and holds no pose",
    "meta.json": "tells of the run, and holds no pose",
    "world.pkl": "is what files in the world are checked against",
}
"""Endings of files beside an export -> why they have no check."""


def results_of(path: Path) -> Path:
    """The results that lie beside a file under its name.

    Raises:
        ConfigError: if there are none, or nothing reads files of this kind back.
    """
    own = _format_of(path).suffix
    stem = path.name.removesuffix(own) if path.name.endswith(own) else path.stem
    stem = re.sub(r"_track-?\d+(_part\d+)?(_file\d+|_\d{6,})?$", "", stem)
    beside = path.with_name(f"{stem}.pkl")
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
            a millimetre, a pixel, or a tenth of a degree.
        ResultsError: if the results cannot be read.
    """
    path, options = Path(path), options or ExportOptions()
    found = _format_of(path)
    if not path.exists():
        raise OutputError("there is no such file to check", where=path)
    source = ResultsSource(results, options)
    try:
        if found.name in MOTION:
            done = check_motion(source, found.name, path)
        elif found.name == _BODIES:
            done = check_bodies(source, path)
        elif found.name in TABLES:
            done = check_table(source, found.name, path)
        elif found.name in ANGLES:
            done = check_angles(source, found.name, path)
        elif found.name in SURFACES:
            done = check_surface(source, found.name, path)
        else:
            done = check_boxes(source, found.name, path)
    except _UNREADABLE as error:
        told = next(iter(str(error).strip().splitlines()), "")
        what = f"it cannot be read back ({type(error).__name__}: {told})"
        raise OutputError(what, where=path) from error
    if done.people == 0:
        raise OutputError("nobody in it is in the results", where=path, hint=SAME_OPTIONS)
    for one in (done, done.beside):
        if one is not None and not one.largest <= MOST[one.unit]:
            what = f"it differs from the results by {one.largest:.3f} {one.unit} ({one.where})"
            raise OutputError(what, where=path, hint=SAME_OPTIONS)
    return done


def _format_of(path: Path) -> Format:
    for ending, why in _BESIDE.items():
        if path.name.lower().endswith(f".{ending}"):
            raise ConfigError(f"a file .{ending} {why}", where=f"--check {path}")
    found = format_of_file(path)
    if found is None or found.name not in READABLE:
        raise ConfigError(
            "nothing reads this kind of file back",
            where=f"--check {path}",
            hint=f"there are readers of {', '.join(READABLE)}",
        )
    return found
