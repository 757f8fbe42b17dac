"""A tracker of given boxes without networks, for tests of parts; quickly imported."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from humantrack import PHALP, Appearance, BodyBatch, Defaults, People

ENTRY_POINT = "[humantrack.trackers]\nlight = light_tracker:Light\n"


def install(folder: Path) -> str:
    """Make ``tracker=light`` known to processes whose PYTHONPATH has what is returned."""
    info = folder / "light_tracker-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: light-tracker\nVersion: 1\n")
    (info / "entry_points.txt").write_text(ENTRY_POINT)
    return os.pathsep.join([str(folder), str(Path(__file__).parent)])


class LightEstimator:
    """Bodies that depend on their boxes and pictures alone, made in no time."""

    warm_up_s = 0.0

    def estimate(self, frames, detections):
        return [self._one(f, d) for f, d in zip(frames, detections, strict=True)]

    def _one(self, frame, found):
        n, centre = len(found), found.xyxy_px.reshape(-1, 2, 2).mean(axis=1)
        turns = np.tile(np.eye(3, dtype=np.float32), (n, 24, 1, 1))
        mean = np.array([frame.rgb[int(y), int(x)].mean() for x, y in centre], np.float32)
        bodies = BodyBatch(
            global_orient=turns[:, :1],
            body_pose=turns[:, 1:],
            betas=np.tile(mean[:, None] / 255, (1, 10)),
            cam_crop=np.tile(np.array([1, 0, 0], np.float32), (n, 1)),
            cam_t=np.column_stack([centre / 100, np.full(n, 40)]).astype(np.float32),
            joints_3d=np.zeros((n, 45, 3), np.float32),
            joints_2d=np.full((n, 45, 2), 0.5, np.float32),
        )
        code = np.zeros((n, 4096), np.float32)
        return People(
            detections=found,
            bodies=bodies,
            appearance=Appearance(code=code),
            padded_xyxy_px=found.xyxy_px,
            source=np.arange(n),
        )

    def reset(self):
        pass

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


class Light(PHALP):
    """A tracker with no networks."""

    appearance = "colour"
    defaults = Defaults(predict="APL", small_w=0, small_h=0, detector="given")

    def setup_hmr(self):
        self.body, self.estimator = None, LightEstimator()
