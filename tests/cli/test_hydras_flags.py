"""Hydra's own flags and syntax: each does what its help says, or is refused in one line."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys

import pytest

from humantrack.cli.main import main

REFUSED = {
    "--foo": "unknown flag: --foo",
    "--foo=1 video.source=a": "unknown flag",
    "-x": "unknown flag",
    "video.source=a --foo": "unknown flag",
    "--conf job": "unknown flag",
    "--cfg nosuch": "--cfg",
    "--cfg": "--cfg",
    "--info nosuch": "--info",
    "--resolve video.source=a": "--cfg job",
    "--package video video.source=a": "--cfg job",
    "-p video": "--cfg job",
    "--cfg job -m video.source=a": "do not go together",
    "--info all --cfg job": "do not go together",
    "-r -m video.source=a": "do not go together",
    "-sc": "--hydra-help",
    "-sc install=tcsh": "--hydra-help",
    "-sc install": "--hydra-help",
    "-sc query=bash": "shell",
    "--experimental-rerun": "--experimental-rerun",
    "--experimental-rerun nosuch.pickle": "no such file: --experimental-rerun nosuch.pickle",
    "--experimental-rerun broken.pickle": "broken.pickle",
    "--experimental-rerun empty.pickle": "empty.pickle",
    "--experimental-rerun number.pickle": "number.pickle",
    "--config-dir": "--config-dir",
    "--config-dir nosuch": "no such folder: --config-dir nosuch",
    "--config-dir broken.pickle": "no such folder",
    "--config-name nosuch": "no such configuration: nosuch.yaml",
    "-cn": "-cn",
    "--config-path=nosuch video.source=a": "nosuch",
    "-m": "no video is named",
    "--multirun": "no video is named",
    "-m video.source=": "no video is named",
    "-m hydra.sweeper.max_batch_size=x video.source=broken.pickle": "max_batch_size=x",
    "-m hydra.sweeper.max_batch_size=0 video.source=broken.pickle": "max_batch_size=0",
    "clip.mp4": "video.source=clip.mp4",
    "-": "key=value",
    "=x": "unknown key: =x",
    "video.=x": "cannot read",
    "video=nosuch": "extract, stream",
    "hydra/launcher=nosuch video.source=a": "joblib",
    "-m hydra/launcher=nosuch video.source=a": "joblib",
    "hydra/nosuch=1 video.source=a": "hydra/nosuch",
    "hydra.nosuch=1 video.source=a": "hydra.nosuch",
    "hydra.job.chdir=maybe video.source=a": "hydra.job.chdir",
    "hydra.mode=x video.source=a": "RUN, MULTIRUN",
    "hydra.run.dir= video.source=a": "hydra.run.dir",
    "hydra.searchpath=nosuch video.source=a": "hydra.searchpath",
    "hydra.searchpath=[nosuch] video.source=a": "no such folder: hydra.searchpath=[nosuch]",
    "hydra.searchpath=[file://nosuch] video.source=a": "no such folder",
    "~video.source": "a key cannot be taken away: ~video.source",
    "~video.source=a video.source=b": "~video.source",
    "~seed": "default, 42",
    "~phalp": "~phalp",
    "~phalp.n_int": "did you mean phalp.n_init",
    "+video.source=a": "leave out the +",
    "+phalp.n_init=3": "leave out the +",
    "+nosuch=1": "unknown key: nosuch",
    "++video.sorce=a": "did you mean video.source",
    "video.output_dir= video.source=a": "video.output_dir=",
    "video={sorce:a}": "sorce",
    "phalp=3": "phalp",
    "video.source=${nosuch}": "nosuch",
    "seed=${ video.source=a": "seed",
}


@pytest.mark.parametrize("command", REFUSED)
def test_refused_in_one_line(command, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COMP_LINE", raising=False)
    (tmp_path / "broken.pickle").write_bytes(b"no pickle")
    (tmp_path / "empty.pickle").touch()
    (tmp_path / "number.pickle").write_bytes(pickle.dumps(3))
    assert REFUSED[command].lower() in refused(*command.split()).lower()


def test_flags_and_keys_come_in_any_order(capsys):
    main(["video.source=a,b.mp4", "--cfg", "job", "phalp.n_init=3", "--resolve"])
    said = capsys.readouterr().out
    assert "source: a,b.mp4" in said
    assert "n_init: 3" in said


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("--cfg job -p video video.source=clip.mp4", "source: clip.mp4"),
        ("--cfg hydra video.source=clip.mp4", "FolderSweeper"),
        ("--cfg all video.source=clip.mp4", "source: clip.mp4"),
        ("--info", "Config search path"),
        ("--info video.source=clip.mp4", "source: clip.mp4"),
        ("--info defaults", "video/stream"),
        ("--info defaults-tree", "humantrack_schema"),
        ("--info config video.source=clip.mp4", "source: clip.mp4"),
        ("--info plugins", "Installed Hydra Plugins"),
        ("--info searchpath", "Config search path"),
        ("--hydra-help", "-sc install=bash"),
    ],
)
def test_what_hydra_shows(arguments, shown, capsys):
    try:
        main(arguments.split())
    except SystemExit as end:
        assert end.code == 0
    assert shown in capsys.readouterr().out


def test_a_package_that_is_not_there(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--cfg", "job", "--package", "nosuch"])
    assert stop.value.code == 2
    assert "nosuch" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["-sc", "--shell-completion"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed_as_hydras_help_says(flag, shell, capsys):
    main([flag, f"install={shell}"])
    said = capsys.readouterr().out
    assert "complete" in said
    main([flag, f"uninstall={shell}"])


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("humantrack video.sou", ["video.source="]),
        ("humantrack render.ty", ["render.type="]),
        ("humantrack video.source=a phalp.n_", ["phalp.n_init="]),
        ("humantrack video=", ["video=extract", "video=stream"]),
    ],
)
def test_completion_knows_the_keys(line, options, monkeypatch, capsys):
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    main(["-sc", "query=bash"])
    assert capsys.readouterr().out.split() == options


def test_completion_in_a_real_shell(tmp_path):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    command = tmp_path / "humantrack"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m humantrack.cli.main "$@"\n')
    command.chmod(0o755)
    script = """
        eval "$(humantrack -sc install=bash)"
        COMP_LINE="humantrack phalp.n_" COMP_POINT=19 COMP_WORDS=(humantrack phalp.n_) COMP_CWORD=1
        hydra_bash_completion
        echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        [bash, "--norc", "-c", script],
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "phalp.n_init=", done.stderr


def test_a_key_may_be_forced_and_repeated(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [cfg] = run("++video.source=a (1), b.mp4", "++phalp.n_init=3", "phalp.n_init=4")
    assert cfg.video.source == "a (1), b.mp4"
    assert cfg.phalp.n_init == 4


def test_hydras_folder_is_where_it_is_told_to_be(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("video.source=a.mp4", "hydra.run.dir=runs, 2024_10")
    assert (tmp_path / "runs, 2024_10" / ".hydra" / "config.yaml").is_file()


def test_paths_begin_where_the_user_was(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    [cfg] = run(
        *("video.source=a.mp4", "video.output_dir=out", "hydra.job.chdir=true"),
        *("video.boxes=~/b.json", "hmr.checkpoint=/abs.ckpt", "SMPL.MODEL_PATH=models/"),
    )
    assert cfg.video.source == str(tmp_path / "a.mp4")
    assert cfg.video.output_dir == str(tmp_path / "out")
    assert cfg.video.boxes == str(tmp_path / "home" / "b.json")
    assert cfg.hmr.checkpoint == "/abs.ckpt"
    assert str(tmp_path / "models") + "/" == cfg.SMPL.MODEL_PATH
    assert cfg.hmr.hmar_path is None


def test_a_run_in_hydras_folder_finds_its_clip(data, tmp_path, monkeypatch):
    shutil.copy(data / "demo_small.mp4", tmp_path / "a.mp4")
    monkeypatch.chdir(tmp_path)
    few = ("video.end_frame=2", "render.enable=false", "hydra.job.chdir=true")
    main(["video.source=a.mp4", "video.output_dir=out", *few])
    assert (tmp_path / "out" / "results" / "demo_a.pkl").is_file()
    main(["-m", "video.source=a.mp4", "video.output_dir=all", *few])
    assert (tmp_path / "all" / "a.mp4" / "results" / "demo_a.pkl").is_file()
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"a.mp4", "out", "all"}


def test_a_job_is_run_again(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    callback = "hydra.experimental.callbacks.PickleJobInfoCallback"
    run("video.source=a b.mp4", "phalp.n_init=3", f"+hydra.callbacks.again._target_={callback}")
    [file] = tmp_path.rglob("config.pickle")
    [cfg] = run("--experimental-rerun", file)
    assert (cfg.video.source, cfg.phalp.n_init) == ("a b.mp4", 3)
