"""The collection of load_results: a dict, records and a table; and that its documentation runs."""

from __future__ import annotations

import builtins
import doctest
import pickle
import re
import shutil
from pathlib import Path

import joblib
import numpy as np
import pytest

import humantrack
from humantrack import ConfigError, DependencyError, FrameRecord, Results, ResultsError
from humantrack.results import (
    ResultsWriter,
    collection,
    load_results,
    record_from_phalp,
    write_meta,
)

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def results(tmp_path, make_record):
    """Three frames: two people, then nobody, then one who is seen and one who is not."""
    with ResultsWriter(tmp_path / "out.pkl") as writer:
        for record in (make_record(0), make_record(1, ()), make_record(2, (0, 2), shot=True)):
            writer.write(None, record)
    return load_results(tmp_path / "out.pkl")


@pytest.mark.parametrize("name", ["python.md", "collection"])
def test_the_documentation_runs(data, tmp_path, monkeypatch, name):
    shutil.copy(data / "upstream_render.pkl", tmp_path / "out.pkl")
    monkeypatch.chdir(tmp_path)
    if name == "collection":
        failed = tried = 0
        space = {}  # the examples go on from one docstring to the next
        for test in sorted(doctest.DocTestFinder().find(collection), key=lambda t: t.lineno or 0):
            test.globs = space
            runner = doctest.DocTestRunner()
            failed += runner.run(test, clear_globs=False).failed
            tried += len(test.examples)
    else:
        failed, tried = doctest.testfile(str(DOCS / name), module_relative=False)
    assert failed == 0
    assert tried > 6


def test_the_documentation_names_every_column(results):
    text = (DOCS / "python.md").read_text()
    documented = set(re.findall(r"`([a-z0-9_]+)`", text.split("### Columns")[1]))
    shown = {re.sub(r"^(rot_).*|^(betas_).*|.*(_[xyzuv])$", r"\1\2\3", c) for c in documented}
    for column in results.to_pandas(masks=True):
        short = re.sub(r"^(rot_).*|^(betas_).*|.*(_[xyzuv])$", r"\1\2\3", column)
        assert short in shown, f"{column} is not in docs/python.md"


def test_it_is_the_dictionary_it_always_was(results, make_key):
    assert isinstance(results, dict)
    assert list(results) == [make_key(0), make_key(1), make_key(2)]
    assert results[make_key(0)]["tid"] == [1, 2]
    assert isinstance(results, humantrack.Results)
    assert Results({"a": {}}) == {"a": {}}


def test_records_are_those_of_the_keys(results):
    assert len(results.records) == 3
    for record, (key, frame) in zip(results.records, results.items(), strict=True):
        assert isinstance(record, FrameRecord)
        expected = record_from_phalp(key, frame)
        assert (record.index, record.key, record.time_s) == (expected.index, key, expected.time_s)
    last = results.records[-1]
    assert last.is_shot_start
    assert [(p.track_id, p.missed) for p in last.people] == [(1, 0), (2, 2)]
    assert [r.index for r in results.records[1:]] == [1, 2]
    assert np.array_equal(
        last.people[0].observation.body_pose, list(results.values())[2]["smpl"][0]["body_pose"]
    )
    with pytest.raises(IndexError):
        _ = results.records[3]


def test_a_record_is_only_made_when_it_is_looked_at(results, make_key):
    del results[make_key(1)]["tid"]
    assert results.records[0].index == 0
    with pytest.raises(ResultsError, match="tid"):
        _ = results.records[1]


def test_ids_and_description(results, tmp_path):
    assert results.track_ids == (1, 2)
    assert results.meta is None
    write_meta(tmp_path / "out.meta.json", {"status": "complete", "frame_count": 3})
    assert load_results(tmp_path / "out.pkl").meta == {"status": "complete", "frame_count": 3}
    (tmp_path / "out.meta.json").write_text("[")
    assert load_results(tmp_path / "out.pkl").meta is None


def test_what_is_saved_of_it_needs_no_humantrack_and_is_safe_to_read(results, tmp_path):
    for save in (joblib.dump, lambda r, p: p.write_bytes(pickle.dumps(r))):
        save(results, tmp_path / "again.pkl")
        assert b"humantrack" not in (tmp_path / "again.pkl").read_bytes()
        again = load_results(tmp_path / "again.pkl")
        assert list(again) == list(results)
        assert again.to_pandas().equals(results.to_pandas())


def test_table_holds_the_results_numbers(results, make_key):
    table = results.to_pandas(rotations="matrix", masks=True)
    assert len(table) == 4
    assert table.frame.tolist() == [0, 0, 2, 2]
    assert table.key.tolist() == [make_key(0)] * 2 + [make_key(2)] * 2
    assert table.shot.tolist() == [False, False, True, True]
    assert table.time_s.tolist() == [0, 0, 2 / 30, 2 / 30]
    assert table.state.tolist() == ["observed", "observed", "observed", "predicted"]
    assert table.tracked_time.tolist() == [0, 0, 0, 2]
    assert table.columns.is_unique
    frame = results[make_key(2)]
    row = table.iloc[3]
    assert row.track_id == 2
    assert [row[f"bbox_{k}"] for k in "xywh"] == frame["bbox"][1].tolist()
    assert [row[f"nose_{k}"] for k in "xyz"] == frame["3d_joints"][1][0].tolist()
    turned = [[row[f"rot_left_knee_{i}{j}"] for j in "123"] for i in "123"]
    assert turned == frame["smpl"][1]["body_pose"][3].tolist()
    assert row.mask_counts == frame["mask"][1][0]["counts"]
    assert table.dtypes["bbox_x"] == np.float32


def test_nobody_makes_an_empty_table():
    table = Results().to_pandas()
    assert len(table) == 0
    assert list(table)[:2] == ["frame", "key"]


def test_files_of_phalp_have_no_times(upstream):
    table = load_results(upstream).to_pandas()
    assert len(table) > 5
    assert table.time_s.isna().all()
    assert set(table.state) <= {"observed", "predicted"}


def test_infinity_is_not_a_number(results, make_key):
    results[make_key(0)]["camera"][0][2] = np.inf
    table = results.to_pandas()
    assert table.camera_z.isna().tolist() == [True, False, False, False]


def test_errors_are_ours(results, make_key, monkeypatch):
    with pytest.raises(ConfigError, match="euler"):
        results.to_pandas(rotations="euler")
    broken = Results(results)
    broken[make_key(2)] = {"tid": [1]}
    with pytest.raises(ResultsError, match="000003"):
        broken.to_pandas()
    genuine = builtins.__import__

    def without_pandas(name, *rest, **more):
        if name == "pandas":
            raise ImportError("No module named 'pandas'")
        return genuine(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(DependencyError, match="pandas") as caught:
        results.to_pandas()
    assert "pip install 'humantrack[pandas]'" in str(caught.value)


def test_time_that_is_no_number_is_an_error_of_ours(results, make_key):
    results[make_key(0)]["time_s"] = "noon"
    with pytest.raises(ResultsError, match="000001"):
        results.to_pandas()
