"""Looking at a clip before a job is made of it. This runs in a helper process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from humantrack.errors import ConfigError, EmptySourceError, UnreadableSourceError
from humantrack.types import SourceInfo
from humantrack.video import open_source, parse_time

RANGE = ("start_frame", "end_frame", "start_time", "end_time")
_SLACK, _SLACK_FRAMES = 0.05, 2
"""A clip may have a few more frames than is known before it is decoded."""

_MOST_FRAMES = 10**8
"""A month at 30 frames a second. What claims to be longer is of unknown length."""


def probe(path: str, overrides: Mapping[str, Any]) -> int | None:
    """Open a clip, which decodes its first frame, and hold the range asked for against it.

    Returns:
        How many frames a job with these overrides has, if that is known.

    Raises:
        SourceError: if it is not a video that can be read.
        ConfigError: if the range holds no frame of it; names the option.
    """
    _check_order(overrides)
    with open_source(path, read_ahead=0) as source:
        whole = source.info
    if whole.kind != "video":
        raise UnreadableSourceError("is not a video", where=path)
    if not any(overrides.get(name) is not None for name in RANGE):
        return believed(whole.frame_count)
    with open_source(path, read_ahead=0, **_bounds(overrides)) as source:
        count = source.info.frame_count
        if count == 0:
            _check_end(overrides, whole)
            try:
                next(source)
            except EmptySourceError as error:
                raise _beyond(overrides, whole) from error
            return None
        return believed(count)


def missing(overrides: Mapping[str, Any], whole: SourceInfo, frames: int) -> tuple[str, ...]:
    """What a job that has ended lacks of the range that was asked for, a line each.

    Args:
        overrides: of the job.
        whole: the clip, opened without bounds.
        frames: that the job has.
    """
    told = []
    start, end = overrides.get("start_frame") or 0, overrides.get("end_frame")
    total = whole.frame_count
    if end is not None and total is not None and end > total and start + frames < end:
        told.append(f"end_frame={end} lies beyond the end of the clip, which has {total} frames")
    end_s = parse_time(overrides.get("end_time"))
    seconds = whole.duration_s
    if end_s is not None and seconds is not None and end_s > seconds + 0.5:
        said = overrides["end_time"]
        told.append(f"end_time={said} lies beyond the end of the clip, which has {seconds:.1f} s")
    return tuple(told)


def empty_range(
    path: str, overrides: Mapping[str, Any], error: EmptySourceError
) -> ConfigError | None:
    """What to say of a clip that has no frame in the range asked for; None if it has none at all.

    Args:
        path: the clip.
        overrides: of the job.
        error: what the run ended with.
    """
    if not any(overrides.get(name) is not None for name in RANGE):
        return None
    try:
        with open_source(path, read_ahead=0) as source:
            return _beyond(overrides, source.info)
    except type(error):
        return None


def _bounds(overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "start_frame": overrides.get("start_frame"),
        "end_frame": overrides.get("end_frame"),
        "start_time_s": parse_time(overrides.get("start_time")),
        "end_time_s": parse_time(overrides.get("end_time")),
    }


def _check_order(overrides: Mapping[str, Any]) -> None:
    """Refuse what no clip has: an end that is not after the start."""
    for unit in ("frame", "time"):
        start, end = overrides.get(f"start_{unit}"), overrides.get(f"end_{unit}")
        last = parse_time(end)
        if last is not None and last <= (parse_time(start) or 0):
            after = f"start_{unit}={start}" if start else "the start of the clip"
            raise ConfigError(f"must be later than {after}", where=f"end_{unit}={end}")


def _check_end(overrides: Mapping[str, Any], whole: SourceInfo) -> None:
    """Refuse a start that is clearly beyond the end: looking there may mean to decode all."""
    start, start_s = overrides.get("start_frame") or 0, parse_time(overrides.get("start_time")) or 0
    total, seconds = whole.frame_count, whole.duration_s
    far = total is not None and start > total * (1 + _SLACK) + _SLACK_FRAMES
    late = seconds is not None and start_s > seconds * (1 + _SLACK) + 1
    if far or late:
        raise _beyond(overrides, whole)


def _beyond(overrides: Mapping[str, Any], whole: SourceInfo) -> ConfigError:
    """The error that names the option which leaves nothing of a clip."""
    start, start_time = overrides.get("start_frame") or 0, overrides.get("start_time") or 0
    total, seconds = whole.frame_count, whole.duration_s
    long = [] if total is None else [f"{total} frames"]
    long += [] if seconds is None else [f"{seconds:.3f} s"]
    hint = f"the clip has {', '.join(long)}" if long else None
    what = "lies beyond the end of the clip"
    if start_time and seconds is not None and (parse_time(start_time) or 0) >= seconds:
        return ConfigError(what, where=f"start_time={start_time}", hint=hint)
    if total is not None and start >= total:
        return ConfigError(what, where=f"start_frame={start}", hint=hint)
    named = ", ".join(f"{name}={overrides[name]}" for name in RANGE if overrides.get(name))
    return ConfigError("no frame of the clip lies there", where=named, hint=hint)


def believed(count: int | None) -> int | None:
    """A number of frames, if it can be true."""
    return None if count is None or count > _MOST_FRAMES else count
