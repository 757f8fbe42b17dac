"""Values of video.source in a sweep: the clips, their order, and where each is placed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.errors import EmptySourceError, SourceNotFoundError, UnreadableSourceError
from humantrack.sweep.clips import Clip, Pattern, as_written, find_clips, split_list


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Builds files from their paths below a new working folder."""
    monkeypatch.chdir(tmp_path)

    def build(*paths: str) -> Path:
        for path in paths:
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"")
        return tmp_path

    return build


def relatives(*arguments, **keys):
    return [clip.relative for clip in find_clips(*arguments, **keys)]


def test_a_folder_gives_its_videos_in_natural_order(tree):
    tree(
        "clips/shot10.mp4", "clips/shot2.mp4", "clips/Shot1.MOV", "clips/notes.txt", "clips/.h.mp4"
    )
    assert find_clips("clips") == [
        Clip("clips/Shot1.MOV", "Shot1.MOV"),
        Clip("clips/shot2.mp4", "shot2.mp4"),
        Clip("clips/shot10.mp4", "shot10.mp4"),
    ]


def test_folders_inside_are_looked_into_only_when_asked(tree):
    tree("clips/x.mp4", "clips/b/x.mp4", "clips/a/x.mp4", "clips/a/deep/x.mov")
    assert relatives("clips") == ["x.mp4"]
    assert relatives("clips/", recursive=True) == [
        *("a/deep/x.mov", "a/x.mp4", "b/x.mp4", "x.mp4"),
    ]


def test_a_folder_of_images_is_one_clip_and_a_folder_of_such_folders_is_many(tree):
    tree("shots/s10/1.jpg", "shots/s2/1.png", "shots/s2/2.png", "shots/empty/notes.txt")
    assert find_clips("shots/s2") == [Clip("shots/s2", "s2")]
    assert relatives("shots") == ["s2", "s10"]


def test_pictures_beside_videos_are_no_clip(tree):
    tree("clips/x.mp4", "clips/x.jpg", "clips/more/y.mp4", "clips/more/y.jpg")
    assert relatives("clips") == ["x.mp4"]
    assert relatives("clips", recursive=True) == ["more/y.mp4", "x.mp4"]


def test_results_of_an_earlier_sweep_are_no_clips(tree):
    root = tree("x.mp4", "outputs/x.mp4/PHALP_x.mp4")
    assert relatives(".", recursive=True, leave_out=root / "outputs") == ["x.mp4"]
    assert relatives("glob(**/*.mp4)", leave_out=root / "outputs") == ["x.mp4"]
    assert relatives("outputs", recursive=True, leave_out=root / "outputs") == ["x.mp4/PHALP_x.mp4"]


def test_links_that_lead_back_up_end(tree):
    root = tree("clips/a/x.mp4")
    (root / "clips/a/up").symlink_to(root / "clips")
    assert relatives("clips", recursive=True) == ["a/x.mp4"]


@pytest.mark.parametrize("text", ["glob(clips/**/*.mp4)", "glob('clips/**/*.mp4')"])
def test_a_pattern_places_clips_below_its_fixed_part(tree, text):
    tree("clips/x.mp4", "clips/a/x2.mp4", "clips/a/x10.mp4", "clips/a/x.mov")
    assert relatives(text) == ["a/x2.mp4", "a/x10.mp4", "x.mp4"]


def test_a_pattern_without_glob_is_understood_too(tree):
    tree("clips/x.mp4", "clips/y.mp4", "shots/1.png", "shots/2.png")
    assert relatives("clips/*.mp4") == ["x.mp4", "y.mp4"]
    assert find_clips("shots/*.png") == [Clip("shots/*.png", "shots")]


def test_a_pattern_may_leave_clips_out(tree):
    tree("clips/x.mp4", "clips/x_old.mp4", "clips/y.mp4")
    assert relatives(Pattern(["clips/*.mp4"], ["*_old.mp4"])) == ["x.mp4", "y.mp4"]


def test_a_comma_list_keeps_its_order_and_places_clips_as_written(tree):
    root = tree("b/x.mp4", "a/x.mp4", "c/1.mp4", "c/2.mp4", "frames/1.jpg")
    assert find_clips(f"b/x.mp4, a/x.mp4,c,frames,{root}/a/x.mp4") == [
        Clip("b/x.mp4", "b/x.mp4"),
        Clip("a/x.mp4", "a/x.mp4"),
        Clip("c/1.mp4", "c/1.mp4"),
        Clip("c/2.mp4", "c/2.mp4"),
        Clip("frames", "frames"),
        Clip(f"{root}/a/x.mp4", f"{root}/a/x.mp4".lstrip("/")),
    ]


def test_a_clip_named_twice_is_run_once(tree):
    tree("x.mp4")
    assert relatives("x.mp4,x.mp4") == ["x.mp4"]


def test_what_is_missing_in_a_list_is_a_clip_that_will_fail(tree):
    root = tree("x.mp4")
    (root / "empty").mkdir()
    assert relatives("missing.mp4,x.mp4,empty") == ["missing.mp4", "x.mp4", "empty"]


def test_names_with_commas_need_no_quotes_if_they_exist(tree):
    tree("a, b.mp4", "c.mp4", "d,e,f.mp4")
    assert list(split_list("a, b.mp4,c.mp4,d,e,f.mp4")) == ["a, b.mp4", "c.mp4", "d,e,f.mp4"]
    assert list(split_list("'no, such.mp4',c.mp4")) == ["no, such.mp4", "c.mp4"]


def test_a_list_file_holds_a_path_a_line(tree):
    root = tree("here.mp4", "lists/near.mp4", "lists/we ird, 'n\"=.mp4", "lists/-dash.mp4")
    lines = ["near.mp4", "here.mp4", "", "we ird, 'n\"=.mp4", "-dash.mp4", "missing.mp4"]
    (root / "lists/all.txt").write_text("\r\n".join(lines))
    assert [(c.path, c.relative) for c in find_clips("@lists/all.txt")] == [
        ("lists/near.mp4", "near.mp4"),
        ("here.mp4", "here.mp4"),
        ("lists/we ird, 'n\"=.mp4", "we ird, 'n\"=.mp4"),
        ("lists/-dash.mp4", "-dash.mp4"),
        ("missing.mp4", "missing.mp4"),
    ]


def test_a_file_whose_name_begins_like_a_list_is_a_clip(tree):
    tree("@x.mp4")
    assert find_clips("@x.mp4") == [Clip("@x.mp4", "@x.mp4")]


def test_nothing_found_is_an_error_that_says_what_to_do(tree):
    root = tree("clips/notes.txt", "deep/a/x.mp4")
    (root / "empty.txt").write_text("\n")
    for named, kind, message in [
        ("clips", EmptySourceError, "no clip in the folder: clips"),
        ("deep", EmptySourceError, "sweep.recursive=true"),
        ("glob(clips/*.mp4)", SourceNotFoundError, "no clip matches: clips/*.mp4"),
        ("@none.txt", SourceNotFoundError, "no such list of clips: none.txt"),
        ("@empty.txt", EmptySourceError, "no clip in the list"),
    ]:
        with pytest.raises(kind) as caught:
            find_clips(named)
        assert message in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_folder_that_cannot_be_listed_is_an_error_or_a_clip_that_will_fail(tree):
    root = tree("clips/x.mp4", "clips/shut/y.mp4")
    (root / "clips/shut").chmod(0)
    assert relatives("clips", recursive=True) == ["shut", "x.mp4"]
    with pytest.raises(UnreadableSourceError):
        find_clips("clips/shut")


@given(st.lists(st.sampled_from(["..", ".", "a", "b c", "~x", "ü"]), min_size=1, max_size=6))
def test_no_path_is_placed_outside_the_sweeps_folder(parts):
    for text in ("/".join(parts), "/" + "/".join(parts)):
        placed = as_written(text)
        assert placed
        assert not placed.startswith("/")
        assert ".." not in placed.split("/")
