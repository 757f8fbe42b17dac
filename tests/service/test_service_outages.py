"""Outages of database and disk cost no job and no attempt; a moved data folder goes on."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from service_process import SHORT
from suspended_worker import FRAMES, StubRunner, worker

from humantrack.errors import InterruptedRunError, OutputError
from humantrack.pipeline.stopping import check
from humantrack.service.jobs.attempts import Attempts
from humantrack.service.jobs.folders import DataFolder
from humantrack.service.jobs.job import FAILED, QUEUED, RUNNING, SUCCEEDED
from humantrack.service.jobs.store import LostError, Store
from humantrack.service.settings import Settings
from humantrack.service.workers import lease as lease_module
from humantrack.service.workers.housekeeping import Housekeeper
from humantrack.service.workers.lease import Lease
from humantrack.service.workers.runner import Progress

ID = "a" * 32


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    one = DataFolder(tmp_path / "data")
    one.make()
    one.job(ID).path.mkdir()
    one.job(ID).clip.write_bytes(b"a clip")
    return one


@pytest.fixture
def store(data: DataFolder) -> Iterator[Store]:
    one = Store(Settings(data=data.path).store_url, reserve=data.reserve)
    one.add(
        **{"id": ID, "owner": "anna", "name": "clip.mp4", "source": "clip", "priority": 0},
        **{"overrides": {}, "frames_total": FRAMES, "max_attempts": 2, "digest": "d"},
        idempotency_key=None,
    )
    yield one
    one.close()


def away(*_: Any, **__: Any) -> Any:
    raise LostError("", None, sqlite3.OperationalError("database is locked"))


# -- the lease ------------------------------------------------------------------------------------


def held(store: Store, **named: Any) -> Lease:
    job = store.claim("w", 60)
    assert job is not None
    named = {"lease_s": 60.0, "progress": Progress(), "is_draining": lambda: False, **named}
    return Lease(store, job, "w", **named)


def test_a_worker_that_wakes_asks_before_the_next_frame(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = held(store)
    store.give_up_on("w")
    assert store.take_back() == [ID]
    check(lease.stop)  # nobody has been silent for long
    now = lease_module._now_s()
    monkeypatch.setattr(lease_module, "_now_s", lambda: now + 100)
    with pytest.raises(InterruptedRunError):
        check(lease.stop)
    assert lease.reason == "lost"


def test_a_worker_that_wakes_and_still_has_its_job_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = held(store)
    now = lease_module._now_s()
    monkeypatch.setattr(lease_module, "_now_s", lambda: now + 100)
    check(lease.stop)
    assert lease.reason is None and store.take_back() == []


def test_a_run_goes_on_while_the_database_is_away_and_its_end_counts(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = held(store)
    with monkeypatch.context() as patch:
        patch.setattr(store, "renew", away)
        assert lease.stop.is_ours() and not lease.stop.is_set()
    store.give_up_on("w")  # it has run out meanwhile, but nobody has taken the job
    assert lease.stop.is_ours() and store.take_back() == []
    assert store.publish(ID, "w", 1, {"frames": 5}) and store.end(ID, "w", SUCCEEDED, fence=1)


def test_after_an_outage_leases_may_be_renewed_before_they_count(
    store: Store, data: DataFolder
) -> None:
    store.claim("w", 60)
    store.give_up_on("w")
    keeper = Housekeeper(Settings(data=data.path), store, data)
    keeper.was_away()
    keeper.look()
    job = store.get(ID)
    assert job is not None and job.state == RUNNING
    Housekeeper(Settings(data=data.path), store, data).look()
    job = store.get(ID)
    assert job is not None and job.state == QUEUED


def test_a_worker_that_was_only_silent_costs_no_attempt(store: Store) -> None:
    store.claim("w", 60)
    store.give_up_on("w")
    store.take_back()
    store.forgive(ID, 1)
    job = store.get(ID)
    assert job is not None and (job.attempts, job.state) == (0, QUEUED)
    store.forgive(ID, 1)
    assert store.get(ID).attempts == 0  # type: ignore[union-attr]


def test_what_is_published_is_completed_by_whoever_has_the_job(
    store: Store, data: DataFolder
) -> None:
    job = store.claim("w", 60)
    assert job is not None
    output = Attempts(data.job(ID), {}).begin(1)
    StubRunner().run(job, data.job(ID).clip, output, Tell(), Stop())
    assert store.publish(ID, "w", 1, {"frames": FRAMES})
    assert not store.publish(ID, "w", 1, {})
    store.cancel(ID)  # too late
    store.give_up_on("w")
    assert store.take_back() == [ID] and data.job(ID).results is None
    one, _ = worker(data.path, None, "other")
    assert one.step() == SUCCEEDED
    one._store.close()
    ended = store.get(ID)
    assert ended is not None and (ended.state, ended.published, ended.frames) == (
        *(SUCCEEDED, 1),
        FRAMES,
    )
    assert data.job(ID).results is not None and ended.attempts == 1


class Tell(Progress):
    def tell(self, count: int) -> None:
        """Not looked at."""


class Stop(threading.Event):
    """Never set."""


# -- the disk -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EROFS, errno.ENOTCONN])
def test_a_disk_that_is_away_costs_no_attempt(
    store: Store, data: DataFolder, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    one, _ = worker(data.path, None, "w")
    monkeypatch.setattr("humantrack.service.workers.worker._PAUSE_S", 0.0)
    whole = StubRunner.run

    def fail(*_: Any) -> None:
        try:
            raise OSError(number, os.strerror(number))
        except OSError as error:
            raise OutputError("cannot write") from error

    monkeypatch.setattr(StubRunner, "run", fail)
    with monkeypatch.context() as patch:
        patch.setattr(DataFolder, "answers", lambda _: False)
        for _ in range(5):
            assert one.step() == "handed back"
            assert one._trouble() == "the data folder cannot be written to"
    job = store.get(ID)
    assert job is not None and (job.state, job.attempts) == (QUEUED, 0)
    assert one._trouble() is None
    monkeypatch.setattr(StubRunner, "run", whole)
    assert one.step() == SUCCEEDED
    one._store.close()


def test_a_file_that_cannot_be_read_is_the_jobs_own_trouble(
    store: Store, data: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = worker(data.path, None, "w")

    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(StubRunner, "run", fail)
    assert one.step() == FAILED
    one._store.close()


def test_a_worker_that_ends_while_the_database_is_away_costs_no_attempt(
    store: Store, data: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = worker(data.path, None, "w")
    whole = StubRunner.run

    def stopped(*_: Any) -> None:
        one._draining.set()
        raise InterruptedRunError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(StubRunner, "run", stopped)
        patch.setattr(one._store, "hand_back", away)
        patch.setattr(Lease, "__exit__", lambda lease, *_: lease._end("drain"))
        patch.setattr(Lease, "reason", "drain", raising=False)
        patch.setattr(Lease, "__init__", _drained(Lease.__init__))
        assert one.step() == "handed back"
    one._store.close()
    store.give_up_on("w")
    store.take_back()
    monkeypatch.setattr(StubRunner, "run", whole)
    other, _ = worker(data.path, None, "other")
    assert other.step() == SUCCEEDED
    other._store.close()
    job = store.get(ID)
    assert job is not None and job.attempts == 1


def _drained(init: Any) -> Any:
    def made(self: Lease, *arguments: Any, **named: Any) -> None:
        init(self, *arguments, **named)
        self.reason = "drain"

    return made


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 16 MB."""
    folder = Path(tempfile.mkdtemp())
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    mounted = shutil.which("mount") and subprocess.run(command, capture_output=True, check=False)
    if not mounted or mounted.returncode != 0:
        folder.rmdir()
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


def fill(folder: Path) -> None:
    """Leave not a byte."""
    with (folder / "filler").open("ab", buffering=0) as file:
        for size in (2**16, 2**10, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    assert shutil.disk_usage(folder).free == 0


def test_a_full_disk_is_emptied_by_deleting_jobs(small_disk: Path, make_server: Any) -> None:
    server = make_server("--data", str(small_disk / "data"), "--min-free", "2MB")
    ids = [server.submit(overrides=SHORT).json()["id"] for _ in range(2)]
    assert [server.ended(id)["state"] for id in ids] == ["succeeded"] * 2
    fill(small_disk)
    for id in ids:
        answer = server.request("DELETE", f"/api/jobs/{id}")
        assert answer.status_code == 204, answer.text
        assert not (small_disk / "data" / "jobs" / id).exists()
        fill(small_disk)
    assert server.get("/api/jobs").json()["total"] == 0
    (small_disk / "filler").unlink()
    assert server.ended(server.submit(overrides=SHORT).json()["id"])["state"] == "succeeded"


# -- the data folder ------------------------------------------------------------------------------


def test_a_data_folder_that_was_moved_goes_on(make_server: Any, tmp_path: Path) -> None:
    server = make_server("--role", "web")
    waiting = server.submit().json()["id"]
    server.stop()
    moved = tmp_path / "elsewhere" / "jobs of the lab"
    moved.parent.mkdir()
    server.data.rename(moved)
    server.data = moved
    server.options = ()
    server.start()
    assert server.ended(waiting)["state"] == "succeeded"
    assert server.get(f"/api/jobs/{waiting}/files/results.json").status_code == 200
    assert server.get(f"/api/jobs/{waiting}/preview.jpg").status_code == 200


def test_sources_are_found_where_this_machine_has_them(data: DataFolder, tmp_path: Path) -> None:
    here = tmp_path / "mnt" / "videos"
    (here / "day 1").mkdir(parents=True)
    (here / "day 1" / "a.mp4").touch()

    def found(source: str, *folders: Path) -> Path:
        job = SimpleNamespace(id=ID, source=source, live=None)
        return data.source(job, folders)  # type: ignore[arg-type]

    clip = data.job(ID).clip
    assert found("clip") == clip
    assert found(f"/srv/old/data/jobs/{ID}/clip") == clip  # as humantrack 0.1 wrote it
    assert found(f"{here}//day 1/a.mp4") == here / "day 1" / "a.mp4"
    assert found("/far/videos//day 1/a.mp4", tmp_path, here) == here / "day 1" / "a.mp4"
    assert found("/far/other//day 1/a.mp4", here) == here / "day 1" / "a.mp4"
    gone = "/far/videos//day 1/gone.mp4"
    assert found(gone, here) == Path(gone)
    assert found("/far/videos/day 1/a.mp4", here) == Path("/far/videos/day 1/a.mp4")
