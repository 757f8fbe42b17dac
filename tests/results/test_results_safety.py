"""Files from elsewhere: what is genuine is read, what is not is refused and nothing runs."""

from __future__ import annotations

import bz2
import copyreg
import functools
import gzip
import lzma
import operator
import os
import pickle
import struct
import sys
import tracemalloc
import zlib
from collections import Counter, OrderedDict
from contextlib import suppress
from pathlib import Path

import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from large_goldens import large_golden

from humantrack.errors import ResultsError, UnsafePickleError
from humantrack.results import ResultsWriter, iter_results, load_results
from humantrack.results.encode import END, HEADER, LENGTH
from humantrack.results.safe_pickle import loads

# --- genuine files ------------------------------------------------------------------------------


def same(a, b):
    """Equal in types, dtypes, shapes, order of keys and numbers."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def test_file_of_phalp_reads_as_joblib_reads_it(upstream):
    theirs = joblib.load(upstream)
    assert same(dict(load_results(upstream)), theirs)
    assert same(dict(iter_results(upstream)), theirs)


@pytest.mark.parametrize("name", ["extract", "stream", "render"])
def test_whole_file_of_phalp_reads_as_joblib_reads_it(name):
    path = large_golden(f"upstream_{name}.pkl")
    assert same(dict(load_results(path)), joblib.load(path))


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(0)
    shared = rng.standard_normal(3).astype(np.float32)
    frame = {
        "shared": [shared, shared],
        "fortran": np.asfortranarray(rng.standard_normal((3, 4))),
        "empty": np.zeros((0, 5), np.int16),
        "zero_d": np.array(2.5),
        "bool": np.array([True, False]),
        "text": np.array(["a", "bcd"]),
        "big_endian": np.arange(3, dtype=">i4"),
        "scalars": [np.int64(1), np.float32(0.5), np.bool_(True), np.complex128(1j), np.str_("é")],
        "plain": [None, True, -1, 2**70, -(2**40), 1.5, "ü", b"\x80x", (), (1, 2, 3, 4)],
        "sets": [{1, 2}, frozenset("a"), bytearray(b"x"), 1 + 2j],
        "ordered": OrderedDict(b=1, a=2),
    }
    return {"a.jpg": frame, ("v.mp4", 512): {"time": 1}}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 1), ("lzma", 1), ("zlib", 9)]
)
def test_every_way_joblib_saves(tmp_path, sample, protocol, compress):
    path = tmp_path / "r.pkl"
    joblib.dump(sample, path, compress=compress, protocol=protocol)
    assert same(dict(load_results(path)), joblib.load(path))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("compress", [bytes, zlib.compress, gzip.compress, lzma.compress])
def test_every_way_pickle_saves(tmp_path, sample, protocol, compress):
    path = tmp_path / "r.pkl"
    path.write_bytes(compress(pickle.dumps(sample, protocol)))
    results = dict(load_results(path))
    assert same(results, pickle.loads(pickle.dumps(sample, protocol)))
    first, second = results["a.jpg"]["shared"]
    assert first is second
    assert first.flags.writeable


def test_arrays_by_the_names_of_old_and_new_numpy(sample):
    new = pickle.dumps(sample, 2).replace(b"numpy.core.", b"numpy._core.")
    old = new.replace(b"numpy._core.", b"numpy.core.")
    assert new != old
    assert same(loads(new), pickle.loads(old))
    assert same(loads(old), pickle.loads(old))


# --- hostile pickles ----------------------------------------------------------------------------


class Canary:
    """Would touch a file on being unpickled."""

    def __init__(self, path: Path, how: str) -> None:
        self.path, self.how = str(path), how

    def __reduce__(self):
        return {
            "os.system": (os.system, (f"touch {self.path}",)),
            "open": (open, (self.path, "w")),
            "exec": (exec, (f"open({self.path!r}, 'w')",)),
            "getattr": (getattr, (Path(self.path), "touch")),
            "partial": (functools.partial, (open, self.path, "w")),
            "attrgetter": (operator.methodcaller("touch"), (Path(self.path),)),
            "class": (Path, (self.path,)),
            "load": (np.load, (self.path,)),
            "state": (Counter, (), {"a": 1}),
        }[self.how]


HOW = [
    "os.system",
    "open",
    "exec",
    "getattr",
    "partial",
    "attrgetter",
    "class",
    "load",
    "state",
]


def canned(path, value):
    """A file of humantrack's form whose frame is this value."""
    entry = b"X\x01\x00\x00\x00k" + pickle.dumps({"x": [value]}, 3)[2:-1] + b"s"
    path.write_bytes(zlib.compress(HEADER + LENGTH.pack(b"J", len(entry), b"0") + entry + END))


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_pickle_that_runs_code_is_refused_and_nothing_runs(tmp_path, how, protocol):
    path, touched = tmp_path / "r.pkl", tmp_path / "touched"
    value = Canary(touched, how)
    with path.open("wb") as file:
        pickle.dump({"k": {"x": value}}, file, protocol)
    for read in (load_results, lambda p: dict(iter_results(p))):
        with pytest.raises(UnsafePickleError, match=r"name code .*\.\w+"):
            read(path)
    canned(path, value)
    with pytest.raises(UnsafePickleError, match="name code"):
        load_results(path)
    joblib.dump({"k": {"x": [np.zeros(2), value]}}, path, compress=3)
    with pytest.raises(UnsafePickleError, match="name code"):
        load_results(path)
    assert not touched.exists()


def test_refusal_names_the_class_and_the_file(tmp_path):
    path = tmp_path / "r.pkl"
    path.write_bytes(pickle.dumps({"k": Path("x")}))
    with pytest.raises(UnsafePickleError) as caught:
        load_results(path)
    assert "pathlib" in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "array",
    [
        np.array([None, "x"], object),
        np.zeros(2, [("a", "f4"), ("b", "O")]),
        np.zeros(2, [("a", "f4")]),
        np.zeros(2, "V4"),
        np.array(["2020"], "M8[D]"),
        np.ma.masked_array([1.0], [True]),
        np.zeros(2, np.float32).view(np.recarray),
    ],
    ids=["object", "record with object", "record", "void", "date", "masked", "recarray"],
)
@pytest.mark.parametrize("save", [pickle.dump, joblib.dump])
def test_array_of_anything_but_numbers_and_text_is_refused(tmp_path, array, save):
    path = tmp_path / "r.pkl"
    with path.open("wb") as file:
        save({"k": {"x": array}}, file)
    with pytest.raises(UnsafePickleError):
        load_results(path)


CORE = b"cnumpy.core.multiarray\n"
EMPTY = CORE + b"_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
FLOAT = b"cnumpy\ndtype\nX\x02\x00\x00\x00f4\x89\x88\x87R"
TEXT = b"cnumpy\ndtype\nX\x02\x00\x00\x00U1\x89\x88\x87R"
OBJECT = b"cnumpy\ndtype\nX\x02\x00\x00\x00O8\x89\x88\x87R"
STATE = b"(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


@pytest.mark.parametrize(
    ("opcodes", "why"),
    [
        (b"cos\nsystem\n.", "os.system"),
        (b"cbuiltins\ngetattr\n.", "builtins.getattr"),
        (b"cnumpy\nndarray\nK\x02\x85R.", "numpy.ndarray"),
        (b"cnumpy\nfromfile\n.", "numpy.fromfile"),
        (b"cnumpy\nndarray.tofile\n.", "ndarray.tofile"),
        (b"X\x02\x00\x00\x00os)R.", "str"),
        (b"cnumpy\nndarray\n)\x81.", "numpy.ndarray"),
        (b"}}b.", "dict"),
        (b"(cos\nsystem\no.", "os.system"),
        (b"(ios\nsystem\n.", "INST"),
        (b"(X\x02\x00\x00\x00oso.", "OBJ"),
        (b"P1\n.", "PERSID"),
        (b"K\x01Q.", "BINPERSID"),
        (b"\x82\x01.", "EXT1"),
        (b"))}\x92.", "NEWOBJ_EX"),
        (OBJECT + b".", "'O8'"),
        (
            FLOAT + STATE.replace(b"NNN", b"NN}") + b".",
            "records",
        ),
        (CORE + b"_reconstruct\ncbuiltins\nset\nK\x00\x85C\x01b\x87R.", "plain numpy"),
    ],
)
def test_hand_written_attack_is_refused(opcodes, why):
    with pytest.raises(UnsafePickleError, match=why):
        loads(b"\x80\x03" + opcodes)


def test_extension_registry_is_not_consulted():
    module = os.getcwd.__module__
    copyreg.add_extension(module, "getcwd", 240)
    try:
        data = pickle.dumps({"k": {"x": os.getcwd}}, 2)
        assert b"\x82\xf0" in data
        with pytest.raises(UnsafePickleError, match="EXT1"):
            loads(data)
    finally:
        copyreg.remove_extension(module, "getcwd", 240)


def state(shape: bytes, data: bytes, dtype: bytes = FLOAT + STATE) -> bytes:
    return EMPTY + b"(K\x01" + shape + dtype + b"\x89" + data + b"tb."


@pytest.mark.parametrize(
    "opcodes",
    [
        state(b"K\x02\x85", b"C\x04abcd"),
        state(b"J\xff\xff\xff\xff\x85", b"C\x04abcd"),
        state(b"M\xff\xff\x85", b"C\x00"),
        state(b"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01\x85", b"C\x00"),
        state(b"K\x01\x85", b"](NNe"),
        state(b"K\x01\x85", b"N"),
        state(b"J\xff\xff\xff\x7f\x85", b"C\x00", TEXT.replace(b"U1", b"U0")),
        state(b"K\x01\x85", b"C\x04\xff\xff\xff\xff", TEXT),
        CORE + b"scalar\n" + TEXT + b"C\x04\xff\xff\xff\xff\x86R.",
        state(b"N", b"C\x04abcd"),
        state(b"K\x01\x85", b"C\x04abcd", b"N"),
        state(b"K\x01\x85", b"C\x04abcd", b"cnumpy\nndarray\n"),
        CORE + b"scalar\n" + FLOAT + STATE + b"C\x02ab\x86R.",
        CORE + b"scalar\nK\x01C\x02ab\x86R.",
        b"cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
        b"cbuiltins\nset\nK\x01\x85R.",
        b"c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00rot\x86R.",
        b"B\xff\xff\xff\xffab.",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fab.",
        b"X\xff\xff\xff\xffab.",
        b"\x8b\xff\xff\xff\xff\x01.",
        b"]}s.",
        b"}K\x01]K\x02ss.",
        b"}]K\x02s.",
        b"K\x01a.",
        b"e.",
        b"u.",
        b"0.",
        b"h\x05.",
        b"\x93.",
        b".",
        b"",
        b"N",
        b"\xfe.",
        b"\x80\x09N.",
        b"X\x01\x00\x00\x00\xff.",
        b"C",
        b"cos",
    ],
)
def test_malformed_pickle_is_one_error(opcodes):
    with pytest.raises(ResultsError) as caught:
        loads(b"\x80\x03" + opcodes)
    assert "\n" not in str(caught.value)


def test_key_that_would_exhaust_the_stack_is_refused():
    nested = b")" + b"\x85" * 200_000
    for wrap in (b"}" + nested + b"Ns.", b"\x8f(" + nested + b"\x90.", b"(" + nested + b"\x91."):
        with pytest.raises(ResultsError, match="nested too deeply"):
            loads(b"\x80\x04" + wrap)


@settings(deadline=None, max_examples=300)
@given(data=st.binary(max_size=60))
def test_any_bytes_give_a_value_or_our_error(data):
    with suppress(ResultsError):
        loads(b"\x80\x03" + data)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(at=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_any_damage_to_a_pickle_gives_a_value_or_our_error(sample, at, byte):
    data = bytearray(pickle.dumps(sample, 4))
    data[int(at * len(data))] = byte
    with suppress(ResultsError):
        loads(bytes(data))


# --- sizes --------------------------------------------------------------------------------------


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


# --- no results at all --------------------------------------------------------------------------


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
