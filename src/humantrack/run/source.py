"""Opening what a run reads: the video or images, and boxes that the user gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from humantrack import video
from humantrack.errors import ConfigError
from humantrack.fingerprint import clip_name
from humantrack.results import load_results
from humantrack.run.paths import OutputPaths
from humantrack.run.settings import BoxesOptions, SourceOptions
from humantrack.types import Frame


def load_boxes(options: BoxesOptions | None) -> Mapping[Any, Any] | None:
    """The boxes that the user gives; None if there are none.

    Raises:
        ResultsError: if the file cannot be read.
    """
    from humantrack.detect import given_files

    if options is None:
        return None
    if options.path.lower().endswith(".pkl"):
        found = load_results(options.path)
        return given_files.check_mapping(found, where=options.path, box_format=options.format)
    return given_files.read_text(options.path, box_format=options.format)


def open_source(options: SourceOptions, boxes: Mapping[Any, Any] | None) -> video.FrameSource:
    """Open the source from its start to its end.

    Args:
        options: what to read.
        boxes: given ones. If the source is their file, the frames they name are read.

    Raises:
        ConfigError: if no video is named, or a start or end is invalid.
        SourceError: if there is nothing to read.
    """
    if not options.path:
        raise ConfigError("no video is named", hint="add video.source=clip.mp4")
    source: str | list[Path] = options.path
    name = None
    if boxes is not None and options.path.lower().endswith(".pkl"):
        if not options.frames_folder:
            raise ConfigError(
                "where are the frames of these boxes?",
                where=f"video.source={options.path}",
                hint="add video.base_path=FOLDER",
            )
        name = clip_name(options.path)
        source = [Path(options.frames_folder) / str(frame) for frame in sorted(boxes)]
    return video.open_source(
        source,
        name=name,
        start_frame=options.start_frame,
        end_frame=options.end_frame,
        start_time_s=options.start_time_s,
        end_time_s=options.end_time_s,
        keys=options.keys,
        fps=options.fps,
        read_ahead=options.read_ahead,
        streams=options.streams,
        links=options.links,
        live=options.live,
    )


def frames_of(
    source: video.FrameSource, options: SourceOptions, paths: OutputPaths, *, keep: bool = False
) -> Iterator[Frame]:
    """The frames, through JPEG files if the options say so.

    Args:
        source: opened.
        options: of the run.
        paths: where the JPEG files go.
        keep: leave those of an earlier run.
    """
    if options.extract and source.info.kind == "video":
        return video.extracting(source, paths.frames, keys=options.keys, keep=keep)
    return iter(source)
