"""Workers that are suspended anywhere and wake when their job is another's: no wrong success."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_servers import Postgres, may_run_postgres
from suspended_worker import FRAMES, Suspended, frame, worker

from humantrack.results import load_results
from humantrack.service.jobs.fairness import choose_alone
from humantrack.service.jobs.folders import DataFolder
from humantrack.service.jobs.job import RUNNING, SUCCEEDED
from humantrack.service.jobs.store import LostError, Store
from humantrack.service.settings import Settings

if os.name != "posix":
    pytest.skip("signals of POSIX systems", allow_module_level=True)

ROUNDS = int(os.environ.get("HUMANTRACK_ROUNDS", "100"))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | None]:
    """Of the database; None for the one in the data folder."""
    if request.param == "sqlite":
        yield None
        return
    pytest.importorskip("psycopg")
    if not may_run_postgres():
        pytest.skip("PostgreSQL is not installed")
    one = Postgres(tmp_path)
    yield one.options[-1]
    one.stop()
    one.close()


@pytest.fixture
def sleepers() -> Iterator[list[Suspended]]:
    some = [Suspended(), Suspended()]
    yield some
    for one in some:
        one.end()


def add(store: Store, data: DataFolder, number: int) -> str:
    id = f"{number:032x}"
    data.job(id).path.mkdir()
    data.job(id).clip.write_bytes(b"a clip")
    store.add(
        **{"id": id, "owner": "anna", "name": "clip.mp4", "source": "clip", "priority": 0},
        **{"overrides": {}, "frames_total": FRAMES, "max_attempts": 3, "digest": "d"},
        idempotency_key=None,
    )
    return id


def taken_over(store: Store, id: str) -> bool:
    """Take a job from its worker, as if its lease had run out; False if it has a lock."""
    try:
        job = store.get(id)
        is_running = job is not None and job.state == RUNNING
        with store._engine.begin() as at:
            choose_alone(at)  # PostgreSQL has a lock of its own for those who choose
        store.give_up_on(str(job.worker) if is_running else "nobody")  # which takes the lock
        store.take_back()
    except LostError:
        return False
    return True


def test_a_worker_suspended_anywhere_never_spoils_a_job(
    url: str | None,
    sleepers: list[Suspended],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("humantrack.service.jobs.database._BUSY_S", 0.3)
    data = DataFolder(tmp_path / "data")
    data.make()
    store = Store(Settings(data=data.path, store=url).store_url)
    chance = random.Random(16)
    told = {"data": str(data.path), "url": url}
    last, _ = worker(data.path, url, "last")
    lines = []
    for one in sleepers:
        one.begin(line=-1, anew=True, **told)
        lines.append(one.wake()["lines"])
    opening = lines[0]
    add(store, data, 0)
    sleepers[0].begin(line=-1, anew=False, **told)
    dry = sleepers[0].wake()
    assert dry["state"] == SUCCEEDED and dry["lines"] > 300
    stopped = woke_without = locked = 0
    for number in range(1, ROUNDS + 1):
        id = add(store, data, number)
        states = []
        asleep = []
        for one in sleepers[: chance.choice((1, 1, 2))]:
            anew = chance.random() < 0.1
            line = chance.randint(1, dry["lines"] + anew * opening)
            one.begin(line=line, anew=anew, **told)
            if one.answer is None and not taken_over(store, id):
                locked += 1
                one.wake()
            if one.answer is None:
                asleep.append(one)
            else:
                states.append(one.answer["state"])
        states.append(last.step())
        chance.shuffle(asleep)
        stopped += len(asleep)
        for one in asleep:
            states.append(one.wake()["state"])
            woke_without += states[-1] == "lost"
        if (job := store.get(id)) is not None and job.state != SUCCEEDED:  # the last had to wait
            states.append(last.step())
        job = store.get(id)
        assert job is not None and job.state == SUCCEEDED, (number, job)
        assert states.count(SUCCEEDED) == 1 and set(states) <= {SUCCEEDED, "lost", None}, states
        assert job.frames == FRAMES, (states, job)
        assert job.attempts <= job.max_attempts
        results = data.job(id).results
        assert results is not None and results.parent.parent == data.job(id).path / "out"
        assert load_results(results) == {f"{n:03d}": frame(n) for n in range(FRAMES)}
    last._store.close()
    store.close()
    assert stopped > ROUNDS // 2 and woke_without > ROUNDS // 3, (stopped, woke_without, locked)
