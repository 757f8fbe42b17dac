"""The protocols of the stages: what each takes and gives. No concrete stage is known here."""

from __future__ import annotations

import math
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
    Settled,
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
class Lightens(Protocol):
    """A detector that can do less for each frame. Optional; see ``live.target_delay_ms``."""

    def lighten(self, *, rest: int, longest_side: int | None) -> None:
        """From the next frame on.

        Args:
            rest: how many times as long as usual it rests between looks; 1 = as usual.
            longest_side: most pixels of its input's longer side; None = as usual.
        """


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


FRESH_S = 10.0
"""Wherever the time of a video passes a multiple of this, a stage that follows people looks at them
as if for the first time. A network's errors feed back into where it looks next, so two runs that
differ in the least never meet again by themselves; so they do, and parts of a video agree."""


def passes_mark(last_s: float, time_s: float) -> bool:
    """Whether a multiple of ``FRESH_S`` lies between two times, or on the second."""
    return math.floor(time_s / FRESH_S) > math.floor(last_s / FRESH_S)


_BEFORE_MARK_S = 0.5
"""A detector looks at the first few frames in any case; those should not lie on the mark."""


def since_mark(begin_s: float, settles_s: float) -> float:
    """Seconds before a time that reach to before the last mark that is so long ago.

    Args:
        begin_s: the time; infinite for the most that it can be.
        settles_s: how long after a mark something of before it is left.
    """
    if math.isinf(begin_s):
        return FRESH_S + settles_s + _BEFORE_MARK_S
    mark = math.floor((begin_s - settles_s) / FRESH_S) * FRESH_S
    return begin_s - mark + _BEFORE_MARK_S


USUAL_WARM_UP_S = 10.0
"""For a stage that does not say how much it remembers."""


@runtime_checkable
class Forgetful(Protocol):
    """A detector or estimator that says how far back it remembers. Optional.

    It lets parts of a video be worked on side by side: in each, the stage sees the seconds before
    the part first.
    """

    warm_up_s: float
    """Seconds of earlier frames after which it makes no difference what came before them; 0 for a
    stage that remembers nothing, whose parts are exactly those of one run. It may depend on where
    a part begins: then this is the most, and a method ``warm_up_before(begin_s)`` says how much."""


@runtime_checkable
class Settles(Protocol):
    """An estimator that knows some things of people only after it has seen them for long. Optional.

    Those would differ in a part of a video that does not begin where they came. So it tells with
    such people what their bodies were made of (``People.evidence``), and makes them again when the
    parts are joined, in order. All that it must see before a part is then what tells it where
    people are (``warm_up_s``).
    """

    def begin_part(self) -> Sequence[Any]:
        """Called after a part's warm-up; who is known then, as plain values."""

    def known(self) -> Sequence[Any]:
        """Who is known after a part's last frame, as plain values."""

    def pass_seam(self, before: Sequence[Any], now: Sequence[Any]) -> None:
        """Called in order as parts are joined.

        Args:
            before: ``known`` of the part before.
            now: ``begin_part`` of the coming one.
        """

    def settle(self, frames: Sequence[Sequence[Observation]]) -> Sequence[Mapping[int, Settled]]:
        """Bodies in place of people's, by their rows, for each frame of a chunk; in order."""


def warm_up_of(stage: object, begin_s: float = math.inf) -> float:
    """A stage's ``warm_up_s``, or the usual; less if it says so of a part that begins there."""
    if not math.isinf(begin_s) and hasattr(stage, "warm_up_before"):
        return float(stage.warm_up_before(begin_s))
    return float(stage.warm_up_s) if isinstance(stage, Forgetful) else USUAL_WARM_UP_S


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
