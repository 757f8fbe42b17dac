"""Packages of an extra that may not be installed, and the one line that says so."""

from __future__ import annotations

import importlib.util

from humantrack.errors import DependencyError

TORCH = ("torch", "torchvision", "smplx")
"""What the extra ``hmr2`` installs."""


def missing(*packages: str) -> list[str]:
    """Those that are not installed; none is imported."""
    return [name for name in packages if not _is_there(name)]


def need_torch(what: str, *packages: str) -> None:
    """Refuse something that needs packages of the extra ``hmr2`` if they are not there.

    Args:
        what: as the user asked for it, e.g. "tracker=hmr2".
        packages: all of the extra's unless named.

    Raises:
        DependencyError: naming those that are missing, and how to install them.
    """
    need(what, "hmr2", *(packages or TORCH))


def need(what: str, extra: str, *packages: str) -> None:
    """Refuse something that needs packages of an extra if they are not there.

    Args:
        what: as the user asked for it.
        extra: that installs them.
        packages: by the names under which they are imported.

    Raises:
        DependencyError: naming those that are missing, and how to install them.
    """
    lacking = missing(*packages)
    if lacking:
        verb = "is" if len(lacking) == 1 else "are"
        raise DependencyError(
            f"{what} needs {_listed(lacking)}, which {verb} not installed",
            hint=f'run pip install "humantrack[{extra}]"',
        )


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ImportError:
        return False
    except ValueError:  # imported, by something that left no trace of where from
        return True
