"""The table over all parts at the end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from humantrack.split.notes import doing, frames_told, noted_error
from humantrack.split.plan import Plan, part_path

DONE, BEFORE, FAILED, LOST = "done", "done before", "failed", "lost"
_STYLES = {DONE: "green", BEFORE: "dim", FAILED: "red", LOST: "red"}


@dataclass(frozen=True)
class Row:
    """A part, and how it ended."""

    number: int
    frames: int
    where: str
    """Machine and process; empty: unknown."""

    seconds: float | None
    state: str
    """One of the four above."""

    why: str = ""


def rows_of(folder: Path, plan: Plan, before: Collection[int]) -> list[Row]:
    """A row for each part.

    Args:
        folder: of the parts.
        plan: of the video.
        before: numbers of those that were there when the command began.
    """
    return [_row(folder, part.number, is_old=part.number in before) for part in plan.parts]


def _row(folder: Path, number: int, *, is_old: bool) -> Row:
    who, error = doing(folder, number), noted_error(folder, number)
    state, why = BEFORE if is_old else DONE, ""
    if not part_path(folder, number).exists():
        state, why = (LOST, "") if error is None else (FAILED, error.what)
    return Row(
        number=number,
        frames=frames_told(folder, number),
        where=who.where if who else "",
        seconds=who.seconds if who else None,
        state=state,
        why=why,
    )


def print_rows(rows: list[Row], console: Console) -> None:
    """Show the table; nothing for a video in one part."""
    if len(rows) < 2:
        return
    table = Table("part", "frames", "where", "time", "state", title="parts", title_justify="left")
    for row in rows:
        took = "" if row.seconds is None else f"{row.seconds:.1f} s"
        state = Text(row.state, _STYLES[row.state]) + Text(f": {row.why}" if row.why else "")
        table.add_row(str(row.number), str(row.frames), Text(row.where), took, state)
    console.print(table)
