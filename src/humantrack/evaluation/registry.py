"""Benchmarks by name: ours, and those of other packages (entry points ``humantrack.benchmarks``).

An entry point names a subclass of ``Benchmark``.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from humantrack.errors import ConfigError
from humantrack.evaluation.benchmark import Benchmark
from humantrack.plugins import Registry

_OURS = {
    "truth": ("truth", "TruthBenchmark"),
    "mot": ("mot", "MotBenchmark"),
    "posetrack18": ("posetrack", "PoseTrack18"),
    "3dpw": ("threedpw", "Benchmark3dpw"),
    "emdb": ("emdb", "EmdbBenchmark"),
    "posetrack21": ("posetrack", "PoseTrack21"),
}
"""Name -> file below ``benchmarks`` and class in it."""


def _load(module: str, name: str) -> Any:
    return getattr(import_module(f"humantrack.evaluation.benchmarks.{module}"), name)


BENCHMARKS = Registry(
    "benchmark",
    "humantrack.benchmarks",
    {name: partial(_load, *place) for name, place in _OURS.items()},
)


def find_benchmark(name: str) -> type[Benchmark]:
    """The benchmark called ``name``.

    Raises:
        ConfigError: if there is none, or what is announced is not a benchmark.
        DependencyError: if another package's cannot be imported.
    """
    found = BENCHMARKS.load(name, where=name)
    if not (isinstance(found, type) and issubclass(found, Benchmark)):
        what = "not a benchmark: it must be a subclass of humantrack.evaluation.benchmark.Benchmark"
        raise ConfigError(what, where=name)
    return found
