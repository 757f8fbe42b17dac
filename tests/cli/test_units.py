"""Sizes and ages of a command line."""

from __future__ import annotations

import re

import pytest

from humantrack.errors import ConfigError
from humantrack.units import parse_age, parse_size


def test_sizes_and_ages_are_read() -> None:
    assert [parse_size(t, "--x") for t in ("5", "1.5kB", "100 GB")] == [5, 1500, 10**11]
    assert [parse_age(t, "--x") for t in ("90s", "1.5h", "7d", "2w")] == [90, 5400, 604800, 1209600]


@pytest.mark.parametrize("bad", ["", "-1", "x", "4X", "1e3", "9" * 400, "inf", "5 7"])
def test_what_is_none_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError, match=f"--keep {re.escape(bad)}".strip()):
        parse_size(bad, "--keep")
    with pytest.raises(ConfigError, match="--keep"):
        parse_age(bad, "--keep")


def test_a_size_may_be_too_small() -> None:
    assert parse_size("1", "--x", least=1) == 1
    with pytest.raises(ConfigError):
        parse_size("0", "--x", least=1)
