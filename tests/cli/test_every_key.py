"""No key of the schema promises what is not done: it is read, or any other value is refused."""

from __future__ import annotations

import importlib
import sys
from operator import attrgetter
from pathlib import Path

import pytest
from official_files import write_official_files
from omegaconf import DictConfig

from humantrack import ConfigError, load_config
from humantrack.cli.main import main
from humantrack.config.options import detector_options, run_options
from humantrack.config.ranges import check_values
from humantrack.config.schema import all_keys
from humantrack.session import choose_tracker
from humantrack.split.job import workers_of

FAKES = Path(__file__).parents[1] / "fakes"
name_of = attrgetter("name")
REFUSING = [k for k in all_keys() if k.only is not None and k.only != (False, True)]


def other_than(key) -> str:
    return {"bool": "true", "int": "7", "float": "0.33", "text": "other", "path": "other"}[key.kind]


@pytest.mark.parametrize("key", REFUSING, ids=name_of)
def test_a_key_with_one_value_refuses_any_other(key, capsys, tmp_path, data):
    argument = f"{key.name}={other_than(key)}"
    check_values(load_config(f"{key.name}={key.default_text}"))
    with pytest.raises(ConfigError) as caught:
        check_values(load_config(argument))
    assert f"can only be {key.default_text}: {key.name}=" in str(caught.value)
    quiet = ["hydra.run.dir=.", "hydra.output_subdir=null"]
    with pytest.raises(SystemExit) as ended:
        main(
            [
                *quiet,
                f"video.source={data / 'demo_small.mp4'}",
                f"video.output_dir={tmp_path}",
                argument,
            ]
        )
    said = capsys.readouterr().err.splitlines()
    assert ended.value.code == ConfigError.exit_code
    assert key.name in said[-1]
    assert not list(tmp_path.iterdir())


def test_frames_are_always_ffmpegs():
    for value in ("true", "false"):
        check_values(load_config(f"video.useffmpeg={value}"))


def test_the_genuine_classes_get_what_the_user_gives():
    check_values(load_config("tracker=upstream", "render.res=512"))
    check_values(load_config("upstream.class_=a.B", "SMPL.TEXTURE=x.npz"))


@pytest.fixture
def read(monkeypatch) -> set[str]:
    """The names of keys that have been read since."""
    names: set[str] = set()
    original = DictConfig._get_impl

    def get(self, key, default_value, **options):
        if isinstance(key, str):
            names.add(self._get_full_key(key))
        return original(self, key, default_value, **options)

    monkeypatch.setattr(DictConfig, "_get_impl", get)
    return names


def test_every_other_key_is_read(read, data, tmp_path, monkeypatch):
    monkeypatch.setenv("HUMANTRACK_CACHE", str(tmp_path / "official"))
    write_official_files(tmp_path / "official")
    monkeypatch.setattr(sys, "path", [str(FAKES), *sys.path])
    clip = f"video.source='{data / 'demo_small.mp4'}'"
    for tracker in ("embedded", "hmr2", "upstream"):
        cfg = load_config(clip, f"tracker={tracker}", "device=cpu", "phalp.detector=nanodet")
        before = set(sys.modules)
        run_options(cfg)
        run_options(load_config(clip, "phalp.start_frame=0", "video.boxes=a.json"))
        kind, _ = choose_tracker(cfg)
        if tracker == "upstream":
            from humantrack.upstream import adapter

            adapter.genuine_config(cfg, "cpu", adapter.HMR2_4dhuman.files)
            for name in set(sys.modules) - before:
                del sys.modules[name]
        elif tracker == "hmr2":
            _build(kind, cfg)
        else:
            kind(cfg)
    cfg = load_config(clip, "split.parts=2", "phalp.detector=rfdetr")
    named = {"name": "rfdetr", "device": "cpu", "least_score": 0.5, "boxes": None}
    assert detector_options(cfg, **named).batch_size == cfg.rfdetr.batch_size
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "a.mp4").write_bytes((data / "demo_small.mp4").read_bytes())
    line = ["-m", f"video.source={folder}", f"video.output_dir={tmp_path / 'out'}"]
    monkeypatch.chdir(tmp_path)
    main([*line, "video.end_frame=2", "tracker=embedded"])
    importlib.invalidate_caches()
    parts = [clip, f"video.output_dir={tmp_path / 'parts'}", "split.parts=2", "split.part=1"]
    main([*parts, "video.end_frame=4", "tracker=embedded"])
    assert workers_of(load_config(clip)) >= 1
    unread = {key.name for key in all_keys() if key.only is None} - read
    assert not unread


def _build(kind, cfg):
    """The tracker with the small networks of the tests' files."""
    from official_files import TINY_DECODER, TINY_VIT

    from humantrack.hmr2.decoder import DecoderSizes
    from humantrack.hmr2.vit import VitSizes

    small = {"vit": VitSizes(**TINY_VIT), "decoder": DecoderSizes(**TINY_DECODER)}
    type("Tiny", (kind,), small)(cfg)
