"""The main job on the shipped clips: quality, and what must not change the results."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import av
import numpy as np
import pytest
from large_goldens import large_golden

from humantrack import BlazePose_4dhuman, Detections, iter_results, load_config, load_results

ROOT = Path(__file__).parents[2]


def track(out: Path, source: Path, *overrides: str):
    cfg = load_config(f"video.source='{source}'", f"video.output_dir='{out}'", *overrides)
    return BlazePose_4dhuman(cfg).track()


@pytest.fixture(scope="module")
def script():
    """It is run as a script, so that what lies in the folder beside it can be imported."""
    spec = importlib.util.spec_from_file_location("quality", ROOT / "scripts" / "quality.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def quality(script):
    return script.quality


@pytest.fixture(scope="module")
def demo(tmp_path_factory, data):
    return track(tmp_path_factory.mktemp("demo"), data / "demo.mp4")


@pytest.fixture(scope="module")
def small(tmp_path_factory, data):
    """The small clip's results, without an overlay."""
    return track(tmp_path_factory.mktemp("small"), data / "demo_small.mp4", "render.enable=false")


@pytest.mark.slow
def test_four_people_are_found_and_kept_apart(demo, quality, data):
    figures = quality(demo.results, data / "demo_gt.npz")
    assert figures["frames"] == 240
    assert figures["recall"] >= 0.95
    assert figures["precision"] >= 0.99
    assert figures["idf1"] >= 0.95
    assert figures["num_switches"] <= 1
    assert figures["mpjpe_mm"] <= 100
    assert figures["pa_mpjpe_mm"] <= 60
    assert figures["reprojection"] <= 0.03


@pytest.mark.slow
def test_the_pages_figures_are_those_of_a_run(demo, script, quality, data):
    assert script.apart("demo.mp4", quality(demo.results, data / "demo_gt.npz")) == {}


def test_the_pages_figures_of_the_small_clip(small, script, quality, data):
    assert script.apart("demo_small.mp4", quality(small.results, data / "demo_small_gt.npz")) == {}


def test_the_pages_table_is_made_of_its_figures(script):
    page = script.PAGE.read_text("utf-8")
    for table in (script.DRAWN, script.WORLD, script.REAL, script.SEEN, script.SCALING):
        block, figures = table.stated(page)
        assert block == table.block(figures)
    assert list(script.DRAWN.stated(page)[1]) == list(script.CLIPS)
    assert list(script.REAL.stated(page)[1])[-1] == script.AVERAGE


@pytest.mark.slow
def test_the_overlay_shows_the_people_and_plays_in_browsers(demo, data):
    with av.open(str(demo.overlay)) as drawn, av.open(str(data / "demo.mp4")) as source:
        stream = drawn.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == source.streams.video[0].average_rate
        pictures = [f.to_ndarray(format="rgb24") for f in drawn.decode(video=0)]
        frames = [f.to_ndarray(format="rgb24") for f in source.decode(video=0)]
    assert len(pictures) == 240
    frame = list(load_results(demo.results).values())[120]
    inside = np.zeros(pictures[0].shape[:2], bool)
    for x, y, w, h in np.array(frame["bbox"]).round().astype(int):
        inside[max(y - 30, 0) : y + h + 8, max(x - 8, 0) : x + w + 8] = True
    changed = np.abs(pictures[120].astype(int) - frames[120]).max(axis=2) > 40
    assert changed[inside].mean() > 0.2
    assert changed[~inside].mean() < 0.002


def test_one_person_keeps_one_identity(small, quality, data):
    figures = quality(small.results, data / "demo_small_gt.npz")
    assert small.tracks == 1
    assert (figures["recall"], figures["precision"], figures["idf1"]) == (1, 1, 1)
    assert figures["mpjpe_mm"] <= 75
    assert figures["reprojection"] <= 0.03


def test_results_have_phalps_keys_and_the_meta_file_tells_the_run(small):
    frames = load_results(small.results)
    assert list(frames)[:2] == ["demo_small/000001.jpg", "demo_small/000002.jpg"]
    frame = frames["demo_small/000050.jpg"]
    assert frame["time"] == 49
    assert frame["time_s"] == pytest.approx(49 / 30)
    assert frame["smpl"][0]["body_pose"].shape == (23, 3, 3)
    assert frame["mask"][0][0]["size"] == [360, 640]
    assert {"appe", "loca", "pose"} <= set(frame)
    meta = json.loads(small.meta.read_text(encoding="utf-8"))
    assert (meta["status"], meta["frame_count"], meta["track_count"]) == ("complete", 90, 1)
    assert meta["source"]["fps"] == 30
    assert meta["config"]["phalp"]["n_init"] == 5


@pytest.mark.parametrize(
    "overrides",
    [("batch_frames=1", "read_ahead=0"), ("batch_frames=64", "render.enable=true")],
    ids=["one at a time", "many at once, with an overlay"],
)
def test_the_same_bytes_whatever_the_chunks_and_with_an_overlay(small, tmp_path, data, overrides):
    again = track(tmp_path, data / "demo_small.mp4", "render.enable=false", *overrides)
    assert again.results.read_bytes() == small.results.read_bytes()


def test_streaming_equals_extraction(small, tmp_path, data):
    extracted = track(tmp_path, data / "demo_small.mp4", "video=extract", "render.enable=false")
    pictures = sorted((tmp_path / "_DEMO" / "demo_small" / "img").iterdir())
    assert [p.name for p in pictures] == [f"{i:06d}.jpg" for i in range(1, 91)]
    streamed, stored = load_results(small.results), load_results(extracted.results)
    assert list(streamed) == list(stored)
    for a, b in zip(streamed.values(), stored.values(), strict=True):
        assert a["tid"] == b["tid"]
        np.testing.assert_allclose(a["bbox"], b["bbox"], atol=6)
        np.testing.assert_allclose(a["2d_joints"], b["2d_joints"], atol=0.02)
    moved = [
        np.abs(np.subtract(a["2d_joints"], b["2d_joints"])).mean()
        for a, b in zip(streamed.values(), stored.values(), strict=True)
    ]
    assert np.mean(moved) < 0.002


@pytest.mark.parametrize("cut", ["frames", "times"])
def test_a_cut_equals_the_slice_of_the_whole(small, tmp_path, data, cut):
    bounds = {
        "frames": ("video.start_frame=30", "video.end_frame=60"),
        "times": ("video.start_time=1s", "video.end_time=2s"),
    }[cut]
    part = load_results(
        track(tmp_path, data / "demo_small.mp4", "render.enable=false", *bounds).results
    )
    whole = load_results(small.results)
    assert list(part) == list(whole)[30:60]
    for i, (key, frame) in enumerate(part.items()):
        assert frame["time_s"] == whole[key]["time_s"]
        assert frame["time"] == whole[key]["time"] - 30
        # Regions, filters and looks start afresh, so frames may differ a little: more in the first
        # five, in each of which the detector looks, while the whole has boxes from landmarks there.
        np.testing.assert_allclose(frame["bbox"], whole[key]["bbox"], atol=10 if i < 5 else 6)
        assert frame["tid"] == whole[key]["tid"]
    for key in list(part)[15:]:
        np.testing.assert_allclose(part[key]["2d_joints"], whole[key]["2d_joints"], atol=0.01)


def test_phalps_own_keys_on_request(tmp_path, data):
    clip = data / "demo_small.mp4"
    options = ("results.keys=phalp", "render.enable=false", "video.end_frame=7")
    streamed = load_results(track(tmp_path / "a", clip, *options).results)
    assert list(streamed)[1] == (str(clip), 512)
    extracted = track(tmp_path / "b", clip, *options, "video=extract")
    first = next(iter(load_results(extracted.results)))
    assert first.endswith("_DEMO/demo_small/img/000001.jpg")


def test_features_can_be_left_out(tmp_path, data):
    done = track(
        tmp_path,
        data / "demo_small.mp4",
        *("render.enable=false", "video.end_frame=8", "results.features=false"),
    )
    frames = list(load_results(done.results).values())
    assert frames[3]["tid"] == [1]
    assert not {"appe", "loca", "pose"} & set(frames[3])


def test_an_existing_result_is_left_alone_on_request(tmp_path, data):
    clip = data / "demo_small.mp4"
    first = track(tmp_path, clip, "render.enable=false", "video.end_frame=6")
    before = first.results.read_bytes()
    again = track(tmp_path, clip, "render.enable=false", "overwrite=false")
    assert again.skipped
    assert first.results.read_bytes() == before


def test_a_subclass_adds_data_and_chooses_boxes(tmp_path, data):
    class Left(BlazePose_4dhuman):
        """Looks at the left half only, and stores each box's width."""

        def get_detections(self, frames):
            found = super().get_detections(frames)
            return [d[d.xyxy_px[:, 0] < f.width / 2] for d, f in zip(found, frames, strict=True)]

        def run_additional_models(self, frames, detections: list[Detections]):
            return [[{"width": float(b[2] - b[0])} for b in d.xyxy_px] for d in detections]

    cfg = load_config(
        f"video.source='{data / 'demo.mp4'}'",
        f"video.output_dir='{tmp_path}'",
        *("render.enable=false", "video.end_frame=12"),
    )
    done = Left(cfg).track()
    widths = []
    for _, frame in iter_results(done.results):
        assert all(box[0] < 427 for box in frame["bbox"])
        widths += [
            (extra["width"], box[2])
            for extra, box in zip(frame["extra_data"], frame["bbox"], strict=True)
            if extra is not None
        ]
    assert len(widths) > 12
    np.testing.assert_allclose(*np.transpose(widths), rtol=1e-5)


def test_the_runner_is_one_person_in_every_frame(tmp_path):
    done = track(tmp_path, large_golden("runner.mp4"), "render.enable=false")
    frames = list(load_results(done.results).values())
    assert len(frames) == 180
    assert done.tracks == 1
    assert [f["tracked_ids"] for f in frames] == [[1]] * 180
