"""Paths of the official files of HMR2 and PHALP, as configured or in the caches."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from humantrack.errors import MissingWeightsError
from humantrack.weights.catalog import CATALOG, CHECKPOINTS, cache_root, find


@dataclass(frozen=True, kw_only=True)
class OfficialFiles:
    """Everything ``tracker=hmr2`` reads, but for the detector's weights."""

    smpl: Path
    joint_regressor: Path
    hmar: Path
    barycentric: Path
    face_of_texel: Path
    predictor: Path
    predictor_config: Path
    predictor_mean_std: Path

    checkpoint: Path | None = None
    """HMR2's weights; not needed with ``hmr_type=hmr2018``."""


_NAMES = {
    "checkpoint": "epoch=35-step=1000000.ckpt",
    "smpl": "SMPL_NEUTRAL.pkl",
    "joint_regressor": "SMPL_to_J19.pkl",
    "hmar": "hmar_v2_weights.pth",
    "barycentric": "bmap_256.npy",
    "face_of_texel": "fmap_256.npy",
    "predictor": "pose_predictor.pth",
    "predictor_config": "pose_predictor.yaml",
    "predictor_mean_std": "mean_std.npy",
}


def missing_files(cfg: Any) -> list[str]:
    """The official files that are not there: their names, or the paths the configuration gives."""
    needed = [f for f in _NAMES if f != "checkpoint" or cfg.hmr_type != "hmr2018"]
    return [_wanted(cfg, field)[1] for field in needed if _wanted(cfg, field)[0] is None]


def official_files(cfg: Any) -> OfficialFiles:
    """Where every file lies.

    Raises:
        MissingWeightsError: listing all that are missing at once.
    """
    missing = missing_files(cfg)
    if missing:
        raise MissingWeightsError(
            f"tracker=hmr2 misses {len(missing)} of {len(_NAMES)} files",
            where=", ".join(missing),
            hint=f"`humantrack-weights list` says where to get each and where to put it "
            f"({cache_root()}); tracker=embedded needs none",
        )
    found = {f.name: _wanted(cfg, f.name)[0] for f in fields(OfficialFiles)}
    return OfficialFiles(**{name: path for name, path in found.items() if path is not None})


def _wanted(cfg: Any, field: str) -> tuple[Path | None, str]:
    """(path or None, what to call the file)."""
    configured = _configured(cfg, field)
    if configured is None:
        return find(CATALOG[_NAMES[field]]), _NAMES[field]
    path = Path(configured).expanduser()
    if field == "checkpoint" and configured in CHECKPOINTS and not path.is_file():
        return find(CATALOG[CHECKPOINTS[configured]]), CHECKPOINTS[configured]
    if field == "smpl" and path.is_dir():  # PHALP's SMPL.MODEL_PATH is a folder
        path = path / _NAMES[field]
    return (path if path.is_file() else None), str(path)


def _configured(cfg: Any, field: str) -> str | None:
    value: str | None = {
        "checkpoint": cfg.hmr.checkpoint,
        "smpl": cfg.SMPL.MODEL_PATH,
        "joint_regressor": cfg.SMPL.JOINT_REGRESSOR_EXTRA,
        "hmar": cfg.hmr.hmar_path,
        "predictor": cfg.pose_predictor.weights_path,
        "predictor_config": cfg.pose_predictor.config_path,
        "predictor_mean_std": cfg.pose_predictor.mean_std,
    }.get(field)
    return value
