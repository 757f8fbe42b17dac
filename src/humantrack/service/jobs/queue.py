"""The queue that wakes workers: one ticket for each queued job, handed out once.

A ticket says that there is work, not which: whoever gets one takes the job that is next by the
store's order. So a ticket that is lost or doubled costs no job and runs none twice. Tickets are
huey's messages in huey's storages (SQLite, Redis, PostgreSQL), but plain bytes: huey's own messages
are pickles, and whoever may write to a shared queue could run code with one.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from humantrack.errors import ConfigError, DependencyError

_TICKET = b"job"
_NAME = "humantrack"
_POLL_S = 0.1


class QueueLostError(Exception):
    """The queue is away; trying again may do."""


class Tickets:
    """The queue's tickets. For one process; threads may share it.

    Args:
        url: redis:// or postgresql://; None for SQLite.
        file: of the SQLite queue.

    Raises:
        ConfigError: for another sort of URL.
        DependencyError: if the package for this queue is missing.
    """

    def __init__(self, url: str | None, file: Path) -> None:
        self._storage = _open(url, file)
        self._waits = url is not None

    def put(self) -> None:
        """Add a ticket.

        Raises:
            QueueLostError: if the queue is away.
        """
        self._try("enqueue", _TICKET)

    def take(self, wait_s: float = 1.0) -> bool:
        """True if there was a ticket, which is gone now; waits a little for one.

        Raises:
            QueueLostError: if the queue is away.
        """
        deadline = time.monotonic() + wait_s
        while self._try("dequeue") is None:
            if time.monotonic() >= deadline:
                return False
            if not self._waits:
                time.sleep(_POLL_S)
        return True

    def count(self) -> int:
        """How many there are.

        Raises:
            QueueLostError: if the queue is away.
        """
        return int(self._try("queue_size"))

    def top_up(self, wanted: int) -> None:
        """Add tickets until there are as many as queued jobs.

        Raises:
            QueueLostError: if the queue is away.
        """
        for _ in range(wanted - self.count()):
            self.put()

    def _try(self, method: str, *arguments: Any) -> Any:
        try:
            return getattr(self._storage, method)(*arguments)
        except Exception as error:
            raise QueueLostError(f"{type(error).__name__}: {error}") from error


def _open(url: str | None, file: Path) -> Any:
    from huey import storage

    if url is None:
        file.parent.mkdir(parents=True, exist_ok=True)
        return storage.SqliteStorage(_NAME, filename=str(file), strict_fifo=True, fsync=False)
    kind = url.partition("://")[0]
    needed = {"redis": "redis", "rediss": "redis", "postgresql": "psycopg"}
    if kind not in needed:
        raise ConfigError(
            "unknown sort of queue",
            where=f"--queue {kind}",
            hint="use redis://HOST:PORT/0 or postgresql://USER@HOST/NAME",
        )
    try:
        __import__(needed[kind])
    except ImportError as error:
        raise DependencyError(
            f"{needed[kind]} is needed for this queue",
            where=f"--queue {kind}",
            hint=f'pip install "humantrack[serve-{kind.removesuffix("s")}]"',
        ) from error
    if kind == "postgresql":
        return storage.PostgresStorage(_NAME, dsn=url, read_timeout=1)
    return storage.RedisStorage(_NAME, url=url, read_timeout=1)
