"""Keys that are set and change nothing are told, one line for each reason."""

from __future__ import annotations

import logging

import pytest

from humantrack import iter_track, load_config
from humantrack.cli.main import main
from humantrack.config.unused import unused_by_models, unused_by_run
from humantrack.trackers.registry import find_tracker


def told(*keys, tracker="embedded"):
    cfg = load_config(*keys, f"tracker={tracker}", "video.source=clip.mp4")
    kind = type("Genuine", (), {}) if tracker == "upstream" else find_tracker(tracker)
    return unused_by_models(cfg, tracker, kind) + unused_by_run(cfg)


@pytest.mark.parametrize("tracker", ["embedded", "hmr2", "upstream"])
def test_nothing_is_told_of_defaults(tracker):
    assert told(tracker=tracker) == []


OF_HMR2 = "only tracker=hmr2 has a use for it, and this is tracker=embedded"
EMBEDDED = [
    ("hmr.precision=fp32", OF_HMR2),
    ("hmr.batch_size=4", OF_HMR2),
    ("hmr.checkpoint=hmr2a", OF_HMR2),
    ("hmr_type=hmr2018", OF_HMR2),
    ("SMPL.MODEL_PATH=a.pkl", OF_HMR2),
    ("pose_predictor.mean_std=a.npy", OF_HMR2),
    ("phalp.alpha=0.2", "about textures"),
    ("phalp.track_history=9", "compares boxes and colours"),
    ("upstream.class_=a.B", "only tracker=upstream has a use for it"),
    ("vitdet.precision=fp32", "only the detector vitdet has a use for it, and the detector is"),
    ("rfdetr.size=nano", "only the detector rfdetr has a use for it"),
    ("video.box_format=xyxy", "no boxes are given"),
    ("video.mask_model=maskrcnn", "no boxes are given"),
    ("video.base_path=frames", "video.source names the frames itself"),
    ("video.allow_hosts=any", "the source is no address"),
    ("live.policy=all", "the source is no camera and no stream"),
    ("phalp.end_frame=4", "it goes with phalp.start_frame"),
    ("sweep.retries=2", "only sweeps (-m) have a use for it"),
    ("split.workers=2", "only a video in parts"),
]


@pytest.mark.parametrize(("key", "why"), EMBEDDED, ids=lambda text: text.partition("=")[0])
def test_a_key_without_a_use_is_told(key, why):
    [line] = told(key)
    assert line.startswith(f"{key.partition('=')[0]} changes nothing: ") and why in line


WITH = [
    (["render.enable=false", "render.type=SKELETON", "render.colors=grey"], "no overlay is drawn"),
    (["world.enable=false", "world.camera=still"], "no world is made"),
    (["checkpoint.enable=false", "checkpoint.every_s=3"], "checkpoint.enable is false"),
    (["phalp.detector=rfdetr", "embedded.weak_score=0.3"], "only the detector nanodet"),
    (["video.boxes=a.json", "phalp.detector=rfdetr"], "boxes are given"),
]


@pytest.mark.parametrize(("keys", "why"), WITH, ids=lambda v: v[0] if isinstance(v, list) else "")
def test_what_another_key_makes_useless_is_told_in_one_line(keys, why, monkeypatch):
    monkeypatch.setattr("humantrack.config.unused.first_available", lambda name: name)
    [line] = told(*keys)
    assert why in line
    assert (" change nothing" in line) == (len(keys) > 2)


@pytest.mark.parametrize(
    "keys",
    [
        ["phalp.predict=APL", "phalp.track_history=9"],
        ["phalp.detector=vitdet-detectron2", "vitdet.checkpoint=a.pkl"],
        ["video.boxes=a.json", "video.box_format=xyxy"],
        ["video.source=rtsp://host/a", "live.policy=all"],
        ["render.enable=false", "render.blur_faces=true"],  # of the world's video, made later
        ["embedded.weak_score=0.3", "embedded.detection_size=416"],
        ["split.parts=2", "split.workers=2"],
        ["sweep.report=a.json", "sweep.retries=2"],
    ],
)
def test_keys_with_a_use_are_not_told(keys, monkeypatch):
    monkeypatch.setattr("humantrack.config.unused.first_available", lambda name: name)
    cfg = load_config("video.source=clip.mp4", "tracker=embedded", *keys)
    assert unused_by_models(cfg, "embedded", find_tracker("embedded")) + unused_by_run(cfg) == []


def test_other_trackers():
    assert (
        "embedded.landmarks changes nothing" in told("embedded.landmarks=full", tracker="hmr2")[0]
    )
    [line] = told("hmr_type=hmr2018", "hmr.precision=fp32", tracker="hmr2")
    assert "hmr_type=hmr2018 takes HMAR" in line
    [line] = told("phalp.predict=APL", "phalp.alpha=0.3", tracker="hmr2")
    assert "phalp.predict has no T" in line
    assert told("hmr.precision=fp32", "phalp.alpha=0.3", tracker="hmr2") == []
    [line] = told("hmr.precision=fp32", tracker="upstream")
    assert "genuine classes" in line
    assert told("upstream.class_=a.B", "hmr.precision=fp32", tracker="upstream") == []


def test_a_run_says_it_in_one_line(data, tmp_path, capsys):
    line = [f"video.source={data / 'demo_small.mp4'}", f"video.output_dir={tmp_path}"]
    line += ["video.end_frame=2", "tracker=embedded", "render.enable=false", "world.enable=false"]
    main([*line, "hmr.precision=fp32", "hmr.batch_size=4"])
    said = [text for text in capsys.readouterr().err.splitlines() if "hmr." in text]
    assert len(said) == 1
    assert "hmr.precision, hmr.batch_size change nothing" in said[0]


def test_programs_hear_it_too(caplog):
    with caplog.at_level(logging.WARNING, logger="humantrack"):
        list(iter_track([], fps=30, tracker="embedded", hmr={"batch_size": 4}))
    assert [r.message for r in caplog.records] == [f"hmr.batch_size changes nothing: {OF_HMR2}"]
