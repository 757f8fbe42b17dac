"""Files in the official forms and places, filled with the goldens' weights: a whole tiny cache."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import torch
import yaml
from golden_rule import (
    GOLDEN,
    hmar_state,
    hmr2_state,
    mean_params,
    normal,
    predictor_mean_std,
    predictor_state,
    smpl_arrays,
    texture_atlas,
)

RUN = "4DHumans/logs/train/multiruns/hmr2/0/checkpoints/epoch=35-step=1000000.ckpt"

TINY_VIT = {"embed_dim": 64, "depth": 2, "heads": 4}
TINY_DECODER: dict[str, Any] = {"dim": 48, "depth": 2, "heads": 4, "dim_head": 16, "mlp_dim": 96}
"""Sizes of the goldens' small HMR2."""


def tensors(state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(np.asarray(value)) for key, value in state.items()}


def write_official_files(root: Path) -> None:
    """All files of HMR2 and PHALP, in the places of their caches below ``root``."""
    folder, weights = root / "phalp" / "3D", root / "phalp" / "weights"
    folder.mkdir(parents=True)
    weights.mkdir()
    write_hmr2(root / RUN)
    write_smpl(folder)
    write_hmar(weights)
    write_predictor(weights, folder)
    barycentric, face = texture_atlas()
    np.save(folder / "bmap_256.npy", barycentric)
    np.save(folder / "fmap_256.npy", face)


def write_hmr2(checkpoint: Path) -> None:
    checkpoint.parent.mkdir(parents=True)
    shapes = json.loads((GOLDEN / "hmr2_tiny_state_dict.json").read_text())
    torch.save({"state_dict": tensors(hmr2_state(shapes)), "epoch": 35}, checkpoint)
    decoder = TINY_DECODER | {"norm": "layer", "context_dim": 64}
    head = {"TYPE": "transformer_decoder", "TRANSFORMER_DECODER": decoder}
    config = {
        "MODEL": {"IMAGE_SIZE": 256, "BACKBONE": {"TYPE": "vit"}, "SMPL_HEAD": head},
        "SMPL": {
            "MODEL_PATH": "data/smpl",
            "GENDER": "neutral",
            "NUM_BODY_JOINTS": 23,
            "JOINT_REGRESSOR_EXTRA": "data/SMPL_to_J19.pkl",
            "MEAN_PARAMS": "data/smpl_mean_params.npz",
        },
        "LOSS_WEIGHTS": {"ADVERSARIAL": 0.0005},
    }
    (checkpoint.parents[1] / "model_config.yaml").write_text(yaml.safe_dump(config))


def write_smpl(folder: Path) -> None:
    arrays = smpl_arrays()
    model = {name: arrays[name] for name in ("v_template", "shapedirs", "posedirs", "weights", "f")}
    model["kintree_table"] = arrays["kintree_table"]
    model["J_regressor"] = scipy.sparse.csc_matrix(arrays["J_regressor"])
    (folder / "models" / "smpl").mkdir(parents=True)
    (folder / "models" / "smpl" / "SMPL_NEUTRAL.pkl").write_bytes(pickle.dumps(model, protocol=2))
    extra = pickle.dumps(arrays["J_regressor_extra"], protocol=2)
    (folder / "SMPL_to_J19.pkl").write_bytes(extra)
    means = {name.removeprefix("init_"): value for name, value in mean_params().items()}
    np.savez(
        folder / "smpl_mean_params.npz",
        pose=means["body_pose"].ravel(),
        shape=means["betas"].ravel(),
        cam=means["cam"].ravel(),
    )
    corners = np.random.default_rng(0).integers(0, 50, arrays["f"].shape)
    places = np.abs(normal("texture.vt", (50, 2))) % 1
    np.savez(folder / "texture.npz", smpl_faces=arrays["f"], vt=places, ft=corners)


def write_hmar(weights: Path) -> None:
    shapes = json.loads((GOLDEN / "hmar_state_dict.json").read_text())
    encoder = {k: v for k, v in shapes.items() if k.startswith("encoding_head.")}
    state = {f"HMAR.{k}": v for k, v in tensors(hmar_state(encoder)).items()}
    torch.save({"model": state}, weights / "hmar_v2_weights.pth")


def write_predictor(weights: Path, folder: Path) -> None:
    config = json.loads((GOLDEN / "pose_predictor_config_golden.json").read_text())
    torch.save({"state_dict": tensors(predictor_state())}, weights / "pose_predictor.pth")
    (weights / "pose_predictor.yaml").write_text(yaml.safe_dump(config))
    np.save(folder / "mean_std.npy", predictor_mean_std())
