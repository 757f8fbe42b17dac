"""Runs that are killed, stopped or run out of disk, and go on as if nothing had happened."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import zlib
from fractions import Fraction
from pathlib import Path
from threading import Event

import av
import cv2
import joblib
import numpy as np
import pytest

from humantrack import (
    BlazePose_4dhuman,
    InterruptedRunError,
    OutputError,
    StageError,
    load_config,
    load_results,
)
from humantrack.cli.main import main
from humantrack.errors import CheckpointError
from humantrack.results import ResultsWriter, writer

ROOT = Path(__file__).parents[2]
FRAMES = 36
NAME = "sung"
RATE = 48000


def encode_clip(source: Path, path: Path) -> None:
    """Some frames of a clip, small, with a key frame every 12, B frames and a tone."""
    with av.open(str(source)) as given, av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=30, options={"g": "12", "crf": "18"})
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        sound = out.add_stream("aac", rate=RATE, layout="mono")
        for number, frame in enumerate(given.decode(video=0)):
            if number == FRAMES:
                break
            small = cv2.resize(frame.to_ndarray(format="rgb24"), (640, 360))
            again = av.VideoFrame.from_ndarray(small, format="rgb24")
            again.pts, again.time_base = number, Fraction(1, 30)
            out.mux(video.encode(again))
        out.mux(video.encode(None))
        tone = np.sin(np.arange(RATE * FRAMES // 30) * 2 * np.pi * 440 / RATE)
        whole = av.AudioFrame.from_ndarray(tone[None].astype(np.float32), "fltp", "mono")
        whole.sample_rate, whole.pts, whole.time_base = RATE, 0, Fraction(1, RATE)
        cutter = av.AudioResampler("fltp", "mono", RATE, frame_size=1024)
        for piece in [*cutter.resample(whole), *cutter.resample(None), None]:
            out.mux(sound.encode(piece))


@pytest.fixture(scope="module")
def clip(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("clip") / f"{NAME}.mp4"
    encode_clip(data / "demo.mp4", path)
    return path


def configuration(clip, out, *overrides):
    return load_config(
        f"video.source='{clip}'",
        f"video.output_dir='{out}'",
        *("checkpoint.every_s=0", "batch_frames=4", *overrides),
    )


def track(clip, out, *overrides, stop=None, kind=BlazePose_4dhuman):
    return kind(configuration(clip, out, *overrides)).track(stop)


def files(out: Path) -> dict[str, Path]:
    results = out / "results"
    return {
        "results": results / f"demo_{NAME}.pkl",
        "partial": results / f"demo_{NAME}.partial.pkl",
        "checkpoint": results / f"demo_{NAME}.checkpoint",
        "meta": results / f"demo_{NAME}.meta.json",
        "overlay": out / f"PHALP_{NAME}.mp4",
        "pieces": out / f"PHALP_{NAME}.partial",
    }


def pickled(path: Path) -> bytes:
    """The pickle in a results file: byte for byte what was stored."""
    return zlib.decompress(path.read_bytes())


def watched(path: Path) -> dict:
    """What a viewer notices of a video."""
    with av.open(str(path)) as container:
        pictures = [f.to_ndarray(format="gray") for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        told = stream.average_rate, stream.frames, stream.width, stream.height
        duration_s = float(stream.duration * stream.time_base)
        packets = list(container.demux())
        kinds: dict[str, list] = {"video": [], "audio": []}
        for packet in packets:
            if packet.size:
                kinds[packet.stream.type].append(packet.pts * packet.time_base)
        times = [sorted(kinds["video"]), kinds["audio"]]
    return {
        "pictures": np.array(pictures),
        "told": told,
        "times": times,
        "duration_s": duration_s,
    }


def assert_same_video(path: Path, other: Path) -> None:
    one, two = watched(path), watched(other)
    assert one["told"] == two["told"]
    assert one["times"] == two["times"]
    # FFmpeg rounds the length to milliseconds, up or down.
    assert one["duration_s"] == pytest.approx(two["duration_s"], abs=0.0011)
    difference = np.abs(one["pictures"].astype(int) - two["pictures"])
    assert difference.mean(axis=(1, 2)).max() < 2  # encoded with other key frames


def assert_whole(out: Path, whole: Path) -> None:
    """Results and overlay are those of the run that nobody disturbed, and nothing else is left."""
    assert pickled(files(out)["results"]) == pickled(files(whole)["results"])
    meta, other = (json.loads(files(f)["meta"].read_text()) for f in (out, whole))
    assert meta["status"] == "complete"
    for name in ("frame_count", "track_count", "fingerprint", "source", "decode_errors"):
        assert meta[name] == other[name], name
    assert_same_video(files(out)["overlay"], files(whole)["overlay"])
    left = {p.name for p in out.rglob("*") if p.is_file() and ".hydra" not in p.parts}
    assert left == {f"demo_{NAME}.pkl", f"demo_{NAME}.meta.json", f"PHALP_{NAME}.mp4"}


@pytest.fixture(scope="module")
def whole(clip, tmp_path_factory):
    """The folder of a run that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole")
    done = track(clip, out, "checkpoint.every_s=1000")
    assert (done.frames, done.resumed_from) == (FRAMES, 0)
    return out


def copied(source: str, target: str) -> str:
    """Like ``shutil.copy``; a file that is just being renamed is left out."""
    try:
        return shutil.copy(source, target)
    except FileNotFoundError:
        return target


@pytest.fixture(scope="module")
def killed_runs(clip, tmp_path_factory):
    """What a kill would leave at every fifth frame, by frame."""
    root = tmp_path_factory.mktemp("killed_runs")
    out, found = root / "out", {}
    write = ResultsWriter.write

    def copying(self, frame, record):
        write(self, frame, record)
        if record.index % 5 == 2:
            found[record.index] = root / str(record.index)
            shutil.copytree(out, found[record.index], copy_function=copied)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ResultsWriter, "write", copying)
        track(clip, out)
    return found


@pytest.fixture
def killed_run(killed_runs, tmp_path):
    """A folder as a kill at frame 22 leaves it: the checkpoint is of frame 24."""
    return Path(shutil.copytree(killed_runs[22], tmp_path / "killed_run"))


@pytest.mark.slow
def test_a_kill_at_any_frame_changes_nothing(killed_runs, clip, whole, tmp_path):
    assert len(killed_runs) == len(range(2, FRAMES, 5))
    for index, killed_run in killed_runs.items():
        out = Path(shutil.copytree(killed_run, tmp_path / str(index)))
        done = track(clip, out, "checkpoint.every_s=1000")
        assert index <= done.resumed_from + 4
        assert done.resumed_from % 4 == 0
        assert_whole(out, whole)


def test_a_run_goes_on_where_it_was_and_tells_so(killed_run, clip, whole, capsys):
    done = track(clip, killed_run)
    assert done.resumed_from == 24
    assert f"resuming {NAME} at frame 24" in capsys.readouterr().err
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
    undisturbed = track(clip, tmp_path / "undisturbed", "detect_shots=true")
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


# -- refusals -----------------------------------------------------------------------------------


def other_settings(killed_run, clip, tmp_path):
    return ("phalp.n_init=3",), "phalp.n_init was 5 and is 3"


def another_video(killed_run, clip, tmp_path):
    from humantrack.pipeline.checkpoint import read_checkpoint, write_checkpoint
    from humantrack.run.naming import place_of

    state = read_checkpoint(files(killed_run)["checkpoint"])
    write_checkpoint(files(killed_run)["checkpoint"], {**state, "place": place_of(clip)})
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


@pytest.mark.parametrize("spoil", REFUSALS)
def test_a_checkpoint_that_does_not_fit_is_refused_and_left_alone(
    spoil, killed_run, clip, tmp_path
):
    mine = Path(shutil.copy(clip, tmp_path / f"{NAME}.mp4"))
    options, reason = spoil(killed_run, mine, tmp_path)
    before = {p: p.read_bytes() for p in killed_run.rglob("*") if p.is_file()}
    with pytest.raises(CheckpointError, match=reason) as caught:
        track(mine, killed_run, *options, "overwrite=false")
    assert caught.value.exit_code == 13
    assert "overwrite=true" in caught.value.hint
    assert {p: p.read_bytes() for p in killed_run.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("spoil", [other_settings, damaged, no_piece])
def test_with_leave_to_overwrite_the_run_starts_anew(spoil, killed_run, clip, tmp_path, capsys):
    options, reason = spoil(killed_run, clip, tmp_path)
    done = track(clip, killed_run, *options, "checkpoint.every_s=1000")
    assert done.resumed_from == 0
    said = capsys.readouterr().err
    assert "starting anew" in said
    assert reason in said
    assert done.frames == len(joblib.load(done.results)) == FRAMES
    assert not files(killed_run)["checkpoint"].exists()
    assert not files(killed_run)["pieces"].exists()


@pytest.mark.parametrize("option", ["checkpoint.resume=false", "checkpoint.enable=false"])
def test_starting_anew_on_request(option, killed_run, clip, capsys):
    done = track(clip, killed_run, option, "video.end_frame=8", "render.enable=false")
    assert (done.resumed_from, done.frames) == (0, 8)
    assert "anew" not in capsys.readouterr().err
    assert not files(killed_run)["checkpoint"].exists()


class Remembers(BlazePose_4dhuman):
    """Has a hook of its own, of which nobody knows what it remembers."""

    def run_additional_models(self, frames, detections):
        return super().run_additional_models(frames, detections)


class Forgets(Remembers):
    """Says that the hook remembers nothing."""

    def state_dict(self):
        return super().state_dict()


@pytest.mark.parametrize("kind", [Remembers, Forgets])
def test_a_hook_of_ones_own_means_no_checkpoint_unless_it_has_a_state(kind, clip, tmp_path, capsys):
    stop = Event()
    write = ResultsWriter.write

    def stopping(self, frame, record):
        write(self, frame, record)
        if record.index == 8:
            stop.set()

    with pytest.MonkeyPatch.context() as patch, pytest.raises(InterruptedRunError):
        patch.setattr(ResultsWriter, "write", stopping)
        track(clip, tmp_path, "render.enable=false", stop=stop, kind=kind)
    said = capsys.readouterr().err
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

    def refusing(path, state):
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
                raise RuntimeError("out of memory")
            return super().run_additional_models(frames, detections)

    with pytest.raises(StageError, match=r"out of memory.*goes on from there"):
        track(clip, tmp_path, "checkpoint.every_s=1000", kind=Fails)
    assert track(clip, tmp_path, kind=Fails).resumed_from == 16
    assert tries == [0, 4, 8, 12, 16, *range(16, FRAMES, 4)]
    assert pickled(files(tmp_path)["results"]) == pickled(files(whole)["results"])


# -- signals ------------------------------------------------------------------------------------

COMMAND = [sys.executable, "-m", "humantrack"]


def start(clip, out, *overrides):
    arguments = [f"video.source={clip}", f"video.output_dir={out}", "batch_frames=4", *overrides]
    return subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True)


def wait_for_frames(process, partial: Path, size: int) -> None:
    while process.poll() is None and not (partial.exists() and partial.stat().st_size > size):
        os.sched_yield()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGUSR1", 138)])
def test_a_signal_ends_the_run_and_the_same_command_goes_on(name, code, clip, whole, tmp_path):
    paths = files(tmp_path)
    with start(clip, tmp_path) as process:
        wait_for_frames(process, paths["partial"], 20_000)
        process.send_signal(getattr(signal, name))
        said = process.stderr.read()
    assert process.returncode == code, said
    assert "Traceback" not in said
    assert "the same command goes on from there" in said.lower()
    kept = joblib.load(paths["partial"])
    assert 0 < len(kept) < FRAMES
    assert json.loads(paths["meta"].read_text())["status"] == "partial"
    assert len(watched(paths["overlay"])["pictures"]) == len(kept)
    with start(clip, tmp_path) as process:
        said = process.stderr.read()
    assert process.returncode == 0, said
    assert int(re.search(r"at frame (\d+)", said)[1]) >= len(kept)
    assert_whole(tmp_path, whole)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_kills_at_random_moments_leave_no_trace(clip, tmp_path):
    script = ROOT / "scripts" / "kill_test.py"
    spec = importlib.util.spec_from_file_location("kill_test", script)
    module = importlib.util.module_from_spec(spec)
    sys.modules["kill_test"] = module
    spec.loader.exec_module(module)
    overrides = ["checkpoint.every_s=0", "batch_frames=2"]
    outcome = module.kill_and_restart(
        clip, tmp_path, kills=5, seed=3, life_s=1.5, overrides=overrides
    )
    assert outcome.is_good, outcome
    assert outcome.kills == 5
    assert outcome.in_work >= 1


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_a_second_ctrl_c_breaks_off_and_leaves_a_readable_file(clip, data, tmp_path):
    paths = files(tmp_path)
    with start(clip, tmp_path) as process:
        wait_for_frames(process, paths["partial"], 20_000)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert 0 < len(joblib.load(paths["partial"])) < FRAMES


def test_breaking_off_in_the_middle_of_a_stage(clip, whole, tmp_path, monkeypatch):
    """The second signal raises wherever the program is; no checkpoint may come of it."""
    observe = BlazePose_4dhuman._timed_observe

    def breaking(self, frames, watch):
        if frames[0].index == 20:
            raise KeyboardInterrupt
        return observe(self, frames, watch)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(BlazePose_4dhuman, "_timed_observe", breaking)
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
