"""``humantrack-live``: each frame at once and again when it is final; a live run ends well."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import threading

import numpy as np
import pytest
from one_person import observation_in

from humantrack import load_config
from humantrack.cli import live as command
from humantrack.config.options import run_options
from humantrack.live import as_line, watch
from humantrack.types import FrameUpdate
from humantrack.video import open_source


class Stages:
    """Finds the same person in every frame, and confirms them at the third."""

    given_boxes = None

    def __init__(self):
        self.tracker = self
        self.seen = 0

    def reset_stages(self):
        self.seen = 0

    def get_list_of_shots(self, frames):
        return iter(frames)

    def observe(self, frames):
        return [[observation_in(frame)] for frame in frames]

    def update(self, index, people, *, is_shot_start):
        self.seen += 1
        return _update(index, people, self.seen)


def _update(index, people, count):
    from humantrack.types import BackFill, TrackedPerson

    now = TrackedPerson(track_id=1, missed=0, observation=people[0])
    if count < 3:
        return FrameUpdate(people=(), back_fill=())
    earlier = [BackFill(frame_index=i, person=now) for i in (0, 1)] if count == 3 else []
    return FrameUpdate(people=(now,), back_fill=tuple(earlier))


def watched(stages, clip, stop=None, frames=8, until=None):
    options = run_options(load_config(f"video.source={clip}", "phalp.n_init=3"))
    told = []

    def tell(state, frame, record):
        told.append((state, record.source_index, [p.track_id for p in record.people]))
        if until is not None and len(told) == until:
            stop.set()

    with open_source(clip, end_frame=frames) as source:
        watch(stages, options, source, stop or threading.Event(), tell)
    return told


def test_each_frame_is_told_at_once_and_again_when_final(clip):
    told = watched(Stages(), clip)
    provisional = [(i, ids) for state, i, ids in told if state == "provisional"]
    final = [(i, ids) for state, i, ids in told if state == "final"]
    assert [i for i, _ in provisional] == [i for i, _ in final] == list(range(8))
    assert [ids for _, ids in provisional] == [[], []] + [[1]] * 6
    assert [ids for _, ids in final] == [[1]] * 8  # filled back
    first_final = [state for state, _, _ in told].index("final")
    assert first_final == 3  # after three frames were told once


def test_a_stop_makes_all_that_was_seen_final(clip):
    stop = threading.Event()
    told = watched(Stages(), clip, stop, until=6)
    provisional = {i for state, i, _ in told if state == "provisional"}
    assert provisional == {i for state, i, _ in told if state == "final"}
    assert len(provisional) < 8


def test_a_line_has_the_times_and_the_bodies(clip):
    options = run_options(load_config(f"video.source={clip}", "phalp.n_init=1"))
    lines = []

    class Live:
        started_unix_s = 1000.0
        facts = {"clock": "stream", "skipped": 7}  # noqa: RUF012

    def tell(state, frame, record):
        lines.append(json.loads(as_line(state, record, Live(), now=lambda: 1002.0)))

    with open_source(clip, start_frame=30, end_frame=34) as source:
        watch(Stages(), options, source, threading.Event(), tell)
    last = lines[-1]
    assert last["state"] == "final"
    assert last["captured_unix_s"] == pytest.approx(1000.0 + last["time_s"])
    assert last["delay_ms"] == pytest.approx(1000 * (2.0 - last["time_s"]), abs=0.1)
    assert (last["clock"], last["skipped"], last["frame"]) == ("stream", 7, 33)
    (person,) = last["people"]
    assert person["id"] == 1
    assert np.shape(person["body_pose"]) == (23, 3)
    assert np.shape(person["joints_3d"]) == (45, 3)
    assert person["xyxy_px"] == [10, 20, 30, 80]


def test_a_source_that_is_not_there_is_one_line(capsys):
    code = command.main(["rtsp://me:geheim@127.0.0.1:9/x", "tracker=embedded"])
    told = capsys.readouterr()
    assert code == 4
    assert told.out == ""
    assert "rtsp://***@127.0.0.1:9/x" in told.err.splitlines()[-1]
    assert "geheim" not in told.err


def test_an_unknown_key_is_one_line(capsys):
    assert command.main(["clip.mp4", "live.polcy=all"]) == 2
    assert "live.policy" in capsys.readouterr().err


@pytest.mark.parametrize(
    "key", ["live.policy=some", "video.allow_hosts=mine", "live.duration=0", "live.reconnect_s=-1"]
)
def test_a_wrong_value_is_one_line(key, capsys):
    assert command.main(["camera:0", key]) == 2
    assert key.partition("=")[0] in capsys.readouterr().err


def test_a_run_that_is_ended_leaves_whole_results(clip, tmp_path, monkeypatch):
    """A signal ends ``humantrack video.source=camera:0`` with exit code 0 and complete results."""
    import av

    from humantrack.cli.main import main
    from humantrack.results import load_results
    from humantrack.video.live import cameras

    folder = tmp_path / "sys" / "video0"
    folder.mkdir(parents=True)
    (folder / "name").write_text("Eye")
    monkeypatch.setattr(cameras, "SYSTEM", tmp_path / "sys")
    monkeypatch.setattr(cameras.sys, "platform", "linux")
    original, stopped = av.open, []

    def fake(address, *args, **given):
        return original(
            str(clip) if given.get("format") == "v4l2" else address,
            *args,
            **({} if given.get("format") == "v4l2" else given),
        )

    monkeypatch.setattr(av, "open", fake)
    from humantrack.video.live.reader import LiveReader

    frames = LiveReader.frames

    def counted(self, span):
        for i, frame in enumerate(frames(self, span)):
            yield frame
            if i == 2:
                stopped.append(i)
                signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(LiveReader, "frames", counted)
    monkeypatch.chdir(tmp_path)
    quiet = ["render.enable=false", "world.enable=false", "tracker=embedded", "live.policy=all"]
    with contextlib.redirect_stderr(io.StringIO()):
        main(["video.source=camera:0", "live.reconnect_s=0", *quiet])
    assert stopped
    (path,) = (tmp_path / "outputs" / "results").glob("*.pkl")
    results = load_results(path)
    assert results.meta["status"] == "complete"
    assert results.meta["frame_count"] == 3
    assert results.meta["live"]["address"] == "camera:0"
    assert results.meta["source"]["name"].startswith("camera-0_")
