"""Videos and images in, frames out; shot cuts; the mp4 writer."""

from humantrack.units import parse_time
from humantrack.video.extract import extracting
from humantrack.video.pieces import PiecewiseWriter, check_pieces, remove_pieces
from humantrack.video.shots import mark_shots
from humantrack.video.source import FrameSource, open_source
from humantrack.video.streams import StreamChoice
from humantrack.video.writer import VideoWriter

__all__ = [
    "FrameSource",
    "PiecewiseWriter",
    "StreamChoice",
    "VideoWriter",
    "check_pieces",
    "extracting",
    "mark_shots",
    "open_source",
    "parse_time",
    "remove_pieces",
]
