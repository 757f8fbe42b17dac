"""The appearance stage: people with their surfaces and crops -> UV maps and codes."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from humantrack.appearance.encoder import TextureEncoder
from humantrack.appearance.texture import TextureSampler
from humantrack.nn.transfer import to_host
from humantrack.types import Appearance


class Surfaces(Protocol):
    """N bodies as a network gives them."""

    @property
    def vertices(self) -> Tensor:
        """(N,V,3) metres, without ``cam_t``."""

    @property
    def cam_t(self) -> Tensor:
        """(N,3) metres, for focal length 5000 px on the crop."""


class PeopleInCrops(Protocol):
    """N people of one or several frames."""

    @property
    def crops(self) -> Tensor:
        """(N,4,256,256) normalised RGB, and the mask 0..255."""

    @property
    def output(self) -> Surfaces:
        """What a network says of them."""


class TextureAppearance:
    """Describes people's appearance by the texture their surface has in the crop.

    Args:
        sampler: surface and crop -> UV map.
        encoder: UV map -> code.
    """

    def __init__(self, sampler: TextureSampler, encoder: TextureEncoder) -> None:
        self._sampler, self._encoder = sampler, encoder

    def describe(self, people: PeopleInCrops) -> Appearance:
        """One entry per person, in their order."""
        maps = self._sampler(people.output.vertices, people.output.cam_t, people.crops)
        code = self._encoder(maps)
        (uv,) = to_host(maps)
        return Appearance(code=code, uv=uv)
