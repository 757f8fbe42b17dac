"""The command ``humantrack-weights``: list, fetch, verify and import model files."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from humantrack._version import __version__
from humantrack.atomic import atomic_write
from humantrack.errors import (
    ConfigError,
    HumantrackError,
    InterruptedRunError,
    SourceNotFoundError,
    WeightsError,
)
from humantrack.weights import archives, hashes
from humantrack.weights.catalog import (
    GROUPS,
    ModelFile,
    by_name,
    cache_root,
    find,
    home_of,
    select,
)
from humantrack.weights.fetch import fetch, install_archive

if TYPE_CHECKING:
    from rich.console import Console


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit code: 0, 2 for a wrong argument, or that of the first error met.
    """
    arguments = _parser().parse_args(argv)
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False, markup=False)
    try:
        errors = arguments.run(arguments, console)
    except HumantrackError as error:
        errors = [error]
    except KeyboardInterrupt:
        return InterruptedRunError.exit_code
    for problem in errors:
        print(f"humantrack-weights: {problem}", file=sys.stderr)  # noqa: T201
    return errors[0].exit_code if errors else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="humantrack-weights",
        description="Model files of HMR2, PHALP and detectors. The embedded default needs none.",
        epilog="The cache is $HUMANTRACK_CACHE, or else ~/.cache.",
    )
    version = f"humantrack-weights {__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    groups = ", ".join(GROUPS)
    for name, run, text, default in (
        ("list", _list, "show what there is and what is there", ["all"]),
        ("fetch", _fetch, "download what is missing (hmr2 and phalp unless named)", None),
        ("verify", _verify, "compare files with their hashes", ["all"]),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "names",
            nargs="*",
            metavar="NAME",
            default=default or ["hmr2", "phalp"],
            help=f"a file, a group ({groups}) or all",
        )
        command.set_defaults(run=run)
    text = "take over a file you have, or the known files of an archive"
    command = commands.add_parser("import", help=text, description=text)
    command.add_argument("file", type=Path, metavar="FILE")
    command.add_argument("--as", dest="name", metavar="NAME", help="which file of the list it is")
    command.set_defaults(run=_import)
    return parser


def _list(arguments: argparse.Namespace, console: Console) -> list[HumantrackError]:
    """Three lines a file, none of them folded, so that names and addresses can be copied."""
    from rich import filesize

    files = select(arguments.names)
    console.print(f"cache: {cache_root()}")
    for group in dict.fromkeys(file.group for file in files):
        console.print(f"\n{group}")
        for file in (f for f in files if f.group == group):
            path = find(file)
            state = "there" if path else "register" if file.register_at else "missing"
            size = path.stat().st_size if path else file.size
            known = "" if size is None else f", {filesize.decimal(size)}"
            where = path or file.register_at or file.url or f"in {file.archive}"
            console.print(f"  {state:8}  {file.name}: {file.purpose}{known}")
            console.print(f"            licence: {file.licence}")
            console.print(f"            {where}")
    return []


def _fetch(arguments: argparse.Namespace, console: Console) -> list[HumantrackError]:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TransferSpeedColumn,
    )

    errors: list[HumantrackError] = []
    bars: dict[str, object] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=console) as display:

        def progress(name: str, done: int, total: int | None) -> None:
            if name not in bars:
                bars[name] = display.add_task(name, total=total)
            display.update(bars[name], completed=done, total=total)  # type: ignore[arg-type]

        for file in select(arguments.names):
            if file.is_archive and file.name not in arguments.names:
                continue  # it comes with what it brings, if that is missing
            try:
                path = fetch(file, progress=progress)
            except HumantrackError as error:
                errors.append(error)  # the other files are still worth having
            else:
                display.console.print(f"{file.name}: {path}")
    return errors


def _verify(arguments: argparse.Namespace, console: Console) -> list[HumantrackError]:
    errors: list[HumantrackError] = []
    for file in select(arguments.names):
        path = find(file)
        if path is None:
            continue
        try:
            known = hashes.check(path, file.sha256)
        except HumantrackError as error:
            errors.append(error)
        else:
            state = "unchanged" if known else "hash noted; it is trusted from now on"
            console.print(f"{file.name}: {state}")
    return errors


def _import(arguments: argparse.Namespace, console: Console) -> list[HumantrackError]:
    source: Path = arguments.file
    if not source.is_file():
        raise SourceNotFoundError("no such file", where=source)
    named = by_name(arguments.name) if arguments.name else _recognised(source.name)
    if named is not None:
        put = _put(source, named)
        console.print(f"{named.name}: {put}")
        if named.is_archive:
            for path in install_archive(named, put):
                console.print(f"  {path}")
        return []
    if not archives.is_archive(source):
        hint = "say which it is with --as NAME; humantrack-weights list names them"
        raise ConfigError("not the name of a known model file", where=source, hint=hint)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = [(path, _recognised(path.name)) for path in archives.unpack(source, scratch)]
        taken = [(path, file) for path, file in found if file is not None]
        if not taken:
            raise WeightsError("the archive holds no known model file", where=source)
        for path, file in taken:
            console.print(f"{file.name}: {_put(path, file)}")
    return []


def _recognised(name: str) -> ModelFile | None:
    try:
        return by_name(name)
    except ConfigError:
        return None


def _put(source: Path, file: ModelFile) -> Path:
    """Copy a file to its place in the cache; its hash is checked or noted."""
    if file.sha256 is not None and hashes.sha256_of(source) != file.sha256:
        raise WeightsError(f"this is not the official {file.name}", where=source)
    target = home_of(file)
    if target.exists() and target.samefile(source):
        return target
    with source.open("rb") as content, atomic_write(target) as out:
        shutil.copyfileobj(content, out, 1 << 20)
    hashes.note_path(target).unlink(missing_ok=True)
    hashes.check(target, file.sha256)
    return target


if __name__ == "__main__":
    sys.exit(main())
