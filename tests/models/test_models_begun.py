"""Jobs that run beside whoever began them."""

from __future__ import annotations

import threading

import pytest

from humantrack import models


@pytest.fixture(params=[1, 2])
def cores(request, monkeypatch) -> int:
    monkeypatch.setattr(models, "available_cores", lambda: request.param)
    return int(request.param)


def test_results_come_in_order(cores):
    assert models.Begun([lambda n=n: n * n for n in range(20)]).results() == [
        n * n for n in range(20)
    ]
    assert models.Begun([]).results() == []


def test_the_first_failure_is_raised_and_the_others_end(cores):
    done = []

    def job(n: int) -> int:
        done.append(n)
        if n in (1, 2):
            raise ValueError(f"job {n}")
        return n

    begun = models.Begun([lambda n=n: job(n) for n in range(4)])
    with pytest.raises(ValueError, match="job 1"):
        begun.results()
    assert cores == 1 or sorted(done) == [0, 1, 2, 3]


@pytest.mark.skipif(models.available_cores() == 1, reason="one core: nothing runs beside")
def test_jobs_run_while_the_caller_does_something_else():
    ran = threading.Event()
    begun = models.Begun([ran.set])
    assert ran.wait(30)
    assert begun.results() == [None]
