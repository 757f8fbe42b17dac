"""Files that swell, are long, or hold no results."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import pickle
import struct
import sys
import tracemalloc
import zlib

import numpy as np
import pytest

from humantrack.errors import ResultsError, UnsafePickleError
from humantrack.results import ResultsWriter, iter_results, load_results
from humantrack.results.encode import HEADER, LENGTH


def peak_while_refused(path, **options):
    tracemalloc.start()
    try:
        with pytest.raises(ResultsError, match="once decompressed"):
            load_results(path, **options)
        with pytest.raises(ResultsError, match="once decompressed"):
            dict(iter_results(path, **options))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("compress", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_decompression_bomb_is_noticed_in_time(tmp_path, compress):
    path = tmp_path / "bomb.pkl"
    size = 1 << 26
    path.write_bytes(
        compress(b"\x80\x03}X\x01\x00\x00\x00kB" + struct.pack("<I", size) + bytes(size))
    )
    assert peak_while_refused(path, max_size=1 << 20) < size / 4


def test_bomb_in_a_frame_of_our_own_form_is_noticed_in_time(tmp_path):
    path = tmp_path / "bomb.pkl"
    size = 1 << 26
    path.write_bytes(zlib.compress(HEADER + LENGTH.pack(b"J", size, b"0") + bytes(size)))
    assert peak_while_refused(path, max_size=1 << 20) < size / 4


def test_walking_a_long_file_holds_one_frame_at_a_time(tmp_path):
    path = tmp_path / "r.pkl"
    rng = np.random.default_rng(0)
    with ResultsWriter(path, compress=1) as writer:
        for i in range(100):
            writer.write_frame(f"{i}", {"x": rng.standard_normal(20_000)})
    tracemalloc.start()
    total = sum(frame["x"].nbytes for _, frame in iter_results(path, max_size=200_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 16_000_000
    assert peak < 4_000_000
    with pytest.raises(ResultsError, match="Use iter_results"):
        load_results(path, max_size=200_000)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"hello, this is not a pickle", "not a results pickle"),
        (b"x", "empty or damaged"),
        (zlib.compress(b""), "empty"),
        (zlib.compress(b"\xffjunk"), "not a results pickle"),
        (pickle.dumps([1, 2], 3), "something else"),
        (pickle.dumps({"k": 1}, 3), "something else"),
        (pickle.dumps({"k": {}}, 0), "not a results pickle"),
        (pickle.dumps({"k": {"x": "long enough"}}, 4)[:-5], "cut short"),
        (zlib.compress(pickle.dumps({"k": {"x": os.urandom(9999)}}, 3))[:-900], "cut short"),
        (b"\x04\x22\x4d\x18rest", "lz4"),
        (b"ZF0x10", "joblib older than 0.10"),
    ],
)
def test_file_that_holds_no_results_is_one_line(tmp_path, content, why):
    path = tmp_path / "r.pkl"
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=why) as caught:
        load_results(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(ResultsError, match=r"no such file.*gone\.pkl"):
        load_results(tmp_path / "gone.pkl")
    with pytest.raises(ResultsError, match="cannot read the results"):
        load_results(tmp_path)


def test_nothing_is_imported_by_reading(tmp_path):
    path = tmp_path / "r.pkl"
    path.write_bytes(b"\x80\x03}X\x01\x00\x00\x00kcthis_module_is_not_there\nf\ns.")
    with pytest.raises(UnsafePickleError, match="this_module_is_not_there"):
        load_results(path)
    assert "this_module_is_not_there" not in sys.modules
