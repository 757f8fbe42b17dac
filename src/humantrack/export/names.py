"""Names of an export's files, from what the user gave as the output."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from humantrack.errors import ConfigError
from humantrack.export.formats.base import FORMATS, Format
from humantrack.export.output import OutputFiles, StreamOutput
from humantrack.export.streams import STDOUT, is_stream

_RESULTS = ".pkl"

_ANYBODYS = ".txt"
"""A suffix that says nothing of the format, though one has it."""

_ALIASES = {".usd": "usd", ".usda": "usd"}
"""Further suffixes of formats."""

_TABLES = {"angles": "csv", "angles-parquet": "parquet"}
"""Formats whose files may well be called as those of another, being of the same kind."""


def outputs_of(
    path: Path,
    formats: Sequence[Format],
    output: str | Path | None,
    *,
    force: bool,
    keep: Collection[Path],
) -> list[OutputFiles]:
    """Where each format writes.

    One format that writes one file takes the output's name as it is. Several formats, or a file
    per track, take the name up to the suffix of a format, if it has one, and add their own.

    Raises:
        ConfigError: if the output cannot hold the formats.
    """

    def named(stem: Path, exact: Path | None = None) -> list[OutputFiles]:
        return [OutputFiles(stem, overwrite=force, exact=exact, keep=keep) for _ in formats]

    if output is None:
        return named(path.with_suffix(""))
    single = len(formats) == 1 and formats[0].is_single
    if is_stream(output):
        if not single:
            many = [f.name for f in formats if not f.is_single]
            what = "standard output" if str(output) == STDOUT else "a pipe or device"
            why = f"; {many[0]} writes a file per track" if many else ""
            raise ConfigError(
                f"only one file fits {what}{why}", where=f"-o {output}", hint="name a folder"
            )
        return [StreamOutput(output)]
    target = Path(output)
    if is_folder(output):
        return named(target / path.stem)
    if single:
        return named(target, exact=target)
    return named(target.with_name(_stem(target.name, formats)))


def is_folder(output: str | Path) -> bool:
    """True for an existing folder, or a name with a slash at its end."""
    name = str(output)
    try:
        return name != STDOUT and (name.endswith(("/", "\\")) or Path(name).is_dir())
    except OSError:  # a name that is too long, say: opening the file will tell
        return False


def format_named(output: str | Path | None) -> Format | None:
    """The format whose suffix a file's name has; None for a folder, a stream and other names."""
    if output is None or is_folder(output) or is_stream(output):
        return None
    name = Path(output).name.lower()
    if (kind := _ALIASES.get(Path(name).suffix)) is not None:
        return FORMATS[kind]
    telling = (f for f in FORMATS.values() if f.suffix != _ANYBODYS)
    fitting = [f for f in telling if name.endswith(f.suffix)]
    return max(fitting, key=lambda f: len(f.suffix), default=None)


def format_of_file(path: str | Path) -> Format | None:
    """As ``format_named``, of a file that was written: its columns tell a table of joint angles.

    Text without a telling name is MOT's.
    """
    found = format_named(path)
    if found is None and Path(path).suffix.lower() == _ANYBODYS:
        return FORMATS["mot"]
    own = [name for name, table in _TABLES.items() if found is not None and table == found.name]
    if own:
        from humantrack.export.readback_angles import holds_angles

        return FORMATS[own[0]] if holds_angles(Path(path)) else found
    return found


def misnamed(output: str | Path | None, formats: Sequence[Format]) -> str | None:
    """A note on a file that has the suffix of another format than its own."""
    meant = format_named(output)
    if meant is None or len(formats) > 1 or not formats[0].is_single:
        return None
    own = formats[0]
    if _TABLES.get(own.name) == meant.name:
        return None
    if meant.name == own.name or str(output).lower().endswith(own.suffix):
        return None
    return f"{output} holds {own.name}, although its name is one of {meant.name}"


def _stem(name: str, formats: Sequence[Format]) -> str:
    """A file's name without the suffix of a format, or of results."""
    suffixes = {f.suffix for f in (*FORMATS.values(), *formats)} | {_RESULTS}
    for suffix in sorted(suffixes, key=len, reverse=True):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name
