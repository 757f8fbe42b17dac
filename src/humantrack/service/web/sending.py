"""Answers that are files, and how they are described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Response, request, send_file

from humantrack.service.web.ranges import ignore_other_ranges
from humantrack.service.web.schemas import MakingOut, content_of

LATER: dict[int | str, Any] = {
    202: {
        "description": "It is being made. `Prefer: wait=N` says how many seconds to wait for it",
        "content": {"application/json": {"schema": MakingOut}},
    }
}


def described(*media_types: str) -> dict[int | str, Any]:
    """The description of an answer that is a file."""
    content: dict[str, Any] = {"content": content_of(*media_types)}
    return {
        200: {"description": "The file", **content},
        206: {"description": "A part of it", **content},
        304: {"description": "Not changed"},
        **LATER,
    }


def sent(path: Path, media_type: str, saved_as: str) -> Response:
    """A file; one range is honoured."""
    ignore_other_ranges(request.environ, path.stat().st_size)
    answer = send_file(
        path, mimetype=media_type, conditional=True, etag=True, download_name=saved_as, max_age=0
    )
    answer.headers["Accept-Ranges"] = "bytes"
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer
