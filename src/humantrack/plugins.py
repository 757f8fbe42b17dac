"""Things by name: those of our own, and those that other packages announce by an entry point.

An entry point is looked at only when its name is asked for or names are listed, and its package
imported only when it is asked for. Names of our own come first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from humantrack.errors import ConfigError, DependencyError

OURS = "humantrack"


@dataclass(frozen=True)
class Registry:
    """All things of a kind, by name.

    Args:
        kind: what they are called in messages, e.g. 'tracker'.
        group: of the entry points of other packages.
        built_in: our own: name -> what imports and gives the thing.
    """

    kind: str
    group: str
    built_in: Mapping[str, Callable[[], Any]]

    def origins(self) -> dict[str, str]:
        """Every name with the package it comes from; our own first."""
        theirs = {point.name: _package(point) for point in self._points()}
        return dict.fromkeys(self.built_in, OURS) | {
            name: package for name, package in sorted(theirs.items()) if name not in self.built_in
        }

    def __contains__(self, name: object) -> bool:
        return name in self.built_in or any(point.name == name for point in self._points())

    def load(self, name: str, *, where: str) -> Any:
        """The thing of that name.

        Args:
            name: what to look for.
            where: how the user asked for it, e.g. 'tracker=mine', for the error.

        Raises:
            ConfigError: if there is none; lists what there is and where each comes from.
            DependencyError: if another package's thing cannot be imported.
        """
        if name in self.built_in:
            return self.built_in[name]()
        for point in self._points():
            if point.name == name:
                return self._imported(point, where)
        raise ConfigError(f"unknown {self.kind}", where=where, hint=self._hint(name))

    def _points(self) -> list[EntryPoint]:
        return list(entry_points(group=self.group))

    def _imported(self, point: EntryPoint, where: str) -> Any:
        try:
            return point.load()
        except Exception as error:
            raise DependencyError(
                f"the {self.kind} of {_package(point)} cannot be imported "
                f"({type(error).__name__}: {error})",
                where=where,
                hint=f"repair or remove that package; it announces {point.value}",
            ) from error

    def _hint(self, name: str) -> str:
        origins = self.origins()
        close = get_close_matches(name, origins, n=1, cutoff=0.6)
        guess = f"did you mean {close[0]}? " if close else ""
        told = [n if package == OURS else f"{n} ({package})" for n, package in origins.items()]
        return f"{guess}known are {', '.join(told)}"


def _package(point: EntryPoint) -> str:
    found = point.dist
    return f"{found.name} {found.version}" if found is not None else point.value
