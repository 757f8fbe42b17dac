"""RF-DETR-Seg of the package ``rfdetr``: boxes and outlines of people at many frames a second.

Package and weights of all sizes offered here are Apache-2.0 (github.com/roboflow/rf-detr); its
detection models XL and 2XL, which have another licence, are not among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from humantrack.detect.one_by_one import Memoryless
from humantrack.errors import ConfigError, DependencyError, MissingWeightsError, WeightsError
from humantrack.geometry.boxes import clip_to_image
from humantrack.types import Detections, Frame

if TYPE_CHECKING:
    import torch

SIZES = {
    "nano": "RFDETRSegNano",
    "small": "RFDETRSegSmall",
    "medium": "RFDETRSegMedium",
    "large": "RFDETRSegLarge",
    "xlarge": "RFDETRSegXLarge",
    "2xlarge": "RFDETRSeg2XLarge",
}
"""Names of the package's classes."""

PERSON = 1
"""COCO's number for a person, where the package gives no names."""

GPU_BATCH = 8
"""Frames that a GPU gets at once."""


class RfDetr(Memoryless):
    """Finds people with RF-DETR-Seg. Remembers nothing. Implements the ``Detector`` protocol.

    On a CPU frames go through one by one, and each comes out the same whatever its company; a GPU
    may round a batch's frames a little differently from a single one.

    Args:
        device: where it shall run.
        score: weaker detections are not given.
        size: one of :data:`SIZES`.
        weights: a file; None for what the package fetches (into ``~/.roboflow/models``).
        batch_size: frames at once; None: 8 on a GPU, else 1.

    Raises:
        ConfigError: there is no such size.
        DependencyError: the package is missing or broken.
        MissingWeightsError: the weights are not there and cannot be fetched.
        WeightsError: they cannot be used.
    """

    def __init__(
        self,
        *,
        device: str | torch.device = "cpu",
        score: float = 0.5,
        size: str = "medium",
        weights: str | Path | None = None,
        batch_size: int | None = None,
    ) -> None:
        if size not in SIZES:
            raise ConfigError(
                "unknown size", where=f"rfdetr.size={size}", hint=f"known are {', '.join(SIZES)}"
            )
        if weights is not None and not Path(weights).is_file():
            raise MissingWeightsError("no such model file", where=weights)
        self.model = _make(size, device, weights)
        self._score = score
        self._batch_size = batch_size or (GPU_BATCH if str(device).startswith("cuda") else 1)

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Boxes of every frame with their masks, best first, clipped to the image."""
        frames, size = list(frames), self._batch_size
        return [
            found
            for i in range(0, len(frames), size)
            for found in self._batch(frames[i : i + size])
        ]

    def _batch(self, frames: Sequence[Frame]) -> list[Detections]:
        pictures = [np.array(frame.rgb) for frame in frames]  # torch does not take read-only ones
        said = self.model.predict(pictures, threshold=self._score, include_source_image=False)
        return [_people(frame, one) for frame, one in zip(frames, said, strict=True)]


def _people(frame: Frame, said: Any) -> Detections:
    """The people among what the package found, as we have them."""
    names = said.data.get("class_name") if said.data else None
    is_person = said.class_id == PERSON if names is None else np.asarray(names) == "person"
    boxes = np.asarray(said.xyxy, np.float32).reshape(-1, 4)
    boxes = clip_to_image(boxes, frame.height, frame.width)
    keep = np.flatnonzero(is_person & (boxes[:, 2:] > boxes[:, :2]).all(axis=1))
    keep = keep[np.argsort(-said.confidence[keep], kind="stable")]
    return Detections(
        xyxy_px=boxes[keep].astype(np.float32),
        score=np.asarray(said.confidence[keep], np.float32),
        class_id=np.zeros(len(keep), np.int64),
        mask=None if said.mask is None else np.asarray(said.mask[keep], bool),
    )


def _make(size: str, device: str | torch.device, weights: str | Path | None) -> Any:
    """The package's model, with its weights.

    Raises:
        DependencyError: if the package does not work.
        MissingWeightsError: if the weights cannot be fetched.
        WeightsError: if they cannot be used.
    """
    try:
        import rfdetr

        model = getattr(rfdetr, SIZES[size])
    except (ImportError, RuntimeError, AttributeError, OSError) as error:
        missing = getattr(error, "name", None) == "rfdetr"
        raise DependencyError(
            "phalp.detector=rfdetr needs the package rfdetr, "
            f"which {'is missing' if missing else 'fails'}",
            where=_first_line(error),
            hint='run pip install "humantrack[rfdetr]", or use phalp.detector=vitdet, maskrcnn or '
            "nanodet",
        ) from error
    options = {"device": str(device)}
    if weights is not None:
        options["pretrain_weights"] = str(weights)
    try:
        return model(**options)
    except OSError as error:  # also what requests and urllib raise
        raise MissingWeightsError(
            f"the weights of RF-DETR ({size}) cannot be fetched",
            where=_first_line(error),
            hint="give a file as rfdetr.checkpoint, or use phalp.detector=nanodet (no download)",
        ) from error
    except (ValueError, KeyError, RuntimeError) as error:
        raise WeightsError(
            f"the weights of RF-DETR ({size}) cannot be used: {_first_line(error)}",
            where=weights,
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
