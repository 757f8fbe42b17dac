"""Live sources: what is skipped, lost and ended, and that frames stay what they are."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import contextmanager

import av
import numpy as np
import pytest
from links import hls

from humantrack.errors import SourceNotFoundError, UnreadableSourceError
from humantrack.url import Url
from humantrack.video import LiveOptions, LiveReader, StreamChoice, open_source
from humantrack.video.links import Policy
from humantrack.video.live.box import Box
from humantrack.video.live.connect import to
from humantrack.video.span import Span

FROM_START = Span.of(None, None, None, None)


class Feed:
    """Connections that play pieces of a clip, each from a list of (first, past, error)."""

    def __init__(self, clip, *connections):
        self.clip, self.connections = clip, list(connections)
        self.count = 0
        self.gate: threading.Semaphore | None = None

    @contextmanager
    def __call__(self, problems):
        self.count += 1
        if not self.connections:
            raise UnreadableSourceError("nobody there")
        first, past, error = self.connections.pop(0)
        with av.open(str(self.clip)) as container:
            yield _Container(container, first, past, error, self.gate), container.streams.video[0]


class _Container:
    """A container of which a piece is played, and then an error comes."""

    duration = None

    def __init__(self, container, first, past, error, gate):
        self._inner, self.format = container, container.format
        self._first, self._past, self._error, self._gate = first, past, error, gate

    def demux(self, stream):
        for i, packet in enumerate(self._inner.demux(stream)):
            if packet.size == 0:
                break
            if self._first <= i < self._past:
                if self._gate is not None:
                    self._gate.acquire()
                yield packet
        if self._error is not None:
            raise self._error


def reader(feed, **options):
    live = LiveOptions(**{"policy": "all", "reconnect_s": 0.0, **options})
    return LiveReader(Url.of("rtsp://me:x@h/a"), feed, live, name="a", phalp_keys=False)


def test_all_frames_of_a_source_at_its_own_pace_are_those_of_the_file(clip):
    found = list(reader(Feed(clip, (0, 1000, None))).frames(FROM_START))
    with open_source(clip) as source:
        same = list(source)
    assert [f.source_index for f in found] == [f.source_index for f in same]
    assert [f.time_s for f in found] == pytest.approx([f.time_s for f in same], abs=1e-9)
    assert all((a.rgb == b.rgb).all() for a, b in zip(found, same, strict=True))


def test_the_newest_is_taken_and_the_skipped_keep_their_numbers(clip):
    live = reader(Feed(clip, (0, 1000, None)), policy="newest")
    live._thread.join()
    frames = list(live.frames(FROM_START))
    facts = live.facts
    assert [f.index for f in frames] == list(range(len(frames)))
    assert frames[-1].source_index == facts["read"] - 1 == 89
    assert facts["skipped"] == facts["read"] - len(frames) > 0
    assert frames[-1].key.endswith("/000090.jpg")
    with open_source(clip) as source:
        last = list(source)[-1]
    assert (frames[-1].rgb == last.rgb).all()
    assert frames[-1].time_s == pytest.approx(last.time_s)


def test_a_lost_connection_is_made_again_and_the_gap_recorded(clip, monkeypatch):
    lost = av.error.ConnectionResetError(104, "Connection reset by peer")
    pauses = []
    feed = Feed(clip, (0, 30, lost), (0, 20, lost), (0, 10, lost))
    original = threading.Event.wait

    def wait(self, timeout=None):
        if timeout is not None and timeout >= 0.4:
            pauses.append(timeout)
            return original(self, 0.01)
        return original(self, timeout)

    monkeypatch.setattr(threading.Event, "wait", wait)
    live = reader(feed, reconnect_s=3.0)
    frames = list(live.frames(FROM_START))
    numbers = [f.source_index for f in frames]
    assert len(frames) == 60
    assert numbers == sorted(set(numbers))
    assert all(b.time_s > a.time_s for a, b in itertools.pairwise(frames))
    facts = live.facts
    assert facts["gap_count"] == len(facts["gaps"]) == 2
    assert all(gap["to_s"] > gap["from_s"] for gap in facts["gaps"])
    assert "lost 2 times" in live.warnings[0]
    assert "not back within 3 s" in live.problems.notes[-1]
    assert pauses[2:4] == [0.5, 1.0]  # after the last connection: they grow


def test_without_reconnecting_the_first_loss_is_the_end(clip):
    lost = av.error.ConnectionResetError(104, "Connection reset by peer")
    feed = Feed(clip, (0, 30, lost), (0, 30, lost))
    assert len(list(reader(feed, reconnect_s=0.0).frames(FROM_START))) == 30
    assert feed.count == 1


def test_a_stop_ends_a_source_that_is_silent(clip):
    feed = Feed(clip, (0, 1000, None))
    feed.gate = threading.Semaphore(12)
    live = reader(feed)
    live.stop = threading.Event()
    found = []
    for frame in live.frames(FROM_START):
        found.append(frame)
        if len(found) == 3:
            live.stop.set()
            feed.gate.release(1000)
    assert [f.source_index for f in found] == [0, 1, 2]
    assert not live._thread.is_alive()


def test_a_duration_ends_it(clip):
    frames = list(reader(Feed(clip, (0, 1000, None)), duration_s=1.0).frames(FROM_START))
    assert 0 < len(frames) <= 31
    assert frames[-1].time_s < 1.0


def test_a_source_that_cannot_be_opened_is_an_error(clip):
    with pytest.raises(UnreadableSourceError, match="nobody there"):
        reader(Feed(clip))
    with pytest.raises(UnreadableSourceError, match="no frame came"):
        reader(Feed(clip, (0, 0, None)))


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp", "srt", "tcp"])
def test_nobody_listening_is_one_line_without_secrets(scheme):
    address = f"{scheme}://me:geheim@127.0.0.1:9/x"
    with pytest.raises(UnreadableSourceError) as failed:
        open_source(address)
    assert "geheim" not in repr(failed.value) + str(failed.value) + repr(failed.value.__cause__)
    assert "\n" not in str(failed.value)


def test_a_box_of_the_newest_and_one_of_all():
    newest: Box[int] = Box(keeps_all=False)
    assert all(newest.put(i) for i in range(5))
    assert newest.take(lambda: False) == 4
    assert newest.skipped == 4
    assert newest.take(lambda: True) is None
    every: Box[int] = Box(keeps_all=True)
    thread = threading.Thread(target=lambda: [every.put(i) for i in range(100)])
    thread.start()
    assert [every.take(lambda: False) for _ in range(100)] == list(range(100))
    thread.join()
    every.finish()
    assert every.take(lambda: False) is None
    every.close()
    assert not every.put(1)


def test_udp_carries_the_frames_that_were_sent(clip, tmp_path):
    """MPEG-TS over UDP, sent by PyAV at the clip's pace."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    is_over = threading.Event()

    def send():
        with av.open(f"udp://127.0.0.1:{port}?pkt_size=1316", "w", format="mpegts") as out:
            stream = out.add_stream("mpeg2video", rate=25)
            stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
            stream.gop_size = 5
            stream.bit_rate = 400_000
            i = 0
            while not is_over.is_set() and i < 1500:
                picture = np.full((120, 160, 3), 40 + 2 * (i % 100), np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, "rgb24")
                frame.pts = i
                out.mux(stream.encode(frame))
                i += 1
                is_over.wait(0.02)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        live = LiveOptions(duration_s=2.0, reconnect_s=0.0, policy="all")
        with open_source(f"udp://127.0.0.1:{port}", live=live) as source:
            frames = []
            for frame in source:
                frames.append(frame)
                if len(frames) == 20:
                    break
            facts = source.live.facts
    finally:
        is_over.set()
        sender.join()
    assert (source.info.width, source.info.height) == (160, 120)
    steps = np.diff([f.time_s for f in frames])
    assert np.allclose(steps, 1 / 25, atol=1e-3)
    light = np.array([f.rgb.mean() for f in frames])
    assert np.abs(np.diff(light) - 2)[np.diff(light) > 0].max() < 3
    assert facts["clock"] == "stream"
    assert abs(facts["started_unix_s"] - time.time()) < 600


def test_an_endless_list_is_read_live(web, clip):
    path = hls(clip, web.folder / "live", ending="")
    assert "ENDLIST" not in path.read_text()
    live = LiveOptions(policy="all", reconnect_s=0.0)
    with open_source(f"{web.address}/live/list.m3u8", live=live) as source:
        assert source.live is not None
        first = [next(source) for _ in range(5)]
    assert [f.source_index for f in first] == [0, 1, 2, 3, 4]


def test_an_endless_body_is_read_live(web, clip, tmp_path):
    with av.open(str(clip)) as source, av.open(f"file:{web.folder / 'a.ts'}", "w") as target:
        stream = source.streams.video[0]
        out = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = out
                target.mux(packet)
    web.tells_length = False
    live = LiveOptions(policy="all", reconnect_s=0.0)
    with open_source(f"{web.address}/a.ts", live=live) as source:
        frames = list(source)
    with open_source(clip) as source:
        same = list(source)
    assert len(frames) == len(same)
    assert (frames[-1].rgb == same[-1].rgb).all()


def test_streams_never_reach_a_file(monkeypatch):
    """Every address of a stream is opened with a list of protocols that has no file in it."""
    seen = []

    def fake(address, **given):
        seen.append(given["options"]["protocol_whitelist"].split(","))
        raise av.error.ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(av, "open", fake)
    for scheme in ("rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "rtp", "tcp"):
        connect = to(Url.of(f"{scheme}://h/x"), StreamChoice(), Policy())
        with pytest.raises(UnreadableSourceError), connect(None):
            pass
    assert len(seen) == 8
    assert not {"file", "pipe", "concat", "data", "fd"} & {name for names in seen for name in names}


def test_an_unknown_camera_is_named():
    with pytest.raises(SourceNotFoundError):
        open_source("camera:77")
