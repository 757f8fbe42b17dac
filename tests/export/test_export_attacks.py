"""Pickles that run code when Python reads them: one line, no file, and nothing has run."""

from __future__ import annotations

import copyreg
import json
import os
import pickle
import struct
import sys
import threading
import zlib
from pathlib import Path

import joblib
import numpy as np
import pytest
import rich.progress  # noqa: F401 - the command does so once it reads a file
from formats_here import FORMATS_HERE as FORMATS

from humantrack.results import ResultsWriter, load_results
from humantrack.results.encode import END, HEADER, LENGTH

SYSTEM = os.name  # the module that os.system comes from


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def named(name):
    module, attribute = name.split(":")
    return f"c{module}\n{attribute}\n".encode()


def call(name, *arguments):
    """``name(*arguments)``; arguments are text, or opcodes."""
    parts = [text(a) if isinstance(a, str) else a for a in arguments]
    return named(name) + b"(" + b"".join(parts) + b"tR"


def short(value):
    return b"\x8c" + bytes([len(value)]) + value.encode()


class Reduced:
    def __init__(self, *how):
        self.how = how

    def __reduce__(self):
        return self.how


def attacks(canary):
    """Name -> opcodes that leave one value, and would touch ``canary`` on the way."""
    touch, code = f"touch {canary}", f"open({str(canary)!r}, 'w')"
    os_module = call("builtins:__import__", "os")
    hidden = pickle.dumps(Reduced(os.system, (touch,)), 2)
    return {
        "os.system": call("os:system", touch),
        "posix.system": call(f"{SYSTEM}:system", touch),
        "system of Python 2": call("__builtin__:eval", code),
        "exec": call("builtins:exec", code),
        "eval": call("builtins:eval", code),
        "compile": call("builtins:compile", code, "x", "exec"),
        "open": call("builtins:open", str(canary), "w"),
        "__import__": os_module,
        "nested REDUCE": call("builtins:getattr", os_module, "system") + b"(" + text(touch) + b"tR",
        "getattr": call("builtins:getattr", named("os:system"), "__call__"),
        "map": call(
            "builtins:list", call("builtins:map", named("os:system"), b"](" + text(touch) + b"e")
        ),
        "runstring": call("numpy.testing._private.utils:runstring", code, b"}"),
        "rundocs": call("numpy.testing._private.utils:rundocs", str(canary)),
        "f2py": call("numpy.f2py.crackfortran:myeval", code, b"}", b"}"),
        "numpy.load": call("numpy:load", str(canary)),
        "numpy.fromfile": call("numpy:fromfile", str(canary)),
        "numpy.memmap": call("numpy:memmap", str(canary), "u1", "w+", b"K\x00", b"K\x01\x85"),
        "array of a class": call(
            "numpy.core.multiarray:_reconstruct", named("subprocess:Popen"), b"K\x00\x85", "b"
        ),
        "masked array": call(
            "numpy.ma.core:_mareconstruct",
            named("os:system"),
            named("os:system"),
            b"K\x00\x85",
            "b",
        ),
        "torch.load": call("torch:load", str(canary)),
        "storage": call("torch.storage:_load_from_bytes", b"C" + bytes([len(hidden)]) + hidden),
        "joblib.load": call("joblib.numpy_pickle:load", str(canary)),
        "NDArrayWrapper": call(
            "joblib.numpy_pickle_compat:NDArrayWrapper", str(canary), named("numpy:ndarray")
        ),
        "pickle in a pickle": call("pickle:loads", b"C" + bytes([len(hidden)]) + hidden),
        "_pickle": call("_pickle:loads", b"C" + bytes([len(hidden)]) + hidden),
        "subprocess": call(
            "subprocess:check_output", b"](" + text("touch") + text(str(canary)) + b"e"
        ),
        "pty": call("pty:spawn", "touch"),
        "timeit": call("timeit:timeit", code, "pass", named("time:perf_counter"), b"K\x01"),
        "profile": call("cProfile:run", code),
        "bdb": call("bdb:Bdb.run", call("bdb:Bdb"), code),
        "runpy": call("runpy:run_path", str(canary)),
        "code": call("code:InteractiveInterpreter.runcode", code),
        "pip": call("pip._internal.cli.main:main", b"](" + text("install") + text("x") + b"e"),
        "importlib": call("importlib:import_module", "antigravity"),
        "partial": call("functools:partial", named("os:system"), touch) + b")R",
        "methodcaller": call("operator:methodcaller", "system", touch) + b"(" + os_module + b"tR",
        "attrgetter": call("operator:attrgetter", "system"),
        "copyreg": call(
            "copyreg:_reconstructor", named("subprocess:Popen"), named("builtins:object"), b"N"
        ),
        "copy_reg": call(
            "copy_reg:_reconstructor", named("subprocess:Popen"), named("builtins:object"), b"N"
        ),
        "function": call("types:FunctionType", b"N", b"}"),
        "shutil": call("shutil:rmtree", str(canary.parent)),
        "unlink": call("os:unlink", str(canary.parent / "r.pkl")),
        "STACK_GLOBAL": short("os") + short("system") + b"\x93(" + text(touch) + b"tR",
        "STACK_GLOBAL of joined text": short("posix")
        + b"\x94"
        + short("system")
        + b"\x94"
        + b"00h\x00h\x01\x93("
        + text(touch)
        + b"tR",
        "dotted name": short("collections") + short("OrderedDict.__init__.__globals__") + b"\x93",
        "dotted numpy": short("numpy") + short("ndarray.tofile") + b"\x93(" + text(touch) + b"tR",
        "dotted module": short("numpy.core.multiarray.os")
        + short("system")
        + b"\x93("
        + text(touch)
        + b"tR",
        "memo put over": named("numpy.core.multiarray:_reconstruct")
        + b"q\x000"
        + named("os:system")
        + b"q\x000h\x00("
        + text(touch)
        + b"tR",
        "memo of MEMOIZE": named("os:system") + b"\x940h\x00(" + text(touch) + b"tR",
        "module as text": text("os")
        + b"q\x05"
        + text("system")
        + b"q\x0600h\x05h\x06\x93("
        + text(touch)
        + b"tR",
        "INST": b"(" + text(touch) + f"i{SYSTEM}\nsystem\n".encode(),
        "OBJ": b"(" + named("os:system") + text(touch) + b"o",
        "OBJ of text": b"(" + text("os.system") + text(touch) + b"o",
        "NEWOBJ": named("subprocess:Popen")
        + b"]("
        + text("touch")
        + text(str(canary))
        + b"e\x85\x81",
        "NEWOBJ_EX": named("subprocess:Popen")
        + text(touch)
        + b"\x85}"
        + text("shell")
        + b"\x88s\x92",
        "NEWOBJ of an allowed class": named("numpy:ndarray") + b"K\x02\x85\x81",
        "BUILD on a function": named("os:system") + b"}" + text("__call__") + text(touch) + b"sb",
        "BUILD on an allowed function": named("numpy.core.multiarray:scalar")
        + b"}"
        + text("call")
        + named("os:system")
        + b"sb",
        "BUILD on a dict": b"}}" + text("__setstate__") + named("os:system") + b"sb",
        "BUILD on an ordered dict": named("collections:OrderedDict")
        + b")R}"
        + text("__class__")
        + named("os:system")
        + b"sb",
        "PERSID": b"Pos.system\n",
        "BINPERSID": text(touch) + b"Q",
        "EXT1": b"\x82\xf0(" + text(touch) + b"tR",
        "EXT2": b"\x83\xf0\x00",
        "EXT4": b"\x84\xf0\x00\x00\x00",
        "NEXT_BUFFER": b"\x97",
        "READONLY_BUFFER": b"\x98",
        "terminal codes in a name": b"cos\x1b[2J\x1b]0;owned\x07\nsystem\n",
        "a name of lines": short("os\nhumantrack-export: all is well\n")
        + short("system")
        + b"\x93",
        "a name of a megabyte": b"c" + b"o" * 1_000_000 + b"\nsystem\n",
    }


ATTACKS = attacks(Path("x"))
FIRES = (
    "os.system",
    "posix.system",
    "exec",
    "eval",
    "open",
    "nested REDUCE",
    "pickle in a pickle",
    "subprocess",
    "timeit",
    "partial",
    "methodcaller",
    "STACK_GLOBAL",
    "STACK_GLOBAL of joined text",
    "memo put over",
    "module as text",
    "INST",
    "OBJ",
    "EXT1",
)
"""Attacks that Python's own pickle falls for: the canary is a real one."""


@pytest.fixture
def extension():
    copyreg.add_extension(SYSTEM, "system", 240)
    yield
    copyreg.remove_extension(SYSTEM, "system", 240)


def settled(process_canary):
    """Wait for the canary of a process that was only started."""
    for _ in range(500):
        if process_canary.exists():
            return True
        threading.Event().wait(0.02)
    return False


@pytest.mark.parametrize("name", FIRES)
@pytest.mark.filterwarnings("ignore")
def test_attacks_are_real(tmp_path, extension, name):
    canary = tmp_path / "canary"
    pickle.loads(b"\x80\x04" + attacks(canary)[name] + b".")  # what humantrack never does
    assert settled(canary)


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_and_nothing_runs(tmp_path, attempt, extension, name):
    canary, path = tmp_path / "canary", tmp_path / "r.pkl"
    attack = attacks(canary)[name]
    attempt(path)  # what the command itself imports is there now
    modules = set(sys.modules)
    body = text("k") + b"}" + text("tid") + attack + b"s"
    for data in (
        b"\x80\x04" + attack + b".",
        zlib.compress(b"\x80\x04}" + body + b"s."),
        zlib.compress(b"\x80\x04}" + body + b"s" + text("k") + b"Ns."),
        zlib.compress(HEADER + LENGTH.pack(b"J", len(body) + 1, b"0") + body + b"s" + END),
    ):
        path.write_bytes(data)
        tried = attempt(path)
        tried.assert_refused(10, str(path))
        assert len(tried.lines[0]) < 1000
        assert path.read_bytes() == data
    assert not canary.exists()
    assert set(sys.modules) <= modules


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("attack", ["os.system", "INST", "STACK_GLOBAL"])
def test_attack_on_every_format(clip, attempt, name, attack):
    """It comes last, when files have been begun."""
    canary = clip.parent / "canary"
    frames = dict(load_results(clip))
    list(frames.values())[-1]["extra_data"] = "HERE"
    with ResultsWriter(clip) as writer:
        for key, frame in frames.items():
            writer.write_frame(key, frame)
    data = zlib.decompress(clip.read_bytes())
    start = data.rindex(b"J", 0, data.index(text("HERE")) - 100)
    while data[start + 5 : start + 6] != b"0":
        start = data.rindex(b"J", 0, start)
    body = data[start + 6 : -1].replace(text("HERE"), attacks(canary)[attack])
    clip.write_bytes(zlib.compress(data[:start] + LENGTH.pack(b"J", len(body), b"0") + body + END))
    attempt(clip, "-f", name).assert_refused(10)
    attempt(clip, "--summary", "--plot", clip.with_suffix(".svg")).assert_refused(10)
    assert not canary.exists()


def test_pickles_in_arrays_of_objects(tmp_path, attempt):
    canary, path = tmp_path / "canary", tmp_path / "r.pkl"
    hidden = np.array([Reduced(os.system, (f"touch {canary}",)), None], object)
    for value in (hidden, hidden.reshape(2, 1), np.array(hidden[0], object)):
        path.write_bytes(pickle.dumps({"k": {"x": value}}, 4))
        attempt(path).assert_refused(10)
        joblib.dump({"k": {"x": value}}, path)
        attempt(path).assert_refused(10)
    np.save(path.with_suffix(".npy"), hidden, allow_pickle=True)
    path.with_suffix(".npy").replace(path)
    attempt(path).assert_refused(9)
    assert not canary.exists()


def test_wrapper_of_joblib_that_maps_a_file(tmp_path, attempt):
    path = tmp_path / "r.pkl"
    array = np.memmap(tmp_path / "other.bin", np.float32, "w+", shape=(4,))
    joblib.dump({"k": {"tid": [], "x": array}}, path)
    data = path.read_bytes()
    for name, other in (
        (b"allow_mmap", b"allow_mmop"),
        (b"NumpyArrayWrapper", b"NumpyArrayWropper"),
    ):
        assert name in data
        path.write_bytes(data.replace(name, other))
        tried = attempt(path)
        assert tried.code in (9, 10)
        tried.assert_refused(tried.code)
    path.write_bytes(data.replace(b"ndarray", b"recarra").replace(b"memmap", b"record"))
    attempt(path).assert_refused(10)


def test_what_follows_the_end_is_not_read(clip, attempt, edit_results):
    canary = clip.parent / "canary"
    ours, attack = clip.read_bytes(), b"\x80\x04" + attacks(canary)["os.system"] + b"."
    edit_results(clip, lambda frames: None)
    theirs = clip.read_bytes()
    for data in (
        ours + zlib.compress(attack),
        zlib.compress(zlib.decompress(ours) + attack),
        theirs + zlib.compress(attack),
        zlib.compress(zlib.decompress(theirs) + attack),
    ):
        clip.write_bytes(data)
        tried = attempt(clip, "--force")
        assert tried.code == 0
        assert len(json.loads(clip.with_suffix(".json").read_text())["frames"]) == 3
    assert not canary.exists()
