"""Claiming jobs and holding them.

A running job is its worker's as long as the lease is renewed. Every claim gives the job a new
``fence``, a number that grows: what a worker writes down names the fence it was given, and so
changes nothing once another worker has the job.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from humantrack.service.jobs.database import Database, even_when_full
from humantrack.service.jobs.database import table as _table
from humantrack.service.jobs.fairness import choose_alone, next_in_line, served
from humantrack.service.jobs.job import (
    CANCELLED,
    FAILED,
    LIVE,
    QUEUED,
    RUNNING,
    Error,
    Job,
)

_c = _table.c
_NOBODYS: Mapping[str, Any] = {"worker": None, "lease_s": None}


class Leases(Database):
    """What workers do with jobs."""

    def claim(
        self,
        worker: str,
        lease_s: float,
        most_running: int = 0,
        live: Iterable[str] | None = None,
    ) -> Job | None:
        """The queued job that is next, now this worker's; None if there is none.

        Args:
            worker: its name.
            lease_s: how long it is its without being renewed.
            most_running: jobs of one owner that may run at once; 0 = no limit.
            live: the live sources that it can read; None = any.
        """
        sources = None if live is None else [LIVE + name for name in live]
        following = next_in_line(_table, most_running, sources)
        with self._reader.connect() as at:
            if at.execute(following).first() is None:
                return None  # so that who waits for work takes no lock for writing
        with self._engine.begin() as at:
            choose_alone(at)
            id = at.execute(following).scalar()
            now = self.now_s(at)
            values = {
                **{"state": RUNNING, "worker": worker, "lease_s": now + lease_s, "cancel": False},
                **{"attempts": _c.attempts + 1, "fence": _c.fence + 1, "started_s": now},
                "version": _c.version + 1,
            }
            update = _table.update().where(_c.id == id, _c.state == QUEUED)
            row = at.execute(update.values(**values).returning(_table)).first()
            if row is not None:
                served(at, row.owner, now)
        return None if row is None else as_job(row)

    def renew(
        self,
        id: str,
        worker: str,
        lease_s: float,
        seen: Mapping[str, Any],
        *,
        fence: int | None = None,
    ) -> bool | None:
        """Renew a lease and write down the progress.

        Returns:
            Whether the job is to be cancelled; None if it is this worker's no more.
        """
        with self._lightly.begin() as at:  # often, and not worth a wait
            values = {**_columns(seen), "lease_s": self.now_s(at) + lease_s}
            if seen:
                values["version"] = _c.version + 1
            update = _table.update().where(*_held(id, worker, fence)).values(**values)
            row = at.execute(update.returning(_c.cancel)).first()
        return None if row is None else bool(row.cancel)

    @even_when_full
    def publish(self, id: str, worker: str, fence: int, seen: Mapping[str, Any]) -> bool:
        """Decide that this attempt's files are the job's; False if it is that worker's no more.

        Whoever has the job from now on has but to put them in their place, which may be done
        twice.
        """
        with self._engine.begin() as at:
            mine = _held(id, worker, fence)
            values = {**_columns(seen), "published": fence}
            return change(at, values, *mine, _c.published.is_(None))

    @even_when_full
    def end(
        self,
        id: str,
        worker: str,
        state: str,
        *,
        error: Error | None = None,
        seen: Mapping[str, Any] | None = None,
        fence: int | None = None,
    ) -> bool:
        """Write down how a worker's job ended; False if it is that worker's no more."""
        with self._engine.begin() as at:
            values = {
                **_columns(seen or {}),
                **{"state": state, "ended_s": self.now_s(at), "error": _error_text(error)},
                **_NOBODYS,
            }
            self._ring(at)  # others of its owner may be waiting for it
            return change(at, values, *_held(id, worker, fence))

    @even_when_full
    def hand_back(self, id: str, worker: str, *, fence: int | None = None) -> bool:
        """Queue a job again that its worker cannot go on with; it counts as no attempt."""
        values = {"state": QUEUED, **_NOBODYS, "attempts": _c.attempts - 1}
        with self._engine.begin() as at:
            self._ring(at)
            return change(at, values, *_held(id, worker, fence))

    def forgive(self, id: str, fence: int) -> None:
        """Count an attempt no more whose worker was only silent, and lost its lease."""
        with self._engine.begin() as at:
            which = (_c.id == id, _c.fence >= fence, _c.state.in_((QUEUED, RUNNING)))
            change(at, {"attempts": _c.attempts - 1}, *which, _c.attempts > 0)

    def give_up_on(self, worker: str) -> None:
        """End the leases of a worker that is known to be dead."""
        with self._engine.begin() as at:
            mine = (_c.worker == worker, _c.state == RUNNING)
            at.execute(_table.update().where(*mine).values(lease_s=0.0))

    def take_back(self) -> list[str]:
        """Queue again, or fail or cancel, the jobs whose lease has run out; gives those queued."""
        queued = []
        with self._reader.connect() as at:
            lost = (_c.state == RUNNING, _c.lease_s < self.now_s(at))
            if at.execute(sa.select(_c.id).where(*lost).limit(1)).first() is None:
                return []
        with self._engine.begin() as at:
            now = self.now_s(at)
            lost = (_c.state == RUNNING, _c.lease_s < now)
            for row in at.execute(sa.select(_table).where(*lost)).all():
                job = as_job(row)
                values = {**_NOBODYS, **_after_loss(job, now)}
                same = (_c.id == job.id, *lost, _c.version == job.version)
                if change(at, values, *same) and values["state"] == QUEUED:
                    queued.append(job.id)
            if queued:
                self._ring(at)
        return queued


def _after_loss(job: Job, now: float) -> dict[str, Any]:
    """What becomes of a running job whose worker is gone."""
    if job.published is not None:  # done; its files are only to be put in their place
        return {"state": QUEUED, "attempts": job.attempts - 1}
    if not job.is_kept:
        return {"state": CANCELLED, "ended_s": now}
    if job.live is not None:  # nothing can be recorded a second time
        what = "its worker died, and a recording cannot be gone on with"
        if job.frames:
            what += f"; the {job.frames} frames that were recorded until then are kept"
        error = Error(code="WorkerLostError", exit_code=70, detail=what)
        return {"state": FAILED, "ended_s": now, "error": _error_text(error)}
    if job.attempts < job.max_attempts:
        return {"state": QUEUED}
    what = f"its worker died, {job.attempts} times out of {job.max_attempts}"
    error = Error(code="WorkerLostError", exit_code=70, detail=what)
    return {"state": FAILED, "ended_s": now, "error": _error_text(error)}


def _held(id: str, worker: str, fence: int | None) -> tuple[Any, ...]:
    """That a job is a worker's."""
    mine = (_c.id == id, _c.worker == worker, _c.state == RUNNING)
    return mine if fence is None else (*mine, _c.fence == fence)


def change(at: sa.Connection, values: Mapping[str, Any], *which: Any) -> bool:
    """Change the one job that fits; False if none does."""
    update = _table.update().where(*which).values(**values, version=_c.version + 1)
    return at.execute(update).rowcount == 1


def as_job(row: Any) -> Job:
    """A row of the table."""
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
