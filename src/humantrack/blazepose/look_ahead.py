"""The landmark network at work on a frame before it is known what the frame before it shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from humantrack.blazepose.candidates import PERSON, Looker
from humantrack.blazepose.memory import Remembered
from humantrack.blazepose.network import LandmarkNetwork, Landmarks
from humantrack.blazepose.regions import Cropper
from humantrack.types import Frame
from humantrack.types.arrays import FloatArray


class LookAhead:
    """Looks where people are foretold to be, from the moment on in which it is made.

    A search takes of it what turned out to be right. It finds the same without.

    Args:
        network: the landmark network.
        frame: where to look.
        people: those of the frames before the one before.
    """

    def __init__(
        self, network: LandmarkNetwork, frame: Frame, people: Sequence[Remembered] = ()
    ) -> None:
        self.frame = frame
        self.looker = Looker(network, Cropper(frame.rgb))
        foretold = [(p, p.region_ahead()) for p in people if p.is_followed(PERSON)]
        self._foretold = [(person, at) for person, at in foretold if at is not None]
        at = np.array([at for _, at in self._foretold]).reshape(-1, 4)
        self._looking = self.looker.begin(at)

    def row_of(self, person: Remembered, at: FloatArray) -> int | None:
        """The row of a person's region ``at``; None if that was not looked at."""
        for row, (other, region) in enumerate(self._foretold):
            if other is person and np.array_equal(region, at):
                return row
        return None

    def landmarks(self, rows: Sequence[int]) -> Landmarks:
        """What these rows show."""
        return self._looking.landmarks(rows)
