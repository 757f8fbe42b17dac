"""Paths of a configuration: ``~`` is a home, and all are relative to the user's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from humantrack.config.quoting import literal
from humantrack.config.values import expanded, keys_by_name
from humantrack.url import is_elsewhere

RESOLVER = "humantrack_path"
"""``${humantrack_path:${video.output_dir}}``: a path with its home, for Hydra's own folders."""

NOTES_RESOLVER = "humantrack_notes"
"""``${humantrack_notes:${video.output_dir}}``: the folder that Hydra keeps a job's settings in."""


def register_resolver() -> None:
    """Make the resolvers known to OmegaConf. Calling it twice does no harm."""
    OmegaConf.register_new_resolver(RESOLVER, hydras_folder, replace=True)
    OmegaConf.register_new_resolver(NOTES_RESOLVER, _hydras_notes, replace=True)


def hydras_folder(path: str) -> str:
    """Where Hydra is told that a job's files lie: in the output folder.

    Hydra writes the path into its configuration, where ``${`` is no part of a name. It is told of
    the folder of the user instead, which is there, and of the rest in :func:`_hydras_notes`.
    """
    return os.curdir if "${" in path else expanded(path)


def _hydras_notes(path: str) -> str:
    """In the folder of :func:`hydras_folder`."""
    notes = ".hydra"
    return str(Path(expanded(path)).absolute() / notes) if "${" in path else notes


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
        if value and value not in key.words and not is_elsewhere(str(value)):
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
