"""The few functions a results pickle may name, rebuilt so that none of them can do harm."""

from __future__ import annotations

import math
import re
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from humantrack.errors import UnsafePickleError

Array = npt.NDArray[Any]

_MOST_EMPTY = 1 << 16
"""Items without a size need no data, so that data does not bound how many there are."""

_DTYPE = re.compile(r"[<>|=]?([biufcSU])(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Allowed:
    """A name that may be loaded: a stand-in, never the thing itself.

    ``call`` is what REDUCE runs; None for names that are only passed on as arguments.
    """

    name: str
    call: Callable[..., Any] | None = None


@dataclass(slots=True)
class DtypeCell:
    """A dtype while it is being put together: the pickle sets its byte order afterwards."""

    dtype: np.dtype[Any]

    def set_state(self, state: tuple[Any, ...]) -> None:
        """Take the byte order; refuse everything else a dtype's state can carry."""
        order, nested = state[1], state[2:5]
        if nested != (None, None, None):
            raise UnsafePickleError("arrays of records are not allowed")
        if order not in ("<", ">", "|", "="):
            raise ValueError(f"byte order {order!r}")
        self.dtype = self.dtype.newbyteorder(order)


@dataclass(slots=True)
class JoblibArray:
    """joblib's note that an array's bytes follow the pickle's opcodes directly."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: str
    aligned: bool

    def size_bytes(self) -> int:
        """How many bytes follow, without the padding."""
        return math.prod(self.shape) * self.dtype.itemsize

    def array(self, data: bytes) -> Array:
        """The array these bytes make, in the machine's byte order."""
        _check_text(data, self.dtype)
        flat = np.frombuffer(data, self.dtype)
        array = flat.reshape(self.shape, order="F" if self.order == "F" else "C")
        return array.astype(self.dtype.newbyteorder("="))


def check_key(key: Any, depth: int = 3) -> Any:
    """The key, if Python can hash it without running out of stack (which would crash it)."""
    if isinstance(key, tuple | frozenset):
        if depth == 0:
            raise ValueError("a key is nested too deeply")
        for item in key:
            check_key(item, depth - 1)
    return key


def joblib_array(state: dict[str, Any]) -> JoblibArray:
    """Check the state of joblib's array wrapper."""
    if state["subclass"] not in (_NDARRAY, _MEMMAP):
        raise UnsafePickleError("only plain numpy arrays are allowed", where=state["subclass"])
    return JoblibArray(
        dtype=_cell(state["dtype"]).dtype,
        shape=_shape(state["shape"]),
        order=state["order"],
        aligned=state.get("numpy_array_alignment_bytes") is not None,
    )


def set_array_state(array: Array, state: tuple[Any, ...]) -> None:
    """Do what numpy's ``__setstate__`` does, on checked arguments; fills ``array`` in place."""
    version, shape, cell, is_fortran, data = state
    dtype = _cell(cell).dtype
    shape = _shape(shape)
    count = math.prod(shape)
    if not isinstance(data, bytes) or len(data) != count * dtype.itemsize:
        raise ValueError("an array's data does not fit its shape")
    if not dtype.itemsize and count > _MOST_EMPTY:
        raise ValueError("an array of empty text is too large")
    if version != 1 or array.size or array.base is not None:
        raise ValueError("an array's state is not one that numpy writes")
    _check_text(data, dtype)
    # The stubs ask for a numpy bool; numpy itself refuses one.
    array.__setstate__((1, shape, dtype, bool(is_fortran), data))  # type: ignore[arg-type]


def _check_text(data: bytes, dtype: np.dtype[Any]) -> None:
    """Refuse numbers that are no characters, which numpy would choke on only when they are used."""
    if dtype.kind == "U" and dtype.itemsize:
        points = np.frombuffer(data, np.dtype(np.uint32).newbyteorder(dtype.byteorder))
        if points.max(initial=0) > sys.maxunicode:
            raise ValueError("an array of text holds what is not text")


def _cell(value: object) -> DtypeCell:
    if not isinstance(value, DtypeCell):
        raise TypeError("a dtype was expected")
    return value


def _shape(value: object) -> tuple[int, ...]:
    """A tuple of lengths that numpy can multiply without overflow."""
    lengths = value if isinstance(value, tuple) else (None,)
    for n in lengths:
        if type(n) is not int or n < 0:
            raise ValueError("an array's shape must be a tuple of lengths")
    if len(lengths) > 32 or math.prod(lengths) >= 2**40:
        raise ValueError("an array's shape is too large")
    return lengths


def _make_dtype(code: str, *_: object) -> DtypeCell:
    """``numpy.dtype(code, align, copy)``."""
    match = _DTYPE.fullmatch(code)
    if match is None:
        raise UnsafePickleError(f"numpy arrays of type {code!r:.40} are not allowed")
    return DtypeCell(np.dtype(code))


def _make_array(kind: object, shape: object, code: object) -> Array:
    """``numpy.core.multiarray._reconstruct``: an empty array, to be filled by its state."""
    if kind not in (_NDARRAY, _MEMMAP):
        raise UnsafePickleError("only plain numpy arrays are allowed", where=kind)
    return np.empty(0, np.int8)


def _make_scalar(cell: object, data: bytes = b"") -> Any:
    """``numpy.core.multiarray.scalar``."""
    dtype = _cell(cell).dtype
    if dtype.itemsize == 0:
        return dtype.type()
    _check_text(data, dtype)
    (value,) = np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))
    return value


def _from_buffer(data: bytes, cell: object, shape: object, order: str, *_: object) -> Array:
    """``numpy.core.numeric._frombuffer``, which pickle protocol 5 uses."""
    dtype = _cell(cell).dtype
    _check_text(data, dtype)
    flat = np.frombuffer(data, dtype) if dtype.itemsize else np.empty(0, dtype)
    return flat.reshape(_shape(shape), order="F" if order == "F" else "C").copy(order="K")


def _encode(text: str, encoding: str) -> bytes:
    """``_codecs.encode``, which is how protocol 2 writes bytes."""
    if encoding != "latin1":
        raise ValueError(f"encoding {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


def _bytearray(data: bytes = b"") -> bytearray:
    if not isinstance(data, bytes):
        raise TypeError("bytes were expected")
    return bytearray(data)


def _complex(real: float, imaginary: float) -> complex:
    return complex(real, imaginary)


def _set(items: list[Any]) -> set[Any]:
    return set(map(check_key, items))


def _frozenset(items: list[Any]) -> frozenset[Any]:
    return frozenset(map(check_key, items))


def _ordered_dict() -> OrderedDict[Any, Any]:
    return OrderedDict()


_NDARRAY = Allowed("numpy.ndarray")
_MEMMAP = Allowed("numpy.memmap")
JOBLIB_WRAPPER = Allowed("joblib.numpy_pickle.NumpyArrayWrapper")

_BUILTINS: dict[str, Callable[..., Any]] = {
    "set": _set,
    "frozenset": _frozenset,
    "bytearray": _bytearray,
    "bytes": _no_bytes,
    "complex": _complex,
}

ALLOWED: dict[tuple[str, str], Allowed] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "memmap"): _MEMMAP,
    ("numpy", "dtype"): Allowed("numpy.dtype", _make_dtype),
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): JOBLIB_WRAPPER,
    ("collections", "OrderedDict"): Allowed("collections.OrderedDict", _ordered_dict),
    ("_codecs", "encode"): Allowed("_codecs.encode", _encode),
}
"""Everything a results pickle may name, under the names of numpy 1 and 2 and of Python 2 and 3."""

for _core in ("numpy.core", "numpy._core"):
    ALLOWED[f"{_core}.multiarray", "_reconstruct"] = Allowed("numpy._reconstruct", _make_array)
    ALLOWED[f"{_core}.multiarray", "scalar"] = Allowed("numpy.scalar", _make_scalar)
    ALLOWED[f"{_core}.numeric", "_frombuffer"] = Allowed("numpy._frombuffer", _from_buffer)
for _module in ("builtins", "__builtin__"):
    for _name, _call in _BUILTINS.items():
        ALLOWED[_module, _name] = Allowed(f"builtins.{_name}", _call)
