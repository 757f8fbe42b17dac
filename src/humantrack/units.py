"""Sizes and lengths of time as people write them on a command line."""

from __future__ import annotations

import re

from humantrack.errors import ConfigError

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", re.IGNORECASE)
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_size(text: str, option: str, *, least: int = 0) -> int:
    """'100GB' -> bytes; units are decimal.

    Args:
        text: what the user wrote.
        option: where, for the error.
        least: smallest size that makes sense.

    Raises:
        ConfigError: if it is no size, or too small a one.
    """
    match = _SIZE.fullmatch(text.strip())
    try:
        size = -1 if match is None else int(float(match[1]) * _BYTES[match[2].lower()])
    except OverflowError:
        size = -1
    if size < least:
        raise ConfigError("not a size", where=f"{option} {text}", hint="write it as 500MB or 4GB")
    return size


def parse_age(text: str, option: str) -> float:
    """'7d' -> seconds; arguments as for :func:`parse_size`.

    Raises:
        ConfigError: if it is no length of time.
    """
    match = _AGE.fullmatch(text.strip())
    if match is None:
        hint = "write it as 12h or 7d"
        raise ConfigError("not a length of time", where=f"{option} {text}", hint=hint)
    return float(match[1]) * _SECONDS[match[2].lower()]
