"""The user's own yaml files: --config-dir and --config-name."""

from __future__ import annotations

import os
import sys

import pytest
from omegaconf import OmegaConf

from humantrack.cli.main import main
from humantrack.units import parse_time


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Writes a file of the user's, into a folder that is also where the user is."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="mine.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


HERE = ("--config-dir", ".", "--config-name", "mine")


def test_a_file_from_the_defaults(run, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [cfg] = run("--config-dir", data / "config", "--config-name", "own_config")
    assert (cfg.video.source, cfg.video.start_time) == ("cam.left.mp4", 1)
    assert cfg.phalp.n_init == 5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "broken.yaml:2"),
        ("mistyped", "mistyped.yaml:5. Did you mean video.source"),
        ("wrong_type", "wrong_type.yaml:6"),
        ("nosuch", "no such configuration: nosuch.yaml"),
    ],
)
def test_a_fault_is_told_with_its_place(name, message, refused, data):
    assert message in refused("--config-dir", data / "config", "--config-name", name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video: [\n", "broken yaml"),
        ("video:\n\tsource: a\n", "mine.yaml:2"),
        ("video: {source: a\n", "broken yaml"),
        ("a: 'b\n", "broken yaml"),
        ("video: !!python/object:os.system {}\n", "mine.yaml"),
        ("video:\n  source: a\n  source: b\n", "mine.yaml:3"),
        ("video: *nosuch\n", "mine.yaml:1"),
        ("just a text\n", "holds no settings"),
        ("- video.source=a\n", "holds no settings"),
        ("video:\n  source: caf\xe9\n".encode("latin-1"), "UTF-8"),
        ("\x00", "mine.yaml"),
        ("vdeo:\n  source: a\n", "mine.yaml:1. Did you mean"),
        ("video.source: a\n", "mine.yaml:1. Write video: and under it source:"),
        ("n_init: 3\n", "did you mean phalp.n_init"),
        ("video:\n  source: a\nphalp:\n  n_int: 3\n", "mine.yaml:4. Did you mean phalp.n_init"),
        ("phalp: 3\n", "mine.yaml:1"),
        ("phalp:\n  n_init: [1]\n", "phalp.n_init"),
        ("phalp:\n  n_init: 3.5\n", "mine.yaml:2"),
        ("phalp:\n  n_init: true\n", "mine.yaml:2"),
        ("phalp:\n  n_init:\n", "mine.yaml:2"),
        ("render:\n  enable: perhaps\n", "mine.yaml:2"),
        ("render:\n  fps: fast\n", "mine.yaml:2"),
        ("video:\n  start_time: true\n", "mine.yaml:2"),
        ("video:\n  start_time: soon\n", "mine.yaml:2"),
        ("video:\n  start_time: -5\n", "mine.yaml:2"),
        ("video:\n  output_dir: ~\n", "mine.yaml:2"),
        ("expand_bbox_shape: [a, b]\n", "mine.yaml:1"),
        ("defaults: [nosuch, _self_]\n", "nosuch"),
        ("defaults: 3\n", "defaults"),
        ("defaults: [config, {video: nosuch}, _self_]\n", "video"),
        ("defaults: [_self_]\nvideo: {source: a}\n", "- config"),
        ("defaults: [mine, _self_]\n", "mine"),
        ("# @package a b\nvideo: {source: a}\n", "mine.yaml:1"),
        ("hydra:\n  nosuch: 1\nvideo: {source: a}\n", "nosuch"),
    ],
)
def test_what_is_wrong_is_one_line(text, message, own, refused):
    own(text)
    assert message.lower() in refused(*HERE).lower()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_file_that_may_not_be_read(own, refused):
    own("video: {source: a}\n").chmod(0)
    assert "mine.yaml" in refused(*HERE)


def test_a_folder_in_the_place_of_a_file(own, refused):
    own("", "mine.yaml/x")
    assert "no such configuration" in refused(*HERE)


@pytest.mark.parametrize("text", ["", "defaults: [config]\n", "# nothing\n", "video:\n", "---\n"])
def test_a_file_that_sets_nothing_is_the_defaults(text, own, run):
    own(text)
    [cfg] = run(*HERE, "video.source=a.mp4")
    assert (cfg.video.source, cfg.video.output_dir, cfg.seed) == ("a.mp4", "outputs/", 42)


def test_a_file_without_a_defaults_list_begins_from_the_defaults(own, run):
    own("video: {source: a.mp4}\nphalp: {n_init: 3}\n")
    [cfg] = run(*HERE, "phalp.max_age_track=7")
    assert (cfg.video.source, cfg.phalp.n_init, cfg.phalp.max_age_track) == ("a.mp4", 3, 7)
    assert cfg.render.output_resolution == 1440


VALUES = [
    ("video.output_dir", "2024_10_05", "2024_10_05"),
    ("video.output_dir", "2024.10", "2024.10"),
    ("video.output_dir", "0123", "0123"),
    ("video.output_dir", "1e3", "1e3"),
    ("video.output_dir", "0x10", "0x10"),
    ("video.output_dir", "on", "on"),
    ("video.output_dir", "12:30", "12:30"),
    ("video.output_dir", "2024-10-05", "2024-10-05"),
    ("video.output_dir", "'2024_10'", "2024_10"),
    ("video.boxes", "a (1), b=[2].json", "a (1), b=[2].json"),
    ("video.boxes", "None", None),
    ("video.boxes", "null", None),
    ("video.boxes", "~", None),
    ("track_dataset", "007", "007"),
    ("phalp.predict", "none", None),
    ("phalp.n_init", "3.0", 3),
    ("phalp.n_init", "'3'", 3),
    ("video.end_frame", "none", None),
    ("render.fps", "25", 25.0),
    ("render.fps", "'29.97'", 29.97),
    ("render.enable", "no", False),
    ("render.enable", "0", False),
    ("render.enable", "'off'", False),
    ("video.start_time", "1", 1),
    ("video.start_time", "0", 0),
    ("video.start_time", "1.5", 1.5),
    ("video.start_time", "'90'", "90"),
    ("video.start_time", "1m30s", "1m30s"),
    ("video.start_time", "-1", -1),
    ("video.start_time", "null", None),
    ("expand_bbox_shape", "[3, 4]", [3, 4]),
    ("expand_bbox_shape", "null", None),
]
"""Keys, what a file says and what a run gets."""


def files_of_values():
    """The values, several to a file: a key's first value in the first file, and so on."""
    by_key = {}
    for row in VALUES:
        by_key.setdefault(row[0], []).append(row)
    most = max(map(len, by_key.values()))
    return [[some[n] for some in by_key.values() if n < len(some)] for n in range(most)]


@pytest.mark.parametrize("rows", files_of_values(), ids=len)
def test_values_arrive_as_written(rows, own, run):
    lines = {}
    for key, written, _ in rows:
        section, _, leaf = key.rpartition(".")
        lines.setdefault(section, []).append(f"{leaf}: {written}\n")
    text = "".join(lines.pop("", []))
    for number, (section, some) in enumerate(lines.items()):
        if number % 2 or any("," in line for line in some):
            text += f"{section}:\n" + "".join(f"  {line}" for line in some)
        else:
            text += f"{section}: {{{', '.join(line.strip() for line in some)}}}\n"
    own(text)
    is_placed = any(key == "video.output_dir" for key, _, _ in rows)
    [cfg] = run(*HERE, *([] if is_placed else ["video.output_dir=out"]))
    for key, written, value in rows:
        section, _, leaf = key.rpartition(".")
        found = (cfg[section] if section else cfg)[leaf]
        assert found == value, (key, written)
        assert type(found) is type(value) or isinstance(value, list), (key, written)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("1:30", 90), ("01:30", 90), ("1:30.5", 90.5), ("00:01:30.5", 90.5), ("1:00:00", 3600)],
)
def test_a_clock_is_the_time_it_shows(written, seconds, own, run):
    from humantrack.video import parse_time

    own(f"video:\n  end_time: {written}\n")
    [cfg] = run(*HERE)
    assert parse_time(cfg.video.end_time) == seconds


def test_the_command_line_comes_after_the_file(own, run):
    own("video: {source: a.mp4, output_dir: 2024_10}\n")
    [cfg] = run(*HERE, "video.output_dir=2024_11")
    assert cfg.video.output_dir == "2024_11"


def test_groups_of_the_users_own(own, run):
    own("extract_video: true\nstart_time: 1\n", "video/mine.yaml")
    own("# @package _global_\nphalp: {n_init: 3}\n", "night/dark.yaml")
    [cfg] = run("--config-dir", ".", "video=mine", "+night=dark", "video.source=a.mp4")
    assert cfg.video.extract_video is True
    assert (cfg.video.start_time, cfg.phalp.n_init) == (1, 3)


def test_a_mistyped_key_in_a_group(own, refused):
    own("extract_vido: true\n", "video/mine.yaml")
    said = refused("--config-dir", ".", "video=mine", "video.source=a.mp4")
    assert "mine.yaml:1. Did you mean video.extract_video" in said


def test_a_file_on_another_file(own, run):
    own("defaults: [config, _self_]\nphalp: {n_init: 3, track_history: 4}\n", "lab.yaml")
    own(
        "defaults: [lab, override video: extract, _self_]\nphalp: {n_init: 6}\n".replace(
            "override video: extract", "{override video: extract}"
        )
    )
    [cfg] = run(*HERE, "video.source=a.mp4")
    assert (cfg.phalp.n_init, cfg.phalp.track_history) == (6, 4)
    assert cfg.video.extract_video is True


@pytest.mark.parametrize("name", [(), ("--config-name", "config")])
def test_a_file_called_config(name, own, refused):
    own("video: {source: a.mp4}\n", "config.yaml")
    assert "config.yaml. Rename it" in refused("--config-dir", ".", *name)


def test_the_name_may_have_its_ending_and_the_folder_a_home(own, run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    own("video: {source: ~/a.mp4}\n")
    [cfg] = run("--config-dir=~", "--config-name=mine.yaml")
    assert cfg.video.source == str(tmp_path / "a.mp4")


def test_an_output_folder_at_home(own, run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    own("video: {source: a.mp4, output_dir: ~/res}\n")
    [cfg] = run(*HERE)
    assert cfg.video.output_dir == str(tmp_path / "home" / "res")
    assert (tmp_path / "home" / "res" / ".hydra").is_dir()
    assert not (tmp_path / "~").exists()


def test_a_sweep_with_a_file(own, data, tmp_path):
    own("video: {output_dir: 2024_10, end_time: 0.1}\nrender: {enable: no}\n")
    clip = data / "demo_small.mp4"
    main([*HERE, "-m", f"video.source={clip}"])
    assert (tmp_path / "2024_10" / clip.name / "results" / "demo_demo_small.pkl").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="joblib's processes are slow to start there")
def test_a_sweep_with_a_file_in_other_processes(own, data, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    own("video: {output_dir: 2024_10, end_time: 0.1}\nrender: {enable: no}\n")
    clip = data / "demo_small.mp4"
    main([*HERE, "-m", "hydra/launcher=joblib", f"video.source={clip}"])
    assert (tmp_path / "2024_10" / clip.name / "results" / "demo_demo_small.pkl").is_file()


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("video.start_time", "010", 10),
        ("video.start_time", "1:30", "1:30"),
        ("video.start_time", "1:02:03.5", "1:02:03.5"),
        ("video.start_time", "90.", 90),
        ("video.start_time", "1e1", 10),
        ("video.start_time", "-1", -1),
        ("video.end_frame", "010", 10),
        ("video.end_frame", "1_000", 1000),
        ("seed", "1e3", 1000),
        ("seed", "9223372036854775807", 2**63 - 1),
        ("phalp.hungarian_th", "007", 7.0),
    ],
)
def test_numbers_are_those_of_the_command_line(key, text, value, run, own):
    section, _, leaf = key.rpartition(".")
    own(f"{section}:\n  {leaf}: {text}\n" if section else f"{leaf}: {text}\n")
    [cfg] = run(*HERE)
    [typed] = run(f"{key}={text}")
    assert OmegaConf.select(cfg, key) == value
    read = OmegaConf.select(typed, key)
    if key == "video.start_time":
        assert parse_time(read) == parse_time(value)
    else:
        assert read == value


@pytest.mark.parametrize("text", ["0x10", "1:60", "-5", ".inf", "yes"])
def test_what_is_no_time_is_none_in_a_file_either(text, refused, own):
    own(f"video:\n  start_time: {text}\n")
    assert "mine.yaml:2" in refused(*HERE)


def test_a_clock_is_no_number_of_frames(refused, own):
    own("video:\n  end_frame: 1:30\n")
    assert "mine.yaml:2" in refused(*HERE)


@pytest.mark.parametrize("text", ["video: [1]\n", "video: clip.mp4\n"])
def test_a_section_with_a_value_is_called_a_section(text, refused, own):
    own(text)
    said = refused(*HERE)
    assert "mine.yaml:1" in said
    assert "takes no value" in said
    assert "video.source" in said
