"""Which results file belongs to which sequence of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from humantrack.errors import MismatchError, ResultsError
from humantrack.evaluation.benchmark import Video

_PREFIX = "demo_"
_NOT_RESULTS = (".phalp.pkl", ".blender.pkl", ".world.pkl", ".partial.pkl")
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Results of one tracker, or of one way to run it, on the videos of a benchmark."""

    name: str
    """What the table calls it."""

    results: dict[str, Path] = field(default_factory=dict)
    """Sequence -> results file."""

    missing: tuple[str, ...] = ()


def find_systems(
    places: Sequence[Path], videos: Sequence[Video], *, allow_missing: bool = False
) -> list[System]:
    """The results that were named, each place being one system.

    A folder holds a file for each sequence, called NAME.pkl or demo_NAME.pkl, at any depth. A
    file is the results of the sequence that it is called after, or of the only one there is.

    Raises:
        ResultsError: if a place does not exist.
        MismatchError: if there is no file for some sequence, or more than one.
    """
    names = _names(places)
    return [
        _system(name, place, videos, allow_missing)
        for name, place in zip(names, places, strict=True)
    ]


def _names(places: Sequence[Path]) -> list[str]:
    """Short names, told apart by their folders where they are alike."""
    short = [place.name.removesuffix(".pkl") or str(place) for place in places]
    return [str(p) if short.count(s) > 1 else s for p, s in zip(places, short, strict=True)]


def _system(name: str, place: Path, videos: Sequence[Video], allow_missing: bool) -> System:
    wanted = {video.name for video in videos}
    if place.is_dir():
        found = _in_folder(place, wanted)
    elif not place.exists():
        raise ResultsError("no such file", where=place)
    else:
        sequence = _sequence_of(place, wanted)
        if sequence is None and len(wanted) == 1:
            (sequence,) = wanted
        if sequence is None:
            raise MismatchError(
                "the file is called after no sequence of the benchmark",
                where=place,
                hint=f"sequences are {_listed(sorted(wanted))}",
            )
        found = {sequence: place}
    missing = tuple(video.name for video in videos if video.name not in found)
    if missing and not (allow_missing and found):
        what = f"{len(missing)} of {len(videos)} sequences have no results ({_listed(missing)})"
        hint = "files are called NAME.pkl or demo_NAME.pkl"
        if found:
            hint += "; --allow-missing scores the others"
        raise MismatchError(what, where=place, hint=hint)
    return System(name=name, results=found, missing=missing)


def _in_folder(folder: Path, wanted: set[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in sorted(folder.rglob("*.pkl")):
        if file.name.endswith(_NOT_RESULTS):
            continue
        sequence = _sequence_of(file, wanted)
        if sequence is None:
            continue
        if sequence in found:
            what = f"two files are results of {sequence}"
            raise MismatchError(what, where=f"{found[sequence]} and {file}", hint="name one folder")
        found[sequence] = file
    return found


def _sequence_of(file: Path, wanted: set[str]) -> str | None:
    """The sequence that a results file is called after."""
    for name in (file.stem, file.stem.removeprefix(_PREFIX)):
        if name in wanted:
            return name
    return None


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
