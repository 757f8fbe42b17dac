"""The world video: as long as the clip, the clip at the left, and what is missing told."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from humantrack.errors import ResultsError, SourceError
from humantrack.results import ResultsWriter
from humantrack.types import Frame, FrameRecord
from humantrack.types.world import WorldFrame
from humantrack.world.file import WorldWriter
from humantrack.world.video import draw_world_video

COUNT, HEIGHT, WIDTH = 12, 120, 160


def pictures(count=COUNT):
    """Frames that grow brighter, at times that are not even."""
    for i in range(count):
        rgb = np.full((HEIGHT, WIDTH, 3), 20 * i, np.uint8)
        yield Frame(
            index=i, source_index=i, time_s=(i + i // 6) / 30, rgb=rgb, key=f"c/{i:06d}.jpg"
        )


@pytest.fixture
def world(tmp_path):
    """Nobody, and a camera that travels; a cut at frame 6."""
    results = tmp_path / "demo_clip.pkl"
    with ResultsWriter(results) as writer:
        for frame in pictures():
            record = FrameRecord(
                index=frame.index,
                source_index=frame.index,
                key=frame.key,
                time_s=frame.time_s,
                is_shot_start=frame.index == 6,
                image_size=(HEIGHT, WIDTH),
                people=(),
            )
            writer.write(None, record)
    with WorldWriter(results) as writer:
        for frame in pictures():
            writer.write(
                WorldFrame(
                    index=frame.index,
                    time_s=frame.time_s,
                    shot=int(frame.index >= 6),
                    camera_rotation=np.diag([1.0, -1.0, -1.0]),
                    camera_position=np.array([0.1 * frame.index, 1.5, 0]),
                    focal_px=200.0,
                    centre_px=np.array([WIDTH / 2, HEIGHT / 2]),
                    people=(),
                )
            )
    return writer.path


def read(path):
    with av.open(str(path)) as file:
        frames = [(f.time, f.to_ndarray(format="rgb24")) for f in file.decode(video=0)]
    return [time for time, _ in frames], np.stack([rgb for _, rgb in frames])


def test_the_clip_is_at_the_left_and_keeps_its_times(world, tmp_path):
    out, told = tmp_path / "out.mp4", []
    draw_world_video(pictures(), world, out, fps=Fraction(30), advance=told.append)
    times, rgb = read(out)
    assert rgb.shape == (COUNT, HEIGHT, 2 * WIDTH, 3)
    assert times == pytest.approx([f.time_s for f in pictures()], abs=1e-3)
    left = rgb[:, 20:-20, 20 : WIDTH - 20].mean(axis=(1, 2, 3))
    assert left == pytest.approx([20 * i for i in range(COUNT)], abs=3)
    right = rgb[:, :, WIDTH + 8 :].astype(float)
    assert right.mean() > 150
    moves = np.abs(np.diff(right, axis=0)).max(axis=(1, 2, 3))
    assert (moves > 20).all()  # the camera travels
    assert sum(told) == COUNT


def test_large_pictures_become_smaller(world, tmp_path):
    big = (
        replace(f, rgb=np.kron(f.rgb, np.ones((5, 5, 1), np.uint8)).astype(np.uint8))
        for f in pictures()
    )
    draw_world_video(big, world, tmp_path / "out.mp4", fps=Fraction(30), longest_px=320)
    _, rgb = read(tmp_path / "out.mp4")
    assert rgb.shape[1:3] == (240, 640)


def test_a_clip_that_is_too_short_is_told(world, tmp_path):
    with pytest.raises(SourceError, match="ends before its results"):
        draw_world_video(pictures(5), world, tmp_path / "out.mp4", fps=Fraction(30))


def test_a_damaged_world_leaves_no_video(world, tmp_path):
    world.write_bytes(world.read_bytes()[:60])
    with pytest.raises(ResultsError):
        draw_world_video(pictures(), world, tmp_path / "out.mp4", fps=Fraction(30))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["demo_clip.pkl", "demo_clip.world.pkl"]
