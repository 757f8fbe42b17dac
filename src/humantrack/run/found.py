"""Protocol of observations that are there already, in place of a detector and an estimator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from humantrack import video
from humantrack.run.settings import RunOptions
from humantrack.types import Frame, Observation
from humantrack.world.options import CAMERAS


class Found(Protocol):
    """What has been found in the frames of a source."""

    content: str
    """Fingerprint of the source."""

    def open(self) -> video.FrameSource:
        """The frames with black pictures, without reading the source."""

    def with_shots(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames with ``is_shot_start`` as it was found."""

    def observe(self, frames: Sequence[Frame]) -> list[list[Observation]]:
        """What was found in a chunk of frames.

        Raises:
            ResultsError: if a frame is none of those looked at.
        """


def needs_pictures(options: RunOptions, visualizer: object) -> bool:
    """Whether anything after the tracker looks at pictures: the overlay, or the camera's motion."""
    follows = options.world.enable and options.world.camera in CAMERAS
    return visualizer is not None or follows or options.source.extract
