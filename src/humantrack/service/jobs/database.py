"""The database of jobs: its table, its connections, and what to do while it is away.

SQLite or PostgreSQL. A disk that is full refuses even the change that would make room, so those
changes may take a reserve that lies in the data folder.
"""

from __future__ import annotations

import functools
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlalchemy as sa

from humantrack.atomic import cannot_write
from humantrack.errors import ConfigError, OutputError
from humantrack.service import logs
from humantrack.service.jobs.migrations import migrate

LostError = sa.exc.DBAPIError
"""What the store's methods raise while the database is away or locked; trying again may do."""

CHANNEL = "humantrack_jobs"
"""Of PostgreSQL's NOTIFY: there may be a job to take."""

_BUSY_S = 5.0
_ABSENT = (
    *("refused", "no such file", "unreachable", "timeout", "timed out", "resolve", "translate"),
    *("name or service", "closed the connection", "reset by peer", "lost synchronization"),
    *("starting up", "shutting down", "recovery mode", "too many clients", "connection slots"),
    *("terminating connection", "not yet accepting connections"),
)
"""What is said of a server that is not there, or not yet."""

_LOOK_S, _TELL_S = 0.5, 30.0
table = sa.Table(
    "jobs",
    sa.MetaData(),
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("owner", sa.String(100), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("overrides", sa.Text, nullable=False),
    sa.Column("created_s", sa.Float(53), nullable=False),
    sa.Column("started_s", sa.Float(53)),
    sa.Column("ended_s", sa.Float(53)),
    sa.Column("frames", sa.Integer, nullable=False, default=0),
    sa.Column("frames_total", sa.Integer),
    sa.Column("fps", sa.Float(53)),
    sa.Column("people", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Column("warnings", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("worker", sa.String(100)),
    sa.Column("lease_s", sa.Float(53)),
    sa.Column("fence", sa.Integer, nullable=False, default=0),
    sa.Column("published", sa.Integer),
    sa.Column("cancel", sa.Boolean, nullable=False, default=False),
    sa.Column("version", sa.Integer, nullable=False, default=1),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("idempotency_key", sa.String(200)),
    sa.Column("link", sa.String(64)),
    sa.Column("ending", sa.String(10)),
    sa.UniqueConstraint("owner", "idempotency_key"),
    sa.Index("jobs_in_line", "state", "priority", "created_s"),
    sa.Index("jobs_of_owner", "owner", "created_s"),
    sa.Index("jobs_by_link", "link"),
)

_KINDS = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")

_F = TypeVar("_F", bound=Callable[..., Any])


class Database:
    """Connections to the database. Safe to use from several threads and processes.

    Opening creates the tables, and upgrades those of an older humantrack; a server that is not
    there yet is waited for.

    Args:
        url: SQLAlchemy's, of SQLite or PostgreSQL.
        reserve: a file whose room may be taken when the disk is full.

    Raises:
        OutputError: if the database cannot be opened or is of a newer humantrack.
        ConfigError: if it is neither SQLite nor PostgreSQL.
    """

    def __init__(self, url: str, *, reserve: Path | None = None) -> None:
        self._engine = _engine(url)
        self._reader = self._engine.execution_options(reads_only=True)
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        self._lightly = _engine(url, synchronous="NORMAL") if self._is_sqlite else self._engine
        self._reserve = reserve
        where = sa.make_url(url).render_as_string(hide_password=True)
        try:
            self._open(where)
        except OutputError:
            self.close()
            raise
        except sa.exc.SQLAlchemyError as error:
            self.close()
            why = str(getattr(error, "orig", "")).strip().partition("\n")[0] or None
            raise OutputError("cannot open the database of jobs", where=where, hint=why) from error

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()
        self._lightly.dispose()

    def now_s(self, at: sa.Connection) -> float:
        """The database's clock: those of machines differ."""
        if self._is_sqlite:
            return time.time()
        asked = sa.text("SELECT extract(epoch FROM clock_timestamp())")
        return float(at.execute(asked).scalar_one())

    @property
    def can_notify(self) -> bool:
        """Whether the database tells when a job is queued."""
        return self._engine.dialect.driver == "psycopg"

    def listener(self, channel: str) -> Any:
        """A connection of its own that hears what is told on a channel.

        Raises:
            LostError: if the database is away.
        """
        connection: Any = self._engine.raw_connection()
        connection.detach()
        connection.dbapi_connection.autocommit = True
        connection.dbapi_connection.execute(f"LISTEN {channel}")
        return connection

    def _open(self, where: str) -> None:
        """Make or upgrade the tables, as soon as there is a server and nobody has them locked."""
        told_s = float("-inf")
        while True:
            try:
                with self._engine.begin() as at:
                    if not self._is_sqlite:  # two processes may start at once
                        at.exec_driver_sql("SET LOCAL lock_timeout = 0")
                        at.execute(sa.text("SELECT pg_advisory_xact_lock(4242)"))
                    migrate(at, table.c.keys(), where)
                return
            except LostError as error:
                if not _is_absent(error):
                    raise
                if time.monotonic() - told_s > _TELL_S:
                    told_s = time.monotonic()
                    logs.error("waiting for the database", where=where, error=short(error))
                time.sleep(_LOOK_S)

    def _ring(self, at: sa.Connection) -> None:
        """Wake workers once this transaction is done."""
        if not self._is_sqlite:
            at.exec_driver_sql(f"NOTIFY {CHANNEL}")

    def _take_reserve(self) -> bool:
        """Give the reserve's room to the database; False if it is gone already."""
        try:
            cast("Path", self._reserve).unlink()
        except (OSError, AttributeError):
            return False
        return True


def even_when_full(method: _F) -> _F:
    """Let a change take the reserve if the disk is full: it makes room, or ends what needs it."""

    @functools.wraps(method)
    def call(self: Database, *arguments: Any, **named: Any) -> Any:
        try:
            return method(self, *arguments, **named)
        except sa.exc.OperationalError as error:
            if not (is_full(error) and self._take_reserve()):
                raise
            return method(self, *arguments, **named)

    return cast("_F", call)


def is_full(error: BaseException) -> bool:
    """Whether the database's disk is full."""
    said = str(getattr(error, "orig", error)).lower()
    return "disk is full" in said or "disk i/o error" in said or "no space left" in said


def short(error: BaseException) -> str:
    """The first line of what the database's driver says."""
    return str(getattr(error, "orig", error)).strip().partition("\n")[0][:200]


def _is_absent(error: LostError) -> bool:
    """Nobody answers, or says to come later; not that something is wrong with who asks."""
    said = str(error.orig)
    if isinstance(error.orig, sqlite3.Error):
        return "locked" in said
    return any(words in said.lower() for words in _ABSENT)


def _engine(url: str, synchronous: str = "FULL") -> sa.Engine:
    """Connections to a database.

    Args:
        url: SQLAlchemy's.
        synchronous: SQLite's. With "NORMAL" a change does not wait for the disk, with the file
            locked, and may be gone after a power cut.
    """
    try:
        parsed = sa.make_url(url)
        kind = parsed.drivername
    except sa.exc.ArgumentError:
        raise ConfigError("not the address of a database", where="--database") from None
    if kind not in _KINDS:
        hint = "use postgresql://..., or leave it out for SQLite in the data folder"
        raise ConfigError(f"unknown sort of database: {kind}", where="--database", hint=hint)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(
            parsed,
            connect_args={"options": _patience(), "connect_timeout": 10},
            pool_pre_ping=True,
            pool_size=10,
            max_overflow=40,
        )
    if parsed.database:
        folder = Path(parsed.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(folder, error) from error
    engine = sa.create_engine(
        parsed, connect_args={"timeout": _BUSY_S}, pool_size=10, max_overflow=40
    )
    sa.event.listen(engine, "connect", functools.partial(_set_up, synchronous))
    sa.event.listen(engine, "begin", _begin)
    return engine


def _patience() -> str:
    """So that a process which is suspended inside a transaction does not hold up all others."""
    wait_ms = int(_BUSY_S * 1000)
    return f"-c lock_timeout={wait_ms} -c idle_in_transaction_session_timeout={2 * wait_ms}"


def _set_up(synchronous: str, connection: Any, record: Any) -> None:
    connection.isolation_level = None  # we begin transactions ourselves
    wait = f"busy_timeout={int(_BUSY_S * 1000)}"
    for line in (wait, "journal_mode=WAL", f"synchronous={synchronous}"):
        connection.execute(f"PRAGMA {line}")
    connection.create_function("lower", 1, str.lower)  # SQLite's own knows only ASCII


def _begin(at: sa.Connection) -> None:
    """Take the lock for writing at once: SQLite refuses it to who has read before."""
    reads_only = at.get_execution_options().get("reads_only", False)
    at.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def retrying(call: Callable[[], Any], *, until: Callable[[], bool], wait_s: float = 0.5) -> Any:
    """The result of a call of the store, tried again while the database is away.

    Raises:
        DBAPIError: the last one, when ``until`` says that it is time to give up.
    """
    while True:
        try:
            return call()
        except LostError:
            if until():
                raise
            time.sleep(wait_s)
