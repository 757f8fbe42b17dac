"""detectron2's defaults: CUDA, unless told otherwise."""

from types import SimpleNamespace


def get_cfg():
    return SimpleNamespace(MODEL=SimpleNamespace(DEVICE="cuda", WEIGHTS=""))
