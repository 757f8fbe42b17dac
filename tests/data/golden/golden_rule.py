"""The rule that the golden files' weights and inputs were made with: a normal generator per key."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).parent


def normal(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers that depend on the key alone, float32."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode())))
    return generator.standard_normal(shape).astype(np.float32)


def rule(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """The weight stored under a state-dict key, float32."""
    numbers = normal(key, shape)
    *_, owner, leaf = ["", *key.split(".")]
    if len(shape) == 3 and shape[0] == 1:
        return numbers * np.float32(0.5)
    if len(shape) >= 2:
        scale = np.float32(1 / np.sqrt(np.prod(shape[1:])))
        if leaf == "weight" and owner in ("decpose", "decshape", "deccam"):
            scale = np.float32(0.1) * scale
        return numbers * scale
    if leaf == "running_var":
        return np.float32(1) + np.float32(0.1) * np.abs(numbers)
    if leaf == "weight":
        return np.float32(1) + np.float32(0.1) * numbers
    return np.float32(0.02) * numbers


def smpl_arrays() -> dict[str, np.ndarray]:
    """The synthetic body under the keys of an SMPL file, and ``J_regressor_extra`` (19,6890)."""
    with np.load(GOLDEN / "smpl_synthetic.npz") as file:
        arrays = dict(file)
    arrays["posedirs"] = normal("posedirs", (6890, 3, 207)) * np.float32(0.0002)
    return arrays


def hmr2_state(shapes: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """HMR2 weights for a list key -> {shape, dtype}; ``smpl.*`` and ``initialized`` left out."""
    with np.load(GOLDEN / "smpl_mean_params_synthetic.npz") as file:
        means = {
            "init_body_pose": file["pose"],
            "init_betas": file["shape"],
            "init_cam": file["cam"],
        }
    state = {}
    for key, entry in shapes.items():
        if key == "initialized" or key.startswith("smpl."):
            continue
        shape = tuple(entry["shape"])
        leaf = key.split(".")[-1]
        state[key] = means[leaf].reshape(shape) if leaf in means else rule(key, shape)
    return state


def hmr2_images() -> np.ndarray:
    """The two normalised crops of the HMR2 golden files, (2,3,256,256) float32."""
    noise = normal("golden.hmr2.img", (2, 3, 256, 256)).astype(np.float64)
    y, x = np.mgrid[0:256, 0:256].astype(float)
    waves = [
        [np.sin(2 * np.pi * ((c + 1) * x / 97 + (b + 1) * y / 61)) for c in range(3)]
        for b in range(2)
    ]
    image = np.clip(0.5 + 0.25 * np.array(waves) + 0.15 * noise, 0, 1)
    mean = np.array([0.485, 0.456, 0.406])[:, None, None]
    std = np.array([0.229, 0.224, 0.225])[:, None, None]
    return ((image - mean) / std).astype(np.float32)


def crop_image_bgr() -> np.ndarray:
    """The picture of the crop golden file, (360,480,3) uint8 BGR."""
    y, x = np.mgrid[0:360, 0:480].astype(float)
    check = 40 * ((x // 32 + y // 32) % 2) - 20
    channels = [
        127.5 + 80 * np.sin(2 * np.pi * (x / (23 + 11 * c) + y / (61 - 9 * c))) + check
        for c in range(3)
    ]
    return np.clip(np.floor(np.stack(channels, axis=-1) + 0.5), 0, 255).astype(np.uint8)


def crop_mask(box: np.ndarray) -> np.ndarray:
    """The elliptical mask of a box of the crop golden file, (360,480) bool."""
    y, x = np.mgrid[0:360, 0:480].astype(float)
    x0, y0, x1, y1 = box
    centre, radius = ((x0 + x1) / 2, (y0 + y1) / 2), ((x1 - x0) / 2, (y1 - y0) / 2)
    return ((x - centre[0]) / radius[0]) ** 2 + ((y - centre[1]) / radius[1]) ** 2 < 0.9
