"""Left and right mixed up by the network: notice it, hold against it, and repair what is recent.

The network sometimes takes a person's left for the right, and shows his back where we see his face.
Within a frame nothing tells; over time a body cannot turn about between two frames, so a sudden
about-turn is the network changing its mind. Whether it was right before or is now is a belief:

* it changes its mind at most every few seconds, and is right four times out of five;
* a person who is seen to turn by more than a right angle within ``_TURN_S`` may have turned.

The belief is a log-odds per person. It flips where the network's line from right to left flips, and
drifts back to "the network is right" by ``_DRIFT`` a second: a track that has been seen the right
way round for long is held against the network for some two seconds, a young one for less.

A frame in which the line is much shorter than people are wide, as shoulders and hips contradict
each other, or turned by about a right angle, tells nothing: so half-hidden people look. The line of
the last frame that told something is what the next one is compared with. What seemed an about-turn
right before a person was lost from sight was a half-hidden look, too, and is taken back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

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

_SHORT_M = 0.25
"""A line, shoulders' and hips' added, shorter than this is unsure; people's have some 0.45 m."""

_UNSURE = 0.4
"""Lines with a smaller cosine between them, either way, are neither alike nor opposite."""


_LAST_LOOKS_S = 0.1
"""A person who is lost from sight was half hidden for so long before."""


class TurnGuard:
    """Watches one person for about-turns that bodies cannot do."""

    def __init__(self) -> None:
        self._side: FloatArray | None = None
        self._side_s: float | None = None
        self._odds = _START
        self._time_s: float | None = None
        self._gave_in = False
        self._before: tuple[FloatArray, float | None, float, float] | None = None
        """Line, its time and odds before the last about-turn, and when that was."""

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
                that of a frame before.
            time_s: of the frame.
        """
        side = world[SHOULDERS[0]] - world[SHOULDERS[1]] + world[HIPS[0]] - world[HIPS[1]]
        self._gave_in = False
        if self._side is None:
            self._side, self._side_s = side, time_s
        else:
            before = self._odds
            self._odds = max(-_SUREST, before - _DRIFT * _step(self._time_s, time_s))
            gives_in = before > 0 >= self._odds
            self._compare(side, self._side, time_s)
            self._gave_in = gives_in and not self.is_mixed_up
        self._time_s = time_s
        return self.is_mixed_up

    def _compare(self, side: FloatArray, before: FloatArray, time_s: float) -> None:
        """Take in which way a line leads, if it tells."""
        step = _step(self._side_s, time_s)
        if np.linalg.norm(before) >= _SHORT_M:
            if step < _LONGEST_STEP_S and not _tells(side, before):
                return
            if float(side @ before) < 0:
                self._before = before, self._side_s, self._odds, time_s
                turn = min(0.5, (step / _TURN_S) ** 2 / 4)
                self._odds = _either(self._odds, _MIND / (_MIND + turn))
        self._side, self._side_s = side, time_s

    def lose(self) -> None:
        """The person is not seen in this frame."""
        if self._before is not None and self._time_s is not None:
            side, side_s, odds, turned_s = self._before
            if 0 <= self._time_s - turned_s < _LAST_LOOKS_S:
                self._side, self._side_s, self._odds = side, side_s, odds
        self._before = None

    def state_dict(self) -> dict[str, Any]:
        """All that the next frame depends on."""
        return {
            "side": self._side,
            "side_s": self._side_s,
            "odds": self._odds,
            "time_s": self._time_s,
            "before": self._before,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state."""
        self._side, self._side_s = state["side"], state["side_s"]
        self._odds, self._time_s = state["odds"], state["time_s"]
        self._before = None if state["before"] is None else tuple(state["before"])


def _step(since_s: float | None, time_s: float) -> float:
    """Seconds that have passed, for as many as that counts; the most where time stands still."""
    if since_s is not None and 0 < time_s - since_s < _LONGEST_STEP_S:
        return time_s - since_s
    return _LONGEST_STEP_S


def _tells(side: FloatArray, before: FloatArray) -> bool:
    """Whether a line is long enough, and as another or the other way round."""
    length = float(np.linalg.norm(side))
    cosine = float(side @ before) / max(length * float(np.linalg.norm(before)), 1e-9)
    return length >= _SHORT_M and abs(cosine) >= _UNSURE


def _either(odds: float, change: float) -> float:
    """Log-odds after the network changed its mind with this probability."""
    wrong = 1 / (1 + math.exp(-odds))
    now = wrong * (1 - change) + (1 - wrong) * change
    return math.log(now / (1 - now))
