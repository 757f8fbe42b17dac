"""Values as people write them, made into what Hydra reads for the kind of each key.

Hydra's grammar has a meaning for commas, brackets, ``=`` and numbers, which file names hold too,
and it knows nothing of a key's type. The schema does: what goes to a path or a name is taken as
typed, ``3.0`` is a whole number, ``None`` is null.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import QuotedString

from humantrack.config.keys import KeyInfo
from humantrack.config.quoting import in_quotes, parsed, quoted, quoted_but_for_references
from humantrack.config.schema import all_keys
from humantrack.errors import ConfigError

Split = Callable[[str], Iterable[str]]
"""Takes the value of a sweep apart at its commas."""

HYDRAS_FOLDERS = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir")
"""Keys of Hydra's that name a path."""

_BOOLS = {
    **dict.fromkeys(("true", "yes", "on", "y", "1"), "true"),
    **dict.fromkeys(("false", "no", "off", "n", "0"), "false"),
}
_CALL = re.compile(r"[a-z]+\(")
_ESCAPED = re.compile(r"\\[()\[\]{}:=, \t]")
"""What a backslash can take the meaning from in Hydra's grammar, but for itself."""


@cache
def keys_by_name() -> dict[str, KeyInfo]:
    """The schema's keys."""
    return {k.name: k for k in all_keys()}


def key_of(argument: str) -> KeyInfo | None:
    """The key that an argument sets, with ``+`` and ``++`` too; None if it is none of ours."""
    name, equals, _ = argument.partition("=")
    name = name.lstrip("+")
    if not equals:
        return None
    if name in HYDRAS_FOLDERS:
        return KeyInfo(name, "str", "", "", inert=False, path=True)
    return keys_by_name().get(name)


def as_meant(argument: str, split: Split | None = None) -> str:
    """A ``key=value`` rewritten so that Hydra reads what the user meant; others as they are.

    Args:
        argument: as typed.
        split: given in a sweep, where several values may stand with commas between.

    Raises:
        ConfigError: for a value that the key cannot have.
    """
    key = key_of(argument)
    if key is None:
        return argument
    name, _, value = argument.partition("=")
    if split is None or (key.path and exists(value)) or key.name == "video.output_dir":
        return f"{name}={_one(key, value)}"
    if value[:1] in ("'", '"', "[", "{") or _CALL.match(value):
        override = parsed(f"{key.name}={value}")
        if override is not None and override.is_sweep_override():
            return argument
    pieces = list(split(value)) if "," in value else [value]
    return f"{name}={','.join(_one(key, piece) for piece in pieces)}"


def _one(key: KeyInfo, value: str) -> str:
    """One value of a key, as Hydra reads it."""
    if key.takes_null and value.strip().lower() in ("", "null", "none"):
        is_name = key.path and value.strip().lower() == "none" and exists(value)
        return in_quotes(value) if is_name else "null"
    if not value.strip():
        raise ConfigError("no value is given", where=f"{key.name}=", hint=_hint(key))
    rewrite = _AS_WRITTEN.get(key.kind)
    return value if rewrite is None else rewrite(key, value)


def _path(key: KeyInfo, value: str) -> str:
    if exists(value):
        return quoted(value)
    override = parsed(f"{key.name}={value}")
    if override is not None and isinstance(override._value, QuotedString):
        return value
    read = None if override is None else override.value()
    if isinstance(read, str) and _ESCAPED.search(value) and (os.sep == "/" or exists(read)):
        value = read  # in Hydra's way, with backslashes
    if key.name in HYDRAS_FOLDERS:
        value = expanded(value)
    if not key.takes_null and value.lower() == "null":
        return value  # for Hydra to refuse
    return quoted_but_for_references(value)


def _text(key: KeyInfo, value: str) -> str:
    """Names that look like numbers stay as typed."""
    override = parsed(f"{key.name}={value}")
    if override is None:
        return quoted_but_for_references(value)
    read = None if override.is_sweep_override() else override.value()
    return in_quotes(value) if isinstance(read, int | float) else value


def _time(key: KeyInfo, value: str) -> str:
    from humantrack.units import parse_time

    override = parsed(f"{key.name}={value}")
    if override is None or override.is_sweep_override() or "${" in value:
        return value
    read = override.value()
    try:
        parse_time(read)  # type: ignore[arg-type]
    except ConfigError as error:
        raise ConfigError(error.what, where=f"{key.name}={value}", hint=error.hint) from error
    return value


def _int(key: KeyInfo, value: str) -> str:
    read = _unquoted(key, value)
    return str(int(read)) if isinstance(read, float) and read.is_integer() else value


def _bool(key: KeyInfo, value: str) -> str:
    value_read = _unquoted(key, value)
    is_whole = isinstance(value_read, float) and value_read.is_integer()
    read = str(int(value_read) if is_whole else value_read).strip().lower()
    if read in _BOOLS:
        return _BOOLS[read]
    override = parsed(f"{key.name}={value}")
    if override is None or override.is_sweep_override() or "${" in value:
        return value
    raise ConfigError("neither true nor false", where=f"{key.name}={value}")


_AS_WRITTEN: dict[str, Callable[[KeyInfo, str], str]] = {
    "path": _path,
    "text": _text,
    "time": _time,
    "int": _int,
    "bool": _bool,
}


def _unquoted(key: KeyInfo, value: str) -> Any:
    """What Hydra reads, where a number in quotes is a number; None for what is no single value."""
    override = parsed(f"{key.name}={value}")
    if override is None or override.is_sweep_override():
        return None
    read: Any = override.value()
    if isinstance(override._value, QuotedString):
        try:
            return float(read)
        except ValueError:
            return read
    return read


def _hint(key: KeyInfo) -> str:
    return f"leave it out for its default, {key.default}" if key.default != "" else "name a folder"


def exists(path: str) -> bool:
    """True if a path, as typed or with its home expanded, is on disk."""
    try:
        return bool(path) and (Path(path).exists() or Path(expanded(path)).exists())
    except (OSError, ValueError):
        return False


def expanded(path: str) -> str:
    """With ``~`` expanded where it means a home; ``~x.mp4`` is a name like any other."""
    return os.path.expanduser(path)  # noqa: PTH111 - pathlib's raises, and takes ./~x for a home
