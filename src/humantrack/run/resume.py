"""Resuming: whether what an unfinished run left is this one's, and where to begin."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from humantrack import video
from humantrack._version import __version__
from humantrack.errors import CheckpointError, EmptySourceError, UnreadableSourceError
from humantrack.fingerprint import NEUTRAL_KEYS, source_fingerprint
from humantrack.pipeline.checkpoint import read_checkpoint
from humantrack.pipeline.window import BackFillWindow
from humantrack.results import check_partial, partial_path
from humantrack.run.naming import place_of
from humantrack.run.paths import OutputPaths
from humantrack.run.settings import RunOptions, run_fingerprint
from humantrack.run.stages import Stages
from humantrack.run.world import check_camera
from humantrack.types import Frame

_log = logging.getLogger(__name__)

OpenFrames = Callable[[bool], Iterator[Frame]]
"""The frames as the stages get them, from where the source stands; True keeps what an earlier run
extracted."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Where a run begins."""

    frames: Iterator[Frame]
    """What is still to be looked at."""

    window: BackFillWindow
    """With the frames that have been looked at, but are not final."""

    is_lasting: bool
    """Whether to take checkpoints."""

    state: Mapping[str, Any] = field(default_factory=dict)
    """The checkpoint; empty if the run begins anew."""

    @property
    def resumed_from(self) -> int:
        """Frames that need not be looked at any more."""
        return int(self.state["held"][-1]["index"]) + 1 if self.state else 0


def describe(
    options: RunOptions, source: video.FrameSource, tracker: type, *, content: str | None = None
) -> dict[str, Any]:
    """What must be the same for a run to resume another's work.

    Args:
        options: of the run.
        source: opened.
        tracker: the class of the stages.
        content: fingerprint of the source, if it is known and need not be there any more.

    Raises:
        UnreadableSourceError: if the source cannot be read.
    """
    given = options.source.path
    try:
        there = Path(given).expanduser()
        read = there if there.exists() else source.paths
        fingerprint = run_fingerprint(options.settings, read, content=content)
        if source.live is not None:  # never the same twice
            fingerprint["source"] = source.live.identity
        boxes = boxes_fingerprint(options)
    except OSError as error:
        raise UnreadableSourceError("cannot be read", where=given, hint=error.strerror) from error
    return {
        "version": __version__,
        "fingerprint": fingerprint,
        "place": place_of(given),
        "settings": flat_settings(options.settings),
        "boxes": boxes,
        "tracker": f"{tracker.__module__}.{tracker.__qualname__}",
    }


def boxes_fingerprint(options: RunOptions) -> str | None:
    """Of boxes in a file of their own; the source's fingerprint holds the others."""
    boxes = options.boxes
    if boxes is None or boxes.path == options.source.path:
        return None
    return source_fingerprint(boxes.path)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """To resume the unfinished run that lies at ``paths``."""

    options: RunOptions
    source: video.FrameSource
    paths: OutputPaths
    stages: Stages
    """Brought to where the run begins."""

    about: Mapping[str, Any]
    """From :func:`describe`."""

    open_frames: OpenFrames
    can_seek: bool
    """The frames are those of the source, whatever came before them; otherwise all earlier ones
    are decoded again."""

    why_not: str | None
    """No run can resume these stages' work; None: one can."""

    def begin(self) -> Beginning:
        """Resume the run, or begin anew and say why.

        Raises:
            CheckpointError: if a run lies there that this one cannot resume, and ``overwrite``
                is off.
        """
        keys, paths = self.options.checkpoint, self.paths
        if paths.checkpoint.exists() and keys.enable and keys.resume:
            try:
                began = self._resume()
            except CheckpointError as error:
                _refuse(error, paths, overwrite=self.options.overwrite)
            else:
                _log.info("resuming %s at frame %d", self.source.info.name, began.resumed_from)
                return began
            self.source.begin_again()
        paths.checkpoint.unlink(missing_ok=True)
        video.remove_pieces(paths.pieces)
        self.stages.reset_stages()
        if keys.enable and self.why_not is not None:
            _log.warning("no checkpoints, so this run could not be continued: %s", self.why_not)
        return Beginning(
            frames=self.open_frames(False),
            window=BackFillWindow(self.options.n_init),
            is_lasting=keys.enable and self.why_not is None,
        )

    def _resume(self) -> Beginning:
        """Nothing on the disk is changed before all has been found to fit."""
        paths = self.paths
        if self.why_not is not None:
            raise CheckpointError(self.why_not)
        state = read_checkpoint(paths.checkpoint)
        try:
            _compare(state, self.about)
            check_partial(paths.results, state["sinks"]["results"])
            if "overlay" in state["sinks"]:
                video.check_pieces(paths.pieces, state["sinks"]["overlay"])
            check_camera(paths.results, state["sinks"])
            window = BackFillWindow(self.options.n_init)
            can_seek = self.can_seek and bool(state["is_clean"])
            frames = _frames_again(self.source, state, window, self.open_frames, can_seek)
            self.stages.reset_stages()
            self.stages.load_state_dict(state["stages"])
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError("it is corrupt", where=paths.checkpoint) from error
        return Beginning(frames=frames, window=window, is_lasting=True, state=state)


def is_finished(paths: OutputPaths) -> bool:
    """True if results are there, and not from a run that was killed while it ended."""
    ending = paths.checkpoint.exists() and not partial_path(paths.results).exists()
    return paths.results.exists() and not ending


def _frames_again(
    source: video.FrameSource,
    state: Mapping[str, Any],
    window: BackFillWindow,
    open_frames: OpenFrames,
    can_seek: bool,
) -> Iterator[Frame]:
    """The frames after those held, which are decoded once more and must be what they were.

    A seek that leads somewhere else is no reason to give up: then all is decoded from the start.
    """
    held = state["held"]
    first, place = held[0]["index"], held[0]["source_index"]
    for seek in (True, False) if can_seek else (False,):
        source.begin_again(place if seek else None)
        frames = open_frames(True)
        if seek:
            frames = (replace(frame, index=frame.index + first) for frame in frames)
        else:
            frames = itertools.dropwhile(lambda frame: frame.index < first, frames)
        try:
            some = list(itertools.islice(frames, len(held)))
            if len(some) < len(held):
                raise CheckpointError("the video is shorter than it was")
            window.restore(some, held, state["revised"])
        except (CheckpointError, EmptySourceError):
            if not seek:
                raise
        else:
            return frames
    raise AssertionError("the last attempt returns or raises")


def _compare(state: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Refuse another version's, video's or configuration's checkpoint, and name the difference."""
    if state["version"] != about["version"]:
        raise CheckpointError(f"it is of version {state['version']}, this is {about['version']}")
    if state["fingerprint"]["source"] != about["fingerprint"]["source"]:
        raise CheckpointError("it is of another video, or the video has changed")
    if state["fingerprint"]["config"] != about["fingerprint"]["config"]:
        raise CheckpointError(f"the settings differ: {_differences(state, about)}")
    if state["boxes"] != about["boxes"]:
        raise CheckpointError("the given boxes have changed")
    if state["tracker"] != about["tracker"]:
        raise CheckpointError(f"it is of {state['tracker']}, this is {about['tracker']}")


def _differences(state: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    old, new = state["settings"], about["settings"]
    changed = [key for key in new if old.get(key) != new[key]]
    told = [f"{key} was {old.get(key)} and is {new[key]}" for key in changed[:3]]
    return ", ".join(told + ["..."] * (len(changed) > 3))


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """The keys that change a result, by their dotted names."""
    out: dict[str, str] = {}
    for name, value in settings.items():
        full = f"{prefix}{name}"
        if full in NEUTRAL_KEYS:
            continue
        out |= (
            flat_settings(value, f"{full}.") if isinstance(value, Mapping) else {full: str(value)}
        )
    return out


def _refuse(error: CheckpointError, paths: OutputPaths, *, overwrite: bool) -> None:
    """Say that what lies there is not gone on with.

    Raises:
        CheckpointError: if it may not be written over.
    """
    reason = error.what if error.where in (None, paths.checkpoint) else str(error)
    if not overwrite:
        raise CheckpointError(
            f"an unfinished run is there and cannot be continued ({reason})",
            where=paths.checkpoint,
            hint="run it as it was run, or start anew with overwrite=true",
        ) from error
    _log.warning(
        "starting anew, since the unfinished run in %s cannot be continued: "
        "%s. With overwrite=false it would have been left alone",
        paths.checkpoint,
        reason,
    )
