"""The command line before Hydra reads it: flags that fit together, values as they are meant."""

from __future__ import annotations

import argparse
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from humantrack.config.load import check_overrides, conf_dir
from humantrack.config.quoting import parsed, quoted
from humantrack.config.values import as_meant, exists, expanded
from humantrack.errors import ConfigError
from humantrack.sweep.clips import split_list

_CALL_OR_QUOTE = re.compile(r"['\"\[]|[a-z]+\(")


@dataclass(frozen=True)
class CommandLine:
    """What a user typed, as Hydra gets it."""

    arguments: list[str]
    """Flags first, then overrides."""

    config_name: str | None
    """The user's own configuration in place of ``config``."""

    rerun: str | None
    """A file of ``--experimental-rerun``."""


def read_arguments(arguments: list[str]) -> CommandLine:
    """Flags and overrides, checked.

    Raises:
        ConfigError: for an unknown flag or key, or a value that a key cannot have.
    """
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    parser.allow_abbrev = False
    flags, typed = _apart(parser, arguments)
    args = parser.parse_args(flags)
    if args.shell_completion:
        _check_completion(typed)
        return CommandLine([*flags, *typed], None, None)
    _check_flags(args)
    folders = [] if args.config_dir is None else [Path(expanded(args.config_dir))]
    split = split_list if args.multirun else None
    overrides = [clips_as_meant(t) if args.multirun else as_meant(t, split) for t in typed]
    folders += _search_path(overrides)
    _check_config(args, folders)
    check_overrides(overrides, folders)
    if args.config_dir is not None:
        flags = _with_folder(flags, args.config_dir, str(folders[0]))
    return CommandLine([*flags, *overrides], args.config_name, args.experimental_rerun)


def clips_as_meant(argument: str) -> str:
    """As :func:`as_meant` in a sweep, which reads ``video.source`` in its own way."""
    name, equals, value = argument.partition("=")
    if name.lstrip("+") != "video.source" or not equals:
        return as_meant(argument, split_list)
    by_hydra = _CALL_OR_QUOTE.match(value) and parsed(f"video.source={value}") is not None
    if by_hydra and not exists(value):
        return argument
    return f"{name}={quoted(value)}"


def _apart(parser: argparse.ArgumentParser, arguments: list[str]) -> tuple[list[str], list[str]]:
    """Flags with their values, and what sets keys, in whatever order they were typed."""
    with_value = {
        text: action.nargs
        for action in parser._actions
        for text in action.option_strings
        if action.nargs == "?" or (action.nargs is None and action.option_strings)
    }
    flags: list[str] = []
    typed: list[str] = []
    rest = list(arguments)
    while rest:
        text = rest.pop(0)
        if text == "--":
            return flags, typed + rest
        if not text.startswith("-") or text == "-":
            typed.append(text)
            continue
        flags.append(text)
        if text in with_value and rest:
            optional = with_value[text] == "?"
            if not rest[0].startswith("-") and not (optional and "=" in rest[0]):
                flags.append(rest.pop(0))
                continue
        if with_value.get(text) == "?":
            flags.append("all")  # else the next override would be taken for the flag's value
    return flags, typed


def _check_flags(args: argparse.Namespace) -> None:
    """Refuse what Hydra has no line of its own for."""
    asked = {
        "--run": args.run,
        "--multirun": args.multirun,
        "--cfg": args.cfg is not None,
        "--info": args.info is not None,
    }
    together = [flag for flag, is_there in asked.items() if is_there]
    if len(together) > 1:
        raise ConfigError("these flags do not go together", where=" ".join(together))
    if args.resolve and args.cfg is None:
        raise ConfigError("--resolve goes with --cfg job", where="--resolve")
    if args.package is not None and args.cfg is None:
        raise ConfigError("--package goes with --cfg job", where=f"--package {args.package}")
    if args.experimental_rerun is not None and not Path(args.experimental_rerun).is_file():
        raise ConfigError("no such file", where=f"--experimental-rerun {args.experimental_rerun}")


def _check_completion(typed: list[str]) -> None:
    """Refuse what Hydra's completion would stumble over."""
    ask, _, shell = typed[0].partition("=") if len(typed) == 1 else ("", "", "")
    if ask not in ("install", "uninstall", "query") or shell not in ("bash", "zsh", "fish"):
        raise ConfigError(
            "completion is not set up like this",
            where=" ".join(["-sc", *typed]),
            hint="`humantrack --hydra-help` has the line for bash, zsh and fish",
        )
    if ask == "query" and "COMP_LINE" not in os.environ:
        raise ConfigError("only a shell asks this", where=f"-sc {typed[0]}")


def _check_config(args: argparse.Namespace, folders: list[Path]) -> None:
    """Refuse a configuration that is not there.

    Args:
        args: the flags.
        folders: that configurations are looked for in, besides the package's own.
    """
    if args.config_dir is not None and not folders[0].is_dir():
        raise ConfigError("no such folder", where=f"--config-dir {args.config_dir}")
    name = args.config_name
    if (
        name in (None, "config", "config.yaml")
        and folders
        and (folders[0] / "config.yaml").exists()
    ):
        raise ConfigError(
            "a configuration of your own needs another name, since this is humantrack's",
            where=folders[0] / "config.yaml",
            hint="rename it, and add --config-name NAME",
        )
    if name is None or args.config_path is not None:
        return
    file = name if name.endswith(".yaml") else f"{name}.yaml"
    if not name.strip() or not any((f / file).is_file() for f in (*folders, conf_dir())):
        hint = "name its folder with --config-dir FOLDER"
        if folders and folders[0].is_dir():
            there = sorted(p.stem for p in folders[0].glob("*.yaml"))
            hint = f"in {folders[0]} there are {', '.join(there[:8]) or 'none'}"
        raise ConfigError("no such configuration", where=file if name.strip() else "''", hint=hint)


def _search_path(overrides: list[str]) -> list[Path]:
    """Folders of configs that ``hydra.searchpath`` adds."""
    found = []
    for text in overrides:
        override = parsed(text) if text.startswith("hydra.searchpath=") else None
        value = None if override is None else override.value()
        if isinstance(value, list):
            found += [Path(str(v).removeprefix("file://")) for v in value]
    return [p for p in found if p != conf_dir()]


def _with_folder(flags: list[str], typed: str, folder: str) -> list[str]:
    """The flags with a folder's home expanded."""
    return [
        folder
        if f == typed
        else f"{f.partition('=')[0]}={folder}"
        if f.endswith(f"={typed}")
        else f
        for f in flags
    ]


def asks_for_debug(text: str) -> bool:
    """True for ``debug=true``, however it is written."""
    name, _, value = text.replace(" ", "").partition("=")
    return name.lstrip("+") == "debug" and value.lower() in ("true", "yes", "on", "y", "1")


def _refuse(message: str) -> NoReturn:
    """What argparse says, as one line of ours."""
    what, _, where = message.partition(": ")
    if what == "unrecognized arguments":
        raise ConfigError(
            "unknown flag", where=where, hint="flags are in `humantrack --hydra-help`"
        )
    raise ConfigError(where or what, where=what.removeprefix("argument ") if where else None)
