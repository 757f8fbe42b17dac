"""Left and right mixed up by the network: notice it, hold against it, and repair what is recent.

The network sometimes takes a person's left for the right, and shows his back where we see his face.
Within a frame nothing tells; over time a body cannot turn about between two frames, so a sudden
about-turn is the network changing its mind. Whether it was right before or is now is a belief:

* it changes its mind at most every few seconds, and is right four times out of five;
* a person who is seen to turn by more than a right angle within ``_TURN_S`` may have turned.

The belief is a log-odds per person. It flips where the network's line from right to left flips, and
drifts back to "the network is right" by ``_DRIFT`` a second: a track that has been seen the right
way round for long is held against the network for some two seconds, a young one for less.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from humantrack.blazepose.inverse_kinematics import HIPS, SHOULDERS
from humantrack.types.arrays import FloatArray

_START = -1.4
"""Log-odds that a network's first word on somebody is the wrong way round: one in five."""

_SUREST = 4.0
_DRIFT = 2.0
_MIND = 0.02
"""Chance that the network changes its mind between two frames."""

_TURN_S = 0.7
"""Seconds in which people turn by a right angle when they hurry."""

_LONGEST_STEP_S = 1.0


class TurnGuard:
    """Watches one person for about-turns that bodies cannot do."""

    def __init__(self) -> None:
        self._side: FloatArray | None = None
        self._odds = _START
        self._time_s: float | None = None
        self._gave_in = False

    @property
    def was_wrong(self) -> bool:
        """True if in this frame the network came to be believed against whom it was held."""
        return self._gave_in

    @property
    def is_mixed_up(self) -> bool:
        """True if the network's left is taken for this person's right."""
        return self._odds > 0

    def __call__(self, world: FloatArray, time_s: float) -> bool:
        """True if this frame's left and right are to be swapped.

        Args:
            world: (33,3) the person's world landmarks, frame after frame, as the network gives
                them. The line from right to left, through hips and shoulders, is compared with
                that of the frame before.
            time_s: of the frame.
        """
        side = world[SHOULDERS[0]] - world[SHOULDERS[1]] + world[HIPS[0]] - world[HIPS[1]]
        step = _LONGEST_STEP_S
        if self._time_s is not None and 0 < time_s - self._time_s < step:
            step = time_s - self._time_s
        self._gave_in = False
        if self._side is not None:
            before = self._odds
            self._odds = max(-_SUREST, self._odds - _DRIFT * step)
            self._gave_in = before > 0 >= self._odds
            if float(side @ self._side) < 0:
                turn = min(0.5, (step / _TURN_S) ** 2 / 4)
                self._odds = _either(self._odds, _MIND / (_MIND + turn))
        self._gave_in = self._gave_in and not self.is_mixed_up
        self._side, self._time_s = side, time_s
        return self.is_mixed_up

    def state_dict(self) -> dict[str, Any]:
        """All that the next frame depends on."""
        return {"side": self._side, "odds": self._odds, "time_s": self._time_s}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state."""
        self._side, self._odds = state["side"], state["odds"]
        self._time_s = state["time_s"]


def _either(odds: float, change: float) -> float:
    """Log-odds after the network changed its mind with this probability."""
    wrong = 1 / (1 + math.exp(-odds))
    now = wrong * (1 - change) + (1 - wrong) * change
    return math.log(now / (1 - now))
