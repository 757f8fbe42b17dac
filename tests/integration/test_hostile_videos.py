"""Videos of every odd kind and damaged ones, through the whole pipeline: results, or one line."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import av
import hostile_clips as clips
import numpy as np
import pytest
from hang_guard import hang_guard

from humantrack import load_config, load_results
from humantrack.body import load_mannequin
from humantrack.cli.main import main
from humantrack.errors import EmptySourceError, UnreadableSourceError
from humantrack.geometry.boxes import expand_to_aspect
from humantrack.phalp import PHALP, Defaults
from humantrack.types import Appearance, BodyBatch, Detections, People


@pytest.fixture(autouse=True)
def guard(capsys):
    with hang_guard(capsys) as guard:
        yield guard


class OneBox:
    """Finds one person in every picture, two thirds as wide and high."""

    def detect(self, frames):
        return [
            Detections(
                xyxy_px=np.array([[0, 0, f.width * 2 / 3, f.height * 2 / 3]], np.float32),
                score=np.ones(1, np.float32),
                class_id=np.zeros(1, np.int64),
            )
            for f in frames
        ]

    def reset(self):
        pass


class OneBody:
    """Gives every box the same body."""

    def estimate(self, frames, detections):
        turns = np.tile(np.eye(3, dtype=np.float32), (1, 24, 1, 1))
        return [
            People(
                detections=found,
                bodies=BodyBatch(
                    global_orient=turns[:, :1],
                    body_pose=turns[:, 1:],
                    betas=np.zeros((1, 10), np.float32),
                    cam_crop=np.array([[1, 0, 0]], np.float32),
                    cam_t=np.array([[0, 0, 40]], np.float32),
                    joints_3d=np.zeros((1, 45, 3), np.float32),
                    joints_2d=np.full((1, 45, 2), 0.5, np.float32),
                ),
                appearance=Appearance(code=np.zeros((1, 4096), np.float32)),
                padded_xyxy_px=expand_to_aspect(found.xyxy_px),
                source=np.zeros(1, np.int64),
            )
            for found in detections
        ]

    def reset(self):
        pass


class Stub(PHALP):
    """The whole pipeline but its networks."""

    defaults = Defaults(predict="APL", small_w=0, small_h=0, detector="nanodet")

    appearance = "colour"

    def setup_hmr(self):
        self.body, self.estimator = load_mannequin(), OneBody()

    def setup_detector(self):
        self.detector = OneBox()


@pytest.fixture(scope="module")
def stub():
    return Stub(load_config("render.type=HUMAN_BBOX", "phalp.n_init=2"))


def track(stub, source, out):
    stub.cfg.video.source, stub.cfg.video.output_dir = str(source), str(out)
    done = stub.track()
    frames = load_results(done.results, strict=True)
    meta = json.loads(done.meta.read_text(encoding="utf-8"))
    assert len(frames) == done.frames == meta["frame_count"] > 0
    assert meta["decode_errors"]["count"] == done.decode_errors
    assert bool(meta["decode_errors"]["messages"]) == bool(done.decode_errors)
    assert not done.results.with_name(f"{done.results.stem}.partial.pkl").exists()
    if len(frames) > 2:
        assert all(len(frame["tracked_ids"]) == 1 for frame in frames.values())
    with av.open(str(done.overlay)) as drawn:
        assert sum(1 for _ in drawn.decode(video=0)) == len(frames)
    return done


def whole_frames(path: Path) -> dict[int, int]:
    """Where each packet of the pictures ends in the file -> how many end up to there."""
    with av.open(str(path)) as container:
        ends = sorted(p.pos + p.size for p in container.demux(video=0) if p.size)
    return {end: number + 1 for number, end in enumerate(ends)}


REFUSALS = (UnreadableSourceError, EmptySourceError)
CASES = len(clips.DAMAGED) * (clips.CUTS + clips.FLIPS)
assert CASES >= 300


@pytest.mark.parametrize("name", clips.DAMAGED)
def test_damaged_videos_end_in_results_or_one_line(name, stub, tmp_path, guard):
    whole = clips.write(tmp_path / name, **clips.DAMAGED[name])
    data, hurt = whole.read_bytes(), tmp_path / f"hurt.{name}"
    results = tmp_path / "out" / "results" / "demo_hurt.pkl"
    ends = {} if name == "index-last.mp4" else whole_frames(whole)
    assert track(stub, whole, tmp_path / "out").decode_errors == 0
    outcomes = Counter()
    for case, damaged in [*clips.cuts(data), *clips.flips(data)]:
        guard.restart()
        is_cut = case.startswith("cut")
        complete = max((n for end, n in ends.items() if end <= len(damaged)), default=0)
        hurt.write_bytes(damaged)
        results.unlink(missing_ok=True)
        try:
            done = track(stub, hurt, tmp_path / "out")
        except REFUSALS as error:
            assert len(str(error).splitlines()) == 1, case
            assert not results.exists(), case
            assert not (is_cut and complete), case
            outcomes["refused"] += 1
            continue
        outcomes["tracked"] += 1
        if is_cut:
            assert done.frames >= complete, case
            assert done.decode_errors > 0, case
        elif done.frames < clips.FRAMES and not done.decode_errors:
            # A flipped bit may leave a valid file of fewer frames; nothing else may.
            assert case.startswith(("anywhere", "header")), case
            outcomes["unnoticed"] += 1
    assert outcomes["tracked"] + outcomes["refused"] == clips.CUTS + clips.FLIPS
    assert outcomes["tracked"] >= (5 if name == "index-last.mp4" else 20)
    assert outcomes["unnoticed"] <= 1


def test_odd_videos_are_tracked_frame_by_frame(stub, tmp_path, guard):
    for name, (path, count, _) in clips.healthy(tmp_path).items():
        guard.restart()
        done = track(stub, path, tmp_path / "out")
        assert (name, done.frames, done.decode_errors) == (name, count, 0)


def run(capsys, *arguments: str) -> tuple[int, str]:
    """Exit code and stderr of ``humantrack`` with these arguments."""
    try:
        main(list(arguments))
        code = 0
    except SystemExit as stop:
        code = stop.code
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert sum(line.startswith("humantrack: ") for line in said.splitlines()) == (code != 0)
    return code, said


@pytest.mark.slow
def test_odd_videos_go_through_the_real_command(capsys, tmp_path, guard):
    out = tmp_path / "out"
    for name, (path, count, size) in clips.healthy(tmp_path).items():
        guard.restart()
        code, said = run(capsys, f"video.source={path}", f"video.output_dir={out}")
        assert (name, code) == (name, 0), said
        frames = load_results(out / "results" / f"demo_{path.stem}.pkl", strict=True)
        assert (name, len(frames)) == (name, count)
        suffix = ".png" if path.stem == "photo" else ".mp4"  # whatever a picture is called
        with av.open(str(out / f"PHALP_{path.stem}{suffix}")) as drawn:
            stream = drawn.streams.video[0]
            even = (size[0] + size[0] % 2, size[1] + size[1] % 2)
            assert (name, stream.width, stream.height) == (name, *even)
            assert sum(1 for _ in drawn.decode(stream)) == count


@pytest.mark.slow
def test_damaged_videos_go_through_the_real_command(capsys, tmp_path, guard):
    out = tmp_path / "out"
    seen = Counter()
    for name in ("h264.mp4", "h264.mkv", "vp8.webm", "mpeg4.avi"):
        data = clips.write(tmp_path / name, **clips.DAMAGED[name]).read_bytes()
        damaged = [*list(clips.cuts(data))[::6], *list(clips.flips(data))[1::5]]
        for case, part in damaged:
            guard.restart()
            hurt = tmp_path / f"hurt.{name}"
            hurt.write_bytes(part)
            code, said = run(
                capsys, f"video.source={hurt}", f"video.output_dir={out}", "render.enable=false"
            )
            seen[code] += 1
            assert code in (0, 4, 5), (name, case, said)
            if code == 0 and case.startswith("cut"):
                assert "decode errors" in said, (name, case)
    assert seen[0] >= 12
