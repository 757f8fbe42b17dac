"""The table of figures: ours, and the published ones beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from humantrack.evaluation.catalogue import MEASURES, THEMES, theme_of
from humantrack.evaluation.published import PublishedRow
from humantrack.evaluation.scores import Scores

NOTHING = "-"
NOT_COMPARABLE = "n/c"


def print_scores(
    console: Any,
    systems: Mapping[str, Scores],
    published: Sequence[PublishedRow],
    *,
    per_sequence: bool = False,
) -> None:
    """Print the figures of some systems on one benchmark.

    Args:
        console: of rich.
        systems: system -> scores.
        published: rows to put below.
        per_sequence: whether each sequence has a line too.
    """
    first = next(iter(systems.values()))
    console.print(f"[bold]{first.benchmark}[/bold], protocol {first.protocol}")
    columns = _columns(systems)
    rows = _rows(systems, published, columns, per_sequence)
    width = console.width
    for part in _parts([cells for _, cells in rows], columns, width):
        _print_part(console, rows, columns, part)
    _print_remarks(console, systems, published)


def _columns(systems: Mapping[str, Scores]) -> list[str]:
    there = {name for scores in systems.values() for name in (*scores.values, *scores.absent)}
    return [name for name in MEASURES if name in there]


def _parts(rows: Sequence[Sequence[str]], columns: Sequence[str], width: int) -> list[list[int]]:
    """Which columns make up each table: one theme, and no wider than a terminal.

    Args:
        rows: names and cells of all rows.
        columns: their measures.
        width: of the terminal.
    """
    head = max(map(len, [*THEMES, *(row[0] for row in rows)])) + 2
    parts: list[list[int]] = []
    used = 0
    for i, name in enumerate(columns):
        needs = max(len(cell) for cell in (*_heads(name), *(row[i + 1] for row in rows))) + 2
        is_new = not parts or theme_of(name) != theme_of(columns[parts[-1][-1]])
        if is_new or used + needs > width:
            parts.append([])
            used = head
        parts[-1].append(i)
        used += needs
    return parts


def _heads(name: str) -> tuple[str, str]:
    return name, MEASURES[name].unit


def _rows(
    systems: Mapping[str, Scores],
    published: Sequence[PublishedRow],
    columns: Sequence[str],
    per_sequence: bool,
) -> list[tuple[str, list[str]]]:
    """Style and cells of every row."""
    rows = []
    for system, scores in systems.items():
        if per_sequence and len(scores.sequences) > 1:
            rows += [
                ("dim", [f"  {sequence}", *_cells(values, scores.absent, columns)])
                for sequence, values in scores.sequences.items()
            ]
        rows.append(("bold", [system, *_cells(scores.values, scores.absent, columns)]))
    rows += [
        ("cyan", [f"{row.method} [{number}]", *_cells(row.values, {}, columns)])
        for number, row in enumerate(published, start=1)
    ]
    return rows


def _print_part(
    console: Any,
    rows: Sequence[tuple[str, list[str]]],
    columns: Sequence[str],
    part: Sequence[int],
) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(Text(theme_of(columns[part[0]])), no_wrap=True)
    for i in part:
        table.add_column(Text("\n".join(_heads(columns[i]))), justify="right", no_wrap=True)
    for style, cells in rows:
        shown = [cells[i + 1] for i in part]
        if style != "cyan" or any(cell != NOTHING for cell in shown):
            table.add_row(*(Text(cell) for cell in (cells[0], *shown)), style=style)
    console.print(table)
    console.print()


def _cells(
    values: Mapping[str, float], absent: Mapping[str, str], columns: Sequence[str]
) -> list[str]:
    return [
        MEASURES[name].written(values[name])
        if name in values
        else (NOT_COMPARABLE if name in absent else NOTHING)
        for name in columns
    ]


def _print_remarks(
    console: Any, systems: Mapping[str, Scores], published: Sequence[PublishedRow]
) -> None:
    """Why something is missing, what to know, and where published rows are from."""
    reasons = {
        f"{name}: not comparable ({NOT_COMPARABLE}), as {why}"
        for scores in systems.values()
        for name, why in scores.absent.items()
    }
    for line in sorted(reasons):
        console.print(line, style="dim", markup=False)
    for system, scores in systems.items():
        for note in scores.notes:
            head = f"{system}: " if len(systems) > 1 else ""
            console.print(f"note: {head}{note}", markup=False)
    for number, row in enumerate(published, start=1):
        note = f" ({row.note})" if row.note else ""
        console.print(f"[{number}] {row.method}: {row.source}{note}", style="dim", markup=False)
