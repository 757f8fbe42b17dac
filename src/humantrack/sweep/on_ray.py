"""Runs jobs in the actors of a Ray cluster, each of which keeps its models from job to job."""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from humantrack.cores import CORES
from humantrack.sweep.devices import gpus_of
from humantrack.sweep.launchers import LauncherError

_LOOK_S = 2.0
"""How often it is seen whether the sweep is over."""


def run_all(
    run_one: Callable[[Any, Any], Any],
    state: Any,
    jobs: Sequence[Any],
    *,
    device: str,
    address: str | None,
    workers: int | None,
    num_cpus: float,
    num_gpus: float | None,
    init: dict[str, Any],
    remote: dict[str, Any],
    is_over: Callable[[Any], bool] = lambda job: False,
) -> list[Any]:
    """``run_one(state, job)`` for each job, on as many actors as the cluster has room for.

    An actor whose node is lost is started again elsewhere, and the job it was at is run once more
    after the others. Of one that is lost again, what asked for it sees that it never ended.

    Args:
        run_one: a function that can be pickled.
        state: what all jobs share; sent to each actor once.
        jobs: what differs.
        device: of the configuration; decides whether an actor takes a GPU if ``num_gpus`` is None.
        address: of the cluster; None = one on this machine alone, for these jobs.
        workers: actors; None = as many as there is room for.
        num_cpus: CPUs that an actor takes.
        num_gpus: GPUs that an actor takes.
        init: further arguments of ``ray.init``.
        remote: further options of the actors.
        is_over: whether a job that runs, or is yet to, need not be waited for any more.

    Returns:
        What the jobs gave, None for those that were lost, in no order.

    Raises:
        LauncherError: if the cluster cannot be reached, or has no room for one actor.
    """
    ray: Any = importlib.import_module("ray")
    owned = not ray.is_initialized()
    if owned:
        _join(ray, address, init)
    with _without_dumps(), _left(ray if owned else None):
        total = ray.cluster_resources()
        if num_gpus is None:
            num_gpus = 1 if total.get("GPU") and (gpus_of(device) or device == "auto") else 0
        room = _room(total, num_cpus, num_gpus)
        count = min(len(jobs), room if workers is None else min(workers, room))
        if count < 1:
            raise _no_room(num_cpus, num_gpus)
        options = {"num_cpus": num_cpus, "num_gpus": num_gpus, "max_restarts": -1, **remote}
        actor = ray.remote(_Worker).options(**options)
        cores = _cores_of_each(total, num_cpus, count, is_alone=owned and address is None)
        actors = [actor.remote(str(Path.cwd()), cores) for _ in range(count)]
        return _share_out(run_one, ray.put(state), jobs, actors, is_over)


def _no_room(num_cpus: float, num_gpus: float) -> LauncherError:
    return LauncherError(
        f"Ray has no room for a worker with {num_cpus} CPUs and {num_gpus} GPUs",
        where="hydra/launcher=ray",
        hint="see hydra.launcher.num_cpus, num_gpus and workers",
    )


def _join(ray: Any, address: str | None, init: dict[str, Any]) -> None:
    """Connect to a cluster, or start one.

    Raises:
        LauncherError: if that fails, such as for another version of Ray.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray reports to its makers
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    try:
        _check_reachable(address)
        ray.init(address=address, **{**quiet, **init})
    except Exception as error:
        raise LauncherError(
            f"Ray cannot be used ({' '.join(str(error).split())})",
            where="hydra/launcher=ray" if address is None else f"hydra.launcher.address={address}",
            hint="its versions of Ray and Python must be those of the cluster",
        ) from error


def _check_reachable(address: str | None) -> None:
    """Raise if nobody listens at ``host:port``; Ray itself would try for minutes.

    Raises:
        OSError: that of the system.
    """
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal() and "/" not in host:  # not ray://, which is a client's
        socket.create_connection((host.strip("[]"), int(port)), timeout=20).close()


@contextlib.contextmanager
def _without_dumps() -> Iterator[None]:
    """Drop what Ray prints on standard output of nodes that are lost, state dumps among it.

    It has no option for that; its own log files say the same. A sweep says all on standard error.
    A thread of Ray's own prints, which may be late: it ends when the cluster is left.
    """
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


@contextlib.contextmanager
def _left(ray: Any) -> Iterator[None]:
    """Leave the cluster at the end, which waits for the threads that print."""
    try:
        yield
    finally:
        if ray is not None:
            ray.shutdown()


def _cores_of_each(total: dict[str, float], num_cpus: float, count: int, *, is_alone: bool) -> int:
    """Cores that each actor is to use: its own, or its part of a machine that nobody else uses."""
    own = int(num_cpus)
    return max(1, own, int(total.get("CPU", 0)) // count if is_alone else 0)


class _Worker:
    """What runs in an actor's process."""

    def __init__(self, folder: str, cores: int) -> None:
        os.chdir(folder)  # the file system is shared, and paths are as they were given
        os.environ[CORES] = str(cores)

    def run(self, run_one: Callable[[Any, Any], Any], state: Any, job: Any) -> Any:
        """One job."""
        return run_one(state, job)


def _share_out(
    run_one: Callable[[Any, Any], Any],
    state: Any,
    jobs: Sequence[Any],
    actors: list[Any],
    is_over: Callable[[Any], bool],
) -> list[Any]:
    """Give each actor a job whenever it is free; those lost with an actor once more at the end."""
    ray: Any = importlib.import_module("ray")
    waiting, results, lost = deque(range(len(jobs))), [], set[int]()
    running: dict[Any, tuple[Any, int]] = {}
    free = list(actors)
    while waiting or running:
        while waiting and free:
            actor, number = free.pop(), waiting.popleft()
            running[actor.run.remote(run_one, state, jobs[number])] = actor, number
        ended, _ = ray.wait(list(running), num_returns=1, timeout=_LOOK_S)
        for one in ended:
            actor, number = running.pop(one)
            free.append(actor)
            try:
                results.append(ray.get(one))
            except ray.exceptions.RayError:
                if number in lost:
                    results.append(None)
                else:
                    lost.add(number)
                    waiting.append(number)
        left = [*waiting, *(number for _, number in running.values())]
        if not ended and all(is_over(jobs[number]) for number in left):
            break
    return results


def _room(total: dict[str, float], num_cpus: float, num_gpus: float) -> int:
    """Actors that fit into a cluster at once."""
    rooms = [
        int(total.get(name, 0) / needed)
        for name, needed in (("CPU", num_cpus), ("GPU", num_gpus))
        if needed
    ]
    return min(rooms, default=1)
