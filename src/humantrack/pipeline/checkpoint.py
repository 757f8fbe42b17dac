"""Checkpoints: all that a run needs to go on after it was stopped or killed, in one file.

The file is a line that names its kind, the SHA-256 of the rest, and the rest: a compressed
pickle of plain values, read without running anything it names (``results.safe_pickle``).
"""

from __future__ import annotations

import hashlib
import logging
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from humantrack.atomic import atomic_write, reason_of, remove_leftovers
from humantrack.errors import CheckpointError, OutputError, ResultsError
from humantrack.pipeline.threads import ThreadedSink
from humantrack.pipeline.window import BackFillWindow, held_state, revised_state
from humantrack.results.encode import encode_value
from humantrack.results.safe_pickle import loads
from humantrack.types import Frame, FrameRecord, Revised

_log = logging.getLogger(__name__)

_MAGIC = b"humantrack checkpoint 1\n"
_LEVEL = 1

_Held = tuple[tuple[Frame, FrameRecord], ...]


def write_checkpoint(
    path: Path, state: Mapping[str, Any], confirm: Callable[[], None] = lambda: None
) -> None:
    """Write the file, whole and safe on the disk, or leave the one before.

    Args:
        path: of the file.
        state: plain values.
        confirm: called when it is written and about to take its name; may raise.

    Raises:
        OutputError: if a value has no place, or the file cannot be written.
    """
    data = zlib.compress(encode_value(dict(state)), _LEVEL)
    with atomic_write(path) as file:
        file.write(_MAGIC + hashlib.sha256(data).digest() + data)
        confirm()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What was written.

    Raises:
        CheckpointError: if it is damaged, or of another kind.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = reason_of(error)
        raise CheckpointError(f"it cannot be read ({reason})", where=path) from error
    start = len(_MAGIC) + hashlib.sha256().digest_size
    if not raw.startswith(_MAGIC[:-2]):
        raise CheckpointError("it is damaged", where=path)
    if not raw.startswith(_MAGIC):
        raise CheckpointError("it is of another version", where=path)
    data = raw[start:]
    if hashlib.sha256(data).digest() != raw[len(_MAGIC) : start]:
        raise CheckpointError("it is damaged", where=path)
    try:
        state = loads(zlib.decompress(data))
    except (zlib.error, ResultsError) as error:
        raise CheckpointError("it is damaged", where=path) from error
    if not isinstance(state, dict):
        raise CheckpointError("it is damaged", where=path)
    return state


class Checkpoints:
    """Takes a run's checkpoints, between chunks of frames.

    Args:
        path: of the file.
        about: what the run is (its fingerprint); stored with each.
        progress: the state of the stages and counters, in which no frame is half done.
        sinks: whose state belongs to it, by name. A checkpoint counts only if each of them has
            written just the frames that were final.
        every_s: seconds between two.
        confirm: called before one is made and before it takes its name; raises if the run is
            another process's by now.
    """

    def __init__(
        self,
        path: Path,
        *,
        about: Mapping[str, Any],
        progress: Callable[[], Mapping[str, Any]],
        sinks: Mapping[str, ThreadedSink],
        every_s: float,
        confirm: Callable[[], None] = lambda: None,
    ) -> None:
        self._path, self._about, self._progress, self._sinks = path, about, progress, sinks
        self._every_s, self._confirm = every_s, confirm
        self._last = time.monotonic()
        self._now: tuple[Mapping[str, Any], _Held, tuple[Revised, ...]] | None = None
        self._has_warned = False

    def between(self, window: BackFillWindow) -> None:
        """Remember where the run stands, and write it down if it is time to."""
        self._now = self._progress(), window.held, window.revised
        if time.monotonic() - self._last >= self._every_s:
            self.save()
            self._last = time.monotonic()

    def save(self) -> bool:
        """Write the state of the run when it was last between two chunks.

        A checkpoint that cannot be written costs nothing but itself: the one before still holds.

        Returns:
            Whether the file now says so; not, for one, if nothing has been done yet, or if a sink
            has failed or has more frames already.
        """
        if self._now is None:
            return False
        progress, held, revised = self._now
        if not held:
            return False
        self._confirm()
        try:
            sinks = self._sink_states()
            if any(state["frames"] != progress["frames"] for state in sinks.values()):
                return False
            state = {
                **self._about,
                **progress,
                "held": [held_state(frame, record) for frame, record in held],
                "revised": [revised_state(one) for one in revised],
                "sinks": sinks,
            }
            write_checkpoint(self._path, state, self._confirm)
        except OutputError as error:
            if not self._has_warned:
                _log.warning("no checkpoint: %s", error)
            self._has_warned = True
            return False
        return True

    def _sink_states(self) -> dict[str, Mapping[str, Any]]:
        """By name; of a sink that has failed, which says so itself later, a count of -1."""
        states: dict[str, Mapping[str, Any]] = {}
        for name, sink in self._sinks.items():
            try:
                states[name] = sink.state_dict()
            except Exception:  # noqa: BLE001 - the sink reports it to the run
                states[name] = {"frames": -1}
        return states

    def remove(self) -> None:
        """The run is done."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        remove_leftovers(self._path)
