"""``--run``: the videos of a benchmark are tracked first, each under its sequence's name."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from eval_layouts import boxes_only, write_emdb, write_mot, write_smpl_files
from eval_smpl import smpl_walk
from eval_tools import load_truth

from humantrack.evaluation import running
from humantrack.evaluation.cli import main

FRAMES = 6


def pictures(data: Path, folder: Path, count: int = FRAMES, name: str = "{:06d}.jpg") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with av.open(str(data / "demo_small.mp4")) as clip:
        for i, frame in enumerate(itertools.islice(clip.decode(video=0), count)):
            frame.to_image().save(folder / name.format(i + 1))


@pytest.fixture
def mot(tmp_path, data):
    frames = boxes_only(load_truth(data / "demo_small_gt.npz"), FRAMES)
    for name in ("A", "B"):
        folder = write_mot(tmp_path / "MOT17", name, frames, size=(360, 640))
        pictures(data, folder / "img1")
    return tmp_path / "MOT17"


@pytest.fixture
def commands(monkeypatch):
    """Commands that would have been run; nothing is."""
    seen: list[list[str]] = []

    def wait(command):
        seen.append(list(command))
        return wait.code

    wait.code = 0
    monkeypatch.setattr(running, "_wait", wait)
    seen_of = type("Commands", (), {"seen": seen, "wait": wait})
    return seen_of


@pytest.mark.slow
def test_a_benchmark_is_tracked_scored_and_resumed(mot, tmp_path, capfd):
    out, document = tmp_path / "runs", tmp_path / "scores.json"
    words = ["mot", "--root", str(mot), "--run", "phalp.n_init=1 embedded.landmarks=full"]
    words += ["--output-dir", str(out), "--json", str(document)]
    assert main(words) == 0
    system = json.loads(document.read_text())["systems"]["runs"]
    assert sorted(system["sequences"]) == ["A", "B"]
    assert system["values"]["MOTA"] > 0.9
    assert "100" in capfd.readouterr().out
    made = {p: p.stat().st_mtime_ns for p in out.rglob("demo_?.pkl")}
    assert len(made) == 2
    assert main(words) == 0
    assert {p: p.stat().st_mtime_ns for p in out.rglob("demo_?.pkl")} == made
    assert "finished before" in capfd.readouterr().err


def test_the_command_that_is_run(mot, tmp_path, commands, capfd):
    words = ["mot", "--root", str(mot), "--output-dir", str(tmp_path / "runs")]
    settings = "tracker=hmr2 hydra/launcher=joblib 'video.name=a b'"
    assert main([*words, "--run", settings]) == 31  # nothing was tracked, so nothing is there
    (command,) = commands.seen
    assert command[:4] == [sys.executable, "-m", "humantrack", "-m"]
    assert command[-3:] == ["tracker=hmr2", "hydra/launcher=joblib", "video.name=a b"]
    listing = tmp_path / "runs" / "videos.txt"
    assert f"video.source=@{listing}" in command
    places = [Path(line) for line in listing.read_text().splitlines()]
    assert [place.name for place in places] == ["A", "B"]
    assert [place.resolve() for place in places] == [mot / n / "img1" for n in ("A", "B")]


def test_true_boxes_are_given_frame_by_frame(tmp_path, data, commands, capfd):
    root = tmp_path / "data"
    write_smpl_files(root / "smpl")
    walk = smpl_walk(FRAMES)
    write_emdb(root, "09_walk", walk, bboxes={"bboxes": walk["boxes"], "invalid_idxs": [2]})
    pictures(data, root / "P0" / "09_walk" / "images", name="{:05d}.jpg")
    words = ["emdb", "--root", str(root), "--output-dir", str(tmp_path / "runs"), "--run", ""]
    assert main([*words, "--true-boxes"]) == 31
    (command,) = commands.seen
    assert "phalp.n_init=1" in command
    boxes = tmp_path / "runs" / "boxes.json"
    assert f"video.boxes={boxes}" in command
    content = json.loads(boxes.read_text())
    assert list(content) == [f"P0_09_walk/{i:05d}.jpg" for i in range(1, FRAMES + 1)]
    x0, y0, x1, y1 = walk["boxes"][0]
    first = content["P0_09_walk/00001.jpg"]["gt_bbox"]
    np.testing.assert_allclose(first, [[x0, y0, x1 - x0, y1 - y0]])
    assert content["P0_09_walk/00003.jpg"]["gt_bbox"] == []


@pytest.mark.parametrize("code", [14, 15, 7, 130])
def test_a_run_that_fails_is_told_with_its_code(mot, tmp_path, commands, capfd, code):
    commands.wait.code = code
    words = ["mot", "--root", str(mot), "--output-dir", str(tmp_path / "runs"), "--run", ""]
    assert main(words) == code
    assert f"ended with code {code}" in capfd.readouterr().err


def test_what_cannot_be_run_is_told_in_one_line(mot, tmp_path, data, commands, capfd):
    words = ["mot", "--root", str(mot), "--output-dir", str(tmp_path / "runs")]
    assert main([*words, "--run", "a 'b"]) == 2
    assert main([*words, "--run", "", "--true-boxes"]) == 2
    next((mot / "A" / "img1").iterdir()).unlink()
    assert main([*words, "--run", ""]) == 30
    said = capfd.readouterr().err
    assert "5 pictures, but the truth of A has 6 frames" in said
    assert said.count("\n") == 3
    for picture in (mot / "A" / "img1").iterdir():
        picture.unlink()
    (mot / "A" / "img1").rmdir()
    assert main([*words, "--run", ""]) == 30
    assert "the pictures of A are missing" in capfd.readouterr().err
    assert commands.seen == []
