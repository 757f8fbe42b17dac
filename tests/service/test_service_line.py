"""The line of new jobs: few places, a fair share, a steady pace."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from humantrack.service.web.admission import Line, LineFullError


class Clock:
    """Stands still unless somebody waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.open = 1000.0, Event()
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(self.open, "wait", self.wait)

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def times(line: Line, clock: Clock, count: int) -> list[float]:
    """When each of so many who come one after the other has passed."""
    seen = []
    for _ in range(count):
        with line.place("anna"):
            seen.append(round(clock.now - 1000, 6))
    return seen


def test_some_pass_at_once_and_the_others_one_by_one(clock: Clock) -> None:
    line = Line(places=2, share=2, rate=2, open_=clock.open)
    assert times(line, clock, 12) == [0] * 9 + [0.5, 1, 1.5]
    clock.now += 1
    assert times(line, clock, 3) == [2.5, 2.5, 3]
    free = Line(places=1, share=1, rate=0, open_=clock.open)
    assert times(free, clock, 100) == [3] * 100


def test_a_turn_that_comes_too_late_is_refused(clock: Clock) -> None:
    line = Line(places=9, share=9, rate=0.03, open_=Event())
    with line.place("anna"):  # the next one's turn is in 29.3 s
        clock.now -= 1
        with pytest.raises(LineFullError), line.place("anna"):
            pass


def held(line: Line, *owners: str) -> contextlib.ExitStack:
    places = contextlib.ExitStack()
    for owner in owners:
        places.enter_context(line.place(owner))
    return places


def test_places_and_shares_are_bounds_and_are_given_back() -> None:
    line = Line(places=3, share=2, rate=0, open_=Event())
    for _ in range(3):
        with held(line, "anna", "anna"):
            with pytest.raises(LineFullError), line.place("anna"):
                pass
            with line.place("ben"), pytest.raises(LineFullError), line.place("carla"):
                pass
            with line.place("carla"):
                pass
    with pytest.raises(ZeroDivisionError), line.place("anna"):
        raise ZeroDivisionError
    with held(line, "anna", "anna", "ben"):
        pass


def test_all_pass_when_the_line_is_opened() -> None:
    open_ = Event()
    line = Line(places=3, share=3, rate=0.1, open_=open_)
    through: list[int] = []

    def go(n: int) -> None:
        with line.place("anna"):
            through.append(n)

    go(0)
    waiting = [threading.Thread(target=go, args=(n,)) for n in (1, 2)]
    for thread in waiting:
        thread.start()
    until: Callable[[], Any] = lambda: len(line._inside) and line._inside["anna"] == 2  # noqa: E731
    while not until():
        time.sleep(0.01)
    assert through == [0]
    open_.set()
    for thread in waiting:
        thread.join()
    assert sorted(through) == [0, 1, 2]
