"""Sizes and ages of a command line."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.errors import ConfigError
from humantrack.units import parse_age, parse_size, parse_time


def test_sizes_and_ages_are_read() -> None:
    assert [parse_size(t, "--x") for t in ("5", "1.5kB", "100 GB")] == [5, 1500, 10**11]
    assert [parse_age(t, "--x") for t in ("90s", "1.5h", "7d", "2w")] == [90, 5400, 604800, 1209600]


def test_an_age_is_written_as_a_time_is() -> None:
    for text in ("1h30m", "90m", "01:30:00", "1.5 H", "5400s", "5399s1000ms"):
        assert parse_age(text, "--x") == parse_time(text) == 5400
    assert parse_age("1d12h", "--x") == parse_age("36h", "--x") == parse_age("1.5d", "--x")
    assert parse_age(" 1w 2d ", "--x") == 9 * 86400
    with pytest.raises(ConfigError, match="--x 7"):  # days, perhaps
        parse_age("7", "--x")


@given(st.text() | st.from_regex(r"[0-9.:]{1,9}(w|d|h|m|s|ms| ){1,3}[0-9.]{0,4}s?", fullmatch=True))
def test_an_age_is_finite_or_refused(text: str) -> None:
    try:
        seconds = parse_age(text, "--keep")
    except ConfigError:
        return
    assert 0 <= seconds < float("inf") and seconds == parse_time(text)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "-1",
        "x",
        "4X",
        "1e3",
        "9" * 400,
        "inf",
        "5 7",
        "1h1d",
        "1d1",
        "1:60",
        "٣d",
        "9" * 308 + "w",
        "9" * 400 + "d",
        "nan s",
    ],
)
def test_what_is_none_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError, match=f"--keep {re.escape(bad)}".strip()):
        parse_size(bad, "--keep")
    with pytest.raises(ConfigError, match="--keep"):
        parse_age(bad, "--keep")


def test_a_size_may_be_too_small() -> None:
    assert parse_size("1", "--x", least=1) == 1
    with pytest.raises(ConfigError):
        parse_size("0", "--x", least=1)
