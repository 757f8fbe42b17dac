"""Keys of one video in parts (a part of the schema)."""

from __future__ import annotations

from dataclasses import dataclass

from humantrack.config.keys import key


@dataclass
class SplitConfig:
    """One long video in parts, for many processes; see docs/long_videos.md."""

    parts: str | None = key(
        None, "Find people in so many parts side by side; auto = one for each process there is."
    )
    minutes: float | None = key(None, "Or in parts of so many minutes.")
    part: int | None = key(
        None, "Do only this part, from 1: a task of an array job; humantrack-merge ends the run."
    )
    workers: int | None = key(
        None, "Processes on this machine at once; null = one for each core or GPU."
    )
    folder: str | None = key(
        None, "Address that whole parts are copied to, and from: s3://bucket/match, gs://..."
    )
    warm_up_s: float | None = key(
        None, "Seconds before a part that are looked at first; null = as its stages need."
    )
