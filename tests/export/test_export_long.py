"""Motions too long for memory: the same to the last bit, whatever the length of a stretch."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from motion_tools import motions
from world_tools import make_world

from humantrack.clips.source import ResultsSource
from humantrack.errors import OutputError
from humantrack.export.cli import main
from humantrack.motion import spool
from humantrack.motion.camera_track import CameraTrack
from humantrack.motion.spool import Spool, Spooled

FIELDS = (
    *("frame", "time_s", "shot", "observed", "quaternions", "pelvis", "joints"),
    *("betas", "joint_source", "joint_confidence", "rest_pelvis"),
)


@pytest.mark.parametrize("gaps", ["interpolate", "hold", "split"])
@pytest.mark.parametrize(
    "choices", [{}, {"smooth": "savgol"}, {"smooth": "one-euro"}, {"fps": 47.0, "smooth": "savgol"}]
)
def test_stretches_make_no_difference(make_results, edit_results, monkeypatch, gaps, choices):
    path = edit_results(make_results(), lambda frames: frames[17].update(shot=1))
    whole = motions(path, gaps=gaps, **choices)
    monkeypatch.setattr(spool, "CHUNK", 7)
    in_stretches = motions(path, gaps=gaps, **choices)
    assert any(isinstance(motion.joints, Spooled) for motion in in_stretches)
    for one, other in zip(whole, in_stretches, strict=True):
        assert one.name == other.name
        for field in FIELDS:
            expected, found = getattr(one, field), np.asarray(getattr(other, field))
            assert np.array_equal(expected, found, equal_nan=True), field
            assert expected.dtype == found.dtype
        assert np.array_equal(one.skeleton.rest, other.skeleton.rest)


@pytest.mark.parametrize("kind", ["bvh", "npz", "glb", "trc", "blender"])
@pytest.mark.parametrize(
    "choices", [[], ["--gaps", "split"], ["--fps", "50", "--smooth", "savgol", "--frames", "5:33"]]
)
def test_files_of_long_motions_are_the_same(make_results, tmp_path, monkeypatch, kind, choices):
    path = make_results()
    command = [str(path), "-f", kind, "--quiet", *choices]
    assert main([*command, "-o", f"{tmp_path}/whole/"]) == 0
    monkeypatch.setattr(spool, "CHUNK", 7)
    assert main([*command, "-o", f"{tmp_path}/parts/"]) == 0
    expected = {p.name: p.read_bytes() for p in (tmp_path / "whole").iterdir()}
    assert expected == {p.name: p.read_bytes() for p in (tmp_path / "parts").iterdir()}


@pytest.mark.parametrize("kind", ["npz", "glb", "trc", "blender", "usda"])
def test_files_of_long_motions_in_the_world_are_the_same(make_results, tmp_path, monkeypatch, kind):
    if kind == "usda":
        pytest.importorskip("pxr", reason="usd-core is not installed")
    path = make_results()
    make_world(path)
    is_text = kind == "usda"
    for folder, rows in (("whole", spool.CHUNK), ("parts", 7)):
        monkeypatch.setattr(spool, "CHUNK", rows)
        out = f"{tmp_path}/{folder}/{'clip.usda' if is_text else ''}"
        assert main([str(path), "-f", "usd" if is_text else kind, "-o", out, "--quiet"]) == 0
    expected = {p.name: p.read_bytes() for p in (tmp_path / "whole").iterdir()}
    assert expected == {p.name: p.read_bytes() for p in (tmp_path / "parts").iterdir()}


def test_the_cameras_way_takes_little_memory(make_results):
    path = make_results()
    make_world(path)
    [batch] = ResultsSource(path).batches(world=True)
    way, rounds = CameraTrack(), 200
    tracemalloc.start()
    for _ in range(rounds):
        way.add(batch)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(way) == rounds * len(batch.frames)
    assert held / len(way) < 200  # bytes; lists of arrays take 560
    for row, frame in enumerate(batch.frames, start=len(way) - len(batch.frames)):
        assert np.array_equal(way.rotation(row), frame.world.camera_rotation)
        assert np.array_equal(way.position(row), frame.world.camera_position)
        assert np.array_equal(way.centre_px(row), frame.world.centre_px)


def test_a_spooled_array_is_used_as_any_other(monkeypatch):
    monkeypatch.setattr(spool, "CHUNK", 4)
    rng = np.random.default_rng(0)
    array = rng.normal(size=(20, 3, 2)).astype(np.float32)
    store = Spool([("other", "i2"), ("array", "f4", (3, 2))])
    numbers = [store.append(array=array[a:b], other=np.arange(a, b)) for a, b in ((0, 3), (3, 20))]
    spooled = Spooled(store, "array", np.concatenate(numbers), np.float64)
    assert spooled.shape == array.shape and len(spooled) == 20 and spooled.dtype == np.float64
    for key in (slice(2, 9), 5, -1, slice(None, None, 3), np.array([3, 3, 0]), (slice(1, 4), 2)):
        assert np.array_equal(spooled[key], array[key])
    assert np.array_equal(spooled[..., 1], array[..., 1])
    assert np.array_equal(spooled.taken(np.array([7, 7, 2])), array[[7, 7, 2]])
    assert np.array_equal(spooled - 1, array.astype(np.float64) - 1)
    assert spooled.mean() == array.astype(np.float64).mean()


def test_no_room_for_the_temporary_file_is_said():
    store = Spool([("a", "f8")])

    class Full:
        def seek(self, *where): ...

        def write(self, data):
            raise OSError(28, "No space left on device")

    store._store._file = Full()
    with pytest.raises(OutputError, match=r"no space left on device.: temporary file. TMPDIR"):
        store.append(a=np.zeros(3))
