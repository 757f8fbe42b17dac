"""The schema of the job database, version by version, and the upgrade of an older database.

The table ``humantrack_schema`` holds the version in its one row. humantrack 0.1 wrote no such
table: its schema is version 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from humantrack.errors import OutputError
from humantrack.service.jobs.fairness import TURNS

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE jobs (
            id VARCHAR(32) NOT NULL PRIMARY KEY,
            owner VARCHAR(100) NOT NULL,
            name TEXT NOT NULL,
            source TEXT NOT NULL,
            state VARCHAR(10) NOT NULL,
            priority INTEGER NOT NULL,
            overrides TEXT NOT NULL,
            created_s FLOAT(53) NOT NULL,
            started_s FLOAT(53),
            ended_s FLOAT(53),
            frames INTEGER NOT NULL,
            frames_total INTEGER,
            fps FLOAT(53),
            people INTEGER,
            error TEXT,
            attempts INTEGER NOT NULL,
            max_attempts INTEGER NOT NULL,
            worker VARCHAR(100),
            lease_s FLOAT(53),
            cancel BOOLEAN NOT NULL,
            version INTEGER NOT NULL,
            digest VARCHAR(64) NOT NULL,
            idempotency_key VARCHAR(200),
            UNIQUE (owner, idempotency_key)
        )
        """,
        "CREATE INDEX jobs_in_line ON jobs (state, priority, created_s)",
        "CREATE INDEX jobs_of_owner ON jobs (owner, created_s)",
    ),
    ("ALTER TABLE jobs ADD COLUMN warnings TEXT",),
    (
        "ALTER TABLE jobs ADD COLUMN fence INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN published INTEGER",
    ),
    (
        "ALTER TABLE jobs ADD COLUMN link VARCHAR(64)",
        "CREATE INDEX jobs_by_link ON jobs (link)",
    ),
    (TURNS,),
    ("ALTER TABLE jobs ADD COLUMN ending VARCHAR(10)",),
)
"""SQL statements, valid in SQLite and PostgreSQL, that lead from each version to the next.

Entries are added at the end and never changed. Processes of the version before go on during an
upgrade, so a new column is nullable or has a default. It is added to the store's table too.
"""

_schema = sa.table("humantrack_schema", sa.column("version"))
_ADDED = re.compile(r"ALTER TABLE jobs ADD COLUMN (\w+) ")
_INDEXED = re.compile(r"CREATE INDEX (\w+) ON jobs ")
_ELSEWHERE = "or name another one with --data or --database"


def migrate(at: sa.Connection, columns: Iterable[str], where: str) -> None:
    """Create the tables, or upgrade those of an older version, inside the caller's transaction.

    Args:
        at: a connection that holds the lock for writing.
        columns: of ``jobs`` that the store needs.
        where: the database, for errors.

    Raises:
        OutputError: if the database is of a newer humantrack, or not one of job records.
    """
    version = _version(at, where)
    if version > len(MIGRATIONS):
        raise OutputError(
            "the database of jobs is of a newer humantrack",
            where=where,
            hint=f"its schema is version {version}, the newest known here is {len(MIGRATIONS)}: "
            f"upgrade humantrack, {_ELSEWHERE}",
        )
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            if not _is_done(at, statement):
                at.exec_driver_sql(statement)
    if version < len(MIGRATIONS):
        at.exec_driver_sql("CREATE TABLE IF NOT EXISTS humantrack_schema (version INTEGER)")
        at.execute(_schema.delete())
        at.execute(_schema.insert().values(version=len(MIGRATIONS)))
    _check(at, columns, where)


def _is_done(at: sa.Connection, statement: str) -> bool:
    """Whether a column or index is there already: SQLite cannot add only what is missing."""
    there = sa.inspect(at)
    if (column := _ADDED.match(statement)) is not None:
        return column[1] in {c["name"] for c in there.get_columns("jobs")}
    index = _INDEXED.match(statement)
    if index is None or not there.has_table("jobs"):
        return False
    return index[1] in {i["name"] for i in there.get_indexes("jobs")}


def _version(at: sa.Connection, where: str) -> int:
    """Of the schema; 0 of an empty database."""
    there = sa.inspect(at)
    if not there.has_table("humantrack_schema"):
        return int(there.has_table("jobs"))
    rows: list[Any] = list(at.execute(sa.select(_schema)).scalars())
    if len(rows) != 1 or not isinstance(rows[0], int) or rows[0] < 1:
        raise OutputError("the version of the database of jobs cannot be read", where=where)
    return rows[0]


def _check(at: sa.Connection, columns: Iterable[str], where: str) -> None:
    there = sa.inspect(at)
    found = {c["name"] for c in there.get_columns("jobs")} if there.has_table("jobs") else set()
    missing = sorted(set(columns) - found)
    if missing:
        raise OutputError(
            "not a database of jobs, or a damaged one",
            where=where,
            hint=f"its table jobs has no column {missing[0]}: restore a copy, {_ELSEWHERE}",
        )
