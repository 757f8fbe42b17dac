"""The overlay in parts: each is drawn and encoded by itself, and their packets are joined.

The tracker's pass over what was found writes each part's final records to a file, and when each
frame is shown. Whoever draws a part needs nothing else but the video.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any

from humantrack._version import __version__
from humantrack.atomic import atomic_write
from humantrack.claims import Claim
from humantrack.errors import EmptySourceError, ResultsError
from humantrack.pipeline.stopping import until
from humantrack.pipeline.window import record_of, record_state
from humantrack.run.settings import RunOptions
from humantrack.run.source import open_source
from humantrack.run.stages import Stages
from humantrack.split.files import ObservationFile, ObservationWriter
from humantrack.types import Frame, FrameRecord
from humantrack.video import PiecewiseWriter, VideoWriter
from humantrack.video.pieces import Piece
from humantrack.video.writer import Timeline

_AT_ONCE = 16
"""Records in a block."""

_PLAN = "drawing.json"


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A part that is to be drawn."""

    number: int
    frames: int
    start: int
    """Ticks from the start of the overlay to its first frame."""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What is to be drawn of a video."""

    parts: Sequence[Drawn]
    width: int
    height: int
    fps: tuple[int, int]
    times: Mapping[str, Any]
    """State of the ``Timeline`` after the last frame."""

    @staticmethod
    def read(folder: Path) -> Drawing | None:
        """That of a folder of parts; None if there is nothing to draw yet."""
        try:
            said = json.loads((folder / _PLAN).read_text("utf-8"))
            parts = [Drawn(**one) for one in said.pop("parts")]
            return Drawing(**{**said, "fps": tuple(said["fps"])}, parts=parts)
        except (OSError, ValueError, TypeError, LookupError):
            return None


def pieces_folder(folder: Path) -> Path:
    """Where drawn parts lie."""
    return folder / "overlay"


def records_path(folder: Path, number: int) -> Path:
    """The file of a part's final records."""
    return folder / "overlay" / f"{number:04d}.records"


def piece_path(folder: Path, number: int) -> Path:
    """A part's piece of the overlay."""
    return folder / "overlay" / f"{number:04d}.mp4"


class RecordSink:
    """A sink that writes the final records of each part to a file of its own.

    Args:
        folder: of the parts.
        cuts: ``source_index`` of the first frame of every part but the first.
        fps: of the overlay.
        timed: frames have times of their own.
        size: (H, W) of a picture -> (H, W) of what is drawn over it.
    """

    def __init__(
        self,
        folder: Path,
        cuts: Sequence[int],
        *,
        fps: Fraction,
        timed: bool,
        size: Callable[[int, int], tuple[int, int]],
    ) -> None:
        self._folder, self._cuts, self._fps = folder, list(cuts), fps
        self._timed, self._size_of = timed, size
        self._times = Timeline(fps)
        self._size: tuple[int, int] | None = None
        self._parts: list[Drawn] = []
        self._writer: ObservationWriter | None = None
        self._waiting: list[Any] = []

    def __enter__(self) -> RecordSink:
        (self._folder / _PLAN).unlink(missing_ok=True)
        return self

    def write(self, frame: Frame, record: FrameRecord) -> None:
        """Take a final frame."""
        if self._size is None:
            self._size = self._size_of(frame.height, frame.width)
        tick = self._times.next_tick(frame.time_s if self._timed else None)
        number = bisect_right(self._cuts, frame.source_index) + 1
        if not self._parts or self._parts[-1].number != number:
            self._end_part()
            self._writer = ObservationWriter(records_path(self._folder, number), {"part": number})
            self._parts.append(Drawn(number=number, frames=0, start=tick))
        last = self._parts[-1]
        self._parts[-1] = replace(last, frames=last.frames + 1)
        self._waiting.append({"tick": tick - last.start, "record": record_state(record)})
        if len(self._waiting) >= _AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if self._writer is not None and self._waiting:
            self._writer.append_values(self._waiting)
        self._waiting = []

    def _end_part(self) -> None:
        if self._writer is None:
            return
        self._flush()
        self._writer.finish(decode_errors=0, messages=[], notes=[])
        self._writer = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._end_part()
        if self._writer is not None:
            self._writer.close()
        if error is not None or self._size is None:
            return
        height, width = self._size
        fps = self._fps.numerator, self._fps.denominator
        plan = Drawing(
            parts=self._parts, width=width, height=height, fps=fps, times=self._times.state_dict()
        )
        with atomic_write(self._folder / _PLAN) as file:
            file.write(json.dumps(asdict(plan)).encode())


def is_drawn(folder: Path, number: int, settings: Mapping[str, Any]) -> bool:
    """Whether a part's piece is there, whole, and of these records and settings."""
    path = piece_path(folder, number)
    try:
        said = json.loads(_note_of(path).read_text("utf-8"))
        return bool(
            path.stat().st_size == said["size"] and said["key"] == _key(folder, number, settings)
        )
    except (OSError, ValueError, LookupError, TypeError, ResultsError):
        return False


def undrawn(folder: Path, settings: Mapping[str, Any]) -> list[int]:
    """Numbers of the parts that are still to be drawn."""
    drawing = Drawing.read(folder)
    numbers = [part.number for part in drawing.parts] if drawing else []
    return [number for number in numbers if not is_drawn(folder, number, settings)]


def _key(folder: Path, number: int, settings: Mapping[str, Any]) -> str:
    """Fingerprint of all that a drawn part depends on but the video."""
    drawing = Drawing.read(folder)
    size = None if drawing is None else (drawing.width, drawing.height, list(drawing.fps))
    render, device = settings.get("render"), settings.get("device")
    crc = ObservationFile(records_path(folder, number)).crc
    text = json.dumps([__version__, crc, size, render, device], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _note_of(path: Path) -> Path:
    return path.with_suffix(".json")


def draw_part(
    folder: Path,
    number: int,
    options: RunOptions,
    stages: Stages,
    stop: Event,
    *,
    tell: Callable[[int], None] = lambda _: None,
) -> None:
    """Draw a part; one that is there is left alone.

    Args:
        folder: of the parts.
        number: of the part.
        options: of the run.
        stages: whose ``visualizer`` draws a record over a frame.
        stop: ends it.
        tell: told how many frames are drawn, now and then.

    Raises:
        HeldError: if another process is at it.
        ResultsError: if the video shows other frames than it did.
        InterruptedRunError: if ``stop`` was set.
        SourceError, OutputError: as for a run.
    """
    drawing = Drawing.read(folder)
    if drawing is None or is_drawn(folder, number, options.settings):
        return
    claim = folder / f".overlay-{number:04d}.claim"
    with Claim(claim, lost_after_s=options.lost_after_s, on_lost=stop.set):
        if is_drawn(folder, number, options.settings):
            return
        path = piece_path(folder, number)
        file = ObservationFile(records_path(folder, number))
        if not _draw(file, path, drawing, options, stages, stop, tell, seeks=True):
            _draw(file, path, drawing, options, stages, stop, tell, seeks=False)
        said = {"size": path.stat().st_size, "key": _key(folder, number, options.settings)}
        with atomic_write(_note_of(path)) as note:
            note.write(json.dumps(said).encode())


def _draw(  # noqa: PLR0917
    file: ObservationFile,
    path: Path,
    drawing: Drawing,
    options: RunOptions,
    stages: Stages,
    stop: Event,
    tell: Callable[[int], None],
    *,
    seeks: bool,
) -> bool:
    """Draw; False if frames after a seek may not be those of a run that reads on."""
    records = _records(file)
    tick, record = next(records)
    given, first = options.source, record.source_index
    if seeks and first > (given.start_frame or 0):
        given = replace(given, start_frame=first)
    path.unlink(missing_ok=True)
    writer = VideoWriter(
        path, fps=Fraction(*drawing.fps), width=drawing.width, height=drawing.height
    )
    drawn, clean = 0, True
    with writer, open_source(given, stages.given_boxes) as source:
        try:
            for frame in until(stop, source):
                if frame.source_index < record.source_index and drawn == 0:
                    continue
                if (frame.source_index, frame.key) != (record.source_index, record.key):
                    break
                shown = replace(frame, index=record.index, is_shot_start=record.is_shot_start)
                writer.write_at(stages.visualizer.draw(shown, record), tick)
                drawn += 1
                tell(drawn)
                tick, record = next(records, (-1, record))
                if tick < 0:
                    break
        except EmptySourceError:
            pass
        clean = source.is_clean or given.start_frame == options.source.start_frame
    if tick < 0 and clean:
        return True
    path.unlink(missing_ok=True)
    if seeks:
        return False
    raise ResultsError(
        "the video shows other frames than when its people were found",
        where=f"frame {record.source_index}",
    )


def _records(file: ObservationFile) -> Iterator[tuple[int, FrameRecord]]:
    for values in file.values():
        yield int(values["tick"]), record_of(values["record"])


def join(folder: Path, path: Path, arguments: Mapping[str, Any]) -> None:
    """The overlay from its drawn parts, nothing encoded anew, with the sound.

    Args:
        folder: of the parts.
        path: of the overlay.
        arguments: further ones of ``PiecewiseWriter``: of rate and sound.

    Raises:
        OutputError: if it cannot be written.
    """
    drawing = Drawing.read(folder)
    if drawing is None or not drawing.parts:
        return
    pieces = [
        Piece(
            name=piece_path(folder, part.number).name,
            size=piece_path(folder, part.number).stat().st_size,
            frames=part.frames,
            start=part.start,
        )
        for part in drawing.parts
    ]
    state = {
        "pieces": [asdict(piece) for piece in pieces],
        "width": drawing.width,
        "height": drawing.height,
        "times": drawing.times,
    }
    size: dict[str, Any] = {"width": drawing.width, "height": drawing.height}
    with PiecewiseWriter(path, pieces_folder(folder), state=state, **size, **arguments):
        pass


def remove_drawing(folder: Path) -> None:
    """Records and pieces, once they are joined."""
    (folder / _PLAN).unlink(missing_ok=True)
    shutil.rmtree(pieces_folder(folder), ignore_errors=True)
