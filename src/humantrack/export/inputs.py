"""The results that a command line names: files, folders, patterns, standard input and pipes."""

from __future__ import annotations

import difflib
import glob
import os
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from humantrack.atomic import cannot_write, reason_of
from humantrack.errors import ConfigError, HumantrackError, ResultsError
from humantrack.export.streams import descriptor_of
from humantrack.results import without_worlds

STDIN = "-"

_CHUNK = 1 << 20

OWN_SUFFIXES = (".phalp.pkl", ".blender.pkl", ".world.pkl")
"""Pickles that an export has written; those of a folder or a pattern are not exported again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """Results to export."""

    path: Path
    """The file to read."""

    place: Path
    """Where its exports belong below an output folder, with the file's own name."""

    spooled_from: str | None = None
    """What was read into ``path``, which is but a temporary file."""

    @property
    def shown(self) -> str:
        """What the user named."""
        return self.spooled_from or str(self.path)

    def told(self, error: HumantrackError) -> HumantrackError:
        """The error in words that name what the user named."""
        if self.spooled_from is None:
            return error
        where = error.where if error.where is None else self.text(str(error.where))
        return type(error)(self.text(error.what), where=where, hint=error.hint)

    def text(self, line: str) -> str:
        """A note in words that name what the user named."""
        return line.replace(str(self.path), self.shown)


def find_inputs(names: Sequence[str], spool: ExitStack) -> list[Input]:
    """The results files that a command line names, each once.

    A file's place is its name, or its place below the folder named; where two would meet, all are
    placed as they lie below their common folder.

    Args:
        names: files, folders, patterns, ``-`` for standard input, pipes.
        spool: keeps copies of what can be read only once, as exports walk through a file several
            times; closing it removes them.

    Raises:
        ConfigError: for an empty name, such as a variable that is not set gives.
        ResultsError: if a folder or a pattern holds none, or a pipe cannot be read.
    """
    found: dict[str, Input] = {}
    for name in dict.fromkeys(names):
        if not name:
            raise ConfigError("a name is empty", hint="write . for this folder")
        for item in _named(name, spool):
            file = os.path.abspath(item.path)  # noqa: PTH100, links are files of their own
            found.setdefault(file, item)
    found = {str(file): found[str(file)] for file in without_worlds(map(Path, found))}
    places = Counter(item.place.with_suffix("") for item in found.values())
    if len(places) == len(found):
        return list(found.values())
    try:
        root = os.path.commonpath([Path(file).parent for file in found])
    except ValueError:  # on different drives
        return list(found.values())
    return [replace(i, place=Path(file).relative_to(root)) for file, i in found.items()]


def _named(name: str, spool: ExitStack) -> Iterator[Input]:
    """A file, those of a folder, those that match a pattern, or what a pipe gives."""
    path = Path(name)
    if name == STDIN or _is_pipe(path):
        yield _spooled(name, spool)
    elif _is_dir(path):
        yield from _in_folder(path)
    elif _is_there(path):
        yield Input(path=path, place=Path(path.name))
    else:
        yield from _matching(name)


def _in_folder(folder: Path) -> Iterator[Input]:
    found = sorted(folder.rglob("*.pkl"))
    files = [p for p in found if p.is_file() and not p.name.endswith(OWN_SUFFIXES)]
    if not files:
        raise ResultsError("the folder holds no results (.pkl)", where=folder)
    for file in files:
        yield Input(path=file, place=file.relative_to(folder))


def _matching(name: str) -> Iterator[Input]:
    """What a pattern matches that no shell has expanded.

    Raises:
        ResultsError: if there is no such file, or nothing matches, with what is nearest.
    """
    home = os.path.expanduser(name)  # noqa: PTH111 - a home that is not known stays as it is
    if home != name and (_is_there(Path(home)) or _is_dir(Path(home))):
        yield from (
            _in_folder(Path(home))
            if _is_dir(Path(home))
            else [Input(path=Path(home), place=Path(Path(home).name))]
        )
        return
    is_pattern = glob.has_magic(home)
    matches: Iterable[str] = ()
    if is_pattern:
        with suppress(OSError, ValueError):
            matches = sorted(glob.glob(home, recursive=True))  # noqa: PTH207 - with absolute patterns
    wants_own = home.endswith(OWN_SUFFIXES)
    items: list[Input] = []
    for match in map(Path, matches):
        if _is_dir(match):
            with suppress(ResultsError):  # a folder without results is not a match
                items += _in_folder(match)
        elif wants_own or not match.name.endswith(OWN_SUFFIXES):
            items.append(Input(path=match, place=Path(match.name)))
    if not items:
        what = "no results match" if is_pattern else "no such file"
        raise ResultsError(what, where=name, hint=_nearest(Path(home)))
    yield from items


def _nearest(path: Path) -> str | None:
    """What is nearest to a path, or a pattern, that leads nowhere."""
    there = Path(path.anchor or ".")
    parts = path.parts[1:] if path.anchor else path.parts
    for i, part in enumerate(parts):
        step = there / part
        is_last = i == len(parts) - 1
        if not is_last and not glob.has_magic(part) and _is_dir(step):
            there = step
            continue
        try:
            names = sorted(p.name for p in there.iterdir() if is_last or p.is_dir())
        except OSError:
            return None
        if is_last:
            names = [n for n in names if n.endswith(".pkl") or (there / n).is_dir()]
        close = difflib.get_close_matches(part, names, n=1, cutoff=0.5)
        if close:
            return f"the nearest is {there / close[0]}"
        some = f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else "".join(names)
        return f"{_shown(there)} holds {some}" if some else f"{_shown(there)} holds no results"
    return None


def _shown(folder: Path) -> str:
    return "this folder" if str(folder) == "." else str(folder)


# -- pipes ----------------------------------------------------------------------------------------


def _spooled(name: str, spool: ExitStack) -> Input:
    """A temporary copy of what can be read but once.

    Raises:
        ResultsError: if nothing comes, or it cannot be read.
        OutputError: if there is no room for the copy.
    """
    is_standard = name == STDIN or descriptor_of(name) == 0
    shown = "standard input" if is_standard else name
    stem = "stdin" if is_standard or descriptor_of(name) is not None else Path(name).stem
    copy = Path("temporary file")
    try:
        folder = tempfile.TemporaryDirectory(prefix="humantrack-", ignore_cleanup_errors=True)
        copy = Path(spool.enter_context(folder), f"{stem}.pkl")
        with copy.open("xb") as file:
            _pour(shown, is_standard, name, file)
    except (OSError, _FullError) as error:
        refused = error.error if isinstance(error, _FullError) else error
        raise cannot_write(copy, refused, hint="TMPDIR chooses another place") from error
    if copy.stat().st_size == 0:
        raise ResultsError("nothing came", where=shown)
    return Input(path=copy, place=Path(copy.name), spooled_from=shown)


def _pour(shown: str, is_standard: bool, name: str, target: BinaryIO) -> None:
    """Copy all that comes."""
    if is_standard and sys.stdin is None:
        raise ResultsError("it is closed", where=shown)
    if is_standard and sys.stdin.isatty():
        hint = "pipe results into it: cat out.pkl | humantrack-export -"
        raise ResultsError("it is a terminal", where=shown, hint=hint)
    try:
        with nullcontext(sys.stdin.buffer) if is_standard else Path(name).open("rb") as source:
            while data := source.read(_CHUNK):
                try:
                    target.write(data)
                except OSError as error:
                    raise _FullError(error) from error
    except OSError as error:
        raise _unreadable(shown, error) from error


class _FullError(Exception):
    """The copy cannot be written."""

    def __init__(self, error: OSError) -> None:
        self.error = error


def _unreadable(shown: str, error: OSError) -> ResultsError:
    return ResultsError(f"cannot read the results ({reason_of(error)})", where=shown)


def _is_pipe(path: Path) -> bool:
    """True for a pipe, and for any open descriptor but a folder's."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    if stat.S_ISDIR(mode):
        return False
    return stat.S_ISFIFO(mode) or descriptor_of(str(path)) is not None


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that is too long, say
        return False


def _is_there(path: Path) -> bool:
    """True unless it is sure that nothing is there; opening the file will tell the rest."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return not glob.has_magic(str(path))
    return True
