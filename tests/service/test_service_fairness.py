"""Whose job is next: owners take turns, priority counts among one's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from own_servers import Postgres, may_run_postgres
from service_process import until
from test_service_store import add

from humantrack.errors import OutputError
from humantrack.service.jobs.job import FAILED
from humantrack.service.jobs.store import Store
from humantrack.service.settings import Settings


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        one = Store(f"sqlite:///{tmp_path / 'jobs.db'}")
        yield one
        one.close()
        return
    pytest.importorskip("psycopg")
    if not may_run_postgres():
        pytest.skip("PostgreSQL is not installed")
    server = Postgres(tmp_path)
    try:
        one = until(lambda: opened(server.options[-1], tmp_path), "PostgreSQL")
        yield one
        one.close()
    finally:
        server.stop()
        server.close()


def opened(url: str, folder: Path) -> Store | None:
    """The store, once the server has started up."""
    try:
        return Store(Settings(data=folder, store=url).store_url)
    except OutputError:
        return None


def owners_claimed(store: Store, count: int, *, ends: bool, most: int = 0) -> list[str]:
    """Whose jobs are claimed one after the other."""
    found = []
    for _ in range(count):
        job = store.claim("w", 100, most)
        if job is None:
            break
        found.append(job.owner)
        if ends:
            store.end(job.id, "w", FAILED)
    return found


def test_many_jobs_at_high_priority_starve_nobody(store: Store) -> None:
    for n in range(20):
        add(store, f"a{n:x}", owner="anna", priority=100)
    for n in range(2):
        add(store, f"b{n:x}", owner="ben", priority=-100)
    add(store, "c0", owner="carla")
    assert owners_claimed(store, 7, ends=True) == [
        *("anna", "ben", "carla", "anna", "ben", "anna", "anna")
    ]


def test_who_has_fewer_jobs_running_is_next(store: Store) -> None:
    for n in range(3):
        add(store, f"a{n:x}", owner="anna")
    assert owners_claimed(store, 2, ends=False) == ["anna", "anna"]
    for n in range(3):
        add(store, f"b{n:x}", owner="ben")
    assert owners_claimed(store, 4, ends=False) == ["ben", "ben", "anna", "ben"]


def test_removing_ones_jobs_wins_no_turn(store: Store) -> None:
    for n in range(4):
        add(store, f"a{n:x}", owner="anna")
        add(store, f"b{n:x}", owner="ben")
    taken = []
    for _ in range(6):
        job = store.claim("w", 100)
        assert job is not None
        store.end(job.id, "w", FAILED)
        taken.append(job.owner)
        if job.owner == "anna":
            assert store.remove(job.id)
    assert Counter(taken) == {"anna": 3, "ben": 3}


def test_no_more_than_the_limit_run_of_one_owner(store: Store) -> None:
    for n in range(4):
        add(store, f"a{n:x}", owner="anna", priority=5)
    assert owners_claimed(store, 9, ends=False, most=2) == ["anna", "anna"]
    add(store, "b0", owner="ben")
    assert owners_claimed(store, 9, ends=False, most=2) == ["ben"]
    job = store.page("anna", "running")[0][0]
    store.end(job.id, "w", FAILED)
    assert owners_claimed(store, 9, ends=False, most=2) == ["anna"]


@bounds(suppress_health_check=list(HealthCheck), deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-2, 2)), max_size=12))
def test_each_owners_jobs_come_in_its_own_order_and_turns_are_even(
    tmp_path_factory: pytest.TempPathFactory, jobs: list[tuple[str, int]]
) -> None:
    one = Store(f"sqlite:///{Path(tmp_path_factory.mktemp('turns')) / 'jobs.db'}")
    ids: dict[str, list[Any]] = {}
    for n, (owner, priority) in enumerate(jobs):
        made = add(one, f"{n:x}", owner=owner, priority=priority)
        ids.setdefault(owner, []).append((-priority, n, made.id))
    taken: list[Any] = []
    while (job := one.claim("w", 100)) is not None:
        taken.append(job)
        one.end(job.id, "w", FAILED)
    one.close()
    assert len(taken) == len(jobs)
    left = Counter(owner for owner, _ in jobs)
    for owner, mine in ids.items():
        assert [j.id for j in taken if j.owner == owner] == [id for *_, id in sorted(mine)]
    for place, job in enumerate(taken):  # nobody comes twice while another waits
        before = [j.owner for j in taken[:place]]
        for other in left:
            if before.count(other) < left[other]:
                assert before.count(job.owner) <= before.count(other)
