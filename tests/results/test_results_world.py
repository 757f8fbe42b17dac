"""The world file: round trip, plain dicts for joblib, other results refused, damage told."""

from __future__ import annotations

import tracemalloc
import warnings
import zlib
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world_tools import FACTS, lifted_frames, make_world

from humantrack.errors import OutputError, ResultsError, UnsafePickleError
from humantrack.results import (
    ResultsWriter,
    iter_world,
    iter_world_of,
    load_results,
    load_world,
    read_facts,
    world_path,
)
from humantrack.world.file import WorldWriter


@pytest.fixture
def results(tmp_path, make_record):
    """Six frames: two people, one missed for a while, nobody, two, a cut before the last."""
    path = tmp_path / "demo_clip.pkl"
    with ResultsWriter(path, features=False) as writer:
        for index, missed in enumerate([(0, 0), (0, 1), (), (0,), (0, 0), (0, 0, 0)]):
            writer.write(None, make_record(index, missed, shot=index == 5))
    return path


def assert_same(left, right):
    assert (left.index, left.time_s, left.shot) == (right.index, right.time_s, right.shot)
    for name in ("camera_rotation", "camera_position", "centre_px"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))
    assert left.focal_px == right.focal_px
    assert [p.track_id for p in left.people] == [p.track_id for p in right.people]
    for one, other in zip(left.people, right.people, strict=True):
        assert (one.is_observed, one.confidence) == (other.is_observed, other.confidence)
        np.testing.assert_array_equal(one.contacts, other.contacts)
        for name in ("root_position", "root_rotation", "body_pose", "betas", "joints"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-6)


def test_what_is_written_is_read(results):
    path = make_world(results)
    assert path == results.with_name("demo_clip.world.pkl") == world_path(results)
    world = load_world(path)
    assert list(world) == list(load_results(results))
    assert world.facts == read_facts(path) == FACTS
    for (key, frame), (walked, again), wanted in zip(
        world.items(), iter_world(path), lifted_frames(results), strict=True
    ):
        assert key == walked
        assert_same(frame, wanted)
        assert_same(again, wanted)
    assert [frame.shot for frame in world.values()] == [0, 0, 0, 0, 0, 1]


def test_joblib_reads_plain_dicts(results):
    content = joblib.load(make_world(results))
    assert list(content) == ["results", "frames", "facts"]
    assert list(content["frames"]) == list(load_results(results))
    frame = content["frames"]["outputs//_DEMO/vid/img/000001.jpg"]
    assert type(frame) is dict
    assert frame["camera"]["rotation"].shape == (3, 3)
    assert frame["camera"]["focal_length_px"] == 800.0
    person = frame["people"][1]
    assert (person["track_id"], person["observed"]) == (2, True)
    assert person["joints"].shape == (45, 3)
    assert person["contacts"].tolist() == [False, False, True, False]


def test_results_give_the_world_when_it_is_asked_for(results):
    assert load_results(results).world is None
    path = make_world(results)
    loaded = load_results(results)
    world = loaded.world
    assert list(world) == list(loaded)
    assert world is loaded.world
    path.write_bytes(b"")
    assert load_results(results).track_ids == (1, 2, 3)  # not looked at until it is asked for
    with pytest.raises(ResultsError, match="humantrack-world"):
        load_results(results).world  # noqa: B018


def test_a_world_of_other_results_is_refused(results, make_record):
    path = make_world(results)
    frames = [make_record(i, (0, 0)) for i in range(6)]
    other = results.with_name("other.pkl")

    def rewrite(records):
        with ResultsWriter(other, features=False) as writer:
            for record in records:
                writer.write(None, record)
        world_path(other).write_bytes(path.read_bytes())

    for records in (frames, frames[:3], []):
        rewrite(records)
        with pytest.raises(ResultsError, match="belongs to other results") as caught:
            load_results(other).world  # noqa: B018
        assert str(world_path(other)) in str(caught.value)
    other.write_bytes(results.read_bytes())
    assert len(load_results(other).world) == 6


def test_walking_in_step_tells_where_results_end_early(results):
    path = make_world(results)
    pairs = list(load_results(results).items())
    walked = [frame.index for _, _, frame in iter_world_of(pairs, path)]
    assert walked == list(range(6))
    with pytest.raises(ResultsError, match="other results"):
        list(iter_world_of(pairs[:-1], path))


def test_the_same_bytes_each_time(results):
    first = make_world(results).read_bytes()
    assert make_world(results).read_bytes() == first


def test_a_failed_writer_leaves_the_earlier_file_and_no_other(results):
    path = make_world(results)
    before, names = path.read_bytes(), sorted(results.parent.iterdir())
    frames = list(lifted_frames(results))
    with pytest.raises(RuntimeError), WorldWriter(results) as writer:
        writer.write(frames[0])
        raise RuntimeError
    with pytest.raises(ValueError, match="ends after 1 frames"), WorldWriter(results) as writer:
        writer.write(frames[0])
    with pytest.raises(ValueError, match="frame 1: the next frame"), WorldWriter(results) as writer:
        writer.write(frames[1])
    with pytest.raises(ValueError, match="is none"), WorldWriter(results) as writer:
        for frame in [*frames, frames[0]]:
            writer.write(frame)
    with pytest.raises(OutputError), WorldWriter(results) as writer:
        for frame in frames:
            writer.write(frame)
        writer.facts["thing"] = object()
    assert path.read_bytes() == before
    assert sorted(results.parent.iterdir()) == names


def test_partial_results_have_a_partial_world():
    assert world_path("a/demo_x.partial.pkl") == Path("a/demo_x.partial.world.pkl")


def test_a_world_is_not_taken_for_results_nor_results_for_a_world(results):
    path = make_world(results)
    with pytest.raises(ResultsError, match="a world file, not results"):
        load_results(path)
    with pytest.raises(ResultsError, match="not a world file"):
        load_world(results)


def test_code_is_refused(results):
    path = make_world(results)
    raw = zlib.decompress(path.read_bytes())
    assert raw.count(b"cnumpy.core.multiarray\n_reconstruct\n") >= 1
    path.write_bytes(zlib.compress(raw.replace(b"\n_reconstruct\n", b"\n_reconstrucX\n")))
    with pytest.raises(UnsafePickleError, match="_reconstrucX"):
        load_world(path)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damage_gives_one_error_never_another(results, data):
    path = world_path(results)
    whole = path.read_bytes() if path.exists() else make_world(results).read_bytes()
    damaged = results.with_name("damaged.world.pkl")
    cut = data.draw(st.integers(0, len(whole) - 1))
    damaged.write_bytes(whole[:cut])
    with pytest.raises(ResultsError):
        load_world(damaged)
    flipped = bytearray(whole)
    flipped[cut] ^= 1 << data.draw(st.integers(0, 7))
    damaged.write_bytes(flipped)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ResultsError):
            load_world(damaged)


def test_memory_does_not_grow_with_the_frames(tmp_path, make_record):
    def peak(count):
        path = tmp_path / f"{count}.pkl"
        with ResultsWriter(path, features=False) as writer:
            for index in range(count):
                writer.write(None, make_record(index % 7, (0,)))
        frames = [replace(f, people=f.people * 40) for f in list(lifted_frames(path))[:7]]
        tracemalloc.start()
        with WorldWriter(path) as writer:
            for index in range(count):
                writer.write(frames[index % 7])
        for _ in iter_world(writer.path):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(60) < 1.2 * peak(20)  # both more than the buffers hold
