from __future__ import annotations

import shutil

import pytest
from links import serving


@pytest.fixture
def clip(data):
    """A small video of people."""
    return data / "demo_small.mp4"


@pytest.fixture
def web(tmp_path, clip):
    """A web server with ``clip.mp4``."""
    folder = tmp_path / "web"
    folder.mkdir()
    shutil.copy(clip, folder / "clip.mp4")
    with serving(folder) as server:
        yield server
