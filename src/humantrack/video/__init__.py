"""Videos and images in, frames out; shot cuts; the mp4 writer."""

from humantrack.units import parse_time
from humantrack.video.extract import extracting
from humantrack.video.links import LinkOptions
from humantrack.video.live import LiveOptions, LiveReader
from humantrack.video.picture import PictureWriter
from humantrack.video.pieces import PiecewiseWriter, check_pieces, remove_pieces
from humantrack.video.shots import mark_shots
from humantrack.video.source import FrameSource, is_single_picture, open_source
from humantrack.video.streams import StreamChoice
from humantrack.video.writer import VideoWriter

__all__ = [
    "FrameSource",
    "LinkOptions",
    "LiveOptions",
    "LiveReader",
    "PictureWriter",
    "PiecewiseWriter",
    "StreamChoice",
    "VideoWriter",
    "check_pieces",
    "extracting",
    "is_single_picture",
    "mark_shots",
    "open_source",
    "parse_time",
    "remove_pieces",
]
