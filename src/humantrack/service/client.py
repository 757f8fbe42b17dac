"""``humantrack-serve submit``: uploads a clip to a service, waits for it, downloads its files.

Needs the extra ``client``, which is part of the extra ``serve``.
"""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

import httpx
import tenacity
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from humantrack import errors
from humantrack.atomic import atomic_write
from humantrack.errors import (
    ConfigError,
    HumantrackError,
    InterruptedRunError,
    SourceNotFoundError,
    UnreadableSourceError,
)
from humantrack.terminal import OneLineParser

T = TypeVar("T")

_TIMEOUT_S = 60.0
_POLL_S = 0.5
_LONGEST_WAIT_S = 30.0
_ENDED = ("succeeded", "failed", "cancelled")
_AGAIN = (408, 429, 502, 503, 504)


class ServiceError(HumantrackError):
    """The service refused, or could not be reached; the exit code is that of its error."""

    exit_code = 1

    def of(self, code: str) -> ServiceError:
        """The same with the exit code of an error of this name."""
        kind = getattr(errors, _SAME_AS.get(code, code), None)
        if isinstance(kind, type) and issubclass(kind, HumantrackError):
            self.exit_code = kind.exit_code
        elif code == "InternalError":
            self.exit_code = errors.INTERNAL_ERROR
        return self


_SAME_AS = {
    "DiskFullError": "OutputError",
    "SourceNotAllowedError": "SourceNotFoundError",
    "SourceNotFetchedError": "SourceNotFoundError",
    "ValidationError": "ConfigError",
}
"""Names that only the service has, and the errors whose exit codes they share."""


class _TryAgainError(Exception):
    """The service is away or busy."""


class Client:
    """Requests to a service, repeated while it is away.

    Args:
        url: of the service.
        token: to send, or None.
        patience_s: how long to go on trying.

    Raises:
        ConfigError: if the address or the token cannot be one.
    """

    def __init__(self, url: str, token: str | None, patience_s: float) -> None:
        address = url if "://" in url else f"http://{url}"
        try:
            urlsplit(address)  # finds brackets that are not closed, which httpx does not
            base = httpx.URL(address)
        except (ValueError, httpx.InvalidURL):
            base = httpx.URL("")
        if base.scheme not in ("http", "https") or not base.host:
            raise ConfigError("is not an address of a service", where=f"--url {url}")
        if token and not (token.isascii() and token.isprintable()):
            raise ConfigError("the token has characters that no token has")
        self._url, self._patience_s = base, patience_s
        # Downloads are continued at a byte, so they must not be compressed.
        headers = {"Accept-Encoding": "identity"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(
            base_url=base,
            headers=headers,
            timeout=_TIMEOUT_S,
            trust_env=not _is_this_machine(base.host),  # a proxy is for other machines
        )

    def close(self) -> None:
        """Let go of all connections."""
        self._http.close()

    def json(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The document that a request gives; one that is tried again has the same key.

        Raises:
            ServiceError: if the service refuses or stays away.
        """
        named: dict[str, Any] = {}
        if body is not None:
            named = {"json": body, "headers": {"Idempotency-Key": uuid.uuid4().hex}}
        return self._made(lambda: _document(self._http.request(method, path, **named)))

    def submit(self, clip: Path, overrides: dict[str, Any], priority: int) -> dict[str, Any]:
        """Upload a clip in pieces; the same key goes with each try, so that there is one job.

        Raises:
            ServiceError: if the service refuses or stays away.
            UnreadableSourceError: if the clip cannot be read.
        """
        fields = {"overrides": json.dumps(overrides), "priority": str(priority)}
        name = clip.name.encode("utf-8", "replace").decode("utf-8")
        headers = {"Idempotency-Key": uuid.uuid4().hex}

        def upload() -> dict[str, Any]:
            with clip.open("rb") as file:
                files = {"file": (name, file, "application/octet-stream")}
                answer = self._http.post("/api/jobs", data=fields, files=files, headers=headers)
            return _document(answer)

        try:
            return self._repeated(upload)
        except OSError as error:
            raise UnreadableSourceError(
                "cannot be read", where=clip, hint=error.strerror
            ) from error

    def download(self, path: str, target: Path) -> None:
        """Fetch a file; goes on where a lost connection broke off.

        Raises:
            ServiceError: if the service refuses or stays away.
            OutputError: if the file cannot be written.
        """
        if not path.startswith("/"):  # the token is for this service alone
            raise ServiceError("the service names a file elsewhere", where=path)
        with atomic_write(target) as file:
            self._made(lambda: self._fetch(path, file))

    def _made(self, call: Callable[[], T]) -> T:
        """The result of a call, repeated for as long as the service is making what it asks for."""
        while True:
            try:
                return self._repeated(call)
            except _StillMakingError:
                time.sleep(_POLL_S)

    def _fetch(self, path: str, into: BinaryIO) -> None:
        done = into.tell()
        headers = {"Range": f"bytes={done}-"} if done else {}
        with self._http.stream("GET", path, headers=headers) as answer:
            _refuse(answer)
            if answer.status_code == 202:
                raise _StillMakingError
            if answer.status_code != 206:
                into.seek(0)
                into.truncate()
            for piece in answer.iter_raw():
                into.write(piece)

    def _repeated(self, call: Callable[[], T]) -> T:
        """The result of a call, which is tried again while the service is away or busy."""
        tries = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_pass),
            stop=tenacity.stop_after_delay(self._patience_s),
            wait=tenacity.wait_exponential(multiplier=_POLL_S, max=_LONGEST_WAIT_S),
            reraise=True,
        )
        try:
            return tries(call)
        except (httpx.HTTPError, _TryAgainError) as error:
            what = "the service cannot be reached"
            raise ServiceError(what, where=self._url, hint=str(error) or None) from error


class _StillMakingError(Exception):
    """What was asked for is not there yet."""


def _may_pass(error: BaseException) -> bool:
    if "CERTIFICATE_VERIFY_FAILED" in str(error) or isinstance(error, httpx.LocalProtocolError):
        return False
    return isinstance(error, httpx.TransportError | _TryAgainError)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _document(answer: httpx.Response) -> dict[str, Any]:
    _refuse(answer)
    if answer.status_code == 202 and "Content-Location" in answer.headers:
        raise _StillMakingError
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ServiceError("this is no service of humantrack", where=answer.url)
    return found


def _refuse(answer: httpx.Response) -> None:
    """Raise what an answer says, if it is not a success."""
    if answer.is_success:
        return
    status = answer.status_code
    if status in _AGAIN:
        raise _TryAgainError(f"status {status}")
    answer.read()
    try:
        document = answer.json()
        what, where = str(document["detail"]), str(document["code"])
    except (ValueError, KeyError, TypeError):
        what, where = f"the service answered {status}", str(answer.url)
    raise ServiceError(what, where=where, hint=_elsewhere(answer)).of(where)


def _elsewhere(answer: httpx.Response) -> str | None:
    if not answer.has_redirect_location:
        return None
    return f"it has moved to {answer.headers['Location']}: use that as --url"


def submit(words: Sequence[str]) -> int:
    """Run ``humantrack-serve submit``; gives the exit code, of a failed job its error's.

    Raises:
        HumantrackError: if the clip is not there or the service refuses.
    """
    arguments = _parser().parse_args(words)
    if not arguments.clip.is_file():
        raise SourceNotFoundError("no such file", where=arguments.clip)
    overrides = overrides_of(arguments.set)
    client = Client(arguments.url, token_of(arguments.token_file), arguments.patience)
    with contextlib.closing(client):
        return _submit(client, arguments, overrides)


def _submit(client: Client, arguments: argparse.Namespace, overrides: dict[str, Any]) -> int:
    client.json("GET", "/api/jobs?per_page=1")  # a wrong token is told before a long upload
    job = client.submit(arguments.clip, overrides, arguments.priority)
    sys.stdout.write(f"{job['id']}\n")
    sys.stdout.flush()
    if not arguments.wait and arguments.output is None:
        return 0
    return finish(client, arguments, wait(client, job))


def finish(client: Client, arguments: argparse.Namespace, job: dict[str, Any]) -> int:
    """Fetch the files of a job that has ended; gives the exit code, of a failed job its error's."""
    if job["state"] != "succeeded":
        stopped = {
            "detail": f"the job was {job['state']}",
            "exit_code": InterruptedRunError.exit_code,
        }
        error = job["error"] or stopped
        sys.stderr.write(f"humantrack-serve: {error['detail']}\n")
        return int(str(error["exit_code"])) or 1
    if arguments.output is not None:
        _fetch(client, job, arguments.output, arguments.file)
    return 0


def wait(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    """The job once it has ended; a bar on a terminal shows how far it is."""
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
        # A service's answer is not a path.
        client.download(there[name]["url"], folder / Path(name).name)


def overrides_of(pairs: Sequence[str]) -> dict[str, Any]:
    """What ``--set NAME=VALUE`` says."""
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


def token_of(path: Path | None) -> str | None:
    """The token, from a file or the environment."""
    if path is None:
        return os.environ.get("HUMANTRACK_TOKEN")
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigError("cannot read the token", where=path) from error


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        "humantrack-serve submit",
        description="Send a clip to a service. The token comes from HUMANTRACK_TOKEN or a file.",
    )
    parser.add_argument("clip", type=Path)
    add_options(parser, "end_time=10s")
    return parser


def add_options(parser: argparse.ArgumentParser, example: str) -> None:
    """What is said of a service and a job, whatever it is of."""
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8080", help="of the service")
    add("--token-file", type=Path, help="a file that holds the token alone")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help=f"e.g. {example}")
    add("--priority", type=int, default=0, help="-100 to 100; higher goes first")
    add("--wait", action="store_true", help="wait until the job has ended")
    add("-o", "--output", type=Path, help="folder for its files; waits too")
    add("--file", action="append", help="which, e.g. results.json; default: all that are ready")
    add("--patience", type=float, default=600.0, help="seconds to try while it is away")
