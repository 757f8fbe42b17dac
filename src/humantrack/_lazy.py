"""Packages whose names are imported when they are first asked for (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def lazy_names(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package.

    Type checkers must not see them, or they would believe any name to be there; what they see are
    imports under ``if TYPE_CHECKING``.

    Args:
        package: its name.
        homes: its modules, by their names in it, and what each is the home of. The modules
            themselves can be asked for too.
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    modules = {home.split(".")[0] for home in homes}

    def get(name: str) -> object:
        if name in home_of:
            value: object = getattr(import_module(f"{package}.{home_of[name]}"), name)
        elif name in modules:
            value = import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home_of, *modules})

    return get, names
