"""Hostile systems: no permission, no space, no home, long names; by the real command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import hostile_clips as clips
import pytest

from humantrack import load_config, load_results
from humantrack.cli.main import main
from humantrack.trackers.official_files import missing_files

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
HANGS_AFTER_S = 300


def run(capsys, *arguments: str) -> tuple[int, str]:
    """Exit code and stderr of ``humantrack`` with these arguments."""
    try:
        main(list(arguments))
        code = 0
    except SystemExit as stop:
        code = stop.code
    return code, capsys.readouterr().err


DRIVER = """
import contextlib, io, json, os, sys
from humantrack.track import main

def run(arguments):
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            main(arguments)
            code = 0
        except SystemExit as stop:
            code = stop.code
    return code, said.getvalue()

cases = json.loads(sys.argv[1])
if os.geteuid() == 0:  # what is imported late must be there before the rights go
    assert run(cases.pop("warm-up"))[0] == 0
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
os.environ["HOME"] = cases.pop("home")  # which the user must not look into
print(json.dumps({name: run(arguments) for name, arguments in cases.items()}))
"""


@pytest.fixture
def open_folder():
    """A folder that every user can reach, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for path in folder.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


@POSIX
def test_missing_permissions_are_one_line_each(open_folder):
    clip = clips.write(open_folder / "clip.mp4", frames=3)
    locked = open_folder / "locked"
    locked.mkdir()
    clips.write(locked / "inside.mp4", frames=3)
    secret = clips.write(open_folder / "secret.mp4", frames=3)
    secret.chmod(0)
    read_only = open_folder / "read-only"
    read_only.mkdir()
    read_only.chmod(0o555)
    locked.chmod(0)
    out = open_folder / "out"
    out.mkdir()
    out.chmod(0o777)
    sources = {
        "warm-up": (clip, open_folder / "warm"),
        "locked folder": (locked, out),
        "in a locked folder": (locked / "inside.mp4", out),
        "glob in a locked folder": (locked / "*.png", out),
        "locked file": (secret, out),
        "read-only output": (clip, read_only),
        "output in a locked folder": (clip, locked / "out"),
        "all is well": (clip, out),
    }
    cases = {
        name: [f"video.source={source}", f"video.output_dir={target}", "render.enable=false"]
        for name, (source, target) in sources.items()
    }
    cases["home"] = str(locked)
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, json.dumps(cases)],
        capture_output=True,
        text=True,
        timeout=HANGS_AFTER_S,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"cannot run as a user without rights: {done.stderr[-300:]}")
    outcomes = json.loads(done.stdout.splitlines()[-1])
    codes = {name: code for name, (code, _) in outcomes.items()}
    assert codes == {
        **{"locked folder": 4, "in a locked folder": 4, "glob in a locked folder": 4},
        **{"locked file": 4, "read-only output": 8, "output in a locked folder": 8},
        "all is well": 0,
    }, outcomes
    for name, (code, said) in outcomes.items():
        assert "Traceback" not in said, name
        assert sum(line.startswith("humantrack: ") for line in said.splitlines()) == bool(code)
    assert len(load_results(out / "results" / "demo_clip.pkl")) == 3


def test_a_user_without_a_home_finds_no_official_files(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("HUMANTRACK_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert len(missing_files(load_config())) == len(missing_files(load_config("tracker=hmr2"))) > 5


def command(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "humantrack", *arguments],
        capture_output=True,
        text=True,
        timeout=HANGS_AFTER_S,
        check=False,
        **options,
    )


@POSIX
@pytest.mark.slow
def test_without_a_home_it_runs(tmp_path):
    clip = clips.write(tmp_path / "clip.mp4", frames=3)
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")}
    done = command(f"video.source={clip}", f"video.output_dir={tmp_path / 'out'}", env=kept)
    assert done.returncode == 0, done.stderr
    assert len(load_results(tmp_path / "out" / "results" / "demo_clip.pkl")) == 3


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from humantrack.track import main
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
main(sys.argv[1:])
"""


@POSIX
@pytest.mark.slow
def test_a_disk_without_room_keeps_the_frames_that_fitted(tmp_path, data):
    """No file may grow beyond 60 kB: to the program, the disk is full from there on."""
    out = tmp_path / "out"
    arguments = [f"video.source={data / 'demo_small.mp4'}", f"video.output_dir={out}"]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *arguments, "render.enable=false"],
        capture_output=True,
        text=True,
        timeout=HANGS_AFTER_S,
        check=False,
    )
    assert done.returncode == 8, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("humantrack: ")]
    assert len(lines) == 1
    assert "Traceback" not in done.stderr
    partial = out / "results" / "demo_demo_small.partial.pkl"
    frames = load_results(partial)
    assert 0 < len(frames) < 90
    assert f"{len(frames)} frames are kept in {partial}" in lines[0]
    assert not (out / "results" / "demo_demo_small.pkl").exists()


def test_a_name_of_255_bytes_is_shortened_in_what_is_written(capsys, tmp_path):
    names = ["a" * 251 + ".mp4", "a" * 250 + "b.mp4", "視" * 83 + "ab.mp4"]
    assert [len(os.fsencode(name)) for name in names] == [255, 255, 255]
    out = tmp_path / "out"
    made = set()
    for name in names:
        clip = clips.write(tmp_path / "clip.mp4", frames=3).rename(tmp_path / name)
        code, said = run(capsys, f"video.source={clip}", f"video.output_dir={out}", "video=extract")
        assert code == 0, said
        new = {p for p in (out / "results").glob("*.pkl") if ".world." not in p.name} - made
        assert len(new) == 1
        made |= new
        stem = new.pop().stem.removeprefix("demo_")
        assert stem[0] == name[0]
        assert (out / f"PHALP_{stem}.mp4").exists()
        assert (out / "results" / f"demo_{stem}.meta.json").exists()
        assert len(list((out / "_DEMO" / stem / "img").iterdir())) == 3
    longer = tmp_path / ("a" * 256 + ".mp4")
    code, said = run(capsys, f"video.source={longer}", f"video.output_dir={out}")
    assert code in (3, 4)
    assert "Traceback" not in said


def test_names_that_no_terminal_likes_are_tracked(capsys, tmp_path):
    for name in ("-dash.mp4", " spaced out .mp4", "a=b,c[d]{e}.mp4", "'quoted\".mp4", "$(x)#.mp4"):
        clip = clips.write(tmp_path / "clip.mp4", frames=1).rename(tmp_path / name)
        out = tmp_path / "out"
        code, said = run(
            capsys, f"video.source={clip}", f"video.output_dir={out}", "render.enable=false"
        )
        assert (name, code) == (name, 0), said
        assert (out / "results" / f"demo_{name.removesuffix('.mp4')}.pkl").exists()
