"""Level directions of a scene: floorboards, kerbs, the edges of tables and ceilings.

Seen from above, such edges are as steep in the picture as walls are, and look like verticals that
disagree. But rooms and streets are made of directions at right angles (a "Manhattan world":
Coughlan and Yuille, ICCV 1999; with more than two level ones an "Atlanta world": Schindler and
Dellaert, CVPR 2004). So up and a level direction are looked for together: the pair at right angles
along which most edges lie, each edge counting once. Edges along a level direction that more of
them share than chance would have it are explained, and say nothing of up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from humantrack.geometry.rotations import across
from humantrack.types.arrays import BoolArray, FloatArray
from humantrack.world.edges import (
    BY_CHANCE,
    FEWEST,
    NEAR_DEG,
    Edges,
    by_chance,
    different,
    fitted,
    how_many,
)

_STEP_DEG = 2.0
"""Between the level directions that are tried, which edges fit within one."""

_LENS_DEG = 3.0
"""A right angle that the lens leaves less sure than this cannot be told from others."""

_LIKELY = 0.5
"""Of the length along the direction that explains most without level ones."""

_MOST_UPS = 60
_MOST_EDGES = 200
"""Looked at when up and a level direction are searched for together."""

_WITHIN_DEG = 5.0
"""Edges to which a level direction is fitted."""

_MOST_LEVELS = 6
_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """K level directions and up, which go together."""

    up: FloatArray
    """(3,) of unit length, roughly."""

    directions: FloatArray
    """(K,3) of unit length."""

    sigma: FloatArray
    """(K,) how far the lens makes them be off a right angle to up, radians."""

    explained: BoolArray
    """(N,) which of a shot's edges lie along one of them."""

    def beside(self, verticals: Edges) -> Edges:
        """Edges that may be vertical, and one more for each level direction.

        That is at right angles to up as the plane of a vertical edge is, and counts as much as one
        of as few lines as are believed.
        """
        count = len(self.directions)
        length = np.full(count, verticals.length.sum() / FEWEST)
        return Edges(
            normal=np.concatenate([verticals.normal, self.directions]),
            sigma=np.concatenate([verticals.sigma, self.sigma]),
            length=np.concatenate([verticals.length, length]),
            frame=np.concatenate([verticals.frame, np.zeros(count, np.int64)]),
            stays=verticals.stays,
        )


def with_levels(
    edges: Edges, ups: FloatArray, lens_error: float, ahead: FloatArray
) -> Levels | None:
    """Up and level directions that explain a shot's edges best; None if no direction is shared.

    Args:
        edges: N of a shot.
        ups: (M,3) of unit length, what up could be.
        lens_error: of the focal length, relative.
        ahead: (3,) of unit length, where the camera looks.
    """
    # At random: every so many of a picture would be the same ones in each.
    some = edges.rows(np.random.default_rng(0).permutation(len(edges))[:_MOST_EDGES])
    vertical = some.fit(ups)
    score = some.length @ vertical
    likely = np.flatnonzero(score > _LIKELY * score.max())
    likely = likely[:: -(-len(likely) // _MOST_UPS)]
    # Each edge counts for the direction along which it lies best.
    tries = _tried(ups[likely], lens_error, ahead)
    both = [
        float((some.length @ some.fit(levels, least=vertical[:, [i]])).max(initial=0.0))
        for i, levels in zip(likely, tries, strict=True)
    ]
    best = int(np.argmax(both))
    up, tried = ups[likely[best]], tries[best]
    found: list[FloatArray] = []
    explained = np.zeros(len(edges), bool)
    left = edges.rows(~edges.agree(up))
    while len(found) < _MOST_LEVELS and len(tried) and len(left):
        level = tried[int((left.length @ left.fit(tried)).argmax())]
        if not _is_shared(left, level):
            break
        for _ in range(_ROUNDS):
            level = fitted(left.rows(left.near(level, _WITHIN_DEG)), level)
        found.append(level)
        explained |= edges.agree(level)
        left = left.rows(~left.agree(level))
    if not found:
        return None
    directions = np.stack(found)
    sigma = _off_by_lens(up, directions, lens_error, ahead)
    return Levels(up=up, directions=directions, sigma=sigma, explained=explained)


def _tried(ups: FloatArray, lens_error: float, ahead: FloatArray) -> list[FloatArray]:
    """Directions (K,3) at right angles to each up (M,3), where the lens lets those be told."""
    angle = np.radians(np.arange(0.0, 180.0, _STEP_DEG))
    turns = across(ups)
    levels = np.stack([np.cos(angle), np.sin(angle)], axis=1) @ np.swapaxes(turns, 1, 2)
    off = 2 * lens_error * np.abs(ups @ ahead)[:, None] * np.abs(levels @ ahead)
    told = off < np.radians(_LENS_DEG)
    return [some[mask] for some, mask in zip(levels, told, strict=True)]


def _off_by_lens(
    up: FloatArray, levels: FloatArray, lens_error: float, ahead: FloatArray
) -> FloatArray:
    """(K,) by how much the lens makes right angles to up be off, radians.

    One that is so many times as long stretches all along the view, so that d(up . level) =
    2 (up . ahead) (level . ahead) d(log focal).
    """
    return np.asarray(2 * lens_error * np.abs(up @ ahead) * np.abs(levels @ ahead))


def _is_shared(edges: Edges, level: FloatArray) -> bool:
    """Whether more edges lie along a direction than chance would have it."""
    near = edges.rows(edges.near(level, NEAR_DEG))
    agree = near.agree(level)
    agreeing, turns = near.rows(agree), across(level)
    lines = int(how_many(agreeing, different(agreeing, turns)).max(initial=0))
    return lines >= FEWEST and by_chance(near, agree, turns) <= BY_CHANCE
