"""The arrays in SMPL's model files of every form, read without chumpy and without running anything.

SMPL comes as pickles of Python 2 whose arrays are chumpy's objects and scipy's sparse matrices
(``basicModel_neutral_lbs_10_207_0_v1.0.0.pkl``), as pickles of plain arrays, and as npz files.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from humantrack.errors import MissingWeightsError, WeightsError
from humantrack.weights import safe_pickle
from humantrack.weights.safe_pickle import Inert

VERTICES, JOINTS, FACES, BETAS = 6890, 24, 13776, 10

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

_DEEPEST = 16
"""Objects within objects that are looked through; chumpy's expressions are small trees."""

_LARGEST = 10**8
"""Entries of a sparse matrix that is written out; SMPL's largest has 165,360."""


def read_table(path: Path) -> dict[str, Any]:
    """SMPL's arrays by their names in the file, in SMPL's sizes, in the number types they have.

    ``shapedirs`` may have more than 10 columns.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: another kind of file, with what is wrong; or one that asks to run code.
    """
    return _checked(_content(path), path)


def read_regressor(path: Path) -> Any:
    """``SMPL_to_J19.pkl``: an array (19,6890), posed surface -> 19 more joints.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: not that array.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingWeightsError("no joint regressor", where=path, hint="fetch SMPL_to_J19.pkl")
    array = dense(safe_pickle.load_file(path))
    if array is None or array.shape != (19, VERTICES) or array.dtype.kind not in "fiu":
        got = "no array" if array is None else f"{array.dtype} of shape {array.shape}"
        raise WeightsError(f"the joint regressor must be (19, {VERTICES}), got {got}", where=path)
    return array


def convert(path: Path, out: IO[bytes]) -> None:
    """Write an SMPL model anew as a pickle of plain arrays, which every reader of SMPL can open.

    What else the file holds goes along as far as it is arrays, numbers and text.

    Args:
        path: the model, in any form.
        out: takes the pickle (protocol 3, names of arrays as every numpy knows them).

    Raises:
        MissingWeightsError: no such file.
        WeightsError: as :func:`read_table`.
    """
    content = _content(path)
    table: dict[str, Any] = _checked(content, path)
    for key, value in content.items():
        array = dense(value)
        if array is not None and array.dtype.kind in "biufSU":
            table.setdefault(str(key), array)
        elif isinstance(value, str | int | float):
            table.setdefault(str(key), value)
    plain = {
        key: np.array(value) if isinstance(value, np.ndarray) else value
        for key, value in table.items()
    }
    data = pickle.dumps(plain, protocol=3)
    # Written by numpy 2, names say numpy._core; numpy 1 and 2 both know the older name.
    out.write(data.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"))


def is_plain(path: Path) -> bool:
    """Whether a model is a pickle already that needs neither chumpy nor scipy to be opened.

    Raises:
        WeightsError: if it cannot be read.
    """
    if _is_npz(path):
        return False
    return not any(isinstance(value, Inert) for value in _content(path).values())


def _content(path: Path) -> Mapping[str, Any]:
    path = Path(path)
    if not path.is_file():
        hint = "SMPL needs a licence; humantrack-weights list says where to get it"
        raise MissingWeightsError("no SMPL model file", where=path, hint=hint)
    content = _read_npz(path) if _is_npz(path) else safe_pickle.load_file(path)
    if not isinstance(content, Mapping) or isinstance(content, Inert):
        raise WeightsError("not an SMPL model: the file holds no table of arrays", where=path)
    return content


def _is_npz(path: Path) -> bool:
    """By its first bytes: a pickle whose end looks like a zip file is none."""
    try:
        with path.open("rb") as file:
            return file.read(2) == b"PK"
    except OSError as error:
        raise WeightsError(f"the file cannot be read ({error.strerror})", where=path) from error


def _read_npz(path: Path) -> dict[str, Any]:
    """The arrays that are wanted; a file's other entries may be notes that need unpickling."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {key: file[key] for key in (*_SHAPES, "shapedirs") if key in file.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(f"the npz file is damaged ({error})", where=path) from error


def _checked(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The arrays, if all are there in SMPL's sizes."""
    found: dict[str, Any] = {}
    for key in (*_SHAPES, "shapedirs"):
        if key not in content:
            have = ", ".join(sorted(map(str, content))[:8])
            raise WeightsError(f"not an SMPL model: no {key!r} (it has {have})", where=path)
        found[key] = dense(content[key])
        if found[key] is None:
            raise WeightsError(f"SMPL's {key!r} is stored in a form that is not known", where=path)
    for key, shape in _SHAPES.items():
        if found[key].shape != shape:
            cousin = _COUSINS.get(_length(found["v_template"]), "another model")
            what = f"{cousin}, not SMPL: {key!r} has shape {found[key].shape} instead of {shape}"
            raise WeightsError(what, where=path, hint="get the neutral SMPL model with 10 shapes")
    shapedirs = found["shapedirs"]
    if shapedirs.ndim != 3 or shapedirs.shape[:2] != (VERTICES, 3) or shapedirs.shape[2] < BETAS:
        what = f"SMPL's 'shapedirs' has shape {shapedirs.shape} instead of ({VERTICES}, 3, {BETAS})"
        raise WeightsError(what, where=path)
    for key, array in found.items():
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise WeightsError(f"SMPL's {key!r} has entries that are no numbers", where=path)
    parents = found["kintree_table"][0].astype(np.int64)[1:]
    if (parents < 0).any() or (parents >= np.arange(1, JOINTS)).any():
        raise WeightsError("SMPL's 'kintree_table' is not a tree", where=path)
    faces = found["f"].astype(np.int64)
    if faces.min() < 0 or faces.max() >= VERTICES:
        raise WeightsError("SMPL's 'f' names vertices that do not exist", where=path)
    return found


def _length(array: Any) -> int:
    return len(array) if array.ndim else 0


def dense(value: Any, depth: int = 0) -> Any:
    """A plain array of an array, a scipy matrix or a chumpy object; None for anything else.

    Objects are what :mod:`~humantrack.weights.safe_pickle` makes of them: what they stand for is
    worked out here from their attributes, as chumpy's ``ch.py`` and ``reordering.py`` name them.
    """
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    if not isinstance(value, Inert) or depth > _DEEPEST:
        return None
    package, fields = value.module.split(".")[0], value.attributes
    if package == "scipy":
        return _dense_sparse(value.name, fields)
    if package != "chumpy":
        return None
    return _expression(value.name, fields, depth + 1)


_PAIRS: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
}


def _expression(name: str, fields: Mapping[str, Any], depth: int) -> Any:
    """What a chumpy object stands for, or None."""
    source, second = dense(fields.get("a"), depth), dense(fields.get("b"), depth)
    try:
        if name == "Select" and source is not None:
            index = dense(fields.get("idxs"), depth)
            return source.ravel()[index.ravel()].reshape(fields.get("preferred_shape", (-1,)))
        if name.lower() == "reshape" and source is not None:
            return source.reshape(fields["newshape"])
        if name.lower() == "transpose" and source is not None:
            return source.transpose(fields.get("axes"))
        if name in _PAIRS and source is not None and second is not None:
            return _PAIRS[name](source, second)
    except (IndexError, KeyError, ValueError, TypeError, AttributeError, MemoryError):
        return None
    return dense(fields.get("x"), depth)


def _dense_sparse(kind: str, fields: Mapping[str, Any]) -> Any:
    """A csc, csr or coo matrix (any scipy's) as an array, or None."""
    from scipy import sparse

    shape = fields.get("_shape", fields.get("shape"))
    form = kind.partition("_")[0]
    parts = {key: dense(fields.get(key)) for key in ("data", "indices", "indptr", "row", "col")}
    try:
        size = tuple(int(n) for n in shape)
        if len(size) != 2 or not 0 < size[0] * size[1] <= _LARGEST:
            return None
        if form == "coo":
            place = [dense(axis) for axis in fields.get("coords") or (parts["row"], parts["col"])]
            return sparse.coo_matrix((parts["data"], place), shape=size).toarray()
        build = {"csc": sparse.csc_matrix, "csr": sparse.csr_matrix}[form]
        matrix = build((parts["data"], parts["indices"], parts["indptr"]), shape=size)
        matrix.check_format(full_check=True)
        return matrix.toarray()
    except (ValueError, TypeError, IndexError, KeyError):
        return None
