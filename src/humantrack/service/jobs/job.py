"""A job's record, and the states it goes through.

::

    queued ──► running ──► succeeded
      │  ▲        │  ├───► failed ────┐
      │  └────────┘  └───► cancelled ─┤ retry
      │   worker gone                 ▼
      └───────► cancelled ────────► queued
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from humantrack.service.privacy import without_paths

QUEUED, RUNNING = "queued", "running"
SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"
STATES = (QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED)
ENDED = (SUCCEEDED, FAILED, CANCELLED)

LIVE = "live:"
"""Before the name of a live source, in place of a path; the record never has its address."""

KEEP, DISCARD = "keep", "discard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """Why a job failed."""

    code: str
    """Name of the error's class."""

    exit_code: int
    detail: str
    """One line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as the store has it; times are seconds since 1970."""

    id: str
    owner: str
    """Name of the token it belongs to."""

    name: str
    """Of the clip, for display only."""

    source: str
    """What to read; ``DataFolder.source`` says where that is on this machine."""

    state: str
    priority: int
    overrides: Mapping[str, Any] = field(default_factory=dict)
    created_s: float
    started_s: float | None
    ended_s: float | None
    frames: int
    frames_total: int | None
    fps: float | None
    people: int | None
    error: Error | None
    warnings: tuple[str, ...] = ()
    """What may be wrong with the clip, or that less of it was there than asked for, a line each."""

    attempts: int
    max_attempts: int
    worker: str | None
    fence: int = 0
    """Grows with every claim: the number of the attempt that is the job's now, or was last."""

    published: int | None = None
    """The attempt whose files are the job's; nothing changes that any more."""

    cancel: bool
    """Whether a running job has been asked to stop."""

    version: int
    """Grows with every change."""

    digest: str
    """Of what was asked for, to know a request again."""

    link: str | None = None
    """What stands for its id in a read-only link; None where it has none."""

    ending: str | None = None
    """What becomes of a live job that was asked to end, KEEP or DISCARD; None: it was not, or was
    cancelled like any other."""

    @property
    def live(self) -> str | None:
        """The name of the live source that is recorded; None for a job of a clip."""
        return self.source[len(LIVE) :] if self.source.startswith(LIVE) else None

    @property
    def is_kept(self) -> bool:
        """Whether what a live job has recorded is to be kept when it ends."""
        return not self.cancel or self.ending == KEEP

    @property
    def progress(self) -> float | None:
        """0..1, or None where nobody knows."""
        if self.state == SUCCEEDED:
            return 1.0
        if not self.frames_total:
            return 0.0 if self.state == QUEUED else None
        return min(self.frames / self.frames_total, 1.0)

    @property
    def seconds_left(self) -> float | None:
        """An estimate while it runs."""
        if self.state != RUNNING or not self.fps or not self.frames_total:
            return None
        return max(self.frames_total - self.frames, 0) / self.fps

    def public(self, as_id: str | None = None) -> dict[str, Any]:
        """What a client gets to see, who may have named it otherwise than by its id."""
        error = self.error
        id = as_id or self.id
        here = f"/api/jobs/{id}"
        return {
            "id": id,
            "state": self.state,
            "name": self.name,
            "created_at": stamp(self.created_s),
            "started_at": stamp(self.started_s),
            "ended_at": stamp(self.ended_s),
            "progress": self.progress,
            "frames": self.frames,
            "frames_total": self.frames_total,
            "fps": self.fps,
            "people": self.people,
            "seconds_left": self.seconds_left,
            "error": error
            and {
                "code": error.code,
                "exit_code": error.exit_code,
                "detail": without_paths(error.detail, (self.source, self.name)),
            },
            "warnings": [without_paths(line, (self.source, self.name)) for line in self.warnings],
            "attempts": self.attempts,
            "priority": self.priority,
            "overrides": dict(self.overrides),
            "live": self._public_live(),
            "links": {"self": here, "events": f"{here}/events", "files": f"{here}/files"},
        }

    def _public_live(self) -> dict[str, Any] | None:
        if self.live is None:
            return None
        return {"source": self.live, "ending": self.state == RUNNING and self.cancel}


def stamp(seconds: float | None) -> str | None:
    """ISO 8601 in UTC, to the millisecond."""
    if seconds is None:
        return None
    text = datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
