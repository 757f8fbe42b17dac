"""Under which names a checkpoint holds a network's weights: people wrap, nest and rename them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from humantrack.errors import WeightsError
from humantrack.weights.checkpoint import read_checkpoint

if TYPE_CHECKING:
    from torch import Tensor

_log = logging.getLogger(__name__)

_DEEPEST = 8
"""Levels of dictionaries that are looked into."""

_SHOWN = 5
_CLOSEST = 32
"""Prefixes that are tried in full: those under which most names are found."""

Shapes = Mapping[str, tuple[int, ...]]


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint, the names of the dictionaries they lie in before their own.

    Args:
        path: the file, say with ``{"model": {"a.weight": ...}}``.

    Returns:
        In the file's order, say ``model.a.weight``.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: as :func:`~humantrack.weights.checkpoint.read_checkpoint`, or no tensors.
    """
    found: dict[str, Tensor] = {}
    content = read_checkpoint(path)
    _gather(content, "", found, 0)
    if not found:
        have = _listed(map(str, content)) if isinstance(content, dict) else "no entries"
        raise WeightsError(f"the file holds no weights (it has {have})", where=path)
    return found


def _gather(content: Any, prefix: str, found: dict[str, Tensor], depth: int) -> None:
    import torch

    if not isinstance(content, Mapping) or depth > _DEEPEST:
        return
    for key, value in content.items():
        if isinstance(value, torch.Tensor):
            found[f"{prefix}{key}"] = value
        else:
            _gather(value, f"{prefix}{key}.", found, depth + 1)


def prefix_of(
    state: Mapping[str, Tensor], wanted: Shapes, *, usual: str = "", where: object = None
) -> str:
    """What stands before a network's keys in a checkpoint.

    The prefix under which all keys are found, with their shapes. Of several the one that begins
    as usual, then the shortest, then the first in the file; a note in the log tells the others.
    If there is none, the one under which most are found, so that an error can tell what is wrong.

    Args:
        state: key -> tensor.
        wanted: the network's keys that must be there, and their shapes.
        usual: how the prefix of the official file begins.
        where: the file, for the error.

    Raises:
        WeightsError: if not one key of the file ends as one of the network's does.
    """
    votes: Counter[str] = Counter()
    for key in state:
        for start in range(len(key)):
            if key[start:] in wanted:
                votes[key[:start]] += 1
    if not votes:
        raise WeightsError(
            f"none of the network's {len(wanted)} keys is there ({_listed(wanted)}); "
            f"the file has {len(state)}: {_listed(state)}",
            where=where,
            hint="this is a checkpoint of another model",
        )
    fitting = {
        prefix: sum(_fits(state.get(prefix + key), shape) for key, shape in wanted.items())
        for prefix, _ in votes.most_common(_CLOSEST)
    }

    def rank(prefix: str) -> tuple[int, int, bool, int]:
        return -fitting[prefix], -votes[prefix], not prefix.startswith(usual), len(prefix)

    best = min(fitting, key=rank)
    whole = [p for p in fitting if fitting[p] == len(wanted) and p != best]
    if whole and fitting[best] == len(wanted):
        _log.warning(
            "%s: holds these weights several times; those under %r are taken, not those under %s",
            where,
            best,
            _listed(map(repr, whole)),
        )
    return best


def _fits(tensor: Tensor | None, shape: tuple[int, ...]) -> bool:
    return tensor is not None and tuple(tensor.shape) == shape


def _listed(keys: Iterable[str]) -> str:
    """The first few keys and how many more there are."""
    keys = list(keys)
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more
