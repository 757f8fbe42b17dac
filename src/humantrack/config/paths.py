"""Paths of a configuration: ``~`` is a home, and all are relative to the user's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from humantrack.config.quoting import literal
from humantrack.config.values import expanded, keys_by_name

RESOLVER = "humantrack_path"
"""``${humantrack_path:${video.output_dir}}``: a path with its home, for Hydra's own folders."""


def register_resolver() -> None:
    """Make the resolver known to OmegaConf. Calling it twice does no harm."""
    OmegaConf.register_new_resolver(RESOLVER, expanded, replace=True)


def with_paths(cfg: Any, base: Path | None = None) -> Any:
    """The configuration with ``~`` expanded in every key that names a path.

    Args:
        cfg: the composed configuration, which is left as it is.
        base: folder that relative paths are meant in; None: they stay relative.
    """
    if not OmegaConf.is_config(cfg):
        return cfg
    changed = {}
    for name, key in keys_by_name().items():
        value = OmegaConf.select(cfg, name) if key.path else None
        if value:
            there = expanded(str(value))
            there = there if base is None else os.path.join(base, there)  # noqa: PTH118 - keeps a last slash
            if there != value:
                changed[name] = there
    if not changed:
        return cfg
    cfg = cfg.copy()
    for name, value in changed.items():
        OmegaConf.update(cfg, name, literal(value))
    return cfg
