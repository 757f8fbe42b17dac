"""PostgreSQL as database and queue: first starts, waiting, locks, news; and a suspended worker."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from own_servers import Postgres, may_run_postgres
from service_process import WAIT_S, until

from humantrack.errors import OutputError
from humantrack.service.jobs.job import QUEUED
from humantrack.service.jobs.queue import Bell
from humantrack.service.jobs.store import LostError, Store
from humantrack.service.settings import Settings

ID = "a" * 32


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    pytest.importorskip("psycopg")
    if not may_run_postgres():
        pytest.skip("PostgreSQL is not installed")
    one = Postgres(tmp_path)
    yield one
    one.stop()
    one.close()


def test_many_processes_may_start_at_once_before_the_database_does(
    postgres: Postgres, tmp_path: Path
) -> None:
    postgres.stop()
    program = (
        "import sys; from humantrack.service.jobs.store import Store\n"
        "store = Store(sys.argv[1]); print(sum(store.counts().values())); store.close()"
    )
    url = Settings(data=tmp_path, store=postgres.options[-1]).store_url
    log = tmp_path / "log"
    with log.open("wb") as errors:
        several = [
            subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", program, url],
                stdout=subprocess.PIPE,
                stderr=errors,
            )
            for _ in range(4)
        ]
        until(lambda: log.read_text().count("waiting for the database") >= 4, "the waiting")
        postgres.start()
        said = [one.communicate(timeout=WAIT_S)[0].strip() for one in several]
    assert said == [b"0"] * 4 and "Traceback" not in log.read_text()


def test_a_database_that_refuses_is_not_waited_for(postgres: Postgres, tmp_path: Path) -> None:
    url = Settings(data=tmp_path, store=postgres.options[-1]).store_url
    for wrong in (url.replace("/postgres", "/nothing"), url.replace("//postgres", "//nobody")):
        with pytest.raises(OutputError, match="cannot open the database of jobs"):
            Store(wrong)


def test_a_suspended_transaction_does_not_hold_up_the_others(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("humantrack.service.jobs.database._BUSY_S", 0.5)
    url = Settings(data=tmp_path, store=postgres.options[-1]).store_url
    store = Store(url)
    store.add(
        **{"id": ID, "owner": "anna", "name": "c", "source": "clip", "priority": 0},
        **{"overrides": {}, "frames_total": 1, "max_attempts": 2, "digest": "d"},
        idempotency_key=None,
    )
    assert store.claim("w", 60) is not None
    silent = store._engine.connect()
    silent.exec_driver_sql("UPDATE jobs SET frames = 5")  # and is suspended
    until(lambda: _taken(store), "the job")
    with pytest.raises(LostError):
        silent.exec_driver_sql("SELECT 1")
    silent.close()
    job = store.get(ID)
    assert job is not None and (job.frames, job.state) == (0, QUEUED)
    store.close()


def _taken(store: Store) -> bool:
    try:
        store.give_up_on("w")
        return store.take_back() == [ID]
    except LostError:
        return False


def test_a_job_wakes_a_worker_at_once(postgres: Postgres, tmp_path: Path) -> None:
    store = Store(Settings(data=tmp_path, store=postgres.options[-1]).store_url)
    bell = Bell(store, threading.Event())
    bell.wait()  # which only begins to listen
    store.add(
        **{"id": ID, "owner": "anna", "name": "c", "source": "clip", "priority": 0},
        **{"overrides": {}, "frames_total": 1, "max_attempts": 2, "digest": "d"},
        idempotency_key=None,
    )
    told = list(bell._line.dbapi_connection.notifies(timeout=WAIT_S, stop_after=1))
    assert [one.channel for one in told] == ["humantrack_jobs"]
    postgres.stop()
    bell.wait()  # says nothing; whoever claims is told
    assert bell._line is None
    postgres.start()
    bell.close()
    store.close()


@pytest.mark.slow
def test_a_suspended_worker_of_a_real_server_spoils_nothing(make_server: Any) -> None:
    server = make_server("--workers", "2", "--lease", "5s")
    id = server.submit(overrides={"render.enable": False, "end_frame": 40}).json()["id"]
    until(lambda: server.job(id)["frames"] > 0, "the first frame")
    first = until(lambda: [x for x in server.lines() if x.get("event") == "job begun"], "a worker")
    pids = {x["worker"]: x["pid"] for x in server.lines() if x.get("event") == "worker started"}
    asleep = pids[first[0]["worker"]]
    while True:
        os.kill(asleep, signal.SIGSTOP)
        if _may_write(server.data / "jobs.db"):
            break
        os.kill(asleep, signal.SIGCONT)  # SQLite's file is locked as long as it sleeps there
    try:
        until(lambda: _begun(server) == 2, "the other worker")
    finally:
        os.kill(asleep, signal.SIGCONT)
    job = server.ended(id)
    assert (job["state"], job["frames"]) == ("succeeded", job["frames_total"])
    ends = until(lambda: len(_ends(server)) > 1 and _ends(server), "the end of both")
    assert ends.count("succeeded") == 1 and set(ends) == {"lost", "succeeded"}
    found = server.get(f"/api/jobs/{id}/files/results.json").json()
    assert len(found["frames"]) == job["frames"]
    assert not (server.data / "jobs" / id / "attempts").exists()


def _may_write(database: Path) -> bool:
    with contextlib.closing(sqlite3.connect(database, 2, isolation_level=None)) as one:
        try:
            one.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        one.execute("ROLLBACK")
    return True


def _begun(server: Any) -> int:
    return sum(line.get("event") == "job begun" for line in server.lines())


def _ends(server: Any) -> list[str]:
    return sorted(x["state"] for x in server.lines() if x.get("event") == "job ended")
