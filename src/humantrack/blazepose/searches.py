"""The searches in the frames of a chunk, each begun as early as it can be."""

from __future__ import annotations

from collections.abc import Sequence

from humantrack.blazepose.look_ahead import LookAhead
from humantrack.blazepose.memory import Memory
from humantrack.blazepose.network import LandmarkNetwork
from humantrack.blazepose.people import Search
from humantrack.types import Frame


class Searches:
    """Begins the search in a frame when it is known who is in the frame before.

    At the same time the network begins with the frame after it, where people are foretold to be.
    So one person keeps two cores busy.

    Args:
        network: the landmark network.
        memory: the people of the frames before; the caller renews it.
        frames: of a chunk.
    """

    def __init__(self, network: LandmarkNetwork, memory: Memory, frames: Sequence[Frame]) -> None:
        self._network, self._memory, self._frames = network, memory, frames
        self._ahead: dict[int, LookAhead] = {}
        self._begun: dict[int, Search] = {}

    def search(self, i: int) -> Search:
        """That in the ``i``-th frame."""
        if i not in self._begun:
            self._begin(i)
        return self._begun.pop(i)

    def seen(self, i: int) -> None:
        """The memory holds the people of the ``i``-th frame now."""
        if self._goes_on(i + 1):
            self._begin(i + 1)

    def _begin(self, i: int) -> None:
        ahead = self._ahead.pop(i, None) or LookAhead(self._network, self._frames[i])
        self._begun[i] = Search(ahead, self._memory)
        if self._goes_on(i + 1):
            self._ahead[i + 1] = LookAhead(self._network, self._frames[i + 1], self._memory.people)

    def _goes_on(self, i: int) -> bool:
        """Whether there is such a frame, and it may show the people of the one before."""
        if not 0 < i < len(self._frames):
            return False
        before, frame = self._frames[i - 1 : i + 1]
        return not frame.is_shot_start and frame.rgb.shape == before.rgb.shape
