"""Clips named by an address: only allowed hosts, never further, never more than allowed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from service_process import Server, end

from humantrack.service.web.download import allowed_address, name_of

CLIP = Path(__file__).parents[1] / "data" / "demo_small.mp4"
LIMIT = 1_000_000


class Web(BaseHTTPRequestHandler):
    """A web server that is not always kind."""

    def do_GET(self) -> None:
        answers = {
            "/clip%20one.mp4": (200, CLIP.read_bytes()),
            "/notes.mp4": (200, b"no video at all"),
            "/large.mp4": (200, bytes(LIMIT + 1)),
            "/endless.mp4": (200, bytes(LIMIT + 1)),
            "/elsewhere.mp4": (302, b""),
        }
        status, body = answers.get(self.path, (404, b"not here"))
        self.send_response(status)
        self.send_header("Location", "/clip%20one.mp4")
        if self.path != "/endless.mp4":  # which does not say how long it is
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """The address of a web server with clips."""
    web = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{web.server_port}"
    web.shutdown()
    web.server_close()
    thread.join()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, elsewhere: str) -> Iterator[Server]:
    """A server that may fetch from there."""
    limits = ("--upload-limit", str(LIMIT), "--rate", "0")
    folder = tmp_path_factory.mktemp("fetching")
    one = Server(folder, "--role", "web", "--allow-host", elsewhere, *limits).start()
    yield one
    end(one)


def test_a_clip_is_fetched_and_queued(service: Server, elsewhere: str) -> None:
    address = f"http://{elsewhere}/clip%20one.mp4"
    answer = service.request("POST", "/api/jobs", json={"source": address})
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["name"], job["state"], job["frames_total"]) == ("clip one.mp4", "queued", 90)
    [stored] = (service.data / "jobs").glob(f"{job['id']}/clip")
    assert stored.read_bytes() == CLIP.read_bytes()


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("nobody.mp4", 422, "SourceNotFetchedError"),
        ("elsewhere.mp4", 422, "SourceNotFetchedError"),
        ("notes.mp4", 422, "UnreadableSourceError"),
        ("large.mp4", 413, "TooLargeError"),
        ("endless.mp4", 413, "TooLargeError"),
    ],
)
def test_what_cannot_be_had_leaves_nothing(
    service: Server, elsewhere: str, path: str, status: int, code: str
) -> None:
    before = service.request("GET", "/api/jobs").json()["total"]
    source = f"http://{elsewhere}/{path}"
    answer = service.request("POST", "/api/jobs", json={"source": source})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "\n" not in answer.json()["detail"]
    assert service.request("GET", "/api/jobs").json()["total"] == before
    assert not [p for p in service.data.rglob("*") if p.parent.name == "incoming"]


def test_a_server_that_is_gone_is_said(tmp_path: Path, make_server) -> None:
    one = make_server("--role", "web", "--allow-host", "127.0.0.1:1")
    answer = one.request("POST", "/api/jobs", json={"source": "http://127.0.0.1:1/clip.mp4"})
    assert (answer.status_code, answer.json()["code"]) == (422, "SourceNotFetchedError")


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("http://videos.example.org/a.mp4", True),
        ("https://VIDEOS.example.org/a.mp4", True),
        ("https://videos.example.org:443/a.mp4", True),
        ("http://videos.example.org:8080/a.mp4", False),
        ("http://other.example.org:8080/a.mp4", True),
        ("http://other.example.org/a.mp4", False),
        ("http://videos.example.org.evil.org/a.mp4", False),
        ("http://videos.example.org@evil.org/a.mp4", False),
        ("http://me:secret@videos.example.org/a.mp4", False),
        ("http://evil.org/videos.example.org", False),
        ("http://videos.example.org\\@evil.org/a.mp4", False),
        ("http://videos.example.org/a\r\nHost: evil.org", False),
        ("ftp://videos.example.org/a.mp4", False),
        ("file://videos.example.org/etc/passwd", False),
        ("http://videos.example.org:99999/a.mp4", False),
        ("http:///a.mp4", False),
        ("http://[::1/a.mp4", False),
        ("videos.example.org/a.mp4", False),
    ],
)
def test_only_allowed_hosts_count(source: str, allowed: bool) -> None:
    hosts = ("videos.example.org", "other.example.org:8080")
    address = allowed_address(source, hosts)
    assert (address is not None) is allowed
    assert allowed_address(source, ()) is None
    if address is not None:
        assert name_of(address) == "a.mp4"
