"""Routes that change what there is: another name, another run, a read-only link."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from flask import Response
from marshmallow import RAISE
from marshmallow.fields import Dict, Integer, String
from marshmallow.validate import Length, Range

from humantrack.service.web.context import service
from humantrack.service.web.links import new_link
from humantrack.service.web.schemas import JobOut
from humantrack.service.web.submit import submit_again
from humantrack.service.web.uploads import display_name

changes = APIBlueprint("changes", __name__, url_prefix="/api/jobs/<job_id>", tag="Jobs")


class NameIn(Schema):
    """What a clip is called."""

    class Meta:  # noqa: D106 - marshmallow's
        unknown = RAISE

    name = String(required=True, validate=Length(1, 200))


class AgainIn(Schema):
    """Options of another run."""

    class Meta:  # noqa: D106 - marshmallow's
        unknown = RAISE

    overrides = Dict(load_default=dict)
    priority = Integer(load_default=0, strict=True, validate=Range(-100, 100))


class LinkOut(Schema):
    """What stands for the job's id in a read-only link; null where there is none."""

    link = String(required=True, allow_none=True)


@changes.patch("")
@changes.input(NameIn, location="json", arg_name="body")
@changes.output(JobOut)
def rename_job(job_id: str, body: dict[str, Any]) -> Any:
    """Give a job another name."""
    it = service()
    job = it.job(job_id)
    it.store.alter(job.id, name=display_name(body["name"]))
    return it.job(job.id).public()


@changes.post("/again")
@changes.input(AgainIn, location="json", arg_name="body")
@changes.output(JobOut, status_code=202)
def run_again(job_id: str, body: dict[str, Any]) -> Any:
    """Queue another job of the same clip, with other options; this one stays as it is."""
    it = service()
    job = submit_again(it, it.job(job_id), body["overrides"], body["priority"])
    return job.public(), 202, {"Location": f"/api/jobs/{job.id}"}


@changes.get("/link")
@changes.output(LinkOut)
def get_link(job_id: str) -> Any:
    """The job's read-only link."""
    return {"link": service().job(job_id).link}


@changes.post("/link")
@changes.output(LinkOut)
def make_link(job_id: str) -> Any:
    """Make a read-only link, or give the one there is.

    It stands for the id in every route that reads, and needs no token.
    """
    it = service()
    job = it.job(job_id)
    if job.link is None:
        it.store.alter(job.id, link=new_link())
    return {"link": it.job(job.id).link}


@changes.delete("/link")
@changes.doc(responses={204: "The link is no more"})
def revoke_link(job_id: str) -> Any:
    """Revoke the read-only link."""
    it = service()
    it.store.alter(it.job(job_id).id, link=None)
    return Response(status=204)
