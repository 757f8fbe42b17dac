"""A results file that several writers wrote one after the other."""

from __future__ import annotations

import errno
import os
import zlib

import joblib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humantrack.errors import CheckpointError, OutputError
from humantrack.results import ResultsWriter, check_partial, load_results, partial_path


def value(i):
    return {"time": i, "note": f"frame {i} " * 40}


def write(path, frames, state=None):
    """Frames written by a writer that is then killed; its state after each of them."""
    writer = ResultsWriter(path, state=state)
    writer.__enter__()
    states = []
    for i in frames:
        writer.write_frame(f"c/{i}", value(i))
        states.append(writer.state_dict())
    writer._close()  # as the system does it: nothing is finished
    return states


def finish(path, frames, state):
    with ResultsWriter(path, state=state) as writer:
        for i in frames:
            writer.write_frame(f"c/{i}", value(i))


def whole(tmp_path, count):
    path = tmp_path / "whole.pkl"
    finish(path, range(count), None)
    return path


@settings(max_examples=20)
@given(stops=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3)), max_size=5))
def test_any_kills_leave_one_stream_with_the_same_pickle(tmp_path_factory, stops):
    """Each writer writes some frames, of which the last few do not count for the next one."""
    folder = tmp_path_factory.mktemp("r")
    path, state, done = folder / "r.pkl", None, 0
    for written, lost in stops:
        states = write(path, range(done, done + written), state)
        kept = max(written - lost, 0)
        if kept:
            state = states[kept - 1]
            done += kept
        if state is not None:
            check_partial(path, state)
    finish(path, range(done, 40), state)
    assert zlib.decompress(path.read_bytes()) == zlib.decompress(whole(folder, 40).read_bytes())
    assert (
        joblib.load(path)
        == load_results(path, strict=True)
        == {f"c/{i}": value(i) for i in range(40)}
    )


def test_the_bytes_are_those_of_an_ordinary_zlib_stream(tmp_path):
    raw = whole(tmp_path, 5).read_bytes()
    inflate = zlib.decompressobj()
    data = inflate.decompress(raw)
    assert inflate.eof
    assert not inflate.unused_data
    assert raw[:2] == zlib.compress(b"", 3)[:2]
    assert int.from_bytes(raw[-4:], "big") == zlib.adler32(data)


def test_what_was_cut_or_changed_is_noticed(tmp_path):
    path = tmp_path / "r.pkl"
    state = write(path, range(4))[-1]
    partial = partial_path(path)
    raw = partial.read_bytes()
    check_partial(path, state)
    for i in range(0, state["position"], 7):
        changed = bytearray(raw)
        changed[i] ^= 4
        partial.write_bytes(changed)
        with pytest.raises(CheckpointError):
            check_partial(path, state)
        partial.write_bytes(raw[:i])
        with pytest.raises(CheckpointError):
            check_partial(path, state)
    partial.unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        check_partial(path, state)


def test_results_that_are_whole_already_are_taken_up_again(tmp_path):
    path = tmp_path / "r.pkl"
    state = write(path, range(6))[2]
    finish(path, range(3, 9), state)
    check_partial(path, state)
    with ResultsWriter(path, state=state) as writer:
        assert writer.frame_count == 3
        for i in range(3, 8):
            writer.write_frame(f"c/{i}", value(i))
    assert list(joblib.load(path)) == [f"c/{i}" for i in range(8)]


def test_a_full_disk_after_going_on_keeps_all_earlier_frames(tmp_path, monkeypatch):
    path = tmp_path / "r.pkl"
    state = write(path, range(5))[-1]
    writer = ResultsWriter(path, state=state)
    put = writer._put

    def refusing(data):
        put(data[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OutputError, match="5 frames are kept"), writer:
        monkeypatch.setattr(writer, "_put", refusing)
        try:
            writer.write_frame("c/5", value(5))
        finally:
            monkeypatch.undo()
    kept = load_results(partial_path(path))
    assert list(kept) == [f"c/{i}" for i in range(5)]
    check_partial(path, writer.state_dict())
