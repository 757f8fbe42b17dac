"""A small package that announces a tracker, a detector, an exporter, and things that are broken."""

from __future__ import annotations

from pathlib import Path

ENTRY_POINTS = """\
[humantrack.trackers]
jersey = jersey_plugins.tracker:Jersey
broken_tracker = jersey_plugins.broken:Tracker
no_tracker = jersey_plugins.odd:number

[humantrack.detectors]
boxer = jersey_plugins.detector:Boxer
broken_detector = jersey_plugins.broken:Detector
no_detector = jersey_plugins.odd:number

[humantrack.exporters]
lines = jersey_plugins.exporter:Lines
listed = jersey_plugins.exporter:LISTED
csv = jersey_plugins.broken:Csv
broken_exporter = jersey_plugins.broken:Exporter
no_exporter = jersey_plugins.odd:number
no_suffix = jersey_plugins.exporter:NoSuffix
"""

TRACKER = '''
from humantrack import BlazePose_4dhuman


class Jersey(BlazePose_4dhuman):
    """Gives every detection its height in pixels, as its number."""

    def run_additional_models(self, frames, detections):
        return [[round(float(box[3] - box[1])) for box in found.xyxy_px] for found in detections]

    def state_dict(self):
        return super().state_dict()
'''

DETECTOR = '''
import numpy as np

from humantrack import Detections

BOX = np.array([[0.19, 0.26, 0.38, 0.86]])


class Boxer:
    """Finds one person, where the clip has one."""

    least_score = 0.25

    def __init__(self, options):
        self.least_score = options.least_score

    def detect(self, frames):
        return [self._there(frame) for frame in frames]

    def _there(self, frame):
        height, width = frame.rgb.shape[:2]
        return Detections(
            xyxy_px=(BOX * [width, height, width, height]).astype(np.float32),
            score=np.array([0.3], np.float32),
            class_id=np.zeros(1, np.int64),
        )

    def reset(self):
        pass

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass
'''

EXPORTER = '''
from humantrack.export import Exporter, Format


class Lines(Exporter):
    """A line per frame: its number, and who is in it."""

    suffix = ".lines"
    about = "who is in each frame"

    def begin(self):
        self.file = self.outputs.open(self.suffix)

    def write(self, batch):
        for row, frame in enumerate(batch.frames):
            ids = batch.people.track_id[batch.people.frame_row == row]
            self.file.write(f"{frame.index}: {sorted(ids.tolist())}\\n".encode())

    def finish(self):
        self.file.write(b"end\\n")


class NoSuffix(Lines):
    suffix = ""


LISTED = Format("whatever", ".listed", "the same lines", "jersey_plugins.exporter:Lines")
'''

FILES = {
    "jersey_plugins/__init__.py": "",
    "jersey_plugins/tracker.py": TRACKER,
    "jersey_plugins/detector.py": DETECTOR,
    "jersey_plugins/exporter.py": EXPORTER,
    "jersey_plugins/odd.py": "number = 7\n",
    "jersey_plugins/broken.py": "import a_module_that_nobody_has\n",
    "jersey_plugins-1.2.dist-info/METADATA": (
        "Metadata-Version: 2.1\nName: jersey-plugins\nVersion: 1.2\n"
    ),
    "jersey_plugins-1.2.dist-info/entry_points.txt": ENTRY_POINTS,
    "jersey_plugins-1.2.dist-info/INSTALLER": "a test\n",
}


def install_plugins(folder: Path) -> Path:
    """Lay the package into a folder as an installer would; with it on the path it is installed."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder
