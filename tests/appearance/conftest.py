"""HMAR with the golden rule's weights, and a synthetic body."""

import json

import numpy as np
import pytest
import torch
from golden_rule import GOLDEN, hmar_state

from humantrack.appearance.autoencoder import Encoder
from humantrack.appearance.hmar import Hmar


@pytest.fixture(scope="session")
def smpl(make_smpl):
    return make_smpl()


@pytest.fixture(scope="session")
def shapes():
    return json.loads((GOLDEN / "hmar_state_dict.json").read_text())


@pytest.fixture(scope="session")
def state(shapes):
    """Rule weights under all keys but ``smpl.*``."""
    return {key: torch.from_numpy(value) for key, value in hmar_state(shapes).items()}


@pytest.fixture(scope="session")
def hmar(smpl, state):
    with torch.device("meta"):
        network = Hmar(smpl)
    unknown = network.load_state_dict(state, strict=False, assign=True).unexpected_keys
    assert not unknown
    return network.requires_grad_(False).eval()


@pytest.fixture(scope="session")
def encoder(shapes):
    """The encoder alone, without the rest of HMAR being made."""
    name = "encoding_head."
    own = {k: v for k, v in shapes.items() if k.startswith(name) and not k.startswith(f"{name}t_")}
    network = Encoder()
    weights = {k.removeprefix(name): torch.from_numpy(v) for k, v in hmar_state(own).items()}
    network.load_state_dict(weights)
    return network.requires_grad_(False).eval()


@pytest.fixture(scope="session")
def golden():
    """Name -> the arrays of that golden file."""

    def load(name):
        with np.load(GOLDEN / f"{name}_golden.npz") as file:
            return dict(file)

    return load
