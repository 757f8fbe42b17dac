"""Clips that are named by an address on the web, from hosts that the operator allowed."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from humantrack.service.web.problems import ProblemError
from humantrack.service.web.uploads import IncomingFile

_PIECE = 2**20
LONGEST_S = 600.0
"""A fetch that takes longer is given up; the request waits for it."""


def allowed_address(source: str, hosts: Collection[str]) -> SplitResult | None:
    """The address, if ``source`` is one of an allowed host; None if it is something else.

    Args:
        source: as a client gave it.
        hosts: names, or ``name:port``; without a port only the scheme's own is meant.
    """
    try:
        address = urlsplit(source)
        if address.scheme not in ("http", "https") or not address.hostname:
            return None
        usual = {"http": 80, "https": 443}[address.scheme]
        port = address.port or usual
        named = {f"{address.hostname}:{port}"} | ({address.hostname} if port == usual else set())
    except ValueError:
        return None
    good = source.isprintable() and " " not in source and "@" not in address.netloc
    return address if good and named & {host.lower() for host in hosts} else None


def name_of(address: SplitResult) -> str:
    """What to call the clip."""
    return unquote(address.path.rstrip("/").rpartition("/")[2])


def fetch(address: SplitResult, into: IncomingFile, *, most_bytes: int, timeout_s: float) -> None:
    """Fetch a clip. It is not followed elsewhere: another address may be of another host.

    Args:
        address: from :func:`allowed_address`.
        into: where the bytes go; it refuses to fill the disk.
        most_bytes: of the clip.
        timeout_s: patience with a silent server.

    Raises:
        ProblemError: 413 if it is too large, 422 if it cannot be had, 507 without room.
    """
    deadline, taken = time.monotonic() + LONGEST_S, 0
    request = urllib.request.Request(  # noqa: S310 - only http and https come here
        address.geturl(), headers={"User-Agent": "humantrack-serve"}
    )
    try:
        with _opener.open(request, timeout=timeout_s) as answer:
            if int(answer.headers.get("Content-Length") or 0) > most_bytes:
                raise _too_large(most_bytes)
            while piece := answer.read(_PIECE):
                taken += len(piece)
                if taken > most_bytes:
                    raise _too_large(most_bytes)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"it took more than {LONGEST_S:.0f} s")
                into.write(piece)
    except urllib.error.HTTPError as error:
        error.close()
        raise _failed(f"the server answered {error.code}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _failed(str(getattr(error, "reason", error))) from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Lets a redirect be the error it then is."""

    def redirect_request(self, *told: Any) -> None:
        """Nowhere."""


_opener = urllib.request.build_opener(_NoRedirect)


def _too_large(most_bytes: int) -> ProblemError:
    return ProblemError(413, "TooLargeError", f"a clip may have {most_bytes} bytes")


def _failed(why: str) -> ProblemError:
    detail = f"the clip could not be fetched ({' '.join(why.split())[:200]})"
    return ProblemError(422, "SourceNotFetchedError", detail)
