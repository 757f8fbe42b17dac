"""MediaPipe's pose landmarker in its live mode, on pictures from standard input.

usage: python scripts/lib/live_mediapipe.py WIDTH HEIGHT full|heavy

Takes RGB pictures one after the other and answers each with a line, as soon as its landmarks are
there. Runs in an environment of its own. The landmarker's file is put together from the models in
MediaPipe's wheel.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import zipfile
from pathlib import Path

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from mediapipe.tasks.python.metadata.metadata_writers.metadata_writer import MetadataWriter

MODULES = Path(mediapipe.__file__).parent / "modules"


def model(path: Path, mean: float, std: float) -> bytes:
    """A network with the description of its input that the tasks' API needs."""
    writer = MetadataWriter.create(bytearray(path.read_bytes()))
    writer.add_image_input(norm_mean=[mean] * 3, norm_std=[std] * 3)
    return bytes(writer.populate()[0])


def bundle(folder: Path, kind: str) -> Path:
    """The landmarker's file."""
    path, pose = folder / "pose.task", MODULES / "pose_landmark" / f"pose_landmark_{kind}.tflite"
    detector = MODULES / "pose_detection" / "pose_detection.tflite"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("pose_detector.tflite", model(detector, 127.5, 127.5))
        archive.writestr("pose_landmarks_detector.tflite", model(pose, 0.0, 255.0))
    return path


def main(width: int, height: int, kind: str) -> None:
    """Answer until the input ends."""
    is_done = threading.Event()
    found: list[int] = []

    def take(result: vision.PoseLandmarkerResult, *_: object) -> None:
        found.append(len(result.pose_landmarks))
        is_done.set()

    with tempfile.TemporaryDirectory() as folder:
        options = vision.PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(bundle(Path(folder), kind))),
            running_mode=vision.RunningMode.LIVE_STREAM,
            result_callback=take,
        )
        with vision.PoseLandmarker.create_from_options(options) as landmarker:
            size, at_ms = width * height * 3, 0
            while len(data := sys.stdin.buffer.read(size)) == size:
                rgb = np.frombuffer(data, np.uint8).reshape(height, width, 3)
                picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
                is_done.clear()
                at_ms += 33
                landmarker.detect_async(picture, at_ms)
                is_done.wait()
                print(found[-1], flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
