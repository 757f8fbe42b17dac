"""Keys of sources without an end."""

from __future__ import annotations

from dataclasses import dataclass

from humantrack.config.keys import key


@dataclass
class LiveConfig:
    """Cameras and streams."""

    policy: str = key(
        "newest",
        "newest: take the newest frame and skip those that came meanwhile; all: keep every frame.",
    )
    duration: str | int | float | None = key(
        None, "End after this time, as 90, 1m30s or 2h; null = when the source ends, or on Ctrl-C."
    )
    reconnect_s: float = key(
        60.0, "Seconds for which a lost connection is tried again; 0 = not at all."
    )
    segment: str | int | float | None = key(
        None, "Write results and overlay in pieces of this length, as 90, 10m or 1h; null = in one."
    )
    keep_segments: int = key(0, "How many of the newest segments stay on the disk; 0 = all.")
    target_delay_ms: float | None = key(
        None,
        "Do less for each frame while the delay is longer than this (docs/live.md says in what "
        "order), and more again when there is room; null = never.",
    )
