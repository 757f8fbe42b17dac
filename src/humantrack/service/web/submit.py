"""From a request to a queued job."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flask import g, request

from humantrack.errors import HumantrackError
from humantrack.service import logs
from humantrack.service.jobs.job import LIVE, Job
from humantrack.service.jobs.overrides import LIVE_OVERRIDES, check_overrides
from humantrack.service.web.admission import LineFullError
from humantrack.service.web.clip import clip_of
from humantrack.service.web.context import Service
from humantrack.service.web.download import allowed_address, fetch, name_of
from humantrack.service.web.problems import ProblemError, not_found, of_error, try_later
from humantrack.service.web.uploads import (
    ServiceRequest,
    disk_is_full,
    display_name,
    received,
    sent_name,
)
from humantrack.service.workers.probe import probe
from humantrack.service.workers.subprocess_pool import HelperLostError, HelperSlowError

_PROBE_S = 45.0
_LONGEST_KEY = 200
_PRIORITIES = range(-100, 101)
_FIELDS = {"source", "overrides", "priority"}


@dataclass(frozen=True, kw_only=True)
class _SubmitRequest:
    """What a client wants, checked except for the clip itself."""

    name: str
    clip: Path | None
    """None: there is none, and nothing to be opened."""

    is_upload: bool
    source: str
    """As the record has it."""

    content: str
    """What names the clip's content."""

    overrides: Mapping[str, Any]
    priority: int

    @property
    def digest(self) -> str:
        text = json.dumps([self.content, dict(self.overrides), self.priority], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def submit(service: Service) -> Job:
    """Queue the job that the current request asks for, or find the one it asked for before.

    Raises:
        ProblemError: whatever is wrong with it.
    """
    key = _idempotency_key()
    try:
        wanted = (
            _from_form(service) if request.mimetype == "multipart/form-data" else _named(service)
        )
    except HumantrackError as error:
        raise of_error(error) from error
    return _queued(service, wanted, key)


def submit_live(
    service: Service, source: str, overrides: Any, priority: int, *, name: str | None = None
) -> Job:
    """Queue a job that records a live source.

    Args:
        service: the service.
        source: name of one that the operator allows.
        overrides: those of a live job.
        priority: -100 to 100.
        name: what to call it; by default as the source.

    Raises:
        ProblemError: whatever is wrong with it; 404 if there is no such source.
    """
    if source not in service.settings.live_sources:
        raise not_found("live source")
    try:
        checked = check_overrides(overrides, LIVE_OVERRIDES)
    except HumantrackError as error:
        raise of_error(error) from error
    wanted = _SubmitRequest(
        name=display_name(name or source),
        clip=None,
        is_upload=False,
        source=LIVE + source,
        content=LIVE + source,
        overrides=checked,
        priority=priority,
    )
    return _queued(service, wanted, _idempotency_key())


def submit_again(service: Service, job: Job, overrides: Any, priority: int) -> Job:
    """Queue another job of the same clip, with other options.

    Raises:
        ProblemError: whatever is wrong with it; 409 if the clip is gone.
    """
    if job.live is not None:
        return submit_live(service, job.live, overrides, priority, name=job.name)
    clip = clip_of(service, job)
    if clip is None:
        raise ProblemError(409, "SourceNotFoundError", "the clip is not there any more")
    is_upload = clip == service.folder(job).clip
    try:
        checked = _overrides(overrides)
    except HumantrackError as error:
        raise of_error(error) from error
    copy = _copied(service, clip) if is_upload else None
    wanted = _SubmitRequest(
        name=job.name,
        clip=copy or clip,
        source="clip" if is_upload else job.source,
        is_upload=is_upload,
        content=f"again {job.id}",
        overrides=checked,
        priority=priority,
    )
    try:
        return _queued(service, wanted, _idempotency_key())
    finally:
        if copy is not None:
            copy.unlink(missing_ok=True)  # no job has taken it


def _copied(service: Service, clip: Path) -> Path:
    """The clip once more, without room of its own where the disk can do that."""
    copy = service.data.new_incoming()
    try:
        os.link(clip, copy)
    except OSError:
        try:
            shutil.copyfile(clip, copy)
        except OSError as error:
            copy.unlink(missing_ok=True)
            raise disk_is_full() from error
    return copy


def _queued(service: Service, wanted: _SubmitRequest, key: str | None) -> Job:
    before = None if key is None else service.store.by_key(g.owner, key)
    if before is not None:
        return _same(before, wanted)
    try:
        with service.line.place(g.owner):
            if service.store.unfinished(g.owner) >= service.settings.max_queued:
                detail = "too many of your jobs are waiting"
                raise try_later("QueueFullError", detail, 30, status=429)
            return _add(service, wanted, _probed(service, wanted), key)
    except LineFullError as error:
        raise try_later("BusyError", "too many new jobs at once", 2) from error


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isprintable()):
        raise ProblemError(
            400, "BadRequest", "an Idempotency-Key has 1 to 200 printable characters"
        )
    return key


def _from_form(service: Service) -> _SubmitRequest:
    form = cast("ServiceRequest", request)
    storage = form.files.get("file")
    if storage is None or len(form.files) != 1:
        raise ProblemError(400, "BadRequest", "the form needs one file, in the field 'file'")
    unknown = set(form.form) - {"overrides", "priority"}
    if unknown:
        raise ProblemError(400, "BadRequest", f"unknown field: {display_name(min(unknown))}")
    try:
        overrides = json.loads(form.form.get("overrides") or "{}")
        priority = int(form.form.get("priority") or 0)
    except ValueError as error:
        raise ProblemError(
            400, "BadRequest", "overrides is a JSON object, priority a number"
        ) from error
    file = received(storage)
    file.settle()
    return _SubmitRequest(
        name=display_name(sent_name(storage.filename)),
        clip=file.path,
        is_upload=True,
        source="clip",
        content=file.digest,
        overrides=_overrides(overrides),
        priority=_priority(priority),
    )


def _named(service: Service) -> _SubmitRequest:
    if request.mimetype != "application/json":
        raise ProblemError(
            415, "UnsupportedMediaType", "send multipart/form-data, or JSON that names a source"
        )
    try:
        body = request.get_json()
    except (ValueError, RecursionError) as error:
        raise ProblemError(400, "BadRequest", "the body is not JSON") from error
    if not isinstance(body, dict) or not isinstance(body.get("source"), str):
        raise ProblemError(400, "BadRequest", 'the body is an object with a "source"')
    if set(body) - _FIELDS:
        raise ProblemError(400, "BadRequest", f"known members are {', '.join(sorted(_FIELDS))}")
    overrides = _overrides({} if body.get("overrides") is None else body["overrides"])
    priority = _priority(0 if body.get("priority") is None else body["priority"])
    settings = service.settings
    address = allowed_address(body["source"], settings.hosts)
    if address is not None:
        file = cast("ServiceRequest", request).new_file()
        fetch(address, file, most_bytes=settings.upload_bytes, timeout_s=settings.timeout_s)
        file.settle()
        name, clip, content = display_name(name_of(address)), file.path, file.digest
        source = "clip"
    else:
        clip = allowed_path(body["source"], settings.folders)
        name, content, source = (
            display_name(clip.name),
            str(clip),
            _recorded(clip, settings.folders),
        )
    return _SubmitRequest(
        name=name,
        clip=clip,
        is_upload=address is not None,
        source=source,
        content=content,
        overrides=overrides,
        priority=priority,
    )


def allowed_path(source: str, folders: tuple[Path, ...]) -> Path:
    """The file that a client named, if it lies in one of the folders, links resolved.

    Raises:
        ProblemError: 403 in all other cases: does not disclose whether the file exists.
    """
    refused = ProblemError(
        403, "SourceNotAllowedError", "no such file in the folders that are allowed"
    )
    if "://" in source or "\0" in source:
        raise refused
    try:
        path = Path(source).resolve(strict=True)
        inside = any(path.is_relative_to(folder.resolve()) for folder in folders)
    except (OSError, ValueError, RuntimeError) as error:
        raise refused from error
    if not inside or not path.is_file():
        raise refused
    return path


def _recorded(clip: Path, folders: tuple[Path, ...]) -> str:
    """A path that tells its allowed folder, which other machines have elsewhere, from the rest."""
    folder = next(f for f in map(Path.resolve, folders) if clip.is_relative_to(f))
    return f"{folder}//{clip.relative_to(folder).as_posix()}"


def _overrides(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ProblemError(400, "BadRequest", "overrides is a JSON object")
    return check_overrides(values)


def _priority(value: Any) -> int:
    if type(value) is not int or value not in _PRIORITIES:
        raise ProblemError(400, "BadRequest", "priority is a whole number from -100 to 100")
    return value


def _probed(service: Service, wanted: _SubmitRequest) -> int | None:
    """How many frames the job has, if anybody knows. Refuses what is not a video."""
    if wanted.clip is None:
        return None
    overrides = dict(wanted.overrides)
    try:
        return cast(
            "int | None",
            service.probes.call(object(), probe, str(wanted.clip), overrides, wait_s=_PROBE_S),
        )
    except HumantrackError as error:
        raise of_error(error, (str(wanted.clip), wanted.name)) from error
    except HelperSlowError as error:
        raise try_later("BusyError", "too many clips are waiting to be opened", 10) from error
    except HelperLostError as error:
        if service.stopping.is_set():
            raise try_later("BusyError", "the server is going down", 10) from error
        detail = f"cannot be opened: {wanted.name}"
        raise ProblemError(422, "UnreadableSourceError", detail) from error


def _same(job: Job, wanted: _SubmitRequest) -> Job:
    if job.digest != wanted.digest:
        detail = "this Idempotency-Key was used for another request"
        raise ProblemError(422, "IdempotencyKeyReusedError", detail)
    return job


def _add(service: Service, wanted: _SubmitRequest, frames: int | None, key: str | None) -> Job:
    id = uuid.uuid4().hex
    folder = service.data.job(id)
    try:
        folder.path.mkdir(mode=0o700)
        if wanted.is_upload and wanted.clip is not None:
            wanted.clip.rename(folder.clip)
    except OSError as error:
        folder.remove()
        raise ProblemError(507, "OutputError", "the upload cannot be stored") from error
    try:
        job, is_new = service.store.add(
            id=id,
            owner=g.owner,
            name=wanted.name,
            source=wanted.source,
            priority=wanted.priority,
            overrides=wanted.overrides,
            frames_total=frames,
            max_attempts=service.settings.max_attempts,
            digest=wanted.digest,
            idempotency_key=key,
        )
    except BaseException:
        folder.remove()
        raise
    if not is_new:  # another request with this key was faster
        folder.remove()
        return _same(job, wanted)
    logs.say("job queued", job=id, owner=g.owner)
    return job
