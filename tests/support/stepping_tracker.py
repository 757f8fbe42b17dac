"""A tracker for tests of launchers: it counts, as far as its clip says, and continues if stopped.

The clip is a text file: the number of steps, each of a tenth of a second. What a run has done is
in ``<output_dir>/steps``: a line for each step, with the process that took it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from threading import Event

from humantrack.config.options import plain
from humantrack.errors import StageError
from humantrack.pipeline.stopping import check
from humantrack.pipeline.summary import RunSummary
from humantrack.run.settings import run_fingerprint

ENTRY_POINT = "[humantrack.trackers]\nstepping = stepping_tracker:SteppingTracker\n"


def install(folder: Path) -> str:
    """Make ``tracker=stepping`` known to processes whose PYTHONPATH has what is returned."""
    info = folder / "stepping_tracker-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stepping-tracker\nVersion: 1\n")
    (info / "entry_points.txt").write_text(ENTRY_POINT)
    return os.pathsep.join([str(folder), str(Path(__file__).parent)])


class SteppingTracker:
    """See the module."""

    def __init__(self, cfg):
        self.cfg = cfg

    def track(self, stop=None, progress=None):
        source, folder = Path(self.cfg.video.source), Path(self.cfg.video.output_dir)
        text = source.read_text()
        if not text.strip().isdecimal():
            raise StageError("not a number", where=source.name)
        steps, wanted = folder / "steps", int(text)
        folder.mkdir(parents=True, exist_ok=True)
        done = len(steps.read_text().splitlines()) if steps.exists() else 0
        with steps.open("a") as file:
            for _ in range(done, wanted):
                check(stop)
                file.write(f"{os.getpid()}\n")
                file.flush()
                Event().wait(0.1)
        results = folder / "results" / "demo_x.pkl"
        results.parent.mkdir(exist_ok=True)
        results.write_bytes(b"x")
        meta = {"status": "complete", "results": results.name, "error": None, "people": 1}
        meta |= {"frame_count": wanted, "timings_s": {"total": 1.5}}
        meta["fingerprint"] = run_fingerprint(plain(self.cfg), source)
        results.with_name("demo_x.meta.json").write_text(json.dumps(meta))
        return RunSummary(
            name="x", results=results, overlay=None, meta=None, frames=wanted, people=1, seconds=1.5
        )
