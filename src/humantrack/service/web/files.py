"""The files that a job offers: some are there, the others are made when they are asked for."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from humantrack.export import FORMATS
from humantrack.service.jobs.folders import JobFolder
from humantrack.service.jobs.job import CANCELLED, ENDED, SUCCEEDED, Job
from humantrack.service.web.clip import CHARTS, CLIP, of_charts, of_clip
from humantrack.service.web.context import Service
from humantrack.service.web.making import Wanted
from humantrack.service.web.names import saved_name
from humantrack.service.web.problems import ProblemError, not_found
from humantrack.service.workers import artifacts, scene
from humantrack.service.workers.charts import DONE

TIMELINE, PREVIEW = "timeline", "preview.jpg"
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
MEDIA_TYPES = {"video/mp4", _PICKLE, *_MEDIA_TYPES.values()}
OFFERED = {name: kind for name, kind in FORMATS.items() if not kind.is_per_frame}
"""Export formats to be had here; of those with a file for each frame there would be thousands."""

_NEEDS = {
    **{"parquet": "pyarrow", "angles-parquet": "pyarrow"},
    **{"c3d": "ezc3d", "usd": "pxr", "rrd": "rerun"},
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A file that can be had."""

    name: str
    media_type: str
    path: Path
    """Where it is, or will be."""

    format: str | None = None
    """Export format that makes it; None if it is there already."""

    def public(self, job: Job, job_id: str) -> dict[str, Any]:
        """What a client gets to see, who named the job like this."""
        ready = self.path.is_file()
        return {
            "name": self.name,
            "saved_as": saved_name(job.name, self.name),
            "media_type": self.media_type,
            "size": self.path.stat().st_size if ready else None,
            "ready": ready,
            "format": self.format,
            "url": f"/api/jobs/{job_id}/files/{self.name}",
        }


def offers(service: Service, job: Job) -> list[Offer]:
    """All files of a job; those of one that was stopped or failed say so in their names."""
    folder = service.folder(job)
    results = _results(folder, job)
    if results is None:
        return []
    return list(_offers(folder, results, job.state, json.loads(timeline(service, job))))


def _offers(
    folder: JobFolder, results: Path, state: str, tracks: dict[str, Any]
) -> Iterator[Offer]:
    whole = state == SUCCEEDED
    stem = "results" if whole else "partial_results"
    made = folder.made if whole else folder.made / f"partial-{results.stat().st_mtime_ns:x}"
    there = (
        ("overlay.mp4", "video/mp4", folder.overlay if whole else None),
        (f"{stem}.pkl", _PICKLE, results),
        (f"{stem}.meta.json", "application/json", folder.meta if whole else None),
    )
    for name, media_type, path in there:
        if path is not None:
            yield Offer(name, media_type, path)
    for kind in OFFERED.values():
        needed = _NEEDS.get(kind.name)
        if needed is not None and importlib.util.find_spec(needed) is None:
            continue
        media_type = _MEDIA_TYPES.get(kind.name, _PICKLE)
        parts = [""]
        if not kind.is_single:
            parts = [f"_track{track['track_id']}" for track in tracks["tracks"]]
        for part in parts:
            end = f"{part}{kind.suffix}"
            yield Offer(f"{stem}{end}", media_type, made / f"results{end}", kind.name)


def find(service: Service, job: Job, name: str) -> Offer:
    """One of a job's files. ``name`` is only compared, never made a path.

    Raises:
        ProblemError: 404 if there is none of that name.
    """
    offer = next((o for o in offers(service, job) if o.name == name), None)
    if offer is None:
        raise not_found("file")
    return offer


def fetch(service: Service, job: Job, name: str) -> Offer:
    """One of a job's files, made if need be; arguments and errors as for :func:`find`.

    Raises:
        StillMakingError: if it takes its time.
    """
    offer = find(service, job, name)
    if not offer.path.is_file() and offer.format is not None:
        of_export(service, job, offer).make()
    if not offer.path.is_file() or offer.path.is_symlink():
        raise not_found("file")
    return offer


def wanted(service: Service, job: Job, name: str) -> tuple[Wanted, Path]:
    """How something of a job is made, also its time line and preview, and where it then is.

    Raises:
        ProblemError: 404 if there is no such thing, 409 if there are no results.
    """
    if name == TIMELINE:
        one, _, made = _of_scene(service, job)
        return one, made / scene.FILES[-1]
    if name == PREVIEW:
        return _of_preview(service, job)
    if name == CLIP:
        return of_clip(service, job)
    if name == CHARTS:
        one, folder = of_charts(service, job, results_of(service, job))
        return one, folder / DONE
    offer = find(service, job, name)
    return of_export(service, job, offer), offer.path


def of_export(service: Service, job: Job, offer: Offer) -> Wanted:
    """How a file is made."""
    results = results_of(service, job)
    return Wanted(
        service=service,
        job=job,
        name=offer.name,
        kind=offer.format or offer.name,
        pool=service.pools.exports,
        call=artifacts.make_export,
        arguments=(str(results), offer.format or "", str(offer.path.parent)),
    )


def timeline(service: Service, job: Job) -> bytes:
    """The document of a job's tracks, as :func:`scene.timeline` gives it.

    Raises:
        ProblemError: 409 if there are no results.
        StillMakingError: if it takes its time.
    """
    return scene.timeline(*prepared(service, job))


def results_of(service: Service, job: Job) -> Path:
    """A job's results: all of them or, if it was stopped or failed, those of the frames before.

    Raises:
        ProblemError: 409 if there are none.
    """
    results = _results(service.folder(job), job)
    if results is None:
        raise ProblemError(409, "StateError", f"the job is {job.state}; there are no results")
    return results


def _results(folder: JobFolder, job: Job) -> Path | None:
    if job.state == SUCCEEDED:
        return folder.results
    if job.live is not None and job.state == CANCELLED:
        return None  # it may lie there yet, but is not kept
    return folder.partial if job.state in ENDED else None


def prepared(service: Service, job: Job) -> tuple[Path, Path]:
    """A job's results and the folder of what a page draws, made if need be.

    Raises:
        ProblemError: 409 if there are no results.
        StillMakingError: if it takes its time.
    """
    one, results, made = _of_scene(service, job)
    if not scene.is_prepared(results, made):
        one.make()
    return results, made


def _of_scene(service: Service, job: Job) -> tuple[Wanted, Path, Path]:
    folder, results = service.folder(job), results_of(service, job)
    one = Wanted(
        service=service,
        job=job,
        name=TIMELINE,
        kind=TIMELINE,
        pool=service.pools.scenes,
        call=artifacts.make_scene,
        arguments=(str(results), str(folder.made)),
    )
    return one, results, folder.made


def preview(service: Service, job: Job) -> Path:
    """A picture of the job: of the overlay if there is one, else of the clip.

    Raises:
        StillMakingError: if it takes its time.
    """
    one, target = _of_preview(service, job)
    if not target.is_file():
        one.make()
    return target


def _hides_faces(job: Job) -> bool:
    """Whether its options say that no face is to be seen."""
    return str(job.overrides.get("render.blur_faces", False)).lower() == "true"


def _of_preview(service: Service, job: Job) -> tuple[Wanted, Path]:
    folder = service.folder(job)
    overlay = folder.overlay if job.state == SUCCEEDED else None
    if overlay is None and job.live is not None:
        raise not_found("picture")
    hides = overlay is None and _hides_faces(job)
    shown = "preview_hidden.jpg" if hides else "preview_clip.jpg"
    target = folder.made / ("preview.jpg" if overlay else shown)
    one = Wanted(
        service=service,
        job=job,
        name=PREVIEW,
        kind=target.name,
        pool=service.pools.previews,
        call=artifacts.make_preview,
        arguments=(
            str(overlay or service.data.source(job, service.settings.folders)),
            str(target),
            hides,
        ),
    )
    return one, target
