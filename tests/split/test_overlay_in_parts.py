"""The overlay drawn in parts: the pictures, the times and the sound of one run's."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from threading import Event

import av
import numpy as np
import pytest
from split_tools import CUT, FRAMES, Light, alone, configuration, encode, in_parts

from humantrack.errors import PartialSweepError
from humantrack.render import Overlay
from humantrack.split import drawing
from humantrack.split.job import in_this_process, prepare, track_in_parts
from humantrack.split.processes import in_processes

SHOWN = ("render.enable=true", "render.type=BBOX")


@pytest.fixture
def pictures(monkeypatch):
    """What was drawn of each frame, by ``source_index``."""
    seen: dict[int, list[str]] = {}
    draw = Overlay.draw

    def noting(self, frame, record):
        picture = draw(self, frame, record)
        seen.setdefault(frame.source_index, []).append(hashlib.sha256(picture).hexdigest())
        return picture

    monkeypatch.setattr(Overlay, "draw", noting)
    return seen


@pytest.fixture(scope="module")
def loud(clip, tmp_path_factory):
    """The clip with a tone of a second, the length of its pictures."""
    path = tmp_path_factory.mktemp("loud") / "long.mp4"
    rate, at_once = 48000, 1024
    with av.open(str(clip)) as silent, av.open(str(path), "w") as out:
        video = out.add_stream_from_template(silent.streams.video[0])
        sound = out.add_stream("aac", rate=rate)
        sound.codec_context.layout = "mono"
        for packet in silent.demux(silent.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                out.mux(packet)
        for start in range(0, rate, at_once):
            wave = np.sin(np.arange(start, start + at_once) * 2 * np.pi * 440 / rate)
            frame = av.AudioFrame.from_ndarray(wave[None].astype("f4"), "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    return path


def decoded(path):
    """Times, pictures, and the bytes of the sound's packets."""
    with av.open(str(path)) as file:
        frames = [(f.time, f.to_ndarray(format="rgb24")) for f in file.decode(video=0)]
    with av.open(str(path)) as file:
        sound = [bytes(p) for p in file.demux(file.streams.audio[0]) if p.size]
    return [t for t, _ in frames], [p for _, p in frames], sound


def parameters(path):
    """What a browser is told before the first picture."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        return stream.codec_context.extradata, stream.time_base, stream.duration


@pytest.mark.parametrize("parts", [2, 7])
def test_pictures_times_and_sound_are_those_of_one_run(loud, boxes, tmp_path, pictures, parts):
    one = alone(loud, tmp_path / "one", boxes, *SHOWN)
    drawn = {place: hashes[:] for place, hashes in pictures.items()}
    pictures.clear()
    two = in_parts(loud, tmp_path / "two", boxes, *SHOWN, f"split.parts={parts}")
    assert pictures == drawn  # to the bit, and each once
    assert sorted(drawn) == list(range(FRAMES))
    times, shown, sound = decoded(one.overlay)
    times_2, shown_2, sound_2 = decoded(two.overlay)
    assert times_2 == times
    assert len(times) == FRAMES
    assert sound_2 == sound
    assert sound
    assert parameters(two.overlay) == parameters(one.overlay)
    for a, b in zip(shown, shown_2, strict=True):
        assert np.abs(a.astype(int) - b).mean() < 10  # of noise, encoded twice
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == [two.overlay.name, "results"]
    assert not list((tmp_path / "two" / "results").glob("*.observations"))


def test_each_part_begins_with_a_closed_group(loud, boxes, tmp_path):
    """A player can begin at the first frame of every part."""
    done = in_parts(loud, tmp_path, boxes, *SHOWN, "split.parts=5")
    with av.open(str(done.overlay)) as file:
        packets = [p for p in file.demux(file.streams.video[0]) if p.size]
    keys = {round(float(p.pts * p.time_base) * 30) for p in packets if p.is_keyframe}
    assert {0, 6, 12, 18, 24} <= keys
    assert [p.dts for p in packets] == sorted(p.dts for p in packets)
    assert all(p.dts <= p.pts for p in packets)


def test_a_variable_rate_and_a_fixed_one(boxes, tmp_path):
    path = tmp_path / "long.mp4"
    encode(path, [3 * n + (n % 2) for n in range(FRAMES)])
    for k, more in enumerate([(), ("render.fps=10",)]):
        one = alone(path, tmp_path / f"one{k}", boxes, *SHOWN, *more)
        two = in_parts(path, tmp_path / f"two{k}", boxes, *SHOWN, *more, "split.parts=3")
        seen = []
        for done in (one, two):
            with av.open(str(done.overlay)) as file:
                seen.append([frame.time for frame in file.decode(video=0)])
        assert seen[0] == seen[1]


def test_parts_that_are_drawn_are_not_drawn_again(loud, boxes, tmp_path, pictures):
    """The second part is lost while it is drawn; the same command draws it and no other."""

    def losing(job, numbers, stop):
        in_this_process(job, [n for n in numbers if n != 2 or not job.undrawn()], stop)

    given = (*SHOWN, "split.parts=3")
    with pytest.raises(PartialSweepError, match=r"1 of 3 parts are missing \(2\)"):
        in_parts(loud, tmp_path, boxes, *given, launch=losing)
    assert not list(tmp_path.glob("*.mp4"))
    first = set(pictures)
    pictures.clear()
    done = in_parts(loud, tmp_path, boxes, *given)
    assert set(pictures) == set(range(FRAMES)) - first
    assert len(decoded(done.overlay)[0]) == FRAMES


def test_other_settings_of_drawing_draw_all_again(loud, boxes, tmp_path, pictures):
    def losing(job, numbers, stop):
        in_this_process(job, [n for n in numbers if n != 2 or not job.undrawn()], stop)

    with pytest.raises(PartialSweepError):
        in_parts(loud, tmp_path, boxes, *SHOWN, "split.parts=3", launch=losing)
    pictures.clear()
    in_parts(loud, tmp_path, boxes, SHOWN[0], "render.type=SKELETON", "split.parts=3")
    assert set(pictures) == set(range(FRAMES))


def test_a_worker_in_a_process_of_its_own_draws(loud, boxes, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "support"))
    cfg = configuration(loud, tmp_path, boxes, *SHOWN, "split.parts=2", "split.workers=2")
    done = track_in_parts(cfg, Event(), launch=in_processes, kind=Light)
    assert len(decoded(done.overlay)[0]) == FRAMES


def test_another_video_is_told(loud, boxes, tmp_path):
    cfg = configuration(loud, tmp_path, boxes, *SHOWN, "split.parts=3")
    job = prepare(cfg, Light)
    in_this_process(job, [1, 2, 3], Event())
    job.track(Event())
    assert job.undrawn() == [1, 2, 3]
    encode(loud.with_name("short.mp4"))
    short = configuration(loud.with_name("short.mp4"), tmp_path, boxes, *SHOWN)
    with pytest.raises(Exception, match="other frames") as caught:
        drawing.draw_part(job.folder, 3, prepare(short, Light).options, job.stages(), Event())
    assert caught.value.exit_code
    assert CUT  # the clip has one
