"""Records of live jobs: who takes them, how they are asked to end, what a lost one becomes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from humantrack.service.jobs.folders import DataFolder
from humantrack.service.jobs.job import CANCELLED, DISCARD, FAILED, KEEP, RUNNING
from humantrack.service.jobs.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    one = Store(f"sqlite:///{tmp_path / 'jobs.db'}")
    yield one
    one.close()


def add(store: Store, number: int, source: str, **changes: Any) -> str:
    id = f"{number:032x}"
    values: dict[str, Any] = {
        **{"owner": "anna", "name": "a", "source": source, "priority": 0, "overrides": {}},
        **{"frames_total": None, "max_attempts": 3, "digest": "d", "idempotency_key": None},
    }
    store.add(id=id, **{**values, **changes})
    return id


def test_a_worker_takes_only_sources_that_it_knows(store: Store) -> None:
    yard, desk, clip = add(store, 1, "live:yard"), add(store, 2, "live:desk"), add(store, 3, "clip")
    claimed = [store.claim("w", 10, live=["desk"]) for _ in range(3)]
    assert [job.id for job in claimed if job is not None] == [desk, clip]
    last = store.claim("w", 10)
    assert last is not None and last.id == yard and last.live == "yard"


def test_a_live_job_counts_as_running(store: Store) -> None:
    add(store, 1, "live:yard")
    other = add(store, 2, "clip")
    assert store.claim("w", 10, 1) is not None
    assert store.claim("w", 10, 1) is None
    assert store.unfinished("anna") == 2
    mine = add(store, 3, "clip", owner="ben")
    taken = store.claim("w", 10, 1)
    assert taken is not None and taken.id == mine != other


@pytest.mark.parametrize(
    ("asks", "state"),
    [
        ([], FAILED),
        ([KEEP], FAILED),
        ([DISCARD], CANCELLED),
        (["cancel"], CANCELLED),
        ([KEEP, DISCARD], CANCELLED),
        ([KEEP, "cancel"], CANCELLED),
    ],
)
def test_a_lost_recording_is_not_queued_again(store: Store, asks: list[str], state: str) -> None:
    id = add(store, 1, "live:yard")
    store.claim("w", 1000)
    store.renew(id, "w", 1000, {"frames": 7})
    for ask in asks:
        if ask == "cancel":
            store.cancel(id)
        else:
            assert store.stop(id, ask)
    store.give_up_on("w")
    assert store.take_back() == []
    job = store.get(id)
    assert job is not None and job.state == state
    assert (job.error is not None and "7 frames" in job.error.detail) == (state == FAILED)
    assert store.discarded() == ([id] if asks[-1:] == [DISCARD] else [])


def test_what_was_given_up_is_not_kept_after_all(store: Store) -> None:
    id = add(store, 1, "live:yard")
    store.claim("w", 10)
    store.cancel(id)
    assert store.stop(id, KEEP) is False
    assert store.stop(id, DISCARD) is True and store.stop(id, KEEP) is False
    job = store.get(id)
    assert job is not None and (job.state, job.is_kept) == (RUNNING, False)


def test_a_whole_result_whose_end_was_not_told_is_not_lost(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path).job("0" * 32)
    made = folder.attempts / "2" / "results"
    made.mkdir(parents=True)
    (made / "demo_front_20261129T172319Z.pkl").write_bytes(b"")
    (made / "demo_front_20261129T172319Z.world.pkl").write_bytes(b"")
    assert folder.partial == made / "demo_front_20261129T172319Z.pkl"
    (made / "demo_front_20261129T172319Z.partial.pkl").write_bytes(b"")
    assert folder.partial == made / "demo_front_20261129T172319Z.partial.pkl"


@pytest.mark.parametrize("ending", [KEEP, DISCARD])
def test_one_that_waits_is_cancelled(store: Store, ending: str) -> None:
    id = add(store, 1, "live:yard")
    assert store.stop(id, ending)
    job = store.get(id)
    assert job is not None and job.state == CANCELLED
    assert store.discarded() == ([id] if ending == DISCARD else [])
    assert store.claim("w", 10) is None and not store.stop(id, ending)
