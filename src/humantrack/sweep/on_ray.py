"""Runs jobs in the actors of a Ray cluster, each of which keeps its models from job to job."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from humantrack.sweep.devices import gpus_of


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
) -> list[Any]:
    """``run_one(state, job)`` for each job, on as many actors as the cluster has room for.

    An actor whose node is lost is started again elsewhere; the job it was at is not: what asked
    for it sees that it never ended.

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

    Returns:
        What the jobs gave, None for those that were lost, in no order.

    Raises:
        RuntimeError: if the cluster has no room for one actor.
    """
    ray: Any = importlib.import_module("ray")
    owned = not ray.is_initialized()
    if owned:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray reports to its makers
        quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
        ray.init(address=address, **{**quiet, **init})
    try:
        total = ray.cluster_resources()
        if num_gpus is None:
            num_gpus = 1 if total.get("GPU") and (gpus_of(device) or device == "auto") else 0
        room = _room(total, num_cpus, num_gpus)
        count = min(len(jobs), room if workers is None else min(workers, room))
        if count < 1:
            raise RuntimeError(f"no room for a worker with {num_cpus} CPUs and {num_gpus} GPUs")
        options = {"num_cpus": num_cpus, "num_gpus": num_gpus, "max_restarts": -1, **remote}
        actor = ray.remote(_Worker).options(**options)
        actors = [actor.remote(str(Path.cwd())) for _ in range(count)]
        return _share_out(run_one, ray.put(state), jobs, actors)
    finally:
        if owned:
            ray.shutdown()


class _Worker:
    """What runs in an actor's process."""

    def __init__(self, folder: str) -> None:
        os.chdir(folder)  # the file system is shared, and paths are as they were given

    def run(self, run_one: Callable[[Any, Any], Any], state: Any, job: Any) -> Any:
        """One job."""
        return run_one(state, job)


def _share_out(
    run_one: Callable[[Any, Any], Any], state: Any, jobs: Sequence[Any], actors: list[Any]
) -> list[Any]:
    """Give each actor a job whenever it is free."""
    ray: Any = importlib.import_module("ray")
    waiting, results = list(reversed(jobs)), []
    running = {actor.run.remote(run_one, state, waiting.pop()): actor for actor in actors}
    while running:
        ended, _ = ray.wait(list(running), num_returns=1)
        actor = running.pop(ended[0])
        try:
            results.append(ray.get(ended[0]))
        except ray.exceptions.RayError:
            results.append(None)
        if waiting:
            running[actor.run.remote(run_one, state, waiting.pop())] = actor
    return results


def _room(total: dict[str, float], num_cpus: float, num_gpus: float) -> int:
    """Actors that fit into a cluster at once."""
    rooms = [
        int(total.get(name, 0) / needed)
        for name, needed in (("CPU", num_cpus), ("GPU", num_gpus))
        if needed
    ]
    return min(rooms, default=1)
