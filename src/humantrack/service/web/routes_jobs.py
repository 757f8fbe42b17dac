"""Routes of jobs: submit, list, look, watch, cancel, retry."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g

from humantrack.service.jobs.job import ENDED
from humantrack.service.jobs.queue import QueueLostError
from humantrack.service.web.context import service
from humantrack.service.web.problems import ProblemError, try_later
from humantrack.service.web.schemas import JobOut, PageIn, PageOut, answer
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
    """List jobs, newest first."""
    page, count = query["page"], query["per_page"]
    some, total = service().store.page(
        g.owner, query.get("state"), start=(page - 1) * count, count=count
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
    return service().job(job_id).public()


@jobs.get("/<job_id>/events")
@jobs.doc(responses=answer("Server-sent events", "text/event-stream"))
def watch_job(job_id: str) -> Any:
    """Watch a job: an event `job` on every change, until it has ended."""
    it = service()
    job = it.job(job_id)
    if it.feed.is_full and job.state not in ENDED:
        raise try_later("TooManyStreamsError", "too many event streams; poll instead", 5)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(it.feed.stream(job.id), mimetype="text/event-stream", headers=headers)


@jobs.delete("/<job_id>")
@jobs.output(JobOut, status_code=202, description="It is being cancelled")
@jobs.doc(responses={204: "It was over, and is removed"})
def end_job(job_id: str) -> Any:
    """Cancel a job that is queued or running; remove one that has ended."""
    it = service()
    job = it.job(job_id)
    if job.state in ENDED:
        if it.store.remove(job.id):
            it.folder(job).remove()
        return Response(status=204)
    it.store.cancel(job.id)
    return it.job(job.id).public()


@jobs.post("/<job_id>/retry")
@jobs.output(JobOut, status_code=202)
def retry_job(job_id: str) -> Any:
    """Queue a failed or cancelled job again."""
    it = service()
    job = it.job(job_id)
    if not it.store.retry(job.id):
        raise ProblemError(
            409, "StateError", f"only a failed or cancelled job, not a {job.state} one"
        )
    with suppress(QueueLostError):
        it.tickets.put()
    return it.job(job.id).public(), 202, {"Location": f"/api/jobs/{job.id}"}
