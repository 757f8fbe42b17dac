"""Tables of tracks and frames beside the rows, and what Parquet says of itself."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from humantrack.export.cli import main
from humantrack.results import load_results


@pytest.mark.parametrize(("kind", "read"), [("csv", pd.read_csv), ("parquet", pd.read_parquet)])
def test_tables_agree_with_the_rows(make_results, tmp_path, kind, read):
    path = make_results()
    out = tmp_path / "out"
    command = [str(path), "-f", kind, "--tables", "tracks,frames", "-o", f"{out}/", "--quiet"]
    assert main(command) == 0
    rows = read(out / f"clip.{kind}")
    tracks, frames = read(out / f"clip.tracks.{kind}"), read(out / f"clip.frames.{kind}")
    seen = rows[rows.state == "observed"]
    grouped = rows.groupby("track_id").frame
    assert tracks.track_id.tolist() == [1, 2, 7]
    assert tracks.first_frame.tolist() == grouped.min().tolist()
    assert tracks.last_frame.tolist() == grouped.max().tolist()
    assert tracks.observed_frames.tolist() == seen.groupby("track_id").size().tolist()
    predicted = (rows.state == "predicted").groupby(rows.track_id).sum()
    assert tracks.predicted_frames.tolist() == predicted.tolist()
    assert np.allclose(tracks.mean_score, seen.groupby("track_id").score.mean())
    assert np.allclose(tracks.betas_0, seen.groupby("track_id").betas_0.mean(), atol=1e-6)
    assert frames.frame.tolist() == list(range(40))
    assert frames.observed_people.sum() == len(seen)
    assert frames.predicted_people.sum() == len(rows) - len(seen)
    assert set(frames.image_width) == {640} and frames.key.tolist() == list(load_results(path))
    assert frames.time_s.tolist() == [i / 30 for i in range(40)]


def test_frames_without_anybody_are_there(make_results, tmp_path):
    path = make_results(people=[])
    assert main([str(path), "-o", str(tmp_path / "a.csv"), "--tables", "frames tracks"]) == 0
    assert len(pd.read_csv(tmp_path / "a.frames.csv")) == 40
    assert len(pd.read_csv(tmp_path / "a.tracks.csv")) == 0


def test_only_what_is_asked_for(make_results, tmp_path, capsys):
    path = make_results()
    assert main([str(path), "-f", "parquet", "-o", f"{tmp_path}/a/", "--tables", "tracks"]) == 0
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [
        "clip.parquet",
        "clip.tracks.parquet",
    ]
    capsys.readouterr()
    assert main([str(path), "-f", "json", "--tables", "tracks"]) == 2
    assert "--tables" in capsys.readouterr().err
    assert main([str(path), "-f", "csv", "--tables", "people"]) == 2
    assert "tracks, frames" in capsys.readouterr().err
    assert main([str(path), "-f", "csv", "-o", "-", "--tables", "tracks"]) != 0
    assert "folder" in capsys.readouterr().err


def test_parquet_says_what_it_holds(make_results, tmp_path):
    path = make_results()
    out = tmp_path / "a.parquet"
    assert main([str(path), "-o", str(out), "--focal", "700", "--tables", "tracks"]) == 0
    for file in (out, tmp_path / "a.tracks.parquet"):
        about = {k.decode(): v for k, v in pq.read_metadata(file).metadata.items()}
        assert json.loads(about["fps"]) == 30 and json.loads(about["focal_length_px"]) == 700
        assert (about["unit"], about["space"]) == (b"m", b"camera")
        assert isinstance(json.loads(about["model"]), dict)
        assert json.loads(about["humantrack"])["counts"]["frames"] == 40


def test_duckdb_reads_them(make_results, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = make_results()
    assert (
        main([str(path), "-f", "parquet", "-o", f"{tmp_path}/", "--tables", "tracks,frames"]) == 0
    )
    rows = duckdb.sql(
        f"""
        SELECT t.track_id, t.observed_frames, count(*) AS rows, max(f.time_s) AS until
        FROM '{tmp_path}/clip.parquet' r
        JOIN '{tmp_path}/clip.tracks.parquet' t USING (track_id)
        JOIN '{tmp_path}/clip.frames.parquet' f USING (frame)
        WHERE r.state = 'observed' GROUP BY ALL ORDER BY track_id
        """
    ).fetchall()
    assert [row[0] for row in rows] == [1, 2, 7]
    assert all(observed == count for _, observed, count, _ in rows)
    [found] = duckdb.sql(
        f"SELECT value FROM parquet_kv_metadata('{tmp_path}/clip.parquet') WHERE key = 'fps'"
    ).fetchall()
    assert float(bytes(found[0])) == 30


@pytest.mark.parametrize("library", ["pandas", "duckdb"])
def test_the_examples_of_the_docs_run(make_results, tmp_path, monkeypatch, capsys, library):
    pytest.importorskip(library)
    path = make_results(name="out.pkl")
    assert main([str(path), "-f", "parquet", "--tables", "tracks,frames", "--quiet"]) == 0
    monkeypatch.chdir(path.parent)
    page = (Path(__file__).parents[2] / "docs" / "python.md").read_text("utf-8")
    [code] = [
        b for b in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if f"import {library}" in b
    ]
    names = {}
    exec(code, names)
    assert names["fps"] == 30
    assert capsys.readouterr().out
