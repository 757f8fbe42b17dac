"""Faces of people whom the results do not have: seen by nobody yet, hardly, or not asked for."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from drawn_heads import disc_of_head

import humantrack
from humantrack.detect.nanodet.watch import HELD, Watch
from humantrack.render import FaceBlur
from humantrack.results import load_results
from humantrack.video import open_source

HEIGHT, WIDTH = 180, 320


class Told:
    """A watch that tells these boxes."""

    def __init__(self, *boxes):
        self._boxes = np.array(boxes, np.float32).reshape(-1, 4)

    def boxes(self, frame):
        return self._boxes

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


@pytest.fixture
def noise(make_frame):
    rgb = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    return make_frame(height=HEIGHT, width=WIDTH, rgb=rgb)


def hidden(blur, frame, record):
    """(H,W) bool: what was changed."""
    return (blur.blurred(frame, record).rgb != frame.rgb).any(axis=2)


def test_the_top_of_a_strangers_box_is_covered(noise, record):
    there = hidden(FaceBlur(watch=Told((100, 20, 140, 140))), noise, record())
    assert there[20:52, 100:140].mean() > 0.97
    assert not there[70:].any() and not there[:, :85].any() and not there[:, 155:].any()


@pytest.mark.parametrize("box", [(100, 150, 150, 180), (20, 100, 140, 130)], ids=["head", "lying"])
def test_of_a_box_that_is_wide_all_is_covered(box, noise, record):
    """A head alone at the lower edge, or somebody who lies."""
    x0, y0, x1, y1 = box
    there = hidden(FaceBlur(watch=Told(box)), noise, record())
    assert there[y0:y1, x0:x1].mean() > 0.97


def test_people_whose_bodies_are_known_are_covered_as_ever(noise, record, person):
    somebody = person(at=(0.0, 0.1, 100.0))
    alone = hidden(FaceBlur(), noise, record(somebody))
    box = somebody.observation.xyxy_px
    np.testing.assert_array_equal(hidden(FaceBlur(watch=Told(box)), noise, record(somebody)), alone)
    untracked = replace(record(), others=(somebody.observation,))
    np.testing.assert_array_equal(hidden(FaceBlur(watch=Told(box)), noise, untracked), alone)
    missed = record(replace(somebody, missed=3))  # who knows where he is now
    assert hidden(FaceBlur(watch=Told(box)), noise, missed).sum() > alone.sum()


def test_what_is_watched_goes_on_after_a_checkpoint(data):
    with open_source(data / "demo_small.mp4", end_frame=4) as source:
        frames = list(source)
    first = Watch()
    seen = [first.boxes(frame) for frame in frames[:2]]
    assert len(seen[0]) >= 1 and len(seen[1]) >= len(seen[0])
    second = Watch()
    second.load_state_dict(first.state_dict())
    blur, other = FaceBlur(watch=first), FaceBlur(watch=Watch())
    other.load_state_dict(blur.state_dict())
    for frame in frames[2:]:
        there = first.boxes(frame)
        np.testing.assert_array_equal(second.boxes(frame), there)
        np.testing.assert_array_equal(other._watch.boxes(frame), there)


def test_a_box_that_vanishes_is_told_for_some_frames_more_but_not_beyond_a_cut(data):
    with open_source(data / "demo_small.mp4", end_frame=1) as source:
        [frame] = source
    empty = np.full_like(frame.rgb, 128)
    watch, after = Watch(), []
    count = len(watch.boxes(frame))
    for i in range(1, HELD + 2):
        later = replace(frame, index=i, time_s=i / 30, rgb=empty, is_shot_start=False)
        after.append(len(watch.boxes(later)))
    assert count >= 1 and after == [count] * HELD + [0]
    watch = Watch()
    watch.boxes(frame)
    cut = replace(frame, index=1, time_s=1 / 30, rgb=empty, is_shot_start=True)
    assert len(watch.boxes(cut)) == 0


def detail(rgb, where):
    """Variance of the Laplacian there."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(cv2.Laplacian(grey, cv2.CV_32F)[where].var())


def test_nobody_outside_the_results_shows_his_face(data, tmp_path):
    """Boxes are given of one person alone; everybody else is in the picture too."""
    clip, start, end = data / "demo.mp4", 196, 204
    with np.load(data / "demo_gt.npz") as file:
        truth = dict(file)
    lines = []
    for i in range(start, end):
        x0, y0, x1, y1 = truth["box"][i, 0]
        lines.append(f"{i + 1},1,{x0 + 1},{y0 + 1},{x1 - x0},{y1 - y0},1,-1,-1,-1")
    boxes = tmp_path / "boxes.txt"
    boxes.write_text("\n".join(lines) + "\n")
    humantrack.track(
        clip,
        tracker="embedded",
        output_dir=tmp_path,
        video={"boxes": str(boxes), "start_frame": start, "end_frame": end},
        render={"blur_faces": True, "type": "TRACKID_99_MESH"},
        world={"enable": False},
    )
    results = load_results(tmp_path / "results" / "demo_demo.pkl")
    assert [len(frame["tid"]) for frame in results.values()] == [1] * (end - start)
    strangers = 0
    before = open_source(clip, start_frame=start, end_frame=end)
    with before, open_source(tmp_path / "PHALP_demo.mp4") as after:
        for frame, left in zip(before, after, strict=True):
            at = frame.source_index
            for person in np.nonzero(truth["present"][at])[0]:
                disc = disc_of_head(truth, at, person, frame.rgb.shape[:2])
                detailed = detail(frame.rgb, disc)
                assert detail(left.rgb, disc) < 0.1 * detailed, (at, person)
                strangers += person != 0
    assert strangers == 3 * (end - start)
