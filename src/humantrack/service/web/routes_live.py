"""Routes of live jobs: which sources there are, begin, watch, stop."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from flask import Response
from marshmallow import RAISE
from marshmallow.fields import Boolean, Dict, Float, Integer, List, Nested, String
from marshmallow.validate import Length, Range

from humantrack.service.jobs.job import DISCARD, ENDED, KEEP, Job
from humantrack.service.jobs.live_lines import RECORDS, SCENE
from humantrack.service.jobs.overrides import LIVE_OVERRIDES, defaults, offered
from humantrack.service.web.context import Service, service
from humantrack.service.web.problems import ProblemError, not_found
from humantrack.service.web.routes_jobs import remove
from humantrack.service.web.schemas import JobOut, answer
from humantrack.service.web.streams import (
    BOUNDARY,
    STREAMED,
    check_room,
    live_lines,
    live_pictures,
    newest_picture,
)
from humantrack.service.web.submit import submit_live

live = APIBlueprint("live", __name__, url_prefix="/api", tag="Live")

_EVENTS = "text/event-stream"
_PICTURES = "multipart/x-mixed-replace"


class LiveSourceOut(Schema):
    """A camera or stream that may be recorded."""

    name = String(required=True)


class LiveOut(Schema):
    """What may be recorded, and how: the longest in seconds, the largest in bytes."""

    sources = List(Nested(LiveSourceOut), required=True)
    longest_s = Float(required=True)
    largest_bytes = Integer(required=True)
    overrides = Dict(required=True)


class LiveIn(Schema):
    """What to record."""

    class Meta:  # noqa: D106 - marshmallow's
        unknown = RAISE

    source = String(required=True, validate=Length(1, 40))
    name = String(validate=Length(1, 200))
    overrides = Dict(load_default=dict)
    priority = Integer(load_default=0, strict=True, validate=Range(-100, 100))


class StopIn(Schema):
    """What becomes of the recording."""

    class Meta:  # noqa: D106 - marshmallow's
        unknown = RAISE

    keep = Boolean(load_default=True)


@live.get("/live")
@live.output(LiveOut)
def list_live() -> Any:
    """The live sources that the operator allows, by name."""
    it = service()
    return {
        "sources": [{"name": name} for name in it.settings.live_sources],
        "longest_s": it.settings.live_s,
        "largest_bytes": it.settings.live_bytes,
        "overrides": {
            name: {**one.public(), "default": defaults()[name]}
            for name, one in offered(LIVE_OVERRIDES).items()
        },
    }


@live.post("/live")
@live.input(LiveIn, location="json", arg_name="body")
@live.output(JobOut, status_code=202)
def begin_live(body: dict[str, Any]) -> Any:
    """Record a live source, from when a worker is free until it is stopped or reaches a limit."""
    job = submit_live(
        service(), body["source"], body["overrides"], body["priority"], name=body.get("name")
    )
    return job.public(), 202, {"Location": f"/api/jobs/{job.id}"}


@live.get("/jobs/<job_id>/live/records")
@live.doc(responses=answer("Server-sent events", _EVENTS))
def watch_records(job_id: str) -> Any:
    """Events `records`: lines of `humantrack-live`, provisional and final, until the job ends."""
    return _events(job_id, RECORDS)


@live.get("/jobs/<job_id>/live/scene")
@live.doc(responses=answer("Server-sent events", _EVENTS))
def watch_scene(job_id: str) -> Any:
    """Events `scene`: each frame as `frames` has it, with the bones of those in it."""
    return _events(job_id, SCENE)


@live.get("/jobs/<job_id>/live/overlay.mjpg")
@live.doc(responses=answer("Pictures, one after the other", _PICTURES))
def watch_pictures(job_id: str) -> Any:
    """The newest picture with the people drawn in, and each that follows (motion JPEG)."""
    it, job = _running(job_id)
    kind = f"{_PICTURES}; boundary={BOUNDARY}"
    return Response(live_pictures(it, job), content_type=kind, headers=STREAMED)


@live.get("/jobs/<job_id>/live/overlay.jpg")
@live.doc(responses=answer("A picture", "image/jpeg"))
def get_picture(job_id: str) -> Any:
    """The newest picture with the people drawn in."""
    it = service()
    return Response(newest_picture(it, _live_job(it, job_id)), mimetype="image/jpeg")


@live.post("/jobs/<job_id>/live/stop")
@live.input(StopIn, location="json", arg_name="body")
@live.output(JobOut, status_code=202)
def stop_live(job_id: str, body: dict[str, Any]) -> Any:
    """End a recording: it becomes a succeeded job or, with `keep` false, is removed."""
    it = service()
    job = _live_job(it, job_id)
    if not it.store.stop(job.id, KEEP if body["keep"] else DISCARD):
        raise ProblemError(409, "StateError", "the job has ended, or is being cancelled")
    now = it.store.get(job.id) or job  # it may be gone already
    if now.state in ENDED and not body["keep"]:
        remove(it, now)
    return now.public()


def _events(job_id: str, stem: str) -> Response:
    it, job = _running(job_id)
    return Response(live_lines(it, job, stem), mimetype=_EVENTS, headers=STREAMED)


def _running(job_id: str) -> tuple[Service, Job]:
    """A live job that has not ended, if there is room for another who watches."""
    it = service()
    job = _live_job(it, job_id)
    if job.state in ENDED:
        raise ProblemError(409, "StateError", f"the job is {job.state}; it is not live any more")
    check_room(it)
    return it, job


def _live_job(it: Service, job_id: str) -> Job:
    job = it.job(job_id)
    if job.live is None:
        raise not_found("live job")
    return job
