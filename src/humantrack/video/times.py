"""Times as people write them: 90, 1.5s, 500ms, 1m30s, 00:01:30.5 -> seconds."""

from __future__ import annotations

import math
import re

from humantrack.errors import ConfigError

_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_UNITS = re.compile(
    r"\s*".join(rf"(?:(?P<{unit}>{_NUMBER})\s*{unit})?" for unit in ("h", "m", "s", "ms")),
    re.ASCII | re.IGNORECASE,
)
_CLOCK = re.compile(r"(?:(?P<h>\d+):)?(?P<m>\d+):(?P<s>\d+(?:\.\d*)?)", re.ASCII)
_PLAIN = re.compile(_NUMBER, re.ASCII)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


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
        raise _wrong(text)
    if isinstance(text, int | float):
        if text == -1:
            return None
        if not math.isfinite(text) or text < 0:
            raise _wrong(text)
        return float(text)
    written = str(text).strip()
    if written in {"", "-1", "-1.0"}:
        return None
    seconds = _seconds(written)
    if seconds is None or not math.isfinite(seconds):
        raise _wrong(text)
    return seconds


def _seconds(text: str) -> float | None:
    if _PLAIN.fullmatch(text):
        return float(text)
    clock = _CLOCK.fullmatch(text)
    if clock:
        in_range = float(clock["s"]) < 60 and (clock["h"] is None or int(clock["m"]) < 60)
        return _sum(clock) if in_range else None
    units = _UNITS.fullmatch(text)
    return _sum(units) if units else None


def _sum(match: re.Match[str]) -> float:
    return math.fsum(
        float(value) * _SECONDS[unit] for unit, value in match.groupdict().items() if value
    )


def _wrong(text: object) -> ConfigError:
    return ConfigError(
        "not a time",
        where=repr(text),
        hint="write seconds (90, 1.5), units (1m30s, 500ms, 2h), a clock (00:01:30.5), or -1",
    )
