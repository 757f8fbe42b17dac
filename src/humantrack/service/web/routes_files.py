"""Routes of what a job made: files, preview, timeline, frames."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request, send_file

from humantrack.service.web.context import service
from humantrack.service.web.files import fetch, offers, prepared, preview, timeline
from humantrack.service.web.schemas import FilesOut, FramesIn, FramesOut, TimelineOut
from humantrack.service.workers import scene

files = APIBlueprint("files", __name__, url_prefix="/api/jobs/<job_id>", tag="Results")

_WORTH_PACKING = 4096


def _any(media_type: str) -> dict[int | str, Any]:
    content: dict[str, Any] = {"content": {media_type: {}}}
    return {
        200: {"description": "The file", **content},
        206: {"description": "A part of it", **content},
        304: {"description": "Not changed"},
    }


@files.get("/files")
@files.output(FilesOut)
def list_files(job_id: str) -> Any:
    """List the files that can be had; those that are not ready are made on demand."""
    it = service()
    job = it.job(job_id)
    return {"files": [offer.public(job) for offer in offers(it, job)]}


@files.get("/files/<name>")
@files.doc(responses=_any("*/*"))
def get_file(job_id: str, name: str) -> Any:
    """Download a file; ranges are honoured."""
    it = service()
    offer = fetch(it, it.job(job_id), name)
    return _sent(offer.path, offer.media_type, name)


@files.get("/preview.jpg")
@files.doc(responses=_any("image/jpeg"))
def get_preview(job_id: str) -> Any:
    """A picture of the job."""
    it = service()
    return _sent(preview(it, it.job(job_id)), "image/jpeg", "preview.jpg")


@files.get("/timeline")
@files.output(TimelineOut)
def get_timeline(job_id: str) -> Any:
    """When each person is in the clip, and each one's bones."""
    it = service()
    return _document(timeline(it, it.job(job_id)))


@files.get("/frames")
@files.input(FramesIn, location="query", arg_name="query")
@files.output(FramesOut)
def get_frames(job_id: str, query: dict[str, Any]) -> Any:
    """The motion of all people in some frames: metres, y up; quaternions, w first."""
    it = service()
    results, folder = prepared(it, it.job(job_id))
    document = scene.frames(results, folder, query["start"], query["count"])
    return _document(document)


def _document(text: bytes) -> Response:
    """JSON, compressed for who can read that: rows of numbers shrink to a quarter."""
    answer = Response(text, mimetype="application/json", headers={"Vary": "Accept-Encoding"})
    if len(text) > _WORTH_PACKING and request.accept_encodings["gzip"] > 0:
        answer.set_data(gzip.compress(text, compresslevel=3, mtime=0))
        answer.headers["Content-Encoding"] = "gzip"
    return answer


def _sent(path: Path, media_type: str, name: str) -> Response:
    answer = send_file(
        path, mimetype=media_type, conditional=True, etag=True, download_name=name, max_age=0
    )
    answer.headers["Accept-Ranges"] = "bytes"
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer
