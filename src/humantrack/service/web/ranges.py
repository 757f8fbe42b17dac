"""Which part of a file a request wants.

By RFC 9110, 14.2, a Range that is malformed or of another unit is ignored, and so may be one of
several parts: the answer is the whole file. Only one part that begins behind the end is an error.
"""

from __future__ import annotations

import re
from typing import Any

_ONE = re.compile(r"\s*bytes\s*=\s*(?:(\d{1,18})\s*-\s*(\d{1,18})?|-\s*(\d{1,18}))\s*", re.I)


def is_one_part(header: str) -> bool:
    """Whether a Range header names one part of a file, with its first byte not after its last."""
    found = _ONE.fullmatch(header)
    if found is None or not header.isascii():
        return False
    first, last, _ = found.groups()
    return first is None or last is None or int(first) <= int(last)


def _is_all(header: str, size: int) -> bool:
    found = _ONE.fullmatch(header)
    return found is not None and found[3] is not None and int(found[3]) >= size > 0


def ignore_other_ranges(environ: dict[str, Any], size: int) -> None:
    """Forget a request's Range where it is to be ignored, or asks for the end and means it all.

    Args:
        environ: of the request (WSGI).
        size: of the file in bytes.
    """
    header = environ.get("HTTP_RANGE")
    asks = environ.get("REQUEST_METHOD") == "GET"
    if header is not None and not (asks and is_one_part(header) and not _is_all(header, size)):
        del environ["HTTP_RANGE"]
        environ.pop("HTTP_IF_RANGE", None)
