"""Whether a model file can be used: what it holds, judged before it is kept."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.errors import WeightsError
from humantrack.extras import missing as not_installed
from humantrack.weights.catalog import ModelFile
from humantrack.weights.checkpoint import HEAD, LEGACY
from humantrack.weights.smpl_table import read_regressor, read_table

_log = logging.getLogger(__name__)


def check(file: ModelFile, path: Path) -> None:
    """Open a file as those who use it will, and look for what they need in it.

    ``ModelFile.holds`` says what that is: ``smpl``, ``regressor``, ``yaml``, ``npy``, ``pickle``
    (looked at from outside, for its size), ``npz: KEYS``, or ends of keys of a checkpoint.

    Raises:
        WeightsError: it is damaged, another kind of file, or of another model.
    """
    what, _, keys = file.holds.partition(": ")
    simple: dict[str, Callable[[Path], Any]] = {
        "smpl": read_table,
        "regressor": read_regressor,
        "yaml": _yaml,
        "npy": _npy,
        "pickle": _pickle,
    }
    if what in simple:
        simple[what](path)
    elif what == "npz":
        _npz(path, keys.split(", "))
    elif what:
        _weights(path, what.split(", "))


def _weights(path: Path, ends: list[str]) -> None:
    if not_installed("torch"):
        _log.info("%s: not looked into, as PyTorch is not installed", path)
        _outside(path)
        return
    from humantrack.weights.prefix import read_tensors

    keys = read_tensors(path)
    missing = [end for end in ends if not any(_ends(key, end) for key in keys)]
    if missing:
        have = ", ".join(list(keys)[:3])
        what = f"these are not the weights: none is called {missing[0]} (there are {have})"
        raise WeightsError(what, where=path)


def _ends(key: str, end: str) -> bool:
    return key.endswith(end) or key.replace("smplx", "smpl").endswith(end)


def _outside(path: Path) -> None:
    """A checkpoint without PyTorch: a whole zip file, or a pickle that has its end.

    One of the old form ends in numbers, so that nothing tells whether they are all there.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head.startswith(b"PK"):
        return None if LEGACY in head else _pickle(path)
    try:
        with zipfile.ZipFile(path) as archive:
            archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _pickle(path: Path) -> None:
    """Begins and ends as pickles do; those of detectors are too large to be read for it."""
    with path.open("rb") as file:
        head = file.read(1)
        file.seek(0, 2)
        file.seek(max(file.tell() - 1, 0))
        tail = file.read(1)
    if head not in (b"\x80", b"(", b"]", b"}") or (head == b"\x80" and tail != b"."):
        hint = "it is cut short or damaged; fetch it anew"
        raise WeightsError("not a pickle, or not a whole one", where=path, hint=hint)


def _npy(path: Path) -> None:
    """A whole array; one of objects is a pickle, which its reader knows how to read."""
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, _, dtype = read(file)
            if dtype.hasobject:
                return
            rest = path.stat().st_size - file.tell()
        if rest < dtype.itemsize * int(np.prod(shape, dtype=np.int64)):
            raise ValueError("it is cut short")
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise _damaged(path, error) from error


def _npz(path: Path, keys: list[str]) -> None:
    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("no npz file, or not a whole one")
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            missing = [key for key in keys if file[key].size == 0]
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error
    if missing:
        raise WeightsError(f"no numbers under {missing[0]}", where=path)


def _yaml(path: Path) -> None:
    """A table; its values and tags are another's business."""
    import yaml

    try:
        node = yaml.compose(path.read_bytes(), Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise _damaged(path, error) from error
    if not isinstance(node, yaml.MappingNode):
        raise WeightsError("not a configuration", where=path)


def _damaged(path: Path, error: BaseException) -> WeightsError:
    reason = " ".join(str(error).split())[:200]
    hint = "it is cut short, damaged or another kind of file"
    return WeightsError(f"not a model file that can be read ({reason})", where=path, hint=hint)
