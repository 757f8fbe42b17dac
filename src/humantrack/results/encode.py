"""Plain values -> pickle protocol 3, frame by frame, in bytes that every numpy and Python reads.

The pickle module is not used for writing because the bytes must be the same everywhere: it
spells numpy's functions the way the numpy at hand does, and its memo grows with the file.

A results file is one pickled dict. Python sees only that; this reader also sees the frames::

    header    PROTO 3, EMPTY_DICT, then the string "humantrack results 1", pushed and popped
    frame     BININT n, POP: the frame's length, pushed and popped; then n bytes:
              key, value, SETITEM
    end       STOP
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import chain
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt

from humantrack.errors import OutputError
from humantrack.types import FrameKey

HEADER = b"\x80\x03}X\x14\x00\x00\x00humantrack results 10"
LENGTH = struct.Struct("<cic")
"""BININT, the frame's length in bytes, POP."""
END = b"."

_MULTIARRAY = "numpy.core.multiarray"
"""Where numpy's reconstruction functions are found by numpy 1 and, by its promise to read old
pickles, by numpy 2 (without a warning); ``numpy._core`` is unknown before 1.26."""

_RECONSTRUCT = _MULTIARRAY, "_reconstruct"
_SCALAR = _MULTIARRAY, "scalar"
_EMPTY_ARRAY = "", "empty array"
"""Names in the memo of what every array begins with."""

_KINDS = 256
"""Types and shapes of arrays that are remembered from frame to frame; results have some twenty."""

_MEMO_TEXT = 256
"""Longer strings (masks) are hardly ever repeated within a frame."""

_MOST_PARTS = 1 << 22
"""A hundred people make some twenty thousand. A list that holds itself many times over is a few
bytes in memory, and would never end here."""


def encode_frame(key: FrameKey, value: Any) -> bytes:
    """One entry of the results as opcodes that leave the dict on the stack as they found it.

    The same values give the same bytes. Strings, dtypes and function names are memoised within
    the frame only, so that frames stand alone and memory stays bounded.

    Args:
        key: the frame's key.
        value: None, numbers, strings, bytes, lists, tuples, sets, dicts and numpy arrays and
            scalars (no objects), nested in any way; subclasses are stored as what they extend.

    Raises:
        OutputError: if a value is of another type, or the frame is larger than 2 GiB.
    """
    encoder = _Encoder()
    try:
        encoder.put(key)
        encoder.put(value)
    except (TypeError, ValueError, RecursionError, struct.error) as error:
        raise OutputError(
            f"cannot store a frame: {error}",
            where=key,
            hint="results hold numbers, strings, lists, dicts and numpy arrays",
        ) from error
    body = b"".join(encoder.out) + b"s"
    if len(body) >= 2**31:
        raise OutputError("a frame is larger than 2 GiB", where=key)
    return LENGTH.pack(b"J", len(body), b"0") + body


def encode_value(value: Any) -> bytes:
    """A whole pickle of one value, as ``safe_pickle.loads`` reads it.

    An array that occurs several times is stored once, and comes back as one array.

    Raises:
        OutputError: if a value is of a type that has no place.
    """
    encoder = _Encoder(share_arrays=True)
    try:
        encoder.put(value)
    except (TypeError, ValueError, RecursionError, struct.error) as error:
        raise OutputError(f"cannot store a value: {error}") from error
    return b"\x80\x03" + b"".join(encoder.out) + END


class _Encoder:
    """Collects opcodes in ``out``.

    Args:
        share_arrays: store an array object once, however often it occurs.
    """

    def __init__(self, *, share_arrays: bool = False) -> None:
        self.out: list[bytes] = []
        self._share_arrays = share_arrays
        self._memo: dict[str | int | tuple[str, str], bytes] = {}
        """How to push again a text, an array by its id, or a name of numpy's by module and name."""

        self._heads: dict[tuple[np.dtype[Any], tuple[int, ...]], bytes] = {}
        """Opcodes before the data of an array like one that came earlier in the frame."""

        self._dtypes: dict[np.dtype[Any], bytes] = {}
        """How to push again a type of arrays; it is in the byte order of the file."""

        self._scalar_heads: dict[np.dtype[Any], bytes] = {}
        """Opcodes before the data of a scalar of a type that came earlier in the frame."""

    def put(self, value: Any) -> None:
        """Push a value of any allowed type."""
        encode = _BY_TYPE.get(type(value))
        if encode is None:
            encode = next((f for kind, f in _BY_BASE if isinstance(value, kind)), None)
            if encode is None:
                kind = type(value)
                raise TypeError(f"no place for a {kind.__module__}.{kind.__qualname__}")
        encode(self, value)

    def _put_all(self, values: Iterable[Any]) -> None:
        """Push several; the most of a frame is known by its exact type."""
        for value in values:
            encode = _BY_TYPE.get(type(value))
            if encode is None:
                self.put(value)
            else:
                encode(self, value)
        if len(self.out) > _MOST_PARTS:
            raise ValueError("it has too many parts")

    def _remembered(self, what: str | int | tuple[str, str]) -> bool:
        """Push what is in the memo; False if it is not."""
        known = self._memo.get(what)
        if known is None:
            return False
        self.out.append(known)
        return True

    def _remember(self, what: str | int | tuple[str, str]) -> None:
        index = len(self._memo)
        put, self._memo[what] = _PLACES[index] if index < 256 else _place(index)
        self.out.append(put)

    def _none(self, _: None) -> None:
        self.out.append(b"N")

    def _bool(self, value: bool) -> None:
        self.out.append(b"\x88" if value else b"\x89")

    def _int(self, value: int) -> None:
        if 0 <= value < 256:
            self.out.append(b"K" + bytes([value]))
        elif -(2**31) <= value < 2**31:
            self.out.append(struct.pack("<ci", b"J", value))
        else:
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            short = len(data) < 256
            self.out.append(struct.pack("<cB" if short else "<ci", *_long_head(data)) + data)

    def _float(self, value: float) -> None:
        self.out.append(struct.pack(">cd", b"G", value))

    def _str(self, value: str) -> None:
        known = self._memo.get(value)
        if known is not None:
            self.out.append(known)
            return
        data = value.encode("utf-8", "surrogatepass")
        self.out.append(struct.pack("<cI", b"X", len(data)) + data)
        if len(value) <= _MEMO_TEXT:
            self._remember(value)

    def _bytes(self, value: bytes | bytearray) -> None:
        if len(value) < 256:
            self.out.append(b"C" + bytes([len(value)]) + value)
        else:
            self.out.append(struct.pack("<cI", b"B", len(value)) + value)

    def _list(self, value: list[Any]) -> None:
        self.out.append(b"](")
        self._put_all(value)
        self.out.append(b"e")

    def _tuple(self, value: tuple[Any, ...]) -> None:
        close = {0: b")", 1: b"\x85", 2: b"\x86", 3: b"\x87"}.get(len(value))
        if close is None:
            self.out.append(b"(")
            close = b"t"
        self._put_all(value)
        self.out.append(close)

    def _dict(self, value: dict[Any, Any]) -> None:
        self.out.append(b"}(")
        self._put_all(chain.from_iterable(value.items()))
        self.out.append(b"u")

    def _set(self, value: set[Any] | frozenset[Any]) -> None:
        # Sets have no order of their own, but the bytes must.
        self._global("builtins", "frozenset" if isinstance(value, frozenset) else "set")
        self._list(sorted(value, key=lambda item: (type(item).__name__, repr(item))))
        self.out.append(b"\x85R")

    def _global(self, module: str, name: str) -> None:
        if not self._remembered((module, name)):
            self.out.append(f"c{module}\n{name}\n".encode())
            self._remember((module, name))

    def _array(self, value: npt.NDArray[Any]) -> None:
        """``_reconstruct(ndarray, (0,), b'b')``, then its state: version, shape, dtype, data."""
        if self._share_arrays and self._remembered(id(value)):
            return
        head = self._heads.get((value.dtype, value.shape))
        if head is None:
            self._first_array(value)
        else:
            self.out += (head, value.tobytes(), b"tb")
        if self._share_arrays:
            self._remember(id(value))

    def _first_array(self, value: npt.NDArray[Any]) -> None:
        """An array of a type and shape that none had yet, and what begins others like it."""
        array = _little_endian(value)
        shape = b"R(K\x01" + _shape(array.shape)
        size = struct.pack("<ccI", b"\x89", b"B", array.nbytes)
        dtype = self._dtypes.get(array.dtype)
        if dtype is None:
            self._global(*_RECONSTRUCT)
            if not self._remembered(_EMPTY_ARRAY):
                self._global("numpy", "ndarray")
                self.out.append(b"K\x00\x85C\x01b\x87")
                self._remember(_EMPTY_ARRAY)
            self.out.append(shape)
            self._dtype(array.dtype)
            self.out.append(size)
            # All names are in the memo now.
            dtype = self._dtypes[array.dtype] = self._memo["dtype", array.dtype.str]
            head = self._array_begin() + shape + dtype + size
        else:
            head = self._array_begin() + shape + dtype + size
            self.out.append(head)
        self.out += (array.tobytes(), b"tb")
        self._heads[array.dtype, array.shape] = head

    def _array_begin(self) -> bytes:
        """What every array but the first begins with."""
        return self._memo[_RECONSTRUCT] + self._memo[_EMPTY_ARRAY]

    def _scalar(self, value: np.generic) -> None:
        head = self._scalar_heads.get(value.dtype)
        if head is None:
            self._global(*_SCALAR)
            array = _little_endian(np.asarray(value))
            self._dtype(array.dtype)
            data = array.tobytes()
            head = self._memo[_SCALAR] + self._memo["dtype", array.dtype.str]
            self._scalar_heads[array.dtype] = head
        else:
            self.out.append(head)
            data = value.tobytes()
        self._bytes(data)
        self.out.append(b"\x86R")

    def _dtype(self, dtype: np.dtype[Any]) -> None:
        if self._remembered(("dtype", dtype.str)):
            return
        sized = dtype.kind in "SU"
        extent = (-1, -1, 0)
        if sized:
            extent = (dtype.itemsize, dtype.alignment, 8 if dtype.kind == "U" else 0)
        self._global("numpy", "dtype")
        self._tuple((f"{dtype.kind}{dtype.str[2:]}", False, True))
        self.out.append(b"R")
        self._tuple((3, dtype.str[0], None, None, None, *extent))
        self.out.append(b"b")
        self._remember(("dtype", dtype.str))


def _place(index: int) -> tuple[bytes, bytes]:
    """The opcodes that put the newest value in this place of the memo, and push it again."""
    if index < 256:
        return b"q" + bytes([index]), b"h" + bytes([index])
    number = struct.pack("<I", index)
    return b"r" + number, b"j" + number


_PLACES = [_place(index) for index in range(256)]


def _little_endian(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A plain array in the byte order of the file.

    Raises:
        TypeError: for arrays of objects, records, dates and numbers that only some machines have.
    """
    return np.asarray(array).astype(_dtype_in_file(array.dtype), copy=False)


@lru_cache(maxsize=_KINDS)
def _dtype_in_file(dtype: np.dtype[Any]) -> np.dtype[Any]:
    widest = {"f": 8, "c": 16}.get(dtype.kind, dtype.itemsize)
    if dtype.kind not in "biufcSU" or dtype.itemsize > widest:
        raise TypeError(f"no place for a numpy array of {dtype}")
    # Naming the type anew also drops metadata, which the file has no place for.
    return np.dtype(dtype.str).newbyteorder("<")


@lru_cache(maxsize=_KINDS)
def _shape(shape: tuple[int, ...]) -> bytes:
    """The opcodes of a tuple of lengths."""
    encoder = _Encoder()
    encoder.put(shape)
    return b"".join(encoder.out)


def _long_head(data: bytes) -> tuple[bytes, int]:
    return (b"\x8a" if len(data) < 256 else b"\x8b"), len(data)


_Encode = Callable[[_Encoder, Any], None]

_BY_TYPE: dict[type, _Encode] = {
    type(None): _Encoder._none,
    bool: _Encoder._bool,
    int: _Encoder._int,
    float: _Encoder._float,
    str: _Encoder._str,
    bytes: _Encoder._bytes,
    list: _Encoder._list,
    tuple: _Encoder._tuple,
    dict: _Encoder._dict,
    np.ndarray: _Encoder._array,
    **dict.fromkeys((np.float32, np.float64, np.int64, np.uint8), _Encoder._scalar),
}

# In this order: numpy's strings and bytes are Python's too, its other scalars stay numpy's.
_BY_BASE: tuple[tuple[type, _Encode], ...] = (
    (str, lambda encoder, value: encoder._str(str.__str__(value))),
    (bytes, lambda encoder, value: encoder._bytes(bytes(value))),
    (bytearray, _Encoder._bytes),
    (np.generic, _Encoder._scalar),
    (np.ndarray, _Encoder._array),
    (int, lambda encoder, value: encoder._int(int(value))),
    (float, lambda encoder, value: encoder._float(float(value))),
    (list, _Encoder._list),
    (tuple, _Encoder._tuple),
    (dict, _Encoder._dict),
    (set, _Encoder._set),
    (frozenset, _Encoder._set),
    (PurePath, lambda encoder, value: encoder._str(value.as_posix())),
)
