"""The schema of the job database: made, upgraded, refused."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from own_servers import Postgres, may_run_postgres

from humantrack.errors import OutputError
from humantrack.service.jobs import store as store_module
from humantrack.service.jobs.job import QUEUED, SUCCEEDED
from humantrack.service.jobs.migrations import MIGRATIONS
from humantrack.service.jobs.store import Store

NEWEST = len(MIGRATIONS)
OF_0_1 = """
CREATE TABLE jobs (
    id VARCHAR(32) NOT NULL, owner VARCHAR(100) NOT NULL, name TEXT NOT NULL, source TEXT NOT NULL,
    state VARCHAR(10) NOT NULL, priority INTEGER NOT NULL, overrides TEXT NOT NULL,
    created_s FLOAT(53) NOT NULL, started_s FLOAT(53), ended_s FLOAT(53),
    frames INTEGER NOT NULL, frames_total INTEGER, fps FLOAT(53), people INTEGER, error TEXT,
    attempts INTEGER NOT NULL, max_attempts INTEGER NOT NULL, worker VARCHAR(100),
    lease_s FLOAT(53), cancel BOOLEAN NOT NULL, version INTEGER NOT NULL,
    digest VARCHAR(64) NOT NULL, idempotency_key VARCHAR(200),
    PRIMARY KEY (id), UNIQUE (owner, idempotency_key)
);
CREATE INDEX jobs_in_line ON jobs (state, priority, created_s);
CREATE INDEX jobs_of_owner ON jobs (owner, created_s);
INSERT INTO jobs VALUES (
    'a', 'anna', 'clip.mp4', '/clip', 'queued', 2, '{"end_frame": 9}', 1.5, NULL, NULL, 0, 30,
    NULL, NULL, NULL, 0, 3, NULL, NULL, FALSE, 1, 'd', 'key');
INSERT INTO jobs VALUES (
    'b', 'anna', 'old.mp4', '/old', 'succeeded', 0, '{}', 1.0, 2.0, 3.0, 30, 30, 12.5, 4,
    NULL, 1, 3, NULL, NULL, FALSE, 7, 'e', NULL);
"""
"""What humantrack 0.1 made, and two of its jobs."""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    pytest.importorskip("psycopg")
    if not may_run_postgres():
        pytest.skip("PostgreSQL is not installed")
    one = Postgres(tmp_path_factory.mktemp("postgres"))
    yield one
    one.stop()
    one.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database that is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.db'}"
    server = request.getfixturevalue("postgres").options[-1]
    plain = sa.make_url(server).set(drivername="postgresql+psycopg")
    name = f"db{abs(hash(str(tmp_path)))}"
    engine = sa.create_engine(plain, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as at:
        at.exec_driver_sql(f"CREATE DATABASE {name}")
    return plain.set(database=name).render_as_string(hide_password=False)


def do(url: str, script: str) -> list[Any]:
    """Run statements; gives the rows of the last."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    rows: list[Any] = []
    with engine.begin() as at:
        for statement in filter(str.strip, script.split(";")):
            done = at.exec_driver_sql(statement)
            rows = list(done.all()) if done.returns_rows else []
    return rows


def schema(url: str) -> Any:
    """Columns, keys and indexes of the jobs table."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    there = sa.inspect(engine)
    columns = {
        c["name"]: (str(c["type"]).split("(")[0], c["nullable"]) for c in there.get_columns("jobs")
    }
    indexes = {i["name"]: i["column_names"] for i in there.get_indexes("jobs")}
    unique = [u["column_names"] for u in there.get_unique_constraints("jobs")]
    key = there.get_pk_constraint("jobs")["constrained_columns"]
    return columns, indexes, unique, key


def tables(url: str) -> dict[str, str]:
    """All there are, with their columns."""
    there = sa.inspect(sa.create_engine(url, poolclass=sa.NullPool))
    return {name: repr(there.get_columns(name)) for name in there.get_table_names()}


def version(url: str) -> int:
    [(found,)] = do(url, "SELECT version FROM humantrack_schema")
    return int(found)


def test_a_database_of_0_1_is_upgraded_and_keeps_its_jobs(url: str) -> None:
    do(url, OF_0_1)
    store = Store(url)
    queued, ended = store.get("a"), store.get("b")
    assert queued is not None and ended is not None
    assert (queued.state, queued.priority, queued.overrides) == (QUEUED, 2, {"end_frame": 9})
    assert (queued.created_s, queued.frames_total, queued.cancel) == (1.5, 30, False)
    assert (ended.state, ended.people, ended.fps, ended.version) == (SUCCEEDED, 4, 12.5, 7)
    assert store.by_key("anna", "key") == queued
    assert version(url) == NEWEST
    claimed = store.claim("w", 10)
    assert claimed is not None and claimed.id == "a"
    assert store.end("a", "w", SUCCEEDED, seen={"frames": 30})
    store.close()
    again = Store(url)
    assert len(again.ended()) == 2
    again.close()


def test_an_upgraded_database_is_like_a_new_one(url: str, tmp_path: Path) -> None:
    do(url, OF_0_1)
    Store(url).close()
    upgraded = schema(url)
    do(url, "DROP TABLE jobs; DROP TABLE humantrack_schema")
    Store(url).close()
    assert schema(url) == upgraded
    assert version(url) == NEWEST


def test_the_database_has_what_the_store_uses(url: str) -> None:
    Store(url).close()
    columns, indexes, unique, key = schema(url)
    for column in store_module._table.columns:
        kind, nullable = columns[column.name]
        assert nullable == column.nullable, column.name
        assert str(column.type).split("(")[0] in (kind, kind.replace("DOUBLE PRECISION", "FLOAT"))
    made = {str(i.name): [c.name for c in i.columns] for i in store_module._table.indexes}
    assert made.items() <= indexes.items()
    assert unique == [["owner", "idempotency_key"]] and key == ["id"]


def test_each_older_version_is_upgraded(url: str) -> None:
    Store(url).close()
    newest = schema(url)
    for old in range(1, NEWEST):
        do(url, "DROP TABLE jobs; DELETE FROM humantrack_schema")
        for statements in MIGRATIONS[:old]:
            for statement in statements:
                do(url, statement)
        do(url, f"INSERT INTO humantrack_schema VALUES ({old})")
        Store(url).close()
        assert (schema(url), version(url)) == (newest, NEWEST)


def test_a_newer_database_is_refused_and_left_alone(url: str) -> None:
    Store(url).close()
    do(url, f"UPDATE humantrack_schema SET version = {NEWEST + 1}")
    before = schema(url)
    with pytest.raises(OutputError) as told:
        Store(url)
    line = str(told.value)
    assert "newer humantrack" in line and f"version {NEWEST + 1}" in line and "\n" not in line
    assert (schema(url), version(url)) == (before, NEWEST + 1)


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE jobs (id INTEGER, title TEXT)",
        "CREATE TABLE humantrack_schema (version INTEGER); "
        f"INSERT INTO humantrack_schema VALUES ({NEWEST})",
        "CREATE TABLE humantrack_schema (version INTEGER)",
        "CREATE TABLE humantrack_schema (version TEXT); "
        "INSERT INTO humantrack_schema VALUES ('new')",
        "CREATE TABLE humantrack_schema (number INTEGER)",
        f"{OF_0_1} ALTER TABLE jobs DROP COLUMN digest",
    ],
)
def test_another_programs_or_a_damaged_database_is_refused_and_left_alone(
    url: str, script: str
) -> None:
    do(url, script)
    before = tables(url)
    with pytest.raises(OutputError) as told:
        Store(url)
    assert "database of jobs" in str(told.value) and "\n" not in str(told.value)
    assert tables(url) == before


def test_what_is_not_a_database_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(OutputError, match=r"cannot open the database of jobs.*not a database"):
        Store(f"sqlite:///{path}")


def test_an_upgrade_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    do(url, OF_0_1)
    before = schema(url)
    broken = ("ALTER TABLE jobs ADD COLUMN good TEXT", "ALTER TABLE nobody RENAME TO x")
    monkeypatch.setattr("humantrack.service.jobs.migrations.MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(OutputError, match="No such table: nobody"):
        Store(url)
    names = {name for (name,) in do(url, "SELECT name FROM sqlite_master")}
    assert schema(url) == before and "humantrack_schema" not in names


def open_together(url: str, start: Any, told: Any) -> None:
    start.wait()
    try:
        store = Store(url)
        told.put(len(store.ids()))
    except OutputError as error:
        told.put(str(error))


def test_processes_that_open_it_together_upgrade_it_once(url: str) -> None:
    do(url, OF_0_1)
    context = multiprocessing.get_context("spawn")
    start, told = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=open_together, args=(url, start, told), daemon=True)
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    answers = [told.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    assert answers == [2, 2] and version(url) == NEWEST
