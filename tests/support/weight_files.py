"""Small model files in their official forms, and archives of every shape made of them."""

from __future__ import annotations

import functools
import io
import pickle
import tarfile
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from golden_rule import smpl_arrays

RUN = "logs/train/multiruns/hmr2/0"
WEIGHTS = f"{RUN}/checkpoints/epoch=35-step=1000000.ckpt"
CONFIG = f"{RUN}/model_config.yaml"

SHAPES = ("tar", "gz", "bz2", "xz", "zip", "zip-stored")
"""What an archive can be, whatever its name says."""


@functools.cache
def checkpoint_bytes(content: float = 1.0) -> bytes:
    """A checkpoint with two of HMR2's keys: itself a zip file, with one pickle in it."""
    names = ("backbone.pos_embed", "smpl_head.decpose.weight")
    state = {name: torch.full((1, 3), content) for name in names}
    file = io.BytesIO()
    torch.save({"state_dict": state, "epoch": 35}, file)
    return file.getvalue()


@functools.cache
def smpl_bytes(note: str = "") -> bytes:
    """The synthetic body as a pickle of plain arrays."""
    arrays = smpl_arrays()
    del arrays["J_regressor_extra"]
    return pickle.dumps(arrays | {"note": note}, protocol=2)


def texture_bytes() -> bytes:
    """Texture coordinates as PHALP's texture.npz has them."""
    file = io.BytesIO()
    np.savez(file, vt=np.ones((3, 2)), ft=np.ones((2, 3), int))
    return file.getvalue()


def official_entries() -> dict[str, bytes]:
    """What HMR2.0b's archive holds, in small."""
    return {
        WEIGHTS: checkpoint_bytes(),
        CONFIG: b"MODEL: {IMAGE_SIZE: 256}\n",
        "data/notes.txt": b"more",
    }


def pack(entries: Mapping[str, bytes | tarfile.TarInfo], shape: str) -> bytes:
    """An archive, its members in the order given."""
    data = io.BytesIO()
    if shape.startswith("zip"):
        how = zipfile.ZIP_STORED if shape == "zip-stored" else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(data, "w", how) as packed:
            for name, content in entries.items():
                packed.writestr(name, content)  # type: ignore[arg-type]
        return data.getvalue()
    mode: Any = "w" if shape == "tar" else f"w:{shape}"
    with tarfile.open(fileobj=data, mode=mode) as tar:
        for name, entry in entries.items():
            if isinstance(entry, tarfile.TarInfo):
                tar.addfile(entry)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(entry)
            tar.addfile(info, io.BytesIO(entry))
    return data.getvalue()
