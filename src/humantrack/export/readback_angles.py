"""Readers of joint angles, for ``--check``: by Python's csv, by pyarrow, and OpenSim's storage."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.export.readback import track_of
from humantrack.types.arrays import FloatArray

ABOUT = ("track_id", "part", "frame", "time_s", "shot", "observed")
"""Columns of the table that are no angles."""

_TELLING = "trunk_flexion"
"""A column that only a table of angles has."""

_NOT_NUMBERS = ("_source",)


@dataclass(frozen=True, kw_only=True)
class ReadAngles:
    """One person's angles as a file has them."""

    name: str
    """What the file says of whose they are: track7, track7_part2; '' if nothing."""

    columns: dict[str, FloatArray]
    """(T,) by the file's own names; NaN where a cell is blank."""


def holds_angles(path: Path) -> bool:
    """Whether a table of any name is one of joint angles."""
    try:
        if path.suffix.lower() == ".parquet":
            from pyarrow import parquet

            return _TELLING in parquet.read_schema(path).names
        with path.open(newline="", encoding="utf-8") as file:
            return _TELLING in next(csv.reader(file), [])
    except (OSError, ImportError, ValueError):  # whoever reads it says what is wrong
        return False


def read_angles(path: Path) -> Iterator[ReadAngles]:
    """The people of a CSV."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        names = next(rows)
        picked = [i for i, name in enumerate(names) if not name.endswith(_NOT_NUMBERS)]
        yield from _people(
            [names[i] for i in picked], ([_number(r[i]) for i in picked] for r in rows)
        )


def read_angles_parquet(path: Path) -> Iterator[ReadAngles]:
    """The people of a Parquet file."""
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    names = [name for name in file.schema_arrow.names if not name.endswith(_NOT_NUMBERS)]
    people: dict[tuple[int, int], list[FloatArray]] = {}
    for batch in file.iter_batches(columns=names):
        columns = (batch.column(name).cast("float64") for name in names)
        table = np.stack([column.to_numpy(zero_copy_only=False) for column in columns], axis=1)
        whose = table[:, [names.index("track_id"), names.index("part")]].astype(int)
        for key in dict.fromkeys(map(tuple, whose.tolist())):
            people.setdefault(key, []).append(table[(whose == key).all(axis=1)])
    for key, parts in people.items():
        yield _read(names, key, np.concatenate(parts))


def read_osim(path: Path) -> Iterator[ReadAngles]:
    """Coordinates of OpenSim's storage.

    Raises:
        ValueError: if it has more or fewer rows than it says.
    """
    head, names, numbers = {}, [], array("d")
    with path.open(encoding="ascii") as file:
        for line in file:
            if line.strip() == "endheader":
                break
            name, _, value = line.strip().partition("=")
            head[name] = value
        names = next(file).split()
        for line in file:
            cells = line.split()
            if len(cells) != len(names):
                raise ValueError(f"a row has {len(cells)} of {len(names)} columns")
            numbers.extend(map(float, cells))
    table = np.array(numbers).reshape(-1, len(names))
    if head["inDegrees"] != "yes" or int(head["nRows"]) != len(table):
        raise ValueError(f"it has {len(table)} rows and says {head['nRows']}")
    yield ReadAngles(name=track_of(path), columns=dict(zip(names, table.T, strict=True)))


READERS: dict[str, Callable[[Path], Iterator[ReadAngles]]] = {
    "angles": read_angles,
    "angles-parquet": read_angles_parquet,
    "mot-osim": read_osim,
    "sto": read_osim,
}


def _people(names: list[str], rows: Iterable[list[float]]) -> Iterator[ReadAngles]:
    track, part = names.index("track_id"), names.index("part")
    people: dict[tuple[int, int], Any] = {}
    for row in rows:
        people.setdefault((int(row[track]), int(row[part])), array("d")).extend(row)
    for key, numbers in people.items():
        yield _read(names, key, np.array(numbers).reshape(-1, len(names)))


def _read(names: list[str], key: tuple[int, int], table: FloatArray) -> ReadAngles:
    """Of a track that has one part alone the name does not say it; whoever compares knows."""
    track_id, part = key
    columns = dict(zip(names, table.T, strict=True))
    return ReadAngles(name=f"track{track_id}_part{part}", columns=columns)


def _number(cell: str) -> float:
    return float({"": "nan", "true": "1", "false": "0"}.get(cell.lower(), cell))
