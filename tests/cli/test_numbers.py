"""Invalid numbers are refused before any work, by their key's name."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack import ConfigError, load_config
from humantrack.cli.main import main
from humantrack.config.ranges import RANGES, check_number, check_numbers
from humantrack.config.schema import all_keys


def test_every_default_is_allowed_and_every_range_is_of_a_key():
    check_numbers(load_config())
    names = {k.name for k in all_keys() if not k.inert}
    assert set(RANGES) <= names


@pytest.mark.parametrize("value", ["0.0001", "0", "-1", "nan", "inf", "1e9"])
def test_a_rate_that_no_video_has_costs_nothing(value, capsys, tmp_path, data):
    arguments = [f"video.source={data / 'demo_small.mp4'}", f"video.output_dir={tmp_path / 'out'}"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "hydra.run.dir=.", "hydra.output_subdir=null", f"render.fps={value}"])
    said = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert "render.fps=" in said[-1]
    assert "loading models" not in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("key", sorted(RANGES))
def test_bounds_are_allowed_and_what_lies_beyond_is_not(key):
    allowed = RANGES[key]
    check_number(key, allowed.least)
    check_number(key, allowed.most)
    beyond = [allowed.least - 1, math.nan] + [allowed.most + 1] * math.isfinite(allowed.most)
    for value in beyond:
        with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
            check_number(key, value)


@given(st.sampled_from(sorted(k.name for k in all_keys())), st.floats() | st.integers())
def test_any_number_passes_or_is_refused_in_one_line(key, value):
    try:
        check_number(key, value)
    except ConfigError as error:
        assert f"{key}={value}" in str(error)
    else:
        assert key not in RANGES or RANGES[key].least <= value <= RANGES[key].most


@pytest.mark.parametrize("value", [None, True, "90", "1m30s", [192, 256]])
def test_what_is_no_number_is_not_looked_at(value):
    check_number("video.start_time", value)


def test_a_sweep_is_refused_before_its_first_clip(tmp_path, capsys, data):
    with pytest.raises(SystemExit) as ended:
        main(
            [
                *("-m", f"video.source={data / 'demo_small.mp4'}", "render.fps=25,0.0001"),
                f"video.output_dir={tmp_path / 'out'}",
            ]
        )
    assert ended.value.code == 2
    assert "render.fps=0.0001" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", ["auto", "1", 1, "1000", 5])
def test_a_pace_is_auto_or_a_number(value):
    check_number("embedded.detect_every", value)


@pytest.mark.parametrize("value", ["0", 0, -3, "1001", "often", "1.5", 2.5, ""])
def test_any_other_pace_is_refused_by_its_key(value):
    with pytest.raises(ConfigError, match=r"embedded\.detect_every"):
        check_number("embedded.detect_every", value)
