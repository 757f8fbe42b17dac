"""Official files with tiny networks, a clip, and boxes that leave and come back."""

from __future__ import annotations

import pytest
from official_files import write_official_files
from split_tools import boxes_text, encode


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    root = tmp_path_factory.mktemp("cache")
    write_official_files(root)
    return root


@pytest.fixture
def official(cache, monkeypatch):
    monkeypatch.setenv("HUMANTRACK_CACHE", str(cache))
    return cache


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "long.mp4"
    encode(path)
    return path


@pytest.fixture(scope="session")
def boxes(tmp_path_factory):
    path = tmp_path_factory.mktemp("boxes") / "boxes.txt"
    path.write_text(boxes_text())
    return path
