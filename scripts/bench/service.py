"""Load test of a service, and of the memory of its web process.

usage: python scripts/bench/service.py [--jobs 2000] [--clip tests/data/demo.mp4]

First many jobs are submitted, read, cancelled and removed, and the web process' memory is read now
and then. Then a job runs alone while one client asks for its status, and once more while 100
clients poll once a second and 10 upload without a pause.
"""

import argparse
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "tests" / "data" / "demo_small.mp4"
POLLERS, UPLOADERS, POLL_S = 100, 10, 1.0
ENDED = ("succeeded", "failed", "cancelled")


class Server:
    """A server process in a folder of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.log = folder / "log.txt"
        command = [sys.executable, "-m", "humantrack.service.cli", "--data", str(folder / "data")]
        command += ["--port", "0", "--rate", "0", "--max-queued", "1000000", *options]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        while (found := re.search(r"http://127.0.0.1:(\d+)/", self.log.read_text())) is None:
            time.sleep(0.1)
        self.port = int(found[1])

    def ask(self, method: str, path: str, line=None, body=None, headers=None):
        """A document; over a connection of its own unless ``line`` is given."""
        own = line or http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        own.request(method, path, body=body, headers=headers or {})
        answer = own.getresponse()
        text = answer.read()
        if line is None:
            own.close()
        return answer.status, json.loads(text) if text else None

    def upload(self, clip: bytes, overrides: dict, priority: int = 0) -> str:
        """The id of a new job."""
        edge = uuid.uuid4().hex
        parts = [("overrides", json.dumps(overrides)), ("priority", str(priority))]
        body = b"".join(
            f'--{edge}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode()
            for n, v in parts
        )
        body += f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="c"'.encode()
        body += b"\r\n\r\n" + clip + f"\r\n--{edge}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={edge}"}
        status, job = self.ask("POST", "/api/jobs", body=body, headers=headers)
        assert status == 202, job
        return job["id"]

    def memory_mb(self) -> float:
        """Resident memory of the web process."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def close(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)


def p99_ms(seconds: list[float]) -> float:
    """The 99th percentile, in milliseconds."""
    return 1000 * sorted(seconds)[min(int(0.99 * len(seconds)), len(seconds) - 1)]


def watch(server: Server, id: str) -> tuple[list[float], float]:
    """Ask for a job's status ten times a second until it ends: latencies, and its frames/s."""
    latencies, job = [], {"state": "queued"}
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    while job["state"] not in ENDED:
        begun = time.perf_counter()
        _, job = server.ask("GET", f"/api/jobs/{id}", line)
        latencies.append(time.perf_counter() - begun)
        time.sleep(0.1)
    line.close()
    assert job["state"] == "succeeded", job
    return latencies, job["fps"]


def load(server: Server, id: str, over: threading.Event, counts: dict[str, int]) -> list:
    """Threads of clients that poll and upload until ``over``."""
    small = SMALL.read_bytes()

    def poll(number: int) -> None:
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        over.wait(number * POLL_S / POLLERS)
        while not over.wait(POLL_S):
            server.ask("GET", f"/api/jobs/{id}", line)
            counts["polls"] += 1
        line.close()

    def send() -> None:
        while not over.is_set():  # after the job that is measured, and cancelled at once
            other = server.upload(small, {}, priority=-100)
            server.ask("DELETE", f"/api/jobs/{other}")
            counts["uploads"] += 1

    threads = [threading.Thread(target=poll, args=(n,)) for n in range(POLLERS)]
    threads += [threading.Thread(target=send) for _ in range(UPLOADERS)]
    for thread in threads:
        thread.start()
    return threads


def under_load(clip: Path, folder: Path) -> None:
    """Compare a job alone with a job under load."""
    server = Server(folder)
    if hasattr(os, "nice"):
        os.nice(19)  # the clients stand for other machines
    data = clip.read_bytes()
    watch(server, server.upload(data, {}))  # models are loaded, files are cached
    idle, idle_fps = watch(server, server.upload(data, {}))
    over, counts = threading.Event(), {"polls": 0, "uploads": 0}
    id = server.upload(data, {}, priority=100)
    begun = time.perf_counter()
    threads = load(server, id, over, counts)
    busy, busy_fps = watch(server, id)
    seconds = time.perf_counter() - begun
    over.set()
    for thread in threads:
        thread.join()
    server.close()
    print(f"status, p99: {p99_ms(idle):.1f} ms alone, {p99_ms(busy):.1f} ms under load")
    print(f"frames/s: {idle_fps:.1f} alone, {busy_fps:.1f} under load ({busy_fps / idle_fps:.2f})")
    polls, uploads = counts["polls"] / seconds, counts["uploads"] / seconds
    print(f"load: {polls:.0f} polls/s, {uploads:.1f} uploads/s")


def memory(jobs: int, folder: Path) -> None:
    """See whether the web process grows."""
    server = Server(folder, "--role", "web")
    small = SMALL.read_bytes()
    for number in range(jobs + 1):
        id = server.upload(small, {})
        server.ask("GET", f"/api/jobs/{id}")
        server.ask("GET", "/api/jobs")
        server.ask("DELETE", f"/api/jobs/{id}")
        server.ask("DELETE", f"/api/jobs/{id}")
        if number % max(jobs // 8, 1) == 0:
            print(f"after {number:5d} jobs: {server.memory_mb():.1f} MB", flush=True)
    server.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, default=ROOT / "tests" / "data" / "demo.mp4")
    parser.add_argument("--jobs", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("load", "memory"):
            (Path(folder) / name).mkdir()
        memory(arguments.jobs, Path(folder) / "memory")
        under_load(arguments.clip, Path(folder) / "load")


if __name__ == "__main__":
    main()
