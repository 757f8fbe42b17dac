"""The genuine packages: found, imported, and kept within bounds while their code runs."""

from __future__ import annotations

import contextlib
import copy
import importlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from hydra.core.config_store import ConfigStore

from humantrack.errors import DependencyError, HumantrackError, MissingWeightsError, StageError
from humantrack.weights import safe_pickle
from humantrack.weights.checkpoint import read_checkpoint

INSTALL = "the commands are in docs/upstream.md (requirements-upstream.txt)"

_PACKAGES = (
    # name, what it is, a file that only the right one has, what another of that name is
    ("phalp", "the genuine PHALP", "configs/base.py", "PyPI's phalp 0.1.3 has another API"),
    ("hmr2", "4D-Humans, which PHALP imports", "datasets/utils.py", "another hmr2"),
    ("detectron2", "the detector that PHALP imports", "__init__.py", "another detectron2"),
)


@dataclass(frozen=True, kw_only=True)
class Genuine:
    """What the adapter uses of the genuine packages."""

    module: Any
    """phalp.trackers.PHALP"""

    PHALP: Any
    FullConfig: Any
    HMR2018Predictor: Any
    PosePredictor: Any
    expand_boxes: Any
    """hmr2.datasets.utils.expand_bbox_to_aspect_ratio"""


def check_packages() -> None:
    """Look for the packages without importing any.

    Raises:
        DependencyError: naming the first that is missing or another of the same name.
    """
    for name, what, mark, otherwise in _PACKAGES:
        found = importlib.util.find_spec(name)
        if found is None:
            raise DependencyError(
                "tracker=upstream misses a package", where=f"{name} ({what})", hint=INSTALL
            )
        folders = list(found.submodule_search_locations or ())
        if not any((Path(folder) / mark).is_file() for folder in folders):
            raise DependencyError(
                f"this {name} is not {what}: {otherwise}",
                where=folders[0] if folders else found.origin,
                hint=f"pip uninstall {name}; {INSTALL}",
            )


def import_genuine() -> Genuine:
    """Import PHALP; what it does to warnings and printing while it is imported is undone.

    Raises:
        DependencyError: if a package is missing, wrong, or does not fit the others.
    """
    check_packages()
    names = ("trackers.PHALP", "configs.base", "models.hmar.hmr", "models.predictor")
    try:
        with warnings.catch_warnings(), np.printoptions(), kept_store():
            warnings.simplefilter("ignore")
            tracker, configs, hmr, predictor = (
                importlib.import_module(f"phalp.{name}") for name in names
            )
            boxes = importlib.import_module("hmr2.datasets.utils")
            importlib.import_module("hmr2.models")
        return Genuine(
            module=tracker,
            PHALP=tracker.PHALP,
            FullConfig=configs.FullConfig,
            HMR2018Predictor=hmr.HMR2018Predictor,
            PosePredictor=predictor.Pose_transformer_v2,
            expand_boxes=boxes.expand_bbox_to_aspect_ratio,
        )
    except ModuleNotFoundError as error:
        raise DependencyError(
            "the genuine packages miss another one", where=error.name, hint=INSTALL
        ) from error
    except Exception as error:  # whatever an import may raise: old numpy names, OpenGL, ...
        raise DependencyError(
            "the genuine packages cannot be imported",
            where=f"{type(error).__name__}: {error}",
            hint="versions that work together are in docs/upstream.md",
        ) from error


@contextlib.contextmanager
def kept_store() -> Iterator[None]:
    """Leave Hydra's store as it was, whatever is imported.

    4D-Humans' track.py puts its own configuration there, under the name of ours.
    """
    store = ConfigStore.instance()
    before = copy.deepcopy(store.repo)
    try:
        yield
    finally:
        store.repo = before


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Set an attribute and put things back as they were, inherited ones included."""
    own = vars(owner).get(name, contextlib)  # this module stands for "none"
    setattr(owner, name, value)
    try:
        yield
    finally:
        if own is contextlib:
            delattr(owner, name)
        else:
            setattr(owner, name, own)


@contextlib.contextmanager
def contained(device: str) -> Iterator[None]:
    """While genuine code runs: its ``.cuda()`` means ``device``, files run nothing, no shell.

    Windows of OpenCV are neither opened nor closed, which its builds without them refuse.

    ``torch.load`` then reads with the same unpickler as our own loaders, in which objects of
    foreign classes are inert: today's default would refuse Lightning's checkpoints, and
    ``weights_only=False`` would run what they ask for.

    Raises:
        StageError: if a shell command is asked for.
    """
    import torch

    original = torch.load

    def to_device(self: Any, *_: Any, **__: Any) -> Any:
        return self.to(device)

    def load(file: Any, map_location: Any = None, **options: Any) -> Any:
        if options.get("pickle_module") is not safe_pickle and isinstance(file, str | Path):
            return read_checkpoint(Path(file))
        return original(
            file,
            map_location="cpu",
            weights_only=False,
            pickle_module=safe_pickle,
            mmap=options.get("mmap"),
        )

    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # of old code: nothing a user can act on
        stack.enter_context(replaced(torch, "load", load))
        stack.enter_context(replaced(torch.Tensor, "cuda", to_device))
        stack.enter_context(replaced(torch.nn.Module, "cuda", to_device))
        stack.enter_context(replaced(os, "system", _refuse))
        for name in _WINDOWS:
            if hasattr(cv2, name):  # OpenCV without windows raises
                stack.enter_context(replaced(cv2, name, _no_window))
        yield


_WINDOWS = ("destroyAllWindows", "destroyWindow", "imshow", "namedWindow", "waitKey")


def _no_window(*_: Any, **__: Any) -> int:
    return -1


def _refuse(command: Any) -> int:
    raise StageError("the genuine package asks for a shell command", where=command)


@contextlib.contextmanager
def building(name: str) -> Iterator[None]:
    """Turn what a genuine constructor raises into errors of ours; what it prints goes to stderr.

    Raises:
        MissingWeightsError: if a file is not there.
        DependencyError: if a package is not there.
        StageError: for anything else.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (HumantrackError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise MissingWeightsError(
            f"{name} misses a file", where=error.filename or error, hint="see docs/upstream.md"
        ) from error
    except ModuleNotFoundError as error:
        raise DependencyError(
            f"{name} needs a package that is missing", where=error.name, hint=INSTALL
        ) from error
    except Exception as error:
        raise StageError(
            f"{name} could not be built",
            where=f"{type(error).__name__}: {error}",
            hint="add debug=true to see where",
        ) from error
