"""Pickles of data sets, read without running anything they name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.errors import BenchmarkError, HumantrackError
from humantrack.types.arrays import FloatArray
from humantrack.weights import safe_pickle


def read_table(path: Path) -> Mapping[str, Any]:
    """The dictionary that a pickle of a data set holds (Python 2 or 3).

    Raises:
        BenchmarkError: if it cannot be read, holds something else, or asks to run code.
    """
    try:
        content = safe_pickle.load_file(path)
    except HumantrackError as error:
        raise BenchmarkError(error.what, where=path, hint=error.hint) from error
    except OSError as error:
        raise BenchmarkError(f"cannot be read ({error})", where=path) from error
    if not isinstance(content, Mapping) or isinstance(content, safe_pickle.Inert):
        raise BenchmarkError("not a table of arrays", where=path)
    return content


def array(value: Any, shape: tuple[int, ...], name: str, path: Path) -> FloatArray:
    """Numbers of a shape, -1 standing for any length.

    Raises:
        BenchmarkError: if they are none, or not finite.
    """
    try:
        found = np.asarray(value, np.float64)
        if found.ndim != len(shape) or any(
            n not in (want, -1) and want != -1 for n, want in zip(found.shape, shape, strict=True)
        ):
            raise ValueError(f"shape {found.shape}")
    except (TypeError, ValueError) as error:
        raise BenchmarkError(f"'{name}' is malformed ({error})", where=path) from error
    bad = ~np.isfinite(found.reshape(len(found), -1)).all(axis=1)
    if bad.any():
        what = f"'{name}' in row {int(bad.argmax())} is not a number"
        raise BenchmarkError(what, where=path)
    return found
