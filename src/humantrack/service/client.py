"""``humantrack-serve submit``: sends a clip to a service, waits for it, fetches what it made.

Standard library only, so that a script on another machine needs no extras.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import ssl
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from humantrack.atomic import atomic_write
from humantrack.errors import ConfigError, HumantrackError, SourceNotFoundError

_TIMEOUT_S = 60.0
_POLL_S = 0.5
_LONGEST_WAIT_S = 30.0
_PIECE = 2**18
_ENDED = ("succeeded", "failed", "cancelled")
_AGAIN = (408, 429, 502, 503, 504)


class ServiceError(HumantrackError):
    """The service refused, or could not be reached."""

    exit_code = 1


class _TryAgainError(Exception):
    """The service is away or busy."""


class Client:
    """Requests to a service, repeated while it is away.

    Args:
        url: of the service.
        token: to send, or None.
        patience_s: how long to go on trying.
    """

    def __init__(self, url: str, token: str | None, patience_s: float) -> None:
        self._url = urlsplit(url if "://" in url else f"http://{url}")
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise ConfigError("is no address of a service", where=f"--url {url}")
        self._token, self._patience_s = token, patience_s

    def json(self, method: str, path: str) -> dict[str, Any]:
        """The document that a request gives."""
        found: dict[str, Any] = json.loads(self._repeated(method, path))
        return found

    def submit(self, clip: Path, overrides: dict[str, Any], priority: int) -> dict[str, Any]:
        """Upload a clip; the same key goes with each try, so that there is one job."""
        edge = uuid.uuid4().hex
        fields = {"overrides": json.dumps(overrides), "priority": str(priority)}
        head = b"".join(
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        )
        head += (
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; '
            f'filename="{quote(clip.name)}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        ).encode()
        tail = f"\r\n--{edge}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={edge}",
            "Content-Length": str(len(head) + clip.stat().st_size + len(tail)),
            "Idempotency-Key": uuid.uuid4().hex,
        }

        def body() -> Iterator[bytes]:
            yield head
            with clip.open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
            yield tail

        found: dict[str, Any] = json.loads(
            self._repeated("POST", "/api/jobs", headers=headers, body=body)
        )
        return found

    def download(self, path: str, target: Path) -> None:
        """Fetch a file; goes on where a lost connection broke off."""
        with atomic_write(target) as file:
            self._repeated("GET", path, into=file)

    def _repeated(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        body: Any = None,
        into: BinaryIO | None = None,
    ) -> bytes:
        deadline, wait_s = time.monotonic() + self._patience_s, _POLL_S
        while True:
            try:
                return self._once(method, path, dict(headers or {}), body, into)
            except (OSError, http.client.HTTPException, _TryAgainError) as error:
                if time.monotonic() > deadline:
                    where = self._url.geturl()
                    what = "the service cannot be reached"
                    raise ServiceError(what, where=where, hint=str(error) or None) from error
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _once(
        self, method: str, path: str, headers: dict[str, str], body: Any, into: BinaryIO | None
    ) -> bytes:
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        if into is not None and into.tell():
            headers["Range"] = f"bytes={into.tell()}-"
        connection = self._connection()
        try:
            connection.request(
                method,
                self._url.path.rstrip("/") + path,
                body=None if body is None else body(),
                headers=headers,
            )
            answer = connection.getresponse()
            if answer.status >= 400:
                _refuse(answer)
            if into is None:
                return answer.read()
            if answer.status != 206:
                into.seek(0)
                into.truncate()
            while piece := answer.read(_PIECE):
                into.write(piece)
            return b""
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=context)
        return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)


def _refuse(answer: http.client.HTTPResponse) -> None:
    text = answer.read(2**16)
    if answer.status in _AGAIN:
        raise _TryAgainError(f"status {answer.status}")
    try:
        document = json.loads(text)
        what, where = str(document["detail"]), str(document["code"])
    except (ValueError, KeyError, TypeError):
        what, where = f"the service answered {answer.status}", None
    raise ServiceError(what, where=where)


def submit(words: Sequence[str]) -> int:
    """Run ``humantrack-serve submit``; gives the exit code, of a failed job its error's.

    Raises:
        HumantrackError: if the clip is not there or the service refuses.
    """
    arguments = _parser().parse_args(words)
    if not arguments.clip.is_file():
        raise SourceNotFoundError("no such file", where=arguments.clip)
    client = Client(arguments.url, _token(arguments.token_file), arguments.patience)
    job = client.submit(arguments.clip, _overrides(arguments.set), arguments.priority)
    sys.stdout.write(f"{job['id']}\n")
    sys.stdout.flush()
    if not arguments.wait and arguments.output is None:
        return 0
    job = _wait(client, job)
    if job["state"] != "succeeded":
        error = job["error"] or {"detail": f"the job was {job['state']}", "exit_code": 1}
        sys.stderr.write(f"humantrack-serve: {error['detail']}\n")
        return int(error["exit_code"]) or 1
    if arguments.output is not None:
        _fetch(client, job, arguments.output, arguments.file)
    return 0


def _wait(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(job["name"], total=1.0)
        while job["state"] not in _ENDED:
            time.sleep(_POLL_S)
            job = client.json("GET", f"/api/jobs/{job['id']}")
            said = f"{job['name']}: {job['state']}"
            bar.update(task, completed=job["progress"] or 0.0, description=said)
    return job


def _fetch(client: Client, job: dict[str, Any], folder: Path, names: list[str] | None) -> None:
    listed = client.json("GET", f"/api/jobs/{job['id']}/files")["files"]
    there = {file["name"]: file for file in listed}
    for name in names or [n for n, file in there.items() if file["ready"]]:
        if name not in there:
            raise ConfigError(
                "the job has no such file", where=name, hint=f"it has {', '.join(there)}"
            )
        # A service's word is no path.
        client.download(there[name]["url"], folder / Path(name).name)


def _overrides(pairs: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError("write NAME=VALUE", where=f"--set {pair}")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _token(path: Path | None) -> str | None:
    if path is None:
        return os.environ.get("HUMANTRACK_TOKEN")
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigError("cannot read the token", where=path) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "humantrack-serve submit",
        description="Send a clip to a service. The token comes from HUMANTRACK_TOKEN or a file.",
    )
    add = parser.add_argument
    add("clip", type=Path)
    add("--url", default="http://127.0.0.1:8080", help="of the service")
    add("--token-file", type=Path, help="a file that holds the token alone")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="e.g. end_time=10s")
    add("--priority", type=int, default=0, help="-100 to 100; higher goes first")
    add("--wait", action="store_true", help="wait until the job has ended")
    add("-o", "--output", type=Path, help="folder for its files; waits too")
    add("--file", action="append", help="which, e.g. results.json; default: all that are ready")
    add("--patience", type=float, default=600.0, help="seconds to try while it is away")
    return parser
