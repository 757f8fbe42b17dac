"""Results of a video in parts are byte for byte those of one run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from split_tools import CUT, FRAMES, GAP, Tiny, alone, encode, in_parts, stored

from humantrack import load_results, read_observations
from humantrack.split.plan import Plan

HMR2 = ("tracker=hmr2", "phalp.detector=given")


@pytest.fixture(scope="module")
def whole(clip, boxes, tmp_path_factory):
    return alone(clip, tmp_path_factory.mktemp("whole"), boxes)


@pytest.mark.parametrize("parts", [1, 2, 7])
def test_seams_are_not_seen(whole, clip, boxes, tmp_path, parts):
    """Seams lie in the gap, where people pass each other, and on the cut."""
    done = in_parts(clip, tmp_path, boxes, f"split.parts={parts}")
    assert done.frames == FRAMES
    assert done.tracks == whole.tracks >= 2
    assert stored(done) == stored(whole)
    assert not list(done.results.parent.glob("*.observations"))
    frame = list(load_results(done.results).values())[GAP.start + 2]
    assert len(frame["tid"]) == 2  # the hidden one is held


@pytest.mark.parametrize("shots", ["false", "true"])
def test_every_frame_a_seam(clip, boxes, tmp_path, shots):
    options = ("batch_frames=1", f"detect_shots={shots}")
    one = alone(clip, tmp_path / "one", boxes, *options)
    many = in_parts(clip, tmp_path / "many", boxes, *options, f"split.parts={FRAMES}")
    assert stored(many) == stored(one)
    shot = [frame["shot"] for frame in load_results(many.results).values()]
    assert bool(shot[CUT]) is (shots == "true")


@pytest.mark.slow
def test_hmr2_in_two_parts(official, clip, boxes, tmp_path):
    end = ("video.end_frame=14", *HMR2)
    one = alone(clip, tmp_path / "one", boxes, *end, kind=Tiny)
    options = (*end, "split.parts=2", "results.observations=true")
    two = in_parts(clip, tmp_path / "two", boxes, *options, kind=Tiny)
    assert one.tracks == 2
    assert stored(two) == stored(one)
    folder = two.results.with_suffix(".observations")
    assert len(Plan.read(folder).parts) == 2
    textures = [p.uv for frame in read_observations(folder) for p in frame.people]
    assert all(uv.shape == (4, 256, 256) and np.ptp(uv) > 0 for uv in textures)


@pytest.mark.parametrize("options", [("video.start_frame=4", "video.end_frame=25"), ()])
@pytest.mark.parametrize("keys", ["name", "phalp"])
def test_a_variable_rate(boxes, tmp_path, options, keys):
    stamps = np.cumsum(np.random.default_rng(3).integers(1, 12, FRAMES)).tolist()
    encode(clip := tmp_path / "vfr.mp4", stamps)
    options = (*options, f"results.keys={keys}")
    one = alone(clip, tmp_path / "one", boxes, *options)
    many = in_parts(clip, tmp_path / "many", boxes, *options, "split.parts=7")
    assert stored(many) == stored(one)


@pytest.mark.parametrize("start", ["0.3", "0.55"])
def test_a_start_by_time(boxes, tmp_path, start):
    stamps = np.cumsum(np.random.default_rng(4).integers(1, 12, FRAMES)).tolist()
    encode(clip := tmp_path / "vfr.mp4", stamps)
    options = (f"video.start_time={start}",)
    one = alone(clip, tmp_path / "one", boxes, *options)
    many = in_parts(clip, tmp_path / "many", boxes, *options, "split.parts=4")
    assert stored(many) == stored(one)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_frames(clip, boxes, tmp_path, seed):
    """Some frames are lost, and others patched, alike."""
    data = bytearray(clip.read_bytes())
    start = data.index(b"mdat") + 4000
    random = np.random.default_rng(seed)
    for place in random.integers(start, len(data) - 8000, 6):
        data[place : place + 40] = random.integers(0, 256, 40, np.uint8).tobytes()
    (damaged := tmp_path / "long.mp4").write_bytes(data)
    one = alone(damaged, tmp_path / "one", boxes)
    many = in_parts(damaged, tmp_path / "many", boxes, "split.parts=7")
    assert one.decode_errors
    assert stored(many) == stored(one)


def test_images(clip, boxes, tmp_path, data):
    import cv2

    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(9):
        cv2.imwrite(str(folder / f"{i:03d}.png"), np.full((180, 320, 3), 20 * i, np.uint8))
    one = alone(folder, tmp_path / "one", boxes)
    many = in_parts(folder, tmp_path / "many", boxes, "split.parts=3")
    assert one.frames == 9
    assert stored(many) == stored(one)


def test_overlay_and_camera_are_those_of_one_run(clip, boxes, tmp_path):
    options = ("render.enable=true", "render.type=HUMAN_BBOX", "world.enable=true")
    one = alone(clip, tmp_path / "one", boxes, *options)
    two = in_parts(clip, tmp_path / "two", boxes, *options, "split.parts=2")
    assert stored(two) == stored(one)
    for name in ("demo_long.camera",):
        same = [Path(done.results).with_name(name).read_bytes() for done in (one, two)]
        assert same[0] == same[1]
    assert two.overlay is not None and two.overlay.stat().st_size > 1000
