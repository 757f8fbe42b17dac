"""``humantrack-world ... render.world=true``: which video it is of, and what is told without."""

from __future__ import annotations

import pytest

from humantrack.cli.world import _config_of
from humantrack.errors import SourceError, SourceNotFoundError
from humantrack.fingerprint import source_fingerprint
from humantrack.results import write_meta


def test_it_is_that_of_the_run_with_its_span(tmp_path):
    clip = tmp_path / "a clip=1.mp4"
    clip.touch()
    results = tmp_path / "demo_a.pkl"
    config = {
        "video": {"source": str(clip), "start_frame": 5, "end_time": "3", "extract_video": True},
        "render": {"fps": 12.5},
        "base_tracker": "MINE",
    }
    write_meta(results.with_suffix(".meta.json"), {"config": config})
    made = _config_of(results, None)
    assert (made.video.source, made.video.start_frame) == (str(clip), 5)
    assert (str(made.video.end_time), made.render.fps, made.base_tracker) == ("3", 12.5, "MINE")
    other = tmp_path / "moved.mp4"
    other.touch()
    assert _config_of(results, str(other)).video.source == str(other)


def test_a_video_that_is_gone_or_unknown_is_told(tmp_path):
    results = tmp_path / "demo_a.pkl"
    with pytest.raises(SourceNotFoundError, match="do not say which video"):
        _config_of(results, None)
    write_meta(results.with_suffix(".meta.json"), {"source": {"path": "gone.mp4"}})
    with pytest.raises(SourceNotFoundError, match="gone") as caught:
        _config_of(results, None)
    assert "video.source=" in str(caught.value)


def test_a_copy_is_the_same_video_and_another_one_is_refused(tmp_path):
    clip, copy, other = (tmp_path / name for name in ("clip.mp4", "moved.mp4", "other.mp4"))
    clip.write_bytes(b"pictures")
    copy.write_bytes(b"pictures")
    other.write_bytes(b"others")
    results = tmp_path / "demo_a.pkl"
    about = {"config": {"video": {"source": str(clip)}}}
    about["fingerprint"] = {"source": source_fingerprint(clip), "config": "0"}
    write_meta(results.with_suffix(".meta.json"), about)
    assert _config_of(results, str(copy)).video.source == str(copy)
    with pytest.raises(SourceError, match="not the video that the results were made from"):
        _config_of(results, str(other))
    clip.write_bytes(b"what a later recording left there")
    with pytest.raises(SourceError, match=r"clip\.mp4"):
        _config_of(results, None)
