"""A tiny HMR2 with the golden rule's weights."""

import json

import numpy as np
import pytest
import torch
from golden_rule import GOLDEN, hmr2_state, smpl_arrays

from humantrack.body.smpl import Smpl
from humantrack.body.smpl_file import SmplArrays
from humantrack.hmr2.decoder import DecoderSizes
from humantrack.hmr2.network import Hmr2
from humantrack.hmr2.vit import VitSizes

TINY = {
    "vit": VitSizes(embed_dim=64, depth=2, heads=4),
    "decoder": DecoderSizes(dim=48, depth=2, heads=4, dim_head=16, mlp_dim=96),
}


def synthetic_smpl() -> Smpl:
    arrays = smpl_arrays()
    parents = arrays["kintree_table"][0].astype(np.int64)
    parents[0] = -1
    model = SmplArrays(
        v_template=arrays["v_template"],
        shapedirs=arrays["shapedirs"],
        posedirs=arrays["posedirs"],
        j_regressor=arrays["J_regressor"],
        weights=arrays["weights"],
        parents=parents,
        faces=arrays["f"].astype(np.int64),
    )
    return Smpl(model, arrays["J_regressor_extra"])


@pytest.fixture(scope="session")
def make_smpl():
    return synthetic_smpl


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
def fresh_tiny(tiny_state):
    """Makes another network with the same weights."""

    def make():
        network = Hmr2(synthetic_smpl(), **TINY, with_discriminator=True)
        unknown = network.load_state_dict(tiny_state, strict=False).unexpected_keys
        assert not unknown
        return network.requires_grad_(False).eval()

    return make


@pytest.fixture(scope="session")
def tiny(fresh_tiny):
    return fresh_tiny()
