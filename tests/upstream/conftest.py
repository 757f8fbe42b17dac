"""The stand-ins on the path, a tiny cache of official files, and a clip of two people."""

from __future__ import annotations

import importlib
import pickle
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from official_files import write_official_files

from humantrack import load_config

FAKES = Path(__file__).parents[1] / "fakes"
ROOTS = ("phalp", "hmr2", "detectron2")
FRAMES = 12


def forget_modules() -> None:
    """Drop the genuine packages, or what stands for them, and what was made from them."""
    for name in list(sys.modules):
        if name.split(".")[0] in ROOTS or name == "humantrack.upstream.adapter":
            del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("official")
    write_official_files(root)
    return root


@pytest.fixture
def on_path(monkeypatch):
    """Puts folders in front of the path; the packages in them are forgotten afterwards."""

    def put(*folders: Path) -> None:
        forget_modules()
        monkeypatch.setattr(sys, "path", [*map(str, folders), *sys.path])
        importlib.invalidate_caches()

    yield put
    forget_modules()


@pytest.fixture
def fakes(on_path, files, monkeypatch):
    """The stand-ins, ready to be imported, and a cache in which all files are there."""
    monkeypatch.setenv("HUMANTRACK_CACHE", str(files))
    on_path(FAKES)


@pytest.fixture
def adapter(fakes):
    return importlib.import_module("humantrack.upstream.adapter")


@pytest.fixture
def genuine_phalp(adapter):
    return adapter.genuine.PHALP


def place(frame: int, person: int) -> tuple[int, int]:
    """Left and top of a person's rectangle, which is 60 x 120 px."""
    return 20 + 5 * frame + 160 * person, 30


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """A folder of pictures: two people who walk to the right, the second from frame 3 on."""
    folder = tmp_path_factory.mktemp("media") / "walk"
    folder.mkdir()
    for t in range(FRAMES):
        picture = np.zeros((200, 320, 3), np.uint8)
        for person in range(1 if t < 3 else 2):
            x, y = place(t, person)
            picture[y : y + 120, x : x + 60, 0] = 200
        cv2.imwrite(str(folder / f"{t + 1:06d}.png"), picture)
    return folder


@pytest.fixture
def boxes(tmp_path):
    """Given boxes of the first person in frames 0 to 5; his identity is 7."""
    mapping = {}
    for t in range(6):
        entry = {"gt_bbox": np.array([[*place(t, 0), 60, 120]]), "extra_data": {}}
        entry["extra_data"] = {"gt_track_id": [7], "gt_class": [[3]]}
        mapping[f"{t + 1:06d}.png"] = entry
    path = tmp_path / "boxes.pkl"
    path.write_bytes(pickle.dumps(mapping))
    return path


@pytest.fixture
def config(clip, tmp_path):
    """The configuration of a run on the clip; takes overrides."""

    def build(*overrides: str):
        return load_config(
            f"video.source='{clip}'",
            f"video.output_dir='{tmp_path / 'out'}'",
            "tracker=upstream",
            "device=cpu",
            "render.enable=false",
            *overrides,
        )

    return build
