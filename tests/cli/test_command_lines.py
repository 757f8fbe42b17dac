"""The command lines in the READMEs of PHALP and 4D-Humans, run as they stand there.

Only the program's name differs (``python track.py`` and ``python scripts/demo.py`` are
``humantrack``), and the clips are short ones of our own under the same names. The one that takes
a YouTube link is left out.
"""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import av
import cv2
import joblib
import numpy as np
import pytest

from humantrack import load_results
from humantrack.cli.main import main

FRAMES = 64
SIZE = (320, 180)


@pytest.fixture(scope="module")
def clip(data) -> list[np.ndarray]:
    """The first frames of the small clip, halved."""
    with av.open(str(data / "demo_small.mp4")) as container:
        frames = [f.to_ndarray(format="bgr24") for f in container.decode(video=0)][:FRAMES]
    return [cv2.resize(f, SIZE, interpolation=cv2.INTER_AREA) for f in frames]


@pytest.fixture(scope="module")
def place(tmp_path_factory, clip) -> Path:
    """A folder with the files the commands name."""
    root = tmp_path_factory.mktemp("readme")
    for path in ("assets/videos/gymnasts.mp4", "assets/videos/vid.mp4"):
        write_video(root / path, clip)
    write_video(root / "example_data/videos/gymnasts.mp4", clip)
    frames = root / "assets/videos/gymnasts"
    frames.mkdir()
    for number, frame in enumerate(clip[:12], 1):
        cv2.imwrite(str(frames / f"{number:06d}.jpg"), frame)
    boxes = {
        f"{number:06d}.jpg": {
            "gt_bbox": np.array([[130.0, 30.0, 60.0, 140.0]]),
            "extra_data": {"gt_class": [], "gt_track_id": [7]},
        }
        for number in range(1, 13)
    }
    joblib.dump(boxes, root / "assets/videos/gt_tracks.pkl")
    return root


def write_video(path: Path, frames: list[np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())


VID = "video.source=assets/videos/vid.mp4"
SECOND = "video.start_frame=0 video.end_frame=12"
COMMANDS = {
    # 4D-Humans
    'video.source="example_data/videos/gymnasts.mp4"': ("outputs", "gymnasts", FRAMES),
    "video.source=assets/videos/gymnasts/": ("outputs", "gymnasts", 12),
    # PHALP
    "video.source=assets/videos/gymnasts.mp4 video.output_dir='outputs'": (
        "outputs",
        "gymnasts",
        FRAMES,
    ),
    "render.enable=True video.output_dir=test_gt_bbox use_gt=True "
    "video.base_path=assets/videos/gymnasts video.source=assets/videos/gt_tracks.pkl": (
        "test_gt_bbox",
        "gt_tracks",
        12,
    ),
    f"{VID} video.start_frame=50 video.end_frame=100": ("outputs", "vid", FRAMES - 50),
    f"{VID} video.extract_video=False video.start_time=1s video.end_time=2s": (
        "outputs",
        "vid",
        30,
    ),
    f"{VID} render.type=HUMAN_MESH {SECOND}": ("outputs", "vid", 12),
    f"{VID} render.type=HUMAN_MASK {SECOND}": ("outputs", "vid", 12),
    f"{VID} render.type=HUMAN_BBOX {SECOND}": ("outputs", "vid", 12),
    f"{VID} render.type=TRACKID_0_MESH {SECOND}": ("outputs", "vid", 12),
    f"{VID} render.head_mask=True {SECOND}": ("outputs", "vid", 12),
    f"{VID} detect_shots=True {SECOND}": ("outputs", "vid", 12),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_readme_command_runs_unchanged(command, place, tmp_path, monkeypatch):
    folder, name, frames = COMMANDS[command]
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    main(shlex.split(command))
    results = load_results(f"{folder}/results/demo_{name}.pkl")
    assert len(results) == frames
    with av.open(f"{folder}/PHALP_{name}.mp4") as container:
        assert sum(1 for _ in container.decode(video=0)) == frames
    assert next(iter(results)).startswith(f"{name}/")


def test_given_boxes_and_identities_reach_the_results(place, tmp_path, monkeypatch):
    monkeypatch.chdir(place)
    main(
        [
            "video.source=assets/videos/gt_tracks.pkl",
            "video.base_path=assets/videos/gymnasts",
            f"video.output_dir={tmp_path}",
            "use_gt=True",
            "render.enable=false",
        ]
    )
    frames = load_results(tmp_path / "results" / "demo_gt_tracks.pkl").values()
    boxes = np.array([frame["bbox"][0] for frame in frames])
    np.testing.assert_allclose(boxes, np.tile([130, 30, 60, 140], (12, 1)), atol=1e-3)
