"""Without a token nothing of a body is kept; a session ends when its owner says so."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from service_process import CLIP, Server, end, problem

from humantrack.errors import ConfigError
from humantrack.service.web.auth import Rates, Sessions, Tokens
from humantrack.service.web.gate import Gate
from humantrack.service.web.problems import ProblemError

TOKENS = {"anna": "annas-very-long-token", "ben": "bens-even-longer-token"}
PIECE = bytes(2**20)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("gate")
    file = folder / "tokens.txt"
    file.write_text("".join(f"{name} {token}\n" for name, token in TOKENS.items()))
    one = Server(folder, *("--role", "web", "--rate", "0"), "--token-file", str(file)).start()
    yield one
    end(one)


def open_files(server: Server) -> list[str]:
    """Regular files that the server has open, also such as have no name any more."""
    assert server.process is not None
    found = []
    for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(str(link.readlink()))
    return [name for name in found if str(server.data / "incoming") in name]


def sent(server: Server, head: str, megabytes: int) -> tuple[bytes, set[str]]:
    """The answer to a body of zeros, and the files that were open meanwhile."""
    seen: set[str] = set()
    with socket.create_connection(("127.0.0.1", server.port), 60) as line:
        line.sendall(head.encode())
        with contextlib.suppress(OSError):
            for _ in range(megabytes):
                line.sendall(PIECE)
                seen |= set(open_files(server))
        got = b""
        with contextlib.suppress(OSError):
            while piece := line.recv(2**16):
                got += piece
    return got, seen


def head(length: int | None, *headers: str, path: str = "/api/jobs") -> str:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    kind = "Content-Type: multipart/form-data; boundary=x"
    lines = (f"POST {path} HTTP/1.1", "Host: localhost", size, kind, *headers, "", "")
    return "\r\n".join(lines)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks at open files in /proc")
@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ((), "/api/jobs"),
        (("Authorization: Bearer wrong",), "/api/jobs"),
        (("Authorization: Basic eDp5",), "/api/jobs"),
        (("Cookie: humantrack_session=anna:9999999999:00:00",), "/api/jobs"),
        ((), "/"),
        ((), "/static/js/main.js"),
        ((), "/nowhere"),
    ],
)
def test_nothing_of_an_upload_without_a_token_reaches_the_disk(
    guarded: Server, headers: tuple[str, ...], path: str
) -> None:
    got, seen = sent(guarded, head(8 * 2**20, *headers, path=path), 8)
    assert got.startswith(b"HTTP/1.1 401") and b"TokenError" in got
    assert b"www-authenticate: bearer" in got.lower()
    assert seen == set() and not list((guarded.data / "incoming").iterdir())


def test_a_large_one_or_one_of_unknown_length_is_ended_at_once(guarded: Server) -> None:
    for length in (10**9, None):
        got, seen = sent(guarded, head(length), 0)
        assert got.startswith(b"HTTP/1.1 401"), length
        assert seen == set()
    wants_to_know = head(10**6, "Expect: 100-continue")
    assert sent(guarded, wants_to_know, 0)[0].startswith(b"HTTP/1.1 401")


def test_the_login_takes_no_more_than_a_token(guarded: Server) -> None:
    for length in (10**6, None):
        got, seen = sent(guarded, head(length, path="/api/session"), 0 if length is None else 1)
        assert got.startswith(b"HTTP/1.1 413") and seen == set()


def test_pages_of_other_sites_leave_nothing_where_no_token_is_needed(make_server: Any) -> None:
    server = make_server("--role", "web")
    for header in ("Origin: http://evil.example", "Sec-Fetch-Site: cross-site"):
        got, seen = sent(server, head(4 * 2**20, header), 4)
        assert got.startswith(b"HTTP/1.1 403") and b"OriginError" in got
        assert seen == set()


def test_who_has_a_token_or_a_session_may_upload(guarded: Server) -> None:
    bearer = {"Authorization": f"Bearer {TOKENS['anna']}"}
    assert guarded.submit(headers=bearer).status_code == 202
    url = f"http://127.0.0.1:{guarded.port}"
    with requests.Session() as browser, CLIP.open("rb") as clip:
        assert browser.post(f"{url}/api/session", json={"token": TOKENS["ben"]}).ok
        answer = browser.post(f"{url}/api/jobs", files={"file": ("clip.mp4", clip)})
        assert answer.status_code == 202, answer.text


def test_who_logs_out_is_out_everywhere(guarded: Server) -> None:
    url = f"http://127.0.0.1:{guarded.port}"
    with requests.Session() as browser, requests.Session() as other:
        for one in (browser, other):
            assert one.post(f"{url}/api/session", json={"token": TOKENS["ben"]}).ok
        copy = dict(browser.cookies)
        assert requests.get(f"{url}/api/jobs", cookies=copy).status_code == 200
        assert browser.delete(f"{url}/api/session").status_code == 204
        problem(requests.get(f"{url}/api/jobs", cookies=copy), 401)
        assert other.get(f"{url}/api/jobs").status_code == 200  # another session of the same name
        guarded.stop()
        guarded.start()
        assert other.get(f"{url}/api/jobs").status_code == 200
        problem(requests.get(f"{url}/api/jobs", cookies=copy), 401)


# -- without a server -----------------------------------------------------------------------------


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    file = tmp_path / "tokens.txt"
    file.write_text("".join(f"{name} {token}\n" for name, token in TOKENS.items()))
    tokens = Tokens(file)
    sessions = Sessions(tmp_path / "secret", tokens)
    return Gate(tokens=tokens, sessions=sessions, guesses=Rates(0.01), proxy="10.0.0.1")


def refusal(gate: Gate, headers: dict[str, str], address: str = "10.0.0.2") -> int:
    try:
        gate.check_body({"HOST": "people.example.org", **headers}, "/api/jobs", 100, address)
    except ProblemError as error:
        return error.status
    return 0


def test_guesses_are_counted_by_whom_a_proxy_names(gate: Gate) -> None:
    wrong = {"AUTHORIZATION": "Bearer wrong", "X_FORWARDED_FOR": "192.0.2.9, 192.0.2.1"}
    assert [refusal(gate, wrong, "10.0.0.1") for _ in range(2)] == [401, 429]
    other = {**wrong, "X_FORWARDED_FOR": "192.0.2.2"}
    assert refusal(gate, other, "10.0.0.1") == 401
    assert refusal(gate, wrong) == 401  # not of the proxy: what it claims does not count
    right = {"AUTHORIZATION": f"bearer {TOKENS['anna']}"}
    assert refusal(gate, right) == 0


def test_origins_are_compared_with_the_name_that_was_asked(gate: Gate) -> None:
    right = {"AUTHORIZATION": f"Bearer {TOKENS['anna']}"}
    assert refusal(gate, {**right, "ORIGIN": "https://people.example.org"}) == 0
    assert refusal(gate, {**right, "ORIGIN": "https://other.example.org"}) == 403
    forwarded = {**right, "X_FORWARDED_HOST": "other.example.org"}
    assert refusal(gate, {**forwarded, "ORIGIN": "https://other.example.org"}, "10.0.0.1") == 0
    assert refusal(gate, {**forwarded, "ORIGIN": "https://other.example.org"}) == 403


def test_a_session_is_worth_nothing_once_ended_changed_or_old(gate: Gate, tmp_path: Path) -> None:
    sessions = gate.sessions
    assert sessions is not None
    one, two = sessions.begin("anna"), sessions.begin("anna")
    assert one != two and sessions.owner(one) == sessions.owner(two) == "anna"
    for wrong in (one.replace("anna", "ben"), one[:-1], f"{one}0", "", ":", "anna:1:2", "a:b:c:d"):
        assert sessions.owner(wrong) is None
        sessions.end(wrong)
    assert refusal(gate, {"COOKIE": f"a=b; humantrack_session={one}"}) == 0
    sessions.end(one)
    sessions.end(one)
    assert (sessions.owner(one), sessions.owner(two)) == (None, "anna")
    assert refusal(gate, {"COOKIE": f"humantrack_session={one}"}) == 401
    (file,) = (tmp_path / "sessions").iterdir()
    assert two.split(":")[2] not in file.name and file.read_bytes() == b""
    long_ago = time.time() - 8 * 86400
    os.utime(file, (long_ago, long_ago))
    three = sessions.begin("ben")
    assert sessions.owner(two) is None and sessions.owner(three) == "ben"


def test_the_tokens_hint_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="humantrack-serve token NAME"):
        Tokens(tmp_path / "none.txt")
