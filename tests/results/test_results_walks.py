"""A file that is walked more than once."""

import itertools

import numpy as np
import pytest

from humantrack.results import ResultsFile, ResultsWriter, TruncatedResultsWarning, reader


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(0)
    return {("v.mp4", i): {"time": i, "x": rng.standard_normal(40)} for i in range(12)}


@pytest.fixture
def path(tmp_path, frames):
    with ResultsWriter(tmp_path / "out.pkl") as writer:
        for key, value in frames.items():
            writer.write_frame(key, value)
    return tmp_path / "out.pkl"


def is_beginning(walked, frames):
    """Whether keys and arrays are those of the first frames."""
    pairs = zip(walked, frames.items(), strict=False)
    return all(
        key == other and frame["time"] == value["time"] and np.array_equal(frame["x"], value["x"])
        for (key, frame), (other, value) in pairs
    )


@pytest.mark.parametrize("kept", [0, 1500, 10**9])
def test_each_walk_gives_all_frames(path, frames, kept):
    file = ResultsFile(path, kept_size=kept)
    for count in (3, 1, 12, 7, 12):  # a walk may end early, and the next one goes farther
        walked = list(itertools.islice(file, count))
        assert len(walked) == count
        assert is_beginning(walked, frames)
    assert len(list(file)) == len(frames)


@pytest.mark.parametrize("kept", [0, 10**9])
def test_each_walk_says_that_a_file_is_cut_short(path, frames, kept):
    path.write_bytes(path.read_bytes()[:-400])
    file, counts = ResultsFile(path, kept_size=kept), []
    for _ in range(2):
        with pytest.warns(TruncatedResultsWarning, match="after [1-9][0-9]* whole frames"):
            walked = list(file)
        assert is_beginning(walked, frames)
        counts.append(len(walked))
    assert 0 < counts[0] == counts[1] < len(frames)


def test_frames_that_are_kept_are_taken_apart_once(path, monkeypatch):
    taken = []

    def entry_of(body):
        taken.append(len(body))
        return real(body)

    real = reader.entry_of
    monkeypatch.setattr(reader, "entry_of", entry_of)
    list(ResultsFile(path))
    file = ResultsFile(path, kept_size=sum(taken[:5]))
    taken.clear()
    for _ in range(3):
        list(file)
    assert len(taken) == 12 + 2 * 7, "five of twelve are kept"
