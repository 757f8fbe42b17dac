"""The same service on each of its queues and databases: web and workers apart."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from service_process import Server, until

if os.name != "posix":
    pytest.skip("signals and servers of POSIX systems", allow_module_level=True)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Redis:
    """A redis-server of our own."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, _free_port()
        self.options = ("--queue", f"redis://127.0.0.1:{self.port}/0")
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--dir", str(self._folder)]
        command += ["--save", "", "--appendonly", "yes", "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(lambda: _answers(self.port), "Redis")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)


class Postgres:
    """A PostgreSQL of our own, for the queue and for the job records."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self._data = Path("/tmp") / f"humantrack-pg-{os.getpid()}-{self.port}"  # its user's own
        self._bin = _postgres_bin()
        url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self.options = ("--queue", url, "--database", url)
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self._data, "postgres")
        init = [str(self._bin / "initdb"), "-D", str(self._data / "db")]
        init += ["-U", "postgres", "-A", "trust"]
        subprocess.run(_as_postgres(init), check=True, capture_output=True, cwd="/")
        self.start()

    def start(self) -> None:
        command = [str(self._bin / "postgres"), "-D", str(self._data / "db"), "-p", str(self.port)]
        command += ["-h", "127.0.0.1", "-k", str(self._data)]
        self._process = subprocess.Popen(
            _as_postgres(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
        )
        until(lambda: _answers(self.port), "PostgreSQL")

    def stop(self) -> None:
        pid = int((self._data / "db" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGINT)
        self._process.wait(60)

    def close(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _postgres_bin() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else Path("/nowhere")


def _as_postgres(command: list[str]) -> list[str]:
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


def _may_run_postgres() -> bool:
    if not _postgres_bin().is_dir():
        return False
    known = subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode == 0
    return os.geteuid() != 0 or known


@pytest.fixture(params=["embedded", "redis", "postgresql"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Options that choose a queue, and the server behind it, if there is one."""
    one: Any = None
    if request.param == "redis":
        pytest.importorskip("redis")
        if shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed")
        one = Redis(tmp_path)
    elif request.param == "postgresql":
        pytest.importorskip("psycopg")
        if not _may_run_postgres():
            pytest.skip("PostgreSQL is not installed")
        one = Postgres(tmp_path)
    yield one
    if one is not None:
        one.stop()
        getattr(one, "close", lambda: None)()


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
