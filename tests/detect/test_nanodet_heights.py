"""Nobody is missed for his height in the picture, and nobody is seen twice."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from humantrack.detect import NanoDet
from humantrack.geometry.boxes import iou


@pytest.fixture(scope="module")
def woman(demo_frames, data) -> tuple[np.ndarray, np.ndarray]:
    """The person at the left of a frame with what is round her, and her box in it."""
    frame = demo_frames[0]
    truth = np.load(data / "demo_gt.npz")
    boxes = truth["box"][0][truth["visible"][0] > 0.9]
    x0, y0, x1, y1 = boxes[boxes[:, 0].argmin()]
    left, top, right, bottom = int(x0 - 25), int(y0 - 25), int(x1 + 25), int(y1 + 25)
    part = frame.rgb[max(0, top) : bottom, max(0, left) : right]
    return part, np.array([x0, y0, x1, y1]) - [max(0, left), max(0, top)] * 2


def shown(woman, tall, width, height, at=(0.4, 0.5)):
    """A picture of her at a height in px on the wall's colour, and her box in it."""
    part, box = woman
    k = tall / (box[3] - box[1])
    how = cv2.INTER_AREA if k < 1 else cv2.INTER_LINEAR
    part = cv2.resize(part, None, fx=k, fy=k, interpolation=how)
    x, y = (int(at[0] * (width - part.shape[1])), int(at[1] * (height - part.shape[0])))
    rgb = np.full((height, width, 3), part.mean(axis=(0, 1)).astype(np.uint8), np.uint8)
    rgb[y : y + part.shape[0], x : x + part.shape[1]] = part
    return rgb, box * k + [x, y, x, y]


def strong(found):
    return found.xyxy_px[found.score >= 0.4]


def test_every_height_is_found_once(woman, demo_frames):
    detector, missed, others = NanoDet(), [], []
    for tall in np.geomspace(40, 520, 36):
        rgb, box = shown(woman, tall, 640, 640)
        boxes = strong(detector.look(dataclasses.replace(demo_frames[0], rgb=rgb)))
        hits = int((iou(box[None], boxes) > 0.5).sum())
        missed += [tall] * (hits == 0)
        others += [tall] * (len(boxes) - min(hits, 1))
    assert missed == []
    assert others == []


def test_one_size_alone_misses_some_of_them(woman, demo_frames):
    rgb, _ = shown(woman, 160, 640, 640)
    frame = dataclasses.replace(demo_frames[0], rgb=rgb)
    assert len(strong(NanoDet(size=640).look(frame))) == 0


@pytest.mark.parametrize("tall", [30, 40, 75, 110, 300])
@pytest.mark.parametrize("at", [(0.05, 0.9), (0.47, 0.52)])
def test_people_of_30_px_are_found_in_full_hd_and_followed(woman, demo_frames, tall, at):
    rgb, box = shown(woman, tall, 1920, 1080, at)
    frame = dataclasses.replace(demo_frames[0], rgb=rgb, index=0, time_s=0.0)
    clip = [dataclasses.replace(frame, index=i, time_s=i / 30) for i in range(2)]
    for found in NanoDet().detect(clip):
        assert iou(box[None], strong(found)).max(initial=0) > 0.5
