"""A live run in segments: each is whole by itself, and together they are the recording."""

from __future__ import annotations

import itertools
import json
import threading

import av
import pytest
from feeds import Feed
from one_person import OnePerson

from humantrack import ConfigError, load_config
from humantrack.config.options import run_options
from humantrack.errors import OutputError
from humantrack.results import load_results
from humantrack.run import run as run_module
from humantrack.run.run import Run
from humantrack.url import Url
from humantrack.video import LiveReader
from humantrack.video.source import FrameSource
from humantrack.video.span import Span


@pytest.fixture
def recorded(tmp_path, clip, monkeypatch):
    """Records the clip as a live source, and gives the summary; ``during`` sees every frame."""

    def record(*keys, connections=((0, 1000, None),), during=None, stop=None):
        cfg = load_config(
            "video.source=rtsp://h/a",
            f"video.output_dir={tmp_path}",
            "live.policy=all",
            "live.reconnect_s=0",
            "world.enable=false",
            "live.segment=1",
            *keys,
        )
        options = run_options(cfg)
        live = options.source.live

        def open_source(*_):
            feed = Feed(clip, *connections)
            reader = LiveReader(Url.of("rtsp://h/a"), feed, live, name="a", phalp_keys=False)
            return FrameSource(reader, Span.of(None, None, None, None), read_ahead=0)

        monkeypatch.setattr(run_module, "open_source", open_source)
        return Run(options, OnePerson(during)).track(stop)

    return record


def results_in(folder):
    return sorted(p for p in (folder / "results").glob("*.pkl"))


def test_segments_are_whole_and_go_on_from_each_other(recorded, tmp_path, clip):
    summary = recorded()
    paths = results_in(tmp_path)
    assert [p.stem.rpartition("_")[2] for p in paths] == ["000001", "000002", "000003"]
    assert (summary.segments, summary.segments_kept) == (3, 3)
    assert summary.results == paths[-1]
    assert summary.frames == 90
    parts = [load_results(path) for path in paths]
    keys = list(itertools.chain(*parts))
    assert [key.rpartition("/")[2] for key in keys] == [f"{i:06d}.jpg" for i in range(1, 91)]
    frames = [part[key] for part in parts for key in part]
    assert [f["time"] for f in frames] == list(range(90))
    assert {tuple(f["tid"]) for f in frames} == {(1,)}  # ids go on
    times = [f["time_s"] for f in frames]
    assert times == sorted(times)
    for number, part in enumerate(parts, 1):
        own = [part[key]["time_s"] for key in part]
        assert all(number - 1 <= t < number for t in own)
        about = part.meta
        assert about["status"] == "complete"
        assert about["frame_count"] == len(part) == 30
        assert about["track_count"] == 1
        told = about["live"]["segment"]
        assert told == {
            "recording": about["source"]["name"],
            "number": number,
            "first_frame": 30 * (number - 1),
            "last_frame": 30 * number - 1,
            "from_s": pytest.approx(own[0], abs=1e-6),
            "to_s": pytest.approx(own[-1], abs=1e-6),
        }
        overlay = tmp_path / f"{paths[number - 1].stem.replace('demo_', 'PHALP_')}.mp4"
        with av.open(str(overlay)) as video:
            shown = list(video.decode(video=0))
        assert len(shown) == 30
        assert shown[0].time == 0
    assert len({part.meta["fingerprint"]["source"] for part in parts}) == 3


def test_only_the_newest_stay(recorded, tmp_path):
    most = []

    def during(index):
        most.append(len(list((tmp_path / "results").glob("*.meta.json"))))

    summary = recorded("live.segment=1", "live.keep_segments=1", during=during)
    assert (summary.segments, summary.segments_kept) == (3, 1)
    assert [p.stem[-6:] for p in results_in(tmp_path)] == ["000003"]
    left = {p.name.partition(".")[0][-6:] for p in tmp_path.rglob("*_0*") if p.is_file()}
    assert left == {"000003"}
    assert max(most) <= 2  # the one kept, and the next before that is removed


def test_a_stop_in_the_middle_leaves_a_whole_last_one(recorded, tmp_path):
    stop = threading.Event()

    def during(index):
        if index == 44:
            stop.set()

    summary = recorded(during=during, stop=stop)
    assert summary.segments == 2
    last = load_results(results_in(tmp_path)[-1])
    assert last.meta["status"] == "complete"
    assert [last[key]["time"] for key in last] == list(range(30, 45))
    assert not list(tmp_path.rglob("*.partial*")) + list(tmp_path.rglob("*.part"))


def test_nothing_is_seen_before_it_is_whole(recorded, tmp_path):
    seen = set()

    def during(index):
        for path in results_in(tmp_path):
            if ".partial" not in path.name:
                assert len(load_results(path)) == 30
                seen.add(path.name)
        for path in (tmp_path / "results").glob("*.meta.json"):
            assert json.loads(path.read_text())["status"] == "complete"

    recorded(during=during)
    assert len(seen) == 2  # the third while no frame comes any more


def test_what_fails_in_a_segment_costs_none_before_it(recorded, tmp_path):
    def during(index):
        if index == 70:
            raise OutputError("the disk is full")

    with pytest.raises(OutputError) as failed:
        recorded(during=during)
    assert "2 whole segments are kept" in failed.value.hint
    whole = [p for p in results_in(tmp_path) if ".partial" not in p.name]
    assert [load_results(p).meta["status"] for p in whole] == ["complete"] * 2
    (partial,) = (tmp_path / "results").glob("*_000003.partial.pkl")
    about = json.loads((tmp_path / "results" / f"{whole[0].stem[:-1]}3.meta.json").read_text())
    assert about["status"] == "partial"
    assert about["live"]["segment"]["number"] == 3
    assert len(load_results(partial)) == about["frame_count"] > 0


def test_a_long_gap_leaves_no_empty_segment(recorded, tmp_path, monkeypatch):
    """Numbers have no holes; the times say where the recording was lost."""
    lost = av.error.ConnectionResetError(104, "Connection reset by peer")
    pieces = (0, 20, lost), (0, 20, None)
    clock = iter([1000.0, 1007.25])
    monkeypatch.setattr("humantrack.video.live.reader.wall_clock", lambda: next(clock, 1007.25))
    recorded("live.reconnect_s=0.6", connections=pieces)
    told = [load_results(p).meta["live"]["segment"] for p in results_in(tmp_path)]
    assert [one["number"] for one in told] == [1, 2]
    assert told[0]["to_s"] == pytest.approx(19 / 30, abs=1e-3)
    assert told[1]["from_s"] == pytest.approx(7.25)


@pytest.mark.parametrize(
    "keys", [["live.keep_segments=2"], ["live.segment=0.2"], ["live.segment=ten"]]
)
def test_segments_that_make_no_sense_are_refused(keys):
    with pytest.raises(ConfigError) as failed:
        run_options(load_config("video.source=camera:0", *keys))
    assert "\n" not in str(failed.value)


def test_names_of_segments_sort_in_their_order(tmp_path):
    from humantrack.run.paths import OutputPaths

    options = run_options(load_config("video.source=camera:0", f"video.output_dir={tmp_path}"))
    paths = OutputPaths.of(options, "a.b_20260101T000000Z")
    some = [paths.numbered(n) for n in (1, 2, 10, 999, 1000, 100_000)]
    for kind in ("results", "overlay", "meta"):
        names = [getattr(one, kind).name for one in some]
        assert names == sorted(names)
    assert some[0].results.name == "demo_a.b_20260101T000000Z_000001.pkl"
    assert some[0].meta.name == "demo_a.b_20260101T000000Z_000001.meta.json"
