"""The description beside the results, and files that are whole or not there."""

from __future__ import annotations

import json
import stat
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from humantrack import errors
from humantrack._version import __version__
from humantrack.atomic import atomic_write, remove_leftovers
from humantrack.results import DecodeErrors, RunMeta, meta_path, write_meta
from humantrack.types import SourceInfo


@pytest.fixture
def meta():
    source = SourceInfo(
        name="vid",
        path=Path("videos") / "vid.mp4",
        kind="video",
        width=1920,
        height=1080,
        fps=Fraction(30000, 1001),
        frame_count=60,
        duration_s=float("nan"),
    )
    return RunMeta(
        status="partial",
        source=source,
        frame_count=5,
        track_count=2,
        results="vid.partial.pkl",
        config={"video": {"start_frame": -1}, "phalp": {"low_th_c": np.float32(0.5)}},
        timings_s={"total": float("inf"), "detect": 1.5},
        decode_errors=DecodeErrors(count=7, messages=("frame 3: damaged",)),
        error="stopped",
    )


def test_fields_of_a_run(tmp_path, meta):
    path = tmp_path / "results" / "vid.meta.json"
    write_meta(path, meta)
    plain = json.loads(path.read_text(encoding="utf-8"))
    assert list(plain) == [
        "status",
        "source",
        "frame_count",
        "track_count",
        "people",
        "results",
        "model",
        "config",
        "timings_s",
        "fingerprint",
        "place",
        "resumed_from",
        "decode_errors",
        "warnings",
        "error",
        "world",
        "live",
        "versions",
        "schema",
    ]
    assert plain["source"]["fps"] == pytest.approx(29.97003)
    assert plain["source"]["fps_exact"] == "30000/1001"
    assert plain["source"]["path"] == str(Path("videos") / "vid.mp4")
    assert plain["source"]["duration_s"] is None
    assert plain["timings_s"] == {"total": None, "detect": 1.5}
    assert plain["config"]["phalp"] == {"low_th_c": 0.5}
    assert plain["decode_errors"] == {"count": 7, "messages": ["frame 3: damaged"]}
    assert plain["versions"]["humantrack"] == __version__
    assert plain["versions"]["numpy"] == np.__version__
    assert plain["schema"] == 2


def test_plain_mapping(tmp_path):
    path = tmp_path / "m.json"
    write_meta(path, {"a": np.arange(3), ("b", 1): [np.int64(2), np.nan, None], "ü": "\ud800"})
    plain = json.loads(path.read_text(encoding="utf-8"))
    assert plain == {"a": [0, 1, 2], "('b', 1)": [2, None, None], "ü": "\ud800"}


def test_value_without_place_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "m.json"
    write_meta(path, {"a": 1})
    with pytest.raises(errors.OutputError, match=r"no place in JSON for a builtins\.object"):
        write_meta(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("results", "name"),
    [("a/vid.pkl", "vid.meta.json"), ("vid.partial.pkl", "vid.meta.json"), ("v.1", "v.meta.json")],
)
def test_meta_lies_beside_the_results(results, name):
    assert meta_path(results) == Path(results).parent / name


def test_atomic_write_makes_folders_and_replaces(tmp_path):
    path = tmp_path / "a" / "b.bin"
    for content in (b"one", b"two"):
        with atomic_write(path) as file:
            file.write(content)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_atomic_write_leaves_no_trace_of_a_failure(tmp_path):
    path = tmp_path / "b.bin"
    path.write_bytes(b"before")

    def run(error):
        with atomic_write(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(KeyError):
        run(KeyError("x"))
    with pytest.raises(errors.OutputError, match=r"cannot write \(boom\).*b\.bin"):
        run(OSError(5, "Boom"))
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_atomic_write_into_a_file_as_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(errors.OutputError, match="cannot write"),
        atomic_write(tmp_path / "file" / "x"),
    ):
        pytest.fail("must not be entered")


@pytest.mark.skipif(sys.platform == "win32", reason="no permission bits on Windows")
def test_atomic_write_gives_the_usual_permissions(tmp_path):
    usual = tmp_path / "usual"
    usual.write_text("")
    with atomic_write(tmp_path / "atomic"):
        pass
    mode = stat.S_IMODE((tmp_path / "atomic").stat().st_mode)
    assert mode == stat.S_IMODE(usual.stat().st_mode)


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    path = tmp_path / "demo_[x].meta.json"
    left = [tmp_path / f".demo_[x].meta.json.{n}.tmp" for n in ("0123abcd", "ffffffff")]
    kept = [
        path,
        *(tmp_path / n for n in (".demo_x.meta.json.0123abcd.tmp", ".demo_[x].pkl.0123abcd.tmp")),
        tmp_path / ".demo_[x].meta.json.mine.tmp",
    ]
    for file in (*left, *kept):
        file.touch()
    remove_leftovers(path)
    assert set(tmp_path.iterdir()) == set(kept)
