"""An mp4 that is written in whole pieces and joined at the end, so that a kill costs one piece."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import av.error

from humantrack.atomic import cannot_write, replace
from humantrack.errors import CheckpointError, OutputError
from humantrack.types.arrays import ByteArray
from humantrack.video.audio import AudioTrack
from humantrack.video.streams import StreamChoice
from humantrack.video.writer import Timeline, VideoWriter

_log = logging.getLogger(__name__)

_JOINED = "joined.part"

_JOINED_AT_ONCE = 256 << 20
"""Bytes that are joined in well under a second, so that a run that was stopped can do it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A whole video file without sound, which begins at 0."""

    name: str
    size: int
    """Bytes."""

    frames: int
    start: int
    """Ticks from the start of the joined video to that of the piece."""


class PiecewiseWriter:
    """Like ``VideoWriter``, but what was written before a ``state_dict`` outlives a kill.

    The pieces lie in a folder of their own, from ``0001.mp4`` on; each plays. Leaving the ``with``
    block joins them, nothing encoded anew; after an error only if that takes no time. The folder
    is left to ``remove_pieces``.

    Args:
        path: the mp4 in the end.
        folder: of the pieces.
        fps, width, height, start_s: as for ``VideoWriter``.
        audio_from: a video whose sound is added when the pieces are joined.
        audio_streams: as for ``VideoWriter``.
        confirm: as for ``VideoWriter``, of each piece and of the whole.
        state: go on after the pieces of another writer's ``state_dict``; the size and the times
            are then that writer's, and other pieces are removed.

    Raises:
        OutputError: if something cannot be written.
    """

    def __init__(
        self,
        path: Path,
        folder: Path,
        *,
        fps: Fraction,
        width: int,
        height: int,
        audio_from: Path | None = None,
        audio_streams: StreamChoice | None = None,
        start_s: float = 0.0,
        state: Mapping[str, Any] | None = None,
        confirm: Callable[[], None] = lambda: None,
    ) -> None:
        self._confirm = confirm
        self._path, self._folder, self._audio_from = Path(path), Path(folder), audio_from
        self._audio_streams = audio_streams or StreamChoice()
        self._pieces = [Piece(**piece) for piece in (state or {}).get("pieces", ())]
        self._fps, self._size = fps, (width, height)
        self._times = Timeline(fps, start_s)
        if state is not None:
            self._size = (state["width"], state["height"])
            self._times.load_state_dict(state["times"])
        self._writer: VideoWriter | None = None
        self._start = self._frames = 0
        remove_pieces(self._folder, keep=[p.name for p in self._pieces])

    @property
    def frame_count(self) -> int:
        """Frames written, those of the pieces taken over included."""
        return sum(p.frames for p in self._pieces) + self._frames

    def write(self, rgb: ByteArray, time_s: float | None = None) -> None:
        """Add a frame; see ``VideoWriter.write``."""
        tick = self._times.next_tick(time_s)
        if self._writer is None:
            self._start = tick
            width, height = self._size
            self._writer = VideoWriter(
                self._folder / self._name,
                fps=self._fps,
                width=width,
                height=height,
                confirm=self._confirm,
            )
        self._writer.write_at(rgb, tick - self._start)
        self._frames += 1

    def state_dict(self) -> dict[str, Any]:
        """End the current piece, flush it to the disk, and give the state to resume from."""
        self._end_piece()
        width, height = self._size
        return {
            "pieces": [asdict(piece) for piece in self._pieces],
            "frames": self.frame_count,
            "width": width,
            "height": height,
            "times": self._times.state_dict(),
        }

    def __enter__(self) -> PiecewiseWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._end_piece()
            small = sum(p.size for p in self._pieces) < _JOINED_AT_ONCE
            if self._pieces and (error is None or (small and isinstance(error, Exception))):
                self._join()
        except OutputError as second:
            if error is None:
                raise
            _log.warning("%s", second)

    @property
    def _name(self) -> str:
        return f"{len(self._pieces) + 1:04d}.mp4"

    def _end_piece(self) -> None:
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        frames, self._frames = self._frames, 0
        path = self._folder / self._name
        writer.close()
        try:
            _sync(path)
            size = path.stat().st_size
        except OSError as error:
            raise cannot_write(path, error) from error
        self._pieces.append(Piece(name=path.name, size=size, frames=frames, start=self._start))

    def _join(self) -> None:
        """All pieces in one file, with the sound."""
        joined = self._folder / _JOINED
        try:
            with ExitStack() as stack:
                output: Any = stack.enter_context(
                    av.open(str(joined), "w", format="mp4", options={"movflags": "+faststart"})
                )
                self._copy(output)
            _sync(joined)
            self._confirm()
            replace(joined, self._path)
        except (av.error.FFmpegError, OSError) as error:
            with suppress(OSError):
                joined.unlink(missing_ok=True)
            reason = getattr(error, "strerror", None) or str(error)
            raise OutputError("cannot write the video", where=self._path, hint=reason) from error

    def _copy(self, output: Any) -> None:
        """The packets of all pieces, each with its time in the whole."""
        paths = [self._folder / p.name for p in self._pieces]
        order = _Order(paths, self._pieces, self._times.period)
        with av.open(str(order.paths[0])) as first:
            stream = output.add_stream_from_template(first.streams.video[0])
            extradata = first.streams.video[0].codec_context.extradata
        stream.time_base = self._times.time_base
        sound = None
        if self._audio_from is not None:
            sound = AudioTrack(self._audio_from, output, self._audio_streams)
        try:
            if sound:
                sound.start(self._times.origin_s)
            for packet, in_stream in order.packets():
                if in_stream.codec_context.extradata != extradata:
                    raise OSError("the pieces were encoded in different ways")
                if sound:
                    sound.copy_until(float(packet.pts * self._times.time_base))
                packet.stream = stream
                output.mux(packet)
            if sound:
                end = self._times.last + self._times.period
                sound.copy_until(float(end * self._times.time_base))
        finally:
            if sound:
                sound.close()


class _Order:
    """Presentation and decode times of the packets of several pieces, one after the other."""

    def __init__(self, paths: list[Path], pieces: list[Piece], period: int) -> None:
        self.paths, self._pieces, self._period = paths, pieces, period
        stamps: list[int] = []  # in the order of decoding
        self._delay = 0
        for path, piece in zip(paths, pieces, strict=True):
            inside = [packet.pts + piece.start for packet, _ in _packets(path)]
            rank = {stamp: i for i, stamp in enumerate(sorted(inside))}
            late = (i - rank[stamp] for i, stamp in enumerate(inside))
            self._delay = max(self._delay, *late)
            stamps += inside
        self._sorted = sorted(stamps)

    def packets(self) -> Iterator[tuple[Any, Any]]:
        """Packets with the times of the whole, and the stream they come from.

        Frames that are shown in another order than they are decoded in need decode times that
        run ahead, by as many frames as any is moved.
        """
        number = 0
        for path, piece in zip(self.paths, self._pieces, strict=True):
            for packet, stream in _packets(path):
                before = number - self._delay
                packet.pts += piece.start
                early = self._sorted[0] + before * self._period
                packet.dts = self._sorted[before] if before >= 0 else early
                packet.duration = self._period  # the last one's gives the file its length
                number += 1
                yield packet, stream


def _packets(path: Path) -> Iterator[tuple[Any, Any]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            if packet.size:
                yield packet, stream


def check_pieces(folder: Path, state: Mapping[str, Any]) -> None:
    """See that the pieces a ``state_dict`` speaks of are there.

    Raises:
        CheckpointError: if one is not, or is not as it was left.
    """
    for piece in state.get("pieces", ()):
        path = folder / piece["name"]
        if not path.is_file() or path.stat().st_size != piece["size"]:
            raise CheckpointError("a piece of the overlay is missing or changed", where=path)


def remove_pieces(folder: Path, keep: list[str] | None = None) -> None:
    """Remove the pieces but those to keep, and the folder if it is then empty.

    Only files named as this module names them are touched.
    """
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        name = path.name.lstrip(".")
        ours = path.name == _JOINED or (name[:4].isdecimal() and name[4:8] == ".mp4")
        if ours and path.name not in (keep or ()):
            with suppress(OSError):
                path.unlink()
    with suppress(OSError):
        folder.rmdir()


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
