"""numpy's archives, written a stretch at a time."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Pieces:
    """An array that is made when it is written, one stretch of its rows after the other."""

    shape: tuple[int, ...]
    dtype: npt.DTypeLike
    make: Callable[[], Iterable[npt.NDArray[Any]]]


def save(file: BinaryIO, arrays: dict[str, npt.ArrayLike | Pieces]) -> None:
    """Write what ``np.load`` reads, as ``np.savez_compressed`` would.

    Args:
        file: to write to.
        arrays: by name.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                _write(entry, array)


def _write(entry: Any, array: npt.ArrayLike | Pieces) -> None:
    if not isinstance(array, Pieces):
        np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)
        return
    dtype = np.dtype(array.dtype)
    description = np.lib.format.dtype_to_descr(dtype)
    header = {"shape": array.shape, "fortran_order": False, "descr": description}
    np.lib.format.write_array_header_1_0(entry, header)
    for piece in array.make():
        entry.write(np.ascontiguousarray(piece, dtype).tobytes())
