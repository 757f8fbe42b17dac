"""Errors as HTTP tells them: problem documents (RFC 9457) with the code of our error classes."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from humantrack import errors
from humantrack.errors import HumantrackError
from humantrack.service.privacy import without_paths

MEDIA_TYPE = "application/problem+json"

_STATUS: Mapping[type[HumantrackError], int] = {
    errors.ConfigError: 422,
    errors.SourceError: 422,
    errors.WeightsError: 422,
    errors.DependencyError: 501,
    errors.ResultsError: 500,
    errors.OutputError: 507,
}


class ProblemError(Exception):
    """What goes wrong with a request.

    Args:
        status: of HTTP.
        code: a name for programs: that of an error class, or one of the service's own.
        detail: one line for people.
        headers: further headers of the answer.
    """

    def __init__(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers = dict(headers or {})

    def document(self, instance: str) -> dict[str, Any]:
        """The document, about a request to ``instance``."""
        return document(self.status, self.code, self.detail, instance)


def document(status: int, code: str, detail: str, instance: str) -> dict[str, Any]:
    """A problem document."""
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Error"
    return {
        "type": f"urn:humantrack:problem:{code}",
        "title": title,
        "status": status,
        "detail": without_paths(detail),
        "code": code,
        "instance": instance,
    }


def of_error(error: HumantrackError, *names: tuple[str, str]) -> ProblemError:
    """The problem that one of our errors is.

    Args:
        error: what was raised.
        names: paths of this machine, and what to say instead.
    """
    detail = without_paths(str(error), *names)
    status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 500)
    return ProblemError(status, type(error).__name__, detail)


def not_found(what: str) -> ProblemError:
    """404."""
    return ProblemError(404, "NotFound", f"no such {what}")


def try_later(code: str, detail: str, seconds: float, status: int = 503) -> ProblemError:
    """503 or 429, with when to come again."""
    return ProblemError(status, code, detail, {"Retry-After": str(max(int(seconds + 0.999), 1))})
