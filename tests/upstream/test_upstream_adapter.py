"""The adapter's plumbing, on a stand-in with the genuine signatures."""

from __future__ import annotations

import json
import os
import sys
import warnings

import av
import numpy as np
import pytest
import torch
from golden_rule import predictor_state
from omegaconf import OmegaConf

from humantrack import (
    ConfigError,
    InterruptedRunError,
    MissingWeightsError,
    StageError,
    load_results,
)
from humantrack.cli.main import main
from humantrack.session import choose_tracker
from humantrack.upstream.bridge import Bridge
from humantrack.upstream.genuine import contained

FRAMES = 12
SUBCLASS = """
from phalp.trackers.PHALP import PHALP

class WithNumbers(PHALP):
    def run_additional_models(self, image_frame, pred_bbox, *rest):
        return [f"jersey {int(box[0])}" for box in pred_bbox]

nothing = 3

class Unrelated:
    pass
"""


def frames_of(done):
    return load_results(done.results)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """my_trackers.py in the folder that the program is started in."""
    (tmp_path / "my_trackers.py").write_text(SUBCLASS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield "my_trackers"
    sys.modules.pop("my_trackers", None)


def test_frames_keys_and_backfill(adapter, config):
    done = adapter.HMR2_4dhuman(config()).track()
    frames = frames_of(done)
    assert list(frames) == [f"walk/{t + 1:06d}.png" for t in range(FRAMES)]
    assert [f["time"] for f in frames.values()] == list(range(FRAMES))
    # Both are confirmed by their fifth detection and written back to their first.
    assert [f["tid"] for f in frames.values()] == [[1]] * 3 + [[1, 2]] * 9
    assert all(missed == 0 for f in frames.values() for missed in f["tracked_time"])
    for t, frame in enumerate(frames.values()):
        assert frame["bbox"][0].tolist() == [20 + 5 * t, 30, 60, 120]
        assert frame["img_path"] == [frame["frame_path"]] * len(frame["tid"])
        assert frame["scale"] == pytest.approx([120 / 320] * len(frame["tid"]))
    assert (done.frames, done.tracks, done.people) == (FRAMES, 2, 2)


def test_boxes_are_grown_as_4d_humans_does(adapter, config):
    frames = frames_of(adapter.HMR2_4dhuman(config("expand_bbox_shape=[1,1]")).track())
    wide = frames_of(adapter.HMR2_4dhuman(config("expand_bbox_shape=[2,1]")).track())
    assert next(iter(frames.values()))["scale"] == pytest.approx([120 / 320])
    assert next(iter(wide.values()))["scale"] == pytest.approx([240 / 320])


def test_pictures_come_as_bgr_and_one_at_a_time(adapter, genuine_phalp, config):
    calls = []

    class Watching(genuine_phalp):
        def get_detections(self, image, frame_name, t_, additional_data=None, measurments=None):
            calls.append((t_, frame_name, measurments, image.flags.c_contiguous))
            tracks = [(t.track_id, t.time_since_update) for t in self.tracker.tracks]
            assert tracks == [] if t_ == 0 else (1, 0) in tracks  # the frame before is done
            assert image[..., 0].max() == 200
            assert image[..., 1:].max() == 0
            return super().get_detections(image, frame_name, t_, additional_data, measurments)

    adapter.UpstreamTracker.from_class(Watching)(config()).track()
    assert [c[0] for c in calls] == list(range(FRAMES))
    assert calls[2][1:] == ("walk/000003.png", [200, 320, 320, 0, 60], True)


def test_a_missed_track_keeps_its_last_observation(adapter, genuine_phalp, config):
    class Blinking(genuine_phalp):
        def get_detections(self, image, *rest):
            dark = rest[1] in (7, 8)  # t_
            return super().get_detections(image * 0 if dark else image, *rest)

    done = adapter.UpstreamTracker.from_class(Blinking)(config("phalp.n_init=2")).track()
    frames = list(frames_of(done).values())
    assert [f["tracked_time"] for f in frames[6:10]] == [[0, 0], [1, 1], [2, 2], [0, 0]]
    assert frames[8]["img_path"] == ["walk/000007.png"] * 2
    assert frames[8]["tracked_ids"] == []
    assert frames[8]["bbox"][0].tolist() == frames[6]["bbox"][0].tolist()


def test_a_subclass_with_more_models(adapter, module, config):
    cfg = config(f"upstream.class_={module}.WithNumbers")
    tracker, why = choose_tracker(cfg)
    assert tracker.__name__ == "WithNumbers"
    assert "my_trackers.WithNumbers" in why
    done = tracker(cfg).track()
    assert list(frames_of(done).values())[4]["extra_data"] == ["jersey 40", "jersey 200"]
    assert json.loads(done.meta.read_text())["model"]["tracker"] == "WithNumbers"


def test_a_class_alone_asks_for_upstream(adapter, module, config):
    cfg = config(f"upstream.class_={module}.WithNumbers", "tracker=auto")
    assert choose_tracker(cfg)[0].__name__ == "WithNumbers"


def test_from_class_leaves_our_own_as_they_are(adapter):
    class Mine(adapter.HMR2_4dhuman):
        pass

    assert adapter.UpstreamTracker.from_class(Mine) is Mine
    with pytest.raises(ConfigError, match="not a subclass"):
        adapter.UpstreamTracker.from_class(dict)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("no_such_module.Class", "no such module"),
        ("my_trackers.Missing", "no such class"),
        ("WithNumbers", "no such class"),
        ("my_trackers.nothing", "not a class"),
        ("my_trackers.Unrelated", "not a subclass"),
    ],
)
def test_a_wrong_class_is_refused(adapter, module, config, name, word):
    with pytest.raises(ConfigError, match=word):
        choose_tracker(config(f"upstream.class_={name}"))


def test_the_command_line(fakes, module, clip, tmp_path, capsys):
    main(
        [
            f"video.source={clip}",
            f"video.output_dir={tmp_path / 'out'}",
            "tracker=upstream",
            f"upstream.class_={module}.WithNumbers",
            "device=cpu",
            "video.end_frame=6",
            "+mine.key=3",
        ]
    )
    assert "upstream.class_ is my_trackers.WithNumbers" in capsys.readouterr().err
    with av.open(str(tmp_path / "out" / "PHALP_walk.mp4")) as drawn:
        assert sum(1 for _ in drawn.decode(video=0)) == 6
    frames = load_results(tmp_path / "out" / "results" / "demo_walk.pkl")
    assert list(frames.values())[5]["tid"] == [1]


def test_an_error_in_a_hook_costs_only_what_comes_after(fakes, module, clip, tmp_path, capsys):
    source = "\nclass Failing(PHALP):\n    def get_human_features(self, *all):\n"
    source += "        if all[7] == 9: raise KeyError('no such joint')\n"
    source += "        return super().get_human_features(*all)\n"
    (tmp_path / "my_trackers.py").write_text(SUBCLASS + source)
    out = tmp_path / "out"
    keys = [f"video.source={clip}", f"video.output_dir={out}", "render.enable=false"]
    with pytest.raises(SystemExit) as stop:
        main([*keys, f"upstream.class_={module}.Failing", "tracker=upstream", "device=cpu"])
    assert stop.value.code == StageError.exit_code
    said = capsys.readouterr().err
    assert "frame 9" in said
    assert "no such joint" in said
    assert "Traceback" not in said
    kept = load_results(out / "results" / "demo_walk.partial.pkl")
    assert list(kept) == [f"walk/{t + 1:06d}.png" for t in range(4)]  # n_init frames are held
    assert [f["tid"] for f in kept.values()] == [[1], [1], [1], [1, 2]]


def test_ctrl_c_keeps_what_is_final(adapter, genuine_phalp, config):
    from threading import Event

    stop = Event()

    class Stopping(genuine_phalp):
        def run_additional_models(self, *all):
            if all[6] == 8:
                stop.set()
            return super().run_additional_models(*all)

    tracker = adapter.UpstreamTracker.from_class(Stopping)(config())
    with pytest.raises(InterruptedRunError, match="before frame 9"):
        tracker.track(stop)


def test_given_boxes_and_use_gt(adapter, config, boxes):
    tracker = adapter.HMR2_4dhuman(config(f"video.boxes='{boxes}'", "use_gt=true"))
    assert tracker.detector_x == "cpu"
    frames = list(frames_of(tracker.track()).values())
    # Annotated detections are confirmed at once; after frame 5 nothing is given.
    assert [f["tid"] for f in frames] == [[1]] * FRAMES
    assert [f["tracked_time"][0] for f in frames] == [0] * 6 + [1, 2, 3, 4, 5, 6]
    assert [f["bbox"][0].tolist() for f in frames[:2]] == [[20, 30, 60, 120], [25, 30, 60, 120]]
    assert frames[0]["annotations"] == [[3]]


def test_quirks_detect_where_nothing_is_given_and_fill_in_twice(adapter, config, boxes):
    cfg = config(f"video.boxes='{boxes}'", "phalp.reference_quirks=true")
    frames = list(frames_of(adapter.HMR2_4dhuman(cfg).track()).values())
    assert frames[0]["tid"] == [1, 1]
    assert len(frames[8]["tid"]) == 2


def test_masks_of_given_boxes_are_only_loaded_when_boxes_are_given(adapter, config):
    assert not hasattr(adapter.HMR2_4dhuman(config()), "detector_x")


def test_a_cut_reaches_the_genuine_configuration(adapter, genuine_phalp, config, monkeypatch):
    import dataclasses

    from humantrack import video

    seen = []

    class Watching(genuine_phalp):
        def run_additional_models(self, *all):
            seen.append(self.cfg.phalp.shot)
            return super().run_additional_models(*all)

    def cut_at_5(frames):
        for frame in frames:
            yield dataclasses.replace(frame, is_shot_start=frame.index == 5)

    monkeypatch.setattr(video, "mark_shots", cut_at_5)
    cfg = config("detect_shots=true")
    done = adapter.UpstreamTracker.from_class(Watching)(cfg).track()
    assert seen == [0] * 5 + [1] + [0] * 6
    assert [f["shot"] for f in frames_of(done).values()] == seen


# -- bounds -------------------------------------------------------------------------------------


def test_the_device_is_ours_and_nothing_stays_changed(adapter, config):
    before = (torch.load, os.system, torch.Tensor.cuda, torch.nn.Module.cuda)
    filters = list(warnings.filters)
    tracker = adapter.HMR2_4dhuman(config())
    tracker.track()
    assert {p.device.type for p in tracker.parameters()} == {"cpu"}
    assert tracker.cfg.device == "cpu"
    assert (torch.load, os.system, torch.Tensor.cuda, torch.nn.Module.cuda) == before
    assert "cuda" not in vars(torch.Tensor)
    assert warnings.filters == filters


def test_bounds_are_lifted_after_an_error(adapter, config):
    before = torch.load, os.system
    with pytest.raises(StageError, match="Detector nanodet not supported"):
        adapter.HMR2_4dhuman(config("phalp.detector=nanodet"))
    assert (torch.load, os.system) == before
    with pytest.raises(ZeroDivisionError), contained("cpu"):
        raise ZeroDivisionError
    assert (torch.load, os.system) == before


def test_a_shell_command_is_refused(adapter, genuine_phalp, config):
    class Cleaning(genuine_phalp):
        def run_additional_models(self, *all):
            os.system("rm -rf outputs")

    with pytest.raises(StageError, match="shell command: rm -rf outputs"):
        adapter.UpstreamTracker.from_class(Cleaning)(config()).track()


class Opener:
    def __reduce__(self):
        return os.mkdir, ("opened",)


def test_files_are_read_without_running_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good, evil = tmp_path / "good.ckpt", tmp_path / "evil.ckpt"
    torch.save({"state_dict": {"w": torch.ones(2)}, "hyper_parameters": {"x": set}}, good)
    torch.save({"state_dict": {"w": Opener()}}, evil)
    with contained("cpu"):
        assert torch.load(good)["state_dict"]["w"].tolist() == [1, 1]
        with good.open("rb") as file:  # as Lightning does
            read = torch.load(file, map_location="cuda:0", weights_only=True)
        assert read["state_dict"]["w"].device.type == "cpu"
        with pytest.raises(Exception, match="asks to run"):
            torch.load(evil)
        with pytest.raises(Exception, match="asks to run"), evil.open("rb") as file:
            torch.load(file, weights_only=False)
    assert not (tmp_path / "opened").exists()


def test_the_predictor_gets_the_weights_that_its_loader_drops(adapter, config):
    wanted = predictor_state()["encoder.pose_shape_encoder.0.weight"]
    mended = adapter.HMR2_4dhuman(config()).pose_predictor.encoder
    np.testing.assert_array_equal(mended.pose_shape_encoder[0].weight.detach(), wanted)
    quirk = adapter.HMR2_4dhuman(config("phalp.reference_quirks=true")).pose_predictor.encoder
    assert np.abs(quirk.pose_shape_encoder[0].weight.detach().numpy() - wanted).max() > 0.01


def test_our_values_go_over_the_genuine_ones(adapter, config):
    own = adapter.HMR2_4dhuman(config("phalp.n_init=3", "+mine.key=3")).cfg
    assert own.phalp.n_init == 3
    assert own.phalp.small_h == 100  # null here
    assert own.mine.key == 3
    assert own.video.end_frame == 1300  # as PHALP has it; our pipeline reads all
    assert own.SMPL.MODEL_PATH.endswith("SMPL_NEUTRAL.pkl")
    assert "hydra" not in own


def test_missing_files_are_named_at_once(fakes, config, tmp_path, monkeypatch):
    monkeypatch.setenv("HUMANTRACK_CACHE", str(tmp_path))
    tracker, _ = choose_tracker(config())
    with pytest.raises(MissingWeightsError, match="misses 11 of 11") as caught:
        tracker(config())
    assert "texture.npz" in str(caught.value)
    assert "epoch=35-step=1000000.ckpt" in str(caught.value)


def test_a_subclass_that_misses_a_file_says_so(adapter, genuine_phalp, config):
    class Needy(genuine_phalp):
        def setup_hmr(self):
            open("no/such.ckpt")  # noqa: SIM115, PTH123

    with pytest.raises(MissingWeightsError, match=r"Needy misses a file: no/such\.ckpt"):
        adapter.UpstreamTracker.from_class(Needy)(config())


@pytest.mark.parametrize(("broken", "word"), [("smpl", "lacks 'smpl'"), ("camera", "lacks")])
def test_a_detection_without_a_key_is_named(adapter, genuine_phalp, config, broken, word):
    class Lossy(genuine_phalp):
        def get_human_features(self, *all):
            found = super().get_human_features(*all)
            for detection in found:
                del detection.detection_data[broken]
            return found

    with pytest.raises(StageError, match=word):
        adapter.UpstreamTracker.from_class(Lossy)(config()).track()


def test_seven_things_are_expected(adapter, genuine_phalp, config):
    class Old(genuine_phalp):
        def get_detections(self, *all):
            return super().get_detections(*all)[:5]

    with pytest.raises(StageError, match="5 things, not 7"):
        adapter.UpstreamTracker.from_class(Old)(config()).track()


def test_costs_do_not_pile_up(adapter, config):
    tracker = adapter.HMR2_4dhuman(config())
    tracker.track()
    assert list(tracker.tracker.tracked_cost) == [FRAMES - 1]


def test_checkpoints_are_off(adapter, config):
    cfg = config()
    OmegaConf.update(cfg, "checkpoint", {"enable": True}, force_add=True)
    bridge = Bridge(adapter.HMR2_4dhuman(cfg))
    assert bridge.cfg.checkpoint.enable is False
    assert cfg.checkpoint.enable is True  # the user's own is left alone
    assert bridge.cfg.batch_frames == 1
