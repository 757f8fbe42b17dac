"""Checkpoints that do not fit are refused, and left alone."""

from __future__ import annotations

import os
import shutil
import zlib
from pathlib import Path

import joblib
import pytest
from resume_tools import (
    FRAMES,
    NAME,
    files,
    track,
)

from humantrack.errors import CheckpointError


def other_settings(killed_run, clip, tmp_path):
    return ("phalp.n_init=3",), "phalp.n_init was 5 and is 3"


def another_video(killed_run, clip, tmp_path):
    from humantrack.pipeline.checkpoint import read_checkpoint, write_checkpoint
    from humantrack.run.naming import place_of

    state = read_checkpoint(files(killed_run)["checkpoint"])
    write_checkpoint(files(killed_run)["checkpoint"], {**state, "place": place_of(clip)})
    for claim in files(killed_run)["results"].parent.glob(".*.claim"):
        claim.unlink()  # it tells of the clip that the killed run had, which lay elsewhere
    with clip.open("ab") as file:
        file.write(b"\0" * 8)
    return (), "another video, or the video has changed"


def damaged(killed_run, clip, tmp_path):
    raw = bytearray(files(killed_run)["checkpoint"].read_bytes())
    raw[len(raw) // 2] ^= 1
    files(killed_run)["checkpoint"].write_bytes(raw)
    return (), "damaged"


def results_cut(killed_run, clip, tmp_path):
    os.truncate(files(killed_run)["partial"], 100)
    return (), "not as it was left"


def results_changed(killed_run, clip, tmp_path):
    files(killed_run)["partial"].write_bytes(zlib.compress(b"something else" * 100000))
    return (), "the results file"


def no_results(killed_run, clip, tmp_path):
    files(killed_run)["partial"].unlink()
    return (), "the results file cannot be read"


def no_piece(killed_run, clip, tmp_path):
    (files(killed_run)["pieces"] / "0001.mp4").unlink()
    return (), "piece of the overlay"


def another_version(killed_run, clip, tmp_path):
    from humantrack.pipeline.checkpoint import read_checkpoint, write_checkpoint

    state = read_checkpoint(files(killed_run)["checkpoint"])
    write_checkpoint(files(killed_run)["checkpoint"], {**state, "version": "0.0.1"})
    return (), "version 0.0.1"


def an_odd_state(killed_run, clip, tmp_path):
    from humantrack.pipeline.checkpoint import read_checkpoint, write_checkpoint

    state = read_checkpoint(files(killed_run)["checkpoint"])
    write_checkpoint(files(killed_run)["checkpoint"], {**state, "stages": {}})
    return (), "it is corrupt"


REFUSALS = [
    other_settings,
    another_video,
    damaged,
    results_cut,
    results_changed,
    no_results,
    no_piece,
    another_version,
    an_odd_state,
]


def contents(folder: Path) -> dict[Path, bytes]:
    """All but the claim of the run that was killed, which the next one takes over and gives up."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.suffix != ".claim")
    return {path: path.read_bytes() for path in files}


@pytest.mark.parametrize("spoil", REFUSALS)
def test_a_checkpoint_that_does_not_fit_is_refused_and_left_alone(
    spoil, killed_run, clip, tmp_path
):
    mine = Path(shutil.copy(clip, tmp_path / f"{NAME}.mp4"))
    options, reason = spoil(killed_run, mine, tmp_path)
    before = contents(killed_run)
    with pytest.raises(CheckpointError, match=reason) as caught:
        track(mine, killed_run, *options, "overwrite=false")
    assert caught.value.exit_code == 13
    assert "overwrite=true" in caught.value.hint
    assert contents(killed_run) == before


@pytest.mark.parametrize("spoil", [other_settings, damaged, no_piece])
def test_with_leave_to_overwrite_the_run_starts_anew(spoil, killed_run, clip, tmp_path, caplog):
    options, reason = spoil(killed_run, clip, tmp_path)
    done = track(clip, killed_run, *options, "checkpoint.every_s=1000")
    assert done.resumed_from == 0
    said = caplog.text
    assert "starting anew" in said
    assert reason in said
    assert done.frames == len(joblib.load(done.results)) == FRAMES
    assert not files(killed_run)["checkpoint"].exists()
    assert not files(killed_run)["pieces"].exists()


@pytest.mark.parametrize("option", ["checkpoint.resume=false", "checkpoint.enable=false"])
def test_starting_anew_on_request(option, killed_run, clip, caplog):
    done = track(clip, killed_run, option, "video.end_frame=8", "render.enable=false")
    assert (done.resumed_from, done.frames) == (0, 8)
    assert "anew" not in caplog.text
    assert not files(killed_run)["checkpoint"].exists()
