"""SMPL's model files -> arrays in the number types that skinning uses."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from humantrack.types.arrays import FloatArray, IntArray
from humantrack.weights.smpl_table import BETAS, FACES, JOINTS, VERTICES, read_regressor, read_table

__all__ = [
    "BETAS",
    "FACES",
    "JOINTS",
    "VERTICES",
    "SmplArrays",
    "read_extra_regressor",
    "read_smpl",
]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmplArrays:
    """What an SMPL file holds that skinning needs; metres, y up."""

    v_template: FloatArray
    """(6890,3) float32 rest surface."""

    shapedirs: FloatArray
    """(6890,3,10) float32 surface change per beta."""

    posedirs: FloatArray
    """(6890,3,207) float32 surface change per entry of (rotation - identity)."""

    j_regressor: FloatArray
    """(24,6890) float32 surface -> joints."""

    weights: FloatArray
    """(6890,24) float32 skinning weights."""

    parents: IntArray
    """(24,) int64, the root's is -1."""

    faces: IntArray
    """(13776,3) int64"""


def read_smpl(path: Path, *, any_gender: bool = False) -> SmplArrays:
    """Read ``SMPL_NEUTRAL.pkl``, the original ``basicModel_*.pkl``, or an ``.npz`` of such keys.

    Female and male models are accepted, with a warning, since the networks know the neutral body;
    ``any_gender`` asks for none.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: another kind of file, with what is wrong; or one that asks to run code.
    """
    path = Path(path)
    found = read_table(path)
    if not any_gender:
        _warn_of_gender(path)
    parents = found["kintree_table"][0].astype(np.int64)
    parents[0] = -1  # files have 2**32 - 1
    real = {
        "v_template": found["v_template"],
        "shapedirs": found["shapedirs"][:, :, :BETAS],
        "posedirs": found["posedirs"],
        "j_regressor": found["J_regressor"],
        "weights": found["weights"],
    }
    arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in real.items()}
    return SmplArrays(**arrays, parents=parents, faces=found["f"].astype(np.int64))


def read_extra_regressor(path: Path) -> FloatArray:
    """Read ``SMPL_to_J19.pkl``: (19,6890) float32, posed surface -> 19 more joints.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: not that array.
    """
    return np.asarray(read_regressor(path), np.float32)


def _warn_of_gender(path: Path) -> None:
    match = re.search(r"(?<![a-z])(female|male|f|m)(?![a-z])", path.stem.lower())
    if match:
        gender = "female" if match[1].startswith("f") else "male"
        _log.warning(
            "%s is a %s model; the networks were trained with the neutral one", path, gender
        )
