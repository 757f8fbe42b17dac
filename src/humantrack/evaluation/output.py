"""Figures as JSON and CSV, with those of each sequence."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from humantrack._version import __version__
from humantrack.atomic import atomic_write, cannot_write
from humantrack.evaluation.catalogue import MEASURES
from humantrack.evaluation.measures.tracking import ALPHAS
from humantrack.evaluation.published import PublishedRow
from humantrack.evaluation.scores import Scores

ALL = "(all)"
"""The row of all sequences together in the CSV."""


def document(
    systems: Mapping[str, Scores], published: Sequence[PublishedRow], files: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything as plain values; shares are 0..1.

    Args:
        systems: system -> scores.
        published: rows beside them.
        files: system -> sequence -> results file.
    """
    first = next(iter(systems.values()))
    used = {name for scores in systems.values() for name in scores.values}
    return {
        "benchmark": first.benchmark,
        "protocol": first.protocol,
        "humantrack": __version__,
        "measures": {
            name: {"unit": m.unit, "better": m.sense, "about": m.about}
            for name, m in MEASURES.items()
            if name in used
        },
        "systems": {
            name: {
                "values": _finite(scores.values),
                "sequences": {s: _finite(v) for s, v in scores.sequences.items()},
                "not_comparable": dict(scores.absent),
                "hota_over_alpha": {
                    "alpha": ALPHAS.round(2).tolist(),
                    "hota": {s or ALL: a.tolist() for s, a in scores.alphas.items()},
                }
                if scores.alphas
                else None,
                "notes": list(scores.notes),
                "results": {s: str(p) for s, p in files.get(name, {}).items()},
            }
            for name, scores in systems.items()
        },
        "published": [asdict(row) for row in published],
    }


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a document.

    Raises:
        OutputError: if it cannot be written.
    """
    _write(path, orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")


def write_csv(path: Path, systems: Mapping[str, Scores]) -> None:
    """Write a row for each sequence of each system, and one for all together.

    Raises:
        OutputError: if it cannot be written.
    """
    used = {n for s in systems.values() for v in (s.values, *s.sequences.values()) for n in v}
    names = [name for name in MEASURES if name in used]
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["system", "sequence", *names])
    for system, scores in systems.items():
        for sequence, values in [*scores.sequences.items(), (ALL, scores.values)]:
            rows.writerow([system, sequence, *(values.get(name, "") for name in names)])
    _write(path, text.getvalue().encode())


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(data)
    except OSError as error:
        raise cannot_write(path, error) from error
