"""The command ``humantrack-eval``."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from humantrack.errors import (
    INTERNAL_ERROR,
    ConfigError,
    HumantrackError,
    LimitError,
    OutOfMemoryError,
    printable,
)
from humantrack.evaluation.arguments import parse
from humantrack.memory import is_lack_of_memory, out_of_memory
from humantrack.terminal import as_file, forgive_streams, interrupted_by_signals, kind_of

if TYPE_CHECKING:  # --help and --version must not wait for numpy
    from humantrack.evaluation.benchmark import Benchmark, BenchmarkOptions, Video
    from humantrack.evaluation.inputs import System
    from humantrack.evaluation.scores import Scores


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit code: 0, or that of the error.
    """
    forgive_streams(stdout=False)
    arguments = parse(sys.argv[1:] if argv is None else argv)
    try:
        with interrupted_by_signals():
            _run(arguments)
        return 0
    except HumantrackError as error:
        return _told(error, arguments)
    except KeyboardInterrupt as interrupt:
        return _told(kind_of(interrupt)("stopped"), arguments)
    except BrokenPipeError:  # who read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - reported in one line, with a code of its own
        if is_lack_of_memory(error):
            _told(out_of_memory(error), arguments)
            return OutOfMemoryError.exit_code
        known = HumantrackError(
            f"internal error: {type(error).__name__}: {error}", hint="add --debug to see where"
        )
        known.__cause__ = error
        _told(known, arguments)
        return INTERNAL_ERROR


def _told(error: HumantrackError, arguments: argparse.Namespace) -> int:
    from rich.console import Console

    if arguments.debug:
        traceback.print_exception(error)
    console = Console(file=as_file(), soft_wrap=True, highlight=False, markup=False)
    console.print(printable(f"humantrack-eval: {error}"))
    return error.exit_code


def _run(arguments: argparse.Namespace) -> None:
    from humantrack.evaluation.inputs import find_systems
    from humantrack.evaluation.limits import missed_limits, parse_limits
    from humantrack.evaluation.plot import check
    from humantrack.evaluation.registry import find_benchmark

    limits = parse_limits(arguments.fail_under)
    if arguments.plot is not None:
        check(arguments.plot)  # before hours of work
    benchmark = find_benchmark(arguments.benchmark)(_options(arguments))
    videos = benchmark.videos()
    places = list(arguments.results)
    if arguments.run is not None:
        places.append(_tracked(arguments, benchmark, videos))
    if not places:
        frames = sum(video.frame_count for video in videos)
        print(  # noqa: T201 - the command's own output
            f"{benchmark.name}: {len(videos)} sequences, {frames} frames are there; "
            "name results to score them"
        )
        if limits:
            raise ConfigError("no results are named to hold to it", where="--fail-under")
        return
    systems = find_systems(places, videos, allow_missing=arguments.allow_missing)
    scores = {system.name: _scored(benchmark, system) for system in systems}
    _show(arguments, benchmark, systems, scores)
    missed = [
        f"{name}: {line}" if len(scores) > 1 else line
        for name, of in scores.items()
        for line in missed_limits(of, limits)
    ]
    if missed:
        raise LimitError("; ".join(missed))


def _tracked(arguments: argparse.Namespace, benchmark: Benchmark, videos: Sequence[Video]) -> Path:
    """The folder of the results that ``--run`` makes."""
    from humantrack.evaluation.running import run

    output = arguments.output_dir or Path("outputs", f"eval-{benchmark.name}")
    return run(benchmark, videos, arguments.run, output, allow_missing=arguments.allow_missing)


def _options(arguments: argparse.Namespace) -> BenchmarkOptions:
    from humantrack.evaluation.benchmark import BenchmarkOptions

    names = (arguments.sequences or "").split(",")
    return BenchmarkOptions(
        root=arguments.root,
        truth=tuple(arguments.truth),
        protocol=arguments.protocol,
        split=arguments.split,
        sequences=tuple(name.strip() for name in names if name.strip()),
        body=arguments.body,
        true_boxes=arguments.true_boxes,
        given_camera=arguments.given_camera,
    )


def _scored(benchmark: Benchmark, system: System) -> Scores:
    from dataclasses import replace

    scores = benchmark.score(system.results)
    if not system.missing:
        return scores
    note = f"{len(system.missing)} sequences are not scored: {', '.join(system.missing)}"
    return replace(scores, notes=(note, *scores.notes))


def _show(
    arguments: argparse.Namespace,
    benchmark: Benchmark,
    systems: Sequence[System],
    scores: dict[str, Scores],
) -> None:
    """The table, and the files asked for."""
    from rich.console import Console

    from humantrack.evaluation import output
    from humantrack.evaluation.plot import write_plot
    from humantrack.evaluation.published import published
    from humantrack.evaluation.table import print_scores

    rows = [] if arguments.no_published else published(benchmark.name, benchmark.split)
    console = Console(highlight=False)
    print_scores(console, scores, rows, per_sequence=arguments.per_sequence)
    files = {system.name: system.results for system in systems}
    if arguments.json is not None:
        output.write_json(arguments.json, output.document(scores, rows, files))
    if arguments.csv is not None:
        output.write_csv(arguments.csv, scores)
    if arguments.plot is not None:
        write_plot(arguments.plot, scores)


if __name__ == "__main__":
    sys.exit(main())
