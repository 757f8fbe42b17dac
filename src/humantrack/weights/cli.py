"""The command ``humantrack-weights``: list, fetch, mirror, verify and import model files."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from humantrack._version import __version__
from humantrack.errors import (
    ConfigError,
    HumantrackError,
    InterruptedRunError,
    SourceNotFoundError,
    WeightsError,
)
from humantrack.terminal import OneLineParser
from humantrack.weights import archives, hashes
from humantrack.weights.catalog import (
    FILES,
    GROUPS,
    ModelFile,
    by_name,
    cache_root,
    find,
    home_of,
    select,
)
from humantrack.weights.sources import configured, given, remember

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
    parser = OneLineParser(
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
        if name == "fetch":
            command.add_argument(
                "--from",
                dest="source",
                metavar="DIR",
                help="a folder or mirror that has the files; nothing else is asked",
            )
    text = "ask a mirror (or a folder) before the official addresses, from now on"
    command = commands.add_parser("mirror", help=text, description=text)
    command.add_argument("url", nargs="?", metavar="URL", help="its address; without: show it")
    command.add_argument("--forget", action="store_true", help="ask the official addresses alone")
    command.set_defaults(run=_mirror)
    text = "take over a file you have, or the known files of an archive or a folder"
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
    for mirror in configured():
        console.print(f"mirror: {mirror.text}")
    for group in dict.fromkeys(file.group for file in files):
        console.print(f"\n{group}")
        for file in (f for f in files if f.group == group):
            path = find(file)
            state = "there" if path else "register" if file.register_at else "missing"
            size = path.stat().st_size if path else file.size
            known = "" if size is None else f", {filesize.decimal(size)}"
            urls = file.urls if path is None else ()
            where = path or file.register_at or f"in {file.archive}"
            console.print(f"  {state:8}  {file.name}: {file.purpose}{known}")
            console.print(f"            licence: {file.licence}")
            for place in urls or (where,):
                console.print(f"            {place}")
    return []


def _fetch(arguments: argparse.Namespace, console: Console) -> list[HumantrackError]:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TransferSpeedColumn,
    )

    from humantrack.weights.fetch import fetch

    where: dict[str, Any] = {}
    if arguments.source:
        where = {"sources": (given(arguments.source),), "official": False}
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
                path = fetch(file, progress=progress, **where)
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


def _mirror(arguments: argparse.Namespace, console: Console) -> list[HumantrackError]:
    if arguments.forget and arguments.url:
        raise ConfigError("either an address or --forget", where=arguments.url)
    if arguments.url:
        remember(given(arguments.url))
    elif arguments.forget:
        remember(None)
    for source in configured():
        console.print(f"mirror: {source.text}")
    if not configured():
        console.print("no mirror: files come from their official addresses")
    return []


def _import(arguments: argparse.Namespace, console: Console) -> list[HumantrackError]:
    from humantrack.weights.install import keep, known_files, recognise, stem

    source: Path = arguments.file
    if source.is_dir() and arguments.name is None:
        return _import_all(known_files(source), source, console)
    if not source.is_file():
        raise SourceNotFoundError("no such file", where=source)
    named = by_name(arguments.name) if arguments.name else recognise(source.name)
    if named is not None and named.is_archive:
        _import_archive(named, source, console)
        return []
    if named is not None and not _wraps(source):
        console.print(f"{named.name}: {keep(source, named)}")
        return []
    if archives.kind_of(source) is None:
        raise _unknown(source)
    with tempfile.TemporaryDirectory() as scratch:
        archives.unpack(source, Path(scratch))
        found = known_files(Path(scratch))
        if named is not None:
            found = [(path, file) for path, file in found if file == named]
        if not found and stem(source.name) == source.name:  # say an npz file: a zip file, too
            raise _unknown(source)
        return _import_all(found, source, console)


def _unknown(source: Path) -> ConfigError:
    hint = "say which it is with --as NAME; humantrack-weights list names them"
    return ConfigError("not the name of a known model file", where=source, hint=hint)


def _wraps(source: Path) -> bool:
    """Whether a known file was packed into an archive: npz files and checkpoints are zip files."""
    from humantrack.weights.install import stem

    return stem(source.name) != source.name and archives.kind_of(source) is not None


def _import_archive(named: ModelFile, source: Path, console: Console) -> None:
    """An official archive: unpacked first, so that a damaged one leaves nothing in the cache."""
    from humantrack.weights.install import install_archive, keep

    brings = [file for file in FILES if file.archive == named.name]
    installed = install_archive(named, source, needed=brings[:1])
    lacking = [file.name for file in brings if home_of(file) not in installed]
    console.print(f"{named.name}: {keep(source, named)}")
    for path in installed:
        console.print(f"  {path}")
    for name in lacking:
        console.print(f"  it does not hold {name}")


def _import_all(
    found: Sequence[tuple[Path, ModelFile]], source: Path, console: Console
) -> list[HumantrackError]:
    """Take over what is known of an archive or a folder; what cannot be used is told."""
    from humantrack.weights.install import keep

    if not found:
        hint = "humantrack-weights list names those that are known; --as NAME says what a file is"
        raise WeightsError("it holds no known model file", where=source, hint=hint)
    errors: list[HumantrackError] = []
    for path, file in found:
        try:
            console.print(f"{file.name}: {keep(path, file)}")
        except HumantrackError as error:
            errors.append(error)  # the others are still worth having
    return errors


if __name__ == "__main__":
    sys.exit(main())
