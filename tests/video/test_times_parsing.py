"""Times as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.errors import ConfigError
from humantrack.video import parse_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (90, 90.0),
        (1.5, 1.5),
        (0, 0.0),
        ("90", 90.0),
        (" 1.5 ", 1.5),
        (".5", 0.5),
        ("1.5s", 1.5),
        ("500ms", 0.5),
        ("1m30s", 90.0),
        ("1m 30 s", 90.0),
        ("2H", 7200.0),
        ("1h2m3s4ms", 3723.004),
        ("5m", 300.0),
        ("01:30", 90.0),
        ("00:01:30.5", 90.5),
        ("100:00", 6000.0),
        ("12:00:00", 43200.0),
        (-1, None),
        (-1.0, None),
        ("-1", None),
        ("", None),
        ("  ", None),
        (None, None),
    ],
)
def test_accepted_forms(text, seconds):
    assert parse_time(text) == pytest.approx(seconds) if seconds is not None else True
    assert (parse_time(text) is None) == (seconds is None)


@pytest.mark.parametrize(
    "text",
    ["abc", "1:2:3:4", "1:60", "1:60:00", "-5", "1e3", "s", "1 30", "30s1m", "1,5", "٣", "nan",
     "inf", "9" * 400, -2, -0.5, float("nan"), float("inf"), True, "1.5:00", ":30", "1m30"],
)  # fmt: skip
def test_anything_else_is_refused_by_name(text):
    with pytest.raises(ConfigError, match="1m30s") as caught:
        parse_time(text)
    assert repr(text) in str(caught.value)


@given(st.text())
def test_no_text_breaks_it(text):
    try:
        seconds = parse_time(text)
    except ConfigError:
        return
    assert seconds is None or seconds >= 0


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_clock_and_units_say_the_same(hours, minutes, seconds, milliseconds):
    expected = pytest.approx(hours * 3600 + minutes * 60 + seconds + milliseconds / 1000)
    assert parse_time(f"{hours:02d}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}") == expected
    assert parse_time(f"{hours}h{minutes}m{seconds}s{milliseconds}ms") == expected
    assert parse_time(str(hours * 3600 + minutes * 60 + seconds + milliseconds / 1000)) == expected


@given(st.floats(0, 1e9))
def test_numbers_come_back_as_they_are(seconds):
    assert parse_time(seconds) == seconds
    assert parse_time(f"{seconds:.9f}") == pytest.approx(seconds, abs=1e-9)
