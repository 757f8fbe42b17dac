"""The unpickler that runs nothing: what it gives back, and what it refuses."""

import collections
import contextlib
import datetime
import io
import os
import pathlib
import pickle
import pickletools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from humantrack.weights import safe_pickle
from humantrack.weights.safe_pickle import Inert, load


def through(value, protocol=2):
    return load(io.BytesIO(pickle.dumps(value, protocol=protocol)))


class Config(dict):
    """Stands for a foreign class: a mapping with attributes, as configurations are."""


class Listed(list):
    """Stands for a foreign list."""


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@settings(max_examples=60, deadline=None)
@given(PLAIN, st.integers(0, 5))
def test_plain_values_survive(value, protocol):
    assert through(value, protocol) == value


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("dtype", ["f8", ">f4", "i4", "u1", "?", "c16", "U3", "S3"])
def test_arrays_survive(protocol, dtype):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    for value in (array, np.asfortranarray(array), array[1, 2]):
        got = through(value, protocol)
        assert np.array_equal(got, value)
        assert np.asarray(got).dtype.newbyteorder("=") == value.dtype.newbyteorder("=")


def test_an_array_of_objects_survives():
    array = np.array([None, {"a": np.ones(2)}], dtype=object)
    got = through(array)
    assert got[0] is None
    assert np.array_equal(got[1]["a"], np.ones(2))


def test_foreign_objects_become_inert():
    config = Config(a=1)
    config.frozen = True
    got = through({"config": config, "list": Listed([1, 2]), "when": datetime.date(2020, 1, 2)})
    assert isinstance(got["config"], Inert)
    assert got["config"] == {"a": 1}
    assert got["config"].attributes == {"frozen": True}
    assert got["config"].name == "Config"
    assert got["list"].items_list == [1, 2]
    assert isinstance(got["when"], Inert)


def test_harmless_containers():
    value = collections.OrderedDict(a={1, 2}, b=frozenset({3}), c=slice(1, 2), d=complex(1, 2))
    assert through(value) == value
    assert isinstance(through(pathlib.PurePosixPath("/a/b")), Inert)


class Harm:
    def __init__(self, run, *args):
        self.run, self.args = run, args

    def __reduce__(self):
        return self.run, self.args


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("run", "args"),
    [(os.mkdir, 1), (eval, "1"), (exec, "1"), (getattr, 1), (__import__, "os"), (open, "a")],
)
def test_code_is_refused(run, args, protocol):
    with pytest.raises(pickle.UnpicklingError, match="asks to run"):
        through(Harm(run, args), protocol)


def test_functions_of_other_packages_are_not_called(tmp_path):
    """They are not refused, for foreign classes look the same; they just never run."""
    target = tmp_path / "saved.npy"
    got = through([Harm(np.save, str(target), np.ones(3))])
    assert isinstance(got[0], Inert)
    assert not target.exists()


def test_an_inert_class_does_not_outlive_the_load():
    first, second = through(Config()), through(Config())
    assert type(first) is not type(second)


def crafted(*parts):
    return b"\x80\x02" + b"".join(parts) + b"."


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"


def dtype(spec, flags):
    name = b"U" + bytes([len(spec)]) + spec
    return b"cnumpy\ndtype\n" + name + b"K\x00K\x01\x87R(K\x03U\x01|NNNK\x08K\x08K" + flags + b"tb"


@pytest.mark.parametrize("flags", [b"\x00", b"\x3f"])
def test_bytes_never_become_object_pointers(flags):
    """Numpy would take a dtype's flags from the file, and with them bytes for pointers."""
    raw = b"C\x08AAAAAAAA"
    data = crafted(RECONSTRUCT, b"(K\x01K\x01\x85", dtype(b"O8", flags), b"\x89", raw, b"tb")
    with pytest.raises(pickle.UnpicklingError, match="does not fit its dtype"):
        load(io.BytesIO(data))


def test_structured_dtypes_are_refused():
    with pytest.raises(pickle.UnpicklingError, match="dtype"):
        through(np.zeros(2, dtype=[("a", "f4")]))


def test_a_short_list_of_objects_is_refused():
    data = crafted(RECONSTRUCT, b"(K\x01K\x05\x85", dtype(b"O8", b"\x3f"), b"\x89]tb")
    with pytest.raises(pickle.UnpicklingError, match="does not fit its shape"):
        load(io.BytesIO(data))


SAMPLE = pickle.dumps({"a": np.arange(6.0), "b": [Config(x=1)], "c": (1, "two", b"3")}, protocol=2)


# Python's reader warns of a damaged text's escapes.
@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255))
@example(0, 0)
def test_damage_is_an_error_or_a_value(position, byte):
    """A changed byte gives a value or one of the errors that readers expect."""
    data = bytearray(SAMPLE)
    data[position] = byte
    limit = 10_000  # lengths made huge by the change would only test the memory
    try:
        lengths = [arg for _, arg, _ in pickletools.genops(bytes(data)) if isinstance(arg, int)]
    except (ValueError, IndexError):
        lengths = []
    if any(abs(n) > limit for n in lengths):
        return
    with contextlib.suppress(*safe_pickle.PICKLE_ERRORS):
        load(io.BytesIO(bytes(data)))
