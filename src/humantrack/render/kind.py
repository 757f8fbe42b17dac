"""Values of ``render.type``: whom to draw, and how."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from humantrack.errors import ConfigError
from humantrack.types import TrackedPerson

STYLES = ("MESH", "MASK", "BBOX", "SKELETON")
_PATTERN = re.compile(r"(?:(HUMAN|GHOST|TRACKID_(\d+))_)?(MESH|MASK|BBOX|SKELETON)")


@dataclass(frozen=True, slots=True)
class RenderKind:
    """A parsed ``render.type``."""

    style: str
    """One of ``STYLES``."""

    track_id: int | None = None
    """Only this track."""

    ghosts: bool = False
    """Also people not seen in the frame, however long ago they were."""

    @staticmethod
    def parse(text: str) -> RenderKind:
        """Read PHALP's names: HUMAN_MESH, HUMAN_MASK, HUMAN_BBOX, TRACKID_3_MESH, GHOST_MESH.

        Raises:
            ConfigError: if it is none of them.
        """
        match = _PATTERN.fullmatch(text.strip().upper())
        if match is None:
            raise ConfigError(
                "unknown render.type",
                where=text,
                hint="known are HUMAN_MESH, HUMAN_MASK, HUMAN_BBOX, SKELETON, TRACKID_<n>_MESH "
                "and GHOST_MESH",
            )
        who, number, style = match.groups()
        return RenderKind(style, None if number is None else int(number), who == "GHOST")

    def pick(self, people: Sequence[TrackedPerson], max_missed: int = 0) -> list[TrackedPerson]:
        """The people to draw, farthest first: those missed for at most so many frames."""
        picked = [
            p
            for p in people
            if (p.missed <= max_missed or self.ghosts) and self.track_id in {None, p.track_id}
        ]
        return sorted(picked, key=_depth, reverse=True)


def _depth(person: TrackedPerson) -> float:
    """Metres; a number even where the camera is none."""
    return float(np.nan_to_num(person.observation.cam_t[2]))
