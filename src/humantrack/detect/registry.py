"""Detectors by name: ours, and those of other packages (entry points ``humantrack.detectors``).

A detector of another package is a callable that takes :class:`DetectorOptions` and gives a
``Detector``. Its attribute ``least_score``, if it has one, is the score from which on a detection
may start a track (else 0.5).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from humantrack.errors import ConfigError
from humantrack.extras import missing, need_torch
from humantrack.plugins import Registry
from humantrack.types.stages import Detector

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DetectorOptions:
    """What a detector is told."""

    device: str = "cpu"
    least_score: float = 0.5
    """Detections below it are not people."""

    boxes: Mapping[Any, Any] | None = None
    """Those that the user gives: frame key -> boxes."""

    mask_model: str | None = None
    """What finds the silhouettes of given boxes; None for ellipses."""

    input_size: str = "auto"
    """Longer side of the embedded detector's input in px, or auto."""

    every: str = "auto"
    """The embedded detector looks at every N-th frame, or by a schedule of its own (auto)."""

    may_rest: bool = False
    """Whether the estimator goes on without boxes where ``Detections.looked`` is False; if not,
    the detector looks at every frame."""

    weak_score: float = 0.2
    """Boxes of the embedded detector from this score on may continue a track."""

    checkpoint: str | None = None
    """File of ViTDet's or RF-DETR's weights; None for the official ones."""

    precision: str = "auto"
    """What ViTDet works in: auto, fp32, bf16 or fp16."""

    compiled: bool = False
    """Whether ViTDet is compiled on its first run."""

    batch_size: int | None = None
    """Frames that ViTDet or RF-DETR gets at once; None: a few on a GPU, else one."""

    size: str = "medium"
    """Which RF-DETR."""


MakeDetector = Callable[[DetectorOptions], Detector]


def _nanodet(options: DetectorOptions) -> Detector:
    from humantrack.detect.nanodet import NanoDet

    return NanoDet(
        size=options.input_size,
        every=options.every if options.may_rest else 1,
        weak_score=options.weak_score,
    )


def _maskrcnn(options: DetectorOptions) -> Detector:
    from humantrack.detect.maskrcnn import MaskRcnn

    return MaskRcnn(device=options.device, score=options.least_score)


def _vitdet(options: DetectorOptions) -> Detector:
    need_torch("phalp.detector=vitdet", "torch", "torchvision")
    from humantrack.detect.maskrcnn import check_torchvision
    from humantrack.detect.vitdet import VitDet

    check_torchvision("ViTDet")
    if options.device == "cpu":
        _log.warning(
            "phalp.detector=vitdet takes about a minute for each frame on a CPU; maskrcnn takes "
            "seconds, nanodet milliseconds"
        )
    return VitDet(
        device=options.device,
        score=options.least_score,
        weights=options.checkpoint or "default",
        precision=options.precision,
        compiled=options.compiled,
        batch_size=options.batch_size,
    )


def _vitdet_of_detectron2(options: DetectorOptions) -> Detector:
    from humantrack.detect.vitdet_detectron2 import Detectron2VitDet

    return Detectron2VitDet(
        device=options.device, score=options.least_score, weights=options.checkpoint or "default"
    )


def _rfdetr(options: DetectorOptions) -> Detector:
    from humantrack.detect.rfdetr import RfDetr

    return RfDetr(
        device=options.device,
        score=options.least_score,
        size=options.size,
        weights=options.checkpoint,
        batch_size=options.batch_size,
    )


def _given(options: DetectorOptions) -> Detector:
    from humantrack.detect.given import GivenBoxes

    if options.boxes is None:
        raise ConfigError(
            "no boxes are given", where="phalp.detector=given", hint="set video.boxes=FILE"
        )
    return GivenBoxes(options.boxes, masks=_mask_model(options))


def _mask_model(options: DetectorOptions) -> Any:
    if options.mask_model is None:
        return None
    if options.mask_model != "maskrcnn":
        raise ConfigError(
            "unknown mask model",
            where=f"video.mask_model={options.mask_model}",
            hint="known is maskrcnn",
        )
    from humantrack.detect.maskrcnn import MaskRcnn

    return MaskRcnn(device=options.device)


DETECTORS = Registry(
    "detector",
    "humantrack.detectors",
    {
        "nanodet": lambda: _nanodet,
        "maskrcnn": lambda: _maskrcnn,
        "vitdet": lambda: _vitdet,
        "vitdet-detectron2": lambda: _vitdet_of_detectron2,
        "rfdetr": lambda: _rfdetr,
        "given": lambda: _given,
    },
)

_LEAST_SCORES = {
    **{"nanodet": 0.4, "given": 0.0, "rfdetr": 0.5},
    **{"maskrcnn": 0.8, "vitdet": 0.8, "vitdet-detectron2": 0.8},
}
_PACKAGES = {
    **{"maskrcnn": "torchvision", "vitdet": "torchvision"},
    **{"vitdet-detectron2": "detectron2", "rfdetr": "rfdetr"},
}
"""What some of ours need."""

_USUAL_LEAST_SCORE = 0.5


def first_available(names: str) -> str:
    """Of detectors with ``|`` between, the first whose package is there, or the last.

    Raises:
        ConfigError: if there is none of that name.
    """
    for name in names.split("|"):
        if name not in DETECTORS:
            DETECTORS.load(name, where=f"phalp.detector={name}")  # raises, with what there is
        if name not in _PACKAGES or not missing(_PACKAGES[name]):
            return name
    return name


def may_use_gpu(name: str, mask_model: str | None) -> bool:
    """Whether a detector, with what finds silhouettes for given boxes, could run on a GPU."""
    return name != "nanodet" and (name != "given" or mask_model is not None)


def least_score(name: str) -> float:
    """The score from which on a detection of this detector may start a track.

    Raises:
        ConfigError: if there is none of that name.
        DependencyError: if it is another package's, and cannot be imported.
    """
    if name in _LEAST_SCORES:
        return _LEAST_SCORES[name]
    return float(getattr(_loaded(name), "least_score", _USUAL_LEAST_SCORE))


def make_detector(name: str, options: DetectorOptions) -> Detector:
    """The detector called ``name``.

    Raises:
        ConfigError: if there is none of that name, or boxes are to be given and are not.
        DependencyError: if its package is missing.
        MissingWeightsError: if its weights are neither there nor to be had.
    """
    return _loaded(name)(options)


def _loaded(name: str) -> MakeDetector:
    where = f"phalp.detector={name}"
    make: MakeDetector = DETECTORS.load(name, where=where)
    if not callable(make):
        raise ConfigError(
            "not a detector: it must be a callable that takes DetectorOptions", where=where
        )
    return make
