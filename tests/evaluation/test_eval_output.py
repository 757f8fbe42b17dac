"""The table, the files, the picture, the help, and benchmarks of other packages."""

from __future__ import annotations

import csv
import io
import json
import re
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from humantrack import plugins
from humantrack.errors import ConfigError, DependencyError
from humantrack.evaluation import arguments, benchmark, plot, registry
from humantrack.evaluation.catalogue import MEASURES, THEMES, measure_named, theme_of
from humantrack.evaluation.cli import main
from humantrack.evaluation.output import document, write_csv
from humantrack.evaluation.published import PUBLISHED, published
from humantrack.evaluation.scores import Scores, SequenceErrors, scores_of
from humantrack.evaluation.table import print_scores


def made(mpjpe: float = 80.0, **changes) -> Scores:
    alphas = np.linspace(0.9, 0.2, 19)
    frames = np.array([0, 1, 2, 10, 11])
    values = {"HOTA": 0.5, "IDs": 3.0, "MPJPE": mpjpe, "RTE": 1.234}
    return Scores(
        **{
            "benchmark": "emdb-2",
            "protocol": "wham",
            "values": values,
            "sequences": {"a": values, "b": {"HOTA": 0.25, "MPJPE": float("nan")}},
            "absent": {"PVE": "the body is another"},
            "alphas": {"": alphas, "a": alphas},
            "timelines": {"a": ("MPJPE", frames, np.arange(5.0))},
            "notes": ("mind the gap",),
            **changes,
        }
    )


def told(systems, rows=(), width=100, **how) -> str:
    out = io.StringIO()
    print_scores(Console(file=out, width=width), systems, rows, **how)
    return out.getvalue()


def test_shares_are_percent_in_the_table_and_published_rows_stand_below():
    text = told({"ours": made()}, published("emdb", "2"))
    assert re.search(r"ours +50\.0 +3", text)
    assert re.search(
        r"GVHMR \[\d+\] +111\.0 +276\.5",
        told({"x": made(values={"WA-MPJPE": 1.0, "W-MPJPE": 2.0})}, published("emdb", "2")),
    )
    assert "n/c" in text
    assert "PVE: not comparable (n/c), as the body is another" in text
    assert "note: mind the gap" in text
    assert "Shen et al., GVHMR" in text


def test_every_column_is_whole_on_a_narrow_terminal():
    names = list(MEASURES)
    text = told({"a system": made(values=dict.fromkeys(names, 1234.5678), absent={})}, width=60)
    assert "…" not in text
    for name in names:
        assert name in text


def test_a_line_for_each_sequence():
    text = told({"ours": made()}, per_sequence=True)
    assert re.search(r"^ +a ", text, re.MULTILINE)
    assert re.search(r"^ +b +25\.0", text, re.MULTILINE)
    assert not re.search(r"^ +b +25\.0", told({"ours": made()}), re.MULTILINE)


def test_json_and_csv_hold_the_same(tmp_path):
    systems = {"x": made(), "y": made(90.0)}
    content = document(systems, published("emdb", "2")[:1], {"x": {"a": tmp_path / "a.pkl"}})
    text = json.dumps(content)  # plain values, no NaN
    assert "NaN" not in text
    assert content["systems"]["y"]["values"]["MPJPE"] == 90
    assert content["systems"]["x"]["sequences"]["b"]["MPJPE"] is None
    assert content["systems"]["x"]["results"] == {"a": str(tmp_path / "a.pkl")}
    assert content["measures"]["HOTA"]["unit"] == "%"
    assert len(content["systems"]["x"]["hota_over_alpha"]["hota"]["a"]) == 19
    assert content["published"][0]["source"]
    write_csv(tmp_path / "t.csv", systems)
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [(r["system"], r["sequence"]) for r in rows][:3] == [
        ("x", "a"),
        ("x", "b"),
        ("x", "(all)"),
    ]
    assert float(rows[-1]["MPJPE"]) == 90
    assert rows[1]["IDs"] == ""


def test_the_picture_is_drawn_and_the_same_each_time(tmp_path):
    systems = {"x": made(), "_$y$": made(90.0)}
    plot.write_plot(tmp_path / "p.png", systems)
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.width == 1200
        assert np.asarray(picture.convert("L")).std() > 10
    assert plot.draw(systems, ".svg") == plot.draw(systems, ".svg")
    assert (
        b"HOTA over alpha" in plot.draw(systems, ".svg") or len(plot.draw(systems, ".svg")) > 5000
    )


def test_what_cannot_be_drawn_is_told(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="not a kind of picture"):
        plot.check(tmp_path / "p.jpg")
    bare = made(values={"FP": 1.0}, sequences={"a": {"FP": 1.0}}, alphas={}, timelines={})
    with pytest.raises(ConfigError, match="nothing that can be drawn"):
        plot.draw({"x": bare}, ".png")
    monkeypatch.setattr(plot, "missing", lambda *names: list(names))
    with pytest.raises(DependencyError, match="matplotlib"):
        plot.check(tmp_path / "p.png")


def test_every_measure_has_a_theme_and_published_rows_are_of_measures():
    assert {theme_of(name) for name in MEASURES} == set(THEMES)
    for row in PUBLISHED:
        assert row.source
        for name, value in row.values.items():
            assert name in MEASURES
            assert value <= 1 if MEASURES[name].unit == "%" else value >= 1
    assert measure_named("pa_mpjpe") is MEASURES["PA-MPJPE"]
    assert measure_named("nothing") is None


def test_sequences_are_pooled_by_their_frames():
    sequences = [
        SequenceErrors(
            name="a",
            frames=3,
            errors={"MPJPE": np.array([1.0, 1, 1]), "Root": np.array([1.0, 2, 9])},
            notes=("x",),
        ),
        SequenceErrors(
            name="b",
            frames=1,
            errors={"MPJPE": np.array([5.0]), "Accel": np.zeros(0)},
            notes=("x", "y"),
        ),
    ]
    scores = scores_of("emdb", "wham", sequences)
    assert scores.values == {"Frames": 4, "MPJPE": 2, "Root": 2}
    assert scores.sequences["b"] == {"Frames": 1, "MPJPE": 5}
    assert scores.notes == ("x", "b: y")


def test_help_names_the_benchmarks(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    for name in ("truth", "mot", "posetrack18", "posetrack21", "3dpw", "emdb"):
        assert re.search(rf"^  {name} ", out, re.MULTILINE)
    assert arguments.parse(["mot", "a", "b"]).results[1].name == "b"


class Mine(benchmark.Benchmark):
    """A benchmark of another package."""

    name = "mine"
    protocols = ("only",)
    needs_root = False

    def videos(self):
        return [benchmark.Video(name="v", source=None, frame_count=7)]

    def score(self, results):
        raise NotImplementedError


def test_benchmarks_of_other_packages(monkeypatch, capsys):
    points = [
        EntryPoint("mine", f"{__name__}:Mine", "humantrack.benchmarks"),
        EntryPoint("not", "json:dumps", "humantrack.benchmarks"),
    ]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    monkeypatch.setattr(
        EntryPoint, "load", lambda self: Mine if self.name == "mine" else json.dumps
    )
    assert registry.find_benchmark("mine") is Mine
    assert main(["mine"]) == 0
    assert "mine: 1 sequences, 7 frames" in capsys.readouterr().out
    assert main(["not"]) == 2
    assert "not a benchmark" in capsys.readouterr().err
    assert main(["mine", "--protocol", "other"]) == 2


def test_what_goes_wrong_within_is_one_line(monkeypatch, capsys):
    def broken(name):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(registry, "find_benchmark", broken)
    assert main(["truth"]) == 70
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["truth", "--debug"]) == 70
    assert "Traceback" in capsys.readouterr().err
