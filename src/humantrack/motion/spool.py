"""Arrays over time that may be longer than memory: rows in a temporary file, read when needed."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from humantrack.atomic import cannot_write
from humantrack.types.arrays import IntArray

CHUNK = 2048
"""Rows worked on at a time; what is no longer is kept in memory."""

_IN_MEMORY = 2**24
"""Bytes of a spool before it becomes a file."""


def chunks(start: int, stop: int, size: int | None = None) -> Iterator[slice]:
    """Slices one after the other that cover a range, none longer than ``size`` (``CHUNK``)."""
    size = CHUNK if size is None else size
    for first in range(start, stop, size):
        yield slice(first, min(first + size, stop))


class Store:
    """Bytes in a temporary file, which goes when nobody holds the store."""

    def __init__(self) -> None:
        file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, prefix="humantrack-")  # noqa: SIM115
        weakref.finalize(self, file.close)
        self._file = file

    def append(self, data: bytes) -> None:
        """Add bytes at the end.

        Raises:
            OutputError: if there is no room.
        """
        try:
            self._file.seek(0, 2)
            self._file.write(data)
        except OSError as error:
            hint = "TMPDIR chooses another place"
            raise cannot_write(Path("temporary file"), error, hint=hint) from error

    def read(self, start: int, count: int) -> bytes:
        """So many bytes from a place on."""
        self._file.seek(start)
        return self._file.read(count)

    def pour(self, target: BinaryIO) -> None:
        """Copy all bytes."""
        self._file.seek(0)
        shutil.copyfileobj(self._file, target)


class Spool:
    """Records of one structured type in a temporary file, which goes when nobody holds the spool.

    Args:
        dtype: of a record.
    """

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self._count = 0
        self._read: tuple[IntArray, npt.NDArray[Any]] | None = None
        self._store = Store()

    def __len__(self) -> int:
        return self._count

    def append(self, **fields: npt.ArrayLike) -> IntArray:
        """Add records.

        Args:
            fields: (N,...) of each field.

        Returns:
            (N,) int64 numbers to read them by.

        Raises:
            OutputError: if there is no room.
        """
        columns = {name: np.asarray(column) for name, column in fields.items()}
        records = np.empty(len(next(iter(columns.values()))), self.dtype)
        for name, column in columns.items():
            records[name] = column
        self._store.append(records.tobytes())
        self._count += len(records)
        return np.arange(self._count - len(records), self._count)

    def read(self, numbers: IntArray) -> npt.NDArray[Any]:
        """(N,) numbers -> (N,) records."""
        if self._read is not None and np.array_equal(self._read[0], numbers):
            return self._read[1]  # the fields of a chunk are asked for one after the other
        wanted, place = np.unique(numbers, return_inverse=True)
        out = np.empty(len(wanted), self.dtype)
        starts = np.flatnonzero(np.diff(wanted, prepend=-2) != 1).tolist()
        for a, b in itertools.pairwise([*starts, len(wanted)]):
            size = self.dtype.itemsize
            data = self._store.read(int(wanted[a]) * size, (b - a) * size)
            out[a:b] = np.frombuffer(data, self.dtype)
        records = out[place]
        self._read = (numbers.copy(), records) if len(numbers) <= CHUNK else None
        return records


class Spooled(np.lib.mixins.NDArrayOperatorsMixin):
    """A field of a spool's records as an array of which only what is asked for is in memory.

    It is indexed, and computed with, as a numpy array is; whoever has much of it takes it in
    ``chunks``.

    Args:
        spool: where the records are.
        field: which of their fields.
        numbers: (T,) int64 of the records.
        dtype: to give; None as stored.
    """

    def __init__(
        self, spool: Spool, field: str, numbers: IntArray, dtype: npt.DTypeLike | None = None
    ) -> None:
        stored = spool.dtype[field]
        self._spool, self._field, self._numbers = spool, field, numbers
        self.dtype = np.dtype(stored.base if dtype is None else dtype)
        self.shape = (len(numbers), *stored.shape)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return len(self._numbers)

    def taken(self, index: IntArray | slice) -> Spooled:
        """These rows, still unread."""
        return Spooled(self._spool, self._field, self._numbers[index], self.dtype)

    def __getitem__(self, key: Any) -> Any:
        rows, *rest = key if isinstance(key, tuple) else (key,)
        if rows is Ellipsis or rows is None:
            return self.__array__()[key]
        if isinstance(rows, (int, np.integer)):
            row = self[np.array([rows]) % len(self)][0]
            return row[tuple(rest)] if rest else row
        array = self.taken(rows).__array__()
        return array[(slice(None), *rest)] if rest else array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("what is in a file cannot be had without a copy")
        field = self._spool.read(self._numbers)[self._field]
        return field.astype(self.dtype if dtype is None else dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        known = (np.asarray(i) if isinstance(i, Spooled) else i for i in inputs)
        return getattr(ufunc, method)(*known, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.__array__(), name)  # mean, tolist, reshape, ...


def taken(array: Any, index: IntArray | slice) -> Any:
    """The rows of an array, or of a spooled one without reading them."""
    return array.taken(index) if isinstance(array, Spooled) else array[index]
