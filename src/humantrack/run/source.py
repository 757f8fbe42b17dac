"""From configuration keys to sources and paths: the part of the composition without models.

``phalp.py`` calls these; nothing else knows the whole configuration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from humantrack import video
from humantrack.errors import ConfigError
from humantrack.results import load_results
from humantrack.run.paths import OutputPaths
from humantrack.types import Frame


def load_given_boxes(cfg: Any) -> Mapping[Any, Any] | None:
    """The boxes of ``video.boxes``, or of ``video.source`` if that is a .pkl; None if neither.

    Raises:
        ConfigError: if ``use_gt`` is on and no boxes are named.
        ResultsError: if the file cannot be read.
    """
    from humantrack.detect import given_files

    source = cfg.video.source or ""
    path = cfg.video.boxes or (source if source.lower().endswith(".pkl") else None)
    if path is None:
        if cfg.use_gt:
            raise ConfigError(
                "use_gt=true needs boxes",
                hint="give a .pkl as video.source with video.base_path, or set video.boxes=FILE",
            )
        return None
    box_format = cfg.video.box_format
    if str(path).lower().endswith(".pkl"):
        return given_files.check_mapping(load_results(path), where=path, box_format=box_format)
    return given_files.read_text(path, box_format=box_format)


def open_source(cfg: Any, boxes: Mapping[Any, Any] | None) -> video.FrameSource:
    """Open ``video.source`` from its start to its end as configured."""
    keys = cfg.video
    if not keys.source:
        raise ConfigError("no video is named", hint="add video.source=clip.mp4")
    start, end = _frame_range(cfg)
    source: str | list[Path] = keys.source
    name = None
    if boxes is not None and str(source).lower().endswith(".pkl"):
        if not keys.base_path:
            raise ConfigError(
                "where are the frames of these boxes?",
                where=f"video.source={source}",
                hint="add video.base_path=FOLDER",
            )
        name = Path(keys.source).name.split(".")[0]
        source = [Path(keys.base_path) / str(frame) for frame in sorted(boxes)]
    return video.open_source(
        source,
        name=name,
        start_frame=start,
        end_frame=end,
        start_time_s=video.parse_time(keys.start_time),
        end_time_s=video.parse_time(keys.end_time),
        keys=cfg.results["keys"],
        fps=cfg.render.fps,
        read_ahead=cfg.read_ahead,
        streams=video.StreamChoice(_from_start(keys.stream), _from_start(keys.audio_stream)),
    )


def _frame_range(cfg: Any) -> tuple[int | None, int | None]:
    """``video.*_frame``, narrowed by PHALP's second pair, which counts in the first."""
    start, end = (_from_start(cfg.video.start_frame), _from_start(cfg.video.end_frame))
    if cfg.phalp.start_frame < 0:
        return start, end
    first = (start or 0) + cfg.phalp.start_frame
    if cfg.phalp.end_frame >= 0:
        last = (start or 0) + cfg.phalp.end_frame
        end = last if end is None else min(end, last)
    return first, end


def _from_start(value: int | None) -> int | None:
    return None if value is None or value < 0 else value


def frames_of(
    source: video.FrameSource, cfg: Any, paths: OutputPaths, *, keep: bool = False
) -> Iterator[Frame]:
    """The frames, through JPEG files if ``video.extract_video`` is on.

    Args:
        source: opened.
        cfg: the configuration.
        paths: where the JPEG files go.
        keep: leave those of an earlier run.
    """
    if cfg.video.extract_video and source.info.kind == "video":
        return video.extracting(source, paths.frames, keys=cfg.results["keys"], keep=keep)
    return iter(source)
