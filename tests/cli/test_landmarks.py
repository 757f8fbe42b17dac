"""The key embedded.landmarks."""

from __future__ import annotations

import pytest

from humantrack import load_config, models
from humantrack.config.options import landmark_model
from humantrack.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("auto", models.BLAZEPOSE_HEAVY),
        ("heavy", models.BLAZEPOSE_HEAVY),
        ("full", models.BLAZEPOSE),
    ],
)
def test_it_names_a_network(name, model):
    assert landmark_model(load_config(f"embedded.landmarks={name}")) == model


@pytest.mark.parametrize("name", ["bad", "Heavy", "1", "''"])
def test_another_name_is_refused_in_one_line(name):
    with pytest.raises(ConfigError, match="auto, heavy or full") as error:
        landmark_model(load_config(f"embedded.landmarks={name}"))
    assert "embedded.landmarks=" in str(error.value)
    assert "\n" not in str(error.value)
