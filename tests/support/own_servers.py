"""A PostgreSQL of our own for the tests, where it is installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from service_process import until


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Postgres:
    """A PostgreSQL of our own, for the jobs."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self._data = Path("/tmp") / f"humantrack-pg-{os.getpid()}-{self.port}"  # its user's own
        self._bin = _postgres_bin()
        url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self.options = ("--database", url)
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self._data, "postgres")
        init = [str(self._bin / "initdb"), "-D", str(self._data / "db")]
        init += ["-U", "postgres", "-A", "trust"]
        subprocess.run(_as_postgres(init), check=True, capture_output=True, cwd="/")
        self.start()

    def start(self) -> None:
        command = [str(self._bin / "postgres"), "-D", str(self._data / "db"), "-p", str(self.port)]
        command += ["-h", "127.0.0.1", "-k", str(self._data), "-c", "fsync=off"]
        self._process = subprocess.Popen(
            _as_postgres(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
        )
        until(lambda: _lets_in(self.port), "PostgreSQL")

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


def _lets_in(port: int) -> bool:
    """Whether PostgreSQL has started up: it answers before, to say that it has not."""
    import psycopg

    try:
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _postgres_bin() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else Path("/nowhere")


def _as_postgres(command: list[str]) -> list[str]:
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


def may_run_postgres() -> bool:
    """Whether PostgreSQL is installed, and its user is there if we are root."""
    if not _postgres_bin().is_dir():
        return False
    known = subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode == 0
    return os.geteuid() != 0 or known
