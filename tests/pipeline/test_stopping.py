"""Signals, and how soon a stage is left."""

from __future__ import annotations

import os
import signal
from threading import Event

import pytest

from humantrack.errors import InterruptedRunError, PreemptedRunError, TerminatedRunError
from humantrack.pipeline.stopping import Chunk, Stop, check, on_signals, until

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


@posix
@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("SIGINT", InterruptedRunError, 130),
        ("SIGTERM", TerminatedRunError, 143),
        ("SIGUSR1", PreemptedRunError, 138),
    ],
)
def test_a_signal_asks_and_a_second_one_breaks_off(name, kind, code, capsys):
    number = getattr(signal, name)
    before = signal.getsignal(number)
    with on_signals() as stop:
        check(stop)
        signal.raise_signal(number)
        with pytest.raises(InterruptedRunError) as caught:
            check(stop, "here")
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert type(caught.value) is kind
    assert kind.exit_code == code == 128 + number
    assert "press Ctrl-C again to abort" in capsys.readouterr().err
    assert signal.getsignal(number) is before


def test_a_stage_that_walks_over_its_frames_is_left_after_one(make_frame):
    stop, seen = Stop(), []
    chunk = Chunk([make_frame(i) for i in range(5)], stop)
    assert (len(chunk), chunk[2].index, [f.index for f in chunk[3:]]) == (5, 2, [3, 4])
    assert [f.index for f in chunk] == list(range(5))
    with pytest.raises(InterruptedRunError, match="before frame 3"):
        for frame, _ in zip(chunk, range(5), strict=True):
            seen.append(frame.index)
            if frame.index == 2:
                stop.set()
    assert seen == [0, 1, 2]


def test_any_event_will_do_and_none_too():
    stop = Event()
    assert list(until(None, "ab")) == list(until(stop, "ab")) == ["a", "b"]
    stop.set()
    with pytest.raises(InterruptedRunError):
        next(until(stop, "ab"))


@posix
@pytest.mark.parametrize("order", [("SIGUSR2", "SIGTERM"), ("SIGTERM", "SIGUSR2")])
def test_a_schedulers_notice_beside_sigterm_is_not_a_second_wish(order, capsys):
    with on_signals() as stop:
        for name in order:
            signal.raise_signal(getattr(signal, name))
        with pytest.raises(PreemptedRunError) as caught:
            check(stop)
        signal.raise_signal(signal.SIGUSR2)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM if order[0] == "SIGTERM" else signal.SIGINT)
    assert caught.value.exit_code == 138
