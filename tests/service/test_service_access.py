"""Access: tokens, cookies, proxies, rates."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from service_process import Server, end, problem

TOKENS = {"anna": "annas-very-long-token", "ben": "bens-even-longer-token"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the tokens of Anna and Ben."""
    folder = tmp_path_factory.mktemp("guarded")
    file = folder / "tokens.txt"
    file.write_text("".join(f"{name} {token}\n" for name, token in TOKENS.items()))
    one = Server(folder, "--role", "web", "--token-file", str(file), "--max-queued", "3").start()
    yield one
    end(one)


def test_a_token_is_needed_and_hides_what_is_others(guarded: Server) -> None:
    anna = {"Authorization": f"Bearer {TOKENS['anna']}"}
    ben = {"Authorization": f"Bearer {TOKENS['ben']}"}
    answer = guarded.submit(headers=anna)
    assert answer.status_code == 202
    path = f"/api/jobs/{answer.json()['id']}"
    assert guarded.get(path, headers=anna).status_code == 200
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}):
        refused = guarded.get(path, headers=headers)
        problem(refused, 401, "TokenError")
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    for method, tail in (
        *(("GET", ""), ("GET", "/events"), ("GET", "/files"), ("GET", "/files/results.pkl")),
        *(("GET", "/preview.jpg"), ("GET", "/timeline"), ("GET", "/frames")),
        *(("POST", "/retry"), ("DELETE", "")),
    ):
        problem(guarded.request(method, path + tail, headers=ben), 404, "NotFound")
    assert guarded.get("/api/jobs", headers=ben).json()["total"] == 0
    assert guarded.get("/api/jobs", headers=anna).json()["total"] == 1
    assert guarded.get("/healthz").status_code == 200
    assert guarded.get("/api/limits").json()["token_required"] is True
    problem(guarded.get("/metrics"), 401)


def test_a_browser_gets_a_cookie_for_its_token(guarded: Server) -> None:
    url = f"http://127.0.0.1:{guarded.port}"
    with requests.Session() as browser:
        assert browser.get(f"{url}/api/jobs").status_code == 401
        problem(browser.post(f"{url}/api/session", json={"token": "wrong"}), 401)
        answer = browser.post(f"{url}/api/session", json={"token": TOKENS["ben"]})
        assert answer.status_code == 204
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        assert TOKENS["ben"] not in cookie
        assert browser.get(f"{url}/api/jobs").status_code == 200
        name, value = next(iter(browser.cookies.items()))
        forged = value.replace("ben:", "anna:", 1)
        assert requests.get(f"{url}/api/jobs", cookies={name: forged}).status_code == 401
        assert browser.delete(f"{url}/api/session").status_code == 204
        assert browser.get(f"{url}/api/jobs").status_code == 401


def test_a_proxy_is_believed_only_if_it_is_named(make_server: Any, tmp_path: Path) -> None:
    file = tmp_path / "tokens.txt"
    file.write_text(f"ben {TOKENS['ben']}\n")
    named = make_server(
        *("--role", "web", "--token-file", str(file)), "--trusted-proxy", "127.0.0.1"
    )
    other = make_server("--role", "web", "--token-file", str(file), "--trusted-proxy", "10.0.0.1")
    headers = {
        **{"X-Forwarded-Proto": "https", "X-Forwarded-Host": "people.example.org"},
        **{"X-Forwarded-For": "192.0.2.1", "Origin": "https://people.example.org"},
    }

    def session(server: Server, token: str, **more: str) -> Any:
        body, sent = {"token": token}, {**headers, **more}
        return server.request("POST", "/api/session", json=body, headers=sent)

    assert "Secure" in session(named, TOKENS["ben"]).headers["Set-Cookie"].split("; ")
    problem(session(other, TOKENS["ben"]), 403)  # the origin is not the host that it sees
    plain = other.request("POST", "/api/session", json={"token": TOKENS["ben"]})
    assert "Secure" not in plain.headers["Set-Cookie"].split("; ")
    while session(named, "wrong").status_code == 401:
        pass
    problem(session(named, "wrong"), 429)
    problem(session(named, "wrong", **{"X-Forwarded-For": "192.0.2.2"}), 401)


def test_tokens_are_neither_logged_nor_stored(guarded: Server) -> None:
    for token in TOKENS.values():
        guarded.get("/api/jobs", headers={"Authorization": f"Bearer {token}"})
        assert token not in guarded.log.read_text()
        for path in guarded.data.rglob("*"):
            assert path.is_dir() or token.encode() not in path.read_bytes()


def test_a_queue_has_an_end(guarded: Server) -> None:
    headers = {"Authorization": f"Bearer {TOKENS['ben']}"}
    answers = [guarded.submit(headers=headers) for _ in range(4)]
    assert [a.status_code for a in answers] == [202, 202, 202, 429]
    problem(answers[-1], 429, "QueueFullError")
    assert int(answers[-1].headers["Retry-After"]) > 0
    id = answers[0].json()["id"]
    assert guarded.request("DELETE", f"/api/jobs/{id}", headers=headers).status_code == 202
    assert guarded.submit(headers=headers).status_code == 202


def test_who_asks_too_often_has_to_wait(make_server: Any) -> None:
    server = make_server("--role", "web", "--rate", "1")
    answers = [server.get("/api/jobs") for _ in range(30)]
    late = [a for a in answers if a.status_code == 429]
    assert answers[0].status_code == 200 and late
    assert int(late[0].headers["Retry-After"]) >= 1
    assert server.get("/healthz").status_code == 200


def test_a_storm_of_jobs_is_taken_at_a_pace_beside_workers(make_server: Any) -> None:
    server = make_server("--submit-rate", "1", "--threads", "16")
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda _: server.submit(), range(16)))
    taken = [a for a in answers if a.status_code == 202]
    refused = [a for a in answers if a.status_code != 202]
    assert len(taken) >= 5 and refused
    for answer in refused:
        assert problem(answer, 503)["code"] == "BusyError"
        assert 0 < int(answer.headers["Retry-After"]) <= 10
    for answer in taken:
        server.request("DELETE", answer.headers["Location"])
    apart = make_server("--role", "web", "--submit-rate", "1")
    with ThreadPoolExecutor(16) as clients:
        assert {a.status_code for a in clients.map(lambda _: apart.submit(), range(16))} == {202}


def test_a_made_token_works_and_is_kept_as_a_hash(make_server: Any, tmp_path: Path) -> None:
    file = tmp_path / "tokens.txt"
    command = [sys.executable, "-m", "humantrack.service.cli", "token", "carla"]
    run = subprocess.run(
        [*command, "--token-file", str(file)], capture_output=True, check=True, text=True
    )
    token = run.stdout.strip()
    assert token not in file.read_text() and len(token) >= 32
    server = make_server("--role", "web", "--token-file", str(file))
    server.token = token
    assert server.get("/api/jobs").status_code == 200
    assert json.loads(server.get("/readyz").text)["status"] == "ready"
