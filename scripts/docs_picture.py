"""Makes docs/demo.jpg, the README's picture: a frame of the demo clip, and its overlay.

usage: python scripts/docs_picture.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import av
import cv2
import numpy as np

from humantrack import BlazePose_4dhuman, load_config

ROOT = Path(__file__).resolve().parents[1]
CLIP = ROOT / "tests" / "data" / "demo.mp4"
FRAME = 176
WIDTH = 1200


def picture(path: Path, number: int) -> np.ndarray:
    """One frame of a video, (H,W,3) BGR."""
    with av.open(str(path)) as container:
        for i, frame in enumerate(container.decode(video=0)):
            if i == number:
                return frame.to_ndarray(format="bgr24")
    raise ValueError(f"{path} has no frame {number}")


def main() -> None:
    """Track the clip and put the two pictures side by side."""
    with tempfile.TemporaryDirectory() as folder:
        cfg = load_config(
            f"video.source='{CLIP}'",
            f"video.output_dir='{folder}'",
            f"video.end_frame={FRAME + 10}",
        )
        overlay = BlazePose_4dhuman(cfg).track().overlay
        both = np.hstack([picture(CLIP, FRAME), picture(overlay, FRAME)])
    height = round(both.shape[0] * WIDTH / both.shape[1])
    small = cv2.resize(both, (WIDTH, height), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(ROOT / "docs" / "demo.jpg"), small, [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
