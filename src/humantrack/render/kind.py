"""What ``render.type`` asks for: whom to draw, and how."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

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
    """Also people who are not seen in the frame, where they were last."""

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
                hint="known are HUMAN_MESH, HUMAN_MASK, HUMAN_BBOX, SKELETON and TRACKID_<n>_MESH",
            )
        who, number, style = match.groups()
        return RenderKind(style, None if number is None else int(number), who == "GHOST")

    def pick(self, people: Sequence[TrackedPerson]) -> list[TrackedPerson]:
        """The people to draw, farthest first."""
        picked = [
            p
            for p in people
            if (p.missed == 0 or self.ghosts) and self.track_id in (None, p.track_id)
        ]
        return sorted(picked, key=lambda p: -float(p.observation.cam_t[2]))
