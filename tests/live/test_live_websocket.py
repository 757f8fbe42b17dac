"""Records by WebSocket: who gets them, what slow clients lose, and who is refused."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_tools import TOKEN, get, listening, person, told
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from humantrack.access import OneToken
from humantrack.errors import StageError
from humantrack.live import web
from humantrack.live.gate import Gate
from humantrack.live.mailbox import Mailbox
from humantrack.live.websocket import WebSocketOutput


def output(**gate):
    owners = OneToken(TOKEN, "test") if gate.pop("token", True) else None
    return WebSocketOutput(listening(), Gate(owners, **gate))


def joined(out, **more):
    """A client that is known to the server: whoever is told of a record after this gets it."""
    address = f"ws://127.0.0.1:{out.port}/?token={TOKEN}"
    client = connect(address, proxy=None, **more).__enter__()  # closed by who asked for it
    settle(out)
    return client


def settle(out):
    """Wait until the server has done all it was given before."""
    done = threading.Event()
    out._server.call(done.set)
    assert done.wait(10)


def told_to(out, *records):
    for record in records:
        out.tell(record)


def test_every_client_gets_every_record_and_then_the_end():
    records = [told(i, state, [person(i + 1)]) for i in range(5) for state in ("final",)]
    with output() as out:
        clients = [joined(out) for _ in range(4)]
        told_to(out, *records)
    for client in clients:
        got = list(client)
        assert got == [record.line.decode().rstrip("\n") for record in records]
        assert (client.close_code, client.close_reason) == (1000, "the source has ended")
        client.close()


def test_provisional_and_final_records_come_as_they_are_told():
    with output() as out, closing(joined(out)) as client:
        for i in range(4):
            for state in ("provisional", "final"):
                out.tell(told(i, state))
                got = json.loads(client.recv(10))
                assert (got["state"], got["frame"]) == (state, i)


def test_clients_come_and_go():
    with output() as out:
        stays = joined(out)
        leaves = joined(out)
        out.tell(told(0, "final"))
        assert json.loads(leaves.recv(10))["frame"] == 0
        leaves.close()
        breaks = joined(out)
        breaks.socket.close()
        out.tell(told(1, "final"))
        comes = joined(out)
        out.tell(told(2, "final"))
    assert [json.loads(line)["frame"] for line in stays] == [0, 1, 2]
    assert [json.loads(line)["frame"] for line in comes] == [2]
    for client in (stays, comes):
        client.close()


def slow_client(out):
    """A WebSocket of which nothing is read, and that takes little."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**14)
    raw.connect(("127.0.0.1", out.port))
    return joined(out, sock=raw, max_queue=1)


def test_a_slow_client_loses_provisional_records_and_is_told_how_many():
    """Nobody waits for it, it gets the newest and all final records, and others get everything."""
    crowd = [person(i + 1) for i in range(20)]  # some 100 kB a record
    count = 60
    with output() as out:
        slow, quick = slow_client(out), joined(out)
        seen = []
        for i in range(count):
            out.tell(told(i, "provisional", crowd))
            seen.append(json.loads(quick.recv(10))["frame"])
        out.tell(told(0, "final", crowd))
        assert json.loads(quick.recv(10))["state"] == "final"
        assert seen == list(range(count))
        got = []
        while not got or got[-1]["state"] != "final":
            got.append(json.loads(slow.recv(60)))
        slow.close()
        quick.close()
    lost = sum(one["provisional"] for one in got if one["state"] == "lost")
    frames = [one["frame"] for one in got if one["state"] == "provisional"]
    assert lost > count / 2
    assert lost + len(frames) == count
    assert frames == sorted(frames) and frames[-1] == count - 1
    assert [one["frame"] for one in got if one["state"] == "final"] == [0]
    assert all(one["final"] == 0 for one in got if one["state"] == "lost")


def test_what_clients_say_is_not_listened_to():
    with output() as out, closing(joined(out)) as client:
        client.send("hello")
        client.send(b"\x00" * 100)
        out.tell(told(7, "final"))
        assert json.loads(client.recv(10))["frame"] == 7


def test_an_error_is_told_as_one():
    out = output()
    out.__enter__()
    client = joined(out)
    error = StageError("finding people failed")
    out.__exit__(StageError, error, None)
    assert list_until_closed(client) == (1011, "stopped by an error")


def list_until_closed(client):
    from websockets.exceptions import ConnectionClosedError

    with pytest.raises(ConnectionClosedError):
        client.recv(10)
    return client.close_code, client.close_reason


def status_of(address, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with connect(address, additional_headers=named, proxy=None):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        (f"?token={TOKEN}", {}, 101),
        ("", {"Authorization": f"Bearer {TOKEN}"}, 101),
        ("", {"Authorization": f"bearer  {TOKEN}"}, 101),
        ("", {}, 401),
        ("?token=", {}, 401),
        (f"?token={TOKEN}x", {}, 401),
        (f"?Token={TOKEN}", {}, 401),
        ("", {"Authorization": f"Basic {TOKEN}"}, 401),
        ("", {"Cookie": f"humantrack_live_0={TOKEN}"}, 401),
        (f"?token={TOKEN}", {"Origin": "https://example.org"}, 403),
        (f"?token={TOKEN}", {"Origin": "null"}, 403),
        (f"?token={TOKEN}", {"Origin": "http://127.0.0.1:1"}, 403),
        (f"?token={TOKEN}", {"Origin": "http://pages.example"}, 101),
    ],
)
def test_who_may_connect(query, headers, status):
    with output(origins=["http://pages.example"]) as out:
        assert status_of(f"ws://127.0.0.1:{out.port}/{query}", **headers) == status


def test_a_page_of_the_same_address_may_connect():
    with output() as out:
        own = f"http://127.0.0.1:{out.port}"
        assert status_of(f"ws://127.0.0.1:{out.port}/?token={TOKEN}", Origin=own) == 101


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 101),
        ({"Origin": "https://example.org"}, 403),
        ({"Host": "rebound.example"}, 403),
        ({"Host": "rebound.example", "Origin": "http://rebound.example"}, 403),
    ],
)
def test_without_a_token_only_this_machine_may_connect(headers, status):
    with output(token=False) as out:
        raw = socket.create_connection(("127.0.0.1", out.port))
        host = headers.get("Host", f"127.0.0.1:{out.port}")
        origin = f"Origin: {headers['Origin']}\r\n" if "Origin" in headers else ""
        raw.sendall(
            f"GET / HTTP/1.1\r\nHost: {host}\r\n{origin}Connection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert int(raw.recv(64).split()[1]) == status
        raw.close()


def test_guessing_tokens_is_slowed_down():
    with output() as out:
        found = [get(f"http://127.0.0.1:{out.port}/?token=wrong-{i}").status for i in range(12)]
        assert found[0] == 401 and found[-1] == 429
        assert status_of(f"ws://127.0.0.1:{out.port}/?token={TOKEN}") == 101


def test_what_is_no_websocket_is_told_so():
    with output() as out:
        reply = get(f"http://127.0.0.1:{out.port}/?token={TOKEN}")
        assert (reply.status, reply.body) == (426, b"a WebSocket is served here\n")
        assert get(f"http://127.0.0.1:{out.port}/else?token={TOKEN}").status == 404


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /?token=" + b"x" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [\r\nCookie: humantrack_live_PORT=\xff\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\r\n\r\n",
        b"GET /?token=%ff%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\nhello",
    ],
)
def test_what_is_no_request_of_ours_is_refused_without_a_word(sent, caplog):
    with output() as out:
        with socket.create_connection(("127.0.0.1", out.port)) as raw:
            raw.settimeout(20)
            raw.sendall(sent.replace(b"PORT", str(out.port).encode()))
            assert raw.recv(100).split()[1] in (b"400", b"401")
        assert status_of(f"ws://127.0.0.1:{out.port}/?token={TOKEN}") == 101
    assert not caplog.records


def test_no_more_clients_than_can_be_served(monkeypatch):
    monkeypatch.setattr(web, "MOST_CLIENTS", 2)
    with output() as out, closing(joined(out)), closing(joined(out)) as second:
        address = f"ws://127.0.0.1:{out.port}/?token={TOKEN}"
        assert status_of(address) == 503
        second.close()
        assert any(status_of(address) == 101 for _ in range(500))  # as soon as it is noticed


async def drained(box):
    box.finish()
    got = []
    while (taken := await box.take()) is not None:
        got.append(taken)
    return got


@given(st.lists(st.sampled_from(["provisional", "final"])), st.integers(1, 5))
def test_a_mailbox_keeps_the_newest_and_counts_what_it_lost(states, most):
    async def run():
        box = Mailbox(most)
        for i, state in enumerate(states):
            box.put(state, f"{state} {i}")
        return await drained(box)

    got = asyncio.run(run())
    texts = [text for text, _ in got]
    for state, kept in (("provisional", 1), ("final", most)):
        every = [f"{state} {i}" for i, one in enumerate(states) if one == state]
        assert [text for text in texts if text.startswith(state)] == every[-kept:]
        assert sum(lost[state] for _, lost in got) == max(len(every) - kept, 0)
    numbers = [int(text.split()[1]) for text in texts]
    assert numbers == sorted(numbers)


def test_a_mailbox_is_waited_at():
    async def run():
        box = Mailbox()
        waiting = asyncio.ensure_future(box.take())
        await asyncio.sleep(0)
        box.put("final", "a")
        first = await waiting
        closed = asyncio.ensure_future(box.take())
        await asyncio.sleep(0)
        box.close()
        return first, await closed

    assert asyncio.run(run()) == (("a", {"provisional": 0, "final": 0}), None)
