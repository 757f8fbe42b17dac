"""Schemas of requests and answers, for checking and for /openapi.json."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from marshmallow import RAISE
from marshmallow.fields import Boolean, Dict, Float, Integer, List, Nested, Raw, String
from marshmallow.validate import Length, OneOf, Range

from humantrack.service.jobs.catalog import SORTS
from humantrack.service.jobs.job import STATES
from humantrack.service.workers.scene import MOST_FRAMES
from humantrack.types import SOURCE_NAMES

MOST_PER_PAGE = 200
MAKING_STATES = ("absent", "queued", "running", "ready", "failed", "cancelled")
"""Of what is made on demand; 'absent': nobody has asked for it."""


_BINARY = {"schema": {"type": "string", "format": "binary"}}
_PARSED = {"text/event-stream", "application/json"}
"""A schema of these would be of what is in them."""

_TEXT: dict[str, Any] = {"schema": {"type": "string"}}


def answer(what: str, media_type: str) -> Any:
    """The description of an answer that is not JSON."""
    return {200: {"description": what, "content": content_of(media_type)}}


def content_of(*media_types: str) -> dict[str, Any]:
    """The description of contents: text as it is, all else as bytes.

    Bytes are also described as application/octet-stream: programs that make clients of
    descriptions know that one.
    """
    text = {name: _TEXT for name in media_types if name.startswith("text/")}
    binary = {name: _BINARY for name in media_types if name not in text}
    found = {**({"application/octet-stream": _BINARY} if binary else {}), **binary, **text}
    for name in _PARSED & found.keys():
        found[name] = {}
    return found


class ProblemOut(Schema):
    """RFC 9457."""

    type = String(required=True)
    title = String(required=True)
    status = Integer(required=True)
    detail = String(required=True)
    code = String(required=True)
    instance = String(required=True)


class ErrorOut(Schema):
    """Why a job failed."""

    code = String(required=True)
    exit_code = Integer(required=True)
    detail = String(required=True)


class LinksOut(Schema):
    """Where more is to be had."""

    self = String(required=True)
    events = String(required=True)
    files = String(required=True)


class LiveJobOut(Schema):
    """Of a job that records: the name of its source, and whether it has been asked to end."""

    source = String(required=True)
    ending = Boolean(required=True)


class JobOut(Schema):
    """A job."""

    id = String(required=True)
    state = String(required=True, validate=OneOf(STATES))
    name = String(required=True)
    created_at = String(required=True)
    started_at = String(required=True, allow_none=True)
    ended_at = String(required=True, allow_none=True)
    progress = Float(required=True, allow_none=True)
    frames = Integer(required=True)
    frames_total = Integer(required=True, allow_none=True)
    fps = Float(required=True, allow_none=True)
    people = Integer(required=True, allow_none=True)
    seconds_left = Float(required=True, allow_none=True)
    error = Nested(ErrorOut, required=True, allow_none=True)
    warnings = List(String(), required=True)
    attempts = Integer(required=True)
    priority = Integer(required=True)
    overrides = Dict(required=True)
    live = Nested(LiveJobOut, required=True, allow_none=True)
    links = Nested(LinksOut, required=True)


class PageIn(Schema):
    """Which jobs."""

    class Meta:  # noqa: D106 - marshmallow's
        unknown = RAISE

    state = String(validate=OneOf(STATES))
    page = Integer(load_default=1, validate=Range(1, 10**6))
    per_page = Integer(load_default=50, validate=Range(1, MOST_PER_PAGE))
    search = String(validate=Length(0, 200))
    sort = String(load_default="newest", validate=OneOf(SORTS))


class PageOut(Schema):
    """Some jobs."""

    jobs = List(Nested(JobOut), required=True)
    page = Integer(required=True)
    per_page = Integer(required=True)
    total = Integer(required=True)


class FileOut(Schema):
    """A file."""

    name = String(required=True)
    saved_as = String(required=True)
    media_type = String(required=True)
    size = Integer(required=True, allow_none=True)
    ready = Boolean(required=True)
    format = String(required=True, allow_none=True)
    url = String(required=True)


class ClipOut(Schema):
    """The clip itself: as it came, and as an mp4 of the part that the job runs on."""

    name = String(required=True)
    media_type = String(required=True)
    size = Integer(required=True)
    url = String(required=True)
    playable_url = String(required=True)


class FilesOut(Schema):
    """A job's files."""

    files = List(Nested(FileOut), required=True)
    clip = Nested(ClipOut, required=True, allow_none=True)


class MakingErrorOut(Schema):
    """Why something could not be made."""

    code = String(required=True)
    detail = String(required=True)


class MakingOut(Schema):
    """How far something is that is made on demand; `ahead` of it are so many of the owner's."""

    name = String(required=True)
    state = String(required=True, validate=OneOf(MAKING_STATES))
    progress = Float(required=True, allow_none=True)
    ahead = Integer(required=True)
    error = Nested(MakingErrorOut, required=True, allow_none=True)
    status_url = String(required=True)


class FramesIn(Schema):
    """Which frames."""

    class Meta:  # noqa: D106 - marshmallow's
        unknown = RAISE

    start = Integer(load_default=0, validate=Range(0, 10**9))
    count = Integer(load_default=120, validate=Range(1, MOST_FRAMES))


_SOURCE = OneOf(SOURCE_NAMES)


class PartOut(Schema):
    """How far head or a limb is to be trusted: mean of its joints, worst of their sources."""

    name = String(required=True)
    confidence = Float(required=True, allow_none=True)
    source = String(required=True, validate=_SOURCE)


class PersonOut(Schema):
    """A person in a frame: pixels, metres, quaternions."""

    track_id = Integer(required=True)
    state = String(required=True, validate=OneOf(("observed", "predicted")))
    score = Float(required=True, allow_none=True)
    bbox = List(Float(), required=True, allow_none=True)
    pelvis = List(Float(), required=True)
    rotations = List(List(Float()), required=True)
    confidence = Float(allow_none=True)
    pose = String(validate=_SOURCE)
    parts = List(Nested(PartOut))


class WorldCameraOut(Schema):
    """The video's camera in the world."""

    position = List(Float(), required=True)
    rotation = List(Float(), required=True)
    focal_px = Float(required=True)


class WorldPersonOut(Schema):
    """A person in the world: metres, quaternions, feet that stand."""

    track_id = Integer(required=True)
    state = String(required=True, validate=OneOf(("observed", "predicted")))
    pelvis = List(Float(), required=True)
    rotations = List(List(Float()), required=True)
    contacts = List(Boolean(), required=True)


class WorldFrameOut(Schema):
    """The world in a frame."""

    camera = Nested(WorldCameraOut, required=True)
    people = List(Nested(WorldPersonOut), required=True)


class FrameOut(Schema):
    """A frame."""

    index = Integer(required=True)
    time_s = Float(required=True)
    people = List(Nested(PersonOut), required=True)
    world = Nested(WorldFrameOut)


class FramesOut(Schema):
    """Some frames."""

    start = Integer(required=True)
    frames = List(Nested(FrameOut), required=True)


class TrackOut(Schema):
    """A person's time in the clip, and bones."""

    track_id = Integer(required=True)
    color = String(required=True)
    first = Integer(required=True)
    last = Integer(required=True)
    seen = Integer(required=True)
    mean_score = Float(required=True, allow_none=True)
    gaps = List(List(Integer()), required=True)
    rest = List(List(Float()), required=True)
    kind = String(required=True)


class WorldTrackOut(Schema):
    """A person's bones in the world."""

    track_id = Integer(required=True)
    rest = List(List(Float()), required=True)
    kind = String(required=True)


class WorldOut(Schema):
    """The world of a clip; the camera's way is row, x, y, z."""

    tracks = List(Nested(WorldTrackOut), required=True)
    shots = List(Integer(), required=True)
    camera = List(List(Float()), required=True)


class TimelineOut(Schema):
    """All people's."""

    fps = Float(required=True)
    frames = Integer(required=True)
    duration_s = Float(required=True)
    width = Integer(required=True, allow_none=True)
    height = Integer(required=True, allow_none=True)
    focal_px = Float(required=True, allow_none=True)
    mark_every = Integer(required=True)
    marks_s = List(Float(), required=True)
    tracks = List(Nested(TrackOut), required=True)
    world = Nested(WorldOut)


class LimitsOut(Schema):
    """What may be uploaded and set."""

    upload_bytes = Integer(required=True)
    overrides = Dict(required=True)
    token_required = Boolean(required=True)


class SessionIn(Schema):
    """A token."""

    class Meta:  # noqa: D106 - marshmallow's
        unknown = RAISE

    token = String(required=True)


class StatusOut(Schema):
    """How the service is."""

    status = String(required=True)
    checks = Raw()
