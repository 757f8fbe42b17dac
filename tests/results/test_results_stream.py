"""The file itself: every reader gets the same, whatever it holds and however it is cut."""

from __future__ import annotations

import errno
import io
import pickle
import subprocess
import sys
import warnings
import zlib
from collections import OrderedDict, namedtuple
from enum import IntEnum
from pathlib import Path, PurePosixPath

import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from humantrack.errors import OutputError, ResultsError
from humantrack.results import (
    ResultsWriter,
    TruncatedResultsWarning,
    iter_results,
    load_results,
    partial_path,
    record_to_phalp,
)
from humantrack.results.encode import END, HEADER, encode_frame

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.text(min_size=300, max_size=310),
    st.binary(),
)
DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(),
    hnp.unsigned_integer_dtypes(),
    hnp.floating_dtypes(sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(sizes=(64, 128)),
    hnp.unicode_string_dtypes(max_len=5),
    hnp.byte_string_dtypes(max_len=5),
)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0, max_dims=4, max_side=4))
NUMPY_SCALARS = hnp.arrays(
    st.one_of(hnp.boolean_dtypes(), hnp.integer_dtypes(), hnp.floating_dtypes(sizes=(32, 64))), 1
).map(lambda array: array[0])
KEYS = st.one_of(st.text(), st.tuples(st.text(), st.integers()))
VALUES = st.recursive(
    st.one_of(SCALARS, ARRAYS, NUMPY_SCALARS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(KEYS, inner, max_size=4),
        st.frozensets(st.one_of(st.integers(), st.text()), max_size=4),
        st.sets(st.integers(), max_size=4),
    ),
    max_leaves=12,
)
FRAMES = st.dictionaries(KEYS, st.dictionaries(st.text(), VALUES, max_size=4), max_size=6)


def same(a, b):
    """Equal in value and type; arrays equal in dtype and shape too, whatever their byte order."""
    if isinstance(a, np.ndarray | np.generic):
        return (
            type(a) is type(b)
            and a.dtype.newbyteorder("=") == b.dtype.newbyteorder("=")
            and a.shape == b.shape
            and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
        )
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def save(path, frames, **options):
    with ResultsWriter(path, **options) as writer:
        for key, value in frames.items():
            writer.write_frame(key, value)
    return path


def every_reading(path):
    """What each reader makes of a file, with every warning an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pickled = zlib.decompress(path.read_bytes())
        return {
            "joblib": joblib.load(path),
            "pickle": pickle.loads(pickled),
            "pure python": pickle._Unpickler(io.BytesIO(pickled)).load(),
            "load_results": dict(load_results(path, strict=True)),
            "iter_results": dict(iter_results(path, strict=True)),
        }


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=FRAMES)
def test_every_reader_gets_what_was_written(tmp_path, frames):
    path = save(tmp_path / "r.pkl", frames)
    for reader, results in every_reading(path).items():
        assert same(results, frames), reader


@pytest.mark.parametrize("count", [0, 1, 2000])
def test_number_of_frames(tmp_path, make_record, count):
    frame = record_to_phalp(make_record(1, (0,)), features=False)
    frames = {("video.mp4", i): {**frame, "time": i} for i in range(count)}
    path = save(tmp_path / "r.pkl", frames)
    for results in every_reading(path).values():
        assert list(results) == list(frames)
        assert all(results[key]["time"] == i for i, key in enumerate(frames))


def test_records_are_written_under_phalps_keys(tmp_path, make_record):
    records = [make_record(i, missed) for i, missed in enumerate([(), (0,), (1, 0)])]
    path = tmp_path / "new" / "folder" / "r.pkl"
    with ResultsWriter(path) as writer:
        for record in records:
            writer.write(None, record)
        assert not path.exists()
    assert writer.frame_count == 3
    assert [p.name for p in path.parent.iterdir()] == ["r.pkl"]
    for results in every_reading(path).values():
        assert same(results, {r.key: record_to_phalp(r) for r in records})


def test_arrays_read_back_are_plain_and_writable(tmp_path):
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    views = {"f": np.asfortranarray(array), "t": array.T, "step": array[:, ::2], "big": array * 1}
    views["big"] = array.astype(">f4")
    path = save(tmp_path / "r.pkl", {"k": views})
    for results in every_reading(path).values():
        for name, view in views.items():
            got = results["k"][name]
            np.testing.assert_array_equal(got, view)
            assert got.flags.c_contiguous and got.flags.writeable
            assert got.dtype == np.float32


def test_relatives_of_plain_values_are_stored_as_what_they_extend(tmp_path):
    Point = namedtuple("Point", "x y")
    Level = IntEnum("Level", "LOW HIGH")
    value = {
        "od": OrderedDict(a=1),
        "point": Point(1, 2),
        "level": Level.HIGH,
        "text": np.str_("a"),
        "path": PurePosixPath("a/b"),
        "mutable": bytearray(b"ab"),
    }
    path = save(tmp_path / "r.pkl", {"k": value})
    plain = {
        "od": {"a": 1},
        "point": (1, 2),
        "level": 2,
        "text": "a",
        "path": "a/b",
        "mutable": b"ab",
    }
    for results in every_reading(path).values():
        assert same(results["k"], plain)


def test_same_records_give_the_same_bytes(tmp_path, make_record):
    frames = {f"{i}": {**record_to_phalp(make_record(i)), "s": {"b", "a", 3}} for i in range(3)}
    first = save(tmp_path / "a.pkl", frames).read_bytes()
    assert save(tmp_path / "b.pkl", frames).read_bytes() == first
    code = (
        "import sys; from humantrack.results import *; w = ResultsWriter(sys.argv[2])\n"
        "with w: [w.write_frame(k, v) for k, v in iter_results(sys.argv[1])]"
    )
    other = tmp_path / "c.pkl"
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.pkl"), str(other)],
        check=True,
        timeout=120,
    )
    assert other.read_bytes() == first


def test_numpy_is_named_the_way_all_its_versions_know(make_record):
    data = encode_frame("k", record_to_phalp(make_record(0)))
    assert data.count(b"cnumpy.core.multiarray\n_reconstruct\n") == 1
    assert data.count(b"cnumpy.core.multiarray\nscalar\n") == 1
    assert b"numpy._core" not in data


@pytest.mark.parametrize("level", [0, 10])
def test_compression_out_of_range(tmp_path, level):
    with pytest.raises(ValueError, match="1 to 9"):
        ResultsWriter(tmp_path / "r.pkl", compress=level)


# --- values that have no place ------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        object(),
        print,
        np.array([None]),
        np.zeros(2, "f4,i4"),
        np.array(["2020"], "M8[D]"),
        np.void(b"ab"),
    ],
)
def test_value_that_cannot_be_stored_is_named_and_leaves_the_file_as_it_was(tmp_path, value):
    with ResultsWriter(tmp_path / "r.pkl") as writer:
        writer.write_frame("a", {"x": 1})
        with pytest.raises(OutputError, match=r"no place for a .*: b\."):
            writer.write_frame("b", {"x": [value]})
        writer.write_frame("c", {"x": 2})
    assert load_results(tmp_path / "r.pkl") == {"a": {"x": 1}, "c": {"x": 2}}


def test_endless_value_is_an_error(tmp_path):
    endless: list[object] = []
    endless.append(endless)
    with (
        ResultsWriter(tmp_path / "r.pkl") as writer,
        pytest.raises(OutputError, match="cannot store"),
    ):
        writer.write_frame("b", {"x": endless})


# --- runs that end early ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many():
    rng = np.random.default_rng(0)
    return {("v.mp4", i): {"time": i, "x": rng.standard_normal(40)} for i in range(12)}


def is_prefix(results, frames):
    keys = list(frames)[: len(results)]
    return same(results, {key: frames[key] for key in keys})


def test_error_in_the_run_keeps_the_frames_under_a_partial_name(tmp_path, many):
    path = tmp_path / "r.pkl"
    path.write_bytes(b"earlier results")

    def run():
        with ResultsWriter(path) as writer:
            for key, value in list(many.items())[:5]:
                writer.write_frame(key, value)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert path.read_bytes() == b"earlier results"
    for results in every_reading(tmp_path / "r.partial.pkl").values():
        assert len(results) == 5
        assert is_prefix(results, many)


def test_error_before_the_first_frame_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), ResultsWriter(tmp_path / "r.pkl"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_killed_run_is_readable_up_to_the_last_frame(tmp_path, many):
    path = tmp_path / "r.pkl"
    with ResultsWriter(path) as writer:
        for count, (key, value) in enumerate(many.items(), 1):
            writer.write_frame(key, value)
            with pytest.warns(TruncatedResultsWarning, match=f"after {count} whole frames"):
                results = dict(load_results(partial_path(path)))
            assert len(results) == count
            assert is_prefix(results, many)


def test_file_cut_at_any_byte_gives_a_prefix_of_whole_frames(tmp_path, many):
    few = {key: {"x": many[key]["x"][:9]} for key in list(many)[:5]}
    whole = save(tmp_path / "r.pkl", few).read_bytes()
    path = tmp_path / "cut.pkl"
    counts = []
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ResultsError):
            load_results(path, strict=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                results = dict(iter_results(path))
            except ResultsError:
                assert counts == []  # not even the header is there
                continue
        assert [w.category for w in caught] == [TruncatedResultsWarning]
        assert is_prefix(results, few)
        counts.append(len(results))
    assert counts == sorted(counts)
    assert set(counts) == set(range(len(few) + 1))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_damaged_file_gives_an_error_or_a_warning(tmp_path, many, at, change):
    data = bytearray(save(tmp_path / "r.pkl", many).read_bytes())
    data[int(at * len(data))] ^= change
    path = tmp_path / "damaged.pkl"
    path.write_bytes(data)
    try:
        results = load_results(path, strict=True)
    except ResultsError:
        return
    # Some bits of a deflate stream only fill up bytes: all that counts is there, and checked.
    assert len(results) == len(many)
    assert is_prefix(dict(results), many)


def test_bytes_after_the_end_are_noticed(tmp_path):
    path = tmp_path / "r.pkl"
    path.write_bytes(zlib.compress(HEADER + END + b"more"))
    with pytest.warns(TruncatedResultsWarning):
        assert load_results(path) == {}


# --- disks that refuse --------------------------------------------------------------------------


class FullDisk(io.RawIOBase):
    """A file that takes so many bytes and no more, as a disk that runs full does."""

    def __init__(self, path: Path, room: int) -> None:
        self._file = path.open("r+b", buffering=0)
        self._file.seek(0, io.SEEK_END)
        self._room = room

    def write(self, data):
        room = self._room - self._file.tell()
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._file.write(memoryview(data)[:room])

    def __getattribute__(self, name):
        if name in ("seek", "tell", "truncate", "fileno", "close"):
            return getattr(object.__getattribute__(self, "_file"), name)
        return super().__getattribute__(name)


@pytest.mark.parametrize("room", [600, 1500, 2500])
def test_full_disk_keeps_what_was_finished(tmp_path, many, room):
    path = tmp_path / "r.pkl"

    def run():
        with ResultsWriter(path) as writer:
            writer._file.close()
            writer._file = FullDisk(writer.partial_path, room)
            for key, value in many.items():
                writer.write_frame(key, value)

    with pytest.raises(OutputError, match="no space left on device") as caught:
        run()
    assert not path.exists()
    for results in every_reading(partial_path(path)).values():
        assert 0 < len(results) < len(many)
        assert is_prefix(results, many)
        assert f"{len(results)} frames are kept in {partial_path(path)}" in str(caught.value)


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"), ResultsWriter(tmp_path / "file/r.pkl"):
        pytest.fail("must not be entered")


def test_final_name_that_is_taken_by_a_folder(tmp_path, many):
    path = tmp_path / "r.pkl"
    path.mkdir()
    with (
        pytest.raises(OutputError, match=r"12 frames are kept in .*r\.partial\.pkl"),
        ResultsWriter(path) as writer,
    ):
        for key, value in many.items():
            writer.write_frame(key, value)
    assert same(dict(load_results(partial_path(path))), many)


def test_writer_must_be_entered(tmp_path):
    with pytest.raises(ValueError, match="not open"):
        ResultsWriter(tmp_path / "r.pkl").write_frame("k", {})
