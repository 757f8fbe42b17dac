"""Models that a process has loaded, kept for its next job if that needs the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_OF_A_JOB = ("video", "sweep", "checkpoint")
"""Sections that are about one job and not about the models; nor does ``_FREE`` matter to them."""

_FREE = ("overwrite", "debug", "verbose", "batch_frames", "read_ahead")


class Kept(Generic[T]):
    """The thing made last, and what it was made for."""

    def __init__(self) -> None:
        self._key: Hashable = None
        self._thing: T | None = None

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made for ``key``, or else something new; the old one is let go first."""
        if self._thing is None or key != self._key:
            self.drop()
            self._thing, self._key = make(), key
        return self._thing

    def drop(self) -> None:
        """Let go of what there is."""
        self._thing = self._key = None


def models_key(config: Mapping[str, Any]) -> str | None:
    """Two jobs with the same key need the same models; None if they belong to one clip alone.

    So do the genuine packages' classes, which are told of their clip when they are made.

    Args:
        config: the whole configuration, resolved, as plain containers.
    """
    video = config["video"]
    boxes_of_its_own = str(video["source"]).lower().endswith(".pkl")
    if config["tracker"] == "upstream" or config["upstream"]["class_"]:
        return None
    if config["use_gt"] or boxes_of_its_own or video["boxes"] is not None:
        return None
    kept = {k: v for k, v in config.items() if k not in (*_OF_A_JOB, *_FREE)}
    return json.dumps(kept, sort_keys=True, default=str)
