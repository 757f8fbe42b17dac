"""What follows the camera is worth no run: once it fails it is left, and stays so."""

from __future__ import annotations

import logging

import pytest

from humantrack.run.world import ForgivingSink


class Follows:
    """Fails on its n-th frame, or in another call."""

    def __init__(self, fails_on: int | str) -> None:
        self._fails_on, self.calls = fails_on, []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name == self._fails_on or self.calls.count("write") == self._fails_on:
            raise OSError(28, "No space left on device")

    def __enter__(self):
        self._call("enter")
        return self

    def write(self, frame, record):
        self._call("write")

    def state_dict(self):
        self._call("state")
        return {"written": self.calls.count("write")}

    def __exit__(self, *_):
        self.calls.append("exit")


def run(fails_on, frames=4):
    inner, removed = Follows(fails_on), []
    states = []
    with ForgivingSink(lambda state: inner, None, lambda: removed.append(True)) as sink:
        for _ in range(frames):
            sink.write(None, None)
            states.append(sink.state_dict())
    return inner, removed, states


def test_one_that_works_is_only_passed_through():
    inner, removed, states = run(fails_on="never")
    assert inner.calls.count("write") == 4
    assert inner.calls[-1] == "exit"
    assert not removed
    assert states[-1] == {"frames": 4, "failed": False, "sink": {"written": 4}}


@pytest.mark.parametrize(("fails_on", "written"), [(2, 2), ("enter", 0), ("state", 1)])
def test_a_failure_is_told_once_and_what_is_left_is_taken_away(fails_on, written, caplog):
    with caplog.at_level(logging.WARNING):
        inner, removed, states = run(fails_on)
    assert inner.calls.count("write") == written
    assert inner.calls.count("exit") == 1
    assert removed == [True]
    assert [record.getMessage() for record in caplog.records] == [
        "the camera's motion is not followed any more: [Errno 28] No space left on device"
    ]
    assert states[-1] == {"frames": 4, "failed": True, "sink": None}


def test_a_run_that_goes_on_after_a_failure_does_not_begin_again():
    made = []
    state = {"frames": 7, "failed": True, "sink": None}
    with ForgivingSink(made.append, state, lambda: None) as sink:
        sink.write(None, None)
        assert sink.state_dict() == {"frames": 8, "failed": True, "sink": None}
    assert made == []


def test_failing_to_clean_up_costs_nothing_either():
    def remove():
        raise OSError("read-only")

    with ForgivingSink(lambda state: Follows(1), None, remove) as sink:
        sink.write(None, None)
        assert sink.state_dict()["failed"]
