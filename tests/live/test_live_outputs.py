"""``humantrack-live`` with all its outputs, from a source at its own pace; and what it refuses."""

from __future__ import annotations

import contextlib
import io
import json
import re
import signal
import socket
import threading
from http.client import HTTPConnection

import pytest
from live_tools import TOKEN, free_port, pictures_in, playing, told
from PIL import Image
from pythonosc.osc_bundle import OscBundle
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from humantrack.cli import live as command
from humantrack.errors import OutputError, OutputTakenError
from humantrack.live import Records
from humantrack.live.addresses import host_and_port
from humantrack.live.files import FileOutput, StreamOutput

QUICK = ["tracker=embedded", "embedded.landmarks=full", "phalp.n_init=2"]


class Clients:
    """One of each kind, in threads, from when there is somebody to connect to."""

    def __init__(self, ws_port, mjpeg_port):
        self.records, self.pictures, self.close = [], b"", None
        self.osc = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.osc.bind(("127.0.0.1", 0))
        self.osc.settimeout(0.1)
        self.messages, self._is_over = [], threading.Event()
        self.enough = threading.Event()
        self._threads = [
            threading.Thread(target=self._websocket, args=(ws_port,)),
            threading.Thread(target=self._mjpeg, args=(mjpeg_port,)),
            threading.Thread(target=self._receive),
        ]
        for thread in self._threads:
            thread.start()

    def _websocket(self, port):
        address = f"ws://127.0.0.1:{port}/?token={TOKEN}"
        client = _until_there(lambda: connect(address, proxy=None).__enter__())
        try:
            for line in iter(client.recv, None):
                self.records.append(json.loads(line))
                if sum(bool(one.get("people")) for one in self.records) >= 6:
                    self.enough.set()
        except ConnectionClosed:
            self.close = client.close_code, client.close_reason
        client.close()

    def _mjpeg(self, port):
        def ask():
            connection = HTTPConnection("127.0.0.1", port, timeout=200)
            connection.request("GET", f"/stream.mjpeg?token={TOKEN}")
            return connection

        connection = _until_there(ask)
        with connection.getresponse() as reply:
            self.pictures = reply.read()
        connection.close()

    def _receive(self):
        while not self._is_over.is_set():
            with contextlib.suppress(TimeoutError):
                self.messages += OscBundle(self.osc.recv(65536))

    def join(self):
        self._is_over.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        self.osc.close()


def _until_there(ask):
    """Whatever ``ask`` gives once somebody listens."""
    for _ in range(2000):
        try:
            return ask()
        except ConnectionRefusedError:
            threading.Event().wait(0.02)
    raise TimeoutError


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("HUMANTRACK_TOKEN", TOKEN)


@pytest.fixture
def no_token(monkeypatch):
    monkeypatch.delenv("HUMANTRACK_TOKEN", raising=False)
    monkeypatch.delenv("HUMANTRACK_TOKEN_FILE", raising=False)


@pytest.mark.parametrize("ended_by", ["signal", "source"])
def test_all_outputs_together_end_well(token, data, tmp_path, capfdbinary, ended_by):
    """All tell the same people of the same frames, and are whole in the end."""
    ws, mjpeg = free_port(), free_port()
    clients = Clients(ws, mjpeg)
    file = tmp_path / "records" / "a.jsonl"
    out = [*("-o", "-", "-o", str(file), "--ws", f"127.0.0.1:{ws}"), "--mjpeg"]
    out += [f"127.0.0.1:{mjpeg}", "--vmc", f"127.0.0.1:{clients.osc.getsockname()[1]}"]
    if ended_by == "signal":

        def end():
            if clients.enough.wait(120):
                signal.raise_signal(signal.SIGTERM)

        ending = threading.Thread(target=end)
        ending.start()
    keys = ["live.reconnect_s=0", "live.policy=all", *QUICK]
    with playing(data / "demo_small.mp4", slower=1.0 if ended_by == "source" else 4.0) as address:
        code = command.main([address, *out, *keys])
    clients.join()
    if ended_by == "signal":
        ending.join()
    assert code == 0
    printed = capfdbinary.readouterr()
    lines = [json.loads(line) for line in printed.out.splitlines()]
    final = [line for line in lines if line["state"] == "final"]
    provisional = [line for line in lines if line["state"] == "provisional"]
    assert [one["frame"] for one in final] == [one["frame"] for one in provisional]
    assert sum(bool(one["people"]) for one in final) >= 3
    # A file has the final ones, a client all that were told since it came, as they were told.
    assert [json.loads(line) for line in file.read_text().splitlines()] == final
    assert list(file.parent.iterdir()) == [file]
    assert clients.close == (1000, "the source has ended")
    sent = [one for one in clients.records if one["state"] != "lost"]
    start = lines.index(sent[0])
    assert [one for one in sent if one["state"] == "final"] == [
        one for one in lines[start:] if one["state"] == "final"
    ]
    assert all(one in lines for one in sent)
    pictures = pictures_in(clients.pictures, b"humantrack-picture")
    assert pictures  # as many as the machine had time for
    assert {Image.open(io.BytesIO(one)).size[::-1] for one in pictures} == {
        tuple(final[0]["image_size"])
    }
    _check_osc(clients.messages, provisional)
    assert TOKEN.encode() not in printed.err


def _check_osc(messages, provisional):
    """As many frames as were told of, and bones in those in which somebody was seen."""
    times = [m.params[0] for m in messages if m.address == "/VMC/Ext/T"]
    assert times == [pytest.approx(one["time_s"], abs=1e-4) for one in provisional]
    hips = [m for m in messages if m.address == "/VMC/Ext/Bone/Pos" and m.params[0] == "Hips"]
    seen = [one for one in provisional if any(not p["missed"] for p in one["people"])]
    assert 0 < len(hips) <= len(seen)


def test_a_token_is_made_and_shown_if_none_is_given(no_token, clip, capsys):
    """It alone opens; it is asked for while the command runs."""
    port = free_port()
    found = []

    def ask():
        shown = ""
        while "token=" not in shown:
            shown += capsys.readouterr().err
            threading.Event().wait(0.01)
        found.append(re.search(r"ws://127\.0\.0\.1:\d+/\?token=(\S+)", shown))

    asking = threading.Thread(target=ask)
    asking.start()
    code = command.main([str(clip), "--ws", f"127.0.0.1:{port}", "video.end_frame=2", *QUICK])
    asking.join(60)
    assert code == 0
    assert len(found[0][1]) >= 32


REFUSED = [
    (["--ws", "0.0.0.0:0", "--no-token"], "others may reach it"),
    (["--mjpeg", "[::]:0", "--no-token"], "others may reach it"),
    (["--ws", "127.0.0.1"], "--ws 127.0.0.1"),
    (["--ws", "127.0.0.1:80:81"], "--ws 127.0.0.1:80:81"),
    (["--ws", "127.0.0.1:99999"], "--ws 127.0.0.1:99999"),
    (["--ws", "http://127.0.0.1:8081"], "--ws http://127.0.0.1:8081"),
    (["--vmc", "nowhere.invalid:39539"], "--vmc nowhere.invalid:39539"),
    (["--vmc", "127.0.0.1:39539", "--vmc-person", "anna"], "--vmc-person anna"),
    (["--vmc", "127.0.0.1:39539", "--vmc-person", "0"], "--vmc-person 0"),
    (["--vmc-person", "3"], "add --vmc"),
    (["--no-token"], "add --ws or --mjpeg"),
    (["--ws", "127.0.0.1:0", "--token-file", "none.txt"], "none.txt"),
    (["--ws", "127.0.0.1:0", "--allow-origin", "example.org"], "--allow-origin example.org"),
    (["--ws", "127.0.0.1:0", "--no-token", "--token-file", "t"], "--token-file"),
]


@pytest.mark.parametrize(("options", "part"), REFUSED, ids=[" ".join(o) for o, _ in REFUSED])
def test_what_cannot_be_is_one_line(no_token, options, part, capsys):
    assert command.main(["clip.mp4", *options]) == 2
    told = capsys.readouterr()
    (line,) = told.err.strip().splitlines()
    assert part in line.lower() or part in line
    assert told.out == ""


def test_a_short_token_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv("HUMANTRACK_TOKEN", "short")
    assert command.main(["clip.mp4", "--ws", "127.0.0.1:0"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "HUMANTRACK_TOKEN" in line and "16 characters" in line


@pytest.mark.parametrize("option", ["--ws", "--mjpeg"])
def test_a_port_in_use_is_one_line(option, token, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert command.main(["clip.mp4", option, address]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"{option} {address}" in line and "another port" in line


@pytest.mark.parametrize(
    ("package", "options"),
    [("aiohttp", ["--ws", "127.0.0.1:0"]), ("pythonosc", ["--vmc", "127.0.0.1:1"])],
)
def test_a_missing_package_is_one_line(package, options, token, capsys, monkeypatch):
    from humantrack import extras

    monkeypatch.setattr(extras, "_is_there", lambda name: name != package)
    assert command.main(["clip.mp4", *options, "tracker=embedded"]) == 11
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert package in line and "humantrack[live]" in line


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:8081", ("127.0.0.1", 8081)),
        ("8081", ("127.0.0.1", 8081)),
        ("localhost:1", ("localhost", 1)),
        ("[::1]:8081", ("::1", 8081)),
    ],
)
def test_addresses(text, found):
    assert host_and_port(text, "--ws") == found


def test_a_file_that_is_not_finished_does_not_look_whole(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("of before\n")
    with pytest.raises(ZeroDivisionError), FileOutput(path, overwrite=True) as out:
        out.tell(told(0, "final"))
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), FileOutput(tmp_path / "b.jsonl", overwrite=True):
        raise ZeroDivisionError  # before anything was found: nothing is left
    assert not list(tmp_path.glob("b*"))
    assert path.read_text() == "of before\n"
    assert (tmp_path / "a.partial.jsonl").read_bytes() == told(0, "final").line
    with pytest.raises(OutputTakenError):
        FileOutput(path, overwrite=False)
    with FileOutput(path, overwrite=True) as out:
        out.tell(told(0, "provisional"))
        out.tell(told(1, "final"))
    assert path.read_bytes() == told(1, "final").line
    assert list(tmp_path.iterdir()) == [path]


class Full:
    """A file on a disk without room."""

    def write(self, _):
        raise OSError(28, "No space left on device")

    def flush(self):
        pass

    def close(self):
        pass


def test_an_output_that_fails_does_not_end_the_others(tmp_path):
    class Pipe:
        def __init__(self):
            self.lines = []

        def write(self, line):
            self.lines.append(line)

        def flush(self):
            pass

    file, pipe = FileOutput(tmp_path / "a.jsonl", overwrite=True), Pipe()
    one = told(0, "final")
    raised = pytest.raises(OutputError, match="no space left")
    with raised, Records([file, StreamOutput(pipe)]) as records:
        file._file.close()
        file._file = Full()
        for _ in range(3):
            records.tell("final", one.frame, one.record)
    assert len(pipe.lines) == 3
    assert not (tmp_path / "a.jsonl").exists()


def test_who_stops_reading_standard_output_does_not_end_the_others(tmp_path):
    class Gone:
        def write(self, _):
            raise BrokenPipeError

        def flush(self):
            pass

    file, one = FileOutput(tmp_path / "a.jsonl", overwrite=True), told(0, "final")
    with pytest.raises(BrokenPipeError), Records([file, StreamOutput(Gone())]) as records:
        for _ in range(3):
            records.tell("final", one.frame, one.record)
    assert len((tmp_path / "a.jsonl").read_bytes().splitlines()) == 3
