"""Which queued job is next: owners take turns; priority and age are an order within one's own.

An owner's turn comes when fewer of its jobs run than of others', then when it was served longest
ago. When that was is kept in a table of its own, so that removing jobs wins no turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from humantrack.service.jobs.job import LIVE, QUEUED, RUNNING

TURNS = """
CREATE TABLE IF NOT EXISTS turns (
    owner VARCHAR(100) NOT NULL PRIMARY KEY,
    served_s FLOAT(53) NOT NULL
)
"""
"""Of the schema; the table holds when each owner's last job was begun."""

_turns = sa.Table(
    "turns",
    sa.MetaData(),
    sa.Column("owner", sa.String(100), primary_key=True),
    sa.Column("served_s", sa.Float(53), nullable=False),
)
_LOCK = 4243
"""Of PostgreSQL, held by who chooses: two at once would both think an owner below its limit."""


def choose_alone(at: sa.Connection) -> None:
    """Let nobody else choose a job in this transaction. SQLite has one writer anyway."""
    if at.dialect.name == "postgresql":
        at.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def next_in_line(
    jobs: sa.Table, most_running: int, live: Sequence[str] | None = None
) -> sa.Select[Any]:
    """The id of the job that is next.

    Args:
        jobs: the table of jobs.
        most_running: jobs of one owner that may run at once; 0 = no limit.
        live: ``source`` of the live jobs that may be chosen; None = all.
    """
    c = jobs.c
    running = (
        sa.select(c.owner, sa.func.count().label("n"))
        .where(c.state == RUNNING)
        .group_by(c.owner)
        .subquery()
    )
    order = (c.priority.desc(), c.created_s, c.id)
    place = sa.func.row_number().over(partition_by=c.owner, order_by=order).label("place")
    which = [c.state == QUEUED]
    if live is not None:
        which.append(sa.or_(~c.source.startswith(LIVE), c.source.in_(live)))
    first = sa.select(c.id, c.owner, c.created_s, place).where(*which).subquery()
    has = sa.func.coalesce(running.c.n, 0)
    return (
        sa.select(first.c.id)
        .outerjoin(running, running.c.owner == first.c.owner)
        .outerjoin(_turns, _turns.c.owner == first.c.owner)
        .where(first.c.place == 1, *([has < most_running] if most_running else []))
        .order_by(has, sa.func.coalesce(_turns.c.served_s, 0.0), first.c.created_s, first.c.id)
        .limit(1)
    )


def served(at: sa.Connection, owner: str, now_s: float) -> None:
    """Write down that an owner's turn was now."""
    values: dict[str, Any] = {"served_s": now_s}
    if not at.execute(_turns.update().where(_turns.c.owner == owner).values(**values)).rowcount:
        at.execute(_turns.insert().values(owner=owner, **values))
