"""A real server process, spoken to over real HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

CLIP = Path(__file__).parents[1] / "data" / "demo_small.mp4"
SHORT = {"end_frame": 12, "render.enable": False}
"""Overrides of a job that takes a second."""

WAIT_S = 180.0
"""Deadline of everything that is waited for; nothing takes nearly so long on an idle machine."""


def until(true: Callable[[], Any], what: str, wait_s: float = WAIT_S) -> Any:
    """What ``true`` gives, as soon as it is something."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        found = true()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


class Server:
    """A ``humantrack-serve`` process in a folder of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.data, self.log = folder / "data", folder / "log.txt"
        self.options = options
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.token: str | None = None

    def start(self) -> Server:
        """Start it, on the port it had before if it had one, and wait until it answers."""
        done = len(self.lines())
        command = [sys.executable, "-m", "humantrack.service.cli", "--data", str(self.data)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port), *self.options], stdout=log, stderr=log
            )

        def serving() -> dict[str, Any] | None:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            return next((x for x in self.lines()[done:] if x.get("event") == "serving"), None)

        line = until(serving, "the server")
        self.port = int(line["url"].rstrip("/").rpartition(":")[2])
        return self

    def lines(self) -> list[dict[str, Any]]:
        """The log."""
        found = []
        for line in self.log.read_text().splitlines() if self.log.exists() else []:
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found

    def worker_pids(self) -> list[int]:
        """Of all workers that were ever started, the last one last."""
        return [x["pid"] for x in self.lines() if x.get("event") == "worker started"]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal it, and its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)

    def request(self, method: str, path: str, **named: Any) -> Any:
        headers = dict(named.pop("headers", {}))
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        url = f"http://127.0.0.1:{self.port}{path}"
        return requests.request(method, url, headers=headers, timeout=WAIT_S, **named)

    def get(self, path: str, **named: Any) -> Any:
        return self.request("GET", path, **named)

    def submit(
        self, clip: Path = CLIP, overrides: dict[str, Any] | None = None, **named: Any
    ) -> Any:
        """The answer to an upload."""
        data = {"overrides": json.dumps(SHORT if overrides is None else overrides)}
        data |= named.pop("data", {})
        with clip.open("rb") as file:
            return self.request(
                "POST", "/api/jobs", files={"file": (clip.name, file)}, data=data, **named
            )

    def job(self, id: str) -> dict[str, Any]:
        answer = self.get(f"/api/jobs/{id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def ended(self, id: str) -> dict[str, Any]:
        """The job, once it has ended."""

        def look() -> dict[str, Any] | None:
            with contextlib.suppress(requests.ConnectionError):
                if self.get(f"/api/jobs/{id}").status_code == 503:  # the database is away
                    return None
                found = self.job(id)
                return found if found["state"] in ("succeeded", "failed", "cancelled") else None
            return None

        return until(look, f"job {id}")


def end(server: Server) -> None:
    if server.process is not None and server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(60)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()
    for pid in server.worker_pids():  # of a server that was killed: they end by themselves
        until(lambda pid=pid: not _is_there(pid), f"the end of worker {pid}", 60)
    shutil.rmtree(server.data, ignore_errors=True)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    with contextlib.suppress(OSError):
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def problem(answer: Any, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem document of an answer, which must be one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    document: dict[str, Any] = answer.json()
    assert set(document) == {"type", "title", "status", "detail", "code", "instance"}
    assert document["status"] == status and "\n" not in document["detail"]
    assert code is None or document["code"] == code
    return document
