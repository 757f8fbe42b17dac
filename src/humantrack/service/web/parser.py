"""Reading requests: what is refused before, or while, its body comes."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from waitress.parser import HTTPRequestParser
from waitress.utilities import Error

from humantrack.service.jobs.folders import DataFolder
from humantrack.service.settings import Settings
from humantrack.service.web.gate import Gate
from humantrack.service.web.problems import MEDIA_TYPE, ProblemError, document

_CHECK_BYTES = 16 * 2**20
_PASSED_OVER = 64 * 2**20
"""Bytes of a refused body that are taken, and kept nowhere, so that its sender hears why."""

_SLOWEST = 1000
"""Bytes a second, on average, that a body has to come with."""


class _ProblemError(Error):  # type: ignore[misc]
    """What waitress answers when a request does not even reach the application."""

    def __init__(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        about = document(status, code, detail, "")
        super().__init__(detail)
        self.code, self.reason, self._about = status, str(about["title"]), about
        self._headers = dict(headers or {})

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        body = json.dumps(self._about).encode()
        status = f"{self.code} {self.reason}"
        headers = {"Content-Type": MEDIA_TYPE, "X-Content-Type-Options": "nosniff"}
        return status, list({**headers, **self._headers}.items()), body


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Ends a request early: one that may not be sent, is too large or too slow.

    Args:
        adj: waitress's settings.
        settings: limits and times.
        gate: who may send a body.
        data: whose disk it would go to.
        address: of who is connected.
    """

    error: Any = None
    completed = False

    def __init__(
        self, adj: Any, *, settings: Settings, gate: Gate, data: DataFolder, address: str
    ) -> None:
        super().__init__(adj)
        self._settings, self._gate, self._data = settings, gate, data
        self._address, self._begun_s = address, time.monotonic()
        self._unchecked = self._unread = 0
        self._refusal: ProblemError | None = None

    def received(self, piece: bytes) -> int:
        """Take bytes; gives how many of them were this request's."""
        if self._refusal is not None:
            return self._passed_over(self._refusal, len(piece))
        taken = super().received(piece)
        if self._refusal is not None:
            self.completed = False  # it was taken for a request without a body
            return int(taken)
        if self.error is not None and not isinstance(self.error, _ProblemError):
            self.error = _as_problem(self.error)
        if self.completed:
            return int(taken)
        seconds = time.monotonic() - self._begun_s
        if not self.headers_finished and seconds > self._settings.timeout_s:
            self._end(408, "TooSlowError", "the headers took too long")
        elif seconds > self._settings.timeout_s + self.body_bytes_received / _SLOWEST:
            self._end(408, "TooSlowError", "the body comes too slowly")
        self._unchecked += taken
        if self._unchecked > _CHECK_BYTES:
            self._unchecked = 0
            if self._data.free_bytes() < self._settings.least_free_bytes:
                self._end(507, "DiskFullError", "there is no room on the server's disk")
        return int(taken)

    def parse_header(self, header_plus: bytes) -> None:
        """Read the headers, and refuse a body by them."""
        super().parse_header(header_plus)
        names = {line.partition(b":")[0].strip() for line in header_plus.lower().split(b"\n")}
        if {b"content-length", b"transfer-encoding"} <= names:
            self._end(400, "BadRequest", "two lengths of one body")  # whose end is it?
            return
        try:
            self._check_sender()
        except ProblemError as refusal:
            self._refuse(refusal)
            return
        # The body is received whole, and then its file is copied out of it.
        needed = 2 * self.content_length + self._settings.least_free_bytes
        allowed = _CHECK_BYTES < self.content_length < self.adj.max_request_body_size
        if allowed and self._data.free_bytes() < needed:
            self._end(507, "DiskFullError", "there is no room on the server's disk")

    def _check_sender(self) -> None:
        if self.chunked or self.content_length > 0:
            length = None if self.chunked else self.content_length
            self._gate.check_body(self.headers, self.path, length, self._address)

    def _refuse(self, refusal: ProblemError) -> None:
        """Let a body pass that is not too long; who is still sending may not hear an answer."""
        self.body_rcv = None
        if self.chunked or self.expect_continue or self.content_length > _PASSED_OVER:
            self._end_by(refusal)
        else:
            self._refusal, self._unread = refusal, self.content_length

    def _passed_over(self, refusal: ProblemError, taken: int) -> int:
        """Count the bytes of a body that nobody keeps."""
        taken = min(taken, self._unread)
        self._unread -= taken
        if not self._unread:
            self._end_by(refusal)
        elif time.monotonic() - self._begun_s > self._settings.timeout_s:
            self._end(408, "TooSlowError", "the body comes too slowly")
        return taken

    def _end_by(self, refusal: ProblemError) -> None:
        self._end(refusal.status, refusal.code, refusal.detail, refusal.headers)

    def _end(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.error = _ProblemError(status, code, detail, headers)
        self.completed = self.connection_close = True
        self.expect_continue = False


def _as_problem(error: Error) -> _ProblemError:
    code = "".join(word.capitalize() for word in error.reason.split())
    return _ProblemError(error.code, code, str(error.body))
