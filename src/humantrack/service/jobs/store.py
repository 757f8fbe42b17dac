"""The job records: what is so is written here, and what is queued here is the queue.

Every change of state is one UPDATE that names the state it expects, so that of two processes which
try it one succeeds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from humantrack.service.jobs import catalog
from humantrack.service.jobs.database import LostError, even_when_full, retrying
from humantrack.service.jobs.database import table as _table
from humantrack.service.jobs.job import (
    CANCELLED,
    DISCARD,
    ENDED,
    FAILED,
    KEEP,
    QUEUED,
    RUNNING,
    STATES,
    Job,
)
from humantrack.service.jobs.leases import Leases, as_job, change

__all__ = ["LostError", "Store", "retrying"]
_c = _table.c


class Store(Leases):
    """All jobs. Safe to use from several threads and processes.

    Opening creates the tables, and upgrades those of an older humantrack; a server that is not
    there yet is waited for.

    Args:
        url: SQLAlchemy's, of SQLite or PostgreSQL.
        reserve: a file whose room may be taken when the disk is full.

    Raises:
        OutputError: if the database cannot be opened or is of a newer humantrack.
    """

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
                self._ring(at)
                insert = _table.insert().values(**values, created_s=self.now_s(at))
                return as_job(at.execute(insert.returning(_table)).one()), True
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

    def page(self, owner: str, state: str | None = None, **how: Any) -> tuple[list[Job], int]:
        """Some of an owner's jobs, and how many there are; arguments as for ``catalog.page``."""
        with self._reader.connect() as at:
            rows, total = catalog.page(at, _table, owner, state, **how)
            return [as_job(row) for row in rows], total

    def by_link(self, link: str) -> Job | None:
        """The job that a read-only link names."""
        return self._first(_c.link == link)

    def alter(self, id: str, **values: str | None) -> None:
        """Give a job another ``name``, or another ``link`` (None: it has none)."""
        with self._engine.begin() as at:
            change(at, values, _c.id == id)

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

    @even_when_full
    def cancel(self, id: str) -> None:
        """Cancel a queued job at once; ask a running one to stop; leave an ended one alone."""
        with self._engine.begin() as at:
            ended = {"state": CANCELLED, "ended_s": self.now_s(at)}
            if not change(at, ended, _c.id == id, _c.state == QUEUED):
                asked = {"cancel": True, "ending": None}
                change(at, asked, _c.id == id, _c.state == RUNNING)

    @even_when_full
    def stop(self, id: str, ending: str) -> bool:
        """Ask a live job to end, and say what becomes of it; a queued one is cancelled.

        Returns:
            False if it has ended, or is being cancelled and is to be kept now.
        """
        which = [_c.id == id, _c.state == RUNNING]
        if ending == KEEP:
            which.append(sa.or_(_c.cancel.is_(False), _c.ending == KEEP))
        with self._engine.begin() as at:
            over = {"state": CANCELLED, "ended_s": self.now_s(at)}
            over["ending"] = DISCARD if ending == DISCARD else None
            if change(at, over, _c.id == id, _c.state == QUEUED):
                return True
            return change(at, {"cancel": True, "ending": ending}, *which)

    def discarded(self) -> list[str]:
        """Ids of live jobs that have ended and are not to be kept."""
        which = (_c.ending == DISCARD, _c.state.in_(ENDED))
        with self._reader.connect() as at:
            return list(at.execute(sa.select(_c.id).where(*which)).scalars())

    def retry(self, id: str) -> bool:
        """Queue a failed or cancelled job again, with all its attempts; False if it is neither."""
        again = {
            **{"state": QUEUED, "attempts": 0, "cancel": False, "error": None, "worker": None},
            **{"started_s": None, "ended_s": None, "frames": 0, "fps": None, "people": None},
            **{"warnings": None, "published": None, "ending": None},
        }
        with self._engine.begin() as at:
            self._ring(at)
            return change(at, again, _c.id == id, _c.state.in_((FAILED, CANCELLED)))

    @even_when_full
    def remove(self, id: str) -> bool:
        """Forget an ended job; False if it has not ended."""
        with self._engine.begin() as at:
            gone = at.execute(_table.delete().where(_c.id == id, _c.state.in_(ENDED)))
            return gone.rowcount == 1

    def ended(self) -> list[Job]:
        """All jobs that have ended, newest first."""
        which = sa.select(_table).where(_c.state.in_(ENDED)).order_by(_c.ended_s.desc())
        with self._reader.connect() as at:
            return [as_job(row) for row in at.execute(which)]

    def ids(self) -> set[str]:
        """Of all jobs."""
        with self._reader.connect() as at:
            return set(at.execute(sa.select(_c.id)).scalars())

    def _first(self, *which: Any) -> Job | None:
        with self._reader.connect() as at:
            row = at.execute(sa.select(_table).where(*which)).first()
        return None if row is None else as_job(row)
