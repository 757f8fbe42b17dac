"""Sinks that are told of a live source's frames at once; the recording of the service is one."""

from __future__ import annotations

import json
import threading

import cv2
import pytest
from feeds import Feed
from one_person import OnePerson

from humantrack import load_config
from humantrack.config.options import run_options
from humantrack.errors import InterruptedRunError, UnreadableSourceError
from humantrack.results import load_results
from humantrack.run import run as run_module
from humantrack.run.run import Run
from humantrack.service.jobs import live_lines
from humantrack.service.settings import Settings
from humantrack.service.workers.recorder import Recording
from humantrack.url import Url
from humantrack.video import LiveReader, open_source
from humantrack.video.source import FrameSource
from humantrack.video.span import Span


class Heard:
    """Notes what it is told."""

    def __init__(self):
        self.told = []
        self.reader = None

    def begin(self, info, done):
        return self

    def opened(self, source, stages):
        self.reader = source.live

    def provisional(self, frame, record):
        assert frame.index == record.index
        self.told.append(("provisional", record.index))

    def write(self, frame, record):
        self.told.append(("final", record.index))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture
def run(tmp_path, clip, monkeypatch):
    """Runs the clip, as a live source unless said otherwise, with something told of it."""

    def track(progress, *, frames=20, is_live=True, stop=None):
        cfg = load_config(
            "video.source=rtsp://h/a",
            f"video.output_dir={tmp_path}",
            "live.policy=all",
            "live.reconnect_s=0",
            "world.enable=false",
        )
        options = run_options(cfg)

        def opened(*_):
            if not is_live:
                return open_source(clip, end_frame=frames)
            feed = Feed(clip, (0, frames, None))
            live = options.source.live
            reader = LiveReader(Url.of("rtsp://h/a"), feed, live, name="a", phalp_keys=False)
            return FrameSource(reader, Span.of(None, None, None, None), read_ahead=0)

        monkeypatch.setattr(run_module, "open_source", opened)
        return Run(options, OnePerson(), progress=progress.begin).track(stop)

    return track


def test_each_live_frame_is_told_at_once_and_again_when_it_is_final(run):
    heard = Heard()
    run(heard)
    assert isinstance(heard.reader, LiveReader)
    early = [index for state, index in heard.told if state == "provisional"]
    final = [index for state, index in heard.told if state == "final"]
    assert final == list(range(20))
    assert [*dict.fromkeys(early)] == final
    for index in range(14):  # five are held back, for tracks that are filled back
        at = heard.told.index(("provisional", index))
        assert heard.told.index(("final", index)) > at
        assert ("final", index - 5) not in heard.told[at + 2 :]


def test_of_a_file_nothing_is_told_before_it_is_final(run):
    heard = Heard()
    run(heard, is_live=False)
    assert heard.reader is None
    assert heard.told == [("final", index) for index in range(20)]


@pytest.fixture
def recording(tmp_path, monkeypatch):
    """A recording of the service in the folder of the run, drawn as it is."""
    monkeypatch.setattr("humantrack.render.Overlay", lambda *_, **__: OnePerson())

    def make(is_kept=lambda: True, stop=None, **settings):
        one = Recording(Settings(data=tmp_path / "data", least_free_bytes=0, **settings))
        one.begin_at(tmp_path, stop or threading.Event(), is_kept)
        return one

    return make


def test_a_recording_is_shown_while_it_is_made(run, recording, tmp_path):
    one = recording()
    done = run(one)
    one.end(done)
    assert (one.seen()["frames"], one.seen()["people"]) == (20, 1)
    assert one.warnings == ("the source was lost (the source ended) and not back within 0 s",)
    lines = (tmp_path / "live" / "records.1").read_bytes().splitlines()
    told = [(line["state"], line["frame"]) for line in map(json.loads, lines)]
    assert [frame for state, frame in told if state == "final"] == list(range(20))
    assert {frame for state, frame in told if state == "provisional"} == set(range(20))
    scene = (tmp_path / "live" / "scene.1").read_bytes().splitlines()
    assert json.loads(scene[-1])["tracks"][0]["track_id"] == 1
    picture = cv2.imread(str(tmp_path / "live" / live_lines.PICTURE))
    assert picture.shape[:2] == (json.loads(scene[-1])["height"], json.loads(scene[-1])["width"])


def test_one_that_is_too_large_ends_and_is_whole(run, recording, tmp_path):
    stop = threading.Event()
    one = recording(stop=stop, live_bytes=10**6)
    (tmp_path / "large").write_bytes(bytes(2 * 10**6))
    done = run(one, stop=stop)
    one.end(done)
    assert stop.is_set() and 0 < done.frames < 20
    assert len(load_results(done.results)) == done.frames
    assert any(w.startswith("ended early: its files have reached 0.001 GB") for w in one.warnings)


def test_one_that_is_not_kept_takes_no_name(run, recording, tmp_path):
    with pytest.raises(InterruptedRunError):
        run(recording(is_kept=lambda: False))
    results = [p.name for p in (tmp_path / "results").glob("*.pkl")]
    assert all(name.endswith(".partial.pkl") for name in results)


def test_a_file_is_not_recorded(run, recording):
    with pytest.raises(UnreadableSourceError, match="no live source"):
        run(recording(), is_live=False)
