"""CSV and Parquet hold the results' numbers, as pandas and pyarrow read them."""

from __future__ import annotations

import builtins
import gc
import json
import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from humantrack.body.joints import PHALP_JOINTS, SMPL_JOINTS
from humantrack.export.cli import main
from humantrack.export.formats import tabular
from humantrack.geometry.cameras import PaddedSquare
from humantrack.geometry.notations import COMPONENTS
from humantrack.geometry.rotations import (
    axis_angle_to_matrix,
    quaternion_to_matrix,
    sixd_to_matrix,
)
from humantrack.results import ResultsWriter, load_results

KINDS = ("csv", "parquet")


def exported(path, kind, *arguments):
    assert main([str(path), "-f", kind, "--force", "--quiet", *arguments]) == 0
    file = path.with_suffix(f".{kind}")
    return pd.read_csv(file) if kind == "csv" else pq.read_table(file).to_pandas()


def rewritten(path, change):
    """The results with their frames changed by ``change(key, frame, number)`` -> key."""
    frames = list(load_results(path).items())
    with ResultsWriter(path) as writer:
        for number, (key, frame) in enumerate(frames):
            writer.write_frame(change(key, frame, number), frame)


def people_of(path):
    """(number, key, frame, i) of each person and frame, in the order of the file."""
    for number, (key, frame) in enumerate(load_results(path).items()):
        for i in range(len(frame["tid"])):
            yield number, key, frame, i


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_the_results_own(make_results, kind):
    path = make_results()
    table = exported(path, kind)
    square = PaddedSquare(480, 640)
    people = list(people_of(path))
    assert len(table) == len(people)
    points = [[f"{j}_{k}" for j in PHALP_JOINTS for k in part] for part in ("xyz", "uv")]
    for (number, key, frame, i), (_, row) in zip(people, table.iterrows(), strict=True):
        assert (row.frame, row.key, row.track_id) == (number, key, frame["tid"][i])
        assert row.time_s == frame["time_s"]
        assert row.shot == bool(frame["shot"])
        assert row.tracked_time == frame["tracked_time"][i]
        assert row.state == ("observed" if row.tracked_time == 0 else "predicted")
        assert (row.image_width, row.image_height) == (640, 480)
        assert (row.center_x, row.center_y) == tuple(frame["center"][i])
        assert row.scale == frame["scale"][i]
        for names, value in (
            (["score"], frame["conf"][i]),
            ([f"bbox_{k}" for k in "xywh"], frame["bbox"][i]),
            ([f"camera_{k}" for k in "xyz"], frame["camera"][i]),
            ([f"camera_bbox_{k}" for k in "sxy"], frame["camera_bbox"][i]),
            ([f"betas_{k}" for k in range(10)], frame["smpl"][i]["betas"]),
            (points[0], frame["3d_joints"][i]),
        ):
            got = row[names].to_numpy(np.float32)
            assert np.array_equal(got, np.ravel(value)), names  # the very same float32
        seen = square.to_image(frame["2d_joints"][i].reshape(45, 2).astype(float))
        assert np.abs(row[points[1]].to_numpy(float) - seen.ravel()).max() < 1e-4
    assert set(table.state) == {"observed", "predicted"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rotations", list(COMPONENTS))
def test_every_notation_gives_the_rotations_back(make_results, kind, rotations):
    path = make_results(count=12)
    table = exported(path, kind, "--rotations", rotations)
    back = {
        "axis_angle": axis_angle_to_matrix,
        "matrix": lambda m: m.reshape(-1, 24, 3, 3),
        "quaternion": quaternion_to_matrix,
        "6d": sixd_to_matrix,
    }[rotations]
    parts = COMPONENTS[rotations]
    names = [f"rot_{joint}_{part}" for joint in SMPL_JOINTS for part in parts]
    turned = back(table[names].to_numpy(float).reshape(-1, 24, len(parts)))
    smpl = [frame["smpl"][i] for _, _, frame, i in people_of(path)]
    there = [np.concatenate([s["global_orient"], s["body_pose"]]) for s in smpl]
    assert turned == pytest.approx(np.array(there), abs=2e-6)
    assert sum(name.startswith("rot_") for name in table) == len(names)


def test_columns_are_typed_and_the_metadata_tells_what_the_document_tells(make_results):
    path = make_results()
    exported(path, "parquet", "--focal", "800")
    assert main([str(path), "--focal", "800", "--quiet"]) == 0
    document = json.loads(path.with_suffix(".json").read_text())
    del document["frames"]
    file = pq.ParquetFile(path.with_suffix(".parquet"))
    assert json.loads(file.metadata.metadata[b"humantrack"]) == document
    types = {field.name: str(field.type) for field in file.schema_arrow}
    assert types["frame"] == types["track_id"] == "int64"
    assert types["shot"] == "bool"
    assert types["state"] == types["key"] == "string"
    assert types["nose_x"] == types["rot_left_hip_x"] == "float"
    assert types["time_s"] == types["center_x"] == "double"


@pytest.mark.parametrize("kind", KINDS)
def test_camera_of_another_focal_length(make_results, kind):
    path = make_results()
    long, real = exported(path, kind), exported(path, kind, "--focal", "1250")
    assert real.camera_z.to_numpy() == pytest.approx(long.camera_z.to_numpy() / 10, rel=1e-6)
    assert np.array_equal(real.camera_x, long.camera_x)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_finite_is_missing(make_results, kind):
    path = make_results()

    def spoil(key, frame, number):
        if number == 2:
            frame["camera"][0][1] = np.nan
            frame["3d_joints"][0][0] = np.inf
            frame["conf"][0] = np.float32(-np.inf)
            frame["smpl"][0]["body_pose"][0] = np.nan
        return key

    rewritten(path, spoil)
    table = exported(path, kind)
    missing = {name for name in table if table[name].isna().any()}
    assert missing == {
        *("camera_y", "nose_x", "nose_y", "nose_z", "score"),
        *("rot_left_hip_x", "rot_left_hip_y", "rot_left_hip_z"),
    }
    assert table.index[table.camera_y.isna()].tolist() == [2]
    if kind == "csv":
        text = path.with_suffix(".csv").read_text().lower()
        assert not {"nan", "inf", "null"} & set(text.replace("\n", ",").split(","))
    else:
        file = pq.read_table(path.with_suffix(".parquet"))
        assert {name for name in file.column_names if file[name].null_count} == missing
        about = pq.read_metadata(path.with_suffix(".parquet")).metadata
        header = json.loads(about[b"humantrack"])
        assert header["counts"]["non_finite"] == 1 + 3 + 1 + 9


@pytest.mark.parametrize("kind", KINDS)
def test_keys_come_back_whatever_is_in_them(make_results, kind):
    path = make_results(count=4)
    keys = ['a,b "c".jpg', "Größe/人\n1.jpg", 'video, "x".mp4', "im\udcffg.jpg"]
    whole = [*keys[:2], (keys[2], 512), keys[3]]
    rewritten(path, lambda key, frame, number: whole[number])
    table = exported(path, kind)
    found = table.drop_duplicates("frame").key.tolist()
    assert found[:2] == keys[:2]
    assert json.loads(found[2]) == [keys[2], 512]
    assert found[3] == "im\\udcffg.jpg"
    assert main([str(path), "--force", "--quiet"]) == 0  # the document writes them the same way
    document = json.loads(path.with_suffix(".json").read_text())
    assert [f["key"] for f in document["frames"]] == [*keys[:2], [keys[2], 512], found[3]]


@pytest.mark.parametrize("kind", KINDS)
def test_silhouettes_only_on_request(make_results, kind):
    path = make_results(count=6)
    assert "mask_counts" not in exported(path, kind)

    def without_one(key, frame, number):
        if number == 3:
            frame["mask"][0] = []
        elif number == 4:
            frame["mask"][0] = [{"size": [480, 640], "counts": '=1+2","'}]
        return key

    rewritten(path, without_one)
    table = exported(path, kind, "--masks")
    masks = [frame["mask"][i] for _, _, frame, i in people_of(path)]
    for mask, (_, row) in zip(masks, table.iterrows(), strict=True):
        if mask:
            assert row.mask_counts == mask[0]["counts"]
        else:
            assert pd.isna(row.mask_counts)
    assert table.mask_counts.isna().sum() == 1


def test_precision_rounds_text_and_leaves_what_is_binary(make_results):
    path = make_results(count=8)
    fine, stored = exported(path, "csv"), exported(path, "parquet", "--precision", "2")
    size = path.with_suffix(".csv").stat().st_size
    coarse = exported(path, "csv", "--precision", "2")
    assert path.with_suffix(".csv").stat().st_size < 0.75 * size
    numbers = [name for name in fine if fine[name].dtype.kind == "f" and name != "time_s"]
    assert len(numbers) > 300
    assert np.abs(fine[numbers] - coarse[numbers]).to_numpy().max() < 0.0051
    assert np.round(coarse[numbers], 2).equals(coarse[numbers])
    assert np.array_equal(coarse.time_s, fine.time_s)
    assert np.array_equal(stored[numbers].to_numpy(np.float32), fine[numbers].to_numpy(np.float32))


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_a_table_without_rows(make_results, kind):
    path = make_results([], count=5)
    table = exported(path, kind)
    assert len(table) == 0
    assert {"frame", "track_id", "rot_pelvis_x", "nose_u"} <= set(table)


@pytest.mark.parametrize("name", ["upstream_render", "upstream_extract_cut", "upstream_stream_cut"])
def test_files_of_phalp(data, tmp_path, name):
    path = data / "results" / f"{name}.pkl"
    out = tmp_path / "t/"
    assert main([str(path), "-f", "csv", "-f", "parquet", "-o", f"{out}/", "--quiet"]) == 0
    text, stored = pd.read_csv(out / f"{name}.csv"), pd.read_parquet(out / f"{name}.parquet")
    assert list(text) == list(stored)
    assert len(text) == len(stored) == len(list(people_of(path)))
    assert np.array_equal(text.time_s, text.frame / 30)
    for column in ("bbox_w", "left_knee_u", "rot_left_knee_x"):
        assert np.array_equal(text[column].to_numpy(np.float32), stored[column])


def test_row_groups_hold_so_many_rows_and_no_more(make_results, monkeypatch):
    path = make_results(count=40)
    frames = list(load_results(path).values())
    with ResultsWriter(path) as writer:
        for i in range(300):
            writer.write_frame(str(i), {**frames[i % 40], "time": i})
    monkeypatch.setattr(tabular, "ROW_GROUP_ROWS", 150)
    table = exported(path, "parquet")
    file = pq.ParquetFile(path.with_suffix(".parquet"))
    rows = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert len(rows) > 2
    assert max(rows) < 150 + 64 * 3
    assert sum(rows) == len(table) == sum(len(frames[i % 40]["tid"]) for i in range(300))
    assert table.frame.is_monotonic_increasing


def test_memory_of_text_does_not_grow_with_the_length(make_results):
    peaks = []
    for count in (320, 960):
        path = make_results(count=40, name="long.pkl")
        frames = list(load_results(path).items())
        with ResultsWriter(path) as writer:
            for i in range(count):
                writer.write_frame(str(i), {**frames[i % 40][1], "time": i, "time_s": i / 30})
        tracemalloc.start()
        assert main([str(path), "-f", "csv", "--quiet", "--force"]) == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


@pytest.mark.parametrize("kind", KINDS)
def test_standard_output_may_be_a_pipe(make_results, kind, tmp_path):
    path = make_results(count=8)
    exported(path, kind)
    command = [sys.executable, "-m", "humantrack.export.cli", str(path), "-f", kind, "-o", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout == path.with_suffix(f".{kind}").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_malformed_frame_leaves_no_file(make_results, kind, capsys):
    path = make_results(count=200)

    def spoil(key, frame, number):
        if number == 150:
            del frame["camera"]
        return key

    rewritten(path, spoil)
    before = set(path.parent.iterdir())
    assert main([str(path), "-f", kind, "--quiet"]) == 9
    gc.collect()  # nor do abandoned writers warn
    error = capsys.readouterr().err
    assert "camera" in error
    assert len(error.splitlines()) == 1
    assert set(path.parent.iterdir()) == before


def test_parquet_without_pyarrow_says_what_to_install(make_results, monkeypatch, capsys):
    path = make_results(count=2)
    genuine = builtins.__import__

    def without(name, *rest, **more):
        if name.startswith("pyarrow"):
            raise ImportError("No module named 'pyarrow'")
        return genuine(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert main([str(path), "-f", "parquet", "--quiet"]) == 11
    assert "pip install 'humantrack[parquet]'" in capsys.readouterr().err
    assert not path.with_suffix(".parquet").exists()
