"""The decompressed bytes of a results file, whichever way joblib compressed it."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import BinaryIO, Protocol

from humantrack.errors import ResultsError

_MAGIC = ((b"x", "zlib"), (b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\xfd7zXZ", "xz"))
_LZMA_MAGIC = b"\x5d\x00\x00"
_LZ4_MAGIC = b"\x04\x22\x4d\x18"
_OLD_JOBLIB_MAGIC = b"ZF"

_READ = 1 << 16
_GROW = 1 << 20
"""Decompress in steps of this size, so that a bomb is noticed before it goes off."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Zlib:
    """zlib and gzip with the interface of the other decompressors."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


class ByteStream:
    """Reads decompressed bytes in order. A file that ends early or is damaged just ends there.

    Args:
        file: opened at its beginning.

    Raises:
        ResultsError: if the compression is one that is not supported.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = bytearray()
        self._raw = file.read(_READ)
        self._decompressor = _decompressor(self._raw)
        self._ended = False
        self.whole = False
        """True once the end was reached and the compressed stream was complete and intact."""

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer at the end."""
        while len(self._buffer) < size and self._fill():
            pass
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes without taking them; fewer at the end."""
        data = self.read(size)
        self._buffer[:0] = data
        return data

    def _fill(self) -> bool:
        """Add to the buffer; False at the end."""
        if self._ended:
            return False
        if self._decompressor is None:
            self._buffer += self._raw
            self._ended = self.whole = not self._raw
            self._raw = self._file.read(_READ)
            return not self._ended
        if self._decompressor.eof:
            self._ended = self.whole = True
            return False
        try:
            data = self._decompressor.decompress(self._raw, _GROW)
        except (zlib.error, lzma.LZMAError, OSError, EOFError):
            self._ended = True
            return False
        self._buffer += data
        at_end = not self._raw and not data and not self._decompressor.eof
        self._raw = b""
        if self._decompressor.needs_input and not self._decompressor.eof:
            self._raw = self._file.read(_READ)
            at_end = at_end and not self._raw
        self._ended = at_end
        return not at_end


def _decompressor(head: bytes) -> _Decompressor | None:
    """What undoes the compression that the first bytes tell of; None for none."""
    kind = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    if kind in ("zlib", "gzip"):
        return _Zlib()
    if kind == "bz2":
        return bz2.BZ2Decompressor()
    if kind == "xz" or head.startswith(_LZMA_MAGIC):
        return lzma.LZMADecompressor()
    for magic, name in ((_LZ4_MAGIC, "lz4"), (_OLD_JOBLIB_MAGIC, "joblib older than 0.10")):
        if head.startswith(magic):
            raise ResultsError(
                f"results compressed by {name} cannot be read",
                hint="save them again with joblib.dump(results, path, compress=3)",
            )
    return None
