"""The fake service itself: jobs in memory, and a thread that pretends to run them."""

from __future__ import annotations

import gzip
import json
import threading
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data"
FINAL = ("succeeded", "failed", "cancelled")
STEPS, STEP_S = 24, 0.05


def now() -> str:
    """As the service writes times."""
    return datetime.now(timezone.utc).isoformat()


class FakeService:
    """Jobs in memory, and a thread that pretends to run them one after the other."""

    def __init__(self, *, overlay: Path | None = None, token: str | None = None) -> None:
        with gzip.open(DATA / "page" / "demo_scene.json.gz") as file:
            scene = json.load(file)
        self.timeline, self.frames = scene["timeline"], scene["frames"]
        self.overlay: Path | None = overlay or DATA / "demo.mp4"
        self.clip: Path | None = DATA / "demo.mp4"
        """What was submitted."""
        self.playable: Path | None = DATA / "demo.mp4"
        """The same, made for browsers."""
        self.token, self.session = token, uuid.uuid4().hex
        self.upload_bytes = 50_000_000
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.keys: dict[str, str] = {}
        self.broken_events = False
        self.partial = False
        """Whether jobs that were stopped have something to show."""
        self.links: dict[str, str] = {}
        """By the id of their job."""
        self.slow_files = 0
        """How many times a file is not made yet."""
        self.preview_waits = 0
        """How many times the picture of a clip is not made yet."""
        self.live_sources: list[str] = []
        self.live_over = threading.Event()
        self.pause_at = 1.0
        """Share of a clip at which a job stays."""
        self.change = threading.Condition()
        self._stop = threading.Event()
        threading.Thread(target=self._work, daemon=True).start()

    def lengthen(self, times: int) -> None:
        """Repeat the clip; every other second of the result is as long as two."""
        count, frames, time_s = len(self.frames), [], 0.0
        for i in range(times * count):
            frames.append({**self.frames[i % count], "index": i, "time_s": round(time_s, 5)})
            time_s += (2 if i // 30 % 2 else 1) / 30
        every = self.timeline["mark_every"]
        marks = [frame["time_s"] for frame in frames[::every]]
        about = {"frames": len(frames), "duration_s": time_s, "marks_s": marks}
        self.frames, self.timeline = frames, {**self.timeline, **about}

    def add(self, name: str, state: str = "queued", **changes: Any) -> dict[str, Any]:
        """Make a job."""
        job_id = uuid.uuid4().hex[:12]
        total = len(self.frames)
        done = state == "succeeded"
        job = {
            "id": job_id,
            "state": state,
            "name": name,
            "created_at": now(),
            "started_at": None if state == "queued" else now(),
            "ended_at": now() if state in FINAL else None,
            "progress": 1.0 if done else 0.0,
            "frames": total if done else 0,
            "frames_total": total,
            "fps": 14.2 if done else None,
            "people": 4 if done else None,
            "seconds_left": None,
            "error": None,
            "warnings": [],
            "attempts": 0 if state == "queued" else 1,
            "priority": 0,
            "overrides": {},
            "links": {"self": f"/api/jobs/{job_id}"},
            **changes,
        }
        with self.change:
            self.jobs[job_id] = job
            self.change.notify_all()
        return job

    def set(self, job: dict[str, Any], **changes: Any) -> None:
        """Change a job and tell whoever listens."""
        with self.change:
            job.update(changes)
            self.change.notify_all()

    def _work(self) -> None:
        while not self._stop.wait(STEP_S):
            jobs = [j for j in list(self.jobs.values()) if not j.get("live")]
            running = [j for j in jobs if j["state"] == "running"]
            quick = [j for j in running if "slow" not in j["name"]]
            waiting = [j for j in list(self.jobs.values()) if j["state"] == "queued"]
            if not quick and waiting:
                self.set(waiting[0], state="running", started_at=now(), attempts=1, progress=0.0)
            for job in running:
                self._advance(job)

    def _advance(self, job: dict[str, Any]) -> None:
        total, slow = job["frames_total"], "slow" in job["name"]
        frames = job["frames"] + max(1, total // (STEPS * (40 if slow else 1)))
        frames = min(frames, int(total * self.pause_at))
        if slow:
            frames = min(frames, total - 1)
        facts = {"frames": frames, "progress": frames / total, "fps": 14.2, "people": 3}
        if "broken" in job["name"] and frames > total / 3:
            detail = "no video that can be read: broken.mp4. It may be damaged"
            error = {"code": "UnreadableSourceError", "exit_code": 4, "detail": detail}
            self.set(job, **facts, state="failed", ended_at=now(), error=error)
        elif frames == total:
            self.set(job, **facts | {"people": 4}, state="succeeded", ended_at=now())
        else:
            self.set(job, **facts, seconds_left=(total - frames) / 14.2)

    def close(self) -> None:
        """End the thread, and what is sent."""
        self.live_over.set()
        self._stop.set()
