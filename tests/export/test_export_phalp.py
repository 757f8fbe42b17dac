"""Results in PHALP's own schema: what went in comes out, less what PHALP does not know."""

from __future__ import annotations

import pickletools
import zlib

import joblib
import numpy as np
import pytest

from humantrack.export.cli import main
from humantrack.results import ResultsWriter, load_results

UPSTREAM = ("upstream_render", "upstream_extract_cut", "upstream_stream_cut")


def exported(path, out, *arguments):
    assert main([str(path), "-f", "phalp", "-o", str(out), "--quiet", *arguments]) == 0
    return joblib.load(out)


def assert_same(a, b):
    """Equal in value, type and order, all the way down."""
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    elif isinstance(a, np.ndarray | np.generic):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert np.array_equal(a, b)
    else:
        assert a == b


def kind(value):
    """Types and shapes of a value, without its numbers."""
    if isinstance(value, dict):
        return {key: kind(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape
    if isinstance(value, list | tuple):
        return type(value), kind(value[0]) if value else None
    return type(value)


@pytest.mark.parametrize("name", UPSTREAM)
def test_a_file_of_phalp_comes_out_as_it_went_in(data, tmp_path, name):
    source = data / "results" / f"{name}.pkl"
    assert_same(exported(source, tmp_path / "out.pkl"), joblib.load(source))


def test_a_file_of_ours_looks_like_phalps(data, make_results, tmp_path):
    ours = exported(make_results(), tmp_path / "out.pkl")
    theirs = joblib.load(data / "results" / "upstream_extract_cut.pkl")
    frame = next(f for f in ours.values() if f["tid"])
    model = next(f for f in theirs.values() if f["tid"])
    assert list(frame) == list(model)  # in this order, and no time_s
    assert kind(frame) == kind(model)
    empty = next(iter(exported(make_results([], count=2), tmp_path / "no.pkl").values()))
    assert list(empty) == list(model)


def test_the_tracks_vectors_stay_if_they_are_there(data, make_results, tmp_path):
    path = make_results(count=2)
    frames = load_results(path)
    with ResultsWriter(path) as writer:
        for key, frame in frames.items():
            people = len(frame["tid"])
            vectors = {"appe": 4096, "loca": 99, "pose": 229}
            more = {k: [np.zeros(n, np.float32)] * people for k, n in vectors.items()}
            head = {k: frame.pop(k) for k in list(frame)[: list(frame).index("center")]}
            writer.write_frame(key, {**head, **more, **frame})
    drawn = joblib.load(data / "results" / "upstream_render.pkl")
    model = next(f for f in drawn.values() if f["tid"])
    frame = next(f for f in exported(path, tmp_path / "out.pkl").values() if f["tid"])
    assert list(frame) == list(model)
    assert kind(frame) == kind(model)


def test_ghosts_stay_and_selections_hold(make_results, tmp_path):
    path = make_results()
    whole = exported(path, tmp_path / "whole.pkl")
    for frame, source in zip(whole.values(), load_results(path).values(), strict=True):
        assert_same({**frame, "time_s": source["time_s"]}, source)
    assert any(1 in frame["tracked_time"] for frame in whole.values())
    some = exported(path, tmp_path / "some.pkl", "--frames", "10:20", "--tracks", "2,7")
    assert list(some) == list(whole)[10:20]
    for frame in some.values():
        assert set(frame["tid"]) == {2, 7} & set(frame["tid"]) != set()
        lists = [v for v in frame.values() if isinstance(v, list)]
        assert {len(v) for v in lists if v is not frame["tracked_ids"]} <= {
            len(frame["tid"]),
            len(frame["tracked_ids"]),
        }
        assert set(frame["tracked_ids"]) <= {2, 7}


def test_old_and_new_numpy_know_every_name_in_it(make_results, tmp_path):
    out = tmp_path / "out.pkl"
    exported(make_results(count=3), out)
    names = {
        arg
        for op, arg, _ in pickletools.genops(zlib.decompress(out.read_bytes()))
        if op.name == "GLOBAL"
    }
    assert names == {
        "numpy.core.multiarray _reconstruct",
        "numpy.core.multiarray scalar",
        "numpy ndarray",
        "numpy dtype",
    }


def test_a_malformed_frame_leaves_no_file(make_results, tmp_path, capsys):
    path = make_results(count=4)
    frames = load_results(path)
    list(frames.values())[3]["camera"][0] = np.zeros(2, np.float32)
    with ResultsWriter(path) as writer:
        for key, frame in frames.items():
            writer.write_frame(key, frame)
    before = set(tmp_path.iterdir())
    assert main([str(path), "-f", "phalp", "-f", "glb"]) == 9
    assert "camera" in capsys.readouterr().err
    assert set(tmp_path.iterdir()) == before
