"""One decoded picture of a video, and what is known of the video as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from humantrack.types.arrays import ByteArray, check_shape

FrameKey = str | tuple[str, int]
"""The name results give a frame: a path-like string, or PHALP's (video path, pts)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A picture with its place in time.

    Raises:
        ValueError: if ``rgb`` is not (H,W,3) uint8.
    """

    index: int
    """Position among the frames of this run, from 0 (PHALP's ``time``)."""

    source_index: int
    """Position in the whole source, from 0; differs from ``index`` when the run starts later."""

    time_s: float
    """Presentation time in seconds from the source's start, from the container's timestamps."""

    rgb: ByteArray
    """(H,W,3) uint8, RGB."""

    key: FrameKey
    """The name of this frame in the results."""

    is_shot_start: bool = False
    """True for the first frame after a cut (never for the very first frame)."""

    def __post_init__(self) -> None:
        check_shape("Frame", "rgb", self.rgb, (None, None, 3))
        if self.rgb.dtype != np.uint8:
            raise ValueError(f"Frame.rgb must be uint8, not {self.rgb.dtype}")

    @property
    def height(self) -> int:
        """Rows of the picture."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """Columns of the picture."""
        return int(self.rgb.shape[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """What a source says of itself before a frame is decoded."""

    name: str
    """Short name, used in file names and frame keys: the file's stem or the folder's name."""

    path: Path
    """As the user gave it (the first match for a glob)."""

    kind: str
    """'video' or 'images'."""

    width: int
    """Columns of a frame, after rotation and with square pixels."""

    height: int
    """Rows of a frame, after rotation and with square pixels."""

    fps: Fraction
    """Average frames per second; for images the rate they will be played at."""

    frame_count: int | None = None
    """Frames that this run will yield, as the container says (may be off); None if unknown."""

    duration_s: float | None = None
    """Length of the whole source in seconds, if known."""

    rotation_deg: int = 0
    """Rotation of the display matrix, already applied: 0, 90, 180 or 270 clockwise."""

    sample_aspect: Fraction = field(default_factory=lambda: Fraction(1))
    """Width over height of a stored pixel of the first frame, already applied."""

    has_audio: bool = False
    """True if the source carries sound."""

    codec: str = ""
    """Name of the video codec or image format."""

    stream: int = 0
    """Number of the stream among the container's video streams, from 0."""

    audio_stream: int | None = None
    """Number of the sound that goes with it among the audio streams; None if there is none."""
