"""The protocols of the stages: what each takes and gives. No concrete stage is known here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

from humantrack.types import (
    BodyBatch,
    Detections,
    Frame,
    FrameRecord,
    FrameUpdate,
    Observation,
    People,
)
from humantrack.types.arrays import FloatArray, IntArray


@runtime_checkable
class Detector(Protocol):
    """Finds people in frames, which come in order, in chunks of any size.

    What it gives for a frame depends on that frame and earlier ones, never on the chunk.
    """

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """One ``Detections`` per frame."""

    def reset(self) -> None:
        """Forget all earlier frames."""


@runtime_checkable
class Estimator(Protocol):
    """Turns boxes into bodies with an appearance; same rule on chunks as for a detector."""

    def estimate(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[People]:
        """One ``People`` per frame."""

    def reset(self) -> None:
        """Forget all earlier frames."""


@runtime_checkable
class BridgesRests(Protocol):
    """An estimator that finds people again by itself in frames in which the detector rested.

    Those are frames whose detections have ``looked`` = False.
    """

    look: Callable[[Frame, FloatArray | None], Detections] | None
    """Given by whoever builds the stages: everybody in a frame, where (N,4) boxes say that people
    may be or, with None, anywhere. Asked where somebody is lost; it depends on nothing else."""


@runtime_checkable
class Tracker(Protocol):
    """Gives identities, one frame at a time."""

    def update(
        self, frame_index: int, observations: Sequence[Observation], *, is_shot_start: bool
    ) -> FrameUpdate:
        """The confirmed tracks after this frame."""

    def reset(self) -> None:
        """Forget everything; ids start at 1 again."""


@runtime_checkable
class Resumable(Protocol):
    """A detector, estimator, tracker or sink whose work another process can resume.

    Optional: without it a run has no checkpoints.
    """

    def state_dict(self) -> Mapping[str, Any]:
        """All that the coming frames depend on: containers, numbers, text and numpy arrays.

        It must stay as it is while the stage goes on; arrays may be shared if they are never
        changed in place.
        """

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of another one with the same arguments."""


@runtime_checkable
class BodyModel(Protocol):
    """Parameters -> surface and joints, metres, camera axes, without translation."""

    @property
    def faces(self) -> IntArray:
        """(F,3) vertex indices, counter-clockwise from outside."""

    def vertices(self, bodies: BodyBatch) -> FloatArray:
        """(N,V,3) float32."""

    def joints(self, bodies: BodyBatch) -> FloatArray:
        """(N,45,3) float32, the 45th zero."""


class SurfaceLevel(Protocol):
    """A body's surface with fewer faces."""

    @property
    def faces(self) -> IntArray:
        """(F,3) indices into what ``vertices`` gives, counter-clockwise from outside."""

    @property
    def vertex(self) -> IntArray:
        """(V,) numbers that the vertices have in the body's full surface."""

    @property
    def size_m(self) -> float:
        """Metres: how large the details are that are left out; 0 for the full surface."""

    def vertices(self, bodies: BodyBatch) -> FloatArray:
        """(N,V,3) float32, those of the full surface at ``vertex``."""


@runtime_checkable
class Levelled(Protocol):
    """A ``BodyModel`` that can also be drawn with fewer faces. Optional."""

    @property
    def levels(self) -> Sequence[SurfaceLevel]:
        """Finest first; the first is the full surface."""


class Sink(Protocol):
    """Takes frames as they become final, in order. A context manager.

    Leaving it with an error keeps what was written so far readable.
    """

    def __enter__(self) -> Sink: ...

    def write(self, frame: Frame, record: FrameRecord) -> None:
        """Take one final frame."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
