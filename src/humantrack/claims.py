"""A claim on a clip, seen through the file system alone, so that no two runs work on it at once.

A claim is a file that its holder touches every few seconds. One that has not been touched for a
while belongs to a process, or a node, that has ended, and may be taken over.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from types import TracebackType

from humantrack.atomic import cannot_write

BEAT_S = 10.0
"""A claim is touched at least so often."""


class HeldError(Exception):
    """Another job holds the claim."""


class Claim:
    """Hold a claim while inside the ``with`` block.

    Args:
        path: the claim's file.
        lost_after_s: a claim untouched for so long is taken over.
        note: what others can read of it while it is held, and after its holder has died.
        watch: called about once a second while the claim is held.
        on_lost: called if somebody else has taken the claim over.

    Raises:
        HeldError: on entering, if another job is at it.
        OutputError: on entering, if the file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        lost_after_s: float,
        note: str = "",
        watch: Callable[[], None] = lambda: None,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._path, self._lost_after_s = path, lost_after_s
        self._note, self._watch, self._on_lost = note, watch, on_lost
        self._token = uuid.uuid4().hex
        self._ended = Event()
        self._thread: Thread | None = None
        self.follows_silent = False
        """Whether it was taken over from a holder that may only be suspended, and wake."""

    def __enter__(self) -> Claim:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if not self._create() and not self._take_over():
                raise HeldError(str(self._path))
        except OSError as error:
            raise cannot_write(self._path, error) from error
        self._thread = Thread(target=self._beat, name="claim", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if _token(self._path) == self._token:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def is_ours(self) -> bool:
        """False once somebody else has taken the claim over, or has ended what it was for.

        True while the file system does not say.
        """
        try:
            os.utime(self._path)
            found = json.loads(self._path.read_text())
        except FileNotFoundError:
            return not self._path.parent.is_dir()
        except (OSError, ValueError):
            return True
        return isinstance(found, dict) and found.get("token") == self._token

    def _create(self) -> bool:
        """True if there was no claim and now there is ours.

        The file is linked into place, so that nobody ever sees a claim without its content.
        """
        text = self._text()
        ours = self._path.with_name(f"{self._path.name}.{self._token}")
        try:
            ours.write_text(text)
            try:
                os.link(ours, self._path)
            except FileExistsError:
                return False
            except OSError:  # a file system without hard links
                return self._create_exclusively(text)
        finally:
            ours.unlink(missing_ok=True)
        return True

    def _text(self) -> str:
        about = {"host": socket.gethostname(), "pid": os.getpid(), "note": self._note}
        return json.dumps({"token": self._token, **about})

    def _create_exclusively(self, text: str) -> bool:
        try:
            with self._path.open("x") as file:
                file.write(text)
        except FileExistsError:
            return False
        return True

    def _take_over(self) -> bool:
        """Put our claim in the place of a lost job's.

        Only who holds the right to follow that very claim does so, and it is never out of its
        place, or somebody else could claim anew meanwhile. Rights that go stale are the one gap
        left: of two holders then, the first learns of it with its next beat.
        """
        before, is_dead = _token(self._path), _is_dead(holder_of(self._path))
        if not is_lost(self._path, self._lost_after_s):
            return False
        if not self._path.exists():
            return self._create()
        self.follows_silent = not is_dead
        name = hashlib.sha256(repr(before).encode()).hexdigest()[:16]
        right = self._path.with_name(f"{self._path.name}.after.{name}")
        try:
            right.touch(exist_ok=False)
        except FileExistsError:
            if is_lost(right, self._lost_after_s):  # of one that died between these lines
                right.unlink(missing_ok=True)
            return False
        try:
            if _token(self._path) != before or not is_lost(self._path, self._lost_after_s):
                return False
            ours = self._path.with_name(f"{self._path.name}.{self._token}")
            try:
                ours.write_text(self._text())
                ours.replace(self._path)
            finally:
                ours.unlink(missing_ok=True)
        finally:
            right.unlink(missing_ok=True)
        return True

    def _beat(self) -> None:
        step = min(1.0, self._lost_after_s / 8)
        beaten = time.monotonic()
        while not self._ended.wait(step):
            self._watch()
            # By the clock: a process that was suspended has to look at once.
            if time.monotonic() - beaten < min(BEAT_S, self._lost_after_s / 4):
                continue
            beaten = time.monotonic()
            if not self.is_ours():
                self._on_lost()
                return


def is_held(path: Path, lost_after_s: float) -> bool:
    """True if a living job holds this claim."""
    return path.exists() and not is_lost(path, lost_after_s)


def is_lost(path: Path, lost_after_s: float) -> bool:
    """True if a claim's holder has ended: its process is gone from this machine, or it is silent.

    Ages are measured by the file system's own clock, since those of machines differ.
    """
    if _is_dead(holder_of(path)):
        return True
    try:
        touched = path.stat().st_mtime
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".now") as probe:
            now = os.fstat(probe.fileno()).st_mtime
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return now - touched > lost_after_s


def _is_dead(holder: dict[str, object]) -> bool:
    """True if a holder was a process of this machine that is gone."""
    here = holder.get("host") == socket.gethostname()
    return here and not _is_running(holder.get("pid"))


def note_of(path: Path) -> str:
    """What the holder of a claim, alive or dead, has said of it; empty if there is none."""
    return str(holder_of(path).get("note", ""))


def _is_running(pid: object) -> bool:
    """False if it is certain that there is no such process here."""
    if os.name != "posix" or not isinstance(pid, int):
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _token(path: Path) -> object:
    return holder_of(path).get("token")


def holder_of(path: Path) -> dict[str, object]:
    """What a claim says of its holder; nothing if it cannot be read."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
