"""The live jobs of the stand-in for the service: canned frames, sent at their pace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fake_service import DATA, FINAL, FakeService, now

FRAME_S = 0.1
BOUNDARY = "picture"


def about_live(fake: FakeService) -> dict[str, Any]:
    """What may be recorded."""
    help_ = "End after this time, as 90, 10m or 1h."
    option = {"type": "time", "choices": None, "default": None, "help": help_}
    sources = [{"name": name} for name in fake.live_sources]
    limits = {"longest_s": 3600.0, "largest_bytes": 10**9}
    return {"sources": sources, **limits, "overrides": {"live.duration": option}}


def begin_live(fake: FakeService, body: dict[str, Any]) -> dict[str, Any]:
    """A job that records until it is stopped."""
    live = {"source": body["source"], "ending": False}
    return fake.add(
        body["source"],
        "running",
        overrides=body["overrides"],
        live=live,
        progress=None,
        frames_total=None,
    )


def stop_live(fake: FakeService, job: dict[str, Any], *, keep: bool) -> None:
    """End it; it is done, or gone."""
    fake.set(job, live={**job["live"], "ending": True})
    if keep:
        facts = {"frames": len(fake.frames), "frames_total": len(fake.frames), "progress": 1.0}
        fake.set(job, **facts, state="succeeded", ended_at=now())
    else:
        fake.set(job, state="cancelled", ended_at=now())
        del fake.jobs[job["id"]]


def scenes(fake: FakeService, job: dict[str, Any]) -> Iterator[bytes]:
    """Server-sent events, a frame each."""
    bones = {t["track_id"]: t for t in fake.timeline["tracks"]}
    row = 0
    while job["state"] not in FINAL and not fake.live_over.wait(FRAME_S):
        frame = fake.frames[row % len(fake.frames)]
        tracks = [
            {name: bones[p["track_id"]][name] for name in ("track_id", "color", "rest", "kind")}
            for p in frame["people"]
        ]
        measured = 1 if row < 5 else 3
        told = {
            **{"index": row, "time_s": row * FRAME_S, "people": frame["people"]},
            **{"width": fake.timeline["width"], "height": fake.timeline["height"]},
            "tracks": [{**track, "measured": measured} for track in tracks],
            **{"captured_unix_s": 0.0, "delay_ms": 240.0, "skipped": 2 * row},
        }
        yield f"event: scene\ndata: {json.dumps(told)}\n\n".encode()
        row += 1
    yield b"event: end\ndata: {}\n\n"


def pictures(fake: FakeService, job: dict[str, Any]) -> Iterator[bytes]:
    """Motion JPEG."""
    data = (DATA / "page" / "preview.jpg").read_bytes()
    while job["state"] not in FINAL:
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        yield head.encode() + data + b"\r\n"
        if fake.live_over.wait(FRAME_S):
            return
