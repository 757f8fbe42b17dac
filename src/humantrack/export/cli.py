"""The command ``humantrack-export``."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from humantrack._version import __version__
from humantrack.atomic import cannot_write
from humantrack.clips.options import GAPS, ROTATIONS, SMOOTH, ExportOptions
from humantrack.errors import (
    INTERNAL_ERROR,
    ConfigError,
    HumantrackError,
    OutOfMemoryError,
    printable,
)
from humantrack.export.formats.base import FORMATS, Format, find_format
from humantrack.memory import is_lack_of_memory, out_of_memory
from humantrack.terminal import as_file, forgive_streams, interrupted_by_signals, kind_of
from humantrack.units import parse_size

if TYPE_CHECKING:  # --help and --version must not wait for numpy
    from rich.console import Console

    from humantrack.clips.source import ResultsSource

_MOTION_ONLY = ("gaps", "fps", "smooth")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit code: 0, 2 for a wrong argument, or that of the first error met. A bad file costs
        no other.
    """
    forgive_streams(stdout=False)
    arguments = _parser().parse_args(argv)
    from rich.console import Console

    console = Console(file=as_file(), soft_wrap=True, highlight=False, markup=False)
    try:
        with interrupted_by_signals():
            if arguments.schema:
                return _print_schema()
            errors = _run(arguments, console)
    except HumantrackError as error:
        errors = [error]
    except KeyboardInterrupt as interrupt:
        errors = [kind_of(interrupt)("stopped; files that were finished are kept")]
    except BrokenPipeError:  # who read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        errors = [cannot_write(Path("standard output"), error)]
    except Exception as error:  # noqa: BLE001 - reported in one line, with a code of its own
        if is_lack_of_memory(error):
            console.print(f"humantrack-export: {out_of_memory(error)}")
            return OutOfMemoryError.exit_code
        if arguments.debug:
            traceback.print_exception(error)
        console.print(
            printable(f"humantrack-export: internal error: {type(error).__name__}: {error}")
            + ". Add --debug to see where"
        )
        return INTERNAL_ERROR
    for problem in errors:
        if arguments.debug:
            traceback.print_exception(problem)
        console.print(f"humantrack-export: {problem}")
    return errors[0].exit_code if errors else 0


def _run(arguments: argparse.Namespace, console: Console) -> list[HumantrackError]:
    from humantrack.export.run import STDOUT, export, find_results, is_folder
    from humantrack.results import DEFAULT_MAX_SIZE

    if not arguments.inputs:
        raise ConfigError("no results are named", hint="write humantrack-export out.pkl")
    formats = list(dict.fromkeys(find_format(name) for name in arguments.format or ["json"]))
    options = _options(arguments, formats)
    max_size = DEFAULT_MAX_SIZE
    if arguments.max_size is not None:
        max_size = parse_size(arguments.max_size, "--max-size", least=1)
    inputs = find_results(arguments.inputs)
    if len(inputs) > 1 and arguments.output is not None and not is_folder(arguments.output):
        hint = "name a folder, with a slash at its end"
        raise ConfigError(
            "several results need a folder", where=f"-o {arguments.output}", hint=hint
        )
    if arguments.summary or arguments.plot:
        from humantrack.export.summary import show

        paths = [path for path, _ in inputs]
        return show(
            paths,
            options,
            summary=arguments.summary,
            plot=arguments.plot,
            force=arguments.force,
            strict=arguments.strict,
            max_size=max_size,
            note=lambda line: console.print(f"note: {printable(line)}"),
        )
    errors: list[HumantrackError] = []
    keep = {path for path, _ in inputs}
    for path, place in inputs:
        output = arguments.output
        if output is not None and is_folder(output):
            output = f"{Path(output, place).parent}/"  # clips of one name in two folders stay two
        try:
            with _progress(console, arguments.quiet) as progress:
                done = export(
                    path,
                    formats,
                    output,
                    options,
                    force=arguments.force,
                    strict=arguments.strict,
                    max_size=max_size,
                    progress=progress,
                    keep=keep,
                )
        except HumantrackError as error:
            errors.append(error)
            continue
        keep.update(done.files)
        for note in done.notes:
            console.print(f"note: {printable(note)}")
        if not arguments.quiet and output != STDOUT:
            for file in done.files:
                console.print(printable(str(file)))
            if not done.files:
                console.print(printable(f"note: {path} holds nobody to export"))
    return errors


def _options(arguments: argparse.Namespace, formats: Sequence[Format]) -> ExportOptions:
    """The choices, and an error for those that no format asked for heeds."""
    if not any(f.is_motion for f in formats):
        for name in _MOTION_ONLY:
            if getattr(arguments, name) is not None:
                motion = ", ".join(f.name for f in FORMATS.values() if f.is_motion)
                raise ConfigError(
                    "no format asked for heeds this", where=f"--{name}", hint=f"it is for {motion}"
                )
    return ExportOptions(
        rotations=arguments.rotations,
        precision=arguments.precision,
        masks=arguments.masks,
        focal_px=arguments.focal,
        frames=_frames(arguments.frames),
        tracks=_tracks(arguments.tracks),
        min_length=arguments.min_length,
        gaps=arguments.gaps or "interpolate",
        fps=arguments.fps,
        smooth=arguments.smooth,
        euler=arguments.euler.upper(),
        source_fps=arguments.source_fps,
        smpl=arguments.smpl,
    )


@contextmanager
def _progress(console: Console, quiet: bool) -> Iterator[Callable[..., Callable[[int], None]]]:
    """A bar on a terminal, nothing elsewhere."""
    from rich import progress as rich
    from rich.markup import escape

    shown = console.is_terminal and not quiet
    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.TaskProgressColumn(),
        rich.TextColumn("{task.completed} frames"),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=console, transient=True, disable=not shown) as bar:

        def begin(source: ResultsSource) -> Callable[[int], None]:
            task = bar.add_task(escape(source.path.name), total=source.facts.frame_count)
            return lambda count: bar.update(task, advance=count)

        yield begin


def _print_schema() -> int:
    from humantrack.export.output import StandardOutput

    schema = files("humantrack.export").joinpath("results.schema.json").read_text("utf-8")
    with StandardOutput() as outputs:
        outputs.open(".json").write(schema.encode())
    return 0


# -- arguments ----------------------------------------------------------------------------------


def _frames(text: str | None) -> tuple[int, int | None]:
    """'10:200', '10:', ':200' or '10' (that frame alone)."""
    if text is None:
        return 0, None
    first, colon, stop = text.partition(":")
    try:
        start = int(first) if first or not colon else 0
        if not colon:
            return start, start + 1
        return start, int(stop) if stop else None
    except ValueError:
        raise ConfigError(
            "not a range of frames", where=f"--frames {text}", hint="write 10:200, 10: or :200"
        ) from None


def _tracks(text: str | None) -> frozenset[int] | None:
    """'1,3'."""
    if text is None:
        return None
    try:
        return frozenset(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ConfigError(
            "not a list of track ids", where=f"--tracks {text}", hint="write 1,3"
        ) from None


def _parser() -> argparse.ArgumentParser:
    listing = "\n".join(f"  {f.name:<9}{f.about}" for f in FORMATS.values())
    parser = argparse.ArgumentParser(
        prog="humantrack-export",
        description="Turn results of humantrack, PHALP or 4D-Humans into what other programs read.",
        epilog=f"formats:\n{listing}\n\nMore, with examples: docs/export.md",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("inputs", nargs="*", metavar="RESULTS", help="results (.pkl), or folders of them")
    add("-f", "--format", action="append", metavar="NAME", help="see below; may be repeated (json)")
    add("-o", "--output", metavar="PATH", help="a file, a folder/, or - for standard output")
    add("--force", action="store_true", help="replace files that are there already")

    group = parser.add_argument_group("what is exported")
    add = group.add_argument
    add("--frames", metavar="A:B", help="frames A up to, but not with, B")
    add("--tracks", metavar="IDS", help="only these tracks, e.g. 1,3")
    add("--min-length", type=int, default=1, metavar="N", help="only tracks seen in N frames")
    add("--masks", action="store_true", help="silhouettes too, as COCO run-length masks")

    group = parser.add_argument_group("how")
    add = group.add_argument
    add("--rotations", choices=ROTATIONS, default="axis_angle", help="in json, jsonl, csv, parquet")
    add("--precision", type=int, metavar="N", help="digits after the point in text formats (all)")
    add(
        "--focal", type=float, metavar="PX", help="the camera's focal length in pixels of the frame"
    )
    add(
        "--source-fps", type=float, metavar="FPS", help="frame rate of results that do not say (30)"
    )

    group = parser.add_argument_group("motion (npz, bvh, glb, trc, blender)")
    add = group.add_argument
    add("--gaps", choices=GAPS, help="what fills frames without the person (interpolate)")
    add("--fps", type=float, help="resample to this rate")
    add("--smooth", choices=SMOOTH, help="filter the motion (off)")
    add("--euler", default="ZXY", metavar="ORDER", help="order of BVH's rotation channels (ZXY)")
    add("--smpl", type=Path, metavar="FILE", help="SMPL model file (the cache's, if there is one)")

    group = parser.add_argument_group("a look")
    add = group.add_argument
    add("--summary", action="store_true", help="print the tracks and their timeline")
    add("--plot", type=Path, metavar="FILE", help="draw the timeline, .png or .svg")
    add("--schema", action="store_true", help="print the JSON Schema of json and jsonl")

    group = parser.add_argument_group("safety")
    add = group.add_argument
    add("--strict", action="store_true", help="results that are cut short are an error")
    add(
        "--max-size",
        metavar="SIZE",
        help="most that a file may swell to when decompressed (4.3G)",
    )
    add("--quiet", action="store_true", help="print errors and notes only")
    add("--debug", action="store_true", help="show tracebacks")
    add("--version", action="version", version=f"humantrack {__version__}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
