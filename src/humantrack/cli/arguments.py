"""The command line before Hydra reads it: which arguments set a key, and which need quotes."""

from __future__ import annotations

import re
from pathlib import Path

from humantrack.config.load import in_quotes, is_readable, quoted

FLAGS_WITH_VALUE = {
    *("--cfg", "-c", "--package", "-p", "--info", "-i", "--experimental-rerun"),
    *("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
}
"""Hydra's flags whose value is the next argument."""


def overrides_in(arguments: list[str]) -> list[str]:
    """The arguments that set a key: neither Hydra's flags nor a flag's value."""
    before = ["", *arguments]
    return [
        argument
        for flag, argument in zip(before, arguments, strict=False)
        if not argument.startswith("-") and (flag not in FLAGS_WITH_VALUE or "=" in argument)
    ]


PATH_KEYS = ("video.source", "video.output_dir", "video.base_path", "video.boxes")


def quote_existing_path(argument: str) -> str:
    """Quote the value of a path key for Hydra if it names something on disk as it stands.

    So that ``video.source=clip (1), final=2.mp4`` needs no second sort of quotes. A value that
    Hydra could not read is quoted too.
    """
    name, equals, value = argument.partition("=")
    if not equals or name not in PATH_KEYS or value[:1] in ("'", '"'):
        return argument
    if not _exists(value) and is_readable(argument):
        return argument
    return f"{name}={quoted(value) if _exists(value) else in_quotes(value)}"


def quote_clips(argument: str) -> str:
    """As :func:`quote_existing_path`, for a sweep, which reads ``video.source`` in its own way."""
    name, equals, value = argument.partition("=")
    if name != "video.source" or not equals:
        return quote_existing_path(argument)
    by_hydra = value[:1] in ("'", '"', "[") or re.match(r"[a-z]+\(", value)
    if by_hydra and is_readable(argument) and not _exists(value):
        return argument
    return f"{name}={in_quotes(value)}"


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False
