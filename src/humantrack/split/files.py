"""Files of observations: what the tracker is told of each frame, so that it can be told again.

A file holds the frames of one part of a video, in order::

    b"HTOBSERV" version:u16
    head:    b"HEAD" 0:u32 crc32:u32 size:u64, then ``size`` bytes
    blocks:  b"SEEN" frames:u32 crc32:u32 size:u64, then ``size`` bytes
    end:     b"DONE" frames:u32 crc32:u32 size:u64, then ``size`` bytes, and the place of this end
             in the file:u64

Numbers are little-endian. The bytes are a pickle of plain values, deflated, which is read without
running anything (``results.safe_pickle``). A checksum is that of the deflated bytes. The end tells
how many frames there are, and the checksum of all blocks; a file without it is not whole. Arrays
that all people of a block have alike stand there once, a row for each person.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from humantrack.atomic import cannot_write, crc_of_next, put_all, reason_of, replace
from humantrack.errors import CheckpointError, OutputError, ResultsError
from humantrack.results.encode import encode_value
from humantrack.results.safe_pickle import loads
from humantrack.split.encoding import ObservedFrame, frame_of, joined, parted, plain_frame
from humantrack.types import Frame, Observation

MAGIC = b"HTOBSERV" + struct.pack("<H", 3)
_BLOCK = struct.Struct("<4sIIQ")
_PLACE = struct.Struct("<Q")
_HEAD, _SEEN, _DONE = b"HEAD", b"SEEN", b"DONE"
_LEVEL = 1
_LARGEST = 1 << 34
"""Bytes of a block that nothing real reaches: a head that says more is damaged."""

SUFFIX = ".obs"


@dataclass(frozen=True)
class End:
    """What a whole file says at its end."""

    frames: int
    decode_errors: int
    messages: tuple[str, ...]
    notes: tuple[str, ...]

    known: tuple[Sequence[Any], Sequence[Any]]
    """Who was known before the first frame, and after the last (``types.stages.Settles``)."""


class _NotPlainError(OutputError):
    """A value that no file can hold."""


def partial_of(path: Path) -> Path:
    """The name of the file while it is written."""
    return path.with_name(f"{path.name}.partial")


class ObservationWriter:
    """Appends chunks of frames; the file takes its name when all are in it.

    Args:
        path: the final name.
        head: plain values, told before the frames.
        state: go on with the partial file, from where ``state_dict`` of its writer says.

    Raises:
        OutputError: if the file cannot be written.
        CheckpointError: if the partial file is not as it was left.
    """

    def __init__(
        self, path: Path, head: Mapping[str, Any], state: Mapping[str, Any] | None = None
    ) -> None:
        self.path, self.partial_path = path, partial_of(path)
        self.frames, self._crc = 0, 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if state is None:
                self._file: BinaryIO = self.partial_path.open("wb", buffering=0)
                put_all(self._file, MAGIC + _block(_HEAD, 0, dict(head)))
            else:
                self._file = self._go_on(state)
        except OSError as error:
            raise cannot_write(self.partial_path, error) from error

    def append(self, frames: Sequence[Frame], people: Sequence[Sequence[Observation]]) -> None:
        """Add a chunk.

        Raises:
            OutputError: if the disk refuses, or something of a person has no place in a file.
        """
        try:
            self.append_values(
                [plain_frame(f, seen) for f, seen in zip(frames, people, strict=True)]
            )
        except _NotPlainError as error:
            raise OutputError(
                "observations cannot be stored",
                where=f"frames {frames[0].source_index} to {frames[-1].source_index}",
                hint=f"{error.what}; extra_data and annotations must be plain values",
            ) from error

    def append_values(self, values: Sequence[Mapping[str, Any]]) -> None:
        """Add a block of something else, one thing for each frame.

        Raises:
            OutputError: if the disk refuses, or a value is not plain.
        """
        try:
            block = _block(_SEEN, len(values), joined(values))
        except OutputError as error:
            raise _NotPlainError(error.what, where=error.where, hint=error.hint) from error
        before = self._file.tell()
        try:
            put_all(self._file, block)
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(before)
            raise cannot_write(self.partial_path, error) from error
        self._crc = zlib.crc32(block, self._crc)
        self.frames += len(values)

    def state_dict(self) -> dict[str, Any]:
        """Where the file stands, once it is on the disk.

        Raises:
            OutputError: if it cannot be brought there.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(self.partial_path, error) from error
        return {"position": self._file.tell(), "crc": self._crc, "frames": self.frames}

    def finish(
        self,
        *,
        decode_errors: int,
        messages: Sequence[str],
        notes: Sequence[str],
        known: tuple[Sequence[Any], Sequence[Any]] = ((), ()),
    ) -> None:
        """Write the end, as in :class:`End`, and give the file its name.

        Raises:
            OutputError: if the disk refuses.
        """
        said = {
            "frames": self.frames,
            "crc": self._crc,
            "decode_errors": decode_errors,
            "messages": list(messages),
            "notes": list(notes),
            "known": [list(some) for some in known],
        }
        try:
            place = self._file.tell()
            put_all(self._file, _block(_DONE, self.frames, said) + _PLACE.pack(place))
            os.fsync(self._file.fileno())
            self._file.close()
            replace(self.partial_path, self.path)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        """Leave the file as it is, under its partial name if it has no end."""
        with suppress(OSError):
            self._file.close()

    def _go_on(self, state: Mapping[str, Any]) -> BinaryIO:
        position = int(state["position"])
        file = self.partial_path.open("r+b", buffering=0)
        try:
            crc = _crc_up_to(file, position)
            if crc != state["crc"]:
                raise CheckpointError("observations are not as they were left", where=file.name)
            file.truncate(position)
            file.seek(position)
        except BaseException:
            file.close()
            raise
        self._crc, self.frames = int(state["crc"]), int(state["frames"])
        return file


def _block(tag: bytes, frames: int, value: Any) -> bytes:
    data = zlib.compress(encode_value(value), _LEVEL)
    return _BLOCK.pack(tag, frames, zlib.crc32(data), len(data)) + data


def _crc_up_to(file: BinaryIO, position: int) -> int | None:
    """Checksum of the blocks between head and ``position``; None if there is no such place."""
    if file.read(len(MAGIC)) != MAGIC:
        return None
    head = file.read(_BLOCK.size)
    if len(head) < _BLOCK.size:
        return None
    file.seek(_BLOCK.unpack(head)[3], os.SEEK_CUR)
    return crc_of_next(file, position - file.tell())


class ObservationFile:
    """Reads a file of observations, a block at a time, as often as asked.

    Args:
        path: a whole file.

    Raises:
        ResultsError: if it is not there, of another version, damaged, or not whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as file:
            nothing, data = self._next(file, _HEAD)
            self.head: Mapping[str, Any] = self._value(data)
            if not isinstance(self.head, dict) or nothing:
                raise self._damaged()
            self._start = file.tell()
            self._end, said = self._read_end(file)
        try:
            self.end = End(
                self._frames,
                int(said["decode_errors"]),
                tuple(said["messages"]),
                tuple(said["notes"]),
                (said["known"][0], said["known"][1]),
            )
            self.crc = int(said["crc"])
        except (LookupError, TypeError, ValueError) as error:
            raise self._damaged() from error

    def __iter__(self) -> Iterator[ObservedFrame]:
        """The frames in order, numbered as in the source.

        Raises:
            ResultsError: if the file is damaged.
        """
        for values in self.values():
            try:
                found = frame_of(values)
            except (LookupError, TypeError, ValueError) as error:
                raise self._damaged() from error
            yield found

    def values(self) -> Iterator[Mapping[str, Any]]:
        """The same as plain values.

        Raises:
            ResultsError: if the file is damaged.
        """
        with self._open() as file:
            file.seek(self._start)
            while file.tell() < self._end:
                frames, data = self._next(file, _SEEN)
                try:
                    values = parted(self._value(data))
                except (AttributeError, LookupError, TypeError, ValueError) as error:
                    raise self._damaged() from error
                if len(values) != frames:
                    raise self._damaged()
                yield from values

    def check(self) -> None:
        """Read all and see that it is as it was written, without making anything of it.

        Raises:
            ResultsError: if it is not.
        """
        with self._open() as file:
            file.seek(self._start)
            if crc_of_next(file, self._end - self._start) != self.crc:
                raise self._damaged()

    def _read_end(self, file: BinaryIO) -> tuple[int, Mapping[str, Any]]:
        """Where the blocks end, and what is said there."""
        file.seek(0, os.SEEK_END)
        size = file.tell()
        file.seek(max(size - _PLACE.size, 0))
        (place,) = _PLACE.unpack(file.read(_PLACE.size).ljust(_PLACE.size, b"\0"))
        if not self._start <= place < size:
            raise self._damaged("are cut short")
        file.seek(place)
        self._frames, data = self._next(file, _DONE)
        if file.tell() + _PLACE.size != size:
            raise self._damaged("are cut short")
        said = self._value(data)
        if not isinstance(said, dict) or said.get("frames") != self._frames:
            raise self._damaged()
        return place, said

    def _next(self, file: BinaryIO, tag: bytes) -> tuple[int, bytes]:
        head = file.read(_BLOCK.size)
        if len(head) < _BLOCK.size:
            raise self._damaged("are cut short")
        found, frames, crc, size = _BLOCK.unpack(head)
        if found != tag:
            raise self._damaged("are cut short" if tag == _DONE else "are damaged")
        if size > _LARGEST:
            raise self._damaged()
        data = file.read(size)
        if len(data) < size:
            raise self._damaged("are cut short")
        if zlib.crc32(data) != crc:
            raise self._damaged()
        return frames, data

    def _value(self, data: bytes) -> Any:
        try:
            return loads(zlib.decompress(data))
        except (zlib.error, ResultsError) as error:
            raise self._damaged() from error

    def _damaged(self, how: str = "are damaged") -> ResultsError:
        return ResultsError(f"the observations {how}", where=self.path)

    def _open(self) -> BinaryIO:
        try:
            file = self.path.open("rb")
        except OSError as error:
            what = f"the observations cannot be read ({reason_of(error)})"
            raise ResultsError(what, where=self.path) from error
        magic = file.read(len(MAGIC))
        if magic != MAGIC:
            file.close()
            is_ours = magic.startswith(MAGIC[:-2])
            what = "the observations are of another version" if is_ours else "not observations"
            raise ResultsError(what, where=self.path)
        return file
