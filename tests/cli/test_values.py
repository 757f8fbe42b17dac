"""Values of every key: times as numbers or text, whole numbers, booleans; what docs/ show works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from humantrack import load_config
from humantrack.cli.main import HELP, main
from humantrack.config.options import source_options
from humantrack.config.quoting import parsed
from humantrack.config.schema import all_keys
from humantrack.config.values import as_meant, keys_by_name
from humantrack.errors import ConfigError
from humantrack.run.source import open_source
from humantrack.service.jobs.overrides import job_config
from humantrack.video import parse_time

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1", 1), ("0", 0), ("90", 90), ("-1", None), ("10", 10), ("1.0", 1), ("1.5", 1.5),
        ("1s", 1), ("500ms", 0.5), ("1m30s", 90), ("2h", 7200), ("1:30", 90),
        ("00:01:30.5", 90.5), ("'90'", 90), ('"1"', 1), ("null", None), ("none", None),
        ("", None), ("-1.0", None), ("1e2", 100),
    ],
)  # fmt: skip
def test_a_time_on_the_command_line_and_in_python(written, seconds):
    cfg = load_config(f"video.start_time={written}", f"video.end_time={written}")
    assert parse_time(cfg.video.start_time) == parse_time(cfg.video.end_time) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"), [(1, 1), (0, 0), (-1, None), (1.5, 1.5), ("1:30", 90), (None, None)]
)
def test_a_time_set_in_python(value, seconds):
    cfg = load_config()
    cfg.video.start_time = cfg.video.end_time = value
    assert parse_time(cfg.video.start_time) == parse_time(cfg.video.end_time) == seconds


@pytest.mark.parametrize(
    "written", ["true", "yes", "soon", "-3", "nan", "inf", "1:90", "[1]", "1x"]
)
def test_what_is_no_time_is_refused_at_once(written):
    with pytest.raises(ConfigError, match=re.escape(f"video.start_time={written}")):
        load_config(f"video.start_time={written}")


def test_a_boolean_is_no_time():
    cfg = load_config()
    with pytest.raises(Exception, match="bool"):
        cfg.video.start_time = True


@pytest.mark.parametrize("start", ["1", "1.0", "1s"])
def test_the_same_frames_however_a_time_is_written(start, data):
    clip = data / "demo_small.mp4"
    cfg = load_config(f"video.source={clip}", f"video.start_time={start}", "video.end_time=2")
    with open_source(source_options(cfg), None) as source:
        times = [frame.time_s for frame in source]
    assert 1 <= times[0] < 1.05
    assert 1.9 < times[-1] < 2


@pytest.mark.parametrize("value", [1, 1.0, "1", "1s"])
def test_a_service_takes_whole_numbers_and_fractions_alike(value):
    cfg = job_config(Path("a.mp4"), Path("out"), {"start_time": value, "end_frame": 10.0})
    assert parse_time(cfg.video.start_time) == 1
    assert cfg.video.end_frame == 10


@pytest.mark.parametrize(
    "overrides",
    [{"start_time": True}, {"start_time": -3}, {"end_frame": 1.5}, {"end_frame": True},
     {"end_frame": float("nan")}, {"end_frame": float("inf")}, {"start_time": float("nan")}],
)  # fmt: skip
def test_a_service_refuses_what_is_none(overrides):
    with pytest.raises(ConfigError):
        job_config(Path("a.mp4"), Path("out"), overrides)


TAKEN = {
    "int": [("3", 3), ("3.0", 3), ("'3'", 3), ('"3.0"', 3), ("1e3", 1000), ("1_000", 1000)],
    "float": [("25", 25.0), ("25.0", 25.0), ("'25'", 25.0), ("1e-3", 0.001), (".5", 0.5)],
    "bool": [
        *((t, True) for t in ("true", "True", "yes", "YES", "on", "y", "1", "'true'", "1.0")),
        *((f, False) for f in ("false", "FALSE", "no", "off", "n", "0", "'0'", '"no"')),
    ],
}
REFUSED = {
    "int": ["3.5", "many", "true", "[3]", "nan", "inf", "3,4", "''"],
    "float": ["fast", "true", "[3]", "3,4"],
    "bool": ["2", "-1", "perhaps", "[true]", "null", "1.5"],
}
TYPED = {kind: [k for k in all_keys() if k.kind == kind] for kind in TAKEN}


@pytest.mark.parametrize(("kind", "number"), [(k, n) for k in TAKEN for n in range(len(TAKEN[k]))])
def test_a_value_is_taken_as_its_key_needs_it(kind, number):
    written, value = TAKEN[kind][number]
    cfg = load_config(*(f"{key.name}={written}" for key in TYPED[kind]))
    for key in TYPED[kind]:
        section, _, leaf = key.name.rpartition(".")
        found = (cfg[section] if section else cfg)[leaf]
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize(("kind", "written"), [(k, w) for k in REFUSED for w in REFUSED[k]])
def test_a_value_of_another_kind_is_refused(kind, written):
    key = TYPED[kind][0].name
    with pytest.raises(ConfigError) as caught:
        load_config(f"{key}={written}")
    assert key in str(caught.value)


@given(st.integers(-(10**9), 10**9), st.sampled_from(TYPED["int"]))
def test_any_whole_number_stays_itself(number, key):
    for written in (f"{number}", f"{number}.0"):
        override = parsed(as_meant(f"{key.name}={written}"))
        assert override is not None
        assert override.value() == number
        assert type(override.value()) is int


EXAMPLE = re.compile(r"(?<![\w.{/])([A-Za-z_]\w*(?:\.\w+)*)=(\"[^\"]*\"|'[^']*'|[^\s`,;)]+)")
PLACEHOLDER = re.compile(r"FILE|FOLDER|NAME|[<>|]|\.\.\.|\$[A-Z]|^(CLIP|VIDEO|OUT|N)$")


SHOWN_AS_REFUSED = {"render.fps=0.0001"}
OF_OTHER_PACKAGES = {'tracker="jersey"', "tracker=jersey", "phalp.detector=boxer"}
"""Of docs/own-tracker.md, which tests/plugins runs."""


def shown():
    """Every ``key=value`` of ours that a page or a help text shows, but for placeholders."""
    texts = [HELP, *(p.read_text("utf-8") for p in PAGES), *(k.help for k in all_keys())]
    found = set()
    for text in texts:
        for key, written in EXAMPLE.findall(text):
            value = written.rstrip(".:'" if written[0] in "'\"" else ".:'\"")
            if key in keys_by_name() and not PLACEHOLDER.search(value):
                found.add(f"{key}={value}")
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    times = re.search(r"Times are written (.*?)\. ", page)
    assert times is not None
    for value in re.findall(r"`([^`]+)`", times[1]):
        found |= {f"video.start_time={value}", f"video.end_time={value}"}
    return sorted(found - SHOWN_AS_REFUSED - OF_OTHER_PACKAGES)


def test_the_pages_show_examples():
    keys = {text.partition("=")[0] for text in shown()}
    assert len(keys) > 15
    assert {"video.source", "video.start_time", "phalp.n_init", "render.type"} <= keys


def is_of_parts(example):
    """These make several runs of one, which no stand-in for a tracker can."""
    return example.startswith(("split.", "results.observations"))


def command_lines():
    """The examples, several to a line: a key's first example in the first line, and so on."""
    by_key = {}
    for example in (e for e in shown() if not is_of_parts(e)):
        by_key.setdefault(example.partition("=")[0], []).append(example)
    most = max(map(len, by_key.values()))
    return [[some[n] for some in by_key.values() if n < len(some)] for n in range(most)]


@pytest.mark.parametrize("examples", command_lines(), ids=lambda line: f"{len(line)}-{line[0]}")
def test_examples_go_through_the_command(examples, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMERA", "rtsp://camera.example/1")
    [cfg] = run("hydra.run.dir=out", "hydra.output_subdir=null", *examples)
    parse_time(cfg.video.start_time)
    parse_time(cfg.video.end_time)


@pytest.mark.parametrize("example", [e for e in shown() if is_of_parts(e)])
def test_examples_of_parts_are_composed(example, capsys):
    main(["--cfg", "job", example])
    key, _, value = example.rpartition(".")[2].partition("=")
    composed = yaml.safe_load(capsys.readouterr().out)[example.partition(".")[0]][key]
    assert str(composed).lower().removesuffix(".0") == value


@pytest.mark.parametrize("key", [k for k in all_keys() if not isinstance(k.default, list)])
def test_every_default_may_be_written_out(key):
    written = "null" if key.default is None else str(key.default)
    override = parsed(as_meant(f"{key.name}={written}"))
    assert override is not None
    assert override.value() == key.default


def lines_of_help():
    for text in HELP.splitlines():
        if text.startswith("  humantrack ") and " -m " not in text:
            words = re.split(r"\s{3,}", text.strip())[0]
            yield shlex.split(words.removesuffix(" results only, no overlay video"))[1:]


@pytest.mark.parametrize("command", list(lines_of_help()), ids=" ".join)
def test_every_command_of_the_help_is_composed(command, capsys):
    main(["--cfg", "job", *command])
    assert "source:" in capsys.readouterr().out


@pytest.mark.parametrize("written", ["debug=true", "debug=yes", "++debug=1", "debug=True"])
def test_debug_shows_a_traceback_however_it_is_written(written, capsys):
    with pytest.raises(SystemExit):
        main([written, "vdeo.source=a"])
    assert "Traceback" in capsys.readouterr().err
