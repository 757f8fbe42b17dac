"""Untrusted requests and files: refused, without disclosing what exists."""

from __future__ import annotations

import contextlib
import io
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from service_process import CLIP, Server, end, problem, until

HOSTILE_NAMES = (
    *("../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/passwd", "C:\\boot.ini", "..", "."),
    *("a/../../b.mp4", "%2e%2e%2fx.mp4", "....//x.mp4", "x.mp4/", "\\\\host\\share\\x.mp4"),
    *("con.mp4", "nul", "aux.mp4", "com1.mp4", "a:b.mp4", "x.mp4:stream", "-rf", "--help"),
    *("$(touch pwned).mp4", "`id`.mp4", "a;b.mp4", "a|b.mp4", "a&b.mp4", "a>b.mp4", "*.mp4"),
    *("?.mp4", "~root.mp4", "a'b.mp4", "<script>alert(1)</script>.mp4", "{{7*7}}.mp4"),
    *("%s%s%n.mp4", "\u202egpj.mp4", "\u0000x.mp4", "\x1b[31mx.mp4", "e\u0301.mp4", "日本.mp4"),
    *("a" * 5000 + ".mp4", " .mp4", ".htaccess"),
)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without workers, whose jobs stay in the queue; clips may be named in a folder."""
    folder = tmp_path_factory.mktemp("web")
    allowed = folder / "allowed"
    allowed.mkdir()
    (allowed / "clip.mp4").write_bytes(CLIP.read_bytes())
    (folder / "secret.mp4").write_bytes(CLIP.read_bytes())
    (allowed / "link.mp4").symlink_to(folder / "secret.mp4")
    (allowed / "folder.mp4").mkdir()
    one = Server(
        folder,
        *("--role", "web", "--allow-folder", str(allowed), "--upload-limit", "100MB"),
        *("--rate", "0", "--timeout", "2s", "--max-queued", "1000"),
    ).start()
    yield one
    end(one)


def raw(server: Server, data: bytes, wait_s: float = 30.0) -> bytes:
    """All that comes back for some bytes, until the server has nothing more to say."""
    with socket.create_connection(("127.0.0.1", server.port), wait_s) as line:
        line.sendall(data)
        got = b""
        with contextlib.suppress(OSError):
            while piece := line.recv(2**16):
                got += piece
    return got


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=range(len(HOSTILE_NAMES)))
def test_a_hostile_name_is_shown_and_never_used(web: Server, name: str) -> None:
    body = io.BytesIO()
    quoted = name.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "%00")
    body.write(b'--x\r\nContent-Disposition: form-data; name="file"; filename="')
    body.write(quoted.encode() + b'"\r\n\r\n' + CLIP.read_bytes() + b"\r\n--x--\r\n")
    answer = web.request(
        "POST",
        "/api/jobs",
        data=body.getvalue(),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    if answer.status_code != 202:  # headers of a part may be refused; what is not, is harmless
        problem(answer, 400 if answer.status_code == 400 else 413)
        return
    job = answer.json()
    assert job["name"].isprintable() and "/" not in job["name"] and "\\" not in job["name"]
    assert len(job["name"]) <= 200
    files = {str(p.relative_to(web.data)) for p in (web.data / "jobs" / job["id"]).rglob("*")}
    assert files == {f"jobs/{job['id']}/clip"}
    assert {p.name for p in web.data.iterdir()} <= {
        *("jobs", "incoming", "reserve", "jobs.db", "jobs.db-wal", "jobs.db-shm"),
    }


def test_no_path_leads_out_of_the_data_folder(web: Server) -> None:
    id = web.submit().json()["id"]
    ups = ("..", "%2e%2e", "..%2f..%2fjobs.db", "%2e%2e%2f%2e%2e%2fjobs.db", "..\\jobs.db")
    ups += ("/etc/passwd", "%2fetc%2fpasswd", "results.pkl%00.json", "clip", "../clip", "....//")
    paths = [f"/api/jobs/{id}/files/{up}" for up in ups]
    paths += [f"/api/jobs/{up}" for up in ups] + [f"/api/jobs/{up}/files" for up in ups]
    paths += [f"/api/jobs/{up}/preview.jpg" for up in ups] + [f"/static/{up}" for up in ups]
    for path in paths:
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        got = raw(web, head.encode())
        status = int(got.split()[1])
        assert status in (301, 308, 400, 404, 405), (path, got[:300])
        assert b"SQLite" not in got and b"root:" not in got


def test_only_files_of_allowed_folders_may_be_named(web: Server, tmp_path: Path) -> None:
    allowed = web.data.parent / "allowed"
    good = web.request("POST", "/api/jobs", json={"source": str(allowed / "clip.mp4")})
    assert good.status_code == 202 and good.json()["name"] == "clip.mp4"
    (tmp_path / "other.mp4").write_bytes(CLIP.read_bytes())
    for source in (
        *("/etc/passwd", str(tmp_path / "other.mp4"), str(allowed / "link.mp4")),
        *(str(allowed / ".." / "secret.mp4"), str(allowed / "nobody.mp4"), str(allowed)),
        *(str(allowed / "folder.mp4"), "http://127.0.0.1/clip.mp4", "file:///etc/passwd"),
        *("", "\0", "x" * 10000, f"concat:{allowed / 'clip.mp4'}"),
    ):
        answer = web.request("POST", "/api/jobs", json={"source": source})
        problem(answer, 403, "SourceNotAllowedError")


def test_one_clip_with_two_spans_at_once_is_two_jobs(web: Server) -> None:
    source = str(web.data.parent / "allowed" / "clip.mp4")

    def submit(end: int) -> Any:
        body = {"source": source, "overrides": {"end_frame": end}}
        return web.request("POST", "/api/jobs", json=body).json()["frames_total"]

    ends = [3, 5, 7, 9] * 4
    with ThreadPoolExecutor(len(ends)) as clients:
        assert list(clients.map(submit, ends)) == ends


def test_what_is_no_video_is_refused(web: Server, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x.mp4", CLIP.read_bytes())
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{CLIP}\n#EXT-X-ENDLIST\n"
    for name, content in (
        ("zip.mp4", packed.getvalue()),
        ("empty.mp4", b""),
        ("list.m3u8", playlist.encode()),
        ("concat.mp4", f"ffconcat version 1.0\nfile '{CLIP}'\n".encode()),
        ("pickle.pkl", b"cos\nsystem\n(S'touch pwned'\ntR."),
        ("half.mp4", CLIP.read_bytes()[:2000]),
    ):
        clip = tmp_path / name
        clip.write_bytes(content)
        document = problem(web.submit(clip), 422)
        assert document["code"] in ("UnreadableSourceError", "EmptySourceError")
        assert str(web.data) not in document["detail"]
    assert not list((web.data / "incoming").iterdir())


def test_bad_requests_are_refused_in_words(web: Server) -> None:
    for overrides, status in (
        ({"video.output_dir": "/tmp/x"}, 422),
        ({"render.type": "MESH"}, 422),
        ({"end_frame": -1}, 422),
        ({"end_frame": "${oc.env:HOME}"}, 422),
        ({"start_time": "now"}, 422),
        ({"tracker": "upstream"}, 422),
        ([], 400),
    ):
        answer = web.submit(overrides=overrides)  # type: ignore[arg-type]
        problem(answer, status)
    problem(web.submit(data={"overrides": "{"}), 400)
    problem(web.submit(data={"priority": "1000"}), 400)
    problem(web.submit(data={"evil": "1"}), 400)
    problem(web.request("POST", "/api/jobs", json=[]), 400)
    problem(web.request("POST", "/api/jobs", data="x"), 415)


# -- sizes and speed ------------------------------------------------------------------------------


def test_an_upload_beyond_the_limit_is_refused_before_it_comes(web: Server) -> None:
    head = (
        "POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    got = raw(web, head.encode())
    assert got.startswith(b"HTTP/1.1 413") and b"application/problem+json" in got
    assert not list((web.data / "incoming").iterdir())


def test_an_upload_without_a_length_is_cut_off_at_the_limit(web: Server) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
        for _ in range(1000):
            yield bytes(2**20)
            sent += 2**20

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with contextlib.suppress(requests.RequestException):
        answer = web.request("POST", "/api/jobs", data=body(), headers=headers)
        assert answer.status_code == 413
    assert sent < 300 * 2**20
    until(lambda: not list((web.data / "incoming").iterdir()), "an empty folder")


def test_large_headers_and_bodies_are_refused(web: Server) -> None:
    head = "GET /api/jobs HTTP/1.1\r\nHost: localhost\r\nX: " + "x" * 100_000 + "\r\n\r\n"
    assert raw(web, head.encode()).split()[1] in (b"400", b"431")
    problem(web.request("POST", "/api/jobs", json={"source": "x" * 2_000_000}), 413)


def test_slow_clients_keep_nobody_waiting_and_are_let_go(web: Server) -> None:
    lines = []
    for number in range(200):
        line = socket.create_connection(("127.0.0.1", web.port), 30)
        head = b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
        line.sendall(head + (b"\r\nx" if number % 2 else b"X: "))
        lines.append(line)
    assert web.get("/api/jobs").status_code == 200
    for line in lines:
        line.settimeout(60)
        with contextlib.suppress(ConnectionError):
            while line.recv(2**16):  # until the server closes it
                pass
        line.close()
    assert web.get("/healthz").json() == {"status": "ok"}


def test_a_dripping_client_is_let_go(web: Server) -> None:
    with socket.create_connection(("127.0.0.1", web.port), 30) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        begun = time.monotonic()
        with pytest.raises(OSError):
            while True:
                line.sendall(b"x")
                time.sleep(0.2)
                assert time.monotonic() - begun < 60


def test_smuggled_requests_are_not_answered(web: Server) -> None:
    inner = b"DELETE /api/jobs/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for extra in (
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: +5\r\n\r\nxxxxx",
        b"Content-Length: 5\r\nContent-Length: 0\r\n\r\nxxxxx",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ):
        head = b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\n"
        got = raw(web, head + extra + inner, 5.0)
        assert got.split()[1][:1] in (b"4", b"5"), (extra, got[:200])
        assert not [x for x in web.lines() if x.get("path") == "/api/jobs/smuggled"], extra


def test_other_sites_may_not_act_for_a_browser(web: Server) -> None:
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        problem(web.submit(headers=headers), 403, "OriginError")
    problem(web.get("/api/jobs", headers={"Host": "evil.example"}), 403, "HostError")
    same = {"Origin": f"http://127.0.0.1:{web.port}"}
    assert web.submit(headers=same).status_code == 202


def test_every_answer_is_guarded_by_headers(web: Server) -> None:
    for path in ("/api/jobs", "/api/limits", "/docs", "/nowhere", "/healthz"):
        headers = web.get(path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "Server" not in headers


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--host", "0.0.0.0"), 2, "token"),
        (("--upload-limit", "big"), 2, "size"),
        (("--keep", "long"), 2, "time"),
        (("--queue", "amqp://x"), 2, "queue"),
        (("--token-file", "nobody.txt"), 2, "tokens"),
        (("--trusted-proxy", "example.org"), 2, "IP address"),
        (("--trusted-proxy", "127.0.0.1"), 2, "token"),
        (("--submit-rate", "nan"), 2, "--submit-rate"),
        (("--database", "mysql://127.0.0.1/x"), 2, "database"),
        (("--database", "jobs"), 2, "database"),
        (("--database", "sqlite:////proc/nowhere/jobs.db"), 8, "/proc/nowhere"),
    ],
)
def test_a_wrong_start_is_one_line_and_a_code(
    tmp_path: Path, options: tuple[str, ...], code: int, said: str
) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "humantrack.service.cli", "--data", str(tmp_path / "d"), *options],
        capture_output=True,
        timeout=120,
        check=False,
        text=True,
    )
    assert run.returncode == code, run.stderr
    lines = [x for x in run.stderr.splitlines() if not x.startswith("{")]
    assert len(lines) == 1 and said in lines[0] and "Traceback" not in run.stderr


def test_a_port_that_is_taken_is_one_line_and_a_code(tmp_path: Path, web: Server) -> None:
    run = subprocess.run(
        [
            *(sys.executable, "-m", "humantrack.service.cli", "--data", str(tmp_path / "d")),
            *("--role", "web", "--port", str(web.port)),
        ],
        capture_output=True,
        timeout=120,
        check=False,
        text=True,
    )
    assert run.returncode == 2 and "Traceback" not in run.stderr
    assert "cannot listen" in run.stderr and f"127.0.0.1:{web.port}" in run.stderr


def test_localhost_is_this_machine(make_server: Any) -> None:
    server = make_server("--role", "web", "--host", "localhost")
    assert server.get("/healthz").json() == {"status": "ok"}
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"x" * 40_000 + b"\r\n\r\n"
    assert b"application/problem+json" in raw(server, head)
