"""ViTDet at small sizes: with the goldens' weights, or one that sees people everywhere."""

from __future__ import annotations

import importlib.util
import json
import pickle
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from golden_rule import GOLDEN, rule

from humantrack.detect.vitdet import VitDet, VitDetNetwork, VitDetSizes

TINY = VitDetSizes(side_px=256, embed_dim=64, depth=3, heads=4, global_blocks=(1,))
"""Sizes of the golden file."""

TINIEST = VitDetSizes(
    side_px=64, embed_dim=32, depth=2, heads=2, window=3, global_blocks=(1,), proposals=4
)
"""As small as a network with these heads can be."""


def need_torchvision() -> None:
    """Make torchvision work here, or skip the test.

    Returns nothing; what it needs stays alive with the module ``torchvision_shim``.
    """
    import pytest

    shim = sys.modules.get("torchvision_shim")
    if shim is None:
        path = Path(__file__).parents[1] / "detect" / "torchvision_shim.py"
        spec = importlib.util.spec_from_file_location("torchvision_shim", path)
        assert spec is not None and spec.loader is not None
        shim = importlib.util.module_from_spec(spec)
        sys.modules["torchvision_shim"] = shim
        spec.loader.exec_module(shim)
    if shim.working_torchvision() is None:
        pytest.skip("torchvision is not installed")


def shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Keys and shapes: of the official network ("vitdet"), or of the golden's ("vitdet_tiny")."""
    listed = json.loads((GOLDEN / f"{name}_state_dict.json").read_text())
    return {key: tuple(shape) for key, shape in listed.items()}


def vitdet_state(wanted: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The goldens' weights: the rule's, those that tell classes apart six times as large."""
    state = {key: rule(key, shape) for key, shape in wanted.items()}
    for key in state:
        if key.startswith("roi_heads.box_predictor.") and key.endswith("cls_score.weight"):
            state[key] *= np.float32(6)
    return state


@cache
def _tiny_state() -> dict[str, np.ndarray]:
    """The goldens' weights, which take a second to make; leave them as they are."""
    return vitdet_state(shapes("vitdet_tiny"))


def write_vitdet(path: Path, **changes: Any) -> Path:
    """The golden's weights in a file as detectron2's; ``__`` in a changed key stands for a dot.

    None leaves a key out.
    """
    arrays: dict[str, Any] = dict(_tiny_state())
    arrays.update({key.replace("__", "."): value for key, value in changes.items()})
    kept = {key: value for key, value in arrays.items() if value is not None}
    path.write_bytes(pickle.dumps({"model": kept, "__author__": "Detectron2 Model Zoo"}))
    return path


@cache
def tiniest_network() -> VitDetNetwork:
    """One with random weights to which more or less everything is a person; leave it as it is."""
    need_torchvision()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = VitDetNetwork(TINIEST).requires_grad_(False).eval()
    for predictor in network.roi_heads.box_predictor:
        predictor.cls_score.weight *= 0.1
        predictor.cls_score.bias[0] = 6
        predictor.bbox_pred.weight *= 0.1
    return network


def tiniest_vitdet(**options: Any) -> VitDet:
    """A detector on it."""
    return VitDet(network=tiniest_network(), **options)
