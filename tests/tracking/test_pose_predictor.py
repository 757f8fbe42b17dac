"""The pose predictor against its goldens, and on broken files, long histories and NaN."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from golden_rule import GOLDEN, normal, predictor_mean_std, predictor_state

from humantrack.errors import MissingWeightsError, StageError, WeightsError
from humantrack.tracking.pose import PoseForecaster
from humantrack.tracking.predictor import PredictorForecast, load_pose_predictor, smooth_track
from humantrack.tracking.predictor_files import read_mean_std, read_sizes

TIMES = np.array(
    [[10, 11, 12, 13, 15, 16, 18], [5, 5, 5, 5, 5, 6, 7], [0, 30, 60, 90, 110, 120, 124]]
)
MISSED = np.array([0, 3, 1])
CONFIG = json.loads((GOLDEN / "pose_predictor_config_golden.json").read_text())
SHAPES = json.loads((GOLDEN / "pose_predictor_state_dict.json").read_text())


def poses_of(key, shape):
    numbers = normal(key, shape)
    poses = np.float32(0.5) * numbers
    poses[..., 228] = np.float32(0.2) + np.float32(0.05) * numbers[..., 228]
    return poses


def golden_state():
    """The checkpoint's weights, under its own keys."""
    return {key: torch.from_numpy(np.asarray(v)) for key, v in predictor_state().items()}


@pytest.fixture(scope="module")
def state():
    return golden_state()


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "pose_predictor_golden.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def files(tmp_path_factory, state):
    """The three files, as the genuine program has them."""
    folder = tmp_path_factory.mktemp("predictor")
    weights, config, mean_std = (folder / n for n in ("p.pth", "p.yaml", "mean_std.npy"))
    extra = {"encoder.action_head_kinetics.0.weight": torch.ones(2), "train_loss.x": torch.ones(1)}
    torch.save({"state_dict": {**state, **extra}, "epoch": 3}, weights)
    config.write_text(yaml.safe_dump(CONFIG))
    np.save(mean_std, predictor_mean_std())
    return {"weights": weights, "config": config, "mean_std": mean_std}


@pytest.fixture(scope="module")
def predictor(files):
    return load_pose_predictor(**files)


@pytest.fixture(scope="module")
def histories():
    return poses_of("golden.pred.pose", (3, 7, 229))


@pytest.fixture(scope="module")
def tokens(predictor, histories):
    """(3,125,128) of the golden histories, laid out by hand."""
    window, seen = np.zeros((3, 125, 229), np.float32), np.zeros((3, 125), bool)
    for track in range(3):
        for pose, time in zip(histories[track], TIMES[track] - TIMES[track, 0], strict=True):
            window[track, time], seen[track, time] = pose, True
    return predictor.encode(window, seen)


# -- against the goldens -------------------------------------------------------------------------


def test_encoder_meets_the_golden(tokens, golden):
    # Every 6th of class token + 125 steps, every 4th number.
    np.testing.assert_allclose(tokens[:, 5::6, ::4], golden["encoder_sub"][:, 1:], atol=2e-5)


def test_readout_meets_the_golden(predictor, tokens, golden):
    poses = predictor.read_poses(tokens[:, ::25])
    np.testing.assert_allclose(poses, golden["pose_camera_sub"], atol=1e-5)
    logits = predictor.read_actions(tokens[:, ::25])
    np.testing.assert_allclose(logits, golden["ava_sub"], atol=2e-5)


def test_each_track_is_read_at_its_own_time(predictor, histories, golden):
    forecaster: PoseForecaster = PredictorForecast(predictor)
    forecast = forecaster.forecast(histories, TIMES, MISSED)
    assert forecast.dtype == np.float32
    np.testing.assert_allclose(forecast, golden["pred_per_track"], atol=1e-5)


def test_quirk_reads_all_tracks_at_the_first_ones_time(predictor, histories, golden):
    forecaster = PredictorForecast(predictor, reference_quirks=True)
    forecast = forecaster.forecast(histories, TIMES, MISSED)
    np.testing.assert_allclose(forecast, golden["pred_next"], atol=1e-5)
    alone = forecaster.forecast(histories[1:2], TIMES[1:2], MISSED[1:2])
    np.testing.assert_allclose(alone, golden["pred_next_track1_alone"], atol=1e-5)


def test_smoothing_meets_the_golden(predictor, golden):
    poses = poses_of("golden.pred.smooth_pose", (150, 1, 229))[:, 0]
    seen = np.ones(150, bool)
    seen[40:48] = seen[100] = False
    poses[~seen] = np.nan  # what stands there must not matter
    smooth = smooth_track(predictor, poses, seen, window=32, step=32)
    np.testing.assert_allclose(smooth.pose_vectors[::3, None], golden["smooth_pose"], atol=1e-5)
    np.testing.assert_allclose(smooth.pose_vectors[:, None, 226:], golden["smooth_cam"], atol=1e-5)
    np.testing.assert_allclose(smooth.action_logits[::10, None], golden["smooth_ava"], atol=2e-5)


# -- forecasts at the edges ----------------------------------------------------------------------


def test_nobody_is_forecast_from_nobody(predictor):
    nobody = PredictorForecast(predictor).forecast(
        np.zeros((0, 7, 229), np.float32), np.zeros((0, 7), int), np.zeros(0, int)
    )
    assert nobody.shape == (0, 229)


def test_what_is_older_than_the_window_does_not_count(predictor, histories):
    forecaster = PredictorForecast(predictor)
    times = np.array([[0, 1, 2, 3, 4, 130, 254]])
    long = forecaster.forecast(histories[:1], times, MISSED[:1])
    short = forecaster.forecast(histories[:1, 5:], times[:, 5:], MISSED[:1])
    np.testing.assert_array_equal(long, short)
    edge = forecaster.forecast(histories[:1, 4:], np.array([[129, 130, 254]]), MISSED[:1])
    np.testing.assert_array_equal(edge, short)


def test_quirk_fails_on_a_history_longer_than_the_window(predictor, histories):
    forecaster = PredictorForecast(predictor, reference_quirks=True)
    times = TIMES.copy()
    times[2, -1] = 125
    with pytest.raises(StageError, match="sees 125 frames, a history spans 126"):
        forecaster.forecast(histories, times, MISSED)


def test_a_pose_that_is_not_finite_counts_as_not_seen(predictor, histories, golden):
    forecaster = PredictorForecast(predictor)
    poses = histories.copy()
    poses[0, 3, 17] = np.nan
    poses[1] = np.inf
    forecast = forecaster.forecast(poses, TIMES, MISSED)
    keep = [0, 1, 2, 4, 5, 6]
    without = forecaster.forecast(histories[:1, keep], TIMES[:1, keep], MISSED[:1])
    np.testing.assert_allclose(forecast[0], without[0], atol=1e-6)
    assert np.isfinite(forecast[1]).all()
    np.testing.assert_allclose(forecast[2], golden["pred_per_track"][2], atol=1e-5)


def test_forecasts_turn_bodies_by_rotations(predictor, histories):
    forecast = PredictorForecast(predictor).forecast(histories, TIMES, MISSED)
    rotations = forecast[:, :216].reshape(-1, 3, 3).astype(float)
    identity = np.tile(np.eye(3), (72, 1, 1))
    np.testing.assert_allclose(rotations @ rotations.transpose(0, 2, 1), identity, atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-5)


@pytest.mark.parametrize(("count", "step"), [(1, 32), (31, 16), (50, 20)])
def test_smoothing_covers_every_frame_whatever_the_chunks(predictor, count, step):
    poses = poses_of("smooth", (count, 229))
    smooth = smooth_track(predictor, poses, np.ones(count, bool), window=16, step=step)
    assert smooth.pose_vectors.shape == (count, 229)
    # The first chunk sees the same frames as a track that ends with its surroundings.
    shown = poses[: step + 16]
    alone = smooth_track(predictor, shown, np.ones(len(shown), bool), window=16, step=step)
    first = min(step, count)
    np.testing.assert_allclose(smooth.pose_vectors[:first], alone.pose_vectors[:first], atol=1e-5)


@pytest.mark.parametrize(("count", "window", "step"), [(5, 50, 25), (5, 3, 0), (0, 3, 3)])
def test_smoothing_refuses_what_does_not_fit(predictor, count, window, step):
    with pytest.raises(ValueError, match=r"must be less than 125|without frames"):
        smooth_track(
            predictor, np.zeros((count, 229)), np.ones(count, bool), window=window, step=step
        )


# -- loading ---------------------------------------------------------------------------------------


def changed_config(tmp_path, name, value):
    tree = json.loads(json.dumps(CONFIG))
    *parents, leaf = f"configs.{name}".split(".")
    node = tree
    for parent in parents:
        node = node[parent]
    if value is None:
        del node[leaf]
    else:
        node[leaf] = value
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("frame_length", 250, "pos_embedding_learned1"),
        ("transformer.depth", 2, "unknown: transformer1.layers.2"),
        ("transformer.depth", 4, "missing: transformer1.layers.3"),
        ("transformer.mlp_dim", 128, "fn.net.0.weight"),
        ("transformer.dim_head", 64, "to_qkv.weight"),
        ("transformer.conv.pad", 2, "conv_en.weight"),
        ("extra_feat.pose_shape.mid_dim", 200, "pose_shape_encoder.0.weight"),
        ("ava.predict_valid", False, "action_head_ava.0.0.weight"),
        ("num_smpl_heads", 2, "smpl_head.1"),
    ],
)
def test_what_shapes_imply_is_checked(files, tmp_path, name, value, problem):
    config = changed_config(tmp_path, name, value)
    with pytest.raises(WeightsError, match="do not fit the network") as caught:
        load_pose_predictor(**{**files, "config": config})
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("transformer.heads", None, "no entry configs.transformer.heads"),
        ("transformer.heads", "eight", "whole number from 1 on"),
        ("transformer.heads", True, "whole number from 1 on"),
        ("transformer.depth", 0, "whole number from 1 on"),
        ("transformer.conv", 5, "no entry configs.transformer.conv.pad"),
        ("mask_type_test", "random", "must be 'zero'"),
        ("extra_feat.pose_shape.dim", 100, "must be 229"),
        ("extra_feat.pose_shape.en_dim", 64, "must be 128"),
        ("transformer.conv.stride", 4, "multiple of transformer.conv.stride"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_named(tmp_path, name, value, problem):
    with pytest.raises(WeightsError) as caught:
        read_sizes(changed_config(tmp_path, name, value))
    assert problem in str(caught.value)


def test_python_tags_in_the_configuration_stay_inert(tmp_path):
    trap = tmp_path / "trap"
    path = tmp_path / "tags.yaml"
    path.write_text(
        "a: !!python/object/apply:pathlib.Path.touch "
        f"[!!python/object/apply:pathlib.Path ['{trap}']]\n"
        "b: !!python/tuple [1, 2]\nc: !!python/name:os.system ''\nd: !mine {x: 1}\n"
        + yaml.safe_dump(CONFIG)
    )
    assert read_sizes(path).heads == 8
    assert not trap.exists()


@pytest.mark.parametrize(
    "content", [b"", b"[1, 2", b"\xff\xfe\x00", b"a: !!timestamp x", b"configs: 3", b"? [a]\n: 1"]
)
def test_a_damaged_configuration_is_one_error(tmp_path, content):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad\.yaml"):
        read_sizes(path)


@pytest.mark.parametrize("which", ["weights", "config", "mean_std"])
def test_a_missing_file_is_named(files, tmp_path, which):
    with pytest.raises(MissingWeightsError, match="nowhere"):
        load_pose_predictor(**{**files, which: tmp_path / "nowhere"})


def test_only_the_leading_prefix_is_taken_off(files, tmp_path, state):
    """Taking off every ``encoder.`` would lose the pose encoder, as the genuine program does."""
    lost = {k.replace("pose_shape_encoder.", "pose_shape_"): v for k, v in state.items()}
    path = tmp_path / "lost.pth"
    torch.save({"state_dict": lost}, path)
    with pytest.raises(WeightsError, match=r"4 missing: pose_shape_encoder\.0\.weight"):
        load_pose_predictor(**{**files, "weights": path})


def test_unknown_parts_are_left_out_and_reported(files, tmp_path, state, caplog):
    path = tmp_path / "more.pth"
    torch.save({"state_dict": {**state, "encoder.novelty.weight": torch.ones(3)}}, path)
    load_pose_predictor(**{**files, "weights": path})
    assert "novelty" in caplog.text


def test_a_checkpoint_of_another_model_is_refused(files, tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"state_dict": {"backbone.weight": torch.ones(3)}}, path)
    with pytest.raises(WeightsError, match="no pose predictor"):
        load_pose_predictor(**{**files, "weights": path})


# -- mean and deviation ----------------------------------------------------------------------------


def object_array():
    pair = np.empty(2, object)
    pair[:] = list(predictor_mean_std())
    return pair


@pytest.mark.parametrize("form", ["plain", "objects", "numbers as objects", "pickle"])
def test_mean_and_deviation_are_read_in_every_form(tmp_path, form):
    path = tmp_path / "mean_std.npy"
    both = predictor_mean_std()
    if form == "plain":
        np.save(path, both)
    elif form == "objects":
        np.save(path, object_array(), allow_pickle=True)
    elif form == "numbers as objects":
        np.save(path, both.astype(object), allow_pickle=True)
    else:
        path.write_bytes(pickle.dumps(tuple(both)))
    mean, std = read_mean_std(path)
    np.testing.assert_array_equal(mean[:226], both[0, 0])
    np.testing.assert_array_equal(std[:226], both[1, 0])
    assert mean[226:].tolist() == [0, 0, 0]
    assert std[226:].tolist() == [1, 1, 1]


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).touch, (self.path,)


def test_code_in_the_mean_is_never_run(tmp_path):
    trap, path = tmp_path / "trap", tmp_path / "mean_std.npy"
    pair = np.empty(2, object)
    pair[:] = [Touch(trap), np.zeros((1, 226))]
    np.save(path, pair, allow_pickle=True)
    with pytest.raises(WeightsError):
        read_mean_std(path)
    assert not trap.exists()


@pytest.mark.parametrize(
    "numbers",
    [
        np.zeros((3, 1, 226)),
        np.zeros((2, 1, 230)),
        np.zeros((2, 1, 0)),
        np.full((2, 1, 226), np.nan),
        np.zeros(()),
        np.array(["a", "b"]),
    ],
)
def test_other_numbers_are_refused(tmp_path, numbers):
    path = tmp_path / "mean_std.npy"
    np.save(path, numbers)
    with pytest.raises(WeightsError, match=r"mean_std\.npy"):
        read_mean_std(path)


@pytest.mark.parametrize("objects", [False, True])
def test_a_cut_file_is_refused_wherever_it_is_cut(tmp_path, objects):
    path = tmp_path / "mean_std.npy"
    np.save(path, object_array() if objects else predictor_mean_std(), allow_pickle=True)
    whole = path.read_bytes()
    for length in (0, 5, 7, 60, 127, 130, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            read_mean_std(path)


def test_the_tracking_room_does_not_load_torch():
    code = "import sys, humantrack.tracking; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
