"""A run is told from another by its source's content and by the keys that change a result."""

from __future__ import annotations

import os
import shutil

import pytest

from humantrack.fingerprint import (
    LONGEST_NAME,
    config_fingerprint,
    shortened,
    source_fingerprint,
)

CONFIG = {"phalp": {"n_init": 5}, "seed": 42, "device": "cpu", "video": {"source": "a", "start": 1}}


def test_a_copy_is_the_same_source_and_a_changed_file_is_not(tmp_path):
    first, copy = tmp_path / "a.mp4", tmp_path / "b.mp4"
    first.write_bytes(bytes(5_000_000))
    shutil.copyfile(first, copy)
    assert source_fingerprint(first) == source_fingerprint(copy)
    seen = {source_fingerprint(first)}
    for change in (0, 2_500_000, 4_999_999):
        data = bytearray(5_000_000)
        data[change] = 1
        copy.write_bytes(data)
        seen.add(source_fingerprint(copy))
    copy.write_bytes(bytes(5_000_001))
    seen.add(source_fingerprint(copy))
    assert len(seen) == 5


def test_of_a_folder_names_count_too(tmp_path):
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"one")
    assert source_fingerprint(tmp_path / "x") == source_fingerprint(tmp_path / "y")
    (tmp_path / "y" / "1.png").rename(tmp_path / "y" / "2.png")
    assert source_fingerprint(tmp_path / "x") != source_fingerprint(tmp_path / "y")
    with pytest.raises(OSError, match="gone"):
        source_fingerprint(tmp_path / "gone")


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"device": "cuda"}, True),
        ({"video": {"source": "b", "start": 1}}, True),
        ({"checkpoint": {"every_s": 1}}, True),
        ({"seed": 43}, False),
        ({"phalp": {"n_init": 3}}, False),
        ({"video": {"source": "a", "start": 2}}, False),
    ],
)
def test_only_keys_that_change_a_result_count(change, same):
    before = config_fingerprint(CONFIG, version="1")
    assert (config_fingerprint({**CONFIG, **change}, version="1") == before) is same
    assert config_fingerprint(CONFIG, version="2") != before


def test_long_names_are_cut_and_stay_different():
    assert shortened("walk") == "walk"
    assert shortened("a" * LONGEST_NAME) == "a" * LONGEST_NAME
    names = ["a" * 251, "a" * 250 + "b", "視" * 83, "é" * 127, "\udcff" * 200]
    short = [shortened(name) for name in names]
    assert len(set(short)) == len(names)
    assert all(len(os.fsencode(name)) <= LONGEST_NAME for name in short)
    assert short[0].startswith("a" * 100)
    assert short[0] == shortened("a" * 251)
