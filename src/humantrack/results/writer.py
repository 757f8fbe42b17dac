"""Writes results frame by frame, as they become final, in a file that joblib.load reads."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from humantrack.atomic import cannot_write, put_all, replace
from humantrack.errors import CheckpointError, OutputError
from humantrack.results.encode import END, HEADER, encode_frame
from humantrack.results.record import record_to_phalp
from humantrack.types import Frame, FrameKey, FrameRecord

_CHECKED_AT_ONCE = 1 << 20
"""Bytes of a file that are checked at a time."""


def partial_path(path: str | os.PathLike[str]) -> Path:
    """Where results are while they are being written, and stay if the run does not finish."""
    path = Path(path)
    return path.with_name(f"{path.stem}.partial{path.suffix}")


def check_partial(path: str | os.PathLike[str], state: Mapping[str, int]) -> None:
    """See that the results file on disk begins as a writer's ``state_dict`` says.

    Args:
        path: the final name; without a partial file the final one is looked at.
        state: from ``ResultsWriter.state_dict``.

    Raises:
        CheckpointError: if it does not.
    """
    partial = partial_path(path)
    file_path = partial if partial.exists() else Path(path)
    inflate, adler, left = zlib.decompressobj(), zlib.adler32(b""), state["position"]
    try:
        with file_path.open("rb") as file:
            while left and (data := file.read(min(left, _CHECKED_AT_ONCE))):
                adler = zlib.adler32(inflate.decompress(data), adler)
                left -= len(data)
    except (OSError, zlib.error) as error:
        raise CheckpointError("the results file cannot be read", where=file_path) from error
    if left or adler != state["adler"]:
        raise CheckpointError("the results file is not as it was left", where=file_path)


class ResultsWriter:
    """A sink that pickles each frame into one zlib stream; a context manager.

    The file is written as ``<stem>.partial.pkl`` and takes its name when all frames are in it. A
    run that ends with an error leaves the partial file, closed properly, with every frame that
    was written; a killed one leaves it cut short, but ``load_results`` and ``iter_results`` read
    all its whole frames. With not one frame written nothing is left. The same frames give the
    same bytes. Memory does not grow with the number of frames.

    Args:
        path: the final name; missing folders are made. An earlier file of that name is replaced
            at the end, an earlier partial file at once.
        features: whether to store ``appe``, ``loca`` and ``pose``.
        others: whether to store who was seen and has no track.
        compress: zlib's level, 1 to 9; 3 as in PHALP.
        state: resume the file another writer left, from where its ``state_dict`` says; what
            comes after that is cut off.
        confirm: called before the file takes its name or is removed; raises if it is another
            process's by now, which leaves it as it is.

    Raises:
        ValueError: if ``compress`` is out of range.
        OutputError: on entering, writing or leaving, if the file cannot be written; it says what
            was kept.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        features: bool = True,
        others: bool = False,
        compress: int = 3,
        state: Mapping[str, int] | None = None,
        confirm: Callable[[], None] = lambda: None,
    ) -> None:
        if not 1 <= compress <= 9:
            raise ValueError(f"compress must be 1 to 9, not {compress}")
        self.path = Path(path)
        self.partial_path = partial_path(path)
        self.frame_count = 0
        """Frames written so far; after an error, frames in the partial file."""
        self._features, self._others = features, others
        self._start, self._confirm = state, confirm
        # A bare deflate stream, unlike a whole zlib stream, can be gone on with by another
        # process: its new blocks refer to nothing before them. So zlib's two bytes of head and
        # its checksum at the end are written here.
        self._head = zlib.compress(b"", compress)[:2]
        self._level = compress
        self._zlib = self._begun_stream()
        self._adler = zlib.adler32(b"")
        self._file: BinaryIO | None = None
        # Where to go back to when the disk refuses: position and checksum.
        self._flushed = 0, self._adler

    def __enter__(self) -> ResultsWriter:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: what cannot be written must not wait in a buffer to fail again.
            if self._start is None:
                self._file = self.partial_path.open("wb", buffering=0)
                self._put(self._head)
                self._append(HEADER)
            else:
                self._go_on(self._start)
        except OSError as error:
            self._close()
            raise cannot_write(self.partial_path, error) from error
        return self

    def write(self, frame: Frame | None, record: FrameRecord) -> None:
        """Append a frame; the picture is not looked at."""
        self.write_frame(
            record.key, record_to_phalp(record, features=self._features, others=self._others)
        )

    def write_frame(self, key: FrameKey, value: Mapping[str, Any]) -> None:
        """Append a frame that has PHALP's keys already.

        Raises:
            OutputError: if a value cannot be stored (the file is as before), or the disk is full.
        """
        data = encode_frame(key, dict(value))
        try:
            self._append(data)
        except OSError as error:
            raise self._failed(error) from error
        self.frame_count += 1

    def state_dict(self) -> dict[str, int]:
        """Where the last whole frame ends, once it is safe on the disk; also after leaving.

        Raises:
            OutputError: if it cannot be brought there.
        """
        if self._file is not None:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise cannot_write(self.partial_path, error) from error
        position, adler = self._flushed
        return {"position": position, "adler": adler, "frames": self.frame_count}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is None:  # the disk refused, and what could be kept has been
            return
        try:
            self._finish()
            if kind is None:
                self._confirm()
                replace(self.partial_path, self.path)
            elif self.frame_count == 0:
                self._confirm()
                self.partial_path.unlink(missing_ok=True)
        except OSError as refused:
            failure = self._failed(refused)
            if kind is None:
                raise failure from refused

    def _append(self, data: bytes) -> None:
        """Compress and write, up to where a reader finds it after a crash.

        Flushing the compressor after every frame costs nothing: frames resemble each other less
        than the parts of a frame, so the files even get some percent smaller.
        """
        self._put(self._zlib.compress(data) + self._zlib.flush(zlib.Z_SYNC_FLUSH))
        self._adler = zlib.adler32(data, self._adler)
        if self._file is not None:
            self._flushed = self._file.tell(), self._adler

    def _begun_stream(self) -> Any:
        """A bare deflate stream that refers to nothing before it."""
        return zlib.compressobj(self._level, wbits=-zlib.MAX_WBITS)

    def _go_on(self, state: Mapping[str, int]) -> None:
        """Open the file of an earlier run at the end of its last frame that counts."""
        if not self.partial_path.exists():  # stopped after all was written
            self.path.replace(self.partial_path)
        self._file = self.partial_path.open("r+b", buffering=0)
        self._file.truncate(state["position"])
        self._file.seek(state["position"])
        self.frame_count, self._adler = state["frames"], state["adler"]
        self._flushed = state["position"], self._adler

    def _put(self, data: bytes) -> None:
        """Write all of these bytes."""
        if self._file is None:
            raise ValueError("the results file is not open")
        put_all(self._file, data)

    def _finish(self) -> None:
        """End the pickle and the stream, and see the file onto the disk."""
        checksum = struct.pack(">I", zlib.adler32(END, self._adler))
        self._put(self._zlib.compress(END) + self._zlib.flush() + checksum)
        if self._file is not None:
            os.fsync(self._file.fileno())
        self._close()

    def _failed(self, error: OSError) -> OutputError:
        """Keep what was written before the disk refused, and say so."""
        if self._file is not None:
            # Going back frees more room than the few bytes that end the stream need.
            position, self._adler = self._flushed
            self._zlib = self._begun_stream()
            with suppress(OSError):
                self._file.seek(position)
                self._file.truncate()
                self._finish()
            self._close()
        return cannot_write(
            self.path, error, hint=f"{self.frame_count} frames are kept in {self.partial_path}"
        )

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None
