"""Formats by name: ours, and those of other packages (entry points ``humantrack.exporters``).

An entry point names a subclass of ``Exporter`` that says its suffix, or a ``Format``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from humantrack.errors import ConfigError
from humantrack.export.formats.base import FORMATS, Exporter, Format
from humantrack.plugins import Registry

EXPORTERS = Registry(
    "format",
    "humantrack.exporters",
    {name: lambda kind=kind: kind for name, kind in FORMATS.items()},
)


def find_format(name: str) -> Format:
    """The format called ``name``.

    Raises:
        ConfigError: if there is none of that name, or what is announced is not a format.
        DependencyError: if another package's exporter cannot be imported.
    """
    where = f"--format {name}"
    found = EXPORTERS.load(name, where=where)
    format_ = replace(found, name=name) if isinstance(found, Format) else _described(name, found)
    if format_ is None or not format_.suffix.startswith(".") or not format_.suffix[1:]:
        raise ConfigError(
            "not a format: it must be a subclass of humantrack.export.Exporter with a suffix "
            "such as .txt",
            where=where,
        )
    return format_


def announced() -> dict[str, str]:
    """The formats of other packages, and the packages; none of them is imported."""
    return {name: package for name, package in EXPORTERS.origins().items() if name not in FORMATS}


def _described(name: str, kind: Any) -> Format | None:
    """A class of another package, as an entry of the list of formats."""
    if not (isinstance(kind, type) and issubclass(kind, Exporter)):
        return None
    return Format(
        name,
        str(kind.suffix),
        kind.about,
        kind,
        is_motion=kind.is_motion,
        is_single=kind.is_single,
    )
