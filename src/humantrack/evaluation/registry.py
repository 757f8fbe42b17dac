"""Benchmarks by name: ours, and those of other packages (entry points ``humantrack.benchmarks``).

An entry point names a subclass of ``Benchmark``. Nothing is imported before it is asked for.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from humantrack.errors import ConfigError
from humantrack.plugins import Registry

if TYPE_CHECKING:  # --help must not wait for numpy
    from humantrack.evaluation.benchmark import Benchmark

_OURS = {
    "truth": ("truth", "TruthBenchmark"),
    "mot": ("mot", "MotBenchmark"),
    "posetrack18": ("posetrack", "PoseTrack18"),
    "posetrack21": ("posetrack", "PoseTrack21"),
    "3dpw": ("threedpw", "Benchmark3dpw"),
    "emdb": ("emdb", "EmdbBenchmark"),
}
"""Name -> file below ``benchmarks`` and class in it."""

ABOUT = {
    "truth": "drawn clips with exact truth: NAME_gt.npz (--truth)",
    "mot": "any MOTChallenge truth: SEQUENCE/gt/gt.txt (--root), or one gt.txt (--truth)",
    "posetrack18": "PoseTrack18, the boxes: protocols phalp and official",
    "posetrack21": "PoseTrack21, the boxes: protocols phalp and official",
    "3dpw": "3DPW: bodies; protocols 4dhumans and gvhmr",
    "emdb": "EMDB 2 and 1 (--split): motion in the world, bodies; protocols wham and gvhmr",
}
"""Name -> a line for ``--help``."""


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
    from humantrack.evaluation.benchmark import Benchmark

    found = BENCHMARKS.load(name, where=name)
    if not (isinstance(found, type) and issubclass(found, Benchmark)):
        what = "not a benchmark: it must be a subclass of humantrack.evaluation.benchmark.Benchmark"
        raise ConfigError(what, where=name)
    return found
