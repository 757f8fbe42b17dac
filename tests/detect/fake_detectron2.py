"""The small part of detectron2's interface that ViTDet needs, with a network that sees two people.

Names and signatures are detectron2's; everything behind them is not.
"""

from __future__ import annotations

import contextlib
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest import mock

import cv2
import numpy as np
import torch
from torch import nn

CONFIG = "common/models/mask_rcnn_vitdet.py"

FOUND = (
    # class, score, box in parts of the picture's width and height
    (0, 0.9, (0.1, 0.2, 0.5, 1.0)),
    (2, 0.8, (0.0, 0.0, 1.0, 0.5)),
    (0, 0.6, (0.5, 0.1, 0.9, 0.8)),
    (0, 0.55, (0.5, 0.5, 0.5, 0.8)),
    (0, 0.3, (0.2, 0.2, 0.4, 0.4)),
)


class Node(dict):
    """A configuration node: keys are attributes, too."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        self[name] = value


def LazyCall(target):  # noqa: N802 - detectron2's name
    return lambda **arguments: Node(_target_=target, **arguments)


def get_config(config_path, trained=False):
    assert (config_path, trained) == (CONFIG, False)
    single = {"box_head": Node(), "box_predictor": Node(), "proposal_matcher": Node()}
    net = Node(embed_dim=768, depth=12, num_heads=12, drop_path_rate=0.1, window_block_indexes=[])
    heads = Node(num_classes=80, _target_=None, **single)
    return Node(model=Node(backbone=Node(net=net), roi_heads=heads, input_format="RGB"))


class Network(nn.Module):
    """Finds ``FOUND`` in every picture; each mask fills the upper half of its box."""

    def __init__(self, config):
        super().__init__()
        self.config, self.seen = config, []
        self.head = nn.Linear(2, 3)

    def forward(self, batched_inputs):
        return [{"instances": self._instances(one)} for one in batched_inputs]

    def _instances(self, one):
        self.seen.append(one)
        height, width = one["height"], one["width"]
        least = max(p["test_score_thresh"] for p in self.config.roi_heads.box_predictors)
        found = [entry for entry in FOUND if entry[1] > least]
        boxes = torch.tensor([box for *_, box in found]) * torch.tensor([width, height] * 2)
        masks = torch.zeros(len(found), height, width, dtype=torch.bool)
        for mask, (x0, y0, x1, y1) in zip(masks, boxes.int().tolist(), strict=True):
            mask[y0 : (y0 + y1) // 2, x0:x1] = True
        return SimpleNamespace(
            pred_boxes=SimpleNamespace(tensor=boxes),
            scores=torch.tensor([score for _, score, _ in found]),
            pred_classes=torch.tensor([kind for kind, *_ in found]),
            pred_masks=masks,
        )


class ResizeShortestEdge:
    def __init__(self, short_edge_length, max_size):
        self.sizes = (short_edge_length, max_size)

    def get_transform(self, image):
        height, width = image.shape[:2]
        short, long = self.sizes
        scale = min(short / min(height, width), long / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return SimpleNamespace(apply_image=lambda img: cv2.resize(img, size))


def modules() -> dict[str, ModuleType]:
    """What to put into ``sys.modules``."""
    contents = {
        "": {},
        ".model_zoo": {"get_config": get_config},
        ".config": {"LazyCall": LazyCall, "instantiate": Network},
        ".data": {},
        ".data.transforms": {"ResizeShortestEdge": ResizeShortestEdge},
        ".layers": {"ShapeSpec": Node},
        ".modeling": {},
        ".modeling.box_regression": {"Box2BoxTransform": "Box2BoxTransform"},
        ".modeling.matcher": {"Matcher": "Matcher"},
        ".modeling.roi_heads": {
            "CascadeROIHeads": "CascadeROIHeads",
            "FastRCNNConvFCHead": "FastRCNNConvFCHead",
            "FastRCNNOutputLayers": "FastRCNNOutputLayers",
        },
    }
    made = {}
    for name, members in contents.items():
        module = ModuleType(f"detectron2{name}")
        module.__path__ = []
        module.__dict__.update(members)
        made[module.__name__] = module
    made["detectron2"].model_zoo = made["detectron2.model_zoo"]
    return made


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """detectron2 can be imported in here."""
    with mock.patch.dict(sys.modules, modules()):
        yield


def write_weights(path: Path, **changes) -> Path:
    """A file as in detectron2's model zoo; ``changes`` to its arrays, None to leave one out."""
    arrays = {
        "head.weight": np.arange(6, dtype=np.float32).reshape(3, 2),
        "head.bias": np.ones(3, np.float32),
        "proposal_generator.anchor_generator.cell_anchors.0": np.zeros((3, 4), np.float32),
    }
    arrays.update({key.replace("__", "."): value for key, value in changes.items()})
    kept = {key: value for key, value in arrays.items() if value is not None}
    path.write_bytes(pickle.dumps({"model": kept, "__author__": "Detectron2"}))
    return path
