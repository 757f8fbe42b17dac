"""Detectors by name."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

from humantrack.errors import ConfigError
from humantrack.types.stages import Detector

LEAST_SCORE = {"nanodet": 0.4, "maskrcnn": 0.8, "vitdet": 0.8, "given": 0.0}
"""Detectors by name, with the score from which on a detection may start a track."""


def first_available(names: str) -> str:
    """Of detectors with ``|`` between, the first whose package is there, or the last.

    Raises:
        ConfigError: if there is none of that name.
    """
    for name in names.split("|"):
        if name not in LEAST_SCORE:
            raise ConfigError(
                "unknown detector",
                where=f"phalp.detector={name}",
                hint=f"known are {', '.join(LEAST_SCORE)}",
            )
        if name != "vitdet" or importlib.util.find_spec("detectron2") is not None:
            return name
    return name


def may_use_gpu(name: str, mask_model: str | None) -> bool:
    """Whether a detector, with what finds silhouettes for given boxes, could run on a GPU."""
    return name != "nanodet" and (name != "given" or mask_model is not None)


def make_detector(
    name: str, cfg: Any, boxes: Mapping[Any, Any] | None, device: str, score: float
) -> Detector:
    """The detector called ``name``; ``score`` is the least of a person.

    Raises:
        ConfigError: if boxes are to be given and are not.
        DependencyError: if its package is missing.
        MissingWeightsError: if its weights are neither there nor to be had.
    """
    from humantrack.detect import GivenBoxes, NanoDet

    if name == "maskrcnn":
        from humantrack.detect.maskrcnn import MaskRcnn

        return MaskRcnn(device=device, score=score)
    if name == "vitdet":
        from humantrack.detect.vitdet import VitDet

        return VitDet(device=device, score=score)
    if name == "nanodet":
        return NanoDet(size=cfg.embedded.detection_size, weak_score=cfg.embedded.weak_score)
    if boxes is None:
        raise ConfigError(
            "no boxes are given", where="phalp.detector=given", hint="set video.boxes=FILE"
        )
    return GivenBoxes(boxes, masks=_mask_model(cfg.video.mask_model, device))


def _mask_model(name: str | None, device: str) -> Any:
    """What finds the silhouettes of given boxes; None: ellipses will do."""
    if name is None:
        return None
    if name != "maskrcnn":
        raise ConfigError(
            "unknown mask model", where=f"video.mask_model={name}", hint="known is maskrcnn"
        )
    from humantrack.detect.maskrcnn import MaskRcnn

    return MaskRcnn(device=device)
