"""What a live source may do on the way: be lost and come back, set its clock, change its size."""

from __future__ import annotations

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest
from feeds import Feed
from one_person import OnePerson, observation_in

from humantrack import BlazePose_4dhuman, load_config
from humantrack.config.options import run_options
from humantrack.live import watch
from humantrack.pipeline.stopping import Stop
from humantrack.tracking import PhalpTracker
from humantrack.tracking.options import AppearanceOptions, AssociationOptions, LifeOptions
from humantrack.url import Url
from humantrack.video import LiveOptions, LiveReader, VideoWriter, open_source
from humantrack.video.live import reader as reader_module
from humantrack.video.source import FrameSource
from humantrack.video.span import Span

FROM_START = Span.of(None, None, None, None)
LOST = av.error.ConnectionResetError(104, "Connection reset by peer")
FPS = 30


def source_of(feed, **options):
    live = LiveOptions(**{"policy": "all", "reconnect_s": 0.0, **options})
    live_reader = LiveReader(Url.of("rtsp://h/a"), feed, live, name="a", phalp_keys=False)
    return FrameSource(live_reader, FROM_START, read_ahead=0)


def lost_for(frames, monkeypatch):
    """Have the second connection's first frame arrive so many frames too late, in one tick."""
    times = iter([1000.0, 1000.0 + (19 + 1 + frames) / FPS])
    monkeypatch.setattr(reader_module, "wall_clock", lambda: next(times, 2000.0))
    monkeypatch.setattr(reader_module, "_FIRST_PAUSE_S", 0.01)


class Standing(OnePerson):
    """Somebody who stands still, given identities by the tracker itself."""

    def __init__(self, max_age):
        super().__init__()
        self.tracker = PhalpTracker(
            AssociationOptions(method="boxes", predict="APL"),
            LifeOptions(n_init=5, max_age_track=max_age, low_th_c=0.4),
            AppearanceOptions(kind="colour"),
        )

    def observe(self, frames):
        return [[observation_in(frame)] for frame in frames]


def ids_of(stages, source, *keys):
    """The ids in each final record, by its number in the source."""
    options = run_options(load_config("video.source=rtsp://h/a", *keys))
    ids = {}

    def tell(state, frame, record):
        if state == "final":
            ids[record.source_index] = [p.track_id for p in record.people]

    with source:
        watch(stages, options, source, Stop(), tell)
    return ids


@pytest.mark.parametrize("policy", ["all", "newest"])
@pytest.mark.parametrize(("lost", "same"), [(0, True), (9, True), (10, True), (11, False)])
def test_ids_survive_a_gap_of_at_most_max_age_track_frames(lost, same, policy, clip, monkeypatch):
    lost_for(lost, monkeypatch)
    source = source_of(Feed(clip, (0, 20, LOST), (0, 20, None)), reconnect_s=0.3)
    if policy == "newest":  # as if the first frame after the gap had been skipped
        _skip(source.live, 20 + lost)
    ids = ids_of(Standing(10), source)
    assert list(ids)[:20] == list(range(20))
    assert max(ids) == 20 + lost + 19
    assert {tuple(ids[i]) for i in range(20)} == {(1,)}
    after = [ids[i][-1:] for i in ids if i > 20 + lost + 4]
    assert after == [[1 if same else 2]] * len(after)
    assert source.live.facts["gap_count"] == 1


def _skip(live, number):
    """Let one frame go, as a reader of the newest does."""
    put = live._box.put
    items = []
    while (item := live._box.take(lambda: False)) is not None:
        items.append(item)
    live._thread.join()
    live._box._is_finished = False
    live._box._keeps_all = True
    from humantrack.video.live import box

    box_most, box._MOST = box._MOST, 1000
    try:
        assert all(put(item) for item in items if item.number != number)
    finally:
        box._MOST = box_most
    live._box.finish()


def test_people_of_a_real_clip_keep_their_ids_over_a_gap(clip, monkeypatch, tmp_path):
    """What the embedded default finds before and after half a second without a picture."""
    rest = VideoWriter(tmp_path / "rest.mp4", fps=Fraction(FPS), width=320, height=180)
    with open_source(clip, start_frame=60) as frames, rest:
        for frame in frames:
            rest.write(frame.rgb)
    parts = Feeds(clip, tmp_path / "rest.mp4", past=45)
    times = iter([1000.0, 1000.0 + 60 / FPS])
    monkeypatch.setattr(reader_module, "wall_clock", lambda: next(times, 2000.0))
    monkeypatch.setattr(reader_module, "_FIRST_PAUSE_S", 0.01)
    source = source_of(parts, reconnect_s=0.3)
    keys = ("tracker=embedded", "render.enable=false", "embedded.landmarks=full")
    stages = BlazePose_4dhuman(load_config("video.source=rtsp://h/a", *keys))
    ids = ids_of(stages, source, *keys)
    assert set(ids) == {*range(45), *range(60, 90)}
    before, after = set(ids[44]), set(ids[89])
    assert before
    assert before == after


@pytest.mark.parametrize(
    ("stamp", "name"),
    [
        (lambda t, tick: t - 4000 * tick if t >= 30 * tick else t, "back"),
        (lambda t, tick: min(t, 30 * tick), "stall"),
        (lambda t, tick: t + 10**6 * tick if t >= 30 * tick else t, "ahead"),
        (lambda t, tick: (t + 2**33 - 30 * tick) % 2**33, "wrap"),
        (lambda t, tick: t - 9 * tick if t % (10 * tick) == 9 * tick else t, "hiccups"),
    ],
    ids=["jumps back", "stalls", "jumps ahead", "wraps", "hiccups"],
)
def test_time_runs_on_whatever_the_clock_does(stamp, name, clip):
    with av.open(str(clip)) as video:
        stream = video.streams.video[0]
        tick = round(1 / (stream.average_rate * stream.time_base))
    source = source_of(Feed(clip, (0, 1000, None), stamp=lambda t: stamp(t, tick)))
    frames = list(source)
    times = np.array([f.time_s for f in frames])
    assert len(frames) == 90
    assert (np.diff(times) > 0).all()
    assert times[-1] == pytest.approx(89 / FPS, abs=1.1 / FPS)
    if name != "hiccups":
        assert np.diff(times).max() < 2.1 / FPS
    assert [f.source_index for f in frames] == list(range(90))


@pytest.mark.parametrize("missing", [{0}, {7}, {0, 1, 2}, {5, 20, 21}])
def test_frames_without_a_stamp_take_their_time_from_those_beside_them(missing, clip):
    numbers = itertools.count()
    feed = Feed(clip, (0, 1000, None), stamp=lambda t: None if next(numbers) in missing else t)
    source = source_of(feed)
    times = [f.time_s for f in source]
    blind = {0, 1, 2} <= missing  # the second has no stamp either: nobody knows that there are any
    assert source.live.facts["clock"] == ("arrival" if blind else "stream")
    if not blind:
        assert times == pytest.approx([i / FPS for i in range(90)], abs=1e-3)


def test_a_stream_without_stamps_goes_by_the_arrival_of_its_frames(clip, monkeypatch):
    times = iter([1000.0, *(1000.5 + i / 7 for i in range(20))])
    monkeypatch.setattr(reader_module, "wall_clock", lambda: next(times, 2000.0))
    source = source_of(Feed(clip, (0, 20, None), stamp=lambda t: None))
    frames = list(source)
    assert source.live.facts["clock"] == "arrival"
    assert frames[0].time_s == 0.0
    assert np.diff([f.time_s for f in frames[1:]]) == pytest.approx([1 / 7] * 18)


@pytest.fixture
def clips_of_sizes(tmp_path):
    """Makes a clip in which a square wanders, of some size."""

    def make(width, height):
        path = tmp_path / f"{width}x{height}.mp4"
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libx264", rate=FPS)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for i in range(12):
                picture = np.full((height, width, 3), 60, np.uint8)
                picture[:, : width * (i + 1) // 12] = 200
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            out.mux(stream.encode(None))
        return path

    return make


class Feeds:
    """Connections one after the other, each a clip of its own."""

    def __init__(self, *clips, past=1000):
        self._feeds = [Feed(path, (0, past, LOST)) for path in clips]

    def __call__(self, problems):
        return (self._feeds.pop(0) if self._feeds else Feed(None))(problems)


def test_pictures_of_another_size_are_brought_to_the_first(clips_of_sizes, monkeypatch):
    monkeypatch.setattr(reader_module, "_FIRST_PAUSE_S", 0.01)
    big, small = clips_of_sizes(320, 240), clips_of_sizes(160, 120)
    source = source_of(Feeds(big, small, big), reconnect_s=0.3)
    frames = list(source)
    assert [f.rgb.shape for f in frames] == [(240, 320, 3)] * 36
    (first, second) = source.live.facts["sizes"]
    assert (first["width"], first["height"]) == (160, 120)
    assert (second["width"], second["height"]) == (320, 240)
    assert first["from_s"] == pytest.approx(frames[12].time_s, abs=1e-3)
    for before, after in itertools.pairwise((frames[5], frames[17], frames[29])):
        assert np.abs(before.rgb.astype(int) - after.rgb).mean() < 3


def test_pictures_of_another_shape_stay_what_they_are(clips_of_sizes, monkeypatch, tmp_path):
    """They are a new scene for who looks, and the overlay fits them in."""
    from humantrack.results import load_results
    from humantrack.run import run as run_module
    from humantrack.run.run import Run

    monkeypatch.setattr(reader_module, "_FIRST_PAUSE_S", 0.01)
    wide, tall = clips_of_sizes(320, 240), clips_of_sizes(120, 160)
    made = []

    def opened(*_):
        made.append(source_of(Feeds(wide, tall), reconnect_s=0.3))
        return made[-1]

    monkeypatch.setattr(run_module, "open_source", opened)
    keys = [f"video.output_dir={tmp_path}", "tracker=embedded", "video.source=rtsp://h/a"]
    cfg = load_config(*keys)
    summary = Run(run_options(cfg), BlazePose_4dhuman(cfg)).track()
    results = load_results(summary.results)
    assert len(results) == 24
    assert results.meta["live"]["sizes"][0]["height"] == 160
    with open_source(summary.overlay) as video:
        shown = list(video)
    assert {f.rgb.shape for f in shown} == {(240, 320, 3)}
    assert shown[20].rgb[120, :60].mean() < 5  # on black
