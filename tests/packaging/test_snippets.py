"""Every Python snippet of README and docs runs as it stands, beside the files it names."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

import humantrack
from humantrack.export.cli import main as export

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FRAMES = 6

NEEDS_GENUINE_PACKAGES = {"docs/porting.md-0", "docs/upstream.md-0"}
"""Only compiled: what they subclass is not on PyPI."""

NEEDS_A_SERVER = {"docs/live.md-0"}
"""Only compiled: they ask one that is running; the same client is one of those of tests/live."""


def snippets():
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.S | re.M)
        for number, code in enumerate(blocks):
            if not code.startswith(">>>"):  # sessions are doctests, which other tests run
                yield pytest.param(f"{name}-{number}", code, id=f"{name}-{number}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, data):
    """A folder with a short clip and the results of a run of it, under the names docs use."""
    folder = tmp_path_factory.mktemp("snippets")
    with av.open(str(data / "demo_small.mp4")) as source:
        stream = source.streams.video[0]
        with av.open(str(folder / "clip.mp4"), "w") as target:
            copy = target.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.size and packet.pts is not None:
                    packet.stream = copy
                    target.mux(packet)
                    if packet.pts * packet.time_base * 30 >= FRAMES:
                        break
    shutil.copy(folder / "clip.mp4", folder / "game.mp4")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        humantrack.track("clip.mp4", render={"enable": False}, results={"observations": True})
    results = folder / "outputs" / "results" / "demo_clip.pkl"
    (folder / "results").mkdir()
    for name in ("demo_vid.pkl", "results/demo_vid.pkl"):
        shutil.copy(results, folder / name)
    tables = ["-f", "parquet", "--tables", "tracks,frames", "-o", str(folder / "out.parquet")]
    assert export([str(results), *tables, "--quiet"]) == 0
    return folder


def names():
    """What the snippets take as given."""
    gray = np.full((120, 160, 3), 128, np.uint8)
    return {
        "read_number": lambda rgb, box: 7,
        "frames_of_my_camera": lambda: iter([gray] * 3),
        "humantrack": humantrack,
        "HMR2_4dhuman": humantrack.BlazePose_4dhuman,  # the same hooks, without official files
        # docs/coordinates.md: numbers of any person
        "pixel": np.array([40.0, 50.0]),
        **{"left": 10.0, "top": 20.0, "side": 320.0, "f": 900.0, "s": 0.9, "b": 256.0},
        **{"tx": 0.1, "ty": 0.2, "c": (120.0, 130.0)},
        **{"joints": np.ones((45, 3)), "global_orient": np.eye(3)},
        **{"X": np.array([0.1, 0.2, 0.3]), "camera": np.array([0.5, 0.4, 30.0])},
    }


@pytest.mark.parametrize(("where", "code"), list(snippets()))
def test_a_snippet_runs_as_it_stands(where, code, folder, monkeypatch):
    compiled = compile(code, where, "exec")
    if where in NEEDS_GENUINE_PACKAGES | NEEDS_A_SERVER:
        return
    monkeypatch.chdir(folder)
    exec(compiled, {"__name__": "snippet", **names()})


def test_the_pages_have_snippets():
    assert len(list(snippets())) >= 15
