"""Routes that send many files as one zip."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from apiflask import APIBlueprint, Schema
from flask import Response, stream_with_context
from marshmallow import RAISE
from marshmallow.fields import String
from marshmallow.validate import Length, OneOf

from humantrack.service.jobs.job import Job
from humantrack.service.web.context import Service, service
from humantrack.service.web.files import OFFERED, fetch, offers
from humantrack.service.web.making import StillMakingError
from humantrack.service.web.problems import ProblemError, not_found
from humantrack.service.web.sending import described
from humantrack.service.web.zipping import CannotMakeError, Entry, stream, unique_names

zips = APIBlueprint("zips", __name__, url_prefix="/api", tag="Results")

_MOST_JOBS = 200
_PATIENCE_S = 3600.0
_ASK_AGAIN_S = 1.0


class ZipIn(Schema):
    """Which files."""

    class Meta:  # noqa: D106 - marshmallow's
        unknown = RAISE

    format = String(validate=OneOf(list(OFFERED)))


class ManyIn(ZipIn):
    """Which files of which jobs."""

    ids = String(required=True, validate=Length(1, 80 * _MOST_JOBS))


@zips.get("/jobs/<job_id>/files.zip")
@zips.input(ZipIn, location="query", arg_name="query")
@zips.doc(responses=described("application/zip"))
def get_zip(job_id: str, query: dict[str, Any]) -> Any:
    """All files of a job, or those of one format, as a zip; what is not there yet is made."""
    it = service()
    return _sent(it, [it.readable(job_id)], query.get("format"))


@zips.get("/files.zip")
@zips.input(ManyIn, location="query", arg_name="query")
@zips.doc(responses=described("application/zip"))
def get_zip_of_many(query: dict[str, Any]) -> Any:
    """The files of several jobs (`ids`, with commas between them), a folder each, as a zip."""
    it = service()
    ids = list(dict.fromkeys(query["ids"].split(",")))
    return _sent(it, [it.job(id) for id in ids[:_MOST_JOBS]], query.get("format"))


def _sent(it: Service, some: Sequence[Job], format_name: str | None) -> Response:
    folders = unique_names(job.name for job in some)
    entries = [
        entry
        for job, folder in zip(some, folders, strict=True)
        for entry in _entries(it, job, folder, format_name)
    ]
    if not entries:
        raise not_found("file")
    name = folders[0] if len(some) == 1 else "humantrack"
    name += f"_{format_name}" if format_name else ""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}.zip",
        "Cache-Control": "private, no-store",
        "X-Accel-Buffering": "no",
    }
    return Response(
        stream_with_context(stream(entries)), mimetype="application/zip", headers=headers
    )


def _entries(it: Service, job: Job, folder: str, format_name: str | None) -> Iterator[Entry]:
    for offer in offers(it, job):
        if format_name is None or offer.format == format_name:
            yield Entry(f"{folder}/{offer.name}", partial(_made, it, job, offer.name))


def _made(it: Service, job: Job, name: str) -> Path:
    """Where a file is, once it is made, which may take a while."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return fetch(it, job, name).path
        except StillMakingError as error:
            if time.monotonic() > deadline or it.stopping.is_set():
                raise CannotMakeError("making it takes too long") from error
        except ProblemError as error:
            if error.status != 503 or time.monotonic() > deadline or it.stopping.is_set():
                raise CannotMakeError(error.detail) from error
        it.stopping.wait(_ASK_AGAIN_S)
