"""The world video: the clip at the left, at the right the world as seen from outside."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from humantrack.body.mannequin import load_mannequin
from humantrack.detect.nanodet.watch import Watch
from humantrack.errors import ResultsError, SourceError
from humantrack.render.faces import FaceBlur
from humantrack.render.view import Bounds, View
from humantrack.render.world import Trails, WorldPainter
from humantrack.results import iter_results, iter_world, record_from_phalp
from humantrack.types import Frame
from humantrack.types.arrays import ByteArray
from humantrack.types.world import WorldFrame
from humantrack.video import StreamChoice, VideoWriter

LONGEST_PX = 960
"""Longer side of each half."""


def draw_world_video(
    frames: Iterable[Frame],
    world: Path,
    video: Path,
    *,
    fps: Fraction,
    faces_from: Path | None = None,
    timed: bool = True,
    audio_from: Path | None = None,
    streams: StreamChoice | None = None,
    longest_px: int = LONGEST_PX,
    device: str = "cpu",
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Draw the whole video; memory does not grow with its length.

    Args:
        frames: of the clip, those of the results.
        world: the world file.
        video: to write; it takes its name when it is whole.
        fps: rate, for frames that have no time of their own.
        faces_from: results of the same frames, whose people's faces are blurred; None shows them.
        timed: whether frames keep their times.
        audio_from: a video whose sound is added.
        streams: which sound, and which pictures of that video the frames are.
        longest_px: most of the longer side of each half.
        device: where bodies are drawn.
        advance: told of each frame that is done.

    Raises:
        ResultsError: if the world file, or the results, are damaged or of other frames.
        SourceError: if the clip ends before the world does.
        OutputError: if the video cannot be written.
    """
    shown = frames if faces_from is None else _without_faces(frames, faces_from)
    pictures = _pictures(shown, world, longest_px, device)
    first = next(pictures, None)
    if first is None:
        return
    height, width = first[1].shape[:2]
    writer = VideoWriter(
        video,
        fps=fps,
        width=width,
        height=height,
        audio_from=audio_from,
        audio_streams=streams,
        start_s=first[0],
    )
    with writer:
        for time_s, picture in itertools.chain([first], pictures):
            writer.write(picture, time_s if timed else None)
            advance(1)


def _pictures(
    frames: Iterable[Frame], world: Path, longest_px: int, device: str
) -> Iterator[tuple[float, ByteArray]]:
    """Time and picture of each frame."""
    painter = WorldPainter(load_mannequin(), device=device)
    bounds: dict[int, Bounds] = {}
    for _, there in iter_world(world):
        bounds.setdefault(there.shot, Bounds()).add(there)
    views: dict[int, View] = {}
    trails = Trails()
    clip = iter(frames)
    for _, there in iter_world(world):
        frame = next(clip, None)
        if frame is None:
            raise SourceError("the video ends before its results do", where=world)
        left = _fitted(frame.rgb, longest_px)
        height, width = left.shape[:2]
        if there.shot not in views:
            views = {there.shot: bounds.pop(there.shot, Bounds()).view(width, height)}
        trails.add(there)
        right = _right(painter, there, views[there.shot], trails, (width, height))
        yield frame.time_s, np.concatenate([left, right], axis=1)


def _without_faces(frames: Iterable[Frame], results: Path) -> Iterator[Frame]:
    """The frames with the faces of those in the results blurred.

    Raises:
        ResultsError: if the results end before the frames do.
    """
    blur, records = FaceBlur(watch=Watch()), iter_results(results)
    for frame in frames:
        found = next(records, None)
        if found is None:
            raise ResultsError("end before the video does, whose faces are to go", where=results)
        yield blur.blurred(frame, record_from_phalp(*found))


def _right(
    painter: WorldPainter, there: WorldFrame, view: View, trails: Trails, size: tuple[int, int]
) -> ByteArray:
    return painter.draw(there, view, trails, width=size[0], height=size[1])


def _fitted(rgb: ByteArray, longest_px: int) -> Any:
    """The picture, no larger than it may be, and of even size."""
    height, width = rgb.shape[:2]
    share = min(1.0, longest_px / max(height, width))
    size = max(2, 2 * round(width * share / 2)), max(2, 2 * round(height * share / 2))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if size != (width, height) else rgb
