"""The job records, in SQLite or PostgreSQL: what is so is written here, the queue only wakes.

Every change of state is one UPDATE that names the state it expects, so that of two processes which
try it one succeeds. A running job is its worker's as long as the lease is renewed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from humantrack.errors import OutputError
from humantrack.service.jobs.job import (
    CANCELLED,
    ENDED,
    FAILED,
    QUEUED,
    RUNNING,
    STATES,
    Error,
    Job,
)
from humantrack.service.jobs.migrations import migrate

LostError = sa.exc.DBAPIError
"""What the store's methods raise while the database is away or locked; trying again may do."""

_BUSY_S = 5.0
_table = sa.Table(
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
    sa.Column("cancel", sa.Boolean, nullable=False, default=False),
    sa.Column("version", sa.Integer, nullable=False, default=1),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("idempotency_key", sa.String(200)),
    sa.UniqueConstraint("owner", "idempotency_key"),
    sa.Index("jobs_in_line", "state", "priority", "created_s"),
    sa.Index("jobs_of_owner", "owner", "created_s"),
)
_c = _table.c


class Store:
    """All jobs. Safe to use from several threads and processes.

    Opening creates the tables, and upgrades those of an older humantrack.

    Args:
        url: SQLAlchemy's, of SQLite or PostgreSQL.

    Raises:
        OutputError: if the database cannot be opened or is of a newer humantrack.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._reader = self._engine.execution_options(reads_only=True)
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        where = sa.make_url(url).render_as_string(hide_password=True)
        try:
            with self._engine.begin() as at:
                if not self._is_sqlite:  # two processes may start at once
                    at.execute(sa.text("SELECT pg_advisory_xact_lock(4242)"))
                migrate(at, _c.keys(), where)
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

    def now_s(self, at: sa.Connection) -> float:
        """The database's clock: those of machines differ."""
        if self._is_sqlite:
            return time.time()
        asked = sa.text("SELECT extract(epoch FROM clock_timestamp())")
        return float(at.execute(asked).scalar_one())

    # -- clients --------------------------------------------------------------------------------

    def add(
        self,
        *,
        id: str,
        owner: str,
        name: str,
        source: str,
        priority: int,
        overrides: Mapping[str, Any],
        frames_total: int | None,
        max_attempts: int,
        digest: str,
        idempotency_key: str | None,
    ) -> tuple[Job, bool]:
        """Queue a job; with a key that this owner has used, the job of that time.

        Returns:
            The job, and whether it is new.
        """
        values: dict[str, Any] = {
            **{"id": id, "owner": owner, "name": name, "source": source, "state": QUEUED},
            **{"priority": priority, "overrides": json.dumps(dict(overrides))},
            **{"frames_total": frames_total, "max_attempts": max_attempts, "digest": digest},
            "idempotency_key": idempotency_key,
        }
        try:
            with self._engine.begin() as at:
                insert = _table.insert().values(**values, created_s=self.now_s(at))
                return _job(at.execute(insert.returning(_table)).one()), True
        except sa.exc.IntegrityError:
            found = None if idempotency_key is None else self.by_key(owner, idempotency_key)
            if found is None:
                raise
            return found, False

    def by_key(self, owner: str, idempotency_key: str) -> Job | None:
        """The job that an owner queued with this key."""
        return self._first(_c.owner == owner, _c.idempotency_key == idempotency_key)

    def get(self, id: str) -> Job | None:
        """One job, or None."""
        return self._first(_c.id == id)

    def page(
        self, owner: str, state: str | None = None, *, start: int = 0, count: int = 50
    ) -> tuple[list[Job], int]:
        """Some of an owner's jobs, newest first, and how many there are."""
        which = [_c.owner == owner, *([] if state is None else [_c.state == state])]
        order = (_c.created_s.desc(), _c.id)
        with self._reader.connect() as at:
            total = at.execute(sa.select(sa.func.count()).where(*which)).scalar_one()
            rows = at.execute(
                sa.select(_table).where(*which).order_by(*order).offset(start).limit(count)
            )
            return [_job(row) for row in rows], total

    def versions(self, ids: Sequence[str]) -> dict[str, int]:
        """The version of each of these jobs that is there."""
        with self._reader.connect() as at:
            rows = at.execute(sa.select(_c.id, _c.version).where(_c.id.in_(ids)))
            return {row.id: row.version for row in rows}

    def unfinished(self, owner: str) -> int:
        """How many of an owner's jobs are queued or running."""
        which = (_c.owner == owner, _c.state.in_((QUEUED, RUNNING)))
        with self._reader.connect() as at:
            return int(at.execute(sa.select(sa.func.count()).where(*which)).scalar_one())

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state."""
        asked = sa.select(_c.state, sa.func.count().label("n")).group_by(_c.state)
        with self._reader.connect() as at:
            return {**dict.fromkeys(STATES, 0), **{r.state: r.n for r in at.execute(asked)}}

    def cancel(self, id: str) -> None:
        """Cancel a queued job at once; ask a running one to stop; leave an ended one alone."""
        with self._engine.begin() as at:
            ended = {"state": CANCELLED, "ended_s": self.now_s(at)}
            if not _change(at, ended, _c.id == id, _c.state == QUEUED):
                _change(at, {"cancel": True}, _c.id == id, _c.state == RUNNING)

    def retry(self, id: str) -> bool:
        """Queue a failed or cancelled job again, with all its attempts; False if it is neither."""
        again = {
            **{"state": QUEUED, "attempts": 0, "cancel": False, "error": None, "worker": None},
            **{"started_s": None, "ended_s": None, "frames": 0, "fps": None, "people": None},
            "warnings": None,
        }
        with self._engine.begin() as at:
            return _change(at, again, _c.id == id, _c.state.in_((FAILED, CANCELLED)))

    def remove(self, id: str) -> bool:
        """Forget an ended job; False if it has not ended."""
        with self._engine.begin() as at:
            gone = at.execute(_table.delete().where(_c.id == id, _c.state.in_(ENDED)))
            return gone.rowcount == 1

    # -- workers --------------------------------------------------------------------------------

    def claim(self, worker: str, lease_s: float) -> Job | None:
        """The queued job that is next by priority and age, now this worker's; None if none is."""
        first = (
            sa.select(_c.id)
            .where(_c.state == QUEUED)
            .order_by(_c.priority.desc(), _c.created_s, _c.id)
            .limit(1)
        )
        if not self._is_sqlite:
            first = first.with_for_update(skip_locked=True)
        with self._engine.begin() as at:
            now = self.now_s(at)
            values = {
                **{"state": RUNNING, "worker": worker, "lease_s": now + lease_s, "cancel": False},
                **{"attempts": _c.attempts + 1, "started_s": now, "version": _c.version + 1},
            }
            update = _table.update().where(_c.id == first.scalar_subquery(), _c.state == QUEUED)
            row = at.execute(update.values(**values).returning(_table)).first()
        return None if row is None else _job(row)

    def renew(self, id: str, worker: str, lease_s: float, seen: Mapping[str, Any]) -> bool | None:
        """Renew a lease and write down the progress.

        Returns:
            Whether the job is to be cancelled; None if it is this worker's no more.
        """
        mine = (_c.id == id, _c.worker == worker, _c.state == RUNNING)
        with self._engine.begin() as at:
            values = {**_columns(seen), "lease_s": self.now_s(at) + lease_s}
            if seen:
                values["version"] = _c.version + 1
            update = _table.update().where(*mine).values(**values).returning(_c.cancel)
            row = at.execute(update).first()
        return None if row is None else bool(row.cancel)

    def end(
        self,
        id: str,
        worker: str,
        state: str,
        *,
        error: Error | None = None,
        seen: Mapping[str, Any] | None = None,
    ) -> bool:
        """Write down how a worker's job ended; False if it is that worker's no more."""
        with self._engine.begin() as at:
            values = {
                **_columns(seen or {}),
                **{"state": state, "ended_s": self.now_s(at), "error": _error_text(error)},
                **{"worker": None, "lease_s": None},
            }
            return _change(at, values, _c.id == id, _c.worker == worker, _c.state == RUNNING)

    def hand_back(self, id: str, worker: str) -> bool:
        """Queue a job again that its worker cannot resume; it counts as no attempt."""
        values = {
            **{"state": QUEUED, "worker": None, "lease_s": None},
            "attempts": _c.attempts - 1,
        }
        with self._engine.begin() as at:
            mine = (_c.id == id, _c.worker == worker, _c.state == RUNNING)
            return _change(at, values, *mine)

    def give_up_on(self, worker: str) -> None:
        """End the leases of a worker that is known to be dead."""
        with self._engine.begin() as at:
            mine = (_c.worker == worker, _c.state == RUNNING)
            at.execute(_table.update().where(*mine).values(lease_s=0.0))

    def take_back(self) -> list[str]:
        """Queue again, or fail or cancel, the jobs whose lease has run out; gives those queued."""
        queued = []
        with self._engine.begin() as at:
            now = self.now_s(at)
            lost = (_c.state == RUNNING, _c.lease_s < now)
            for row in at.execute(sa.select(_table).where(*lost)).all():
                job = _job(row)
                values: dict[str, Any] = {"worker": None, "lease_s": None}
                if job.cancel:
                    values |= {"state": CANCELLED, "ended_s": now}
                elif job.attempts >= job.max_attempts:
                    what = f"its worker died, {job.attempts} times out of {job.max_attempts}"
                    error = Error(code="WorkerLostError", exit_code=70, detail=what)
                    values |= {"state": FAILED, "ended_s": now, "error": _error_text(error)}
                else:
                    values |= {"state": QUEUED}
                same = (_c.id == job.id, *lost, _c.version == job.version)
                if _change(at, values, *same) and values["state"] == QUEUED:
                    queued.append(job.id)
        return queued

    def ended(self) -> list[Job]:
        """All jobs that have ended, newest first."""
        which = sa.select(_table).where(_c.state.in_(ENDED)).order_by(_c.ended_s.desc())
        with self._reader.connect() as at:
            return [_job(row) for row in at.execute(which)]

    def ids(self) -> set[str]:
        """Of all jobs."""
        with self._reader.connect() as at:
            return set(at.execute(sa.select(_c.id)).scalars())

    def _first(self, *which: Any) -> Job | None:
        with self._reader.connect() as at:
            row = at.execute(sa.select(_table).where(*which)).first()
        return None if row is None else _job(row)


def _change(at: sa.Connection, values: Mapping[str, Any], *which: Any) -> bool:
    update = _table.update().where(*which).values(**values, version=_c.version + 1)
    return at.execute(update).rowcount == 1


def _job(row: Any) -> Job:
    names = [c.name for c in _table.columns if c.name not in ("lease_s", "idempotency_key")]
    values = {name: getattr(row, name) for name in names}
    values["overrides"] = json.loads(values["overrides"])
    values["warnings"] = tuple(json.loads(values["warnings"] or "[]"))
    values["error"] = None if values["error"] is None else Error(**json.loads(values["error"]))
    return Job(**values)


def _columns(seen: Mapping[str, Any]) -> dict[str, Any]:
    """What a worker has seen, as the table holds it."""
    lines = seen.get("warnings")
    return {**seen, **({"warnings": json.dumps(list(lines))} if lines is not None else {})}


def _error_text(error: Error | None) -> str | None:
    if error is None:
        return None
    return json.dumps({"code": error.code, "exit_code": error.exit_code, "detail": error.detail})


def _engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=40)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        parsed, connect_args={"timeout": _BUSY_S}, pool_size=10, max_overflow=40
    )
    sa.event.listen(engine, "connect", _set_up)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # we begin transactions ourselves
    for line in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={int(_BUSY_S * 1000)}"):
        connection.execute(f"PRAGMA {line}")


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
