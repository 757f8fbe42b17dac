"""Trackers by name: ours, and those of other packages (entry points ``humantrack.trackers``).

A tracker is a subclass of ``PHALP``, made with the configuration and run with ``track``.
"""

from __future__ import annotations

from typing import Any

from humantrack.errors import ConfigError
from humantrack.phalp import PHALP
from humantrack.plugins import Registry


def _embedded() -> type[PHALP]:
    from humantrack.trackers.embedded import BlazePose_4dhuman

    return BlazePose_4dhuman


def _hmr2() -> type[PHALP]:
    from humantrack.trackers.hmr2 import HMR2_4dhuman

    return HMR2_4dhuman


def _upstream() -> type[Any]:
    from humantrack.upstream.adapter import tracker_class

    return tracker_class(None)


TRACKERS = Registry(
    "tracker",
    "humantrack.trackers",
    {"embedded": _embedded, "hmr2": _hmr2, "upstream": _upstream},
)


def find_tracker(name: str) -> type[Any]:
    """The tracker called ``name``.

    Raises:
        ConfigError: if there is none of that name, or it is not a tracker.
        DependencyError: if packages are missing, or another package's tracker cannot be imported.
    """
    found = TRACKERS.load(name, where=f"tracker={name}")
    if not (isinstance(found, type) and callable(getattr(found, "track", None))):
        raise ConfigError(
            "not a tracker: it must be a subclass of humantrack.PHALP", where=f"tracker={name}"
        )
    return found
