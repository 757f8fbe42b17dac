"""Left and right mixed up for a moment: notice the sudden about-turn, to swap them back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from humantrack.blazepose.inverse_kinematics import HIPS, SHOULDERS
from humantrack.types.arrays import FloatArray

MIRROR = (
    *(0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15),
    *(18, 17, 20, 19, 22, 21, 24, 23, 26, 25, 28, 27, 30, 29, 32, 31),
)
"""The same landmark on the other side of the body: ``points[MIRROR]`` swaps left and right."""

HOLD = 5
"""After this many frames the network is believed: it may have been wrong before.

Holding on for as long as it insists made things worse (root more than 90 degrees off in 26 % of
the people instead of 18 %, on the demo clip with small boxes), as errors of that kind last.
"""


class TurnGuard:
    """Watches one person for turns of more than 90 degrees from one frame to the next."""

    def __init__(self) -> None:
        self._side: FloatArray | None = None
        self._held = 0

    def __call__(self, world: FloatArray) -> bool:
        """True if this frame's left and right are to be swapped.

        Args:
            world: (33,3) the person's world landmarks, frame after frame, as the network gives
                them. The line from right to left, through hips and shoulders, is compared with
                that of the frame before; swapping reverses it.
        """
        side = world[SHOULDERS[0]] - world[SHOULDERS[1]] + world[HIPS[0]] - world[HIPS[1]]
        mixed_up = self._side is not None and float(side @ self._side) < 0 and self._held < HOLD
        self._held = self._held + 1 if mixed_up else 0
        self._side = -side if mixed_up else side
        return mixed_up

    def state_dict(self) -> dict[str, Any]:
        """All that the next frame depends on."""
        return {"side": self._side, "held": self._held}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state."""
        self._side, self._held = state["side"], state["held"]
