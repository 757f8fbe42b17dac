"""The same service on each of its databases, which are its queues: web and workers apart."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from own_servers import Postgres, may_run_postgres
from service_process import Server, until

if os.name != "posix":
    pytest.skip("signals and servers of POSIX systems", allow_module_level=True)


@pytest.fixture(params=["embedded", "postgresql"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Options that choose a queue, and the server behind it, if there is one."""
    one: Any = None
    if request.param == "postgresql":
        pytest.importorskip("psycopg")
        if not may_run_postgres():
            pytest.skip("PostgreSQL is not installed")
        one = Postgres(tmp_path)
    yield one
    if one is not None:
        one.stop()
        one.close()


@pytest.fixture
def start_worker() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts processes of workers alone."""
    running: list[subprocess.Popen[bytes]] = []

    def start(server: Server, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "humantrack.service.cli", "--data", str(server.data)]
        with (server.log.parent / "worker.txt").open("ab") as log:
            running.append(
                subprocess.Popen(
                    [*command, "--role", "worker", *server.options[2:], *options],
                    stdout=log,
                    stderr=log,
                )
            )
        return running[-1]

    yield start
    for process in running:
        process.terminate()
    assert [process.wait(120) for process in running] == [0] * len(running)


def test_jobs_are_taken_by_priority_and_age(
    make_server: Any, queue: Any, start_worker: Any
) -> None:
    server = make_server("--role", "web", *(queue.options if queue else ()))
    wanted = [0, 5, -3, 5, 0]
    ids = [server.submit(data={"priority": str(p)}).json()["id"] for p in wanted]
    start_worker(server)
    jobs = [server.ended(id) for id in ids]
    assert {job["state"] for job in jobs} == {"succeeded"}
    taken = sorted(range(5), key=lambda n: jobs[n]["started_at"])
    assert taken == [1, 3, 0, 4, 2]


def test_a_queue_that_is_lost_and_comes_back_costs_no_job(
    make_server: Any, queue: Any, start_worker: Any
) -> None:
    if queue is None:
        pytest.skip("the embedded queue is a file")
    server = make_server("--role", "web", *queue.options)
    start_worker(server, "--workers", "2")
    ids = [server.submit().json()["id"] for _ in range(4)]
    until(lambda: any(server.job(id)["state"] == "running" for id in ids), "a running job")
    queue.stop()
    until(lambda: server.get("/readyz").status_code == 503, "trouble")
    queue.start()
    until(lambda: server.get("/readyz").status_code == 200, "readiness")
    assert [server.ended(id)["state"] for id in ids] == ["succeeded"] * 4
