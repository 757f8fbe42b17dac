"""The programs and the notebook of examples/ run, and say what is in the clip."""

from __future__ import annotations

import importlib.util
import json
import re
import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import pytest

import humantrack

EXAMPLES = Path(__file__).parents[2] / "examples"
DEMO = Path(__file__).parents[1] / "data" / "demo.mp4"
FRAMES, PEOPLE = 10, 3

pytestmark = pytest.mark.skipif(
    not hasattr(humantrack, "iter_track"), reason="needs humantrack.track and iter_track"
)


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("examples")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    """The start of the demo clip."""
    path = folder / "two words.mp4"
    with av.open(str(DEMO)) as demo, av.open(str(path), "w") as short:
        source = demo.streams.video[0]
        stream = short.add_stream("mpeg4", rate=source.average_rate)
        stream.width, stream.height, stream.bit_rate = source.width, source.height, 8_000_000
        for frame, _ in zip(demo.decode(source), range(FRAMES), strict=False):
            short.mux(stream.encode(frame))
        short.mux(stream.encode(None))
    return path


def test_track_file_names_everyone(
    clip: Path, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        assert example("track_file").main(str(clip), str(folder)) == 0
        assert example("track_file").main(str(folder / "nothing.mp4")) == 3
    finally:
        signal.signal(signal.SIGINT, before)
    said = capfd.readouterr()
    results = humantrack.load_results(folder / "results" / f"demo_{clip.stem}.pkl")
    lines = re.findall(r"person (\d+): ([\d.]+) s to ([\d.]+) s, seen in (\d+) frames", said.out)
    assert [int(line[0]) for line in lines] == list(results.track_ids) == [1, 2, 3]
    assert all(float(start) <= float(end) and int(seen) > 1 for _, start, end, seen in lines)
    assert f"frame {len(results)} of {len(results)}" in said.err
    assert "nothing.mp4" in said.err


def test_frames_from_elsewhere_finds_the_same_people(
    clip: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    example("frames_from_elsewhere").main(str(clip))
    lines = re.findall(r"(\d+)  person (\d+) +(\S+) +(\S+) +(\S+)\n", capfd.readouterr().out)
    frames = [int(line[0]) for line in lines]
    assert frames == sorted(frames) and len({line[1] for line in lines}) == PEOPLE
    assert all(float(z) > 0 for *_, z in lines)


def test_the_extra_models_answers_are_in_the_results(
    clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    example("extra_model").main(str(clip), str(tmp_path))
    results = humantrack.load_results(tmp_path / "results" / f"demo_{clip.stem}.pkl")
    colours = re.findall(r"person (\d+): #([0-9a-f]{6})\n", capfd.readouterr().out)
    assert [int(person) for person, _ in colours] == list(results.track_ids)
    assert len({colour for _, colour in colours}) == PEOPLE  # they wear different clothes
    assert results.meta is not None


def test_the_colour_is_that_of_the_chest() -> None:
    import numpy as np

    colour = example("extra_model").shirt_colour
    picture = np.zeros((100, 90, 3), np.uint8)
    picture[20:45, 30:60] = (10, 200, 30)
    assert colour(picture, np.array([0, 0, 90, 100], np.float32)) == [10, 200, 30]
    for box in ([-50, -80, -10, -20], [95, 120, 140, 300], [0, 0, 0, 0]):
        assert len(colour(picture, np.array(box, np.float32))) == 3


def test_results_become_a_table_and_a_plot(
    clip: Path, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("matplotlib")
    path = folder / "results" / f"demo_{clip.stem}.pkl"
    if not path.is_file():
        humantrack.track(clip, output_dir=folder, render={"enable": False})
    example("results_to_pandas").main(str(path), str(tmp_path / "walks.png"))
    said = re.findall(r"person (\d+): ([\d.]+) m in ([\d.]+) s\n", capfd.readouterr().out)
    assert [int(line[0]) for line in said] == list(humantrack.load_results(path).track_ids)
    assert all(float(metres) / float(seconds) < 5 for _, metres, seconds in said)  # nobody sprints
    assert (tmp_path / "walks.png").read_bytes().startswith(b"\x89PNG")


def test_the_notebooks_cells_run_in_order(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pandas")
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    shown: list[Any] = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    monkeypatch.setenv("CLIP", str(clip))
    monkeypatch.setenv("OUTPUT", str(tmp_path))
    notebook = json.loads((EXAMPLES / "results.ipynb").read_text("utf-8"))
    assert notebook["nbformat"] == 4
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    people = list(names["results"].track_ids)
    assert list(names["moved"].index) == people and (names["moved"] > 0).all()
    (figure,) = shown
    lines = figure.axes[0].lines
    assert len(lines) == len(people)
    assert all(0 < away < 50 for line in lines for away in line.get_ydata())  # metres, of a world
    plt.close(figure)


def test_every_example_is_described() -> None:
    files = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb")}
    assert len(files) == 5
    docs = Path(__file__).parents[2] / "docs" / "examples.md"
    for page in (EXAMPLES / "README.md", docs):
        text = page.read_text("utf-8")
        assert all(name in text for name in files), page
