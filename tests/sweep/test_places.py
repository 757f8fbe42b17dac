"""Folders of jobs, and shards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.config.load import load_config
from humantrack.config.quoting import quoted
from humantrack.errors import ConfigError
from humantrack.sweep.folders import in_shard, job_folders, parse_shard, settings_folder

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1)


def test_clips_of_the_same_stem_have_folders_of_their_own():
    clips = ["a/x.mp4", "b/x.mp4", "x.mp4", "x.mov"]
    assert job_folders((clip, ()) for clip in clips) == clips


def test_settings_come_below_the_clip():
    jobs = [("x.mp4", ("phalp.n_init=3",)), ("x.mp4", ("phalp.n_init=5", "render.type=SKELETON"))]
    assert job_folders(jobs) == [
        "x.mp4/phalp.n_init=3",
        "x.mp4/phalp.n_init=5,render.type=SKELETON",
    ]


def test_folders_differ_even_where_letter_case_does_not_count():
    first, second = job_folders([("X.mp4", ()), ("x.mp4", ())])
    assert first == "X.mp4"
    assert second.startswith("x.mp4~")


@pytest.mark.parametrize("name", ["sweep.json", ".sweep", "multirun.yaml", "${x}.mp4"])
def test_names_that_mean_something_are_changed(name):
    (folder,) = job_folders([(name, ())])
    assert folder != name
    assert "${" not in folder


@pytest.mark.parametrize("settings", [["video.start_time=1:30"], ["a=" + "x" * 300], ["p=a/b"]])
def test_settings_make_a_name_that_any_file_system_takes(settings):
    name = settings_folder(settings)
    assert len(name) < 140
    assert not set(name) & set('/\\:*?"<>|')
    assert settings_folder([settings[0] + "2"]) != name


@given(st.lists(NAMES, unique=True, max_size=20), st.integers(1, 9))
def test_every_clip_is_in_exactly_one_shard(names, count):
    for name in names:
        assert sum(in_shard(name, (k, count)) for k in range(1, count + 1)) == 1


def test_a_clips_shard_never_changes():
    clips = [f"take{n}.mp4" for n in range(40)]
    second = [clip for clip in clips if in_shard(clip, (2, 8))]
    assert second == ["take6.mp4", "take12.mp4", "take21.mp4", "take25.mp4", "take32.mp4"]


@pytest.mark.parametrize("text", ["0/8", "9/8", "8", "a/b", "1/0", "-1/4"])
def test_a_wrong_shard_is_refused(text):
    with pytest.raises(ConfigError, match="1/8 to"):
        parse_shard(text)


def test_shards_count_from_one():
    assert parse_shard("2/8") == (2, 8)
    assert parse_shard(None) is None


@given(NAMES)
def test_any_name_comes_back_from_the_command_line_as_it_was(name):
    assert load_config(f"video.source={quoted(name)}").video.source == name
