"""The files that a job offers: some are there, the others are made when they are asked for."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from humantrack.errors import HumantrackError
from humantrack.export import FORMATS
from humantrack.service.jobs.folders import JobFolder
from humantrack.service.jobs.job import SUCCEEDED, Job
from humantrack.service.web.context import Service
from humantrack.service.web.problems import ProblemError, not_found, of_error, try_later
from humantrack.service.workers import artifacts, scene
from humantrack.service.workers.subprocess_pool import HelperLostError, HelperSlowError

_MAKE_S = 60.0
_PICKLE = "application/octet-stream"
_MEDIA_TYPES = {
    "json": "application/json",
    "jsonl": "application/jsonl",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "mot": "text/plain",
    "coco": "application/json",
    "glb": "model/gltf-binary",
    "bvh": "text/plain",
    "trc": "text/plain",
}
_NEEDS = {"parquet": "pyarrow"}


@dataclass(frozen=True, slots=True)
class Offer:
    """A file that can be had."""

    name: str
    media_type: str
    path: Path
    """Where it is, or will be."""

    format: str | None = None
    """Export format that makes it; None if it is there already."""

    def public(self, job: Job) -> dict[str, Any]:
        """What a client gets to see."""
        ready = self.path.is_file()
        return {
            "name": self.name,
            "media_type": self.media_type,
            "size": self.path.stat().st_size if ready else None,
            "ready": ready,
            "url": f"/api/jobs/{job.id}/files/{self.name}",
        }


def offers(service: Service, job: Job) -> list[Offer]:
    """All files of a job; none before it has succeeded."""
    folder = service.folder(job)
    return (
        list(_offers(folder, json.loads(timeline(service, job)))) if job.state == SUCCEEDED else []
    )


def _offers(folder: JobFolder, tracks: dict[str, Any]) -> Iterator[Offer]:
    there = (
        ("overlay.mp4", "video/mp4", folder.overlay),
        ("results.pkl", _PICKLE, folder.results),
        ("results.meta.json", "application/json", folder.meta),
    )
    for name, media_type, path in there:
        if path is not None:
            yield Offer(name, media_type, path)
    for kind in FORMATS.values():
        needed = _NEEDS.get(kind.name)
        if needed is not None and importlib.util.find_spec(needed) is None:
            continue
        media_type = _MEDIA_TYPES.get(kind.name, _PICKLE)
        parts = [""]
        if not kind.is_single:
            parts = [f"_track{track['track_id']}" for track in tracks["tracks"]]
        for part in parts:
            name = f"results{part}{kind.suffix}"
            yield Offer(name, media_type, folder.made / name, kind.name)


def fetch(service: Service, job: Job, name: str) -> Offer:
    """One of a job's files, made if need be. ``name`` is only compared, never made a path.

    Raises:
        ProblemError: 404 if there is none of that name, 503 if it takes its time.
    """
    offer = next((o for o in offers(service, job) if o.name == name), None)
    if offer is None:
        raise not_found("file")
    if not offer.path.is_file() and offer.format is not None:
        folder = service.folder(job)
        _make(
            service,
            job,
            offer.format,
            artifacts.make_export,
            str(folder.results),
            offer.format,
            str(folder.made),
        )
    if not offer.path.is_file() or offer.path.is_symlink():
        raise not_found("file")
    return offer


def timeline(service: Service, job: Job) -> bytes:
    """The document of a job's tracks, as :func:`scene.timeline` gives it.

    Raises:
        ProblemError: 409 if there are no results.
    """
    return scene.timeline(*prepared(service, job))


def prepared(service: Service, job: Job) -> tuple[Path, Path]:
    """A job's results and the folder of what a page draws, made if need be.

    Raises:
        ProblemError: 409 if there are no results.
    """
    folder = service.folder(job)
    results = folder.results
    if job.state != SUCCEEDED or results is None:
        raise ProblemError(409, "StateError", f"the job is {job.state}; there are no results")
    if not scene.is_prepared(results, folder.made):
        _make(service, job, "scene", artifacts.make_scene, str(results), str(folder.made))
    return results, folder.made


def preview(service: Service, job: Job) -> Path:
    """A picture of the job: of the overlay if there is one, else of the clip."""
    folder = service.folder(job)
    overlay = folder.overlay if job.state == SUCCEEDED else None
    target = folder.made / ("preview.jpg" if overlay else "preview_clip.jpg")
    if not target.is_file():
        folder.made.mkdir(parents=True, exist_ok=True, mode=0o700)
        video = str(overlay or job.source)
        _make(service, job, target.name, artifacts.make_preview, video, str(target))
    return target


def _make(service: Service, job: Job, what: str, function: Any, *arguments: str) -> None:
    folder = service.folder(job)
    folder.made.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        service.makers.call((job.id, what), function, *arguments, wait_s=_MAKE_S)
    except HumantrackError as error:
        raise of_error(error, (job.source, job.name), (str(folder.path), "")) from error
    except HelperSlowError as error:
        raise try_later("StillMakingError", "this is being made; ask again", 5) from error
    except HelperLostError as error:
        raise ProblemError(500, "InternalError", "making this file failed") from error
