"""Helper processes: one call's harm is its own."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from humantrack.service.workers.subprocess_pool import HelperLostError, Helpers, HelperSlowError

POSIX = pytest.mark.skipif(os.name != "posix", reason="only POSIX bounds processor time")


@pytest.fixture
def make() -> Iterator[Callable[..., Helpers]]:
    made: list[Helpers] = []

    def build(**options: Any) -> Helpers:
        made.append(Helpers(**{"nice": 0, **options}))
        return made[-1]

    yield build
    for one in made:
        one.close()


def square(x: int) -> int:
    return x * x


def refuse() -> None:
    raise RuntimeError("not here")


def spin() -> None:
    while True:
        pass


def open_gate(gate: str) -> str:
    """Waits until a file is there."""
    while not Path(gate).exists():
        time.sleep(0.01)
    return "open"


def begin_and_wait(begun: str, gate: str) -> None:
    Path(begun).touch()
    open_gate(gate)


def priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


def test_results_and_errors_come_back(make: Callable[..., Helpers]) -> None:
    helpers = make()
    helpers.warm_up()
    assert [helpers.call(n, square, n, wait_s=60) for n in range(5)] == [0, 1, 4, 9, 16]
    with pytest.raises(RuntimeError, match="not here"):
        helpers.call("x", refuse, wait_s=60)


def test_a_call_that_kills_the_helper_harms_none_that_waits_behind_it(
    make: Callable[..., Helpers],
) -> None:
    helpers, got = make(), {}

    def ask(n: int) -> None:
        try:
            function, arguments = (os._exit, (3,)) if n % 3 == 1 else (square, (n,))
            got[n] = helpers.call(n, function, *arguments, wait_s=120)
        except HelperLostError:
            got[n] = "lost"

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {0: 0, 1: "lost", 2: 4, 3: 9, 4: "lost", 5: 25}


def test_a_helper_that_died_between_two_calls_is_started_again(
    make: Callable[..., Helpers],
) -> None:
    helpers = make()
    pid = helpers.call("x", os.getpid, wait_s=120)
    os.kill(pid, 9)
    with contextlib.suppress(ProcessLookupError):
        while True:  # until it is gone, and who watches it knows
            os.kill(pid, 0)
            time.sleep(0.01)
    assert helpers.call("y", square, 3, wait_s=120) == 9


@POSIX
def test_a_call_that_uses_too_much_of_the_processor_is_ended(make: Callable[..., Helpers]) -> None:
    helpers = make(cpu_s=0.5)
    with pytest.raises(HelperLostError):
        helpers.call("x", spin, wait_s=120)
    assert helpers.call("y", square, 3, wait_s=120) == 9


def test_a_call_that_takes_too_long_is_ended(make: Callable[..., Helpers], tmp_path: Path) -> None:
    helpers = make(longest_s=0.5)
    with pytest.raises(HelperLostError):
        helpers.call("x", open_gate, str(tmp_path / "never"), wait_s=120)


def test_a_call_not_waited_for_goes_on_and_is_found_again(
    make: Callable[..., Helpers], tmp_path: Path
) -> None:
    helpers, gate = make(), tmp_path / "gate"
    with pytest.raises(HelperSlowError):
        helpers.call("x", open_gate, str(gate), wait_s=0.01)
    gate.touch()
    assert helpers.call("x", refuse, wait_s=120) == "open"  # the same call, whatever is asked now


@pytest.mark.parametrize("is_running", [True, False])
def test_closing_ends_a_call_and_those_behind_it(
    is_running: bool, make: Callable[..., Helpers], tmp_path: Path
) -> None:
    helpers, lost = make(), []

    def ask(*arguments: Any) -> None:
        try:
            helpers.call(object(), *arguments, wait_s=600)
        except HelperLostError:
            lost.append(arguments)

    begun = tmp_path / "begun"
    waiting = [
        threading.Thread(target=ask, args=(begin_and_wait, str(begun), str(tmp_path / "never"))),
        *(threading.Thread(target=ask, args=(square, n)) for n in range(2)),
    ]
    waiting[0].start()
    while is_running and not begun.exists():
        time.sleep(0.01)
    for thread in waiting[1:]:
        thread.start()
    helpers.close()
    for thread in waiting:
        thread.join()
    assert len(lost) == 3
    with pytest.raises(HelperLostError):
        helpers.call("x", square, 1, wait_s=60)


@POSIX
def test_a_helper_has_the_priority_it_is_given(make: Callable[..., Helpers]) -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert make(nice=ours + 3).call("x", priority, wait_s=120) == ours + 3
    assert make(nice=ours - 3).call("x", priority, wait_s=120) == ours
