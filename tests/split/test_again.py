"""Tracking again from observations, and reading them."""

from __future__ import annotations

import dataclasses
from threading import Event

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from split_tools import FRAMES, GAP, Light, alone, in_parts, stored

from humantrack import ConfigError, ResultsError, read_observations
from humantrack.cli.retrack import run
from humantrack.split.again import track_again
from humantrack.split.encoding import frame_of, joined, parted, plain_frame
from humantrack.split.files import SUFFIX, ObservationFile, ObservationWriter
from humantrack.types import Revised


@pytest.fixture(scope="module")
def kept(clip, boxes, tmp_path_factory):
    out = tmp_path_factory.mktemp("kept")
    options = ("split.parts=3", "results.observations=true")
    return in_parts(clip, out, boxes, *options).results.with_suffix(".observations")


def again(folder, *overrides, **more):
    return track_again([folder], overrides, Event(), kind=Light, **more)


def test_another_setting_is_as_in_a_run_of_its_own(kept, clip, boxes, tmp_path):
    """A track that lives on for three frames is lost in the gap, and comes back as another."""
    setting = "phalp.max_age_track=3"
    one = alone(clip, tmp_path / "one", boxes, setting)
    two = again(kept, setting, f"video.output_dir={tmp_path / 'two'}")
    assert stored(two) == stored(one)
    assert two.tracks == 3
    assert again(kept, f"video.output_dir={tmp_path / 'three'}").tracks == 2


def test_the_video_is_not_needed(clip, boxes, tmp_path):
    here = tmp_path / "moved.mp4"
    here.write_bytes(clip.read_bytes())
    options = ("split.parts=2", "results.observations=true")
    done = in_parts(here, tmp_path, boxes, *options)
    here.unlink()
    folder = done.results.with_suffix(".observations")
    two = again(folder, f"video.output_dir={tmp_path / 'two'}")
    assert stored(two) == stored(done)
    with pytest.raises(ConfigError, match="video is not where it was"):
        again(folder, "world.enable=true", f"video.output_dir={tmp_path / 'two'}")


def test_merging_writes_what_the_run_would_have(kept, clip, boxes, tmp_path):
    one = alone(clip, tmp_path / "one", boxes)
    two = again(kept, as_it_was=True)
    assert two.results.parent == kept.parent
    assert stored(two) == stored(one)


@pytest.mark.parametrize(
    "key", ["phalp.small_w=3", "video.start_frame=2", "seed=3", "render.fps=3"]
)
def test_keys_of_finding_are_refused(kept, key):
    with pytest.raises(ConfigError, match="found already"):
        again(kept, key)


def test_mistyped_keys_are_told(kept):
    with pytest.raises(ConfigError, match="max_age_track"):
        again(kept, "phalp.max_age_trak=3")
    with pytest.raises(ConfigError, match="converted to Integer: phalp"):
        again(kept, "phalp.max_age_track=old")


def test_missing_and_foreign_parts_are_told(kept, clip, boxes, tmp_path):
    paths = sorted(kept.glob(f"*{SUFFIX}"))
    with pytest.raises(ResultsError, match=r"1 of 3 parts are missing \(2\)"):
        list(read_observations(paths[0], paths[2]))
    with pytest.raises(ResultsError, match="twice"):
        list(read_observations(*paths, paths[1]))
    options = ("split.parts=3", "results.observations=true", "phalp.small_w=2")
    other = in_parts(clip, tmp_path, boxes, *options).results.with_suffix(".observations")
    with pytest.raises(ResultsError, match="another video or configuration"):
        list(read_observations(*paths[:2], other / paths[2].name))


def test_observations_are_read_as_documented(kept):
    frames = list(read_observations(kept))
    assert [f.index for f in frames] == [f.source_index for f in frames] == list(range(FRAMES))
    assert [len(f.people) for f in frames] == [1 if n in GAP else 2 for n in range(FRAMES)]
    assert frames[4].key == "long/000005.jpg"
    assert frames[4].time_s == pytest.approx(4 / 30, abs=1e-3)
    assert frames[4].image_size == (180, 320)
    np.testing.assert_array_equal(
        frames[4].people[0].xyxy_px, [39, 29, 93, 147]
    )  # MOT counts from 1
    assert all(p.frame_index == f.index for f in frames for p in f.people)


def test_the_commands_say_what_is_wrong_in_a_line(kept, tmp_path, capsys):
    assert run(["--help"], name="humantrack-retrack") == 0
    assert "phalp.max_age_track" in capsys.readouterr().out
    assert run([str(tmp_path)], name="humantrack-merge") == ResultsError.exit_code
    assert run([str(tmp_path / "nothing")], name="humantrack-merge") == ResultsError.exit_code
    assert run([str(kept), "phalp.nonsense=1"], name="humantrack-retrack") == 2
    assert run([str(kept), "--quick"], name="humantrack-retrack") == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 4
    assert all(line.startswith(("humantrack-merge: ", "humantrack-retrack: ")) for line in told)


def test_everything_of_a_person_comes_back(make_frame, make_observation):
    random = np.random.default_rng(0)
    revised = Revised(frame_index=2, row=0, values={"betas": np.ones(10, np.float32)})
    seen = make_observation(
        7,
        frame_key=("clip.mp4", 512),
        uv=random.normal(size=(4, 256, 256)).astype(np.float32),
        mask={"size": [36, 64], "counts": "abc"},
        gt_id=3,
        annotation={"from": ["a", 1]},
        joint_confidence=random.random(45, np.float32),
        joint_error_mm=random.random((45, 2), np.float32),
        joint_source=np.arange(45, dtype=np.uint8),
        row=1,
        revises=(revised,),
        extra=(1, "x", None),
        score=float(np.nextafter(0.1, 1)),
    )
    frame = make_frame(7, key=("clip.mp4", 512), is_shot_start=True)
    found = frame_of(plain_frame(frame, [seen]))
    assert (found.index, found.key, found.is_shot_start) == (7, ("clip.mp4", 512), True)
    (back,) = found.people
    for field in dataclasses.fields(seen):
        old, new = getattr(seen, field.name), getattr(back, field.name)
        if isinstance(old, np.ndarray):
            assert old.dtype == new.dtype
            assert old.tobytes() == new.tobytes(), field.name
        elif field.name != "revises":
            assert old == new, field.name
    np.testing.assert_array_equal(back.revises[0].values["betas"], 1)
    numbered = found.numbered(5, {2: 1})
    assert numbered.people[0].frame_index == 5
    assert numbered.people[0].revises[0].frame_index == 1
    assert found.numbered(5, {}).people[0].revises == ()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    from humantrack.types import Frame

    path = tmp_path_factory.mktemp("small") / f"part-0001{SUFFIX}"
    writer = ObservationWriter(path, {"part": 1})
    for i in range(4):
        rgb = np.zeros((2, 2, 3), np.uint8)
        writer.append([Frame(index=i, source_index=i, time_s=i, rgb=rgb, key=f"{i}")], [[]])
    writer.finish(decode_errors=0, messages=[], notes=[])
    return path


def test_no_byte_is_without_a_check(small):
    """But for padding there is none: each one changed is found."""
    whole = small.read_bytes()
    for place in range(len(whole)):
        bad = bytearray(whole)
        bad[place] ^= 1
        small.with_name("one.obs").write_bytes(bytes(bad))
        with pytest.raises(ResultsError):
            _read(small.with_name("one.obs"))


def _read(path):
    file = ObservationFile(path)
    file.check()
    return [f.index for f in file]


@given(st.data())
def test_no_harm_to_a_file_goes_unseen(small, data):
    whole = small.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    cut = data.draw(st.booleans())
    bad = bytearray(whole[:place] if cut else whole)
    if not cut:
        bad[place] ^= data.draw(st.integers(1, 255))
    path = small.with_name("bad.obs")
    path.write_bytes(bytes(bad))
    with pytest.raises(ResultsError):
        _read(path)


def columns_of(count, kinds, random):
    return {
        name: random.random((count, *shape)).astype(dtype) for name, (dtype, shape) in kinds.items()
    }


KIND = st.tuples(st.sampled_from(["f4", "f8", "u1"]), st.sampled_from([(), (3,), (2, 2)]))
FRAME = st.tuples(st.integers(0, 3), st.dictionaries(st.sampled_from("abc"), KIND))


@given(frames=st.lists(FRAME, min_size=1, max_size=5))
def test_frames_of_a_block_come_back_whatever_their_people_have(frames):
    random = np.random.default_rng(0)
    given_frames = [
        {
            "index": index,
            "people": [{"row": i} for i in range(count)],
            "columns": columns_of(count, kinds, random) if count else {},
        }
        for index, (count, kinds) in enumerate(frames)
    ]
    block = joined(given_frames)
    with_people = [kinds for count, kinds in frames if count]
    alike = [n for n in "abc" if with_people and len({k.get(n) for k in with_people}) == 1]
    assert set(block["columns"]) == {name for name in alike if name in with_people[0]}
    for old, new in zip(given_frames, parted(block), strict=True):
        assert new["people"] == old["people"]
        assert set(new["columns"]) == set(old["columns"])
        for name, column in old["columns"].items():
            assert new["columns"][name].dtype == column.dtype
            np.testing.assert_array_equal(new["columns"][name], column)


def test_a_block_whose_rows_are_not_its_peoples_is_refused():
    frames = [{"people": [{}, {}], "columns": {"a": np.zeros((2, 3))}}]
    block = joined(frames)
    block["columns"]["a"] = np.zeros((3, 3))
    with pytest.raises(ValueError, match="rows"):
        parted(block)


def test_a_block_of_something_else_is_left_as_it_is():
    frames = [{"data": b"x"}, {"data": b"yy"}]
    assert parted(joined(frames)) == frames
