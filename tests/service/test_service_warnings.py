"""Warnings about clips, in the records of jobs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import clocked_clips as clips
import pytest
import sqlalchemy as sa
from service_process import Server, until

from humantrack.service.jobs.job import SUCCEEDED
from humantrack.service.jobs.store import Store
from humantrack.service.workers.runner import Progress

LINES = ("the video holds 4 of the 60 frames its container promises", "1 decode error")
NEW: dict[str, Any] = {
    **{"id": "a" * 32, "owner": "anna", "name": "clip.mp4", "source": "/clip", "priority": 0},
    **{"overrides": {}, "frames_total": None, "max_attempts": 3, "digest": "d"},
    "idempotency_key": None,
}


@pytest.fixture
def store(tmp_path: Path) -> Any:
    one = Store(f"sqlite:///{tmp_path / 'jobs.db'}")
    yield one
    one.close()


def test_warnings_are_kept_with_the_job(store: Store) -> None:
    job, _ = store.add(**NEW)
    assert job.warnings == () and job.public()["warnings"] == []
    store.claim("w", 10)
    progress = Progress()
    store.renew(job.id, "w", 10, progress.seen())
    progress.warn(LINES)
    assert store.end(job.id, "w", SUCCEEDED, seen=progress.seen())
    ended = store.get(job.id)
    assert ended is not None and ended.public()["warnings"] == list(LINES)


def test_another_try_begins_without_them(store: Store) -> None:
    job, _ = store.add(**NEW)
    store.claim("w", 10)
    store.end(job.id, "w", "failed", seen={"warnings": LINES})
    assert store.retry(job.id)
    again = store.get(job.id)
    assert again is not None and again.warnings == ()


def test_a_database_from_before_there_were_warnings_goes_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    store = Store(url)
    store.add(**NEW)
    store.close()
    engine = sa.create_engine(url)
    with engine.begin() as at:
        at.exec_driver_sql("ALTER TABLE jobs DROP COLUMN warnings")
        if sa.inspect(at).has_table("humantrack_schema"):
            at.exec_driver_sql("UPDATE humantrack_schema SET version = 1")
    engine.dispose()
    for _ in range(2):
        store = Store(url)
        job = store.get(NEW["id"])
        assert job is not None and job.warnings == ()
        store.close()


def test_a_total_that_is_passed_is_known_no_more() -> None:
    record: Any = SimpleNamespace(people=[SimpleNamespace(track_id=1)])
    progress = Progress(2)
    for _ in range(2):
        progress.write(record, record)
    assert progress.seen()["frames_total"] == 2
    progress.write(record, record)
    assert (progress.seen()["frames"], progress.seen()["frames_total"]) == (3, None)


def submitted(server: Server, clip: Path) -> dict[str, Any]:
    """The job, tried again while the server is busy."""

    def accepted() -> dict[str, Any] | None:
        answer = server.submit(clip, overrides={"render.enable": False})
        assert answer.status_code in (202, 503), answer.text
        return answer.json() if answer.status_code == 202 else None

    job: dict[str, Any] = until(accepted, "a place in the line")
    return job


def test_a_clip_that_was_cut_off_says_so_over_http(server: Server, tmp_path: Path) -> None:
    whole = clips.write(tmp_path / "whole.mp4", movflags="+faststart", sound=None)
    short = clips.cut(tmp_path / "cut.mp4", whole, 0.75)
    job = submitted(server, short)
    assert job["warnings"] == [] and job["frames_total"] < 60
    done = server.ended(job["id"])
    assert (done["state"], done["frames"]) == ("succeeded", job["frames_total"])
    held = f"the video holds {done['frames']} of the 60 frames its container promises"
    assert done["warnings"][0].startswith(held) and len(done["warnings"]) == 2


def test_a_length_that_cannot_be_true_is_no_total_of_a_job(server: Server, tmp_path: Path) -> None:
    parts = [
        clips.write(tmp_path / f"{n}.ts", frames=20, sound=None, output_ts_offset=n)
        for n in ("1000", "0")
    ]
    clip = clips.joined(tmp_path / "joined.ts", *parts)
    job = submitted(server, clip)
    assert job["frames_total"] == 40
    done = server.ended(job["id"])
    assert (done["frames"], done["frames_total"], done["warnings"]) == (40, 40, [])
