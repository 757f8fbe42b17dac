"""The evidence of the camera's motion: gathered, stored, gone on with, read back."""

from itertools import islice

import camera_tools as made
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as rle

from humantrack.errors import CheckpointError, OutputError, ResultsError
from humantrack.types import Frame, FrameRecord
from humantrack.world.camera import (
    CameraSink,
    EvidenceFile,
    FrameTracks,
    check_evidence,
    evidence_path,
    solve,
)
from humantrack.world.camera.evidence import encode_block, quantised
from humantrack.world.camera.silhouettes import background
from humantrack.world.camera.writer import EvidenceWriter

WIDTH, HEIGHT = 480, 270


class Person:
    """As much of a tracked person as the sink looks at."""

    def __init__(self, box, mask=None, missed=0):
        self.missed, self.observation = missed, self
        self.xyxy_px, self.mask = np.array(box, np.float32), mask


def record(index, people=(), size=(HEIGHT, WIDTH), cut=False):
    return FrameRecord(
        index=index, source_index=index, key=str(index), time_s=index / 30, is_shot_start=cut,
        image_size=size, people=tuple(people),
    )  # fmt: skip


def wall(seed=0):
    """A picture larger than what the camera sees of it."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 255, (90, 160), np.uint8)
    return cv2.GaussianBlur(cv2.resize(coarse, (1280, 720)), (0, 0), 1.5)


def clip(count, step=(3.0, 0.0), *, cut=None, size=(WIDTH, HEIGHT), seed=0, noise=1.5):
    """Frames of a camera that slides over a wall, and of another wall from ``cut`` on."""
    random = np.random.default_rng(seed)
    grounds = wall(), wall(1)
    for index in range(count):
        ground = grounds[cut is not None and index >= cut]
        shift = np.array([[1, 0, -20 - step[0] * index], [0, 1, -20 - step[1] * index]])
        grey = cv2.warpAffine(ground, shift, size, flags=cv2.INTER_LINEAR).astype(float)
        grey = np.clip(grey + random.normal(size=grey.shape) * noise, 0, 255).astype(np.uint8)
        yield Frame(
            index=index, source_index=index, time_s=index / 30, rgb=np.dstack([grey] * 3),
            key=str(index), is_shot_start=index == cut,
        )  # fmt: skip


def gather(path, frames, people=lambda _: ()):
    with CameraSink(path) as sink:
        for frame in frames:
            size = frame.height, frame.width
            sink.write(frame, record(frame.index, people(frame), size, frame.is_shot_start))
    return list(EvidenceFile(path))


def test_points_follow_the_background(tmp_path):
    seen = gather(tmp_path / "a.camera", clip(30))
    assert [frame.index for frame in seen] == list(range(30))
    ids, first, last = np.intersect1d(seen[0].ids, seen[20].ids, return_indices=True)
    assert len(ids) > 60
    moved = seen[20].xy[last] - seen[0].xy[first]
    np.testing.assert_allclose(np.median(moved, axis=0), [-60, 0], atol=0.05)
    assert np.abs(moved - [-60, 0]).max() < 0.6


def test_no_point_is_on_a_person_or_near(tmp_path):
    silhouette = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    silhouette[60:200, 200:260] = 1
    mask = rle.encode(silhouette)
    mask = {"size": list(mask["size"]), "counts": mask["counts"].decode()}
    masked = Person([0, 0, WIDTH, HEIGHT], mask)
    boxed = Person([20, 20, 90, 120])

    for frame in gather(tmp_path / "a.camera", clip(25), lambda _: (masked, boxed)):
        x, y = frame.xy.T
        assert len(x) > 50
        assert not ((x > 197) & (x < 263) & (y > 57) & (y < 203)).any()
        assert not ((x > 18) & (x < 93) & (y > 18) & (y < 123)).any()
        assert ((x > 280) & (y < 60)).any()


def test_a_silhouette_seen_long_ago_is_widened():
    box = [200, 100, 260, 200]
    free = [
        (background(record(0, [Person(box, missed=missed)]), (HEIGHT, WIDTH)) > 0).sum()
        for missed in (0, 1, 5, 50)
    ]
    assert free[0] > free[1] > free[2] == free[3]
    assert (background(record(0), (HEIGHT, WIDTH)) == 255).all()
    lost = Person([np.nan] * 4)
    assert (background(record(0, [lost]), (HEIGHT, WIDTH)) == 255).all()


def test_a_cut_and_another_size_start_anew(tmp_path):
    frames = [*clip(20, cut=10), *islice(clip(30, size=(320, 400)), 20, 30)]
    seen = gather(tmp_path / "a.camera", frames)
    assert [frame.index for frame in seen if frame.is_shot_start] == [10, 20]
    assert not np.isin(seen[10].ids, seen[9].ids).any()
    assert not np.isin(seen[20].ids, seen[19].ids).any()
    assert solve(seen, focal_px=500.0).shot.tolist() == [0] * 10 + [1] * 10 + [2] * 10


def test_a_flash_does_not_lose_the_points(tmp_path):
    frames = list(clip(20))
    white = Frame(
        index=10, source_index=10, time_s=1 / 3, rgb=np.full_like(frames[10].rgb, 255), key="10"
    )
    seen = gather(tmp_path / "a.camera", [*frames[:10], white, *frames[11:]])
    assert len(seen[10].ids) == 0
    assert np.isin(seen[11].ids, seen[9].ids).sum() > 50


@pytest.mark.parametrize("size", [(1, 1), (8, 6), (16, 16), (3000, 20)])
def test_small_and_odd_pictures(tmp_path, size):
    seen = gather(tmp_path / "a.camera", clip(4, size=size))
    assert len(seen) == 4
    assert len(solve(seen, focal_px=100.0).index) == 4


def test_black_pictures_have_no_points(tmp_path):
    black = [
        Frame(index=i, source_index=i, time_s=i, rgb=np.zeros((90, 160, 3), np.uint8), key=str(i))
        for i in range(40)
    ]
    seen = gather(tmp_path / "a.camera", black)
    assert all(len(frame.ids) == 0 for frame in seen)
    path = solve(seen, focal_px=100.0)
    assert path.kinds == ("still",)
    assert (path.confidence == 0).all()
    assert any("could be followed" in note for note in path.notes)


def test_a_still_picture_with_noise_is_exactly_still(tmp_path):
    seen = gather(tmp_path / "a.camera", clip(60, step=(0.0, 0.0), noise=5.0))
    path = solve(seen, focal_px=500.0)
    assert path.kinds == ("still",)
    assert (path.rotation == np.eye(3)).all()


def test_the_camera_comes_back_and_places_are_known_again(tmp_path):
    there = [*clip(90, step=(6.0, 0.0))]
    frames = [*there, *there[::-1]]
    frames = [
        Frame(index=i, source_index=i, time_s=i / 30, rgb=frame.rgb, key=str(i))
        for i, frame in enumerate(frames)
    ]
    seen = gather(tmp_path / "a.camera", frames)
    born = {}
    for frame in seen:
        for number, xy in zip(frame.ids.tolist(), frame.xy, strict=True):
            born.setdefault(number, (frame.index, xy))
    links = np.concatenate([frame.links for frame in seen])
    assert len(links) > 30
    # Linked points are the same place of the wall.
    off = []
    for new, old in links.tolist():
        (a, xy), (b, other) = born[new], born[old]
        a, b = min(a, 179 - a), min(b, 179 - b)
        off.append(np.linalg.norm(xy - other + np.array([6 * (a - b), 0])))
    assert np.percentile(off, 80) < 3


@pytest.mark.parametrize("stop", [1, 37, 64, 100])
def test_resumed_is_the_same_to_the_byte(tmp_path, stop):
    frames = list(clip(130, step=(4.0, 0.5), cut=90))
    whole, parts = tmp_path / "whole.camera", tmp_path / "parts.camera"
    gather(whole, frames)
    first = CameraSink(parts)
    with pytest.raises(RuntimeError), first:
        for frame in frames[:stop]:
            first.write(frame, record(frame.index, cut=frame.is_shot_start))
        state = first.state_dict()
        for frame in frames[stop : stop + 5]:  # these are lost
            first.write(frame, record(frame.index, cut=frame.is_shot_start))
        raise RuntimeError
    assert not parts.exists()
    check_evidence(parts, state["file"])
    with CameraSink(parts, state=state) as second:
        for frame in frames[stop:]:
            second.write(frame, record(frame.index, cut=frame.is_shot_start))
    assert parts.read_bytes() == whole.read_bytes()
    assert not parts.with_name("parts.partial.camera").exists()


def test_a_state_of_other_evidence_is_refused(tmp_path):
    path = tmp_path / "a.camera"
    gather(path, clip(70))
    state = {"position": path.stat().st_size + 1, "crc": 0, "waiting": []}
    with pytest.raises(CheckpointError):
        check_evidence(path, state)
    with pytest.raises(CheckpointError):
        check_evidence(tmp_path / "none.camera", state)


def some_frames(seed, count):
    random = np.random.default_rng(seed)
    frames = []
    for index in range(count):
        n = random.integers(0, 30)
        ids = np.sort(random.choice(10**6, n, replace=False))
        links = random.integers(0, 2**31, (random.integers(0, 3), 2))
        frames.append(
            FrameTracks(
                index=int(index * 7),
                time_s=float(random.random()),
                width=1920,
                height=1080,
                is_shot_start=bool(random.integers(2)),
                scale=3.0,
                ids=ids,
                xy=quantised(random.uniform(-5, 645, (n, 2))),
                links=links,
            )
        )
    return frames


@given(st.integers(0, 10**6), st.integers(0, 150))
@settings(max_examples=20, deadline=None)
def test_evidence_comes_back(tmp_path_factory, seed, count):
    path = tmp_path_factory.mktemp("e") / "a.camera"
    frames = some_frames(seed, count)
    writer = EvidenceWriter(path)
    writer.open()
    for frame in frames:
        writer.append(frame)
    writer.close(is_whole=True)
    file = EvidenceFile(path)
    back = list(file)
    assert file.is_whole
    assert len(back) == count
    for one, other in zip(frames, back, strict=True):
        for name in ("index", "time_s", "width", "height", "is_shot_start", "scale"):
            assert getattr(one, name) == getattr(other, name)
        for name in ("ids", "xy", "links"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_damaged_and_foreign_files_are_told(tmp_path):
    path = tmp_path / "a.camera"
    with pytest.raises(ResultsError, match="cannot be read"):
        EvidenceFile(path)
    path.write_bytes(b"something else")
    with pytest.raises(ResultsError, match="not camera evidence"):
        EvidenceFile(path)
    gather(path, clip(70))
    data = path.read_bytes()
    path.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    with pytest.raises(ResultsError, match="damaged"):
        list(EvidenceFile(path))
    path.write_bytes(data[:-40])
    cut_short = EvidenceFile(path)
    assert len(list(cut_short)) == 64
    assert not cut_short.is_whole


def test_it_is_small():
    true = made.turns(np.linspace(0, 1, 64)[:, None] * [0, 15, 0])
    assert len(encode_block(made.tracks(true, noise=0.1, most=230))) / 64 < 700


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError), CameraSink(tmp_path / "file" / "a.camera"):
        pass


def test_the_evidence_lies_beside_the_results(tmp_path):
    assert evidence_path(tmp_path / "demo_x.pkl") == tmp_path / "demo_x.camera"
