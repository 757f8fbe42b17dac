"""tracker=hmr2 without official files: weights by a rule, a made clip, and where its people are."""

from __future__ import annotations

import os
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import official_files  # noqa: E402

from humantrack import HMR2_4dhuman  # noqa: E402
from humantrack.appearance.encoder import TextureEncoder  # noqa: E402
from humantrack.appearance.hmar import load_encoder  # noqa: E402
from humantrack.appearance.stage import TextureAppearance  # noqa: E402
from humantrack.appearance.texture import TextureSampler  # noqa: E402
from humantrack.body.smpl import Smpl  # noqa: E402
from humantrack.detect.vitdet import VitDet, VitDetNetwork, VitDetSizes  # noqa: E402
from humantrack.hmr2.decoder import DecoderSizes  # noqa: E402
from humantrack.hmr2.estimator import Hmr2Estimator  # noqa: E402
from humantrack.hmr2.network import Hmr2  # noqa: E402
from humantrack.hmr2.vit import VitSizes  # noqa: E402
from humantrack.trackers.official_files import official_files as files_of  # noqa: E402
from humantrack.types import Detections, Frame  # noqa: E402
from humantrack.video import VideoWriter  # noqa: E402

PEOPLE = 4


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large everything is; the defaults are the official sizes."""

    vitdet: VitDetSizes = field(default_factory=VitDetSizes)
    vit: VitSizes = field(default_factory=VitSizes)
    decoder: DecoderSizes = field(default_factory=DecoderSizes)
    width: int = 1920
    height: int = 1080
    frames: int = 96


TOY = Scale(
    vitdet=VitDetSizes(
        side_px=64, embed_dim=32, depth=2, heads=2, window=3, global_blocks=(1,), proposals=4
    ),
    vit=VitSizes(**official_files.TINY_VIT),
    decoder=DecoderSizes(**official_files.TINY_DECODER),
    width=192,
    height=108,
    frames=4,
)


def fill_by_rule(network: nn.Module) -> None:
    """Weights that depend on their keys alone, of the size that training begins with.

    Matrices are normal numbers over the root of their inputs, scales 1 + 0.1 n, all else 0.02 n.
    """
    for key, weight in network.named_parameters():
        made = torch.Generator(weight.device).manual_seed(zlib.crc32(key.encode()))
        with torch.no_grad():
            weight.normal_(generator=made)
            if weight.ndim > 1:
                weight.mul_(float(np.prod(weight.shape[1:])) ** -0.5)
            elif key.endswith("weight"):
                weight.mul_(0.1).add_(1)
            else:
                weight.mul_(0.02)


def made_vitdet(scale: Scale, device: torch.device) -> VitDetNetwork:
    """The detector's network."""
    with torch.device(device):
        network = VitDetNetwork(scale.vitdet)
    fill_by_rule(network)
    return network.requires_grad_(False).eval().set_precision("auto")


def made_hmr2(scale: Scale, smpl: Smpl, device: torch.device) -> Hmr2:
    """The body network."""
    with torch.device(device):
        network = Hmr2(smpl, vit=scale.vit, decoder=scale.decoder)
    fill_by_rule(network)
    network.smpl_head.init_cam += 1
    return network.requires_grad_(False).eval().to(device).set_precision("auto")


def people_at(scale: Scale, index: int) -> np.ndarray:
    """(4,4) xyxy px: where the people of the clip stand in a frame; they walk to and fro."""
    side = scale.width / PEOPLE
    sway = 0.2 * side * np.sin(index / 15 + np.arange(PEOPLE))
    centre = side * (np.arange(PEOPLE) + 0.5) + sway
    half, top, bottom = 0.22 * side, 0.2 * scale.height, 0.95 * scale.height
    ones = np.ones(PEOPLE)
    return np.stack([centre - half, top * ones, centre + half, bottom * ones], axis=1)


def masks_at(scale: Scale, boxes: np.ndarray) -> np.ndarray:
    """(4,H,W) bool: an ellipse in each box."""
    y, x = np.mgrid[: scale.height, : scale.width].astype(np.float32)
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    across = (x - middle[:, :1, None]) / half[:, :1, None]
    down = (y - middle[:, 1:, None]) / half[:, 1:, None]
    return np.asarray(across**2 + down**2 < 1)


def write_clip(scale: Scale, path: Path) -> Path:
    """An mp4 of four coloured people before a wall."""
    numbers = np.random.default_rng(0)
    wall = numbers.integers(60, 200, (scale.height // 12 + 1, scale.width // 12 + 1, 3), np.uint8)
    wall = wall.repeat(12, 0).repeat(12, 1)[: scale.height, : scale.width]
    colours = numbers.integers(0, 256, (PEOPLE, 3), np.uint8)
    with VideoWriter(path, fps=Fraction(30), width=scale.width, height=scale.height) as writer:
        for i in range(scale.frames):
            picture = wall.copy()
            masks = masks_at(scale, people_at(scale, i))
            for mask, colour in zip(masks, colours, strict=True):
                picture[mask] = colour
            writer.write(picture)
    return path


class KnowingDetector:
    """Runs ViTDet, whose weights know nothing, for the time it takes, and gives the people."""

    def __init__(self, scale: Scale, detector: VitDet) -> None:
        self._scale, self._detector = scale, detector
        every = [people_at(scale, i) for i in range(scale.frames)]
        self._known = [(boxes.astype(np.float32), masks_at(scale, boxes)) for boxes in every[:8]]

    def reset(self) -> None:
        """Nothing to forget."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing is remembered."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to restore."""

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """The four people of each frame; they stand still but for the first eight frames."""
        self._detector.detect(frames)
        known = [self._known[min(frame.index, len(self._known) - 1)] for frame in frames]
        return [
            Detections(
                xyxy_px=boxes,
                score=np.full(PEOPLE, 0.99, np.float32),
                class_id=np.zeros(PEOPLE, np.int64),
                mask=masks,
            )
            for boxes, masks in known
        ]


def made_tracker(scale: Scale, spent: dict[str, float]) -> type[HMR2_4dhuman]:
    """HMR2_4dhuman with networks by the rule; the small files are read from the cache.

    Args:
        scale: of networks and clip.
        spent: gets the seconds of each stage.
    """

    class Made(HMR2_4dhuman):
        def setup_hmr(self) -> None:
            device = torch.device(self.device)
            files = files_of(self.cfg)
            self.body = Smpl.from_files(files.smpl, files.joint_regressor)
            self.encoder = load_encoder(files.hmar, device=device)
            sampler = TextureSampler.from_files(
                files.barycentric, files.face_of_texel, self.body.faces, device=device
            )
            smpl = Smpl.from_files(files.smpl, files.joint_regressor)
            self.estimator = Hmr2Estimator(
                made_hmr2(scale, smpl, device),
                appearance=TextureAppearance(sampler, TextureEncoder(self.encoder)),
                min_size_px=(0, 0),
                aspect=self.aspect,
            )

        def setup_detector(self) -> None:
            network = made_vitdet(scale, torch.device(self.device))
            self.detector = KnowingDetector(scale, VitDet(network=network))

        def get_detections(self, frames: Sequence[Frame]) -> Sequence[Detections]:
            with measured(spent, "detector"):
                return super().get_detections(frames)

        def get_human_features(self, *args: Any) -> Any:
            with measured(spent, "bodies, textures"):
                return super().get_human_features(*args)

        def state_dict(self) -> dict[str, Any]:  # the hooks above remember nothing
            return super().state_dict()

    return Made


@contextmanager
def measured(spent: dict[str, float], name: str) -> Iterator[None]:
    """Add the wall time of the block."""
    start = time.perf_counter()
    try:
        yield
    finally:
        spent[name] = spent.get(name, 0.0) + time.perf_counter() - start


@contextmanager
def small_official_files(folder: Path) -> Iterator[None]:
    """A cache in which everything but the large weights lies."""
    official_files.write_official_files(folder)
    with environment("HUMANTRACK_CACHE", str(folder)):
        yield


@contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    """An environment variable, for a while."""
    with mock.patch.dict(os.environ, {name: value}):
        yield
