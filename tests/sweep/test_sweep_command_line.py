"""humantrack -m, from the command line to the files, in one process."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import ClassVar

import pytest

from humantrack import load_results, session
from humantrack.cli.main import main
from humantrack.config.options import plain
from humantrack.errors import InterruptedRunError, SourceError, StageError
from humantrack.pipeline.summary import RunSummary
from humantrack.run.settings import run_fingerprint
from humantrack.trackers.embedded import BlazePose_4dhuman

FEW = ("video.end_frame=3", "render.enable=false", "tracker=embedded")


class Stub:
    """Stands for a tracker: writes what a run writes, and says what it was made for."""

    made: ClassVar[list[str]] = []
    tracked: ClassVar[list[str]] = []

    def __init__(self, cfg):
        self.cfg = cfg
        Stub.made.append(cfg.video.source)

    def track(self, stop=None, progress=None):
        source = Path(self.cfg.video.source)
        Stub.tracked.append(str(source))
        if "bad" in source.name:
            raise StageError("tracking failed", where=source.name)
        if not source.exists():
            raise SourceError("no such video", where=source)
        results = Path(self.cfg.video.output_dir) / "results" / "demo_x.pkl"
        results.parent.mkdir(parents=True, exist_ok=True)
        results.write_bytes(str(self.cfg.phalp.n_init).encode())
        meta = {"status": "complete", "results": results.name, "error": None, "frame_count": 3}
        meta |= {"people": 1, "timings_s": {"total": 1.5}}
        meta["fingerprint"] = run_fingerprint(plain(self.cfg), source)
        results.with_name("demo_x.meta.json").write_text(json.dumps(meta))
        return RunSummary(
            name="x", results=results, overlay=None, meta=None, frames=3, people=1, seconds=1.5
        )


@pytest.fixture
def stub(monkeypatch, tmp_path):
    """Works in a new folder with a tracker that does nothing; gives the class."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "choose_tracker", lambda cfg: (Stub, "a test's"))
    monkeypatch.setattr("humantrack.cli.job._session", session.Session())
    Stub.made, Stub.tracked = [], []
    return Stub


def touch(*paths: str) -> None:
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(path)


def code_of(*arguments: str) -> int:
    try:
        main(["-m", *arguments])
    except SystemExit as stop:
        return int(stop.code)
    return 0


def clips(stem: str = "sweep") -> dict[str, str]:
    content = json.loads(Path(f"outputs/{stem}.json").read_text())
    return {c["clip"] + c["settings"]: c["status"] for c in content["clips"]}


HOSTILE = (
    *("-dash.mp4", "sp ace.mp4", "com,ma.mp4", "equ=als.mp4", "quo'te.mp4", 'dou"ble.mp4'),
    *("ünï 漢字.mp4", "${oc.env:HOME}.mp4", "(br)[ack]{ets}.mp4", "back\\slash\\.mp4", "~x.mp4"),
    *("%20.mp4", "#hash.mp4", "@at.mp4", "null", "1e3", "a:b.mp4", "new\nline.mp4"),
)


@pytest.mark.parametrize("named", ["clips", "glob(clips/**/*.mp4)", "@list.txt"])
def test_hostile_names(stub, named):
    names = [name for name in HOSTILE if name.endswith(".mp4")]
    if named == "@list.txt":
        names = [name for name in HOSTILE if "\n" not in name]
    touch(*(f"clips/{name}" for name in names))
    Path("list.txt").write_text("\n".join(f"clips/{name}" for name in names))
    assert code_of(f"video.source={named}") == 0
    assert set(stub.tracked) == {f"clips/{name}" for name in names}
    assert len(stub.tracked) == len(names)
    for name in set(names) - {"${oc.env:HOME}.mp4"}:
        inside = f"clips/{name}" if named == "@list.txt" else name
        assert (Path("outputs") / inside / "results" / "demo_x.pkl").is_file()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_alone_and_in_a_comma_list(stub, name):
    touch(name, "other.mp4")
    assert code_of(f"video.source={name}") == 0
    assert code_of(f"video.source=other.mp4,{name}", "sweep.resume=false") == 0
    assert stub.tracked == [name, "other.mp4", name]


def test_equal_stems_have_folders_of_their_own_with_all_a_run_writes(stub):
    touch("clips/a/x.mp4", "clips/b/x.mp4", "clips/x.mp4", "clips/x.mov")
    assert code_of("video.source=clips", "sweep.recursive=true") == 0
    for clip in ("a/x.mp4", "b/x.mp4", "x.mp4", "x.mov"):
        folder = Path("outputs", clip)
        assert (folder / "results/demo_x.pkl").is_file()
        assert (folder / ".hydra/config.yaml").is_file()
        assert "a test's" in (folder / "humantrack.log").read_text()
    assert clips() == dict.fromkeys(["a/x.mp4", "b/x.mp4", "x.mov", "x.mp4"], "ok")


def test_settings_multiply_with_clips_and_models_are_made_once_for_each(stub):
    touch("clips/x.mp4", "clips/y.mp4")
    assert code_of("video.source=clips", "phalp.n_init=3,5", "render.type=SKELETON") == 0
    for clip in ("x.mp4", "y.mp4"):
        for n in "35":
            results = Path(f"outputs/{clip}/phalp.n_init={n}/results/demo_x.pkl")
            assert results.read_text() == n
    assert stub.made == ["clips/x.mp4", "clips/x.mp4"]
    assert clips() == {f"{c}phalp.n_init={n}": "ok" for n in "35" for c in ("x.mp4", "y.mp4")}


def test_hydras_other_sweeps_work(stub):
    touch("x.mp4")
    assert code_of("video.source=x.mp4", "phalp.n_init=range(1,4)", "video=extract,stream") == 0
    assert len(stub.tracked) == 6
    assert code_of("video.source=choice(x.mp4,x.mp4)", "hydra.sweeper.params={seed:'1,2'}") == 0
    assert len(stub.tracked) == 8


def test_finished_clips_are_left_alone_until_something_changes(stub):
    touch("clips/x.mp4", "clips/y.mp4")
    for arguments, tracked in [
        ((), ["x", "y"]),
        ((), []),
        (("device=cpu", "read_ahead=2"), []),
        (("phalp.n_init=3",), ["x", "y"]),
        (("phalp.n_init=3", "overwrite=true"), ["x", "y"]),
        (("phalp.n_init=3", "sweep.resume=false"), ["x", "y"]),
    ]:
        stub.tracked.clear()
        assert code_of("video.source=clips", *arguments) == 0
        assert stub.tracked == [f"clips/{name}.mp4" for name in tracked]
    stub.tracked.clear()
    touch("clips/z.mp4")
    Path("clips/x.mp4").write_text("another take")
    assert code_of("video.source=clips", "phalp.n_init=3") == 0
    assert stub.tracked == ["clips/x.mp4", "clips/z.mp4"]
    assert clips() == {"x.mp4": "ok", "y.mp4": "skipped", "z.mp4": "ok"}


def test_a_failed_clip_stops_no_other_and_is_tried_again(stub, capsys):
    touch("clips/1.mp4", "clips/2bad.mp4", "clips/3.mp4")
    assert code_of("video.source=clips", "sweep.max_failures=5") == 14
    assert clips() == {"1.mp4": "ok", "2bad.mp4": "failed", "3.mp4": "ok"}
    said = capsys.readouterr().err
    assert "humantrack: 1 of 3 clips did not succeed, first 2bad.mp4: failed" in said
    assert "Traceback" not in said
    stub.tracked.clear()
    assert code_of("video.source=clips", "sweep.retries=1") == 14
    assert stub.tracked == ["clips/2bad.mp4"] * 2


def test_too_many_failures_end_the_sweep(stub):
    touch("clips/1.mp4", "clips/2bad.mp4", "clips/3.mp4")
    assert code_of("video.source=clips", "sweep.max_failures=0") == 14
    assert clips() == {"1.mp4": "ok", "2bad.mp4": "failed", "3.mp4": "not begun"}


def test_shards_share_the_clips_out(stub):
    touch(*(f"clips/take{n}.mp4" for n in range(12)))
    for k in (1, 2, 3):
        assert code_of("video.source=clips", f"sweep.shard={k}/3") == 0
    assert sorted(stub.tracked) == sorted(f"clips/take{n}.mp4" for n in range(12))
    counts = [len(clips(f"sweep-{k}of3")) for k in (1, 2, 3)]
    assert sum(counts) == 12
    assert min(counts) > 0


def test_a_shard_without_a_clip_is_no_error(stub, capsys):
    touch("clips/x.mp4")
    assert [code_of("video.source=clips", f"sweep.shard={k}/2") for k in (1, 2)] == [0, 0]
    assert stub.tracked == ["clips/x.mp4"]
    assert "none of the 1 clips is in shard" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["phalp.n_init=3,5"], 2, "no video is named"),
        (["video.source="], 2, "no video is named"),
        (["video.source=empty"], 5, "no clip in the folder: empty"),
        (["video.source=glob(empty/*.mp4)"], 3, "no clip matches: empty/*.mp4"),
        (["video.source=@none.txt"], 3, "no such list of clips"),
        (["video.source=x.mp4", "phalp.n_init=3,many"], 2, "phalp.n_init"),
        (["video.source=x.mp4", "sweep.shard=9/8"], 2, "1/8 to sweep.shard=8/8"),
        (["video.source=x.mp4", "video.output_dir=."], 2, "where there is a file: x.mp4"),
        (["video.source=missing.mp4"], 15, "no such video: missing.mp4"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(stub, capsys, arguments, code, message):
    Path("empty").mkdir()
    touch("x.mp4")
    assert code_of(*arguments) == code
    said = capsys.readouterr().err
    assert message in said.splitlines()[-1]
    assert "Traceback" not in said


def test_ctrl_c_ends_the_sweep_and_the_same_command_goes_on(stub, monkeypatch):
    touch(*(f"clips/{n}.mp4" for n in range(4)))
    whole = Stub.track

    def interrupted(self, stop=None, progress=None):
        if len(Stub.tracked) == 2:
            signal.raise_signal(signal.SIGINT)
            assert stop.is_set()
            raise InterruptedRunError("stopped")
        return whole(self, stop, progress)

    monkeypatch.setattr(Stub, "track", interrupted)
    assert code_of("video.source=clips") == 130
    assert list(clips().values()) == ["ok", "ok", "stopped", "not begun"]
    monkeypatch.setattr(Stub, "track", whole)
    stub.tracked.clear()
    assert code_of("video.source=clips") == 0
    assert stub.tracked == ["clips/2.mp4", "clips/3.mp4"]


def test_the_claim_of_a_killed_sweep_is_in_nobodys_way(stub):
    touch("clips/x.mp4")
    claim = Path("outputs/x.mp4/.claim")
    claim.parent.mkdir(parents=True)
    claim.write_text(json.dumps({"token": "t", "host": "gone", "pid": 1}))
    os.utime(claim, (1, 1))
    assert code_of("video.source=clips") == 0
    assert not claim.exists()


def test_another_sweeper_still_runs_each_job_in_a_folder_of_its_own(stub):
    touch("x.mp4")
    assert code_of("hydra/sweeper=basic", "video.source=x.mp4", "phalp.n_init=3,5") == 0
    for number, n in [("0", "3"), ("1", "5")]:
        assert Path(f"outputs/{number}/results/demo_x.pkl").read_text() == n


def test_a_launcher_that_is_not_installed(stub, monkeypatch, capsys):
    monkeypatch.setattr("humantrack.sweep.launchers._is_there", lambda package: False)
    touch("x.mp4")
    assert code_of("video.source=x.mp4", "hydra/launcher=ray") == 11
    assert "pip install 'humantrack[ray]'" in capsys.readouterr().err


def test_kept_models_give_what_new_ones_give(data, tmp_path, monkeypatch):
    """The real embedded default: two clips after each other, and the second one alone."""
    monkeypatch.chdir(tmp_path)
    made = []

    class Counted(BlazePose_4dhuman):
        def setup_hmr(self):
            made.append(1)
            super().setup_hmr()

    monkeypatch.setattr(session, "choose_tracker", lambda cfg: (Counted, "a test's"))
    Path("clips").mkdir()
    for name in ("a", "b"):
        shutil.copy(data / "demo_small.mp4", f"clips/{name}.mp4")
    some = ("video.end_frame=12", "phalp.n_init=1", "render.enable=false")
    assert code_of("video.source=clips", *some) == 0
    assert len(made) == 1
    main(["video.source=clips/b.mp4", "video.output_dir=alone", *some])
    kept = load_results("outputs/b.mp4/results/demo_b.pkl")
    alone = load_results("alone/results/demo_b.pkl")
    assert list(kept) == list(alone)
    for key in kept:
        assert kept[key]["tid"] == alone[key]["tid"]
        for one, other in zip(kept[key]["smpl"], alone[key]["smpl"], strict=True):
            assert (one["body_pose"] == other["body_pose"]).all()
    assert any(frame["tid"] for frame in kept.values())


def test_results_of_auto_are_done_again_once_it_means_another_tracker(stub, monkeypatch):
    touch("clips/x.mp4")
    monkeypatch.setattr(session, "missing_files", lambda cfg: ["a file"])
    for _ in range(2):
        assert code_of("video.source=clips", "tracker=auto") == 0
    assert code_of("video.source=clips", "tracker=embedded") == 0
    assert len(stub.tracked) == 1
    monkeypatch.setattr(session, "missing_files", lambda cfg: [])
    assert code_of("video.source=clips", "tracker=auto") == 0
    assert len(stub.tracked) == 2
