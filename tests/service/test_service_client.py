"""``humantrack-serve submit`` against a service whose answers are scripted."""

from __future__ import annotations

import email
import email.policy
import importlib.util
import json
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httpx")

from humantrack.errors import ConfigError, OutputError, UnreadableSourceError
from humantrack.service import cli, client
from humantrack.service.client import Client, ServiceError

JOB = {"id": "7", "state": "queued"}


class Answers(ThreadingHTTPServer):
    """Answers each request with the next of ``script``, then with its last."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Callable[[_Handler], None]] = [says(200, JOB)]
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[Any] = []
        self.keeps_bodies = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Answers

    def log_message(self, *arguments: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # the client went away
            self.close_connection = True

    def do_GET(self) -> None:
        server = self.server
        server.seen.append((self.command, self.path, dict(self.headers)))
        answer = server.script.pop(0) if len(server.script) > 1 else server.script[0]
        answer(self)

    def do_POST(self) -> None:
        self.do_GET()

    def body(self) -> bytes:
        left = int(self.headers.get("Content-Length", 0))
        pieces = []
        while left:
            piece = self.rfile.read(min(left, 2**16))
            left -= len(piece)
            if self.server.keeps_bodies:
                pieces.append(piece)
        return b"".join(pieces)


def says(status: int, document: Any = None, **headers: str) -> Callable[[_Handler], None]:
    """Read the request whole and answer."""

    def answer(at: _Handler) -> None:
        at.server.bodies.append(at.body())
        sent = document if isinstance(document, bytes) else json.dumps(document).encode()
        at.send_response(status)
        for name, value in {"Content-Length": str(len(sent)), **headers}.items():
            at.send_header(name.replace("_", "-"), value)
        at.end_headers()
        at.wfile.write(sent)

    return answer


def hangs_up(at: _Handler) -> None:
    """Read a little and close."""
    at.rfile.read(min(100, int(at.headers.get("Content-Length", 0))))
    at.close_connection = True


def breaks_off(whole: bytes, after: int) -> Callable[[_Handler], None]:
    """Send the start of a file and close."""

    def answer(at: _Handler) -> None:
        at.send_response(200)
        at.send_header("Content-Length", str(len(whole)))
        at.end_headers()
        at.wfile.write(whole[:after])
        at.close_connection = True

    return answer


def continues(whole: bytes) -> Callable[[_Handler], None]:
    """Send what is asked for."""

    def answer(at: _Handler) -> None:
        start = int(at.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        says(206, whole[start:], Content_Range=f"bytes {start}-*/*")(at)

    return answer


def refuses_early(at: _Handler) -> None:
    """Answer 413 without reading the upload."""
    sent = json.dumps({"detail": "the clip is too large", "code": "TooLarge"}).encode()
    at.send_response(413)
    at.send_header("Content-Length", str(len(sent)))
    at.end_headers()
    at.wfile.write(sent)
    at.wfile.flush()
    at.body()  # so that the answer is not lost with a reset connection
    at.close_connection = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    monkeypatch.setattr(client, "_POLL_S", 0.001)
    with Answers() as one:
        thread = threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield one
        one.shutdown()
        thread.join()


@pytest.fixture
def connect(server: Answers) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(url: str = server.url, token: str | None = None, patience_s: float = 60.0) -> Client:
        made.append(Client(url, token, patience_s))
        return made[-1]

    yield make
    for one in made:
        one.close()


def form(server: Answers, n: int = -1) -> dict[str, tuple[str | None, bytes]]:
    """The fields of an upload: file name and content of each."""
    head = f"Content-Type: {server.seen[n][2]['Content-Type']}\r\n\r\n".encode()
    parts = email.message_from_bytes(head + server.bodies[n], policy=email.policy.HTTP)
    found = {}
    for part in parts.iter_parts():
        name = part.get_param("name", header="content-disposition")
        found[str(name)] = (part.get_filename(), part.get_payload(decode=True))
    return found


@pytest.mark.parametrize("name", ["clip.mp4", "two people, {1}.mp4", "Ünïcode 人.mov", "a'b&c.mp4"])
def test_a_clip_arrives_byte_for_byte_under_its_name(
    server: Answers, connect: Any, tmp_path: Path, name: str
) -> None:
    clip = tmp_path / name
    clip.write_bytes(bytes(range(256)) * 1000)
    assert connect(token="secret").submit(clip, {"end_time": "1s"}, -3) == JOB
    (method, path, headers) = server.seen[0]
    assert (method, path, headers["Authorization"]) == ("POST", "/api/jobs", "Bearer secret")
    fields = form(server)
    assert fields["file"] == (name, clip.read_bytes())
    assert json.loads(fields["overrides"][1]) == {"end_time": "1s"}
    assert fields["priority"][1] == b"-3"


def test_a_large_clip_is_not_held_in_memory(server: Answers, connect: Any, tmp_path: Path) -> None:
    clip = tmp_path / "long.mp4"
    with clip.open("wb") as file:
        file.truncate(48 * 2**20)
    server.keeps_bodies = False
    one = connect()
    tracemalloc.start()
    try:
        assert one.submit(clip, {}, 0) == JOB
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert int(server.seen[0][2]["Content-Length"]) > 48 * 2**20
    assert peak < 8 * 2**20


@pytest.mark.parametrize("trouble", [says(503), says(429), says(408), says(502), hangs_up])
def test_an_upload_is_repeated_whole_with_the_same_key(
    server: Answers, connect: Any, tmp_path: Path, trouble: Any
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"frames" * 1000)
    server.script = [trouble, trouble, says(202, JOB)]
    assert connect().submit(clip, {}, 0) == JOB
    keys = {headers["Idempotency-Key"] for _, _, headers in server.seen}
    assert len(server.seen) == 3 and len(keys) == 1
    assert form(server)["file"][1] == clip.read_bytes()


def test_patience_ends(server: Answers, connect: Any) -> None:
    server.script = [says(503)]
    with pytest.raises(ServiceError, match=r"cannot be reached: http://127.*Status 503"):
        connect(patience_s=0).json("GET", "/api/jobs/7")
    server.server_close()
    with pytest.raises(ServiceError, match="cannot be reached"):
        connect(patience_s=0).json("GET", "/api/jobs/7")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (says(422, {"detail": "is not a video", "code": "Unreadable"}), "is not a video: Unread"),
        (refuses_early, "the clip is too large"),
        (says(404, b"<html>"), "answered 404"),
        (says(500, ["?"]), "answered 500"),
        (says(200, b"<html>"), "no service of humantrack"),
        (says(200, [1]), "no service of humantrack"),
        (says(308, b"", Location="https://other.example/"), "moved to https://other.example/"),
    ],
)
def test_a_refusal_is_told_once_and_not_repeated(
    server: Answers, connect: Any, tmp_path: Path, answer: Any, said: str
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(bytes(2**20))
    server.script = [answer]
    with pytest.raises(ServiceError) as told:
        connect().submit(clip, {}, 0)
    assert said in str(told.value) and "\n" not in str(told.value)
    assert len(server.seen) == 1


def test_a_download_goes_on_where_it_broke_off(
    server: Answers, connect: Any, tmp_path: Path
) -> None:
    whole = bytes(range(256)) * 4000
    server.script = [says(503), breaks_off(whole, 300_000), continues(whole)]
    connect().download("/files/results.json", tmp_path / "new" / "results.json")
    assert (tmp_path / "new" / "results.json").read_bytes() == whole
    start = int(server.seen[-1][2]["Range"][len("bytes=") : -1])
    assert 0 < start <= 300_000
    assert server.seen[-1][2]["Accept-Encoding"] == "identity"


def test_a_download_starts_anew_where_ranges_are_not_known(
    server: Answers, connect: Any, tmp_path: Path
) -> None:
    whole = b"abc" * 100_000
    server.script = [breaks_off(whole, 1000), says(200, whole)]
    connect().download("/x", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == whole


def test_a_download_that_fails_leaves_no_file(
    server: Answers, connect: Any, tmp_path: Path
) -> None:
    server.script = [breaks_off(b"abc" * 1000, 100), says(410, {"detail": "gone", "code": "Gone"})]
    with pytest.raises(ServiceError, match="gone"):
        connect().download("/x", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        connect().download("/x", tmp_path / "file" / "x")


@pytest.mark.parametrize("path", ["http://other.example/x", "ftp://x/y", "x"])
def test_the_token_goes_to_this_service_alone(connect: Any, tmp_path: Path, path: str) -> None:
    with pytest.raises(ServiceError, match="elsewhere"):
        connect(token="secret").download(path, tmp_path / "x")


def test_a_path_before_the_service_is_kept(server: Answers, connect: Any) -> None:
    assert connect(f"{server.url}/humans/").json("GET", "/api/jobs/7") == JOB
    assert connect(server.url.removeprefix("http://")).json("GET", "/api/jobs/7") == JOB
    assert [path for _, path, _ in server.seen] == ["/humans/api/jobs/7", "/api/jobs/7"]


def test_this_machine_is_reached_without_a_proxy(
    server: Answers, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert connect().json("GET", "/api/jobs/7") == JOB


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://[", "http://x:port"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="--url"):
        Client(url, None, 0)


@pytest.mark.parametrize("token", ["ge\nheim", "schlüssel", "a\0"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match="token"):
        Client("http://localhost", token, 0)


def test_a_clip_that_cannot_be_read_is_told_at_once(
    server: Answers, connect: Any, tmp_path: Path
) -> None:
    with pytest.raises(UnreadableSourceError, match="cannot be read"):
        connect().submit(tmp_path, {}, 0)  # a folder
    assert server.seen == []


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "httpx" else find(name)
    )
    assert cli.main(["submit", "clip.mp4"]) == 11
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and 'pip install "humantrack[client]"' in line
