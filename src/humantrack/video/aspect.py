"""The shape of a video's pixels, and the size of a picture with square ones."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import av.error
from av.filter import Graph

_WIDEST = 10
"""Wider or narrower pixels are a damaged header (1:3.6 and 4:1 are the most that is in use)."""

_SQUARE_ENOUGH = Fraction(1, 100)
"""Pixels that differ less from squares come from rounding a size, and are not worth resampling."""

_PARTS = 1000
"""Columns that stand for a pixel as wide as it is high, in :class:`_Probe`."""


class PixelAspect:
    """Width over height of the pixels of a stream's frames.

    The container's value holds, as for FFmpeg's players; where it has none, the decoder's, which
    may change on the way.

    Args:
        stream: PyAV's, before anything is decoded.
    """

    def __init__(self, stream: Any) -> None:
        self._codec = stream.codec_context
        told, first = stream.sample_aspect_ratio, self._codec.sample_aspect_ratio
        self._current = sane(told)
        self._is_fixed = bool(told) and told != first
        self._told: list[Any] = [first]
        self._probe: _Probe | None = None

    def of(self, frame: av.VideoFrame) -> Fraction:
        """The aspect of a frame that was just decoded."""
        if self._is_fixed:
            return self._current
        told = self._codec.sample_aspect_ratio
        if told not in self._told:
            self._told.append(told)
        if len(self._told) == 1:
            return self._current
        # It changes on the way, and the decoder may have read on: only the frame itself knows.
        self._probe = self._probe or _Probe()
        found = self._probe.aspect(frame)
        if found is not None:
            aspects = {sane(aspect) for aspect in self._told}
            self._current = min(aspects, key=lambda aspect: abs(aspect - found))
        return self._current


class _Probe:
    """Reads a frame's aspect, which PyAV does not show, from the size a filter gives it."""

    def __init__(self) -> None:
        self._layout: tuple[int, int, str] | None = None
        self._graph: Any = None

    def aspect(self, frame: av.VideoFrame) -> Fraction | None:
        """Width over height, to a thousandth; None if it cannot be told."""
        layout = (frame.width, frame.height, frame.format.name)
        try:
            if layout != self._layout:
                self._graph, self._layout = _graph(frame), layout
            self._graph.push(frame)
            return Fraction(self._graph.pull().width, _PARTS)
        except (av.error.FFmpegError, ValueError):
            self._layout = None
            return None


def _graph(frame: av.VideoFrame) -> Any:
    """A filter that makes of each frame one of two rows, as wide as its pixels are."""
    graph = Graph()
    start = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
    )
    corner = graph.add("crop", "min(iw,16):min(ih,2):0:0")
    wide = f"clip(round(sar*{_PARTS}),1,{_WIDEST * _PARTS})"
    scaled = graph.add("scale", f"w='{wide}':h=2:flags=neighbor:eval=frame")
    end = graph.add("buffersink")
    start.link_to(corner)
    corner.link_to(scaled)
    scaled.link_to(end)
    graph.configure()
    return graph


def sane(aspect: Any) -> Fraction:
    """What a header says, or 1 where that is nothing, invalid, or nearly 1."""
    if not aspect or not Fraction(1, _WIDEST) <= aspect <= _WIDEST:
        return Fraction(1)
    if abs(aspect - 1) < _SQUARE_ENOUGH:
        return Fraction(1)
    return Fraction(aspect)


def squared(size: tuple[int, int], aspect: Fraction, most_pixels: int) -> tuple[int, int]:
    """(W, H) with square pixels: the side that is too short grows, none shrinks.

    Args:
        size: (W, H) as stored.
        aspect: width over height of a pixel.
        most_pixels: a picture that would have more keeps its size.
    """
    width, height = size
    if aspect > 1:
        width = round(width * aspect)
    elif aspect < 1:
        height = round(height / aspect)
    return (width, height) if width * height <= most_pixels else size
