"""Runs that are killed, stopped or run out of disk, and go on as if nothing had happened."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from threading import Event

import av
import cv2
import joblib
import pytest
from resume_tools import (
    FRAMES,
    NAME,
    assert_same_video,
    assert_whole,
    files,
    pickled,
    track,
)

from humantrack import (
    BlazePose_4dhuman,
    InterruptedRunError,
    OutputError,
    StageError,
    load_results,
)
from humantrack.cli.main import main
from humantrack.results import ResultsWriter, writer
from humantrack.run.run import Run


@pytest.mark.slow
def test_a_kill_at_any_frame_changes_nothing(killed_runs, clip, whole, tmp_path):
    assert {index % 4 for index in killed_runs} == {0, 1, 2, 3}
    for index, killed_run in killed_runs.items():
        out = Path(shutil.copytree(killed_run, tmp_path / str(index)))
        done = track(clip, out, "checkpoint.every_s=1000")
        assert index <= done.resumed_from + 4
        assert done.resumed_from % 4 == 0
        assert_whole(out, whole)


def test_a_run_goes_on_where_it_was_and_tells_so(killed_run, clip, whole, caplog):
    with caplog.at_level("INFO", "humantrack"):
        done = track(clip, killed_run)
    assert done.resumed_from == 24
    assert f"resuming {NAME} at frame 24" in caplog.text
    assert json.loads(files(killed_run)["meta"].read_text())["resumed_from"] == 24
    assert_whole(killed_run, whole)


def test_the_whole_results_are_resumed_if_the_kill_came_at_the_very_end(killed_run, clip, whole):
    shutil.copy(files(whole)["results"], files(killed_run)["results"])
    files(killed_run)["partial"].unlink()
    done = track(clip, killed_run, "overwrite=false")
    assert (done.skipped, done.resumed_from) == (False, 24)
    assert_whole(killed_run, whole)


def test_earlier_frames_are_decoded_again_where_a_seek_would_not_do(clip, tmp_path):
    """With shot detection the stages see each frame again that the detector of cuts must see."""
    out = tmp_path / "shots"
    stop = Event()
    seen = []

    class Stops(BlazePose_4dhuman):
        def state_dict(self):
            return super().state_dict()

        def get_detections(self, frames):
            seen.append(frames[0].index)
            if seen.count(20) == 1:
                stop.set()
            return super().get_detections(frames)

    with pytest.raises(InterruptedRunError):
        track(clip, out, "detect_shots=true", stop=stop, kind=Stops)
    done = track(clip, out, "detect_shots=true", kind=Stops)
    assert done.resumed_from == 20
    assert seen == [0, 4, 8, 12, 16, 20, *range(20, FRAMES, 4)]
    # A hook of a subclass gets the boxes of every frame.
    always = ("detect_shots=true", "embedded.detect_every=1")
    undisturbed = track(clip, tmp_path / "undisturbed", *always)
    assert pickled(done.results) == pickled(undisturbed.results)


@pytest.mark.parametrize("mode", ["extract", "images", "fixed rate"])
def test_other_ways_of_reading_and_drawing(mode, clip, tmp_path):
    options = {
        "extract": ("video=extract",),
        "images": (),
        "fixed rate": ("render.fps=12", "render.type=SKELETON"),
    }[mode]
    if mode == "images":
        pictures = tmp_path / NAME
        pictures.mkdir()
        with av.open(str(clip)) as container:
            for i, frame in enumerate(container.decode(video=0)):
                bgr = frame.to_ndarray(format="bgr24")
                cv2.imwrite(str(pictures / f"{i}.png"), bgr)
        (pictures / "7.png").write_bytes(b"damaged")
        clip = pictures
    out, other = tmp_path / "out", tmp_path / "whole"
    track(clip, other, *options, "video.end_frame=24")
    write = ResultsWriter.write

    def failing(self, frame, record):
        if record.index == 11:
            raise OutputError("pulled out")
        write(self, frame, record)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(OutputError):
        patch.setattr(ResultsWriter, "write", failing)
        track(clip, out, *options, "video.end_frame=24")
    assert track(clip, out, *options, "video.end_frame=24").resumed_from > 0
    assert pickled(files(out)["results"]) == pickled(files(other)["results"])
    meta = json.loads(files(out)["meta"].read_text())
    assert meta["decode_errors"]["count"] == (mode == "images")
    assert_same_video(files(out)["overlay"], files(other)["overlay"])
    if mode == "extract":
        names = sorted(p.name for p in (out / "_DEMO" / NAME / "img").iterdir())
        assert names == [f"{i:06d}.jpg" for i in range(1, 25)]


class Remembers(BlazePose_4dhuman):
    """Has a hook of its own, of which nobody knows what it remembers."""

    def run_additional_models(self, frames, detections):
        return super().run_additional_models(frames, detections)


class Forgets(Remembers):
    """Says that the hook remembers nothing."""

    def state_dict(self):
        return super().state_dict()


@pytest.mark.parametrize("kind", [Remembers, Forgets])
def test_a_hook_of_ones_own_means_no_checkpoint_unless_it_has_a_state(kind, clip, tmp_path, caplog):
    stop = Event()
    write = ResultsWriter.write

    def stopping(self, frame, record):
        write(self, frame, record)
        if record.index == 8:
            stop.set()

    with pytest.MonkeyPatch.context() as patch, pytest.raises(InterruptedRunError):
        patch.setattr(ResultsWriter, "write", stopping)
        track(clip, tmp_path, "render.enable=false", stop=stop, kind=kind)
    said = caplog.text
    assert ("run_additional_models of its own" in said) == (kind is Remembers)
    assert said.count("no checkpoints") == (kind is Remembers)
    assert files(tmp_path)["checkpoint"].exists() == (kind is Forgets)


# -- a full disk --------------------------------------------------------------------------------


def test_a_full_disk_keeps_what_was_finished_and_the_run_goes_on_later(clip, whole, tmp_path):
    put = ResultsWriter._put
    room = 60_000

    def refusing(self, data):
        if self._file.tell() + len(data) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        put(self, data)

    with (
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(OutputError, match=r"no space left.*are kept in.*goes on from there"),
    ):
        patch.setattr(writer.ResultsWriter, "_put", refusing)
        track(clip, tmp_path)
    kept = joblib.load(files(tmp_path)["partial"])
    assert 0 < len(kept) < FRAMES
    done = track(clip, tmp_path)
    assert 0 < done.resumed_from <= len(kept) + 5
    assert_whole(tmp_path, whole)


@pytest.fixture
def small_disk():
    """A disk of 600 kB, outside pytest's folder, which could not be removed if this is killed."""
    folder = Path(tempfile.mkdtemp(prefix="humantrack-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        folder.rmdir()
        pytest.skip("needs leave to mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


def test_a_disk_that_is_really_full(small_disk, clip, whole):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(400_000))
    with pytest.raises(OutputError, match=r"(?i)no space left"):
        track(clip, small_disk)
    finished = load_results(files(small_disk)["partial"])
    whole_run = load_results(files(whole)["results"])
    assert list(finished) == list(whole_run)[: len(finished)]
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    assert track(clip, small_disk).resumed_from > 0
    assert_whole(small_disk, whole)


def test_a_checkpoint_that_cannot_be_written_stops_nothing(clip, whole, tmp_path, caplog):
    from humantrack.pipeline import checkpoint

    def refusing(path, state, *confirm):
        raise OutputError("no room")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "write_checkpoint", refusing)
        track(clip, tmp_path)
    assert caplog.text.count("no checkpoint: no room") == 1
    assert_whole(tmp_path, whole)


def test_a_failure_that_passes_does_not_cost_what_was_done(clip, whole, tmp_path):
    tries = []

    class Fails(Forgets):
        def run_additional_models(self, frames, detections):
            tries.append(frames[0].index)
            if tries.count(16) == 1 and frames[0].index == 16:
                raise RuntimeError("the model is away")
            return super().run_additional_models(frames, detections)

    with pytest.raises(StageError, match=r"the model is away.*goes on from there"):
        track(clip, tmp_path, "checkpoint.every_s=1000", kind=Fails)
    assert track(clip, tmp_path, kind=Fails).resumed_from == 16
    assert tries == [0, 4, 8, 12, 16, *range(16, FRAMES, 4)]
    # A hook of a subclass gets the boxes of every frame.
    undisturbed = track(clip, tmp_path / "undisturbed", "embedded.detect_every=1")
    assert pickled(files(tmp_path)["results"]) == pickled(undisturbed.results)


# -- breaking off -------------------------------------------------------------------------------


def test_breaking_off_in_the_middle_of_a_stage(clip, whole, tmp_path, monkeypatch):
    """The second signal raises wherever the program is; no checkpoint may come of it."""
    observe = Run._observe

    def breaking(self, frames, watch):
        if frames[0].index == 20:
            raise KeyboardInterrupt
        return observe(self, frames, watch)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Run, "_observe", breaking)
        track(clip, tmp_path)
    assert len(joblib.load(files(tmp_path)["partial"])) == 15
    assert track(clip, tmp_path).resumed_from == 20
    assert_whole(tmp_path, whole)


def test_the_command_line_tells_a_refused_checkpoint_in_one_line(killed_run, clip, capsys):
    with pytest.raises(SystemExit) as stop:
        main(
            [
                f"video.source={clip}",
                f"video.output_dir={killed_run}",
                *("phalp.n_init=3", "batch_frames=4", "overwrite=false"),
            ]
        )
    assert stop.value.code == 13
    lines = [ln for ln in capsys.readouterr().err.splitlines() if ln.startswith("humantrack:")]
    assert len(lines) == 1
    assert "phalp.n_init was 5 and is 3" in lines[0]
