"""What is made when it is asked for, as HTTP tells it: 202 and how far it is, until it is there."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import Response, json, request

from humantrack.errors import HumantrackError
from humantrack.memory import is_lack_of_memory
from humantrack.service.jobs.job import Job
from humantrack.service.web.context import Service
from humantrack.service.web.problems import ProblemError, of_error, try_later
from humantrack.service.web.uploads import disk_is_full
from humantrack.service.workers.exports_pool import FAILED, READY, Making, Pool, PoolFullError
from humantrack.service.workers.subprocess_pool import HelperLostError, HelperTimeError

_PATIENCE_S = 25.0
_LONGEST_PATIENCE_S = 60.0
_ASK_AGAIN_S = 1


class StillMakingError(Exception):
    """It is not there yet; ``document`` says how far it is."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__("this is being made")
        self.document = document


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Something of a job that is to be made."""

    service: Service
    job: Job
    name: str
    """As a client knows it."""

    kind: str
    """What is made: several files may be made together."""

    pool: Pool
    call: Callable[..., Any]
    """Gets ``arguments`` and a folder for what is not whole yet."""

    arguments: tuple[str | bool, ...]

    @property
    def key(self) -> tuple[str, str]:
        """Of the making."""
        return self.job.id, self.kind

    def make(self) -> None:
        """Have it made, and wait for it as long as the request wants.

        Raises:
            StillMakingError: if it is not ready by then.
            ProblemError: if it cannot be made.
        """
        making = self.pool.find(self.key)
        if making is None or (making.is_over and making.state != FAILED):
            making = self.begin()
        with self.service.waits.place(self.job.owner) as has_place:
            over = making.wait(_patience_s() if has_place else 0.0)
        if not over:
            raise StillMakingError(self.status(is_ready=False))
        self.pool.forget(making)
        if making.state == FAILED:
            raise self._problem(making.error) from making.error
        if making.state != READY:
            raise ProblemError(409, "CancelledError", "its making was cancelled; ask again")

    def begin(self) -> Making:
        """Have it made; what is being made goes on.

        Raises:
            ProblemError: 507 without room on the disk, 503 if too many are waiting.
        """
        made, settings = self.service.folder(self.job).made, self.service.settings
        try:
            made.mkdir(parents=True, exist_ok=True, mode=0o700)
            is_full = self.service.data.free_bytes() < settings.least_free_bytes
        except OSError as error:
            raise disk_is_full() from error
        if is_full:
            raise disk_is_full()
        scratch = made / f".{uuid.uuid4().hex}"
        try:
            return self.pool.ask(
                self.key,
                self.job.owner,
                self.call,
                *self.arguments,
                str(scratch),
                scratch=scratch,
            )
        except PoolFullError as error:
            raise try_later("BusyError", "too many of your files are being made", 5) from error
        except HelperLostError as error:
            raise try_later("BusyError", "the server is going down", 10) from error

    def cancel(self) -> None:
        """Stop its making.

        Raises:
            ProblemError: 409 if it is not being made.
        """
        if not self.pool.cancel(lambda key: key == self.key):
            raise ProblemError(409, "StateError", "this is not being made")

    def status(self, *, is_ready: bool) -> dict[str, Any]:
        """How far it is, as the schema ``MakingOut`` has it."""
        making = None if is_ready else self.pool.find(self.key)
        state = "ready" if is_ready else "absent" if making is None else making.state
        if state == READY and not is_ready:  # it has been removed since
            state, making = "absent", None
        fraction = 1.0 if is_ready else 0.0 if making is None else making.fraction
        problem = None
        if making is not None and state == FAILED:
            said = self._problem(making.error)
            problem = {"code": said.code, "detail": said.detail}
        return {
            "name": self.name,
            "state": state,
            "progress": None if fraction is None else round(fraction, 3),
            "ahead": 0 if making is None else self.pool.ahead(making),
            "error": problem,
            "status_url": f"/api/jobs/{self.job.id}/files/{quote(self.name)}/status",
        }

    def _problem(self, error: BaseException | None) -> ProblemError:
        """Why it could not be made."""
        if isinstance(error, HelperTimeError):
            detail = "making this takes longer than the server allows"
            return ProblemError(422, "TooLongError", detail)
        if is_lack_of_memory(error):
            detail = "making this takes more memory than the server allows"
            return ProblemError(422, "OutOfMemoryError", detail)
        if isinstance(error, HumantrackError):
            folder = str(self.service.folder(self.job).path)
            source = self.service.data.source(self.job, self.service.settings.folders)
            return of_error(error, (str(source), self.job.name), (folder, ""))
        return ProblemError(500, "InternalError", "making this file failed")


def still_making(error: StillMakingError) -> Response:
    """202, and when to ask again."""
    url = error.document["status_url"]
    headers = {"Retry-After": str(_ASK_AGAIN_S), "Content-Location": url}
    body = json.dumps(error.document)
    return Response(body, status=202, mimetype="application/json", headers=headers)


def _patience_s() -> float:
    """How long this request is to wait, by ``Prefer`` (RFC 7240)."""
    prefer = request.headers.get("Prefer", "").lower()
    if re.search(r"(^|,)\s*respond-async\s*($|[,;])", prefer):
        return 0.0
    asked = re.search(r"(^|,)\s*wait\s*=\s*\"?(\d{1,6})\b", prefer)
    return _PATIENCE_S if asked is None else min(float(asked[2]), _LONGEST_PATIENCE_S)
