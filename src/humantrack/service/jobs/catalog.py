"""How an owner's jobs are found: searched, sorted, page by page."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

SORTS = ("newest", "oldest", "name", "longest", "people")
"""Orders of a list; "longest" is by frames."""


def page(
    at: sa.Connection,
    table: sa.Table,
    owner: str,
    state: str | None,
    *,
    search: str | None = None,
    sort: str = "newest",
    start: int = 0,
    count: int = 50,
) -> tuple[list[Any], int]:
    """Some of an owner's jobs as rows, and how many there are.

    Args:
        at: a connection.
        table: of the jobs.
        owner: whose.
        state: only those in it.
        search: only those with these words in their names, in any case and order.
        sort: see ``SORTS``.
        start: how many to leave out.
        count: how many at most.
    """
    which = _matching(table, owner, state, search)
    total = at.execute(sa.select(sa.func.count()).where(*which)).scalar_one()
    some = sa.select(table).where(*which).order_by(*_order(table, sort))
    return list(at.execute(some.offset(start).limit(count))), int(total)


def _matching(table: sa.Table, owner: str, state: str | None, search: str | None) -> list[Any]:
    c = table.c
    out = [c.owner == owner, *([] if state is None else [c.state == state])]
    for word in (search or "").split():
        out.append(sa.func.lower(c.name).contains(word.lower(), autoescape=True))
    return out


def _order(table: sa.Table, sort: str) -> list[Any]:
    """What a list is sorted by; the last make every order a whole one."""
    c = table.c
    by: dict[str, list[Any]] = {
        "newest": [],
        "oldest": [c.created_s],
        "name": [sa.func.lower(c.name)],
        "longest": [sa.func.coalesce(c.frames_total, c.frames).desc()],
        "people": [sa.func.coalesce(c.people, 0).desc()],
    }
    return [*by[sort], c.created_s.desc(), c.id]
