"""humantrack.iter_track(): a record per frame, for frames that come from anywhere."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import humantrack
from humantrack import ConfigError, iter_track, open_source

N_INIT = 5
KEYS = {"fps": 30, "tracker": "embedded", "device": "cpu"}


@pytest.fixture(scope="module")
def frames(data):
    return list(itertools.islice(open_source(data / "demo_small.mp4"), 14))


@pytest.fixture(scope="module")
def records(frames):
    return list(iter_track([frame.rgb for frame in frames], **KEYS))


def boxes(records):
    return [
        [(person.track_id, person.missed, *person.observation.xyxy_px) for person in record.people]
        for record in records
    ]


def test_the_same_people_as_track_finds(frames, records, data, tmp_path):
    results = humantrack.track(
        data / "demo_small.mp4",
        tracker="embedded",
        device="cpu",
        output_dir=tmp_path,
        render={"enable": False},
        video={"end_frame": len(frames)},
    )
    there = list(results.records)
    assert len(records) == len(there) == len(frames)
    for ours, theirs in zip(records, there, strict=True):
        assert [p.track_id for p in ours.people] == [p.track_id for p in theirs.people]
        for one, other in zip(ours.people, theirs.people, strict=True):
            for name in ("global_orient", "body_pose", "cam_t", "joints_3d"):
                a, b = (getattr(p.observation, name) for p in (one, other))
                assert np.array_equal(a, b), name
    assert any(record.people for record in records)


def test_frames_keep_their_own_times_and_names(frames):
    found = list(iter_track(frames[:6], **KEYS))
    assert [record.key for record in found] == [frame.key for frame in frames[:6]]
    assert [record.time_s for record in found] == [frame.time_s for frame in frames[:6]]


def test_arrays_get_times_by_the_rate(records):
    assert [record.time_s for record in records] == [i / 30 for i in range(len(records))]
    assert len({record.key for record in records}) == len(records)


def test_chunks_change_nothing(frames, records):
    found = iter_track([frame.rgb for frame in frames], batch_frames=4, **KEYS)
    assert boxes(found) == boxes(records)


def test_a_record_comes_once_it_is_final(frames):
    taken = []

    def camera():
        for frame in frames:
            taken.append(frame.index)
            yield frame.rgb

    found = iter_track(camera(), **KEYS)
    assert taken == []
    first = next(found)
    assert first.time_s == 0
    assert len(taken) <= N_INIT + 1
    next(found)
    assert len(taken) <= N_INIT + 2


def test_two_at_once_do_not_meet(frames, records):
    pictures = [frame.rgb for frame in frames]
    one, other = iter_track(pictures, **KEYS), iter_track(pictures, **KEYS)
    pairs = list(zip(one, other, strict=True))
    assert boxes(a for a, _ in pairs) == boxes(b for _, b in pairs) == boxes(records)


def test_nothing_gives_nothing():
    assert list(iter_track([], **KEYS)) == []


def test_sizes_may_change(frames):
    pictures = [frame.rgb for frame in frames[:3]] + [frame.rgb[:200, :300] for frame in frames[:3]]
    found = list(iter_track(pictures, **KEYS))
    assert len(found) == len(pictures)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((20, 30), np.uint8),
        np.zeros((20, 30, 4), np.uint8),
        np.zeros((20, 30, 3), np.float32),
        np.zeros((1, 20, 30, 3), np.uint8),
        [[[0, 0, 0]]],
        None,
    ],
    ids=["grey", "alpha", "float", "batch", "list", "nothing"],
)
def test_what_is_no_picture_is_told_in_a_line(picture):
    with pytest.raises(ValueError, match=r"frame 0: .*\(H, ?W, ?3\) uint8") as error:
        list(iter_track([picture], **KEYS))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), "30", None])
def test_a_rate_is_a_number_above_0(fps):
    with pytest.raises(ConfigError, match="fps="):
        iter_track([], **{**KEYS, "fps": fps})


def test_wrong_keys_are_told_before_the_first_frame():
    with pytest.raises(ConfigError, match=r"unknown key: phalp\.n_int"):
        iter_track([], phalp={"n_int": 3}, **KEYS)
    with pytest.raises(ConfigError, match="unknown tracker"):
        iter_track([], **{**KEYS, "tracker": "nobody"})


def test_nothing_is_written(frames, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    list(iter_track([frame.rgb for frame in frames[:2]], **KEYS))
    assert list(tmp_path.iterdir()) == []
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
