"""Observations from files, given to a run in place of a detector and an estimator."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from humantrack.errors import ResultsError
from humantrack.split.elsewhere import nearby
from humantrack.split.encoding import ObservedFrame, source_of
from humantrack.split.files import ObservationFile
from humantrack.split.plan import parts_in
from humantrack.types import Frame, Observation, SourceInfo
from humantrack.types.arrays import ByteArray
from humantrack.video import FrameSource
from humantrack.video.decode_errors import Problems
from humantrack.video.span import Span

_REMEMBERED = 512
"""Frames whose numbers are known for what later frames say of them."""


def read_observations(*paths: str | os.PathLike[str]) -> Iterator[ObservedFrame]:
    """What was found in a video, frame by frame, before anybody was given an identity.

    One frame is in memory at a time, but for the chunk that it was written in.

    Args:
        paths: a folder that ``results.observations=true`` has left, or the files in it; also
            addresses such as s3://bucket/match.

    Yields:
        The frames in order, numbered as in the results.

    Raises:
        ResultsError: if a part is missing or damaged.
    """
    with nearby([os.fspath(path) for path in paths]) as near:
        yield from frames_in(parts_in(near))


def frames_in(files: Sequence[ObservationFile], start: int = 0) -> Iterator[ObservedFrame]:
    """The frames of all parts in order, numbered from 0 as in one run.

    Args:
        files: of the parts, in order.
        start: leave out frames whose ``source_index`` is lower.

    Raises:
        ResultsError: if a file is damaged.
    """
    number, number_of = 0, dict[int, int]()
    before: Sequence[Any] | None = None
    seams: tuple[tuple[Sequence[Any], Sequence[Any]], ...] = ()
    for i, file in enumerate(files):
        now, end = file.end.known
        if before is not None:
            seams = (*seams, (before, now))
        before = end
        following = files[i + 1].head["start"] if i + 1 < len(files) else None
        if following is not None and following <= start:
            number += file.end.frames
            seams = ()
            continue
        for frame in file:
            if frame.source_index >= start:
                number_of[frame.index] = number
                if len(number_of) > _REMEMBERED:
                    del number_of[next(iter(number_of))]
                found = frame.numbered(number, number_of)
                yield replace(found, seams=seams) if seams else found
            seams = ()
            number += 1


class Settler(Protocol):
    """What is needed of stages here; see :class:`humantrack.run.stages.Stages`."""

    def pass_seam(self, before: Sequence[Any], now: Sequence[Any]) -> None:
        """What is settled next is of another part."""

    def settle(self, frames: Sequence[Sequence[Observation]]) -> list[list[Observation]]:
        """What was found, once it is known what came before it."""


class Recorded:
    """What was found before. Implements ``run.found.Found``.

    Args:
        files: of all parts, in order.
        settler: puts right what depends on earlier parts, frame after frame.
    """

    def __init__(self, files: Sequence[ObservationFile], settler: Settler) -> None:
        self._files, self._settler = files, settler
        self.content: str = files[0].head["fingerprint"]["source"]
        self.info: SourceInfo = source_of(files[0].head["source"])
        self._passed: dict[int, ObservedFrame] = {}
        self._coming: Iterator[ObservedFrame] = iter(())
        self._at = -1

    @property
    def frame_count(self) -> int:
        """Frames in all parts."""
        return sum(file.end.frames for file in self._files)

    def open(self) -> FrameSource:
        """The frames with black pictures, without reading the source."""
        return FrameSource(_BlackFrames(self, self._files), Span(), read_ahead=0)

    def passing(self, start: int) -> Iterator[ObservedFrame]:
        """The frames from one of the source on; kept for who asks for their people next."""
        self._passed.clear()
        for frame in frames_in(self._files, start):
            self._passed[frame.source_index] = frame
            yield frame

    def with_shots(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames with ``is_shot_start`` as it was found."""
        for frame in frames:
            found = self._find(frame)
            self._passed[frame.source_index] = found
            same = frame.is_shot_start == found.is_shot_start
            yield frame if same else replace(frame, is_shot_start=found.is_shot_start)

    def observe(self, frames: Sequence[Frame]) -> list[list[Observation]]:
        """What was found in a chunk of frames.

        Raises:
            ResultsError: if a frame is none of those looked at.
        """
        out: list[list[Observation]] = []
        some: list[Sequence[Observation]] = []
        for found in map(self._find, frames):
            if found.seams:
                out += self._settler.settle(some)
                some = []
            for before, now in found.seams:
                self._settler.pass_seam(before, now)
            some.append(found.people)
        return out + self._settler.settle(some)

    def _find(self, frame: Frame) -> ObservedFrame:
        """The frame, taken out of those that have passed, or looked for in the files."""
        place = frame.source_index
        found = self._passed.pop(place, None)
        if found is None:
            if place <= self._at or self._at < 0:
                self._coming = frames_in(self._files, place)
            found = next((f for f in self._coming if f.source_index >= place), None)
            self._at = place
        if found is None or found.source_index != place:
            raise ResultsError(
                "the video has a frame that nobody has looked at",
                where=f"frame {place}",
                hint="it is not the video, or not read as it was, when its people were found",
            )
        return found


class _BlackFrames:
    """A kind of source: the frames of files of observations. Implements ``video.source.Reader``."""

    def __init__(self, recorded: Recorded, files: Sequence[ObservationFile]) -> None:
        self._recorded, self._files = recorded, files
        self.info = replace(recorded.info, frame_count=recorded.frame_count)
        self.paths: Sequence[Path] = [self.info.path]
        self.problems = Problems()

    def frames(self, span: Span) -> Iterator[Frame]:
        """The frames from the span's first on."""
        black = _black(0, 0)
        for number, seen in enumerate(self._recorded.passing(span.start_frame)):
            if black.shape[:2] != seen.image_size:
                black = _black(*seen.image_size)
            yield Frame(
                index=number,
                source_index=seen.source_index,
                time_s=seen.time_s,
                rgb=black,
                key=seen.key,
                is_shot_start=seen.is_shot_start,
            )
        for file in self._files:
            end = file.end
            for message in end.messages:
                self.problems.add(message)
            self.problems.count += end.decode_errors - len(end.messages)
            for line in end.notes:
                if line not in self.problems.notes:
                    self.problems.note(line)


def _black(height: int, width: int) -> ByteArray:
    """A picture that takes no room."""
    return np.broadcast_to(np.zeros((), np.uint8), (height, width, 3))
