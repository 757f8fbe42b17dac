"""What the pictures say of the camera's motion: points of the background, followed.

The file is a head, then blocks of ``BLOCK`` frames, each compressed by itself, then an end mark::

    b"HTCAMERA" version:u16 source:16 bytes
    blocks: size:u32 frames:u16 crc32:u32, then ``size`` bytes of zlib
    end:    0:u32 0:u16 crc32 of all blocks:u32

``source`` is the fingerprint of the video (zeros: not known); version 1 has none. Versions 1 and 2
have no lines. Numbers are little-endian. A block's columns are named in ``_FRAME`` and ``_pack``;
places are in 1/32 pixel of the reduced picture, those of points as differences from the frame
before, the bytes of each rank together, which deflate makes the most of.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from humantrack.atomic import reason_of
from humantrack.errors import ResultsError
from humantrack.types.arrays import FloatArray, IntArray, check_shape

MAGIC = b"HTCAMERA" + struct.pack("<H", 3)
_WITHOUT_LINES = b"HTCAMERA" + struct.pack("<H", 2)
_WITHOUT_SOURCE = b"HTCAMERA" + struct.pack("<H", 1)
_SOURCE = 16

HEAD_SIZE = len(MAGIC) + _SOURCE
"""Bytes before the first block."""

BLOCK = 64
"""Frames that are compressed together."""

AGAIN = "run humantrack on the video again; or remove it, and say world.camera=still or a file"

QUANTUM = 32
"""Steps of a place in one pixel of the reduced picture."""

_BEFORE_LINES: list[tuple[str, str]] = [
    *(("index", "<i8"), ("time_s", "<f8"), ("scale", "<f8"), ("flags", "u1")),
    *(("width", "<u4"), ("height", "<u4"), ("points", "<u2"), ("links", "<u2")),
]
_OLD_FRAME = np.dtype(_BEFORE_LINES)
_FRAME = np.dtype([*_BEFORE_LINES, ("lines", "u1")])
_BLOCK = struct.Struct("<IHI")
_SHOT_START = 1


def _no_lines() -> FloatArray:
    return np.zeros((0, 4))


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTracks:
    """Points of the background in one frame.

    Raises:
        ValueError: if a shape is wrong.
    """

    index: int
    """Number of the frame in the results."""

    time_s: float
    width: int
    """Columns of the frame (not of the reduced picture)."""

    height: int
    is_shot_start: bool
    """True for the first frame after a cut, or after the frame's size changed."""

    scale: float
    """Pixels of the frame for a pixel of the reduced picture."""

    ids: IntArray
    """(N,) int64, rising: the same point has the same number in all frames of a shot."""

    xy: FloatArray
    """(N,2) float64 in pixels of the reduced picture; its upper left corner is (0, 0), the middle
    of its first pixel (0.5, 0.5)."""

    links: IntArray
    """(M,2) int64: a number of this frame and an older one that are the same place, seen again."""

    lines: FloatArray = field(default_factory=_no_lines)
    """(L,4) float64 x, y of both ends of edges that may be vertical, pixels of the reduced picture;
    most frames have none (``lines.EVERY_S``)."""

    def __post_init__(self) -> None:
        count = len(self.ids)
        check_shape("FrameTracks", "xy", self.xy, (count, 2))
        check_shape("FrameTracks", "links", self.links, (None, 2))
        check_shape("FrameTracks", "lines", self.lines, (None, 4))


def encode_block(frames: Sequence[FrameTracks]) -> bytes:
    """The frames as one block; the same frames give the same bytes."""
    data = zlib.compress(_pack(frames), 6)
    return _BLOCK.pack(len(data), len(frames), zlib.crc32(data)) + data


def head_of(source: str | None) -> bytes:
    """What a file begins with.

    Args:
        source: ``source_fingerprint`` of the video; None: not known.
    """
    return MAGIC + (source or "").encode("ascii")[:_SOURCE].ljust(_SOURCE, b"\0")


def end_mark(crc: int) -> bytes:
    """What ends a whole file; ``crc`` is the checksum of all blocks."""
    return _BLOCK.pack(0, 0, crc)


class EvidenceFile:
    """Reads a file of evidence, a block at a time, as often as asked.

    Args:
        path: the file.

    Raises:
        ResultsError: if it is not there or is not such a file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source: str | None = None
        """Fingerprint of the video that it is of; None: not known."""

        self._has_lines = False
        self.is_whole = False
        """True once it has been read to its end mark; a file cut short ends without."""
        with self._open():
            pass

    def __iter__(self) -> Iterator[FrameTracks]:
        """The frames in order; a file that was cut short ends with its last whole block.

        Raises:
            ResultsError: if the file is damaged.
        """
        with self._open() as file:
            while len(head := file.read(_BLOCK.size)) == _BLOCK.size:
                size, count, crc = _BLOCK.unpack(head)
                if not size:
                    self.is_whole = True
                    return
                data = file.read(size)
                if len(data) < size:
                    return
                if zlib.crc32(data) != crc:
                    raise ResultsError(
                        "the camera evidence is damaged", where=self.path, hint=AGAIN
                    )
                yield from self._unpacked(data, count)

    def _unpacked(self, data: bytes, count: int) -> list[FrameTracks]:
        try:
            return _unpack(zlib.decompress(data), count, has_lines=self._has_lines)
        except (zlib.error, ValueError, IndexError) as error:
            raise ResultsError(
                "the camera evidence is damaged", where=self.path, hint=AGAIN
            ) from error

    def _open(self) -> BinaryIO:
        try:
            file = self.path.open("rb")
        except OSError as error:
            what = f"the camera evidence cannot be read ({reason_of(error)})"
            raise ResultsError(what, where=self.path) from error
        magic = file.read(len(MAGIC))
        self._has_lines = magic == MAGIC
        if magic in (MAGIC, _WITHOUT_LINES):
            source = file.read(_SOURCE).rstrip(b"\0")
            self.source = source.decode("ascii", "replace") or None
        elif magic != _WITHOUT_SOURCE:
            file.close()
            raise ResultsError("not camera evidence of this version", where=self.path, hint=AGAIN)
        return file


Evidence = Iterable[FrameTracks]
"""An ``EvidenceFile``, or a list; what reads it may go through it more than once."""


def quantised(xy: FloatArray) -> FloatArray:
    """Places (...,2) as they are after writing and reading."""
    return np.asarray(np.round(np.asarray(xy, np.float64) * QUANTUM) / QUANTUM)


def _pack(frames: Sequence[FrameTracks]) -> bytes:
    head = np.zeros(len(frames), _FRAME)
    ids, steps, links, lines = [], [], [], []
    before_ids: IntArray = np.zeros(0, np.int64)
    before: IntArray = np.zeros((0, 2), np.int64)
    for row, frame in zip(head, frames, strict=True):
        for name in ("index", "time_s", "scale", "width", "height"):
            row[name] = getattr(frame, name)
        row["flags"] = _SHOT_START * frame.is_shot_start
        row["points"], row["links"] = len(frame.ids), len(frame.links)
        row["lines"] = len(frame.lines)
        places = np.round(frame.xy * QUANTUM).astype(np.int64)
        ids.append(np.diff(frame.ids, prepend=0))
        steps.append(places - _expected(frame.ids, before_ids, before))
        links.append(frame.links)
        lines.append(np.round(frame.lines * QUANTUM).astype(np.int64))
        before_ids, before = frame.ids, places
    return head.tobytes() + b"".join(
        [
            _by_rank(np.concatenate(ids), "<u4"),
            _by_rank(np.concatenate(steps)[:, 0], "<i2"),
            _by_rank(np.concatenate(steps)[:, 1], "<i2"),
            _by_rank(np.concatenate(links).ravel(), "<u4"),
            _by_rank(np.concatenate(lines).ravel(), "<u2"),
        ]
    )


def _unpack(data: bytes, count: int, *, has_lines: bool) -> list[FrameTracks]:
    head = np.frombuffer(data, _FRAME if has_lines else _OLD_FRAME, count)
    points, links = int(head["points"].sum()), int(head["links"].sum())
    line_counts = head["lines"].astype(np.int64) if has_lines else np.zeros(count, np.int64)
    at = head.nbytes
    columns = []
    for size, kind in (
        *((points, "<u4"), (points, "<i2"), (points, "<i2"), (links * 2, "<u4")),
        (int(line_counts.sum()) * 4, "<u2"),
    ):
        width = np.dtype(kind).itemsize
        ranks = np.frombuffer(data, np.uint8, size * width, at).reshape(width, size)
        columns.append(np.ascontiguousarray(ranks.T).view(kind).ravel().astype(np.int64))
        at += size * width
    frames, first, first_link = [], 0, 0
    before_ids: IntArray = np.zeros(0, np.int64)
    before: IntArray = np.zeros((0, 2), np.int64)
    lines = np.split(columns[4].reshape(-1, 4) / QUANTUM, np.cumsum(line_counts)[:-1])
    for row, lined in zip(head, lines, strict=True):
        mine = slice(first, first + int(row["points"]))
        linked = slice(first_link * 2, (first_link + int(row["links"])) * 2)
        ids = np.cumsum(columns[0][mine])
        steps = np.stack([columns[1][mine], columns[2][mine]], axis=1)
        places = steps + _expected(ids, before_ids, before)
        frames.append(_frame(row, ids, places, columns[3][linked].reshape(-1, 2), lined))
        first, first_link = mine.stop, first_link + int(row["links"])
        before_ids, before = ids, places
    return frames


def _frame(
    row: Any, ids: IntArray, places: IntArray, links: IntArray, lines: FloatArray
) -> FrameTracks:
    return FrameTracks(
        index=int(row["index"]),
        time_s=float(row["time_s"]),
        width=int(row["width"]),
        height=int(row["height"]),
        is_shot_start=bool(row["flags"] & _SHOT_START),
        scale=float(row["scale"]),
        ids=ids,
        xy=places / QUANTUM,
        links=links,
        lines=lines,
    )


def _expected(ids: IntArray, before_ids: IntArray, before: IntArray) -> IntArray:
    """Where points were in the frame before; those that are new start from (0, 0)."""
    out = np.zeros((len(ids), 2), np.int64)
    _, here, there = np.intersect1d(ids, before_ids, assume_unique=True, return_indices=True)
    out[here] = before[there]
    return out


def _by_rank(values: npt.NDArray[Any], kind: str) -> bytes:
    """Numbers as bytes, all lowest bytes first."""
    stored = np.ascontiguousarray(values).astype(kind)
    return stored.view(np.uint8).reshape(-1, stored.itemsize).T.tobytes()
