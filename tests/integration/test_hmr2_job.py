"""tracker=hmr2 end to end: files in the official forms, filled with the goldens' weights."""

from __future__ import annotations

import json
import shutil
import zlib
from threading import Event

import av
import numpy as np
import pytest
import torch
from golden_rule import GOLDEN, hmar_state
from official_files import TINY_DECODER, TINY_VIT, tensors, write_official_files

from humantrack import (
    ConfigError,
    HMR2_4dhuman,
    InterruptedRunError,
    MissingWeightsError,
    load_config,
    load_results,
)
from humantrack.cli.main import main
from humantrack.hmr2.decoder import DecoderSizes
from humantrack.hmr2.vit import VitSizes
from humantrack.results import ResultsWriter
from humantrack.session import choose_tracker

FRAMES = 24


class Tiny(HMR2_4dhuman):
    """HMR2_4dhuman with a network of the small goldens' sizes."""

    vit = VitSizes(**TINY_VIT)
    decoder = DecoderSizes(**TINY_DECODER)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """All official files, in the places of 4D-Humans' and PHALP's caches."""
    root = tmp_path_factory.mktemp("cache")
    write_official_files(root)
    return root


@pytest.fixture
def official(cache, monkeypatch):
    monkeypatch.setenv("HUMANTRACK_CACHE", str(cache))
    return cache


def track(out, clip, *overrides, stop=None):
    cfg = load_config(
        f"video.source='{clip}'",
        f"video.output_dir='{out}'",
        "tracker=hmr2",
        "phalp.detector=nanodet",
        *overrides,
    )
    return Tiny(cfg).track(stop)


@pytest.mark.slow
def test_a_clip_becomes_tracks_results_and_an_overlay(official, tmp_path, data):
    done = track(tmp_path, data / "demo.mp4", f"video.end_frame={FRAMES}")
    frames = list(load_results(done.results).values())
    assert len(frames) == FRAMES
    assert done.tracks >= 2
    with av.open(str(done.overlay)) as drawn:
        assert sum(1 for _ in drawn.decode(video=0)) == FRAMES
    frame = frames[20]
    assert len(frame["tid"]) >= 2
    for smpl, code, pose in zip(frame["smpl"], frame["appe"], frame["pose"], strict=True):
        turned = smpl["body_pose"] @ smpl["body_pose"].transpose(0, 2, 1)
        np.testing.assert_allclose(turned, np.tile(np.eye(3), (23, 1, 1)), atol=1e-5)
        assert np.abs(code).max() > 0
        np.testing.assert_allclose(pose[:9], smpl["global_orient"].ravel(), atol=1e-6)


def test_chunks_change_no_result(official, tmp_path, data):
    options = ("video.end_frame=10", "render.enable=false", "world.enable=false")
    clip = data / "demo.mp4"
    one = track(tmp_path / "1", clip, *options, "batch_frames=1", "hmr.batch_size=2")
    many = track(tmp_path / "2", clip, *options, "batch_frames=10")
    for a, b in zip(*(load_results(r.results).values() for r in (one, many)), strict=True):
        assert a["tid"] == b["tid"]
        np.testing.assert_allclose(a["camera"], b["camera"], rtol=1e-4)
        np.testing.assert_array_equal(a["bbox"], b["bbox"])
        np.testing.assert_allclose(a["2d_joints"], b["2d_joints"], atol=1e-4)
        for x, y in zip(a["smpl"], b["smpl"], strict=True):
            np.testing.assert_allclose(x["body_pose"], y["body_pose"], atol=1e-4)


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_to_the_same_results(official, tmp_path, data):
    options = ("video.end_frame=12", "batch_frames=3", "checkpoint.every_s=0", "phalp.n_init=2")
    options += ("render.enable=false", "world.enable=false")
    whole = track(tmp_path / "whole", data / "demo.mp4", *options)
    stop = Event()
    write = ResultsWriter.write

    def stopping(self, frame, record):
        write(self, frame, record)
        if record.index == 3:
            stop.set()

    with pytest.MonkeyPatch.context() as patch, pytest.raises(InterruptedRunError):
        patch.setattr(ResultsWriter, "write", stopping)
        track(tmp_path / "stopped", data / "demo.mp4", *options, stop=stop)
    done = track(tmp_path / "stopped", data / "demo.mp4", *options)
    assert done.resumed_from >= 6
    stored = [zlib.decompress(run.results.read_bytes()) for run in (whole, done)]
    assert stored[0] == stored[1]
    assert whole.tracks > 0


@pytest.mark.slow
def test_hmr2018_takes_its_bodies_from_hmar(official, tmp_path, data):
    shapes = json.loads((GOLDEN / "hmar_state_dict.json").read_text())
    whole = tmp_path / "hmar.pth"
    state = tensors(hmar_state(shapes)).items()
    official_names = {f"HMAR.{k.replace('smpl_head', 'smplx_head')}": v for k, v in state}
    torch.save({"model": official_names}, whole)
    options = ("hmr_type=hmr2018", f"hmr.hmar_path='{whole}'", "video.end_frame=3")
    options += ("phalp.n_init=2", "render.enable=false")
    done = track(tmp_path, data / "demo_small.mp4", *options)
    frames = list(load_results(done.results).values())
    assert len(frames) == 3
    assert done.tracks >= 1
    assert all(np.isfinite(camera).all() for frame in frames for camera in frame["camera"])
    assert np.abs(frames[1]["appe"][0]).max() > 0


def test_auto_takes_hmr2_when_every_file_is_there(official):
    tracker, why = choose_tracker(load_config("video.source=x.mp4"))
    assert tracker is HMR2_4dhuman
    assert "hmr2" in why


def test_hmr2_lists_every_missing_file_at_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HUMANTRACK_CACHE", str(tmp_path))
    tracker, why = choose_tracker(load_config("video.source=x.mp4"))
    assert tracker is not HMR2_4dhuman
    assert "9 files" in why
    with pytest.raises(SystemExit) as stop:
        main(["video.source=x.mp4", "tracker=hmr2", f"video.output_dir={tmp_path}"])
    assert stop.value.code == MissingWeightsError.exit_code
    said = capsys.readouterr().err
    for name in ("SMPL_NEUTRAL.pkl", "hmar_v2_weights.pth", "pose_predictor.yaml", "fmap_256.npy"):
        assert name in said


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("hmr.precision=fp8", "bf16"),
        ("hmr.batch_size=0", "must be 1 or more"),
        ("hmr_type=x", "hmr2018"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_read(official, override, word):
    with pytest.raises(ConfigError, match=word):
        Tiny(load_config("video.source=x.mp4", "tracker=hmr2", override))


def test_a_wrong_file_under_a_right_name_is_said_plainly(official, tmp_path):
    wrong = tmp_path / "SMPL_NEUTRAL.pkl"
    wrong.write_bytes(b"not a pickle")
    with pytest.raises(Exception, match="SMPL_NEUTRAL") as caught:
        Tiny(load_config("video.source=x.mp4", f"SMPL.MODEL_PATH='{tmp_path}'"))
    assert caught.type.__name__ == "WeightsError"


@pytest.mark.parametrize("shape", ["[256,256]", "null"])
def test_boxes_are_grown_to_the_shape_asked_for(official, tmp_path, data, shape):
    options = ("video.end_frame=6", "render.enable=false", "world.enable=false")
    options += (f"expand_bbox_shape={shape}",)
    done = track(tmp_path, data / "demo.mp4", *options)
    frame = list(load_results(done.results).values())[4]
    assert frame["tid"]
    for (_, _, width, height), scale in zip(frame["bbox"], frame["scale"], strict=True):
        longer = max(width, height)  # a square or the box itself: its longer side stays
        assert scale == pytest.approx(longer / 854, rel=1e-5)


def test_hmar_alone_needs_no_checkpoint_of_hmr2(cache, tmp_path, monkeypatch):
    shutil.copytree(cache / "phalp", tmp_path / "phalp")
    monkeypatch.setenv("HUMANTRACK_CACHE", str(tmp_path))
    asked = load_config("video.source=x.mp4", "tracker=hmr2", "hmr_type=hmr2018")
    assert choose_tracker(asked)[0] is HMR2_4dhuman
    with pytest.raises(MissingWeightsError, match="epoch=35"):
        choose_tracker(load_config("video.source=x.mp4", "tracker=hmr2"))
