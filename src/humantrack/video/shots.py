"""Finds cuts while the frames go by, with PySceneDetect's adaptive detector."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from humantrack.errors import DependencyError
from humantrack.types import Frame

_MIN_SHOT_FRAMES = 15
_SIDE = 256
"""Longer side of the small picture in which cuts are looked for (PySceneDetect's own choice)."""


def mark_shots(
    frames: Iterable[Frame], *, min_shot_frames: int = _MIN_SHOT_FRAMES
) -> Iterator[Frame]:
    """The same frames with ``is_shot_start`` set, two frames late: the detector looks ahead.

    A cut within the last two frames, or in the first ``min_shot_frames``, is not found.

    Args:
        frames: of any size; all are compared at the first one's shape, at most 256 long.
        min_shot_frames: a cut nearer than this to the one before is none.

    Raises:
        DependencyError: if PySceneDetect is missing.
    """
    detector, timecode = _detector(min_shot_frames)
    delay: int = detector.event_buffer_length
    waiting: deque[Frame] = deque()
    cuts: set[int] = set()
    size: tuple[int, int] | None = None
    number = 0
    for number, frame in enumerate(frames):
        size = size or _small_size(frame)
        found = detector.process_frame(timecode(number), _shrunk(frame, size))
        cuts.update(cut.frame_num for cut in found)
        waiting.append(frame)
        if len(waiting) > delay:
            yield _marked(waiting.popleft(), number - delay, cuts)
    for back in range(len(waiting) - 1, -1, -1):
        yield _marked(waiting.popleft(), number - back, cuts)


def _detector(min_shot_frames: int) -> tuple[Any, Any]:
    """PySceneDetect's detector, and what makes its time of a frame number."""
    try:
        from scenedetect import FrameTimecode  # slow to import, and rarely needed
        from scenedetect.detectors import AdaptiveDetector
    except ImportError as error:
        raise DependencyError(
            "shot detection needs PySceneDetect",
            where="scenedetect-headless",
            hint="install it, or turn shot detection off",
        ) from error
    detector = AdaptiveDetector(min_scene_len=min_shot_frames)
    return detector, lambda number: FrameTimecode(number, fps=30.0)  # only numbers are compared


def _small_size(frame: Frame) -> tuple[int, int]:
    """(W, H) of the pictures that are compared."""
    scale = min(1.0, _SIDE / max(frame.width, frame.height))
    return max(1, round(frame.width * scale)), max(1, round(frame.height * scale))


def _shrunk(frame: Frame, size: tuple[int, int]) -> Any:
    import cv2  # not at import time of the package

    small = cv2.resize(frame.rgb, size, interpolation=cv2.INTER_LINEAR)
    return cv2.cvtColor(small, cv2.COLOR_RGB2BGR)


def _marked(frame: Frame, number: int, cuts: set[int]) -> Frame:
    is_start = number > 0 and number in cuts
    cuts.discard(number)
    return replace(frame, is_shot_start=is_start)
