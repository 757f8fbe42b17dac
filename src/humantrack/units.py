"""Sizes and lengths of time as people write them on a command line."""

from __future__ import annotations

import math
import re

from humantrack.errors import ConfigError

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", re.IGNORECASE)
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_SECONDS = {"w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_UNITS = re.compile(
    r"\s*".join(rf"(?:(?P<{unit}>{_NUMBER})\s*{unit})?" for unit in _SECONDS),
    re.ASCII | re.IGNORECASE,
)
_CLOCK = re.compile(r"(?:(?P<h>\d+):)?(?P<m>\d+):(?P<s>\d+(?:\.\d*)?)", re.ASCII)
_PLAIN = re.compile(_NUMBER, re.ASCII)


def parse_size(text: str, option: str, *, least: int = 0) -> int:
    """'100GB' -> bytes; units are decimal.

    Args:
        text: what the user wrote.
        option: where, for the error.
        least: smallest valid size.

    Raises:
        ConfigError: if it is not a size, or too small a one.
    """
    match = _SIZE.fullmatch(text.strip())
    try:
        size = -1 if match is None else int(float(match[1]) * _BYTES[match[2].lower()])
    except OverflowError:
        size = -1
    if size < least:
        raise ConfigError("not a size", where=f"{option} {text}", hint="write it as 500MB or 4GB")
    return size


def parse_time(text: str | float | int | None) -> float | None:
    """Seconds, or None for "not given" (None, an empty text, -1).

    Accepts plain seconds (``90``, ``1.5``), units from large to small (``1m30s``, ``500ms``,
    ``2h``) and clock time (``01:30``, ``00:01:30.5``; minutes and seconds below 60 after a colon).

    Raises:
        ConfigError: for anything else.
    """
    if text is None:
        return None
    if isinstance(text, bool):
        raise _no_time(text)
    if isinstance(text, int | float):
        if text == -1:
            return None
        if not math.isfinite(text) or text < 0:
            raise _no_time(text)
        return float(text)
    written = str(text).strip()
    if written in {"", "-1", "-1.0"}:
        return None
    seconds = float(written) if _PLAIN.fullmatch(written) else _duration(written)
    if seconds is None or not math.isfinite(seconds):
        raise _no_time(text)
    return seconds


def parse_age(text: str, option: str) -> float:
    """'7d' -> seconds; arguments as for :func:`parse_size`.

    Accepts what :func:`parse_time` does, apart from plain numbers: 7 may be meant as days.

    Raises:
        ConfigError: if it is not a length of time.
    """
    seconds = _duration(text.strip())
    if seconds is None or not math.isfinite(seconds):
        hint = "write it as 12h, 7d or 1h30m"
        raise ConfigError("not a length of time", where=f"{option} {text}", hint=hint)
    return seconds


def _duration(text: str) -> float | None:
    """Seconds of a clock time or of numbers with units; None of anything else."""
    clock = _CLOCK.fullmatch(text)
    if clock:
        in_range = float(clock["s"]) < 60 and (clock["h"] is None or float(clock["m"]) < 60)
        return _sum(clock) if in_range else None
    units = _UNITS.fullmatch(text)
    return _sum(units) if units and text else None


def _sum(match: re.Match[str]) -> float:
    try:
        return math.fsum(
            float(value) * _SECONDS[unit] for unit, value in match.groupdict().items() if value
        )
    except OverflowError:
        return math.inf


def _no_time(text: object) -> ConfigError:
    return ConfigError(
        "not a time",
        where=repr(text),
        hint="write seconds (90, 1.5), units (1m30s, 500ms, 2h), a clock (00:01:30.5), or -1",
    )
