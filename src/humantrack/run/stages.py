"""Protocol of what a run needs of its tracker; ``PHALP`` is one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from humantrack.types import Frame, Observation
from humantrack.types.stages import Tracker


class Stages(Protocol):
    """All stages together, from frames to identities."""

    device: str
    given_boxes: Mapping[Any, Any] | None
    tracker: Tracker
    visualizer: Any
    """Draws people over a frame; None draws nothing."""

    def get_list_of_shots(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames with ``is_shot_start`` set."""

    def observe(self, frames: Sequence[Frame]) -> list[list[Observation]]:
        """All that the tracker gets to know of a chunk of frames."""

    def state_dict(self) -> Mapping[str, Any]:
        """All that the coming frames depend on."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of another run's stages."""

    def reset_stages(self) -> None:
        """Forget all earlier frames."""

    def why_no_checkpoint(self) -> str | None:
        """Which part of a run could not be resumed; None: all can."""

    def begin_part(self) -> Sequence[Any]:
        """Who is known at the beginning of a part of a video, as plain values."""

    def known(self) -> Sequence[Any]:
        """Who is known at the end of a part."""

    def pass_seam(self, before: Sequence[Any], now: Sequence[Any]) -> None:
        """What is settled next is of another part."""

    def settle(self, frames: Sequence[Sequence[Observation]]) -> list[list[Observation]]:
        """What was found in a chunk of frames of a part, once it is known what came before it."""

    def has_own(self, hook: str) -> bool:
        """True if a subclass has a hook of that name of its own."""


def told_of(stages: Stages) -> dict[str, Any]:
    """Which models these are, as the meta file says it."""
    told = {"tracker": type(stages).__name__, "device": stages.device}
    landmarks = getattr(getattr(stages, "estimator", None), "model", None)
    return told if landmarks is None else {**told, "landmarks": landmarks}
