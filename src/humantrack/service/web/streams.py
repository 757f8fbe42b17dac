"""What goes on being sent while it comes to be: the lines and the pictures of a live job."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from humantrack.service.jobs.job import ENDED, RUNNING, Job
from humantrack.service.jobs.live_lines import PICTURE, LinesReader, watch
from humantrack.service.jobs.store import LostError
from humantrack.service.web.context import Service
from humantrack.service.web.problems import not_found, try_later

STREAMED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Headers; the second asks proxies not to wait for more."""

BOUNDARY = "picture"
_LOOK_S = 0.03
"""How often new lines and pictures are looked for."""

_ASK_S = 0.2
"""How often it is asked whether the job goes on, and whether who watches still may."""

_KEEP_ALIVE_S = 10.0


def check_room(it: Service) -> None:
    """Refuse another stream if there are too many.

    Raises:
        ProblemError: 503.
    """
    if it.feed.is_full:
        raise try_later("TooManyStreamsError", "too many event streams; poll instead", 5)


class _Watch:
    """A live job while it is watched.

    Args:
        it: the service.
        job: of the caller, whose request this is.
    """

    def __init__(self, it: Service, job: Job) -> None:
        self._it, self._job, self._may_go_on = it, job, it.caller()
        self._asked_s = time.monotonic()
        self.has_ended = False

    @property
    def folder(self) -> Path | None:
        """Where its attempt tells what it sees; None before there is one."""
        job = self._job
        return self._it.folder(job).live(job.fence) if job.state == RUNNING else None

    def goes_on(self) -> bool:
        """Wait a moment; False when there is nothing more to come for who watches."""
        if self._it.stopping.wait(_LOOK_S):
            return False
        if time.monotonic() - self._asked_s < _ASK_S:
            return True
        self._asked_s = time.monotonic()
        if self.folder is not None:
            watch(self.folder)
        if not self._may_go_on():
            return False
        try:
            job = self._it.store.get(self._job.id)
        except LostError:
            return True
        if job is None:
            return False
        self._job, self.has_ended = job, job.state in ENDED
        return not self.has_ended


def live_lines(it: Service, job: Job, stem: str) -> Iterator[bytes]:
    """The lines of a live job as server-sent events named ``stem``, from the newest on.

    A comment says that some came too fast to be read; an event ``end`` that the job has ended.
    """
    watched = _Watch(it, job)

    def events() -> Iterator[bytes]:
        reader, folder, lost, sent_s = None, None, 0, time.monotonic()
        with it.feed.place(job.id):
            yield b": it begins\n\n"
            while watched.goes_on():
                if watched.folder is not None and watched.folder != folder:
                    folder, lost = watched.folder, 0
                    reader = LinesReader(folder, stem)
                lines = [] if reader is None else reader.lines()
                if reader is not None and reader.lost > lost:
                    lost = reader.lost
                    yield b": too slow, some are left out\n\n"
                for line in lines:
                    yield b"event: %b\ndata: %b\n\n" % (stem.encode(), line)
                if lines:
                    sent_s = time.monotonic()
                elif time.monotonic() - sent_s > _KEEP_ALIVE_S:
                    sent_s = time.monotonic()
                    yield b": still there\n\n"
            if watched.has_ended:
                yield b"event: end\ndata: {}\n\n"

    return events()


def live_pictures(it: Service, job: Job) -> Iterator[bytes]:
    """The pictures of a live job, each a part of a multipart answer, from the newest on."""
    watched = _Watch(it, job)

    def parts() -> Iterator[bytes]:
        shown, sent_s = None, time.monotonic()
        with it.feed.place(job.id):
            yield b"\r\n"  # so that the head of the answer goes before the first picture
            while watched.goes_on():
                found = _picture(watched.folder, None if _is_old(sent_s) else shown)
                if found is None:
                    continue
                shown, data = found
                sent_s = time.monotonic()
                yield _part(data)

    return parts()


def _is_old(sent_s: float) -> bool:
    """Whether the last picture is to be sent again, so that a client that left is noticed."""
    return time.monotonic() - sent_s > _KEEP_ALIVE_S


def _part(data: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data + b"\r\n"


def _picture(
    folder: Path | None, shown: tuple[int, int] | None
) -> tuple[tuple[int, int], bytes] | None:
    """A picture that is not ``shown`` yet, and what to know it by."""
    if folder is None:
        return None
    try:
        known = (folder / PICTURE).stat()
        stamp = known.st_mtime_ns, known.st_ino
        return None if stamp == shown else (stamp, (folder / PICTURE).read_bytes())
    except OSError:
        return None


def newest_picture(it: Service, job: Job) -> bytes:
    """The newest picture of a live job that runs.

    Raises:
        ProblemError: 404 if there is none.
    """
    found = None
    if job.state == RUNNING:
        folder = it.folder(job).live(job.fence)
        watch(folder)
        found = _picture(folder, None)
    if found is None:
        raise not_found("picture")
    return found[1]
