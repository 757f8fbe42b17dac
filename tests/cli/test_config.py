"""The configuration: PHALP's keys, typed values, mistyped keys, the generated page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from humantrack.config.load import check_overrides, conf_dir, load_config
from humantrack.config.schema import all_keys
from humantrack.errors import ConfigError

ROOT = Path(__file__).parents[2]


def test_defaults_stream_the_whole_clip():
    cfg = load_config("video.source=clip.mp4")
    assert cfg.video.extract_video is False
    assert [cfg.video[k] for k in ("start_frame", "end_frame", "start_time", "end_time")] == [
        None
    ] * 4
    assert cfg.phalp.n_init == 5
    assert list(cfg.expand_bbox_shape) == [192, 256]


def test_video_group_chooses_phalps_mode():
    assert load_config("video=extract").video.extract_video is True
    assert load_config("video=stream").video.extract_video is False


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("vdeo.source=a.mp4", "did you mean video.source"),
        ("video.sorce=a.mp4", "did you mean video.source"),
        ("n_init=3", "did you mean phalp.n_init"),
        ("phalp.max_age=3", "phalp.max_age_track"),
        ("render.typ=HUMAN_BBOX", "did you mean render.type"),
        ("xyzzyx=1", "docs/configuration.md"),
        ("phalp.n_init=many", "phalp.n_init"),
        ("render.enable=perhaps", "render.enable"),
        ("clip.mp4", "video.source=clip.mp4"),
        ("phalp.n_init=[a (1)", "quotes"),
        ("+new=1", "unknown key: new"),
        ("render=false", "a section and takes no value"),
        ("video=clip.mp4", "video.source=clip.mp4"),
        ("video.source", "give it a value"),
        ("~seed", "cannot be taken away"),
    ],
)
def test_a_wrong_key_or_value_is_one_line_that_helps(override, message):
    with pytest.raises(ConfigError) as caught:
        load_config(override)
    assert message.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)


def test_hydras_own_overrides_pass():
    check_overrides(
        ["hydra.run.dir=x", "+hydra.new=1", "~hydra.sweeper", "video=extract", "phalp.n_init=3,5"]
    )


def test_every_key_of_phalps_command_line_is_there():
    names = {k.name for k in all_keys()}
    assert names >= {
        *("video.source", "video.output_dir", "video.extract_video", "video.base_path"),
        *("video.start_frame", "video.end_frame", "video.start_time", "video.end_time"),
        *("render.enable", "render.type", "render.fps", "render.output_resolution"),
        *("render.head_mask", "phalp.predict", "phalp.distance_type", "phalp.hungarian_th"),
        *("phalp.max_age_track", "phalp.n_init", "phalp.track_history", "phalp.past_lookback"),
        *("detect_shots", "use_gt", "overwrite", "device", "seed", "debug", "track_dataset"),
        *("expand_bbox_shape", "base_tracker"),
    }


def test_every_key_has_a_sentence_of_help():
    for key in all_keys():
        assert key.help.endswith("."), key.name
        assert len(key.help) > 10, key.name


def test_conf_is_found_in_a_checkout():
    assert (conf_dir() / "config.yaml").is_file()


def test_the_page_is_generated_from_the_schema():
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "docs_configuration.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
