"""Under which names a checkpoint holds a network's weights: people wrap, nest and rename them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from humantrack.errors import WeightsError
from humantrack.weights.checkpoint import read_checkpoint
from humantrack.weights.safe_pickle import Inert

if TYPE_CHECKING:
    from torch import Tensor

_log = logging.getLogger(__name__)

_DEEPEST = 32
"""Levels of dictionaries and modules that are looked into."""

_MOST = 1_000_000
"""Entries that are looked at; a training state has some ten thousand."""

_LONGEST = 1_000
"""Lists with more entries are data, and not looked into."""

_SHOWN = 5
_CLOSEST = 32
"""Prefixes that are tried in full: those under which most names are found."""

Shapes = Mapping[str, tuple[int, ...]]


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint, the names of the dictionaries they lie in before their own.

    A module that was pickled whole counts as the dictionary that its ``state_dict()`` would give;
    numpy arrays of numbers count as tensors.

    Args:
        path: the file, say with ``{"model": {"a.weight": ...}}``.

    Returns:
        In the file's order, say ``model.a.weight``.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: as :func:`~humantrack.weights.checkpoint.read_checkpoint`, or no tensors.
    """
    content = read_checkpoint(path)
    walk = _Walk(path)
    walk.gather(content, "", ())
    if not walk.found:
        have = _listed(map(str, content)) if isinstance(content, dict) else "no entries"
        raise WeightsError(f"the file holds no weights (it has {have})", where=path)
    return walk.found


class _Walk:
    """Collects the tensors of what a file holds, which may be nested, shared and circular."""

    def __init__(self, path: Path) -> None:
        self.found: dict[str, Tensor] = {}
        self._path, self._seen = path, 0

    def gather(self, value: Any, prefix: str, above: tuple[int, ...]) -> None:
        """Take the tensors below ``value``; ``above`` are the containers it lies in."""
        if id(value) in above or len(above) > _DEEPEST:
            return
        for key, part in _parts(value):
            self._seen += 1
            if self._seen > _MOST:
                raise WeightsError(f"the file has more than {_MOST} entries", where=self._path)
            tensor = _as_tensor(part)
            if tensor is not None:
                self.found[f"{prefix}{key}"] = tensor
            else:
                self.gather(part, f"{prefix}{key}.", (*above, id(value)))


def _parts(value: Any) -> Iterator[tuple[Any, Any]]:
    """Names and values of what a container, or an object of a foreign class, holds."""
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple) and len(value) <= _LONGEST:
        yield from enumerate(value)
    if isinstance(value, Inert):
        attributes = value.attributes
        if "_modules" in attributes:  # its other tensors are no part of its state
            yield from _state_of(attributes)
        else:
            yield from attributes.items()
        yield from enumerate(value.items_list[:_LONGEST])


def _state_of(attributes: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """What ``torch.nn.Module`` keeps for its ``state_dict()``, under its own names."""
    passing = attributes.get("_non_persistent_buffers_set") or ()
    for table in ("_parameters", "_buffers", "_modules"):
        part = attributes.get(table)
        if isinstance(part, Mapping):
            hidden = passing if table == "_buffers" else ()
            yield from ((key, value) for key, value in part.items() if key not in hidden)


def _as_tensor(value: Any) -> Tensor | None:
    import torch

    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.dtype.isnative:
        array = np.asarray(value)
        with suppress(TypeError):  # a number type that torch lacks
            return torch.from_numpy(array if array.flags.writeable else array.copy())
    return None


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
