"""Nobody's face is left in any frame of a drawn clip, as its exact truth tells."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_heads import disc_of_head

import humantrack
from humantrack.video import open_source


@pytest.fixture(scope="module")
def shown(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Videos of a run that hides faces and draws nothing over the clip."""
    out = tmp_path_factory.mktemp("hidden")
    render = {"blur_faces": True, "type": "TRACKID_99_MESH", "world": True}
    humantrack.track(data / "demo_small.mp4", output_dir=out, tracker="embedded", render=render)
    return {
        "overlay": out / "PHALP_demo_small.mp4",
        "world video": out / "PHALP_demo_small.world.mp4",
    }


def detail(rgb: np.ndarray, where: np.ndarray) -> float:
    """Variance of the Laplacian there."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(cv2.Laplacian(grey, cv2.CV_32F)[where].var())


@pytest.mark.parametrize("which", ["overlay", "world video"])
def test_no_face_is_left_in_any_frame(which, shown, data):
    with np.load(data / "demo_small_gt.npz") as file:
        truth = dict(file)
    heads = 0
    clip, made = open_source(data / "demo_small.mp4"), open_source(shown[which])
    with clip, made:
        for frame, after in zip(clip, made, strict=True):
            height, width = frame.rgb.shape[:2]
            left = after.rgb[:height, :width]
            for person in np.nonzero(truth["present"][frame.index])[0]:
                disc = disc_of_head(truth, frame.index, person, (height, width))
                changed = np.abs(left.astype(int) - frame.rgb)[disc].max(axis=1)
                assert (changed > 0).mean() > 0.98, frame.index
                assert detail(left, disc) < 0.05 * detail(frame.rgb, disc), frame.index
                heads += 1
    assert heads == truth["present"].sum() == 90
