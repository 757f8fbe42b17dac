"""The benchmark for GPUs, at its smallest size on a CPU."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from vitdet_tools import need_torchvision

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def bench():
    need_torchvision()
    spec = importlib.util.spec_from_file_location("bench_gpu", SCRIPTS / "bench" / "gpu.py")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before


@pytest.mark.slow
def test_every_stage_is_measured_at_toy_size(bench, tmp_path, capsys):
    assert bench.main(["--device", "cpu", "--toy", "--json", str(tmp_path / "out.json")]) == 0
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    named = {row["name"].strip(): row for row in rows}
    for stage in ("ViTDet, batch 2", "transformer", "pyramid", "proposals", "cascade"):
        assert named[stage]["tflops"] > 0, stage
        assert named[stage]["share"] > 0, stage
    assert named["HMR2, batch 4"]["share"] > 0
    assert named["crops, tiny HMR2, textures, codes"]["per_s"] > 0
    without, overlay = named["whole job without overlay"], named["whole job with overlay"]
    assert min(without["per_s"], overlay["per_s"]) > 0
    assert 0 < named["networks over the whole job"]["ratio"] < 1
    peers = [row for row in rows if row["name"].strip() == "ours over a peer's on a V100"]
    assert {row["per_s"] for row in peers} == {0.51, 5.68}
    assert peers[0]["ratio"] == pytest.approx(without["per_s"] / peers[0]["per_s"])
    assert "left out" not in capsys.readouterr().out


def test_nothing_is_begun_when_the_time_is_used_up(bench, capsys):
    assert bench.main(["--device", "cpu", "--toy", "--budget-s", "-1"]) == 0
    told = capsys.readouterr().out
    assert told.count("left out, as the time is used up") == 5
    assert "batch" not in told


def test_the_clip_is_seen_whole_and_has_its_people(bench, tmp_path, data):
    import av

    toy = bench.gpu_job.TOY
    path = bench.gpu_job.write_clip(toy, tmp_path / "clip.mp4")
    with av.open(str(path)) as container:
        pictures = list(container.decode(video=0))
    assert len(pictures) == toy.frames
    assert (pictures[0].width, pictures[0].height) == (toy.width, toy.height)
    boxes = bench.gpu_job.people_at(toy, 3)
    masks = bench.gpu_job.masks_at(toy, boxes)
    assert masks.shape == (4, toy.height, toy.width)
    for (x0, y0, x1, y1), mask in zip(boxes, masks, strict=True):
        rows, columns = mask.nonzero()
        assert x0 - 1 <= columns.min() and columns.max() <= x1
        assert y0 - 1 <= rows.min() and rows.max() <= y1
        assert mask.sum() == pytest.approx(0.785 * (x1 - x0) * (y1 - y0), rel=0.05)
