"""A tiny HMR2 with the golden rule's weights."""

import json

import pytest
import torch
from golden_rule import GOLDEN, hmr2_state

from humantrack.hmr2.decoder import DecoderSizes
from humantrack.hmr2.network import Hmr2
from humantrack.hmr2.vit import VitSizes

TINY = {
    "vit": VitSizes(embed_dim=64, depth=2, heads=4),
    "decoder": DecoderSizes(dim=48, depth=2, heads=4, dim_head=16, mlp_dim=96),
}


@pytest.fixture(scope="session")
def tiny_sizes():
    return TINY


@pytest.fixture(scope="session")
def tiny_shapes():
    return json.loads((GOLDEN / "hmr2_tiny_state_dict.json").read_text())


@pytest.fixture(scope="session")
def tiny_state(tiny_shapes):
    """Rule weights under all keys but ``smpl.*`` and ``initialized``."""
    return {key: torch.from_numpy(value) for key, value in hmr2_state(tiny_shapes).items()}


@pytest.fixture(scope="session")
def fresh_tiny(tiny_state, make_smpl):
    """Makes another network with the same weights."""

    def make():
        network = Hmr2(make_smpl(), **TINY, with_discriminator=True)
        unknown = network.load_state_dict(tiny_state, strict=False).unexpected_keys
        assert not unknown
        return network.requires_grad_(False).eval()

    return make


@pytest.fixture(scope="session")
def tiny(fresh_tiny):
    return fresh_tiny()
