"""Wrong input, full disks and damaged videos: results, or one clear line and a code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import av
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


def run(capsys, *arguments: str) -> tuple[int, str]:
    """Exit code and stderr of ``humantrack`` with these arguments."""
    try:
        main(list(arguments))
        code = 0
    except SystemExit as stop:
        code = stop.code
    return code, capsys.readouterr().err


def write_video(path: Path, count: int, size=(160, 96), audio=False) -> Path:
    """A clip of moving stripes; nobody is in it."""
    with av.open(str(path), "w") as container:
        if count:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            if size[0] % 2 or size[1] % 2:
                stream.pix_fmt = "yuv444p"
            for i in range(count):
                picture = np.roll(np.tile(np.arange(size[0]) * 7 % 256, (size[1], 1)), i, axis=1)
                frame = np.repeat(picture[..., None], 3, axis=2).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
        if audio:
            sound = container.add_stream("aac", rate=44100, layout="mono")
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 4096), np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate = 44100
            container.mux(sound.encode(frame))
            container.mux(sound.encode())
    return path


def bad_sources(folder: Path) -> dict[str, tuple[Path, int, str]]:
    """Sources with the exit code and a word of the message each must lead to."""
    text = folder / "text.mp4"
    text.write_text("not a video at all\n" * 50)
    nothing = folder / "nothing.mp4"
    nothing.touch()
    empty = folder / "empty"
    empty.mkdir()
    return {
        "missing folder": (folder / "no" / "such" / "folder", 3, "no such"),
        "missing file": (folder / "clip.mp4", 3, "clip.mp4"),
        "text called mp4": (text, 4, "text.mp4"),
        "zero bytes": (nothing, 4, "nothing.mp4"),
        "empty folder": (empty, 5, "empty"),
        "sound only": (write_video(folder / "sound.mp4", 0, audio=True), 4, "sound.mp4"),
        "glob without match": (folder / "*.png", 3, "*.png"),
    }


NAMES = [
    "missing folder",
    "missing file",
    "text called mp4",
    "zero bytes",
    "empty folder",
    "sound only",
    "glob without match",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_source_is_one_line_and_a_code(name, tmp_path, capsys):
    source, code, word = bad_sources(tmp_path)[name]
    got, said = run(capsys, f"video.source={source}", f"video.output_dir={tmp_path / 'out'}")
    lines = [line for line in said.splitlines() if line.startswith("humantrack: ")]
    assert got == code, said
    assert len(lines) == 1
    assert word.lower() in lines[0].lower()
    assert "Traceback" not in said
    assert not list(tmp_path.glob("out/results/*.pkl"))


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("video.start_frame=500",), 5, "frame"),
        (("video.start_time=soon",), 2, "soon"),
        (("device=cuda:7",), 2, "device"),
        (("render.type=HUMAN_CUBE",), 2, "HUMAN_MESH"),
        (("phalp.distance_type=EQ_999",), 2, "EQ_019"),
        (("phalp.detector=yolo",), 2, "nanodet"),
        (("tracker=mine",), 2, "embedded"),
        (("use_gt=true",), 2, "video.boxes"),
        (("batch_frames=0",), 2, "batch_frames"),
        (("expand_bbox_shape=[0,256]",), 2, "expand_bbox_shape"),
        (("phalp.n_init=0",), 2, "n_init"),
        (("results.keys=names",), 2, "names"),
    ],
)
def test_a_bad_value_is_one_line_and_a_code(arguments, code, word, tmp_path, capsys):
    clip = write_video(tmp_path / "clip.mp4", 8)
    got, said = run(
        capsys, f"video.source={clip}", f"video.output_dir={tmp_path / 'out'}", *arguments
    )
    assert got == code, said
    assert word in said
    assert "Traceback" not in said


def test_no_source_is_said_plainly(tmp_path, capsys):
    code, said = run(capsys, f"video.output_dir={tmp_path}")
    assert code == 2
    assert "video.source=" in said


def test_debug_shows_the_traceback(tmp_path, capsys):
    code, said = run(
        capsys, "video.source=missing.mp4", f"video.output_dir={tmp_path}", "debug=true"
    )
    assert code == 3
    assert "Traceback" in said


@pytest.mark.parametrize(("frames", "size"), [(1, (160, 96)), (3, (160, 96)), (9, (101, 57))])
def test_short_odd_and_deserted_clips_give_results_and_an_overlay(frames, size, tmp_path, capsys):
    clip = write_video(tmp_path / "clip.mp4", frames, size)
    code, said = run(capsys, f"video.source={clip}", f"video.output_dir={tmp_path / 'out'}")
    assert code == 0, said
    results = load_results(tmp_path / "out" / "results" / "demo_clip.pkl")
    assert len(results) == frames
    assert all(frame["tid"] == [] for frame in results.values())
    with av.open(str(tmp_path / "out" / "PHALP_clip.mp4")) as drawn:
        assert sum(1 for _ in drawn.decode(video=0)) == frames


def test_a_truncated_video_gives_what_is_there(tmp_path, capsys, data):
    whole = (data / "demo_small.mp4").read_bytes()
    with av.open(str(data / "demo_small.mp4")) as container:
        packets = list(container.demux(video=0))
    cut = tmp_path / "cut.mp4"
    # The index of this clip may lie at either end: copy it into a file with the index in front.
    with (
        av.open(str(data / "demo_small.mp4")) as source,
        av.open(str(cut), "w", options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    cut.write_bytes(cut.read_bytes()[: len(whole) // 2])
    code, said = run(
        capsys,
        f"video.source={cut}",
        f"video.output_dir={tmp_path / 'out'}",
        "render.enable=false",
    )
    assert code == 0, said
    results = load_results(tmp_path / "out" / "results" / "demo_cut.pkl")
    assert 10 < len(results) < len(packets)


def test_an_output_that_cannot_be_written_is_said_plainly(tmp_path, capsys):
    clip = write_video(tmp_path / "clip.mp4", 4)
    (tmp_path / "file").write_text("in the way")
    code, said = run(capsys, f"video.source={clip}", f"video.output_dir={tmp_path / 'file' / 'x'}")
    assert code == 8
    assert "video.output_dir" in said
    assert "Traceback" not in said


def test_a_disk_that_fills_up_is_said_once_and_the_frames_are_kept(tmp_path, data, monkeypatch):
    class Full(BlazePose_4dhuman):
        def run_additional_models(self, frames, detections):
            if frames[0].index >= 16:
                raise OutputError("the disk is full")
            return super().run_additional_models(frames, detections)

    def no_room(*_, **__):
        raise OutputError("no room for the description")

    monkeypatch.setattr("humantrack.run.lifecycle.write_meta", no_room)
    options = ("render.enable=false", "phalp.n_init=2")
    clip = data / "demo_small.mp4"
    cfg = load_config(f"video.source='{clip}'", f"video.output_dir='{tmp_path}'", *options)
    with pytest.raises(OutputError, match=r"the disk is full.*14 finished frames are kept"):
        Full(cfg).track()
    assert len(load_results(tmp_path / "results" / "demo_demo_small.partial.pkl")) == 14


def test_fewer_frames_than_a_track_needs_are_explained(tmp_path, data):
    clip = data / "demo_small.mp4"
    cfg = load_config(
        f"video.source='{clip}'",
        f"video.output_dir='{tmp_path}'",
        *("render.enable=false", "video.end_frame=3"),
    )
    done = BlazePose_4dhuman(cfg).track()
    assert "phalp.n_init=1" in done.note
    cfg.phalp.n_init = 1
    done = BlazePose_4dhuman(cfg).track()
    assert (done.tracks, done.note) == (1, None)


def test_a_stage_that_fails_keeps_the_finished_frames(tmp_path, data):
    class Fails(BlazePose_4dhuman):
        def run_additional_models(self, frames, detections):
            if frames[0].index >= 24:
                raise RuntimeError("the extra model gave up")
            return super().run_additional_models(frames, detections)

    cfg = load_config(f"video.source='{data / 'demo_small.mp4'}'", f"video.output_dir='{tmp_path}'")
    with pytest.raises(StageError, match="the extra model gave up") as caught:
        Fails(cfg).track()
    partial = tmp_path / "results" / "demo_demo_small.partial.pkl"
    assert partial.name in str(caught.value)
    frames = joblib.load(partial)
    assert len(frames) == 24 - 5
    assert [f["tid"] for f in frames.values()] == [[1]] * 19
    with av.open(str(tmp_path / "PHALP_demo_small.mp4")) as drawn:
        assert sum(1 for _ in drawn.decode(video=0)) == 19


def test_stopping_keeps_the_finished_frames(tmp_path, data):
    from threading import Event

    stop = Event()

    class Stops(BlazePose_4dhuman):
        def run_additional_models(self, frames, detections):
            if frames[-1].index >= 15:
                stop.set()
            return super().run_additional_models(frames, detections)

    cfg = load_config(
        f"video.source='{data / 'demo_small.mp4'}'",
        f"video.output_dir='{tmp_path}'",
        "render.enable=false",
    )
    with pytest.raises(InterruptedRunError, match="kept in"):
        Stops(cfg).track(stop)
    assert len(load_results(tmp_path / "results" / "demo_demo_small.partial.pkl")) == 16 - 5


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_ends_with_130_and_says_what_is_there(tmp_path, data):
    command = [sys.executable, "-m", "humantrack", f"video.source={data / 'demo.mp4'}"]
    command += [f"video.output_dir={tmp_path}", "render.enable=false", "batch_frames=1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        partial = tmp_path / "results" / "demo_demo.partial.pkl"
        while process.poll() is None and not (partial.exists() and partial.stat().st_size > 20000):
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130, said
    assert str(partial) in said
    assert "Traceback" not in said
    assert len(load_results(partial)) > 0


def test_the_program_name_alone_shows_a_screenful(capsys):
    main([])
    said = capsys.readouterr().out
    assert "video.source=clip.mp4" in said
    assert len(said.splitlines()) <= 40
    assert max(map(len, said.splitlines())) <= 100
