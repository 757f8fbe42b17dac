"""Routes of what a job made: files, preview, timeline, frames."""

from __future__ import annotations

import gzip
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from humantrack.service.web.clip import about_clip
from humantrack.service.web.context import service
from humantrack.service.web.files import (
    MEDIA_TYPES,
    PREVIEW,
    fetch,
    offers,
    prepared,
    preview,
    timeline,
    wanted,
)
from humantrack.service.web.names import saved_name
from humantrack.service.web.schemas import (
    FilesOut,
    FramesIn,
    FramesOut,
    MakingOut,
    TimelineOut,
)
from humantrack.service.web.sending import LATER, described, sent
from humantrack.service.workers import scene

files = APIBlueprint("files", __name__, url_prefix="/api/jobs/<job_id>", tag="Results")

_WORTH_PACKING = 4096


_THERE: dict[int | str, Any] = {
    200: {"description": "It is there", "content": {"application/json": {"schema": MakingOut}}}
}


@files.get("/files")
@files.output(FilesOut)
@files.doc(responses=LATER)
def list_files(job_id: str) -> Any:
    """List the files that can be had; those that are not ready are made on demand."""
    it = service()
    job = it.readable(job_id)
    return {
        "files": [offer.public(job, job_id) for offer in offers(it, job)],
        "clip": about_clip(it, job, f"/api/jobs/{job_id}"),
    }


@files.get("/files/<name>")
@files.doc(responses=described(*sorted(MEDIA_TYPES)))
def get_file(job_id: str, name: str) -> Any:
    """Download a file; one range is honoured. What is not there yet is made."""
    it = service()
    job = it.readable(job_id)
    offer = fetch(it, job, name)
    return sent(offer.path, offer.media_type, saved_name(job.name, name))


@files.post("/files/<name>")
@files.output(MakingOut, status_code=202, description="It is being made")
@files.doc(responses=_THERE)
def make_file(job_id: str, name: str) -> Any:
    """Have a file made, without fetching it."""
    it = service()
    one, path = wanted(it, it.job(job_id), name)
    if path.is_file():
        return one.status(is_ready=True), 200
    one.begin()
    return one.status(is_ready=path.is_file()), 202


@files.get("/files/<name>/status")
@files.output(MakingOut)
@files.doc(responses=LATER)
def show_making(job_id: str, name: str) -> Any:
    """How far the making of a file is; also of `timeline`, `preview.jpg`, `clip.mp4`, `charts`."""
    it = service()
    one, path = wanted(it, it.readable(job_id), name)
    return one.status(is_ready=path.is_file())


@files.delete("/files/<name>")
@files.doc(responses={204: "It is made no more", **LATER})
def cancel_making(job_id: str, name: str) -> Any:
    """Stop the making of a file."""
    it = service()
    one, _ = wanted(it, it.job(job_id), name)
    one.cancel()
    return Response(status=204)


@files.get("/preview.jpg")
@files.doc(responses=described("image/jpeg"))
def get_preview(job_id: str) -> Any:
    """A picture of the job."""
    it = service()
    job = it.readable(job_id)
    return sent(preview(it, job), "image/jpeg", saved_name(job.name, PREVIEW))


@files.get("/timeline")
@files.output(TimelineOut)
@files.doc(responses=LATER)
def get_timeline(job_id: str) -> Any:
    """When each person is in the clip, and each one's bones."""
    it = service()
    return _document(timeline(it, it.readable(job_id)))


@files.get("/frames")
@files.input(FramesIn, location="query", arg_name="query")
@files.output(FramesOut)
@files.doc(responses=LATER)
def get_frames(job_id: str, query: dict[str, Any]) -> Any:
    """The motion of all people in some frames: metres, y up; quaternions, w first."""
    it = service()
    results, folder = prepared(it, it.readable(job_id))
    document = scene.frames(results, folder, query["start"], query["count"])
    return _document(document)


def _document(text: bytes) -> Response:
    """JSON, compressed for who can read that: rows of numbers shrink to a quarter."""
    answer = Response(text, mimetype="application/json", headers={"Vary": "Accept-Encoding"})
    if len(text) > _WORTH_PACKING and request.accept_encodings["gzip"] > 0:
        answer.set_data(gzip.compress(text, compresslevel=3, mtime=0))
        answer.headers["Content-Encoding"] = "gzip"
    return answer
