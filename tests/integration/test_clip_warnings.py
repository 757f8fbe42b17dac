"""A clip that ended early says so: in the summary, the description, a sweep, and after a kill."""

from __future__ import annotations

import csv
import io
import json
from threading import Event

import clocked_clips as clips
import pytest
from rich.console import Console

from humantrack import BlazePose_4dhuman, InterruptedRunError, load_config
from humantrack.pipeline.progress import ProgressSink
from humantrack.pipeline.summary import RunSummary
from humantrack.sweep import outcome as out
from humantrack.sweep.job import finished, run_job
from humantrack.sweep.outcome import Reports
from humantrack.sweep.plan import Job
from humantrack.sweep.table import Row, print_table, write_sweep

CUT = "the video holds {} of the 60 frames its container promises; it may be cut off"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "walk.mp4"
    return clips.write(path, movflags="+faststart", sound=None)


@pytest.fixture(scope="module")
def short(whole, tmp_path_factory):
    return clips.cut(tmp_path_factory.mktemp("cut") / "walk.mp4", whole, 0.75)


@pytest.fixture(scope="module")
def tracker():
    return BlazePose_4dhuman(load_config("render.enable=false"))


def track(tracker, clip, folder, *settings, stop=None):
    places = (f"video.source='{clip}'", f"video.output_dir='{folder}'")
    tracker.cfg = load_config("render.enable=false", *places, *settings)
    return tracker.track(stop)


def described(done: RunSummary) -> list[str]:
    return json.loads(done.meta.read_text())["warnings"]


def printed(thing, *arguments) -> str:
    page = io.StringIO()
    thing(*arguments, Console(file=page, width=200))
    return page.getvalue()


def test_a_video_that_was_cut_off_is_a_warning(tracker, short, tmp_path):
    done = track(tracker, short, tmp_path)
    assert 0 < done.frames < 60
    assert done.warnings[0] == CUT.format(done.frames)
    assert len(done.warnings) == 2 and "decode error" in done.warnings[1]
    assert described(done) == list(done.warnings)
    assert f"warning: {CUT.format(done.frames)}\n" in printed(done.print)
    again = track(tracker, short, tmp_path, "overwrite=false")
    assert again.skipped and again.warnings == done.warnings


def test_a_whole_video_and_a_range_that_was_asked_for_are_none(tracker, whole, short, tmp_path):
    for clip, settings in (
        (whole, []),
        (whole, ["video.end_frame=9"]),
        (short, ["video.end_frame=9"]),
    ):
        done = track(tracker, clip, tmp_path, *settings)
        assert (done.warnings, described(done)) == ((), [])
        assert "warning" not in printed(done.print)
    last = track(tracker, short, tmp_path, "video.start_frame=15")
    assert last.warnings[0] == CUT.format(15 + last.frames)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_what_is_odd_but_whole_is_no_warning(ending, tracker, tmp_path):
    uneven = [n / 30 + (n > 20) * 7 for n in range(40)]
    clip = clips.write(tmp_path / f"uneven.{ending}", times_s=uneven, frames=40, sound=None)
    assert track(tracker, clip, tmp_path).warnings == ()
    if ending == "mp4":
        trimmed = clips.write(tmp_path / "trimmed.mp4", output_ts_offset="-1", sound=None)
        done = track(tracker, trimmed, tmp_path)  # an edit list leaves the first second out
        assert (done.frames, done.warnings) == (30, ())


def test_damage_without_a_promise_is_a_warning_too(tracker, tmp_path):
    whole = clips.write(tmp_path / "walk.mkv")
    done = track(tracker, clips.cut(tmp_path / "cut.mkv", whole, 0.6), tmp_path)
    assert done.warnings == (
        "the file is shorter than its header says; it may be cut off",
        "1 decode error: pictures may be damaged or missing",
    )


def test_a_warning_outlives_a_checkpoint(tracker, short, tmp_path):
    stop = Event()
    seen = tracker.tracker.update

    def update(frame_index, *arguments, **named):
        if frame_index == 12:
            stop.set()
        return seen(frame_index, *arguments, **named)

    tracker.tracker.update = update
    try:
        with pytest.raises(InterruptedRunError):
            track(tracker, short, tmp_path, "checkpoint.every_s=0", "batch_frames=4", stop=stop)
    finally:
        tracker.tracker.update = seen
    done = track(tracker, short, tmp_path, "checkpoint.every_s=0", "batch_frames=4")
    assert done.resumed_from > 0
    assert done.warnings[0] == CUT.format(done.frames)
    assert described(done) == list(done.warnings)


def test_a_sweep_tells_of_warnings_in_all_its_tables(tracker, short, tmp_path):
    reports = tmp_path / "reports"
    reports.mkdir()

    def fingerprint():
        (meta,) = (tmp_path / "clip" / "results").glob("*.meta.json")
        return json.loads(meta.read_text())["fingerprint"]

    (tmp_path / "clip").mkdir()
    ended = run_job(
        tmp_path / "clip",
        reports / "0",
        work=lambda: track(tracker, short, tmp_path / "clip"),
        explain=lambda error: error,
        fingerprint=fingerprint,
        stop=Event(),
    )
    assert ended.status == out.OK and len(ended.warnings) == 2
    assert Reports(reports).outcome(0, out.OK) == ended
    assert finished(tmp_path / "clip", fingerprint).warnings == ended.warnings
    job = Job(number=0, clip="walk.mp4", settings=(), folder=tmp_path, overrides=())
    rows = [Row(job, ended)]
    write_sweep(tmp_path, "sweep", rows, {})
    (entry,) = json.loads((tmp_path / "sweep.json").read_text())["clips"]
    assert entry["warnings"] == list(ended.warnings)
    with (tmp_path / "sweep.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert line["warnings"] == "; ".join(ended.warnings)
    assert f"warning: {ended.warnings[0]}" in printed(print_table, rows)


def test_progress_gives_a_total_up_that_is_passed():
    console = Console(file=io.StringIO(), width=100)
    sink = ProgressSink("walk", 2, console, bar=True)
    with sink:
        record = type("Record", (), {"people": ()})()
        for _ in range(2):
            sink.write(None, record)
        assert sink._plain_line().startswith("walk: frame 2/2, ")
        sink.write(None, record)
        assert sink._plain_line().startswith("walk: frame 3, ") and "left" not in sink._plain_line()
