"""A stand-in for the service, for the tests of the page: same routes, canned results, no models.

``python tests/service/fake_api.py [--port 8300] [--overlay video.mp4] [--token secret]`` shows the
page to look at. Clips "run" for a second or two; one whose name has "slow" in it runs until it is
cancelled, one with "broken" fails.
"""

from __future__ import annotations

import argparse
import json
import mimetypes
import re
import threading
import time
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fake_live
from fake_documents import OVERRIDES, chart_of, files_of
from fake_service import DATA, FINAL, FakeService, now

import humantrack.service
from humantrack.service.workers.scene import body_glb

STATIC = Path(humantrack.service.__file__).parent / "static"
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; base-uri 'none'; "
    "object-src 'none'; frame-ancestors 'none'"
)
"""The service's own."""


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

    def do_PATCH(self) -> None:
        self._route("PATCH")

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

    def _route(self, method: str) -> None:  # noqa: PLR0911, PLR0912
        fake = self.fake
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        parts = [urllib.parse.unquote(p) for p in url.path.strip("/").split("/")]
        fake.requests.append(f"{method} {self.path}")
        self.body = b""
        if method in ("POST", "PATCH"):
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
        if parts == ["api", "body.glb"]:
            return self._send(200, body_glb(), "model/gltf-binary")
        if parts == ["api", "session"]:
            return self._session(method)
        link = parts[2] if len(parts) > 2 else ""
        ids = {link: job_id for job_id, link in fake.links.items()}
        if link in ids:
            job = {**fake.jobs[ids[link]], "id": link}
            return self._job("GET", job, parts[3:])
        if fake.token and f"session={fake.session}" not in self.headers.get("Cookie", ""):
            return self._problem(401, "Unauthorized", "a token is needed")
        if parts == ["api", "files.zip"]:
            name = {"Content-Disposition": 'attachment; filename="humantrack.zip"'}
            return self._send(200, b"PK", "application/zip", name)
        if parts == ["api", "live"] and method == "GET":
            return self._json(fake_live.about_live(fake))
        if parts == ["api", "live"]:
            return self._json(fake_live.begin_live(fake, json.loads(self.body)), 202)
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
        words = self.query.get("search", "").lower().split()
        jobs = [j for j in reversed(self.fake.jobs.values()) if not state or j["state"] == state]
        jobs = [j for j in jobs if all(word in j["name"].lower() for word in words)]
        if self.query.get("sort") == "name":
            jobs.sort(key=lambda job: job["name"].lower())
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
        if chosen.get("start_time") == "soon":
            return self._problem(422, "ConfigError", "start_time: not a time: 'soon'")
        job = fake.add(name[1].decode(), overrides=chosen)
        fake.keys[key] = job["id"]
        return self._json(job, 202, {"Location": job["links"]["self"]})

    def _job(  # noqa: PLR0911
        self, method: str, job: dict[str, Any], rest: list[str]
    ) -> None:
        fake = self.fake
        if method == "DELETE" and not rest:
            if job["state"] in FINAL:
                del fake.jobs[job["id"]]
            else:
                fake.set(job, state="cancelled", ended_at=now())
            return self._send(204, b"", "application/json")
        if rest == ["retry"]:
            fake.set(job, state="queued", error=None, ended_at=None, frames=0)
            return self._json(job, 202)
        if not rest and method == "GET":
            return self._json(job)
        if rest == ["events"]:
            return self._events(job)
        if rest[:1] == ["live"]:
            return self._live(job, rest[1])
        if rest in (["preview.jpg"], ["files", "preview.jpg", "status"]):
            return self._preview(is_status=len(rest) > 1)
        if rest in (["again"], ["link"]) or (method == "PATCH" and not rest):
            return self._change(method, job, rest)
        if rest[0] == "original" and fake.clip:
            return self._file(fake.clip, "video/mp4")
        has_part = fake.partial and job["state"] in ("failed", "cancelled")
        if rest == ["files"] and job["state"] in FINAL[1:] and not has_part:
            return self._json({"files": [], "clip": None})
        if job["state"] != "succeeded" and not has_part:
            return self._problem(409, "NotReady", "the job is not done")
        return self._results(job, rest)

    def _preview(self, *, is_status: bool) -> None:
        fake = self.fake
        fake.preview_waits -= is_status
        making = {"name": "preview.jpg", "state": "running" if fake.preview_waits > 0 else "ready"}
        if is_status:
            return self._json(making)
        if fake.preview_waits > 0:
            return self._json(making, 202)
        return self._file(DATA / "page" / "preview.jpg")

    def _live(self, job: dict[str, Any], what: str) -> None:
        fake = self.fake
        if what == "stop":
            fake_live.stop_live(fake, job, keep=json.loads(self.body)["keep"])
            return self._json(job, 202)
        is_scene = what == "scene"
        kind = f"multipart/x-mixed-replace; boundary={fake_live.BOUNDARY}"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if is_scene else kind)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for piece in (fake_live.scenes if is_scene else fake_live.pictures)(fake, job):
            try:
                self.wfile.write(piece)
            except OSError:
                return None
        return None

    def _change(self, method: str, job: dict[str, Any], rest: list[str]) -> None:
        fake = self.fake
        body = json.loads(self.body) if self.body else {}
        if method == "PATCH":
            fake.set(job, name=body["name"])
            return self._json(job)
        if rest == ["again"]:
            if body["overrides"].get("start_time") == "soon":
                return self._problem(422, "ConfigError", "start_time: not a time: 'soon'")
            new = fake.add(job["name"], overrides=body["overrides"])
            return self._json(new, 202)
        if method == "DELETE":
            fake.links.pop(job["id"], None)
            return self._send(204, b"", "application/json")
        fake.links.setdefault(job["id"], f"link-{uuid.uuid4().hex}")
        return self._json({"link": fake.links[job["id"]]})

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
            files = files_of(fake.timeline, url, has_overlay=bool(fake.overlay))
            about = {"name": job["name"], "media_type": "video/mp4", "size": 1}
            about["url"] = f"/api/jobs/{job['id']}/original"
            clip = fake.clip and {**about, "playable_url": f"/api/jobs/{job['id']}/clip.mp4"}
            return self._json({"files": files, "clip": clip})
        if rest[0] == "charts":
            return self._chart(rest[1])
        if rest == ["files.zip"]:
            name = {"Content-Disposition": 'attachment; filename="walk.zip"'}
            return self._send(200, b"PK", "application/zip", name)
        if rest == ["clip.mp4"] and fake.playable:
            return self._file(fake.playable, "video/mp4")
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

    def _chart(self, name: str) -> None:
        chart = chart_of(self.fake.frames, int(name.removesuffix(".csv")))
        if chart is None:
            return self._problem(404, "NotFound", "no such person")
        if name.endswith(".csv"):
            return self._send(200, b"track_id,frame\n", "text/csv")
        return self._json(chart)

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
