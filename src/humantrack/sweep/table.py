"""The sweep as a whole: its rows, sweep.json and sweep.csv, and the table at the end."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from humantrack._version import __version__
from humantrack.atomic import atomic_write
from humantrack.sweep import outcome as out
from humantrack.sweep.outcome import Outcome
from humantrack.sweep.plan import Job

COLUMNS = (
    *("clip", "settings", "status", "frames", "people", "fps", "seconds"),
    *("output", "error", "exit_code", "warnings"),
)
"""Fields of a clip in sweep.json, and columns of sweep.csv."""

_STYLES = {out.OK: "green", out.SKIPPED: "dim", out.FAILED: "red"}


@dataclass(frozen=True)
class Row:
    """A job and how it ended; ``status`` is 'running' or 'not begun' before that."""

    job: Job
    outcome: Outcome

    def fields(self) -> dict[str, Any]:
        """The row by the names of ``COLUMNS``."""
        values = {
            **dataclasses.asdict(self.outcome),
            "clip": self.job.clip,
            "settings": " ".join(self.job.settings),
        }
        return {name: values[name] for name in COLUMNS}

    def line(self) -> str:
        """The row in one line, for a log."""
        o = self.outcome
        if o.status in out.SUCCEEDED:
            how = "finished before" if o.status == out.SKIPPED else "ok"
            told = "".join(f"; warning: {line}" for line in o.warnings)
            return f"{self.job.title}: {how}, {_numbers(o)}{told}"
        return f"{self.job.title}: {o.status}" + (f": {o.error}" if o.error else "")


def write_sweep(folder: Path, stem: str, rows: Sequence[Row], about: Mapping[str, Any]) -> None:
    """Write ``<stem>.json`` and ``<stem>.csv``, each whole or not at all.

    Raises:
        OutputError: if one cannot be written.
    """
    counts = Counter(row.outcome.status for row in rows)
    content = {
        "schema": 1,
        "humantrack": __version__,
        **about,
        "counts": dict(counts),
        "clips": [row.fields() for row in rows],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    with atomic_write(folder / f"{stem}.json") as file:
        file.write(text.encode("utf-8", "backslashreplace") + b"\n")
    page = io.StringIO(newline="")
    writer = csv.DictWriter(page, COLUMNS)
    writer.writeheader()
    for row in rows:
        fields = row.fields()
        writer.writerow({**fields, "warnings": "; ".join(fields["warnings"])})
    with atomic_write(folder / f"{stem}.csv") as file:
        file.write(page.getvalue().encode("utf-8", "backslashreplace"))


def print_table(rows: Sequence[Row], console: Console) -> None:
    """Show all rows: a table on a terminal, elsewhere a line for each that did not succeed."""
    if not console.is_terminal:
        for row in rows:
            if row.outcome.status not in out.SUCCEEDED or row.outcome.warnings:
                console.print(row.line(), highlight=False, markup=False, soft_wrap=True)
        return
    table = Table(show_edge=False, pad_edge=False)
    for name in ("clip", "status", "frames", "people", "fps", "seconds", "output or error"):
        right = name in ("frames", "people", "fps", "seconds")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        o = row.outcome
        table.add_row(
            Text(row.job.title),
            Text(o.status, style=_STYLES.get(o.status, "yellow")),
            *(_text(v) for v in (o.frames, o.people, o.fps, o.seconds)),
            Text("\n".join([o.error or o.output or "", *(f"warning: {w}" for w in o.warnings)])),
        )
    console.print(table)


def count_line(rows: Sequence[Row], seconds: float) -> str:
    """How many ended in which way, in one line."""
    counts = Counter(row.outcome.status for row in rows)
    each = [f"{count} {_said(status)}" for status, count in counts.items()]
    clips = "1 clip" if len(rows) == 1 else f"{len(rows)} clips"
    return f"{clips} in {seconds:.1f} s: {', '.join(each)}"


def _said(status: str) -> str:
    return "finished before" if status == out.SKIPPED else status


def _numbers(o: Outcome) -> str:
    return f"{_text(o.frames)} frames, {_text(o.fps)} fps, {_text(o.seconds)} s"


def _text(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
