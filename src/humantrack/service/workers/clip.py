"""The clip of a job as browsers play it. This function runs in a helper process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from humantrack.atomic import replace
from humantrack.service.workers.subprocess_pool import tell
from humantrack.video import VideoWriter, open_source, parse_time

_CRF = 23


def make_clip(video: str, options: str, target: str, scratch: str) -> None:
    """Write the part of a clip that a job runs on as an mp4 with the clip's own times.

    Its first frame is at 0, and its frames are those of the job's results, one for one.

    Args:
        video: the clip.
        options: the job's overrides as JSON.
        target: the mp4.
        scratch: a folder beside it, for what is not whole yet.

    Raises:
        SourceError: if the clip cannot be read.
        OutputError: if there is no room for it.
    """
    overrides: dict[str, Any] = json.loads(options)
    made = Path(scratch) / "clip.mp4"
    with open_source(
        video,
        start_frame=overrides.get("start_frame"),
        end_frame=overrides.get("end_frame"),
        start_time_s=parse_time(overrides.get("start_time")),
        end_time_s=parse_time(overrides.get("end_time")),
    ) as source:
        writer: VideoWriter | None = None
        try:
            for frame in source:
                if writer is None:
                    height, width = frame.rgb.shape[:2]
                    writer = VideoWriter(
                        made, fps=source.info.fps, width=width, height=height, crf=_CRF
                    )
                writer.write(frame.rgb, frame.time_s)
                if source.info.frame_count:
                    tell(min(frame.index / source.info.frame_count, 0.99))
        finally:
            if writer is not None:
                writer.close()
    replace(made, Path(target))
