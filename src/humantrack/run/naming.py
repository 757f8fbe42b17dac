"""Names that a run writes under, so that no other video's results are taken or replaced.

Results say which video they are of: by its content (the fingerprint) and by where it lay. A video
whose name is taken by another one's results gets a name of its own, made of its content, so that
the same command finds it again.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from threading import Event

from humantrack.atomic import atomic_write, cannot_write
from humantrack.claims import Claim, HeldError, holder_of, is_held, note_of
from humantrack.errors import CheckpointError, OutputError, OutputTakenError
from humantrack.pipeline.checkpoint import read_checkpoint
from humantrack.pipeline.stopping import check
from humantrack.results import partial_path, read_meta
from humantrack.run.paths import OutputPaths
from humantrack.url import is_elsewhere

_log = logging.getLogger(__name__)

POLL_S = 0.5
"""How often a run that waits for another one looks whether that has ended."""


@dataclass(frozen=True)
class Identity:
    """A video, as its results know it."""

    content: str
    """Its fingerprint."""

    place: str
    """Where it lies, from :func:`place_of`."""


def place_of(path: str | Path) -> str:
    """A video's absolute path in 16 hex digits: results are passed on and tell no folder names."""
    if is_elsewhere(path):
        return hashlib.sha256(str(path).encode()).hexdigest()[:16]
    whole = os.path.abspath(Path(path).expanduser())  # noqa: PTH100 - links are names too
    return hashlib.sha256(os.fsencode(whole)).hexdigest()[:16]


class _Owner(Enum):
    NOBODY, SELF, EARLIER_SELF, ANOTHER, UNKNOWN = range(5)


class Names:
    """Finds a run's names and holds them.

    Args:
        paths_of: the paths for a name.
        name: of the clip.
        me: the clip.
        lost_after_s: another run that is silent for so long has ended.
    """

    def __init__(
        self,
        paths_of: Callable[[str], OutputPaths],
        name: str,
        me: Identity,
        *,
        lost_after_s: float,
    ) -> None:
        self._me, self._lost_after_s = me, lost_after_s
        self._plain, self._own = paths_of(name), paths_of(f"{name}~{me.content[:8]}")
        self._held: Claim | None = None

    def choose(self) -> OutputPaths:
        """The names that hold this clip's results, or under which they are to be written."""
        for paths in (self._plain, self._own):
            if self._owner(paths) is _Owner.SELF:
                return paths
        return self._own if self._owner(self._plain) is _Owner.ANOTHER else self._plain

    def finished(self, is_finished: Callable[[OutputPaths], bool]) -> OutputPaths | None:
        """The names of this clip's whole results; None if there are none.

        Raises:
            OutputTakenError: if the clip has changed since they were written.
        """
        paths = self.choose()
        if not is_finished(paths):
            return None
        owner = self._owner(paths)
        if owner is _Owner.EARLIER_SELF:
            raise OutputTakenError(
                "results are there, but the video has changed since",
                where=paths.results,
                hint="overwrite=true replaces them",
            )
        if owner is _Owner.UNKNOWN:
            _log.warning(f"nothing says which video {paths.results} is of")
        return paths

    @contextlib.contextmanager
    def held(self, stop: Event) -> Iterator[OutputPaths]:
        """Choose names that no other run writes under while inside; waits for one that does.

        Args:
            stop: ends the waiting; set if another run takes the names over because this one was
                suspended.

        Raises:
            OutputError: if the folder cannot be made or written to.
            InterruptedRunError: if ``stop`` is set while waiting.
        """

        def lose() -> None:
            if not stop.is_set():
                _log.warning("this run was silent for long, and another one has taken its place")
            stop.set()

        told = False
        while True:
            paths = self.choose()
            paths.make_folders()
            note = f"{self._me.content} {self._me.place}"
            silence = self._lost_after_s
            claim = Claim(_claim(paths), lost_after_s=silence, note=note, on_lost=lose)
            with contextlib.ExitStack() as stack:
                try:
                    stack.enter_context(claim)
                except HeldError:
                    if not told:
                        _log.warning(_waiting(paths))
                    told = True
                    _pause(stop)
                    check(stop, f"while another run was writing {paths.results}")
                    continue
                except OutputError as error:
                    raise OutputError(error.what, where=paths.results, hint=error.hint) from error
                if self.choose() != paths:  # somebody was quicker
                    continue
                self._tell(paths)
                if claim.follows_silent:
                    part_from_sleeper(paths)
                self._held = claim
                yield paths
                return

    def is_held(self) -> bool:
        """Whether no other run has taken the names over."""
        return self._held is None or self._held.is_ours()

    def _tell(self, paths: OutputPaths) -> None:
        """Say what becomes of results that were there before."""
        there = [p for p in (paths.results, partial_path(paths.results)) if p.exists()]
        owner = self._owner(paths, with_claim=False)
        if paths == self._own:
            _log.warning(
                f"{self._plain.results} belongs to another video{_path_in(self._plain)}; "
                f"this one's results go to {paths.results}"
            )
        elif there and owner is _Owner.EARLIER_SELF and paths.results.exists():
            _log.warning(
                f"the video has changed since {paths.results} was written, which is replaced"
            )
        elif there and owner is _Owner.UNKNOWN:
            _log.warning(f"replacing {there[0]}, of which nothing says which video it is of")

    def _owner(self, paths: OutputPaths, *, with_claim: bool = True) -> _Owner:
        claim, partial = _claim(paths), partial_path(paths.results)
        is_there = paths.results.exists() or partial.exists() or paths.checkpoint.exists()
        found = list(_owners(paths)) if is_there else []
        # A run that was killed early has left no more than its claim.
        is_used = partial.exists() or is_held(claim, self._lost_after_s)
        if with_claim and is_used and note_of(claim):
            found.append(Identity(*[*note_of(claim).split(" "), ""][:2]))
        for one in found:
            if one.content != self._me.content and one.place != self._me.place:
                return _Owner.ANOTHER
        for one in found:
            if one.content != self._me.content:
                return _Owner.EARLIER_SELF
        if found:
            return _Owner.SELF
        return _Owner.UNKNOWN if is_there else _Owner.NOBODY


def part_from_sleeper(paths: OutputPaths) -> None:
    """Put copies in the place of unfinished files that a suspended run may have open.

    If it wakes, what it still writes goes to files that have no name any more.

    Raises:
        OutputError: if there is no room for them.
    """
    try:
        camera = paths.results.with_suffix(".camera")
        for path in (partial_path(paths.results), partial_path(camera), camera):
            if path.is_file():
                with atomic_write(path) as file, path.open("rb") as before:
                    shutil.copyfileobj(before, file)
        if paths.pieces.is_dir():
            old = paths.pieces.with_name(f"{paths.pieces.name}.{uuid.uuid4().hex[:8]}")
            paths.pieces.rename(old)
            try:
                shutil.copytree(old, paths.pieces)
            finally:
                shutil.rmtree(old, ignore_errors=True)
    except (OSError, shutil.Error) as error:
        said = error if isinstance(error, OSError) else OSError(str(error))
        raise cannot_write(paths.results, said) from error


def _owners(paths: OutputPaths) -> Iterator[Identity]:
    """What the files there say."""
    described = []
    with contextlib.suppress(CheckpointError):
        if paths.checkpoint.exists():
            described.append(read_checkpoint(paths.checkpoint))
    described.append(read_meta(paths.results) or {})
    for one in described:
        fingerprint = one.get("fingerprint")
        content = fingerprint.get("source") if isinstance(fingerprint, dict) else None
        if isinstance(content, str):
            yield Identity(content, str(one.get("place")))


def _claim(paths: OutputPaths) -> Path:
    return paths.results.with_name(f".{paths.results.stem}.claim")


def _waiting(paths: OutputPaths) -> str:
    holder = holder_of(_claim(paths))
    who = f" (process {holder.get('pid')} of {holder.get('host')})" if holder else ""
    return f"another run{who} is writing {paths.results}; waiting until it ends"


def _path_in(paths: OutputPaths) -> str:
    """Where the other video lay, if that is known."""
    source = (read_meta(paths.results) or {}).get("source")
    path = source.get("path") if isinstance(source, dict) else None
    return f" ({path})" if isinstance(path, str) else ""


def _pause(stop: Event) -> None:
    """In small steps, so that a signal's handler is run on every system."""
    end = time.monotonic() + POLL_S
    while not stop.is_set() and (left := end - time.monotonic()) > 0:
        stop.wait(min(left, 0.1))
