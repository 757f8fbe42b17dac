"""A stand-in for the service, for the tests of the page: same routes, canned results, no models.

``python tests/service/fake_api.py [--port 8300] [--overlay video.mp4] [--token secret]`` shows the
page to look at. Clips "run" for a second or two; one whose name has "slow" in it runs until it is
cancelled, one with "broken" fails.
"""

from __future__ import annotations

import argparse
import gzip
import json
import mimetypes
import re
import threading
import time
import urllib.parse
import uuid
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import humantrack.service
from humantrack.service.workers.scene import body_glb

DATA = Path(__file__).parents[1] / "data"
STATIC = Path(humantrack.service.__file__).parent / "static"
POLICY = "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
FINAL = ("succeeded", "failed", "cancelled")
FORMATS = ("json", "jsonl", "csv", "parquet", "txt", "coco.json", "phalp.pkl", "glb")
PER_TRACK = ("npz", "bvh", "trc", "blender.pkl")
STEPS, STEP_S = 24, 0.05
OVERRIDES = {
    "start_time": {"type": "time", "choices": None, "help": "Start, as 90, 1m30s or 00:01:30."},
    "detect_shots": {"type": "boolean", "choices": None, "help": "Find cuts."},
    "render.type": {"type": "string", "choices": ["HUMAN_MESH", "SKELETON"], "help": ""},
}


def now() -> str:
    """As the service writes times."""
    return datetime.now(timezone.utc).isoformat()


class FakeService:
    """Jobs in memory, and a thread that pretends to run them one after the other."""

    def __init__(self, *, overlay: Path | None = None, token: str | None = None) -> None:
        with gzip.open(DATA / "page" / "demo_scene.json.gz") as file:
            scene = json.load(file)
        self.timeline, self.frames = scene["timeline"], scene["frames"]
        self.overlay = overlay or DATA / "demo.mp4"
        self.token, self.session = token, uuid.uuid4().hex
        self.upload_bytes = 50_000_000
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.keys: dict[str, str] = {}
        self.broken_events = False
        self.slow_files = 0
        """How many times a file is not made yet."""
        self.pause_at = 1.0
        """Share of a clip at which a job stays."""
        self.change = threading.Condition()
        self._stop = threading.Event()
        threading.Thread(target=self._work, daemon=True).start()

    def lengthen(self, times: int) -> None:
        """Repeat the clip; every other second of the result is as long as two."""
        count, frames, time_s = len(self.frames), [], 0.0
        for i in range(times * count):
            frames.append({**self.frames[i % count], "index": i, "time_s": round(time_s, 5)})
            time_s += (2 if i // 30 % 2 else 1) / 30
        every = self.timeline["mark_every"]
        marks = [frame["time_s"] for frame in frames[::every]]
        about = {"frames": len(frames), "duration_s": time_s, "marks_s": marks}
        self.frames, self.timeline = frames, {**self.timeline, **about}

    def add(self, name: str, state: str = "queued", **changes: Any) -> dict[str, Any]:
        """Make a job."""
        job_id = uuid.uuid4().hex[:12]
        total = len(self.frames)
        done = state == "succeeded"
        job = {
            "id": job_id,
            "state": state,
            "name": name,
            "created_at": now(),
            "started_at": None if state == "queued" else now(),
            "ended_at": now() if state in FINAL else None,
            "progress": 1.0 if done else 0.0,
            "frames": total if done else 0,
            "frames_total": total,
            "fps": 14.2 if done else None,
            "people": 4 if done else None,
            "seconds_left": None,
            "error": None,
            "warnings": [],
            "attempts": 0 if state == "queued" else 1,
            "priority": 0,
            "overrides": {},
            "links": {"self": f"/api/jobs/{job_id}"},
            **changes,
        }
        with self.change:
            self.jobs[job_id] = job
            self.change.notify_all()
        return job

    def set(self, job: dict[str, Any], **changes: Any) -> None:
        """Change a job and tell whoever listens."""
        with self.change:
            job.update(changes)
            self.change.notify_all()

    def _work(self) -> None:
        while not self._stop.wait(STEP_S):
            running = [j for j in list(self.jobs.values()) if j["state"] == "running"]
            quick = [j for j in running if "slow" not in j["name"]]
            waiting = [j for j in list(self.jobs.values()) if j["state"] == "queued"]
            if not quick and waiting:
                self.set(waiting[0], state="running", started_at=now(), attempts=1, progress=0.0)
            for job in running:
                self._advance(job)

    def _advance(self, job: dict[str, Any]) -> None:
        total, slow = job["frames_total"], "slow" in job["name"]
        frames = job["frames"] + max(1, total // (STEPS * (40 if slow else 1)))
        frames = min(frames, int(total * self.pause_at))
        if slow:
            frames = min(frames, total - 1)
        facts = {"frames": frames, "progress": frames / total, "fps": 14.2, "people": 3}
        if "broken" in job["name"] and frames > total / 3:
            detail = "no video that can be read: broken.mp4. It may be damaged"
            error = {"code": "UnreadableSourceError", "exit_code": 4, "detail": detail}
            self.set(job, **facts, state="failed", ended_at=now(), error=error)
        elif frames == total:
            self.set(job, **facts | {"people": 4}, state="succeeded", ended_at=now())
        else:
            self.set(job, **facts, seconds_left=(total - frames) / 14.2)

    def close(self) -> None:
        """End the thread."""
        self._stop.set()


class Handler(BaseHTTPRequestHandler):
    """One request; ``server.fake`` is the service."""

    protocol_version = "HTTP/1.1"
    fake: FakeService

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._route("GET")

    def do_POST(self) -> None:
        self._route("POST")

    def do_DELETE(self) -> None:
        self._route("DELETE")

    # -- answers --------------------------------------------------------------------------------

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-cache")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(value).encode(), "application/json", headers)

    def _problem(
        self, status: int, code: str, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        problem = {"type": "about:blank", "title": code, "status": status}
        body = json.dumps({**problem, "detail": detail, "code": code, "instance": self.path})
        self._send(status, body.encode(), "application/problem+json", headers)

    def _file(self, path: Path, kind: str | None = None) -> None:
        """With ranges, so that a video can be scrubbed."""
        kind = kind or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        data = path.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            return self._send(200, data, kind, {"Accept-Ranges": "bytes"})
        start, stop = int(asked[1]), int(asked[2]) + 1 if asked[2] else len(data)
        part = data[start:stop]
        place = f"bytes {start}-{start + len(part) - 1}/{len(data)}"
        return self._send(206, part, kind, {"Content-Range": place, "Accept-Ranges": "bytes"})

    # -- routes ---------------------------------------------------------------------------------

    def _route(self, method: str) -> None:  # noqa: PLR0911
        fake = self.fake
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        parts = [urllib.parse.unquote(p) for p in url.path.strip("/").split("/")]
        fake.requests.append(f"{method} {self.path}")
        self.body = b""
        if method == "POST":
            self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if parts == [""]:
            return self._file(STATIC / "index.html")
        if parts[0] == "static":
            path = STATIC.joinpath(*parts[1:]).resolve()
            good = path.is_file() and path.is_relative_to(STATIC.resolve())
            return self._file(path) if good else self._problem(404, "NotFound", "no such file")
        if parts == ["api", "limits"]:
            about = {"upload_bytes": fake.upload_bytes, "overrides": OVERRIDES}
            return self._json({**about, "token_required": fake.token is not None})
        if parts == ["api", "session"]:
            return self._session(method)
        if fake.token and f"session={fake.session}" not in self.headers.get("Cookie", ""):
            return self._problem(401, "Unauthorized", "a token is needed")
        if parts == ["api", "body.glb"]:
            return self._send(200, body_glb(), "model/gltf-binary")
        if parts == ["api", "jobs"]:
            return self._submit() if method == "POST" else self._list()
        job = fake.jobs.get(parts[2]) if len(parts) > 2 else None
        if job is None:
            return self._problem(404, "NotFound", "no such job")
        return self._job(method, job, parts[3:])

    def _session(self, method: str) -> None:
        fake = self.fake
        if method == "DELETE":
            cookie = "session=; Max-Age=0; HttpOnly; SameSite=Strict; Path=/"
        elif json.loads(self.body).get("token") != fake.token:
            return self._problem(401, "Unauthorized", "the token is not known")
        else:
            cookie = f"session={fake.session}; HttpOnly; SameSite=Strict; Path=/"
        return self._send(204, b"", "application/json", {"Set-Cookie": cookie})

    def _list(self) -> None:
        page, size = int(self.query.get("page", 1)), int(self.query.get("per_page", 20))
        state = self.query.get("state")
        jobs = [j for j in reversed(self.fake.jobs.values()) if not state or j["state"] == state]
        some = jobs[(page - 1) * size : page * size]
        self._json({"jobs": some, "page": page, "per_page": size, "total": len(jobs)})

    def _submit(self) -> None:
        fake = self.fake
        key = self.headers.get("Idempotency-Key", "")
        if key in fake.keys:
            return self._json(fake.jobs[fake.keys[key]], 202)
        name = re.search(rb'filename="([^"]*)"', self.body)
        if name is None or b"ftyp" not in self.body[:1000]:
            detail = "is not a video that can be opened"
            return self._problem(422, "UnreadableSourceError", detail)
        overrides = re.search(rb'name="overrides"\r\n\r\n(.*?)\r\n', self.body)
        chosen = json.loads(overrides[1]) if overrides else {}
        job = fake.add(name[1].decode(), overrides=chosen)
        fake.keys[key] = job["id"]
        return self._json(job, 202, {"Location": job["links"]["self"]})

    def _job(  # noqa: PLR0911
        self, method: str, job: dict[str, Any], rest: list[str]
    ) -> None:
        fake = self.fake
        if method == "DELETE":
            if job["state"] in FINAL:
                del fake.jobs[job["id"]]
            else:
                fake.set(job, state="cancelled", ended_at=now())
            return self._send(204, b"", "application/json")
        if rest == ["retry"]:
            fake.set(job, state="queued", error=None, ended_at=None, frames=0)
            return self._json(job, 202)
        if not rest:
            return self._json(job)
        if rest == ["events"]:
            return self._events(job)
        if rest == ["preview.jpg"]:
            return self._file(DATA / "page" / "preview.jpg")
        if job["state"] != "succeeded":
            return self._problem(409, "NotReady", "the job is not done")
        return self._results(job, rest)

    def _results(  # noqa: PLR0911
        self, job: dict[str, Any], rest: list[str]
    ) -> None:
        fake = self.fake
        if rest == ["timeline"]:
            return self._json(fake.timeline)
        if rest == ["frames"]:
            start, count = int(self.query["start"]), int(self.query["count"])
            return self._json({"start": start, "frames": fake.frames[start : start + count]})
        url = f"/api/jobs/{job['id']}/files/"
        if rest == ["files"]:
            names = ["overlay.mp4", "results.pkl", *(f"results.{s}" for s in FORMATS)]
            names = names if fake.overlay else names[1:]
            names += [
                f"results_track{track['track_id']}.{suffix}"
                for suffix in PER_TRACK
                for track in fake.timeline["tracks"]
            ]
            files = [
                {"name": n, "media_type": "", "size": 622347, "ready": i < 2, "url": url + n}
                for i, n in enumerate(names)
            ]
            return self._json({"files": files})
        if rest == ["files", "overlay.mp4"]:
            return self._file(fake.overlay, "video/mp4")
        if rest[0] == "files" and fake.slow_files and self.headers.get("Range"):
            fake.slow_files -= 1
            return self._problem(503, "StillMaking", "this is being made", {"Retry-After": "1"})
        if rest[0] == "files":
            name = {"Content-Disposition": f'attachment; filename="{rest[1]}"'}
            document = {"format": "humantrack", "frames": fake.frames[:2]}
            return self._json(document, headers=name)
        return self._problem(404, "NotFound", "no such thing")

    def _events(self, job: dict[str, Any]) -> None:
        fake = self.fake
        if fake.broken_events:
            return self._problem(503, "Busy", "no events now")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        last = None
        while True:
            text = json.dumps(job)
            if text != last:
                last = text
                try:
                    self.wfile.write(f"event: job\ndata: {text}\n\n".encode())
                except OSError:
                    return None
            if job["state"] in FINAL:
                return None
            with fake.change:
                fake.change.wait(1)
            time.sleep(0.05)


def serve(fake: FakeService, port: int = 0) -> ThreadingHTTPServer:
    """Start serving in a thread."""
    handler = type("BoundHandler", (Handler,), {"fake": fake})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8300)
    parser.add_argument("--overlay", type=Path)
    parser.add_argument("--token")
    arguments = parser.parse_args()
    fake = FakeService(overlay=arguments.overlay, token=arguments.token)
    fake.add("holiday.mov", "succeeded")
    fake.add("broken.avi")
    server = serve(fake, arguments.port)
    print(f"http://127.0.0.1:{server.server_port}/")
    threading.Event().wait()


if __name__ == "__main__":
    main()
