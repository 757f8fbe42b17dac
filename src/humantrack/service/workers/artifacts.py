"""Files made from a job's results on demand. These functions run in a helper process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from humantrack.atomic import atomic_write
from humantrack.errors import UnreadableSourceError
from humantrack.export import FORMATS, export
from humantrack.service.workers import scene
from humantrack.video import open_source, parse_time

_PREVIEW_PX = 640


def probe(path: str, overrides: Mapping[str, Any]) -> int | None:
    """Open a clip, which decodes its first frame.

    Returns:
        How many frames a job with these overrides has, if the container says.

    Raises:
        SourceError: if it is not a video that can be read.
        ConfigError: if the overrides leave nothing of it.
    """
    with open_source(
        path,
        start_frame=overrides.get("start_frame"),
        end_frame=overrides.get("end_frame"),
        start_time_s=parse_time(overrides.get("start_time")),
        end_time_s=parse_time(overrides.get("end_time")),
        read_ahead=0,
    ) as source:
        if source.info.kind != "video":
            raise UnreadableSourceError("is not a video", where=path)
        return source.info.frame_count


def make_export(results: str, format_name: str, folder: str) -> None:
    """Export results to ``folder``: ``results.json``, ``results_track1.bvh``, ..."""
    kind = FORMATS[format_name]
    stem = Path(folder) / "results"
    target = stem.with_name(stem.name + kind.suffix) if kind.is_single else stem
    export(results, [kind], target, force=True)


def make_preview(video: str, target: str) -> None:
    """A JPEG of a clip's first frame, at most 640 px wide."""
    import cv2

    with open_source(video, read_ahead=0) as source:
        picture = next(source).rgb
    height, width = picture.shape[:2]
    scale = min(1.0, _PREVIEW_PX / max(width, height))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    good, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not good:
        raise UnreadableSourceError("no picture can be made of it", where=video)
    with atomic_write(target) as file:
        file.write(data.tobytes())


def make_scene(results: str, folder: str) -> None:
    """Prepare what a page draws."""
    scene.prepare(Path(results), Path(folder))
