"""What is told of a live job: lines that others read while they are written, and whom it shows."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from links import serving

from humantrack.errors import ConfigError, UnreadableSourceError
from humantrack.results import iter_results
from humantrack.results.record import record_from_phalp
from humantrack.service.jobs import live_lines
from humantrack.service.jobs.live_lines import LinesReader, LinesWriter
from humantrack.service.live_sources import live_sources, shown_source, without_address
from humantrack.service.workers import scene
from humantrack.service.workers.live_scene import LiveScene
from humantrack.url import Url

_spec = importlib.util.spec_from_file_location(
    "results_for_live_scenes", Path(__file__).parents[1] / "export" / "conftest.py"
)
assert _spec is not None and _spec.loader is not None
_makers = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _makers  # dataclasses look there
_spec.loader.exec_module(_makers)
make_results, edit_results = _makers.make_results, _makers.edit_results


def test_a_reader_gets_the_newest_line_and_all_that_follow(tmp_path: Path) -> None:
    reader = LinesReader(tmp_path / "live", "records")
    assert reader.lines() == []
    writer = LinesWriter(tmp_path / "live", "records")
    for text in (b"one\n", b"two\n"):
        writer.write(text)
    assert reader.lines() == [b"two"]
    assert reader.lines() == []
    writer.write(b"three\n")
    LinesWriter(tmp_path / "live", "scene").write(b"of another\n")
    assert reader.lines() == [b"three"] and reader.lost == 0


@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=40))
def test_nothing_is_lost_twice_or_halved_and_the_disk_is_bounded(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_lines, "FILE_BYTES", 100)
        writer, reader = LinesWriter(folder, "a"), LinesReader(folder, "a")
        written, read, begun = [], [], None
        for number, (size, looks) in enumerate(writes):
            line = f"{number:04d}".encode() + b"x" * size
            writer.write(line + b"\n")
            written.append(line)
            if looks:
                begun = number if begun is None else begun
                read += reader.lines()
        read += reader.lines()
        places = [written.index(line) for line in read]
        assert places == sorted(set(places))
        if reader.lost == 0 and written:
            first = len(written) - 1 if begun is None else begun
            assert read == written[first:]
        assert sum(p.stat().st_size for p in folder.iterdir()) <= 100 * live_lines.KEPT


def test_a_reader_that_is_far_behind_goes_on_with_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_lines, "FILE_BYTES", 10)
    writer, reader = LinesWriter(tmp_path, "a"), LinesReader(tmp_path, "a")
    writer.write(b"0 first\n")
    assert reader.lines() == [b"0 first"]
    for number in range(1, 20):
        writer.write(b"%d later\n" % number)
    assert reader.lines() == [b"19 later"] and reader.lost == 1
    writer.write(b"20 later\n")
    assert reader.lines() == [b"20 later"] and reader.lost == 1


def test_the_live_scene_is_that_of_the_results(make_results: Any, tmp_path: Path) -> None:
    path = make_results()
    about = json.loads(scene.timeline(path, tmp_path / "made"))
    later = json.loads(scene.frames(path, tmp_path / "made", 0, 300))["frames"]
    rests = {track["track_id"]: track for track in about["tracks"]}
    live, shown = LiveScene(), []
    for key, frame in iter_results(path):
        shown.append(live.frame(record_from_phalp(key, frame)))
    assert len(shown) == len(later) == 40
    people = 0
    for now, then in zip(shown, later, strict=True):
        assert (now["width"], now["height"]) == (about["width"], about["height"])
        assert now["time_s"] == pytest.approx(then["time_s"])
        there = {track["track_id"]: track for track in now["tracks"]}
        for one in now["people"]:
            same = next(p for p in then["people"] if p["track_id"] == one["track_id"])
            assert one == same
            track, whole = there[one["track_id"]], rests[one["track_id"]]
            assert track["color"] == whole["color"]
            np.testing.assert_allclose(track["rest"], whole["rest"], atol=0.05)
            people += 1
    assert people > 60


# -- sources --------------------------------------------------------------------------------------


def test_sources_come_from_options_and_a_file(tmp_path: Path) -> None:
    file = tmp_path / "sources"
    file.write_text("# cameras\n\nyard  rtsp://me:x#y@10.0.0.7/a b?k=1\ndesk camera:Some Cam\n")
    found = live_sources(["front=http://h/live.ts?a=b"], file)
    assert found == {
        "front": "http://h/live.ts?a=b",
        "yard": "rtsp://me:x#y@10.0.0.7/a b?k=1",
        "desk": "camera:Some Cam",
    }


@pytest.mark.parametrize(
    "option",
    [
        *("front", "=rtsp://h/a", "a b=rtsp://h/a", "a/b=rtsp://h/s3cret", "x=", "x=clip.mp4"),
        *("x=/videos/s3cret.mp4", "x=file:///s3cret", "x=ftp://h/s3cret", "x=camera:"),
        "-x=rtsp://h/s3cret",
    ],
)
def test_what_is_no_source_is_refused_without_its_address(option: str) -> None:
    with pytest.raises(ConfigError) as caught:
        live_sources([option], None)
    assert "s3cret" not in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="two live sources"):
        live_sources(["a=rtsp://h/a", "a=rtsp://h/b"], None)
    with pytest.raises(ConfigError, match="cannot read"):
        live_sources([], Path("/no/such/file"))


def test_a_run_is_told_a_name_and_opens_the_address() -> None:
    address = "rtsp://me:s3cret@10.0.0.7:554/stream?token=t0ken"
    with shown_source({"front": address}, "front") as shown:
        assert shown == "rtsp://front"
        url = Url.of(shown)
        assert (url.whole, str(url), url.name, url.host) == (address, shown, "front", "front")
        error = UnreadableSourceError("cannot reach 10.0.0.7:554", where=url, hint="10.0.0.77 is")
        assert str(error) == "cannot reach front: rtsp://front. 10.0.0.77 is"
    assert Url.of("rtsp://front").whole == "rtsp://front"
    with pytest.raises(ConfigError, match="no live source"), shown_source({}, "back"):
        pass


def test_a_file_behind_a_link_is_no_live_source(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"0" * 1000)
    with serving(tmp_path) as web:
        address = f"http://me:s3cret@127.0.0.1:{web.port}/clip.mp4"
        with (
            pytest.raises(UnreadableSourceError, match="it has an end") as caught,
            shown_source({"front": address}, "front"),
        ):
            pass
    assert str(caught.value) == "it has an end, and is no live source: front"


def test_an_error_names_no_place() -> None:
    address = "http://me:s3cret@10.0.0.7:8000/a.ts"
    text = "it leads to another server, inner.example.org, and is not followed: http://front"
    assert "inner" not in without_address(text, address, "front")
    text = f"cannot reach 10.0.0.7:8000 ({address}), host 10.0.0.7"
    assert without_address(text, address, "front") == "cannot reach front (front), host front"


def test_a_picture_is_drawn_for_who_watches(tmp_path: Path, monkeypatch: Any) -> None:
    watched = live_lines.Watched(tmp_path)
    assert not watched.is_so()
    live_lines.watch(tmp_path)
    assert watched.is_so() and watched.is_so()
    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert not watched.is_so()
    live_lines.watch(tmp_path / "not there")
