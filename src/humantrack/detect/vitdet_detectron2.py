"""ViTDet-H as detectron2 runs it, to compare ours with; for those who have detectron2."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from humantrack.detect.one_by_one import OneByOne
from humantrack.errors import DependencyError, WeightsError
from humantrack.extras import need_torch
from humantrack.types import Detections, Frame
from humantrack.weights import safe_pickle
from humantrack.weights.catalog import CATALOG
from humantrack.weights.checkpoint import load_strict
from humantrack.weights.fetch import fetch

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

WEIGHTS = "cascade_mask_rcnn_vitdet_h.pkl"
"""The official weights' name in the catalogue."""

SIDE_PX = 1024
"""Longer side of the network's input; it is padded to a square."""

PERSON = 0
"""The number of a person among detectron2's 80 COCO classes."""

GLOBAL_BLOCKS = (7, 15, 23, 31)
"""Blocks of the transformer that attend to the whole picture; the others to windows of it."""

STAGES = ((0.5, (10, 5)), (0.6, (20, 10)), (0.7, (30, 15)))
"""Per stage of the cascade: overlap that counts as found, and weights of a box's (xy, wh)."""


class Detectron2VitDet(OneByOne):
    """Finds people with Cascade Mask R-CNN on a ViT-H backbone. Remembers nothing.

    Sizes, thresholds and input are those of PHALP's ``cascade_mask_rcnn_vitdet_h_75ep.py`` and
    ``trackers/PHALP.py``. Frames go through one by one, as there.

    Args:
        device: where it shall run; a GPU, in earnest.
        score: weaker detections are not given.
        weights: a file, or "default" for the official one.

    Raises:
        DependencyError: detectron2 is missing or broken.
        MissingWeightsError: the weights are not there and cannot be fetched.
        WeightsError: they are damaged or not this network's.
    """

    def __init__(
        self,
        *,
        device: str | torch.device = "cpu",
        score: float = 0.5,
        weights: str | Path = "default",
    ) -> None:
        self._resize, self.network = _build(score)
        path = fetch(CATALOG[WEIGHTS]) if weights == "default" else Path(weights)
        _load(self.network, path)
        self.network.requires_grad_(False).eval().to(device)
        self._device = device

    def _detect(self, frame: Frame) -> Detections:
        import torch

        scaled = self._resize.get_transform(frame.rgb).apply_image(frame.rgb)
        with torch.inference_mode():
            image = torch.tensor(scaled, dtype=torch.float32, device=self._device)
            picture = {
                "image": image.permute(2, 0, 1),
                "height": frame.height,
                "width": frame.width,
            }
            found = self.network([picture])[0]["instances"]
            boxes = found.pred_boxes.tensor.float().cpu().numpy()
            score = found.scores.float().cpu().numpy()
            mask = found.pred_masks.cpu().numpy().astype(bool)
            is_person = (found.pred_classes == PERSON).cpu().numpy()
        keep = is_person & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        return Detections(
            xyxy_px=boxes[keep],
            score=score[keep],
            class_id=np.zeros(int(keep.sum()), np.int64),
            mask=mask[keep],
        )


def _build(score: float) -> tuple[Any, Any]:
    """What scales pictures, and the network with random weights.

    Raises:
        DependencyError: if detectron2, or what it needs, is not there or does not work.
    """
    need_torch("phalp.detector=vitdet-detectron2", "torch")
    try:
        return _build_with_detectron2(score)
    except (ImportError, RuntimeError, AttributeError, OSError) as error:
        missing = getattr(error, "name", None) == "detectron2"
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DependencyError(
            "phalp.detector=vitdet-detectron2 needs detectron2, "
            f"which {'is missing' if missing else 'fails'}",
            where=reason,
            hint="install it (github.com/facebookresearch/detectron2), or use "
            "phalp.detector=vitdet (the same network, without it), maskrcnn (torchvision), nanodet "
            "(no download) or given (own boxes)",
        ) from error


def _build_with_detectron2(score: float) -> tuple[Any, Any]:
    from detectron2 import model_zoo
    from detectron2.config import LazyCall, instantiate
    from detectron2.data.transforms import ResizeShortestEdge
    from detectron2.layers import ShapeSpec
    from detectron2.modeling.box_regression import Box2BoxTransform
    from detectron2.modeling.matcher import Matcher
    from detectron2.modeling.roi_heads import (
        CascadeROIHeads,
        FastRCNNConvFCHead,
        FastRCNNOutputLayers,
    )

    model = model_zoo.get_config("common/models/mask_rcnn_vitdet.py").model
    net, heads = model.backbone.net, model.roi_heads
    net.embed_dim, net.depth, net.num_heads, net.drop_path_rate = 1280, 32, 16, 0.5
    net.window_block_indexes = [i for i in range(32) if i not in GLOBAL_BLOCKS]
    for single in ("box_head", "box_predictor", "proposal_matcher"):
        heads.pop(single)
    heads.update(
        _target_=CascadeROIHeads,
        box_heads=[
            LazyCall(FastRCNNConvFCHead)(
                input_shape=ShapeSpec(channels=256, height=7, width=7),
                conv_dims=[256] * 4,
                fc_dims=[1024],
                conv_norm="LN",
            )
            for _ in STAGES
        ],
        box_predictors=[
            LazyCall(FastRCNNOutputLayers)(
                input_shape=ShapeSpec(channels=1024),
                test_score_thresh=score,
                box2box_transform=LazyCall(Box2BoxTransform)(weights=(xy, xy, wh, wh)),
                cls_agnostic_bbox_reg=True,
                num_classes="${...num_classes}",
            )
            for _, (xy, wh) in STAGES
        ],
        proposal_matchers=[
            LazyCall(Matcher)(thresholds=[overlap], labels=[0, 1], allow_low_quality_matches=False)
            for overlap, _ in STAGES
        ],
    )
    resize = ResizeShortestEdge(short_edge_length=SIDE_PX, max_size=SIDE_PX)
    return resize, instantiate(model)


def _load(network: Any, path: Path) -> None:
    """Put the arrays of detectron2's pickle into the network; nothing in the file is run.

    Raises:
        WeightsError: not such a file, or of another network.
    """
    import torch

    content = safe_pickle.load_file(path)
    arrays = content.get("model") if isinstance(content, dict) else None
    if not isinstance(arrays, dict):
        raise WeightsError("the file holds no weights of detectron2", where=path)
    wanted = network.state_dict()
    unknown = [str(key) for key in arrays if key not in wanted]
    if unknown:  # old files carry constants, such as anchors, that the network makes by itself
        _log.info("%s: left out %s", path, ", ".join(unknown))
    state = {}
    for key in wanted.keys() & arrays.keys():
        array = np.array(arrays.pop(key))  # popped, so that 2.5 GB are never there twice
        if array.dtype.kind != "f":
            raise WeightsError(f"no numbers under {key!r}", where=path)
        state[key] = torch.from_numpy(array)
    load_strict(network, state, optional=("pixel_mean", "pixel_std"), where=path)
