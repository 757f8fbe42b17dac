"""Reads SMPL model files of every form (pickles of Python 2 and 3, npz) without chumpy."""

from __future__ import annotations

import logging
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.errors import MissingWeightsError, WeightsError
from humantrack.types.arrays import FloatArray, IntArray
from humantrack.weights import safe_pickle
from humantrack.weights.safe_pickle import Inert

VERTICES, JOINTS, FACES, BETAS = 6890, 24, 13776, 10

_log = logging.getLogger(__name__)

_SHAPES: dict[str, tuple[int, ...]] = {
    "v_template": (VERTICES, 3),
    "f": (FACES, 3),
    "kintree_table": (2, JOINTS),
    "weights": (VERTICES, JOINTS),
    "J_regressor": (JOINTS, VERTICES),
    "posedirs": (VERTICES, 3, 9 * (JOINTS - 1)),
}

_COUSINS = {
    10475: "an SMPL-X model",
    5023: "a FLAME model",
    778: "a MANO hand model",
    6890: "an SMPL+H model",
}


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
    if not path.is_file():
        hint = "SMPL needs a licence; humantrack-weights list says where to get it"
        raise MissingWeightsError("no SMPL model file", where=path, hint=hint)
    content = _read_npz(path) if zipfile.is_zipfile(path) else safe_pickle.load_file(path)
    if not isinstance(content, Mapping) or isinstance(content, Inert):
        raise WeightsError("not an SMPL model: the file holds no table of arrays", where=path)
    if not any_gender:
        _warn_of_gender(path)
    return _checked(content, path)


def read_extra_regressor(path: Path) -> FloatArray:
    """Read ``SMPL_to_J19.pkl``: (19,6890) float32, posed surface -> 19 more joints.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: not that array.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingWeightsError("no joint regressor", where=path, hint="fetch SMPL_to_J19.pkl")
    array = _dense(safe_pickle.load_file(path))
    if array is None or array.shape != (19, VERTICES) or array.dtype.kind not in "fiu":
        got = "no array" if array is None else f"{array.dtype} of shape {array.shape}"
        raise WeightsError(f"the joint regressor must be (19, {VERTICES}), got {got}", where=path)
    return np.asarray(array, np.float32)


def _read_npz(path: Path) -> dict[str, Any]:
    """The arrays that are wanted; a file's other entries may be notes that need unpickling."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in (*_SHAPES, "shapedirs") if key in file.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(f"the npz file is damaged ({error})", where=path) from error


def _warn_of_gender(path: Path) -> None:
    match = re.search(r"(?<![a-z])(female|male|f|m)(?![a-z])", path.stem.lower())
    if match:
        gender = "female" if match[1].startswith("f") else "male"
        _log.warning(
            "%s is a %s model; the networks were trained with the neutral one", path, gender
        )


def _checked(content: Mapping[str, Any], path: Path) -> SmplArrays:
    """The arrays, if all are there in SMPL's sizes."""
    found: dict[str, Any] = {}
    for key in (*_SHAPES, "shapedirs"):
        if key not in content:
            have = ", ".join(sorted(map(str, content))[:8])
            raise WeightsError(f"not an SMPL model: no {key!r} (it has {have})", where=path)
        found[key] = _dense(content[key])
        if found[key] is None:
            raise WeightsError(f"SMPL's {key!r} is stored in a form that is not known", where=path)
    for key, shape in _SHAPES.items():
        if found[key].shape != shape:
            cousin = _COUSINS.get(len(found["v_template"]), "another model")
            what = f"{cousin}, not SMPL: {key!r} has shape {found[key].shape} instead of {shape}"
            raise WeightsError(what, where=path, hint="get the neutral SMPL model with 10 shapes")
    shapedirs = found["shapedirs"]
    if shapedirs.ndim != 3 or shapedirs.shape[:2] != (VERTICES, 3) or shapedirs.shape[2] < BETAS:
        what = f"SMPL's 'shapedirs' has shape {shapedirs.shape} instead of ({VERTICES}, 3, {BETAS})"
        raise WeightsError(what, where=path)
    for key, array in found.items():
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise WeightsError(f"SMPL's {key!r} has entries that are no numbers", where=path)
    parents = found["kintree_table"][0].astype(np.int64)
    parents[0] = -1  # files have 2**32 - 1
    if (parents[1:] < 0).any() or (parents[1:] >= np.arange(1, JOINTS)).any():
        raise WeightsError("SMPL's 'kintree_table' is not a tree", where=path)
    faces = found["f"].astype(np.int64)
    if faces.min() < 0 or faces.max() >= VERTICES:
        raise WeightsError("SMPL's 'f' names vertices that do not exist", where=path)
    real = {
        "v_template": found["v_template"],
        "shapedirs": shapedirs[:, :, :BETAS],
        "posedirs": found["posedirs"],
        "j_regressor": found["J_regressor"],
        "weights": found["weights"],
    }
    arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in real.items()}
    return SmplArrays(**arrays, parents=parents, faces=faces)


def _dense(value: Any) -> Any:
    """A plain array of an array, a scipy matrix or a chumpy object; None for anything else."""
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    if not isinstance(value, Inert):
        return None
    package, fields = value.module.split(".")[0], value.attributes
    if package == "scipy":
        return _dense_sparse(value.name, fields)
    if package == "chumpy" and value.name == "Select":
        return _selected(fields)
    return _dense(fields.get("x")) if package == "chumpy" else None


def _selected(fields: Mapping[str, Any]) -> Any:
    """What chumpy's ``Select`` stands for: entries ``idxs`` of ``a``, in ``preferred_shape``."""
    source, index = _dense(fields.get("a")), _dense(fields.get("idxs"))
    if source is None or index is None:
        return None
    try:
        return source.ravel()[index.ravel()].reshape(fields.get("preferred_shape", (-1,)))
    except (IndexError, ValueError, TypeError):
        return None


def _dense_sparse(kind: str, fields: Mapping[str, Any]) -> Any:
    """A csc or csr matrix (any scipy's) as an array, or None."""
    from scipy import sparse

    build = {
        "csc_matrix": sparse.csc_matrix,
        "csr_matrix": sparse.csr_matrix,
        "csc_array": sparse.csc_matrix,
        "csr_array": sparse.csr_matrix,
    }.get(kind)
    parts = [_dense(fields.get(key)) for key in ("data", "indices", "indptr")]
    shape = fields.get("_shape", fields.get("shape"))
    if build is None or shape is None or any(part is None for part in parts):
        return None
    try:
        matrix = build(tuple(parts), shape=tuple(int(n) for n in shape))
        matrix.check_format(full_check=True)
    except (ValueError, TypeError, IndexError):
        return None
    return matrix.toarray()
