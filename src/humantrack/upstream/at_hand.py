"""Files that are here, in place of those that a genuine class would fetch or look for elsewhere.

Source of what is replaced: ``track.py`` and ``hmr2/models/__init__.py`` of 4D-Humans,
``phalp/trackers/PHALP.py`` of PHALP.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from humantrack.geometry.zbuffer import rasterize
from humantrack.upstream.genuine import replaced
from humantrack.weights.catalog import CATALOG, find

_DETECTOR_FILES = {
    "model_final_f05665.pkl": "cascade_mask_rcnn_vitdet_h.pkl",
    "model_final_ef3a80.pkl": "mask_rcnn_regnety_4gf.pkl",
}
"""The end of an address that detectron2 is given -> the name of the file in our catalogue."""

Load = Callable[..., tuple[Any, Any]]


@contextlib.contextmanager
def files_at_hand(tracker_module: Any, load_hmr2: Load) -> Iterator[None]:
    """Nothing is fetched that is here, and nothing is wanted at a second place.

    Args:
        tracker_module: ``phalp.trackers.PHALP``.
        load_hmr2: stands for the function of that name of ``hmr2.models``.
    """
    models = sys.modules["hmr2.models"]
    with contextlib.ExitStack() as stack:
        for name, value in (
            ("download_models", _nothing),
            ("load_hmr2", load_hmr2),
            ("check_smpl_exists", _true),
        ):
            for owner in _holders(models, name):
                stack.enter_context(replaced(owner, name, value))
        stack.enter_context(replaced(np, "load", _load_here(np.load)))
        predictor = getattr(tracker_module, "DefaultPredictor_Lazy", None)
        if predictor is not None:
            local = _with_local_weights(predictor)
            stack.enter_context(replaced(tracker_module, "DefaultPredictor_Lazy", local))
        if importlib.util.find_spec("neural_renderer") is None:
            stack.enter_context(_stands_in("neural_renderer", Renderer=Renderer))
        yield


def _holders(owner: Any, name: str) -> list[Any]:
    """The module and all that have imported this name from it."""
    original = getattr(owner, name, None)
    if original is None:
        return []
    loaded = [m for m in list(sys.modules.values()) if isinstance(m, ModuleType)]
    return [m for m in loaded if vars(m).get(name) is original]


def _load_here(original: Callable[..., Any]) -> Callable[..., Any]:
    """``np.load`` that finds an official file wherever it is."""

    def load(file: Any, *args: Any, **options: Any) -> Any:
        if isinstance(file, str | Path) and not Path(file).exists():
            entry = CATALOG.get(Path(file).name)
            file = (find(entry) if entry is not None else None) or file
        return original(file, *args, **options)

    return load


def _with_local_weights(predictor: Any) -> Callable[[Any], Any]:
    """PHALP's detector, told to read weights that were fetched already."""

    def make(settings: Any, *args: Any, **options: Any) -> Any:
        train = getattr(settings, "train", None)
        address = str(getattr(train, "init_checkpoint", None) or "")
        name = _DETECTOR_FILES.get(address.rpartition("/")[2])
        entry = None if name is None else CATALOG.get(name)
        path = None if entry is None else find(entry)
        if path is not None and train is not None:
            train.init_checkpoint = str(path)
        return predictor(settings, *args, **options)

    return make


@contextlib.contextmanager
def _stands_in(name: str, **contents: Any) -> Iterator[None]:
    """A module of this name, for as long as the block lasts."""
    module = ModuleType(name)
    vars(module).update(contents)
    sys.modules[name] = module
    try:
        yield
    finally:
        if sys.modules.get(name) is module:
            del sys.modules[name]


class Renderer(nn.Module):
    """In place of neural_renderer's, which needs CUDA: depth maps by our z-buffer, on any device.

    Args:
        image_size: side of the maps, px.
        orig_size: side that the camera's numbers are given for, px.
        near: smallest z drawn, metres.
        far: largest, and that of the background.
    """

    def __init__(
        self,
        image_size: int = 256,
        orig_size: int = 1024,
        near: float = 0.1,
        far: float = 100.0,
        **_: Any,
    ) -> None:
        super().__init__()
        self.image_size, self.orig_size, self.near, self.far = image_size, orig_size, near, far

    def forward(  # noqa: PLR0917 - neural_renderer's
        self,
        vertices: Tensor,
        faces: Tensor,
        textures: Any = None,
        mode: str | None = None,
        K: Tensor | None = None,
        R: Tensor | None = None,
        t: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        """(N,V,3) metres and (N,F,3) -> (N,H,W) metres.

        Raises:
            NotImplementedError: for anything but depth, of which nobody draws more.
        """
        if mode != "depth" or K is None or textures is not None:
            raise NotImplementedError("only depth maps are drawn without neural_renderer itself")
        points = vertices if R is None else vertices @ R.transpose(-1, -2)
        points = points if t is None else points + t.reshape(-1, 1, 3)
        scale = self.image_size / self.orig_size
        camera = K.reshape(-1, 3, 3)[0] * scale
        depth = rasterize(
            points,
            faces.reshape(-1, *faces.shape[-2:])[0],
            focal_px=float(camera[0, 0]),
            centre_px=(float(camera[0, 2]), float(camera[1, 2])),
            size=(self.image_size, self.image_size),
            near=self.near,
            far=self.far,
        ).depth
        return torch.as_tensor(depth)


def _nothing(*_: Any, **__: Any) -> None:
    """In place of what fetches files."""


def _true(*_: Any, **__: Any) -> bool:
    """In place of what looks for SMPL where nobody reads it."""
    return True
