"""Decoded frames -> RGB as an ordinary (BT.709, SDR) screen shows it.

Code points are those of ISO/IEC 23091-2 (ITU-T H.273).
"""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from humantrack.types.arrays import ByteArray
from humantrack.video.tone import HDR, ToneMapper, is_wide, peak_nits

_RGB, _BT709, _UNKNOWN, _BT601 = 0, 1, 2, 5
_YCGCO, _BT2020 = 8, 9
_KNOWN_MATRICES = frozenset({_BT709, 4, _BT601, 6, 7, _BT2020})
"""Matrices that swscale converts."""

_RELATED = {10: _BT2020, 13: _BT2020, 14: _BT2020}
"""Others, by what comes nearest: constant luminance and ICtCp."""

_MATRIX_OF_PRIMARIES = {1: _BT709, 4: 4, 5: _BT601, 6: 6, 7: 7, 9: _BT2020}
_FULL = 2
_HD_WIDTH, _HD_HEIGHT = 1280, 720


class RgbConverter:
    """Turns decoded frames into 8-bit RGB.

    Matrix and range are those the frame is tagged with. Without a tag, pictures from 1280 columns
    or 720 rows on are BT.709 and smaller ones BT.601, as players assume. HDR (PQ, HLG) and wide
    gamuts are mapped from the full bit depth; see :class:`ToneMapper`.

    Args:
        first: the first frame of the video; what it says of the brightest light holds for all, so
            that a frame looks the same wherever reading begins.
    """

    def __init__(self, first: av.VideoFrame) -> None:
        self._reformatter = VideoReformatter()
        self._peak = peak_nits(first)
        self._mappers: dict[tuple[int, int], ToneMapper] = {}

    def convert(self, frame: av.VideoFrame, size: tuple[int, int] | None = None) -> ByteArray:
        """(H,W,3) uint8 RGB.

        Args:
            frame: decoded; tags that are missing are filled in.
            size: (W, H) to resample to; None keeps the frame's.

        Raises:
            av.error.FFmpegError, ValueError: if FFmpeg cannot convert it.
        """
        if frame.colorspace == _YCGCO and not frame.format.is_rgb:
            frame = self._from_ycgco(frame)
        if not frame.format.is_rgb:
            frame.colorspace = _matrix(frame)
        transfer, primaries = frame.color_trc, frame.color_primaries
        if primaries == _UNKNOWN and (transfer in HDR or frame.colorspace == _BT2020):
            primaries = _BT2020
        if transfer not in HDR and not is_wide(primaries):
            return np.asarray(self._scaled(frame, "rgb24", size), np.uint8)
        kind = (transfer, primaries)
        if kind not in self._mappers:
            self._mappers[kind] = ToneMapper(transfer, primaries, self._peak)
        return self._mappers[kind].apply(self._scaled(frame, "rgb48le", size))

    def _scaled(self, frame: av.VideoFrame, layout: str, size: tuple[int, int] | None) -> Any:
        options: dict[str, Any] = {}
        if size is not None:
            options = {"width": size[0], "height": size[1], "interpolation": Interpolation.BICUBIC}
        return self._reformatter.reformat(frame, format=layout, **options).to_ndarray()

    def _from_ycgco(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A frame of YCgCo as RGB, by the equations of H.273 for matrix 8; swscale has none."""
        is_full = frame.color_range == _FULL or frame.format.name.startswith("yuvj")
        frame.colorspace = _BT601  # of both sides, so that only depth and subsampling change
        planes: Any = self._reformatter.reformat(frame, format="yuv444p").to_ndarray()
        y, cg, co = (plane.astype(np.float32) for plane in planes)
        cg, co = cg - 128, co - 128
        if not is_full:
            y, cg, co = (y - 16) * (255 / 219), cg * (255 / 224), co * (255 / 224)
        rgb = np.stack([y - cg + co, y + cg, y - cg - co], axis=-1)
        rgb = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
        return av.VideoFrame.from_ndarray(rgb, format="rgb24")


def _matrix(frame: av.VideoFrame) -> int:
    """The matrix of a frame of Y'CbCr, guessed as players do if it is not told."""
    told = _RELATED.get(frame.colorspace, frame.colorspace)
    if told in _KNOWN_MATRICES:
        return int(told)
    if frame.color_trc in HDR:
        return _BT2020
    if frame.color_primaries in _MATRIX_OF_PRIMARIES:
        return _MATRIX_OF_PRIMARIES[frame.color_primaries]
    is_hd = frame.width >= _HD_WIDTH or frame.height >= _HD_HEIGHT
    return _BT709 if is_hd else _BT601
