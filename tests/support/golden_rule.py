"""The rule that the golden files' weights and inputs were made with: a normal generator per key."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


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


def mean_params() -> dict[str, np.ndarray]:
    """The synthetic mean pose, shape and camera under the leaves of their keys."""
    with np.load(GOLDEN / "smpl_mean_params_synthetic.npz") as file:
        return {
            "init_body_pose": file["pose"],
            "init_betas": file["shape"],
            "init_cam": file["cam"],
        }


def smpl_arrays() -> dict[str, np.ndarray]:
    """The synthetic body under the keys of an SMPL file, and ``J_regressor_extra`` (19,6890)."""
    with np.load(GOLDEN / "smpl_synthetic.npz") as file:
        arrays = dict(file)
    arrays["posedirs"] = normal("posedirs", (6890, 3, 207)) * np.float32(0.0002)
    return arrays


def synthetic_smpl(**options: bool) -> Any:
    """The SMPL layer of the synthetic body; takes the layer's options."""
    from humantrack.body.smpl import Smpl
    from humantrack.body.smpl_file import SmplArrays

    arrays = smpl_arrays()
    parents = arrays["kintree_table"][0].astype(np.int64)
    parents[0] = -1
    model = SmplArrays(
        v_template=arrays["v_template"],
        shapedirs=arrays["shapedirs"],
        posedirs=arrays["posedirs"],
        j_regressor=arrays["J_regressor"],
        weights=arrays["weights"],
        parents=parents,
        faces=arrays["f"].astype(np.int64),
    )
    return Smpl(model, arrays["J_regressor_extra"], **options)


def hmr2_state(shapes: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """HMR2 weights for a list key -> {shape, dtype}; ``smpl.*`` and ``initialized`` left out."""
    means = mean_params()
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


def hmar_state(shapes: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """HMAR weights for a list key -> {shape, dtype}; ``smpl.*`` left out.

    The vectors of spectral norms are one power iteration from a random start.
    """
    means = mean_params()
    state = {}
    for key, entry in shapes.items():
        owner, _, leaf = key.rpartition(".")
        shape = tuple(entry["shape"])
        if owner.startswith("smpl.") or owner == "smpl" or leaf == "weight_v":
            continue
        if leaf == "weight_u":
            u = normal(key, shape).astype(np.float64)
            u /= np.linalg.norm(u)
            v = state[f"{owner}.weight_orig"].reshape(len(u), -1).T.astype(np.float64) @ u
            state[key] = u.astype(np.float32)
            state[f"{owner}.weight_v"] = (v / np.linalg.norm(v)).astype(np.float32)
        elif leaf == "num_batches_tracked":
            state[key] = np.zeros(shape, np.int64)
        elif leaf in means:
            state[key] = means[leaf].reshape(shape)
        else:
            state[key] = rule(key, shape)
    return state


def predictor_state() -> dict[str, np.ndarray]:
    """The pose predictor's weights under its checkpoint's keys."""
    shapes = json.loads((GOLDEN / "pose_predictor_state_dict.json").read_text())
    means, state = mean_params(), {}
    for key, entry in shapes.items():
        if key in ("mean", "std"):
            continue
        name, shape = key.removeprefix("encoder."), tuple(entry["shape"])
        leaf = name.rsplit(".", 1)[-1]
        state[key] = means[leaf].reshape(shape) if leaf in means else rule(name, shape)
    return state


def predictor_mean_std() -> np.ndarray:
    """What ``mean_std.npy`` holds for the goldens, (2,1,226) float64."""
    mean = 0.1 * normal("mean_std.mean", (1, 226))
    return np.stack([mean, 0.3 + 0.1 * np.abs(normal("mean_std.std", (1, 226)))]).astype(float)


def hmar_uv() -> np.ndarray:
    """The two texture maps of the HMAR golden file, (2,4,256,256) float32."""
    noise = normal("golden.hmar.uv", (2, 4, 256, 256))
    y, x = np.mgrid[0:256, 0:256].astype(float)
    maps = np.zeros((2, 4, 256, 256), np.float32)
    for b in range(2):
        inside = (x - 128.0) ** 2 + (y - 100.0 - 40 * b) ** 2 < (60.0 + 20 * b) ** 2
        for k in range(3):
            wave = 0.2 * np.sin(2 * np.pi * (x / (31.0 + 8 * k) + y / (47.0 + 11 * b)))
            maps[b, k] = np.where(inside, wave + 0.05 * noise[b, k], 0)
        maps[b, 3] = np.where(inside, 1, -1)
    return maps


def hmar_crops() -> np.ndarray:
    """The two crops with mask of the HMAR golden file, (2,4,256,256) float32."""
    noise = normal("golden.hmar.crop", (2, 4, 256, 256))
    y, x = np.mgrid[0:256, 0:256].astype(float)
    crops = np.zeros((2, 4, 256, 256), np.float32)
    for b in range(2):
        for k in range(3):
            wave = 1.2 * np.sin(2 * np.pi * (x / (41.0 + 7 * k) + y / (59.0 + 13 * b)))
            crops[b, k] = wave + 0.2 * noise[b, k]
        ellipse = ((x - 128.0) / (50 + 10 * b)) ** 2 + ((y - 128.0) / 110.0) ** 2
        crops[b, 3] = 255.0 * (ellipse < 1)
    return crops


def texture_crops() -> np.ndarray:
    """The three crops with mask of the texture golden file, (3,4,256,256) float32."""
    noise = normal("golden.tex.img", (3, 3, 256, 256))
    y, x = np.mgrid[0:256, 0:256].astype(float)
    crops = np.zeros((3, 4, 256, 256), np.float32)
    for b in range(3):
        for k in range(3):
            wave = 1.5 * np.sin(2 * np.pi * (x / (37.0 + 9 * k) + y / (53.0 + 7 * b)))
            crops[b, k] = wave + 0.1 * noise[b, k]
        crops[b, 3] = 255 * (((x - 128) / 110) ** 2 + ((y - 128) / 120) ** 2 < 1)
    crops[:, 3, 100:110, 90:100] = 0.4
    return crops


def texture_atlas() -> tuple[np.ndarray, np.ndarray]:
    """An atlas by formula: barycentrics (256,256,3) and faces (256,256), -1 where there is none."""
    row, column = np.mgrid[0:256, 0:256]
    cell = (row // 2) * 128 + column // 2
    corners = np.array([[0.6, 0.3, 0.1], [0.1, 0.6, 0.3], [0.3, 0.1, 0.6], [1 / 3, 1 / 3, 1 / 3]])
    return corners[(row % 2) * 2 + column % 2], np.where(cell < 13776, cell, -1)
