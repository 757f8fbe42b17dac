"""``--fail-under HOTA=0.6``: limits that a measure must keep."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence

from humantrack.errors import ConfigError
from humantrack.evaluation.catalogue import MEASURES, Measure, measure_named
from humantrack.evaluation.scores import Scores

Limit = tuple[Measure, float]


def parse_limits(texts: Sequence[str]) -> list[Limit]:
    """'HOTA=0.6', 'HOTA=60%', 'MPJPE=80' -> measures and limits, shares as 0..1.

    Raises:
        ConfigError: for an unknown measure, one that is neither good nor bad, or no number.
    """
    return [_limit(text) for text in texts]


def _limit(text: str) -> Limit:
    name, equals, number = (part.strip() for part in text.partition("="))
    where = f"--fail-under {text}"
    measure = measure_named(name)
    if measure is None:
        close = difflib.get_close_matches(name, MEASURES, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(MEASURES)}"
        raise ConfigError("no such measure", where=where, hint=hint)
    if not measure.sense:
        raise ConfigError(f"{measure.name} is neither good nor bad", where=where)
    try:
        is_percent = number.endswith("%") and measure.unit == "%"
        value = float(number.removesuffix("%")) / (100 if is_percent else 1)
    except ValueError:
        value = float("nan")
    if not equals or math.isnan(value):
        raise ConfigError("not a limit", where=where, hint="write --fail-under HOTA=0.6")
    if measure.unit == "%" and abs(value) > 1:
        hint = f"shares are 0 to 1: write {name}={value / 100:g} or {name}={value:g}%"
        raise ConfigError("more than all", where=where, hint=hint)
    return measure, value


def missed_limits(scores: Scores, limits: Sequence[Limit]) -> list[str]:
    """Limits that are not kept, in words; a measure that is not there keeps none."""
    out = []
    for measure, limit in limits:
        asked = measure.written(limit, unit=True)
        value = scores.values.get(measure.name)
        if value is None:
            why = scores.absent.get(measure.name, "it was not measured")
            out.append(f"{measure.name}: {why}; {asked} was asked for")
        elif measure.is_worse(value, limit):
            out.append(f"{measure.name} is {measure.written(value, unit=True)}, not {asked}")
    return out
