"""Square crops cut on the device, in torch, and the normalisation that HMR2's networks expect.

A crop's side is the longer side of a padded box. Output pixel (row i, column j) reads the picture
at index ``centre + ((j, i) - 128) * side / 256``, bilinear, zero outside, then whole levels.
Source: PHALP's phalp/utils/utils_dataset.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from humantrack.geometry.boxes import (
    NETWORK_ASPECT,
    Aspect,
    centre_and_side,
    expand_to_aspect,
)
from humantrack.geometry.cameras import FOCAL_PX

if TYPE_CHECKING:
    from torch import Tensor

Array = npt.NDArray[np.floating[Any]]

CROP_PX = 256
MEAN_255 = (0.485 * 255, 0.456 * 255, 0.406 * 255)
STD_255 = (0.229 * 255, 0.224 * 255, 0.225 * 255)
"""ImageNet's channel means and deviations (RGB) for levels 0..255."""


def square_crops(image: Tensor, boxes: Array, *, size: int = CROP_PX) -> Tensor:
    """Cut the squares round boxes out of one picture.

    Args:
        image: (H,W,C), any number type, on the device to work on.
        boxes: (N,4) padded boxes xyxy in pixels; may lie outside the picture or have no area.
        size: side of a crop in pixels.

    Returns:
        (N,C,size,size) float32, unrounded, zero outside.
    """
    import torch

    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    height, width = image.shape[:2]
    (x0, x1, y0, y1), (wx0, wx1, wy0, wy1) = _taps_of(boxes, height, width, size, image.device)

    def row(y: Tensor) -> Tensor:
        """The picture along the columns of every crop at rows ``y``: (N,size,size,C)."""
        left: Tensor = image[y[:, :, None], x0[:, None, :]].float()
        right: Tensor = image[y[:, :, None], x1[:, None, :]].float()
        mixed: Tensor = left * wx0[:, None, :, None] + right * wx1[:, None, :, None]
        return mixed

    crops: Tensor = row(y0) * wy0[:, :, None, None] + row(y1) * wy1[:, :, None, None]
    return crops.permute(0, 3, 1, 2).contiguous(memory_format=torch.contiguous_format)


def _taps_of(
    boxes: Array, height: int, width: int, size: int, device: Any
) -> tuple[Tensor, Tensor]:
    """Which columns and rows the crops read, and with which weights: each (4,N,size), x x y y.

    Computed in double precision on the host, as some devices have none, and copied all at once.
    """
    import torch

    centre, side = centre_and_side(boxes)
    steps = (np.arange(size) - size // 2) / size * side[:, None]
    x, wx = _taps(centre[:, :1] + steps, width)
    y, wy = _taps(centre[:, 1:] + steps, height)
    at, weights = torch.from_numpy(np.stack(x + y)), torch.from_numpy(np.stack(wx + wy))
    return at.to(device), weights.to(device)


def _taps(at: Array, length: int) -> tuple[list[npt.NDArray[Any]], list[npt.NDArray[Any]]]:
    """The two neighbours of positions (N,size) along an axis, and their weights, 0 if outside."""
    at = np.clip(np.nan_to_num(at, nan=-9.0), -9.0, length + 9.0)  # beyond the border all are alike
    low = np.floor(at)
    taps = []
    weights = []
    for index, weight in ((low, low + 1 - at), (low + 1, at - low)):
        inside = (index >= 0) & (index < length)
        taps.append(np.clip(index, 0, length - 1).astype(np.int64))
        weights.append((weight * inside).astype(np.float32))
    return taps, weights


def person_crops(rgb: Tensor, boxes: Array) -> Tensor:
    """Crops of people as PHALP cuts them from a video frame.

    Args:
        rgb: (H,W,3) uint8 on the device.
        boxes: (N,4) boxes padded to the network's aspect, xyxy pixels.

    Returns:
        (N,3,256,256) float32 whole levels 0..255, RGB.
    """
    return square_crops(rgb, boxes).round_()  # halves to even, as OpenCV 5 does


def mask_crops(masks: Tensor, boxes: Array) -> Tensor:
    """Every person's mask in their crop.

    Args:
        masks: (N,H,W) bool on the device.
        boxes: (N,4) as for :func:`person_crops`.

    Returns:
        (N,1,256,256) float32 whole levels 0..255, soft at the edge.
    """
    import torch

    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    height, width = masks.shape[1:]
    at, weights = _taps_of(boxes, height, width, CROP_PX, masks.device)
    (x0, x1, y0, y1), (wx0, wx1, wy0, wy1) = at, weights
    owner = torch.arange(len(masks), device=masks.device)[:, None, None]

    def row(y: Tensor) -> Tensor:
        """Every mask along the columns of its crop at rows ``y``: (N,size,size)."""
        left: Tensor = masks[owner, y[:, :, None], x0[:, None, :]].float()
        right: Tensor = masks[owner, y[:, :, None], x1[:, None, :]].float()
        mixed: Tensor = left * wx0[:, None, :] + right * wx1[:, None, :]
        return mixed

    cut: Tensor = row(y0) * wy0[:, :, None] + row(y1) * wy1[:, :, None]
    return (cut * 255).round_()[:, None]


def box_crops(tight: Array, padded: Array, *, device: Any = "cpu") -> Tensor:
    """Crops of masks that fill the tight boxes, for detectors that give none.

    Args:
        tight: (N,4) the boxes that are filled.
        padded: (N,4) the boxes that are cut.
        device: where the crops shall lie.

    Returns:
        (N,1,256,256) float32, 0 or 255.
    """
    import torch

    tight = np.asarray(tight, np.float64).reshape(-1, 4)
    centre, side = centre_and_side(np.asarray(padded, np.float64).reshape(-1, 4))
    at = centre[:, :, None] + (np.arange(CROP_PX) - CROP_PX // 2) / CROP_PX * side[:, None, None]
    inside = (at >= tight[:, :2, None]) & (at < tight[:, 2:, None])
    mask = inside[:, 1, :, None] & inside[:, 0, None, :]
    return torch.from_numpy(mask[:, None].astype(np.float32) * 255).to(device)


def crops_with_masks(
    rgb: Tensor, tight: Array, masks: Tensor | None, aspect: Aspect | None = NETWORK_ASPECT
) -> Tensor:
    """What the networks take of N people of one picture.

    Args:
        rgb: (H,W,3) uint8 on the device.
        tight: (N,4) boxes as detected, xyxy pixels.
        masks: (N,H,W) bool on the device; None: the boxes are filled.
        aspect: (width, height) the boxes are grown to; None leaves them.

    Returns:
        (N,4,256,256) float32, normalised RGB and the mask 0..255.
    """
    import torch

    padded = expand_to_aspect(tight, aspect)
    if masks is None:
        mask = box_crops(tight, padded, device=rgb.device)
    else:
        mask = mask_crops(masks, padded)
    return torch.cat([normalise(person_crops(rgb, padded)), mask], dim=1)


def normalise(rgb: Tensor) -> Tensor:
    """Levels 0..255 (N,3,...) -> what the networks expect; black outside becomes -mean/std."""
    mean, std = (rgb.new_tensor(values)[:, None, None] for values in (MEAN_255, STD_255))
    return (rgb - mean) / std


def image_demo_crops(rgb: Tensor, boxes: Array) -> Tensor:
    """Normalised crops as 4D-Humans' image demo cuts them: large people are blurred first.

    Args:
        rgb: (H,W,3) uint8 on the device.
        boxes: (N,4) tight boxes, xyxy pixels.

    Returns:
        (N,3,256,256) float32, normalised, not rounded to levels.
    """
    import torch

    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    padded = expand_to_aspect(boxes)
    _, sides = centre_and_side(padded)
    crops = [
        square_crops(_blurred(rgb.float(), side / CROP_PX / 2), box[None])
        for box, side in zip(padded, sides, strict=True)
    ]
    empty = torch.zeros(0, 3, CROP_PX, CROP_PX, device=rgb.device)
    return normalise(torch.cat([empty, *crops]))


def _blurred(image: Tensor, ratio: float) -> Tensor:
    """Gaussian blur against aliasing where one crop pixel covers more than 2.2 of the picture's.

    Sigma (ratio - 1) / 2, cut at 4 sigma, edges repeated.
    """
    import torch
    from torch.nn import functional

    if not ratio > 1.1:
        return image
    sigma = (ratio - 1) / 2
    radius = int(4 * sigma + 0.5)
    at = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (at / sigma) ** 2)
    weights = torch.from_numpy((kernel / kernel.sum()).astype(np.float32)).to(image.device)
    planes = image.permute(2, 0, 1)[:, None]
    planes = functional.pad(planes, (0, 0, radius, radius), mode="replicate")
    planes = functional.conv2d(planes, weights.view(1, 1, -1, 1))
    planes = functional.pad(planes, (radius, radius, 0, 0), mode="replicate")
    planes = functional.conv2d(planes, weights.view(1, 1, 1, -1))
    return planes[:, 0].permute(1, 2, 0)


def crop_to_image_camera(
    cam_crop: Array,
    padded_xyxy_px: Array,
    height: int,
    width: int,
    *,
    focal_px: float | None = None,
) -> Array:
    """Crop cameras (N,3) = (s,tx,ty) -> translations (N,3) in metres about the picture's centre.

    The focal length of the image demo is 5000/256 of the longer side unless given.
    Source: ``cam_crop_to_full`` in 4D-Humans' hmr2/utils/renderer.py.
    """
    focal = FOCAL_PX / CROP_PX * max(height, width) if focal_px is None else focal_px
    centre, side = centre_and_side(padded_xyxy_px)
    scale = side * cam_crop[:, 0] + 1e-9
    shift = 2 * (centre - np.array([width, height]) / 2) / scale[:, None]
    return np.concatenate([cam_crop[:, 1:] + shift, (2 * focal / scale)[:, None]], axis=1)
