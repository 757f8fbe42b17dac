"""The thread that reads ahead."""

from __future__ import annotations

import threading

import pytest

from humantrack.video.read_ahead import ReadAhead


def test_items_come_in_order_and_end():
    with ReadAhead(iter(range(100)), 3) as items:
        assert list(items) == list(range(100))
        assert list(items) == []


@pytest.mark.parametrize("depth", [1, 4])
def test_it_never_runs_further_ahead_than_its_depth(depth):
    made = []
    full = threading.Event()

    def numbers():
        for n in range(50):
            made.append(n)
            if len(made) > depth:  # the queue is full: this one waits outside
                full.set()
            yield n

    with ReadAhead(numbers(), depth) as items:
        assert full.wait(timeout=10)
        for n in items:
            assert len(made) <= n + 1 + depth + 1
    assert len(made) == 50


def test_an_error_is_raised_where_the_consumer_gets_to_it():
    def items():
        yield 1
        yield 2
        raise KeyError("broken")

    ahead = ReadAhead(items(), 8)
    assert [next(ahead), next(ahead)] == [1, 2]
    with pytest.raises(KeyError, match="broken"):
        next(ahead)
    with pytest.raises(StopIteration):
        next(ahead)
    ahead.close()


def test_closing_runs_the_generators_own_cleanup_in_its_thread():
    ended = []

    def items():
        try:
            while True:
                yield 0
        finally:
            ended.append(threading.current_thread().name)

    ahead = ReadAhead(items(), 2)
    next(ahead)
    ahead.close()
    assert ended == ["humantrack-read-ahead"]


def test_closing_lets_a_waiting_consumer_go():
    release, waiting, ended = threading.Event(), threading.Event(), threading.Event()

    def items():
        release.wait(timeout=10)
        yield 1

    ahead = ReadAhead(items(), 1)

    def consume():
        waiting.set()
        assert list(ahead) == []
        ended.set()

    consumer = threading.Thread(target=consume)
    consumer.start()
    assert waiting.wait(timeout=10)
    closer = threading.Thread(target=ahead.close)
    closer.start()
    assert ended.wait(timeout=10)  # before the producer has made anything
    release.set()
    closer.join()
    consumer.join()
