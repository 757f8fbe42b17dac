"""Routes of jobs: submit, list, look, watch, cancel, retry."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response, g

from humantrack.service.jobs.database import LostError, is_full
from humantrack.service.jobs.job import ENDED, Job
from humantrack.service.web.context import Service, service
from humantrack.service.web.problems import ProblemError
from humantrack.service.web.schemas import JobOut, PageIn, PageOut, answer
from humantrack.service.web.streams import STREAMED, check_room
from humantrack.service.web.submit import submit

jobs = APIBlueprint("jobs", __name__, url_prefix="/api/jobs", tag="Jobs")


@jobs.post("")
@jobs.output(JobOut, status_code=202)
def submit_job() -> Any:
    """Submit a job.

    Upload a clip as the field `file` of a form, or name a file of an allowed folder in JSON. A
    request with an Idempotency-Key that was used before gives the job of that time.
    """
    job = submit(service())
    return job.public(), 202, {"Location": f"/api/jobs/{job.id}"}


@jobs.get("")
@jobs.input(PageIn, location="query", arg_name="query")
@jobs.output(PageOut)
def list_jobs(query: dict[str, Any]) -> Any:
    """List jobs, newest first unless another order is asked for."""
    page, count = query["page"], query["per_page"]
    some, total = service().store.page(
        g.owner,
        query.get("state"),
        search=query.get("search"),
        sort=query["sort"],
        start=(page - 1) * count,
        count=count,
    )
    return {
        "jobs": [job.public() for job in some],
        "page": page,
        "per_page": count,
        "total": total,
    }


@jobs.get("/<job_id>")
@jobs.output(JobOut)
def show_job(job_id: str) -> Any:
    """Show a job."""
    return service().readable(job_id).public(job_id)


@jobs.get("/<job_id>/events")
@jobs.doc(responses=answer("Server-sent events", "text/event-stream"))
def watch_job(job_id: str) -> Any:
    """Watch a job: an event `job` on every change, until it has ended."""
    it = service()
    job = it.job(job_id)
    if job.state not in ENDED:
        check_room(it)
    events = it.feed.stream(job.id, it.caller())
    return Response(events, mimetype="text/event-stream", headers=STREAMED)


@jobs.delete("/<job_id>")
@jobs.output(JobOut, status_code=202, description="It is being cancelled")
@jobs.doc(responses={204: "It was over, and is removed"})
def end_job(job_id: str) -> Any:
    """Cancel a job that is queued or running; remove one that has ended."""
    it = service()
    job = it.job(job_id)
    if job.state in ENDED:
        remove(it, job)
        return Response(status=204)
    it.store.cancel(job.id)
    return it.job(job.id).public()


def remove(it: Service, job: Job) -> None:
    """Forget an ended job, also on a disk without a byte left: then its files go first."""
    try:
        is_gone = it.store.remove(job.id)
    except LostError as error:
        if not is_full(error):
            raise
        it.folder(job).remove()
        is_gone = it.store.remove(job.id)
    if is_gone:
        it.stop_making(job.id)
        it.folder(job).remove()
        it.data.keep_reserve()


@jobs.post("/<job_id>/retry")
@jobs.output(JobOut, status_code=202)
def retry_job(job_id: str) -> Any:
    """Queue a failed or cancelled job again."""
    it = service()
    job = it.job(job_id)
    if job.live is not None:
        detail = "a recording cannot be tried again; record the source once more (/again)"
        raise ProblemError(409, "StateError", detail)
    if not it.store.retry(job.id):
        raise ProblemError(
            409, "StateError", f"only a failed or cancelled job, not a {job.state} one"
        )
    return it.job(job.id).public(), 202, {"Location": f"/api/jobs/{job.id}"}
