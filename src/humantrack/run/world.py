"""The world in a run: what the camera is followed with, and the pass at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Protocol

from humantrack.errors import CameraFileError, HumantrackError, InterruptedRunError
from humantrack.memory import is_lack_of_memory
from humantrack.pipeline.stopping import check
from humantrack.pipeline.threads import ThreadedSink
from humantrack.types import Frame, FrameRecord
from humantrack.world.options import CAMERAS, WorldOptions

_log = logging.getLogger(__name__)


class _LastingSink(Protocol):
    """A sink that can be gone on with."""

    def __enter__(self) -> Any: ...

    def write(self, frame: Frame, record: FrameRecord) -> None: ...

    def state_dict(self) -> Mapping[str, Any]: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class ForgivingSink:
    """Passes frames on until the sink fails once, and then no more: it is worth no run.

    Implements ``Sink`` and ``state_dict``; the state of a sink that has failed says so, and one
    made from it stays silent.

    Args:
        make: makes the sink from a state, or None.
        state: of an earlier one.
        remove: takes away what a sink that failed has left.
    """

    def __init__(
        self,
        make: Callable[[Mapping[str, Any] | None], _LastingSink],
        state: Mapping[str, Any] | None,
        remove: Callable[[], None],
    ) -> None:
        self._remove = remove
        self.frame_count = 0 if state is None else int(state["frames"])
        has_failed = state is not None and state["failed"]
        self._sink = None if has_failed else make(None if state is None else state["sink"])

    def __enter__(self) -> ForgivingSink:
        self._guarded(lambda sink: sink.__enter__())
        return self

    def write(self, frame: Frame, record: FrameRecord) -> None:
        """Pass a frame on."""
        self.frame_count += 1
        self._guarded(lambda sink: sink.write(frame, record))

    def state_dict(self) -> Mapping[str, Any]:
        """The sink's, or that it has failed."""
        state = self._guarded(lambda sink: sink.state_dict())
        return {"frames": self.frame_count, "failed": state is None, "sink": state}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._guarded(lambda sink: sink.__exit__(kind, error, trace))

    def _guarded(self, call: Callable[[_LastingSink], Any]) -> Any:
        if self._sink is None:
            return None
        try:
            return call(self._sink)
        except Exception as error:  # noqa: BLE001 - told, and the run goes on
            sink, self._sink = self._sink, None
            _log.warning("the camera's motion is not followed any more: %s", error)
            try:
                sink.__exit__(type(error), error, error.__traceback__)
                self._remove()
            except Exception as second:  # noqa: BLE001 - of cleaning up after the first
                _log.debug("and cleaning up failed: %s", second)
            return None


def camera_sinks(
    options: WorldOptions,
    results: Path,
    states: Mapping[str, Mapping[str, Any]],
    *,
    waiting: int,
    source: str | None = None,
) -> dict[str, ThreadedSink]:
    """The sinks that gather how the camera moves; none where a file says it.

    Args:
        options: of the world.
        results: the results file.
        states: of an earlier run's sinks, to go on from.
        waiting: frames that may wait for each of them.
        source: fingerprint of the video, by which its evidence is known again.

    Raises:
        DependencyError: if COLMAP is asked for and is not there.
        CameraFileError: if the file that is named is not there.
    """
    if options.camera not in CAMERAS:
        if not Path(options.camera).exists():
            raise CameraFileError(
                "no such camera file",
                where=options.camera,
                hint=f"world.camera is one of {', '.join(CAMERAS)}, or a file",
            )
        return {}
    from humantrack.world.camera import CameraSink, ColmapFrames, evidence_path, need_colmap
    from humantrack.world.make import colmap_folder, remove_world

    def follow(state: Mapping[str, Any] | None) -> _LastingSink:
        return CameraSink(evidence_path(results), source=source, state=state)

    def collect(state: Mapping[str, Any] | None) -> _LastingSink:
        frames = ColmapFrames(colmap_folder(results))
        if state is not None:
            frames.load_state_dict(state)
        return frames

    kinds = {"camera": follow}
    if options.camera == "colmap":
        need_colmap()
        kinds["colmap"] = collect
    return {
        name: ThreadedSink(
            ForgivingSink(make, states.get(name), lambda: remove_world(results)),
            waiting,
            optional=True,
        )
        for name, make in kinds.items()
    }


def check_camera(results: Path, states: Mapping[str, Mapping[str, Any]]) -> None:
    """See that what lies on the disk is what a checkpoint was taken with.

    Raises:
        CheckpointError: if it is not.
    """
    state = states.get("camera")
    if state is not None and not state["failed"]:
        from humantrack.world.camera import check_evidence, evidence_path

        check_evidence(evidence_path(results), state["sink"]["file"])


@dataclass(frozen=True, kw_only=True)
class WorldOutcome:
    """How the world pass at the end of a run went."""

    path: Path | None = None
    facts: Mapping[str, Any] | None = None
    line: str | None = None
    """How camera, lens and scale were found, or why there is no world."""

    notes: tuple[str, ...] = ()
    video: Path | None = None
    """The world video, if one was drawn."""


def world_of_run(
    options: WorldOptions,
    results: Path,
    sources: Sequence[Path],
    *,
    stop: Event | None = None,
    debug: bool = False,
) -> WorldOutcome:
    """Make the world of a run's results; what goes wrong is told, and costs nothing else.

    Args:
        options: what the user says.
        results: whole.
        sources: the video or the pictures.
        stop: ends it when it is set.
        debug: raise whatever goes wrong.

    Raises:
        InterruptedRunError: if ``stop`` is set.
    """
    from humantrack.world.file import world_path
    from humantrack.world.make import remove_world, write_world

    if not options.enable:
        remove_world(results)
        return WorldOutcome()

    def advance(_: str, __: int) -> None:
        check(stop, f"the results in {results} are whole; humantrack-world makes their world")

    try:
        report = write_world(results, options, sources=sources, advance=advance)
    except InterruptedRunError:
        raise
    except Exception as error:
        if debug:
            raise
        world_path(results).unlink(missing_ok=True)  # of results that are no more
        return _failed(error)
    return WorldOutcome(path=report.path, facts=report.facts, line=report.line, notes=report.notes)


def _failed(error: Exception) -> WorldOutcome:
    """What is told of a world that could not be made."""
    if isinstance(error, HumantrackError):
        said = str(error)
    elif is_lack_of_memory(error):
        said = "not enough memory"
    else:
        said = f"internal error: {type(error).__name__}: {error}"
    _log.debug("the world could not be made", exc_info=error)
    return WorldOutcome(facts={"error": said}, line=f"not made: {said}")
