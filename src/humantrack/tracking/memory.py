"""A track's memory of a person's appearance."""

from __future__ import annotations

import math
from dataclasses import dataclass

from humantrack.errors import StageError
from humantrack.tracking.colour import LEAST_SCORE, RATE, blend_colours
from humantrack.tracking.cost import Sample
from humantrack.tracking.texture import blend_uv
from humantrack.types import Observation
from humantrack.types.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class AppearanceMemory:
    """Codes are the newest (or colours mixed, if ``by_colour``); textures are mixed."""

    uses_texture: bool
    alpha: float
    """Weight of a new texture seen with confidence 1."""

    by_colour: bool = False
    """Codes are colour signatures."""

    rate: float = RATE
    """Share of new colours in a memory of colours."""

    def first(self, observation: Observation) -> Sample:
        """See ``Memory``."""
        return self._sample(observation, observation.code, self._uv(observation))

    def blend(self, old: Sample, observation: Observation) -> Sample:
        """See ``Memory``."""
        confidence = score(observation)
        code = observation.code
        if self.by_colour:
            rate = self.rate if confidence >= LEAST_SCORE else 0.0
            code = blend_colours(old.code, code, rate=rate)
        uv = self._uv(observation)
        if uv is not None and old.uv is not None:
            uv = blend_uv(old.uv, uv, confidence=confidence, alpha=self.alpha)
        return self._sample(observation, code, uv)

    def _sample(self, observation: Observation, code: FloatArray, uv: FloatArray | None) -> Sample:
        return Sample(
            location=observation.location_vector, pose=observation.pose_vector, code=code, uv=uv
        )

    def _uv(self, observation: Observation) -> FloatArray | None:
        if not self.uses_texture:
            return None
        if observation.uv is None:
            raise StageError(
                "texture tracking, but a person has no texture map",
                where=f"frame {observation.frame_index}",
                hint="use A instead of T in phalp.predict",
            )
        return observation.uv


def score(observation: Observation) -> float:
    """A detection's confidence, 0 if it is not a number."""
    return observation.score if math.isfinite(observation.score) else 0.0
