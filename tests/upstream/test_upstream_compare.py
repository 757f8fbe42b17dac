"""Genuine and native side by side, on stand-ins whose differences are known."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from humantrack import PHALP, ConfigError, StageError, load_config
from humantrack.cli import compare
from humantrack.config.options import source_options
from humantrack.types import (
    Appearance,
    BodyBatch,
    Detections,
    FrameUpdate,
    People,
    TrackedPerson,
)


class Native:
    """Like the genuine stand-in, but for what a test changes."""

    device, aspect = "cpu", (192, 256)

    def __init__(self, cfg, genuine, **changes):
        self.cfg, self.genuine, self.changes = cfg, genuine, changes
        self.detector = self.estimator = SimpleNamespace(reset=lambda: None)
        self.tracker = self
        self.association = SimpleNamespace(cost=None)

    def reset(self):
        self.updates = 0

    def get_list_of_shots(self, frames):
        return frames

    def get_detections(self, frames):
        (frame,) = frames
        columns = np.flatnonzero((frame.rgb[..., 2] > 150).any(axis=0))
        starts = columns[np.flatnonzero(np.diff(columns, prepend=-9) > 1)]
        boxes = [[x, 30, x + 60, 150] for x in starts]
        moved = np.array(boxes, np.float32) + self.changes.get("box", 0)
        n = len(boxes)
        return [
            Detections(xyxy_px=moved, score=np.ones(n, np.float32), class_id=np.zeros(n, np.int64))
        ]

    def get_human_features(self, frames, detections):
        (found,) = detections
        n = len(found)
        centre = (found.xyxy_px[:, :2] + found.xyxy_px[:, 2:]) / 2
        at = (centre + np.array([0, 60])) / 320
        pose = np.tile(np.eye(3, dtype=np.float32), (n, 23, 1, 1))
        pose[:, 5, 0, 0] += self.changes.get("pose", 0)
        depth = np.full((n, 1), 40)
        bodies = BodyBatch(
            global_orient=np.tile(np.eye(3, dtype=np.float32), (n, 1, 1, 1)),
            body_pose=pose,
            betas=np.zeros((n, 10), np.float32),
            cam_crop=np.zeros((n, 3), np.float32),
            cam_t=np.hstack([10 * (at - 0.5), depth]) * self.changes.get("camera", 1),
            joints_3d=np.zeros((n, 45, 3), np.float32),
            joints_2d=np.zeros((n, 45, 2), np.float32),
        )
        code = self.genuine_code(n)
        return [
            People(
                detections=found,
                bodies=bodies,
                appearance=Appearance(code=code),
                padded_xyxy_px=found.xyxy_px,
                source=np.arange(n),
            )
        ]

    def genuine_code(self, n):
        return np.full((n, 4096), 0.25, np.float32)  # of a map that is 1 in one channel of four

    def update(self, frame_index, observations, *, is_shot_start):
        self.updates += 1
        theirs = self.genuine.tracker.tracked_cost[frame_index][0]
        self.association.cost = np.asarray(theirs) * self.changes.get("cost", 1)
        if not np.size(theirs) or np.ndim(theirs) < 2:
            self.association.cost = None
        people = tuple(
            TrackedPerson(track_id=t.track_id + self.changes.get("id", 0), missed=0, observation=o)
            for t, o in zip(self.genuine.tracker.tracks, observations, strict=True)
            if t.is_confirmed()
        )
        return FrameUpdate(people=people)


@pytest.fixture
def compared(adapter, config, clip):
    """Compares the clip with a native that differs as a test says."""

    def run(genuine=adapter.HMR2_4dhuman, **changes):
        cfg = config("video.end_frame=8")
        side = genuine(cfg)
        comparison = compare.Comparison(side, Native(cfg, side, **changes), "cpu")
        from humantrack.run.source import open_source

        with open_source(source_options(cfg), None) as source:
            comparison.run(source)
        return comparison

    return run


def found(comparison):
    return {name: stage.largest for name, stage in comparison.stages.items()}


def test_equal_sides_do_not_differ(compared):
    comparison = compared()
    said = found(comparison)
    # The stand-in's crops are zero, which is the mean; black is furthest from that in red.
    assert said.pop("crops") == pytest.approx(123.675, abs=1e-3)
    assert said == {
        "detections": 0,
        "SMPL parameters": 0,
        "cameras": pytest.approx(0, abs=1e-6),
        "textures": pytest.approx(0, abs=1e-6),
        "costs": 0,
        "ids": 0,
    }
    assert comparison.frames == 8
    for name in ("detections", "crops", "SMPL parameters", "costs"):
        assert comparison.stages[name].genuine_s > 0
        assert comparison.stages[name].native_s > 0


@pytest.mark.parametrize(
    ("changes", "stage", "difference"),
    [
        ({"box": 0.5}, "detections", 0.5),
        ({"pose": 0.25}, "SMPL parameters", 0.25),
        ({"camera": 1.1}, "cameras", 0.1),
        ({"cost": 1.02}, "costs", 0.02),
        ({"id": 1}, "ids", 2),
    ],
)
def test_a_difference_shows_in_its_stage_alone(compared, changes, stage, difference):
    said, equal = found(compared(**changes)), found(compared())
    assert said.pop(stage) == pytest.approx(difference, rel=1e-4)
    equal.pop(stage)
    assert said == equal


def test_the_frame_of_the_largest_difference_is_kept(compared, monkeypatch):
    def late(self, n):
        return np.full((n, 4096), 0.25 + 0.1 * (n == 2), np.float32)

    monkeypatch.setattr(Native, "genuine_code", late)
    stage = compared().stages["textures"]
    assert stage.frame == 3  # the first with two people
    assert stage.largest == pytest.approx(0.4, rel=1e-4)


def test_an_error_names_the_frame(compared, adapter):
    class Failing(adapter.HMR2_4dhuman):
        def run_additional_models(self, *all):
            return [1 / (all[6] - 2)] * 2

    with pytest.raises(StageError, match="comparing failed: frame 2"):
        compared(Failing)


def shown(comparison, **options) -> str:
    out = io.StringIO()
    compare.show(comparison, Console(file=out, width=120, **options))
    return out.getvalue()


def test_a_table_on_a_terminal_and_plain_lines_elsewhere(compared):
    comparison = compared(box=0.5)
    lines = [re.split("  +", line) for line in shown(comparison).splitlines()]
    assert [line[0] for line in lines] == ["stage", *comparison.stages]
    assert lines[1][1:3] == ["0.5 px", "0"]
    assert float(lines[1][3]) > 0
    table = shown(comparison, force_terminal=True)
    assert "8 frames on cpu" in table
    assert "━" in table
    assert "0.5 px" in table


def test_the_program(adapter, config, clip, monkeypatch, capsys):
    asked = []

    def build(overrides):
        asked.extend(overrides)
        cfg = load_config(*overrides)
        genuine = adapter.HMR2_4dhuman(cfg)
        return genuine, Native(cfg, genuine)

    monkeypatch.setattr(compare, "build", build)
    assert compare.main([str(clip), "video.end_frame=4", "device=cpu"]) == 0
    out = capsys.readouterr().out
    assert re.search("detections +0 px +0 +[0-9.]+ +[0-9.]+\n", out)
    assert re.search("ids +0 people +0\n", out)
    assert "hmr.precision=fp32" in asked
    assert "video.end_frame=50" not in asked


def test_both_sides_are_built_with_the_same_keys(adapter, config, clip, monkeypatch):
    class Built(PHALP):
        def __init__(self, cfg):
            self.cfg = cfg

    monkeypatch.setattr(compare, "HMR2_4dhuman", Built)
    keys = [f"video.source='{clip}'", "phalp.n_init=3", "device=cpu"]
    genuine, native = compare.build(keys)
    assert type(genuine) is adapter.HMR2_4dhuman
    assert genuine.cfg.phalp.n_init == native.cfg.phalp.n_init == 3
    assert native.cfg.phalp.reference_quirks
    assert not genuine.ours.phalp.reference_quirks


def test_defaults_give_way():
    assert "video.end_frame=50" in compare.with_defaults(["video.source=a.mp4"])
    ours = compare.with_defaults(["video.source=a.mp4", "video.end_time=3s"])
    assert not any(text.startswith("video.end_frame") for text in ours)
    with pytest.raises(ConfigError, match="cannot be compared"):
        compare.with_defaults(["video.boxes=a.json"])


def test_errors_are_one_line(adapter, capsys):
    assert compare.main(["video.sorce=x.mp4"]) == ConfigError.exit_code
    assert compare.main(["no_such.mp4", "video.boxes=a.json"]) == ConfigError.exit_code
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert compare.main(["--help"]) == 0
    assert "side by side" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("theirs", "ours", "difference"),
    [
        ([[0, 0, 1, 1]], [], np.inf),
        ([], [], 0),
        ([[0, 0, 9, 9], [50, 0, 60, 9]], [[50, 1, 60, 9], [0, 0, 9, 9]], 1),  # in another order
    ],
)
def test_boxes_are_paired_with_the_nearest(theirs, ours, difference):
    shape = (-1, 4)
    pair = np.reshape(theirs, shape), np.reshape(ours, shape)
    assert compare.box_difference(*pair) == difference


@pytest.mark.parametrize(
    ("theirs", "ours", "difference"),
    [
        (0, None, 0),
        ([[10.0]], None, np.inf),
        (0, np.ones((1, 1)), np.inf),
        ([[10.0, 200.0]], np.array([[11.0, 202.0]]), 0.1),
    ],
)
def test_costs_differ_in_parts(theirs, ours, difference):
    assert compare.cost_difference(theirs, ours) == pytest.approx(difference)


def test_no_number_is_the_largest_difference(make_frame):
    stage = compare.Stage("costs", "")
    for value in (0.5, float("nan"), 0.7):
        stage.note(value, make_frame(3))
    assert stage.largest == np.inf
