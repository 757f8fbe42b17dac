"""COLMAP's part: what it is given, and what is said where it is missing or fails."""

import sys

import camera_tools as made
import cv2
import numpy as np
import pytest

from humantrack.errors import DependencyError
from humantrack.types import Frame, FrameRecord
from humantrack.world.camera import ColmapFrames, need_colmap, solve, solve_with_colmap


def write(folder, count, cut=None, every=6):
    with ColmapFrames(folder, every=every) as sink:
        for index in range(count):
            key = {"index": index, "source_index": index, "key": str(index), "time_s": index / 30}
            start = index == cut
            frame = Frame(**key, rgb=np.full((90, 160, 3), index, np.uint8), is_shot_start=start)
            sink.write(
                frame, FrameRecord(**key, is_shot_start=start, image_size=(90, 160), people=())
            )


def test_each_shot_begins_and_ends_with_a_picture(tmp_path):
    write(tmp_path, 20, cut=9)
    names = {
        shot: sorted(int(path.stem) for path in (tmp_path / shot / "images").glob("*.jpg"))
        for shot in ("shot_0000", "shot_0001")
    }
    assert names == {"shot_0000": [0, 6, 8], "shot_0001": [9, 15, 19]}
    mask = cv2.imread(str(tmp_path / "shot_0001/masks/00000015.jpg.png"), cv2.IMREAD_GRAYSCALE)
    assert mask.shape == (90, 160)
    assert (mask == 255).all()
    picture = cv2.imread(str(tmp_path / "shot_0001/images/00000015.jpg"))
    assert np.abs(picture.astype(int) - 15).max() <= 2


def test_pycolmap_that_is_missing_is_said(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    with pytest.raises(DependencyError, match="pycolmap") as caught:
        need_colmap()
    assert "humantrack[colmap]" in str(caught.value)
    path = solve(made.tracks(np.tile(np.eye(3), (5, 1, 1))), focal_px=500.0)
    with pytest.raises(DependencyError):
        solve_with_colmap(tmp_path, path, made.SIZE, refine_focal=True)


def test_what_colmap_cannot_solve_stays_as_it_was(tmp_path):
    pytest.importorskip("pycolmap", reason="the extra colmap is not installed")
    write(tmp_path, 30)
    true = made.turns(np.linspace(0, 1, 30)[:, None] * [0, 10, 0])
    path = solve(made.tracks(true), focal_px=made.FOCAL)
    found = solve_with_colmap(tmp_path, path, made.SIZE, refine_focal=True)
    assert (found.rotation == path.rotation).all()
    assert any("COLMAP found no camera" in note for note in found.notes)
