"""The command ``humantrack-export``."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from humantrack.atomic import cannot_write
from humantrack.clips.options import ExportOptions
from humantrack.errors import (
    INTERNAL_ERROR,
    ConfigError,
    HumantrackError,
    OutOfMemoryError,
    printable,
)
from humantrack.export.arguments import checked_formats, formats_of, options_of, parse
from humantrack.export.names import is_folder
from humantrack.export.streams import STDOUT, is_stream
from humantrack.memory import is_lack_of_memory, out_of_memory
from humantrack.terminal import as_file, forgive_streams, interrupted_by_signals, kind_of
from humantrack.units import parse_size

if TYPE_CHECKING:  # --help and --version must not wait for numpy
    from rich.console import Console

    from humantrack.clips.source import ResultsSource
    from humantrack.export.inputs import Input


_ANGLES = ("angles", "angles-parquet", "mot-osim", "sto")
"""Formats with which --plot draws joint angles."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit code: 0, 2 for a wrong argument, or that of the first error met. A bad file costs
        no other.
    """
    forgive_streams(stdout=False)
    arguments = parse(sys.argv[1:] if argv is None else argv)
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
    from humantrack.export.inputs import find_inputs
    from humantrack.export.run import export
    from humantrack.results import DEFAULT_MAX_SIZE

    if not arguments.inputs and not arguments.check:
        raise ConfigError("no results are named", hint="write humantrack-export out.pkl")
    formats = formats_of(arguments) if not arguments.check else checked_formats(arguments.check)
    options = options_of(arguments, formats)
    max_size = DEFAULT_MAX_SIZE
    if arguments.max_size is not None:
        max_size = parse_size(arguments.max_size, "--max-size", least=1)
    if arguments.check:
        return _check(arguments, options, console)
    with ExitStack() as spool:
        inputs = find_inputs(arguments.inputs, spool)
        if len(inputs) > 1 and arguments.output is not None and not is_folder(arguments.output):
            hint = "name a folder, with a slash at its end"
            raise ConfigError(
                "several results need a folder", where=f"-o {arguments.output}", hint=hint
            )
        draws_angles = arguments.plot and any(f.name in _ANGLES for f in formats)
        if (arguments.summary or arguments.plot) and not draws_angles:
            return _show(arguments, options, inputs, max_size, console)
        errors: list[HumantrackError] = []
        if draws_angles:
            _draw_angles(arguments, options, inputs, max_size, console)
        keep = {item.path for item in inputs}
        for item in inputs:
            try:
                with _progress(console, arguments.quiet) as progress:
                    done = export(
                        item.path,
                        formats,
                        output := _output(arguments.output, item),
                        options,
                        force=arguments.force,
                        strict=arguments.strict,
                        max_size=max_size,
                        progress=progress,
                        keep=keep,
                    )
            except HumantrackError as error:
                errors.append(item.told(error))
                continue
            keep.update(done.files)
            for note in done.notes:
                console.print(f"note: {printable(item.text(note))}")
            if not arguments.quiet and not (output is not None and is_stream(output)):
                for file in done.files:
                    console.print(printable(str(file)))
                if not done.files:
                    console.print(printable(f"note: {item.shown} holds nobody to export"))
        return errors


def _check(
    arguments: argparse.Namespace, options: ExportOptions, console: Console
) -> list[HumantrackError]:
    """Read files back."""
    from humantrack.export.check import check, results_of

    if len(arguments.inputs) > 1:
        raise ConfigError("files are checked against one results file", where="--check")
    errors: list[HumantrackError] = []
    for path in arguments.check:
        try:
            results = arguments.inputs[0] if arguments.inputs else results_of(path)
            done = check(results, path, options)
        except HumantrackError as error:
            errors.append(error)
            continue
        said = f"{path}: {done.people} frames of people, {done.points} points each; "
        each = [done] if done.beside is None else [done, done.beside]
        said += "largest difference "
        said += " and ".join(f"{one.largest:.4f} {one.unit} ({one.where})" for one in each)
        console.print(printable(said))
    return errors


def _draw_angles(
    arguments: argparse.Namespace,
    options: ExportOptions,
    inputs: Sequence[Input],
    max_size: int,
    console: Console,
) -> None:
    """The picture of joint angles, of one file."""
    from humantrack.export.angle_plot import plot_angles

    if len(inputs) > 1:
        raise ConfigError("angles are drawn of one file", where=f"--plot {arguments.plot}")
    [item] = inputs
    try:
        plot_angles(
            item.path,
            options,
            arguments.plot,
            force=arguments.force,
            strict=arguments.strict,
            max_size=max_size,
            note=lambda line: console.print(f"note: {printable(item.text(line))}"),
        )
    except HumantrackError as error:
        raise item.told(error) from error
    if not arguments.quiet:
        console.print(printable(str(arguments.plot)))


def _output(output: str | None, item: Input) -> str | None:
    """Where the exports of an input go."""
    if output is None:
        return None if item.spooled_from is None else STDOUT
    if is_folder(output):  # clips of one name in two folders stay two
        return f"{Path(output, item.place).parent}/"
    return output


def _show(
    arguments: argparse.Namespace,
    options: ExportOptions,
    inputs: Sequence[Input],
    max_size: int,
    console: Console,
) -> list[HumantrackError]:
    """The summary and the picture of it."""
    from humantrack.export.summary import show

    def told(line: str) -> str:
        for item in inputs:
            line = item.text(line)
        return printable(line)

    by_path = {str(item.path): item for item in inputs}
    errors = show(
        [item.path for item in inputs],
        options,
        summary=arguments.summary,
        plot=arguments.plot,
        force=arguments.force,
        strict=arguments.strict,
        max_size=max_size,
        note=lambda line: console.print(f"note: {told(line)}"),
    )
    named = ((by_path.get(str(error.where)), error) for error in errors)
    return [error if item is None else item.told(error) for item, error in named]


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
    schema = files("humantrack.export").joinpath("results.schema.json").read_text("utf-8")
    from humantrack.export.output import StreamOutput

    with StreamOutput() as outputs:
        outputs.open(".json").write(schema.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
