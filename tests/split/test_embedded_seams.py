"""The embedded default in parts: where a part begins, nothing is seen of it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from humantrack import load_config, load_results
from humantrack.blazepose import network
from humantrack.detect.nanodet import detector
from humantrack.session import Session
from humantrack.split.job import track_in_parts
from humantrack.types import stages

DEMO = Path(__file__).parents[1] / "data" / "demo.mp4"
FRAMES = 176

pytestmark = pytest.mark.slow


@pytest.fixture
def remembered(monkeypatch):
    """What networks said of a picture is not asked again; counts how often they were asked."""
    said, asked = {}, {"new": 0, "again": 0}

    def remembering(ask):
        def once(*given):
            key = hashlib.sha256(repr([g if np.isscalar(g) else None for g in given]).encode())
            for array in (g for g in given if isinstance(g, np.ndarray)):
                key.update(np.ascontiguousarray(array))
            name = ask.__qualname__, key.hexdigest()
            asked["again" if name in said else "new"] += 1
            if name not in said:
                said[name] = ask(*given)
            return said[name]

        return once

    monkeypatch.setattr(network.LandmarkNetwork, "_run", remembering(network.LandmarkNetwork._run))
    monkeypatch.setattr(detector, "candidates", remembering(detector.candidates))
    return asked


@pytest.fixture
def often(monkeypatch):
    """People are looked at afresh every second: this clip is too short for more."""
    monkeypatch.setattr(stages, "FRESH_S", 1.0)


def configuration(out: Path, *overrides: str):
    return load_config(
        *(f"video.source='{DEMO}'", f"video.output_dir='{out}'", f"video.end_frame={FRAMES}"),
        *("render.enable=false", "world.enable=false", "checkpoint.enable=false", *overrides),
    )


def differences(one, two):
    """Largest over all frames: of boxes (px), joints (mm) and shapes; ids must be the same."""
    boxes, joints, betas = [0.0], [0.0], [0.0]
    assert list(two) == list(one)
    for key, a in one.items():
        b = two[key]
        assert a["tid"] == b["tid"], key
        for i in range(len(a["tid"])):
            boxes.append(np.abs(np.subtract(a["bbox"][i], b["bbox"][i])).max())
            apart = np.subtract(a["3d_joints"][i], b["3d_joints"][i])
            joints.append(1000 * np.linalg.norm(apart, axis=-1).max())
            betas.append(np.abs(a["smpl"][i]["betas"] - b["smpl"][i]["betas"]).max())
    return max(boxes), max(joints), max(betas)


def test_ids_boxes_and_joints_are_those_of_one_run(remembered, often, tmp_path):
    """Same ids on the same boxes in every frame is an IDF1 of 1.0 against the single run."""
    done = Session().track(configuration(tmp_path / "one"), Event())
    one = load_results(done.results)
    assert len(one) == FRAMES
    assert done.tracks >= 3
    for parts in (2, 7):
        remembered.update(new=0, again=0)
        given = (f"split.parts={parts}",)
        done = track_in_parts(configuration(tmp_path / str(parts), *given), Event())
        # After the mark in the warm-up, networks see what they saw in the single run.
        assert remembered["new"] < 0.3 * remembered["again"]
        boxes, joints, betas = differences(one, load_results(done.results))
        print(f"{parts} parts: boxes {boxes} px, joints {joints:.4f} mm, betas {betas:.4f}")
        assert boxes == 0
        assert joints < 1  # mm
        assert betas < 0.2


def test_without_a_warm_up_the_seam_is_seen(remembered, often, tmp_path):
    """The numbers above are none that anything would reach."""
    short = ("video.end_frame=104", "split.parts=2")
    one = Session().track(configuration(tmp_path / "one", short[0]), Event())
    two = track_in_parts(configuration(tmp_path / "two", *short, "split.warm_up_s=0"), Event())
    boxes, joints, _ = differences(load_results(one.results), load_results(two.results))
    assert boxes > 1
    assert joints > 5
