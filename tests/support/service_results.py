"""The command line's results, and whether a service's are the same."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from service_process import CLIP

from humantrack import iter_results


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b, equal_nan=True)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (math.isnan(a) and math.isnan(b))
    return bool(a == b)


def assert_equal_results(one: Path, other: Path) -> None:
    """Every number of two results files is the same."""
    frames, others = list(iter_results(one)), list(iter_results(other))
    assert [key for key, _ in frames] == [key for key, _ in others]
    for (key, frame), (_, same) in zip(frames, others, strict=True):
        assert frame.keys() == same.keys()
        different = [k for k in frame if k != "frame_path" and not _same(frame[k], same[k])]
        assert not different, (key, different)


def command_line(folder: Path, *arguments: str) -> Path:
    """The results of ``humantrack`` on the shipped clip under the name that uploads get."""
    clip = folder / "clip"
    shutil.copy(CLIP, clip)
    subprocess.run(
        [
            *(sys.executable, "-m", "humantrack", f"video.source={clip}"),
            *(f"video.output_dir={folder / 'out'}", *arguments),
        ],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    return folder / "out" / "results" / "demo_clip.pkl"
