"""Names arrive as they were typed: every key that names a path, however its value is written."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from humantrack import load_config, load_results
from humantrack.cli.arguments import read_arguments
from humantrack.cli.main import main
from humantrack.config.paths import with_paths
from humantrack.config.quoting import parsed
from humantrack.config.schema import Config, all_keys
from humantrack.config.values import as_meant
from humantrack.trackers.embedded import BlazePose_4dhuman

PATH_KEYS = [k.name for k in all_keys() if k.path]
TYPED = [
    *("2024_10_05", "2024.10", "1e3", "0x10", "007", "1_000", "1.", "-3", "+5", ".5", "on", "no"),
    *("true", "False", "inf", "nan", "NaN", "12:30", "2024-10-05", "1e400"),
    *("epoch=35-step=1000000.ckpt", "clip (1), final=2.mp4", "a,b.mp4", "[x].mp4", "{x}", "x]"),
    *("mit Leerzeichen ümläut.mp4", "日本 語.mp4", "it's.mp4", 'a"b.mp4', "'a' b", "100%.mp4"),
    *(
        "$HOME.mp4",
        "a$b",
        "a${b",
        "${",
        "a}b",
        "a\\b",
        "a\\",
        "C:\\clips\\a.mp4",
        " a",
        "a ",
        "a  b",
    ),
    *(
        "a:b",
        "a;b",
        "a&b",
        "a#b",
        "a|b",
        "a?b",
        "@list.txt",
        "+a",
        "-a",
        "~nobodys name",
        "a~",
        "=",
        "a=",
        "glob(a)",
        "choice(a,b)",
        "range(3)",
        "str(3)",
        "!a",
        "a\tb",
        "a\nb",
        "..",
        "../x/",
        "*",
    ),
]
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1, max_size=30
).filter(
    lambda n: n.strip() and n.strip().lower() not in ("null", "none", ".", "..") and "${" not in n
)


def value_of(cfg, name):
    section, _, leaf = name.rpartition(".")
    return (cfg[section] if section else cfg)[leaf]


def arrives(key, name):
    """What a key gets, without composing all the others: that is slow."""
    override = parsed(as_meant(f"{key}={name}"))
    assert override is not None
    assert not override.is_sweep_override()
    return OmegaConf.create({"value": override.value()}).value


@pytest.mark.parametrize("name", TYPED)
def test_a_path_is_as_typed(name):
    assert {arrives(key, name) for key in PATH_KEYS} == {name}


def test_names_reach_the_configuration():
    for start in range(0, len(TYPED), len(PATH_KEYS)):
        some = dict(zip(PATH_KEYS, TYPED[start:], strict=False))
        cfg = load_config(*(f"{key}={name}" for key, name in some.items()))
        assert {key: value_of(cfg, key) for key in some} == some


@pytest.mark.parametrize("name", [n for n in TYPED if not n.startswith("..")])
def test_a_path_that_exists_is_as_typed(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).touch()
    assert (arrives("hmr.checkpoint", name), arrives("++video.boxes", name)) == (name, name)


@given(NAMES, st.sampled_from(PATH_KEYS))
@example("a\\", "video.output_dir")
@example("'", "hmr.checkpoint")
@example("\\'", "hmr.checkpoint")
def test_any_name_arrives(name, key):
    if any(f"\\{c}" in name for c in "()[]{}:=, \t"):
        return  # which is Hydra's own way of quoting
    assert arrives(key, name) == name


@given(name=NAMES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_any_name_that_exists_arrives(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        (tmp_path / name).touch()
    except OSError:  # too long, or not a name to this system
        return
    assert arrives("video.boxes", name) == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ('"my clip, 2.mp4"', "my clip, 2.mp4"),
        ("'my clip, 2.mp4'", "my clip, 2.mp4"),
        ('"2024_10"', "2024_10"),
        ("'it\\'s'", "it's"),
        ("my\\,clip\\=2.mp4", "my,clip=2.mp4"),
        ("my\\ clip\\(1\\).mp4", "my clip(1).mp4"),
        ("${track_dataset}/x", "demo/x"),
        ("'${track_dataset}, x'", "demo, x"),
    ],
)
@pytest.mark.skipif(os.sep != "/", reason="a backslash stands between folders there")
def test_hydras_own_quotes_are_understood(written, name):
    cfg = load_config(f"hmr.checkpoint={written}", f"video.output_dir={written}")
    assert (cfg.hmr.checkpoint, cfg.video.output_dir) == (name, name)


def test_a_name_with_quotes_in_it_is_taken_if_it_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / '"a"').touch()
    (tmp_path / "${seed}").touch()
    cfg = load_config('video.source="a"', "video.boxes=${seed}")
    assert (cfg.video.source, cfg.video.boxes) == ('"a"', "${seed}")


@pytest.mark.parametrize("null", ["null", "NULL", "None", ""])
def test_null_is_not_a_name(null):
    keys = [k.name for k in all_keys() if k.takes_null]
    cfg = load_config(*(f"{key}={null}" for key in keys))
    assert [value_of(cfg, key) for key in keys] == [None] * len(keys)


def test_none_is_a_name_if_it_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "None").mkdir()
    assert load_config("video.source=None").video.source == "None"


@pytest.mark.parametrize("key", ["track_dataset", "base_tracker", "sweep.shard", "phalp.predict"])
@pytest.mark.parametrize("name", ["2024.10", "2024_10", "1e3", "007", "true", "on"])
def test_other_names_stay_as_typed(key, name):
    assert str(arrives(key, name)) == name


@pytest.mark.parametrize("key", PATH_KEYS)
def test_a_home_is_expanded_in_one_place(key, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    cfg = OmegaConf.structured(Config)
    for text, there in [
        ("~/a b", f"{tmp_path}/a b"),
        ("~", str(tmp_path)),
        ("./~/a", "./~/a"),
        ("~nobody at all", "~nobody at all"),
        ("a~", "a~"),
    ]:
        OmegaConf.update(cfg, key, text)
        assert value_of(with_paths(cfg), key) == there
        assert value_of(cfg, key) == text


def test_a_home_set_in_python_is_expanded(tmp_path, monkeypatch, data):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.mp4").write_bytes((data / "demo_small.mp4").read_bytes())
    monkeypatch.chdir(tmp_path)
    cfg = load_config("render.enable=false", "video.end_frame=1")
    cfg.video.source, cfg.video.output_dir, cfg.video.end_time = "~/a.mp4", "~/res", 1
    BlazePose_4dhuman(cfg).track()
    assert len(load_results(tmp_path / "res" / "results" / "demo_a.pkl")) == 1
    assert not (tmp_path / "~").exists()


def results_below(folder):
    """Results, without the worlds beside them."""
    return [path for path in folder.rglob("*.pkl") if not path.name.endswith(".world.pkl")]


ODD = ["2024_10_05", "epoch=35, (1) [x]", "ümläut $HOME 100%", "a${b", 'it\'s "x"', " blanks "]


@pytest.mark.skipif(sys.platform == "win32", reason="quotes are no part of a name there")
@pytest.mark.parametrize("name", ODD)
def test_a_run_writes_where_it_was_told(name, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip = tmp_path / f"{name}.mp4"
    clip.write_bytes((data / "demo_small.mp4").read_bytes())
    few = ("render.enable=false", "video.end_frame=1")
    main([f"video.source={clip.name}", f"video.output_dir={name}", *few])
    [found] = results_below(tmp_path / name)
    assert found.parent.parent == tmp_path / name
    main(["-m", f"video.source={clip.name}", f"video.output_dir=all {name}", *few])
    [found] = results_below(tmp_path / f"all {name}")


def test_a_run_at_home_makes_no_folder_of_that_name(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    few = ("render.enable=false", "video.end_frame=1", "video.output_dir=~/res")
    for sweep in ((), ("-m",)):
        main([*sweep, f"video.source={data / 'demo_small.mp4'}", *few])
    assert [p.name for p in tmp_path.iterdir()] == ["home"]
    assert len(results_below(tmp_path / "home" / "res")) == 2


def in_sweep(*arguments):
    return read_arguments(["-m", "video.source=clips", *arguments]).arguments[2:]


def test_a_comma_means_several_values_in_a_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b.ckpt").touch()
    assert in_sweep("hmr.checkpoint=a,b.ckpt") == ["hmr.checkpoint='a,b.ckpt'"]
    assert in_sweep("hmr.checkpoint=x=1.ckpt,y (2).ckpt") == [
        "hmr.checkpoint='x=1.ckpt','y (2).ckpt'"
    ]
    assert in_sweep("hmr.checkpoint=a,b.ckpt,c.ckpt") == ["hmr.checkpoint='a,b.ckpt','c.ckpt'"]
    assert in_sweep("hmr.checkpoint=choice(a,b)") == ["hmr.checkpoint=choice(a,b)"]
    assert in_sweep("track_dataset=2024.10,x") == ["track_dataset='2024.10',x"]
    assert in_sweep("phalp.n_init=1.0,2") == ["phalp.n_init=1,2"]
    assert in_sweep("phalp.n_init=range(1,4)") == ["phalp.n_init=range(1,4)"]
    assert in_sweep("detect_shots=yes,no") == ["detect_shots=true,false"]
    assert in_sweep("video.output_dir=2024_10") == ["video.output_dir='2024_10'"]
