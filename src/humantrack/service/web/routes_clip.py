"""Routes of a job's clip."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from humantrack.service.web.clip import CLIP, clip_of, media_type_of, of_clip
from humantrack.service.web.context import service
from humantrack.service.web.names import saved_name
from humantrack.service.web.problems import not_found
from humantrack.service.web.sending import described, sent

clips = APIBlueprint("clips", __name__, url_prefix="/api/jobs/<job_id>", tag="Results")

_KINDS = ("video/mp4", "video/webm", "video/ogg", "video/x-msvideo")


@clips.get("/original")
@clips.doc(responses=described(*_KINDS))
def get_original(job_id: str) -> Any:
    """The clip as it was submitted; one range is honoured."""
    it = service()
    job = it.readable(job_id)
    path = clip_of(it, job)
    if path is None:
        raise not_found("clip")
    return sent(path, media_type_of(path), job.name)


@clips.get("/clip.mp4")
@clips.doc(responses=described("video/mp4"))
def get_clip(job_id: str) -> Any:
    """The part of the clip that the job runs on, as an mp4 that browsers play; made on demand."""
    it = service()
    job = it.readable(job_id)
    one, path = of_clip(it, job)
    if not path.is_file():
        one.make()
    return sent(path, "video/mp4", saved_name(job.name, CLIP))
