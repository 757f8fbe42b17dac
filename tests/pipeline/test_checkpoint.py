"""The checkpoint file, when one is taken, and what it may not be taken for."""

from __future__ import annotations

import zlib
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.errors import CheckpointError, OutputError
from humantrack.pipeline.checkpoint import Checkpoints, read_checkpoint, write_checkpoint
from humantrack.pipeline.loop import feed, walk
from humantrack.pipeline.threads import ThreadedSink
from humantrack.pipeline.window import BackFillWindow, held_state
from humantrack.types import FrameUpdate, TrackedPerson

STATE = {
    "number": 2**40,
    "text": "Grüße",
    "nothing": None,
    "pair": (1.5, -0.0),
    "ids": {3, 1},
    "key": ("video.mp4", 512),
    "array": np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::2],
}


def same(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and a == b


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "sub" / "x.checkpoint"
    write_checkpoint(path, STATE)
    read = read_checkpoint(path)
    assert list(read) == list(STATE)
    assert all(same(read[key], value) for key, value in STATE.items())
    assert [p.name for p in path.parent.iterdir()] == ["x.checkpoint"]


def test_an_array_that_occurs_often_is_stored_once_and_comes_back_as_one(tmp_path):
    path = tmp_path / "x"
    array = np.random.default_rng(0).random(10_000)
    write_checkpoint(path, {"here": array, "there": [array, array.copy()]})
    read = read_checkpoint(path)
    assert read["here"] is read["there"][0]
    assert read["here"] is not read["there"][1]
    np.testing.assert_array_equal(read["there"][1], array)
    assert path.stat().st_size < 2.5 * array.nbytes


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "x"
    write_checkpoint(path, STATE)
    return path, path.read_bytes()


@given(data=st.data())
def test_a_cut_at_any_byte_is_refused(whole, data):
    path, raw = whole
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw) - 1))])
    with pytest.raises(CheckpointError, match=r"damaged|version"):
        read_checkpoint(path)


@given(data=st.data())
def test_a_change_of_any_bit_is_refused(whole, data):
    path, raw = whole
    changed = bytearray(raw)
    changed[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(changed)
    with pytest.raises(CheckpointError, match=r"damaged|version"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "content",
    [b"\x80\x03cos\nsystem\nX\x04\x00\x00\x00true\x85R.", b"\x80\x03K\x01.", b"no pickle"],
    ids=["code", "no dict", "no pickle"],
)
def test_nothing_is_run_even_with_the_right_checksum(tmp_path, content):
    path = tmp_path / "x"
    data = zlib.compress(content)
    path.write_bytes(b"humantrack checkpoint 1\n" + sha256(data).digest() + data)
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(path)


def test_a_newer_kind_of_file_is_told_from_a_damaged_one(whole):
    path, raw = whole
    path.write_bytes(raw.replace(b"checkpoint 1", b"checkpoint 2", 1))
    with pytest.raises(CheckpointError, match="another version"):
        read_checkpoint(path)


def test_one_that_cannot_be_stored_leaves_the_one_before(tmp_path):
    path = tmp_path / "x"
    write_checkpoint(path, {"good": 1})
    with pytest.raises(OutputError, match="cannot store"):
        write_checkpoint(path, {"bad": object()})
    assert read_checkpoint(path) == {"good": 1}


# -- when ---------------------------------------------------------------------------------------


class Counting:
    """A sink that counts, and fails where it is told to."""

    def __init__(self, fail_at=None):
        self.count, self.fail_at = 0, fail_at

    def __enter__(self):
        return self

    def write(self, frame, record):
        if record.index == self.fail_at:
            raise OutputError("disk full")
        self.count += 1

    def state_dict(self):
        return {"frames": self.count}

    def __exit__(self, *_):
        pass


class Nobody:
    def update(self, frame_index, observations, *, is_shot_start):
        return FrameUpdate(people=())

    def reset(self):
        pass


@pytest.fixture
def pipeline(make_frame, tmp_path):
    """Runs ten frames in chunks of three; gives the checkpoints' positions as they are taken."""

    def run(*, every_s=0.0, fail_at=None, end=None):
        sink = ThreadedSink(Counting(fail_at), optional=fail_at is not None)
        final_count, taken = [0], []
        path = tmp_path / "x"
        checkpoints = Checkpoints(
            path,
            about={"version": "1"},
            progress=lambda: {"frames": final_count[0]},
            sinks={"count": sink},
            every_s=every_s,
        )

        def between(window):
            checkpoints.between(window)
            if path.exists():
                state = read_checkpoint(path)
                taken.append((state["frames"], state["held"][-1]["index"]))

        def frames():
            for i in range(10):
                if i == end:
                    raise OutputError("the end")
                yield make_frame(i)

        def counted(final):
            for frame, record in final:
                yield frame, record
                final_count[0] += 1

        final = walk(
            frames(),
            lambda some: [[] for _ in some],
            Nobody(),
            chunk=3,
            window=BackFillWindow(2),
            between=between,
        )
        try:
            feed(counted(final), [sink])
        except OutputError:
            return checkpoints, taken
        return checkpoints, taken

    return run


def test_they_are_taken_between_chunks_with_what_the_sinks_have_written(pipeline):
    _, taken = pipeline()
    assert taken == [(1, 2), (4, 5), (7, 8), (8, 9)]


def test_none_is_taken_before_its_time_but_one_on_request(pipeline, tmp_path):
    checkpoints, taken = pipeline(every_s=1000, end=7)
    assert taken == []
    assert checkpoints.save()
    state = read_checkpoint(tmp_path / "x")
    assert (state["frames"], state["sinks"], state["version"]) == (4, {"count": {"frames": 4}}, "1")
    assert [held["index"] for held in state["held"]] == [4, 5]
    checkpoints.remove()
    assert not (tmp_path / "x").exists()


def test_none_is_taken_before_the_first_frame(pipeline, tmp_path):
    checkpoints, _ = pipeline(end=0)
    assert not checkpoints.save()
    assert not (tmp_path / "x").exists()


def test_a_sink_that_failed_leaves_the_checkpoint_before_it(pipeline):
    checkpoints, taken = pipeline(fail_at=5)
    assert taken[0] == (1, 2)
    assert set(taken[1:]) == {(4, 5)}
    assert not checkpoints.save()


def test_a_window_holds_again_what_another_one_held(make_frame, make_observation):
    window = BackFillWindow(3)
    for i in range(5):
        person = TrackedPerson(track_id=7, missed=i, observation=make_observation(i))
        list(window.push(make_frame(i), FrameUpdate(people=(person,))))
    states = [held_state(*pair) for pair in window.held]
    again = BackFillWindow(3)
    again.restore([make_frame(i) for i in (2, 3, 4)], states)
    assert [record.people[0].missed for _, record in again.held] == [2, 3, 4]
    assert again.held[1][1].people[0].observation.frame_key == make_observation(3).frame_key
    assert [held_state(*pair)["checksum"] for pair in again.held] == [s["checksum"] for s in states]


@pytest.mark.parametrize(
    "change", [{"time_s": 0.5}, {"source_index": 9}, {"rgb": np.zeros((36, 64, 3), np.uint8)}]
)
def test_a_window_refuses_other_frames(make_frame, change):
    window = BackFillWindow(1)
    list(window.push(make_frame(0), FrameUpdate(people=())))
    states = [held_state(*pair) for pair in window.held]
    with pytest.raises(CheckpointError, match="does not show"):
        BackFillWindow(1).restore([make_frame(0, **change)], states)
