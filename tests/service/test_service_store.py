"""Records, access and housekeeping, without a server."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.errors import ConfigError, HumantrackError
from humantrack.service.jobs.folders import DataFolder
from humantrack.service.jobs.job import CANCELLED, FAILED, QUEUED, RUNNING, SUCCEEDED, Error, stamp
from humantrack.service.jobs.overrides import OVERRIDES, check_overrides, job_config
from humantrack.service.jobs.store import Store
from humantrack.service.settings import Settings
from humantrack.service.web.auth import Rates, Sessions, Tokens, new_token
from humantrack.service.web.uploads import display_name
from humantrack.service.workers.housekeeping import Housekeeper


@pytest.fixture
def store(tmp_path: Path) -> Any:
    one = Store(f"sqlite:///{tmp_path / 'jobs.db'}")
    yield one
    one.close()


def add(store: Store, id: str = "a", **changes: Any) -> Any:
    values: dict[str, Any] = {
        **{"owner": "anna", "name": "clip.mp4", "source": "/clip", "priority": 0},
        **{"overrides": {}, "frames_total": None, "max_attempts": 3, "digest": "d"},
        "idempotency_key": None,
    }
    return store.add(id=id.rjust(32, "0"), **{**values, **changes})[0]


def test_a_job_is_claimed_once_and_ends_once(store: Store) -> None:
    job = add(store, frames_total=10)
    assert (job.state, job.progress, job.attempts) == (QUEUED, 0.0, 0)
    claimed = store.claim("w1", 10)
    assert claimed is not None and claimed.id == job.id
    assert (claimed.state, claimed.worker, claimed.attempts) == (RUNNING, "w1", 1)
    assert store.claim("w2", 10) is None
    assert store.renew(job.id, "w1", 10, {"frames": 4, "fps": 2.0}) is False
    seen = store.get(job.id)
    assert seen is not None and seen.progress == 0.4 and seen.seconds_left == 3.0
    assert store.end(job.id, "w2", SUCCEEDED) is False
    assert store.end(job.id, "w1", SUCCEEDED, seen={"frames": 10}) is True
    assert store.end(job.id, "w1", FAILED) is False
    ended = store.get(job.id)
    assert ended is not None and (ended.state, ended.progress, ended.frames) == (SUCCEEDED, 1.0, 10)


def test_many_claim_and_none_gets_anothers(store: Store) -> None:
    ids = {add(store, f"{n:x}").id for n in range(40)}
    got: list[str] = []

    def work(name: str) -> None:
        while (job := store.claim(name, 10)) is not None:
            got.append(job.id)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 40 and set(got) == ids


@given(st.lists(st.integers(-3, 3), max_size=12))
def test_claims_follow_priority_then_age(
    tmp_path_factory: pytest.TempPathFactory, priorities: list[int]
) -> None:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('order') / 'jobs.db'}")
    ids = [add(store, f"{n:x}", priority=p).id for n, p in enumerate(priorities)]
    order = sorted(range(len(ids)), key=lambda n: (-priorities[n], n))
    claimed = []
    while (job := store.claim("w", 10)) is not None:
        claimed.append(job.id)
    store.close()
    assert claimed == [ids[n] for n in order]


def test_a_lost_lease_queues_again_until_attempts_are_used_up(store: Store) -> None:
    job = add(store, max_attempts=2)
    for attempt in (1, 2):
        claimed = store.claim(f"w{attempt}", 1000)
        assert claimed is not None and claimed.attempts == attempt
        assert store.take_back() == []
        store.give_up_on(f"w{attempt}")
        assert store.take_back() == ([job.id] if attempt == 1 else [])
        assert store.renew(job.id, f"w{attempt}", 10, {}) is None
        assert store.end(job.id, f"w{attempt}", SUCCEEDED) is False
    failed = store.get(job.id)
    assert failed is not None and failed.state == FAILED
    assert failed.error is not None and failed.error.code == "WorkerLostError"
    assert store.retry(job.id) and store.get(job.id).attempts == 0  # type: ignore[union-attr]


def test_what_is_handed_back_counts_as_no_attempt(store: Store) -> None:
    job = add(store)
    store.claim("w", 10)
    assert store.hand_back(job.id, "w") and not store.hand_back(job.id, "w")
    back = store.get(job.id)
    assert back is not None and (back.state, back.attempts) == (QUEUED, 0)


def test_cancelling_in_each_state(store: Store) -> None:
    queued = add(store, "1")
    store.cancel(queued.id)
    assert store.get(queued.id).state == CANCELLED  # type: ignore[union-attr]
    running = add(store, "2")
    store.claim("w", 10)
    store.cancel(running.id)
    assert store.get(running.id).state == RUNNING  # type: ignore[union-attr]
    assert store.renew(running.id, "w", 10, {}) is True
    store.give_up_on("w")
    assert store.take_back() == []
    assert store.get(running.id).state == CANCELLED  # type: ignore[union-attr]
    store.cancel(running.id)
    assert not store.remove(add(store, "3").id) and store.remove(running.id)


def test_an_idempotency_key_belongs_to_its_owner(store: Store) -> None:
    first, other = add(store, "1", idempotency_key="k"), add(store, "2", idempotency_key="k")
    assert other.id == first.id
    assert add(store, "3", owner="ben", idempotency_key="k").id != first.id
    assert store.page("anna")[1] == 1 and store.unfinished("ben") == 1


def test_an_error_is_kept_whole(store: Store) -> None:
    job = add(store)
    store.claim("w", 10)
    error = Error(code="StageError", exit_code=12, detail="it broke: 'here'")
    store.end(job.id, "w", FAILED, error=error)
    public = store.get(job.id).public()  # type: ignore[union-attr]
    assert public["error"] == {"code": "StageError", "exit_code": 12, "detail": error.detail}
    assert public["state"] == "failed" and public["ended_at"].endswith("Z")


def test_old_and_many_results_go_and_the_newest_stays(tmp_path: Path, store: Store) -> None:
    data = DataFolder(tmp_path / "data")
    data.make()
    ids = []
    for n in range(4):
        job = add(store, f"{n}")
        data.job(job.id).path.mkdir()
        data.job(job.id).clip.write_bytes(bytes(1000))
        store.claim("w", 10)
        store.end(job.id, "w", SUCCEEDED)
        ids.append(job.id)
        time.sleep(0.002)  # so that they end one after the other
    queued = add(store, "9")

    def keep(**limits: Any) -> list[str]:
        settings = Settings(data=data.path, **limits)
        Housekeeper(settings, store, data).expire()
        left = [id for id in ids if store.get(id) is not None]
        assert [id for id in ids if data.job(id).path.exists()] == left
        return left

    assert keep() == ids
    assert keep(max_disk_bytes=2500) == ids[2:]
    assert keep(max_disk_bytes=1) == ids[3:]
    assert keep(keep_s=1000.0) == ids[3:]
    assert keep(keep_s=0.0) == []
    assert store.get(queued.id) is not None


def test_tokens_are_known_by_their_hash(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    token = new_token(file, "anna")
    with file.open("a") as more:
        more.write("# a comment\nben in-plain-and-long-enough\n")
    tokens = Tokens(file)
    assert tokens.owner(token) == "anna" and tokens.owner("in-plain-and-long-enough") == "ben"
    assert tokens.owner("") is None and tokens.owner(token + "x") is None
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="there is a token"):
        new_token(file, "anna")
    sessions = Sessions(tmp_path / "secret", tokens)
    assert sessions.owner(sessions.begin("anna")) == "anna"
    file.write_text("anna another-token-of-hers\n")
    assert Sessions(tmp_path / "secret", Tokens(file)).owner(sessions.begin("anna")) is None


@pytest.mark.parametrize(
    "text", ["", "# nobody\n", "anna\n", "anna short\n", "a/b long-enough-a-token\n", "x y z\n"]
)
def test_bad_token_files_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tokens"
    file.write_text(text)
    with pytest.raises(ConfigError):
        Tokens(file)


@given(st.text())
def test_no_session_is_made_up(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    file = folder / "made-up-tokens"
    file.write_text("anna a-token-of-annas-own\n")
    sessions = Sessions(folder / "made-up-secret", Tokens(file))
    for session in (text, f"anna:{text}", f"anna:99999999999:{text}"):
        assert sessions.owner(session) is None


def test_a_rate_allows_a_burst_and_no_more() -> None:
    rates = Rates(0.01)
    assert rates.wait_s("anna") == 0
    assert 0 < rates.wait_s("anna") <= 100
    assert rates.wait_s("ben") == 0
    assert all(Rates(0).wait_s("anna") == 0 for _ in range(1000))


@given(st.text())
def test_shown_names_are_one_printable_word_of_a_path(name: str) -> None:
    shown = display_name(name)
    assert shown.isprintable() and 0 < len(shown) <= 200
    assert "/" not in shown and "\\" not in shown


_VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30))


@given(st.dictionaries(st.sampled_from(sorted(OVERRIDES)), _VALUES, max_size=4))
def test_overrides_are_refused_in_words_or_are_a_configuration(values: dict[str, Any]) -> None:
    try:
        checked = check_overrides(values)
    except HumantrackError:
        return
    cfg = job_config(Path("clip"), Path("out"), checked)
    assert cfg.video.source == "clip" and cfg.video.output_dir == "out"
    for name, value in checked.items():
        section, _, key = OVERRIDES[name].key.rpartition(".")
        assert (cfg[section][key] if section else cfg[key]) == value


def test_times_are_told_in_utc() -> None:
    assert stamp(0.0) == "1970-01-01T00:00:00.000Z" and stamp(None) is None
