"""What is made on demand: in turns between owners, bounded, cancelled at once."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from service_process import until

from humantrack.memory import is_lack_of_memory
from humantrack.service.workers.exports_pool import (
    CANCELLED,
    FAILED,
    QUEUED,
    READY,
    RUNNING,
    Making,
    Pool,
    PoolFullError,
)
from humantrack.service.workers.subprocess_pool import (
    HelperLostError,
    Helpers,
    HelperTimeError,
    tell,
)

PATIENCE_S = 120.0


@pytest.fixture
def make() -> Iterator[Callable[..., Pool]]:
    made: list[Pool] = []

    def build(size: int = 1, share: int = 1, most_waiting: int = 100, **bounds: Any) -> Pool:
        helpers = lambda: Helpers(nice=0, **bounds)  # noqa: E731
        made.append(Pool(size=size, share=share, most_waiting=most_waiting, helpers=helpers))
        return made[-1]

    yield build
    for one in made:
        one.close()


def note(log: str, name: str) -> None:
    with Path(log).open("a") as file:
        file.write(f"{name}\n")


def at_the_gate(gate: str, log: str, name: str) -> None:
    note(log, name)
    while not Path(gate).exists():
        time.sleep(0.01)


def half_done(gate: str, log: str) -> None:
    tell(0.5)
    at_the_gate(gate, log, "half")


def fill(scratch: str, gate: str) -> None:
    Path(scratch).mkdir()
    (Path(scratch) / "partial").write_bytes(bytes(1000))
    while not Path(gate).exists():
        time.sleep(0.01)


def allocate(megabytes: int) -> int:
    return len(bytearray(megabytes << 20))


def refuse() -> None:
    raise ValueError("not this one")


def over(making: Making) -> str:
    assert making.wait(PATIENCE_S)
    return making.state


def begun(log: Path) -> list[str]:
    return log.read_text().split() if log.exists() else []


def test_owners_take_turns_however_much_one_asks_for(
    make: Callable[..., Pool], tmp_path: Path
) -> None:
    pool, gate, log = make(), tmp_path / "gate", tmp_path / "log"
    first = pool.ask("a0", "anna", at_the_gate, str(gate), str(log), "a0")
    until(lambda: begun(log), "the first")
    rest = [
        pool.ask(name, owner, note, str(log), name)
        for owner, name in (
            *(("anna", f"a{n}") for n in range(1, 5)),
            *(("ben", f"b{n}") for n in range(2)),
            ("carla", "c0"),
        )
    ]
    assert [m.state for m in (first, rest[0])] == [RUNNING, QUEUED]
    assert [pool.ahead(m) for m in rest] == [0, 1, 2, 3, 0, 1, 0]
    gate.touch()
    assert {over(m) for m in (first, *rest)} == {READY}
    taken = begun(log)
    assert sorted(taken[1:4]) == ["a1", "b0", "c0"] and set(taken[4:6]) == {"a2", "b1"}
    assert taken[6:] == ["a3", "a4"]


def test_one_owner_never_has_the_whole_pool(make: Callable[..., Pool], tmp_path: Path) -> None:
    pool, gate, log = make(size=2, share=1), tmp_path / "gate", tmp_path / "log"
    annas = [pool.ask(f"a{n}", "anna", at_the_gate, str(gate), str(log), f"a{n}") for n in range(3)]
    until(lambda: begun(log), "the first")
    assert over(pool.ask("b", "ben", note, str(log), "b")) == READY
    assert [m.state for m in annas] == [RUNNING, QUEUED, QUEUED]
    gate.touch()
    assert [over(m) for m in annas] == [READY] * 3


def test_a_cancel_is_at_once_and_leaves_nothing(make: Callable[..., Pool], tmp_path: Path) -> None:
    pool, gate, scratch = make(), tmp_path / "gate", tmp_path / "scratch"
    running = pool.ask(("j", "x"), "anna", fill, str(scratch), str(gate), scratch=scratch)
    waiting = pool.ask(("j", "y"), "anna", refuse)
    other = pool.ask(("k", "x"), "anna", note, str(tmp_path / "log"), "k")
    until((scratch / "partial").exists, "its file")
    assert set(pool.cancel(lambda key: key[0] == "j")) == {running, waiting}
    assert (running.state, waiting.state) == (CANCELLED, CANCELLED)
    assert not scratch.exists()
    assert over(other) == READY
    assert pool.cancel(lambda key: True) == []
    early = pool.ask("early", "anna", at_the_gate, str(gate), str(tmp_path / "log"), "x")
    pool.cancel(lambda key: key == "early")  # perhaps before its process has begun
    assert over(early) == CANCELLED


def test_it_says_how_far_it_is(make: Callable[..., Pool], tmp_path: Path) -> None:
    pool, gate, log = make(), tmp_path / "gate", tmp_path / "log"
    making = pool.ask("x", "anna", half_done, str(gate), str(log))
    until(lambda: begun(log), "its start")
    assert making.state == RUNNING and making.fraction == 0.5
    assert pool.ask("x", "anna", refuse) is making and pool.find("x") is making
    gate.touch()
    assert over(making) == READY and making.fraction == 1.0
    silent = pool.ask("y", "anna", refuse)
    assert over(silent) == FAILED and isinstance(silent.error, ValueError)
    assert silent.fraction is None
    pool.forget(silent)
    assert pool.find("y") is None


def test_what_takes_too_long_is_ended(make: Callable[..., Pool], tmp_path: Path) -> None:
    pool = make(longest_s=1.0)
    slow = pool.ask("x", "anna", at_the_gate, str(tmp_path / "never"), str(tmp_path / "log"), "x")
    assert over(slow) == FAILED and isinstance(slow.error, HelperTimeError)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what a process allocates")
def test_what_takes_too_much_memory_is_refused_it(make: Callable[..., Pool]) -> None:
    pool = make(memory_bytes=256 << 20)
    assert over(pool.ask("small", "anna", allocate, 128)) == READY
    large = pool.ask("large", "anna", allocate, 512)
    assert over(large) == FAILED and is_lack_of_memory(large.error)
    assert over(pool.ask("again", "anna", allocate, 128)) == READY


def test_there_is_an_end_to_what_one_owner_may_ask_for(
    make: Callable[..., Pool], tmp_path: Path
) -> None:
    pool, gate, log = make(most_waiting=2), tmp_path / "gate", tmp_path / "log"
    pool.ask("a0", "anna", at_the_gate, str(gate), str(log), "a0")
    until(lambda: begun(log), "the first")
    for n in (1, 2):
        pool.ask(f"a{n}", "anna", note, str(log), "a")
    with pytest.raises(PoolFullError):
        pool.ask("a3", "anna", note, str(log), "a")
    ben = pool.ask("b", "ben", note, str(log), "b")
    gate.touch()
    assert over(ben) == READY


def test_closing_ends_everything(make: Callable[..., Pool], tmp_path: Path) -> None:
    pool, log = make(), tmp_path / "log"
    asked = [
        pool.ask(n, "anna", at_the_gate, str(tmp_path / "never"), str(log), "x") for n in range(2)
    ]
    until(lambda: begun(log), "the first")
    pool.close()
    assert [over(m) for m in asked] == [FAILED, FAILED]
    assert all(isinstance(m.error, HelperLostError) for m in asked)
    with pytest.raises(HelperLostError):
        pool.ask("z", "anna", refuse)
