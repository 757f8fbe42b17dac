"""The small part of the package ``rfdetr`` that the detector needs, with a model of fixed answers.

Names and signatures are those of rfdetr 1.11; everything behind them is not.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

FOUND = (
    # class, score, box in parts of the picture's width and height
    (2, 0.95, (0.0, 0.0, 1.0, 0.5)),
    (1, 0.6, (0.5, 0.1, 1.1, 0.8)),
    (1, 0.9, (0.1, 0.2, 0.5, 1.0)),
    (1, 0.58, (0.5, 0.5, 0.5, 0.8)),
    (1, 0.3, (0.2, 0.2, 0.4, 0.4)),
)
NAMES = {1: "person", 2: "bicycle"}


class Model:
    """Gives ``FOUND`` for every picture; each mask fills the upper half of its box."""

    named = True
    problem: Exception | None = None

    def __init__(self, **options: Any) -> None:
        if self.problem is not None:
            raise self.problem
        self.options, self.batches = options, []

    def predict(
        self, images: Any, threshold: float = 0.5, include_source_image: bool = True
    ) -> Any:
        assert isinstance(images, list), "a single picture would give a single answer"
        assert not include_source_image
        self.batches.append(len(images))
        return [self._one(image, threshold) for image in images]

    def _one(self, image: np.ndarray, threshold: float) -> Any:
        assert image.dtype == np.uint8
        assert image.flags.writeable
        height, width = image.shape[:2]
        found = [entry for entry in FOUND if entry[1] > threshold]
        xyxy = np.array([box for *_, box in found], np.float32).reshape(-1, 4)
        xyxy *= np.array([width, height] * 2, np.float32)
        mask = np.zeros((len(found), height, width), bool)
        for one, (x0, y0, x1, y1) in zip(mask, xyxy.astype(int), strict=True):
            one[y0 : (y0 + y1) // 2, x0:x1] = True
        kinds = np.array([kind for kind, *_ in found], int)
        names = np.array([NAMES[kind] for kind in kinds], object)
        return SimpleNamespace(
            xyxy=xyxy,
            confidence=np.array([score for _, score, _ in found], np.float32),
            class_id=kinds,
            mask=mask,
            data={"class_name": names} if self.named else {},
        )


@contextlib.contextmanager
def installed(*, problem: Exception | None = None, named: bool = True) -> Iterator[ModuleType]:
    """rfdetr can be imported in here; its models raise ``problem`` when they are made."""
    module = ModuleType("rfdetr")
    for size in ("Nano", "Small", "Medium", "Large", "XLarge", "2XLarge"):
        name = f"RFDETRSeg{size}"
        setattr(module, name, type(name, (Model,), {"problem": problem, "named": named}))
    with mock.patch.dict(sys.modules, {"rfdetr": module}):
        yield module
