"""Files made from a job's results on demand. These functions run in a helper process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from humantrack.atomic import atomic_write, replace
from humantrack.clips.source import ResultsSource
from humantrack.errors import UnreadableSourceError
from humantrack.export import FORMATS, export
from humantrack.service.workers import scene
from humantrack.service.workers.subprocess_pool import tell
from humantrack.video import open_source

_PREVIEW_PX = 640
_FEW = 16
"""Samples across a picture of which all is hidden."""

_WALK = 0.95
"""Share of the walk through the results in the work on a file."""


def make_export(results: str, format_name: str, folder: str, scratch: str) -> None:
    """Export results to ``folder``: ``results.json``, ``results_track1.bvh``, ...

    They are written in the folder ``scratch`` beside it, and moved when all are whole.
    """
    kind = FORMATS[format_name]
    stem = Path(scratch) / "results"
    stem.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = stem.with_name(stem.name + kind.suffix) if kind.is_single else stem
    done = export(results, [kind], target, force=True, progress=_telling)
    Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    for file in done.files:
        replace(file, Path(folder) / file.name)


def _telling(source: ResultsSource) -> Callable[[int], None]:
    """Tells who asked how far a walk through the results is."""
    total, taken = source.facts.frame_count, 0

    def advance(count: int) -> None:
        nonlocal taken
        taken += count
        if total:
            tell(_WALK * min(taken / total, 1.0))

    return advance


def make_preview(video: str, target: str, hides: bool, scratch: str) -> None:
    """A JPEG of a clip's first frame, at most 640 px wide.

    Where faces are to be hidden, and it is not known yet where they are, all of it is blurred.
    """
    import cv2

    with open_source(video, read_ahead=0) as source:
        picture: Any = next(source).rgb
    height, width = picture.shape[:2]
    scale = min(1.0, _PREVIEW_PX / max(width, height))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    if hides:
        few = (min(_FEW, width), min(max(round(_FEW * height / width), 1), _FEW))
        picture = cv2.resize(picture, few, interpolation=cv2.INTER_AREA)
    how = cv2.INTER_LINEAR if hides else cv2.INTER_AREA
    small = cv2.resize(picture, size, interpolation=how)
    good, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not good:
        raise UnreadableSourceError("no picture can be made of it", where=video)
    made = Path(scratch)
    made.mkdir(parents=True, exist_ok=True, mode=0o700)
    with atomic_write(made / "picture") as file:
        file.write(data.tobytes())
    replace(made / "picture", Path(target))


def make_scene(results: str, folder: str, scratch: str) -> None:
    """Prepare what a page draws."""
    made = Path(scratch)
    made.mkdir(parents=True, exist_ok=True, mode=0o700)
    scene.prepare(Path(results), made, _telling)
    for name in scene.FILES:
        replace(made / name, Path(folder) / name)
