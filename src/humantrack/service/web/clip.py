"""The clip of a job, as it came and as browsers play it; charts of who is in it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from humantrack.service.jobs.job import Job
from humantrack.service.web.context import Service
from humantrack.service.web.making import Wanted
from humantrack.service.web.problems import not_found
from humantrack.service.workers.charts import folder_of, make_charts
from humantrack.service.workers.clip import make_clip

CLIP, CHARTS = "clip.mp4", "charts"
_MAGIC = (
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"OggS", "video/ogg"),
    (0, b"RIFF", "video/x-msvideo"),
)
"""Where in a file what is found, and what it then is."""


def clip_of(service: Service, job: Job) -> Path | None:
    """The clip as it came; None if it is not there any more."""
    path = service.data.source(job, service.settings.folders)
    return path if path.is_file() else None


def media_type_of(path: Path) -> str:
    """What a clip is, by its first bytes, never by its name."""
    with path.open("rb") as file:
        head = file.read(16)
    found = (kind for at, magic, kind in _MAGIC if head[at : at + len(magic)] == magic)
    return next(found, "application/octet-stream")


def about_clip(service: Service, job: Job, here: str) -> dict[str, Any] | None:
    """What a client gets to see of the clip; None if it is not there any more."""
    path = clip_of(service, job)
    if path is None:
        return None
    return {
        "name": job.name,
        "media_type": media_type_of(path),
        "size": path.stat().st_size,
        "url": f"{here}/original",
        "playable_url": f"{here}/clip.mp4",
    }


def of_clip(service: Service, job: Job) -> tuple[Wanted, Path]:
    """How the part of the clip that the job runs on is made an mp4, and where it then is.

    Raises:
        ProblemError: 404 if the clip is gone.
    """
    options = json.dumps(dict(job.overrides), sort_keys=True)
    part = hashlib.sha256(options.encode()).hexdigest()
    target = service.folder(job).made / f"clip-{part[:16]}.mp4"
    source = clip_of(service, job)
    if source is None and not target.is_file():
        raise not_found("clip")
    one = Wanted(
        service=service,
        job=job,
        name=CLIP,
        kind=target.name,
        pool=service.pools.scenes,
        call=make_clip,
        arguments=(str(source), options, str(target)),
    )
    return one, target


def of_charts(service: Service, job: Job, results: Path) -> tuple[Wanted, Path]:
    """How the charts of results are made, and the folder where they then are."""
    folder = folder_of(results, service.folder(job).made)
    one = Wanted(
        service=service,
        job=job,
        name=CHARTS,
        kind=folder.name,
        pool=service.pools.scenes,
        call=make_charts,
        arguments=(str(results), str(folder)),
    )
    return one, folder
