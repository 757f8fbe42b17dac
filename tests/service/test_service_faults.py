"""Faults of processes, database and disk: no job is lost, and none ends twice."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from service_process import CLIP, SHORT, WAIT_S, until
from service_results import assert_equal_results, command_line

_JOBS, _KILLS = 30, 6
"""At least; a machine that is done before enough workers have died gets more jobs."""


def test_an_orphaned_worker_hands_its_job_back(make_server: Any) -> None:
    server = make_server("--lease", "5s")
    id = server.submit(overrides={"render.enable": False}).json()["id"]
    until(lambda: server.job(id)["frames"] > 0, "the first frame")
    server.stop(signal.SIGKILL)
    server.start()
    assert server.ended(id)["state"] == "succeeded"


def test_a_server_killed_during_an_upload_has_no_half_a_job(make_server: Any) -> None:
    server = make_server("--role", "web")
    head = (
        "POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        'Content-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", server.port), 30) as line:
        line.sendall(head.encode() + bytes(2_000_000))
        assert server.get("/api/jobs").json()["total"] == 0
        server.stop(signal.SIGKILL)
    server.start()
    assert server.get("/api/jobs").json()["total"] == 0
    assert not list((server.data / "jobs").iterdir())
    assert not list((server.data / "incoming").iterdir())
    assert server.submit().status_code == 202


def test_the_client_bears_with_a_service_that_restarts(make_server: Any, tmp_path: Path) -> None:
    server = make_server("--lease", "3s")
    command = [sys.executable, "-m", "humantrack.service.cli", "submit", str(CLIP), "--wait"]
    command += ["--url", f"http://127.0.0.1:{server.port}", "-o", str(tmp_path / "got")]
    command += ["--file", "results.pkl", "--set", "render.enable=false"]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    until(lambda: server.get("/api/jobs?state=running").json()["total"], "a running job")
    server.stop(signal.SIGKILL)
    server.start()
    said, _ = client.communicate(timeout=WAIT_S)
    assert client.returncode == 0 and server.get("/api/jobs").json()["total"] == 1
    id = said.strip()
    kept = server.data / "jobs" / id / "out" / "results" / "demo_clip.pkl"
    assert (tmp_path / "got" / "results.pkl").read_bytes() == kept.read_bytes()


def test_a_job_that_kills_its_workers_fails_and_says_so(make_server: Any) -> None:
    server = make_server("--max-attempts", "2", "--lease", "2s")
    id = server.submit(overrides={"render.enable": False}).json()["id"]
    for attempt in (1, 2):
        until(lambda n=attempt: server.job(id)["attempts"] == n, f"attempt {attempt}")
        os.kill(server.worker_pids()[-1], signal.SIGKILL)
    job = server.ended(id)
    assert job["state"] == "failed" and job["attempts"] == 2
    assert job["error"]["code"] == "WorkerLostError"
    assert server.ended(server.submit().json()["id"])["state"] == "succeeded"


@pytest.mark.slow
def test_every_job_ends_once_though_workers_are_killed(make_server: Any, tmp_path: Path) -> None:
    expected = command_line(tmp_path, "video.end_frame=12", "render.enable=false")
    server = make_server("--workers", "2", "--max-attempts", "100", "--lease", "3s", "--rate", "0")
    chance = random.Random(7)
    ids = [server.submit(data={"priority": str(n % 3)}).json()["id"] for n in range(_JOBS)]
    killed: set[int] = set()
    deadline, next_kill = time.monotonic() + 500, 1
    while True:
        listed = server.get("/api/jobs?per_page=200").json()["jobs"]
        done = sum(job["state"] == "succeeded" for job in listed)
        if done == len(ids) and len(killed) >= _KILLS:
            break
        if done >= len(ids) - 2 and len(killed) < _KILLS:
            ids.append(server.submit().json()["id"])
        assert time.monotonic() < deadline, server.log.read_text()[-3000:]
        alive = sorted(set(server.worker_pids()[-2:]) - killed)
        if done >= next_kill and alive:
            victim = chance.choice(alive)
            os.kill(victim, signal.SIGKILL)
            killed.add(victim)
            next_kill = done + chance.randint(1, 4)
        time.sleep(0.05)
    ended = Counter(
        line["job"]
        for line in server.lines()
        if line.get("event") == "job ended" and line["state"] == "succeeded"
    )
    assert set(ended) <= set(ids) and max(ended.values()) == 1
    for id in ids:
        got = server.data / "jobs" / id / "out" / "results" / "demo_clip.pkl"
        assert_equal_results(got, expected)


def test_a_locked_database_delays_and_loses_nothing(make_server: Any) -> None:
    server = make_server()
    id = server.submit(overrides={"render.enable": False}).json()["id"]
    until(lambda: server.job(id)["frames"] > 0, "the first frame")
    lock = sqlite3.connect(server.data / "jobs.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    answer = server.submit()
    assert answer.status_code == 503 and answer.json()["code"] == "DatabaseLostError"
    assert int(answer.headers["Retry-After"]) > 0
    lock.execute("ROLLBACK")
    lock.close()
    job = server.ended(id)
    assert job["state"] == "succeeded" and job["frames"] == job["frames_total"]
    assert server.ended(server.submit().json()["id"])["state"] == "succeeded"


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 24 MB, outside pytest's folder, which could not be removed after a kill."""
    folder = Path(tempfile.mkdtemp(prefix="humantrack-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        folder.rmdir()
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


def test_a_full_disk_pauses_jobs_and_refuses_uploads(small_disk: Path, make_server: Any) -> None:
    server = make_server("--data", str(small_disk / "data"), "--min-free", "2MB")
    id = server.submit(overrides={}).json()["id"]
    until(lambda: server.job(id)["frames"] > 0, "the first frame")
    filler = small_disk / "filler"

    def filled() -> None:
        with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(2**16))

    filled()
    answer = server.submit()
    assert answer.status_code == 507 and answer.json()["code"] == "DiskFullError"
    until(lambda: any(x["event"] == "paused" for x in server.lines()), "a pause")
    filled()  # with what the job that made way has left
    assert server.get("/readyz").status_code == 503
    assert server.job(id)["state"] in ("queued", "running", "succeeded")
    filler.unlink()
    assert server.ended(id)["state"] == "succeeded"
    assert server.get("/readyz").status_code == 200
    assert server.submit(CLIP, SHORT).status_code == 202
