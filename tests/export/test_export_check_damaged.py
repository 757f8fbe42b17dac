"""Every format has a check, which finds a number that is 5 mm, 2 px or a degree off."""

from __future__ import annotations

import csv
import json
import re
import struct

import joblib
import numpy as np
import pytest
from world_tools import make_world

from humantrack.errors import ConfigError, OutputError
from humantrack.export.check import READABLE, check
from humantrack.export.cli import main
from humantrack.export.formats.base import FORMATS
from humantrack.results import load_results

NEEDS = {"usd": "pxr", "rrd": "rerun.chunk", "c3d": "ezc3d"}
NEEDS |= dict.fromkeys(("parquet", "angles-parquet"), "pyarrow")


def files_of(path, kind, *words):
    """What a format writes of some results, by name."""
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind])
    before = set(path.parent.iterdir())
    assert main([str(path), "-f", kind, "--quiet", *words]) == 0
    return sorted(set(path.parent.iterdir()) - before)


def test_every_format_has_a_check():
    assert set(READABLE) == set(FORMATS)


ANGLES = ("angles", "angles-parquet", "mot-osim", "sto")
WORDS = [[], ["--frames", "6:31"], ["--fps", "50"], ["--smooth", "savgol"], ["--gaps", "split"]]


@pytest.mark.parametrize("kind", [*ANGLES, "obj"])
@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_angles_and_surfaces_are_what_was_meant(kind, words, make_results, attempt):
    path = make_results(count=40 if kind in ANGLES else 9)
    if kind == "obj" and "6:31" in words:
        words = ["--frames", "5:8"]
    files = files_of(path, kind, *words)
    assert files
    for file in files:
        outcome = attempt("--check", file, *words)
        assert outcome.code == 0, outcome.lines
        unit = "deg" if kind in ANGLES else "mm"
        assert re.search(rf"difference 0\.0\d+ {unit} \(", outcome.lines[-1]), outcome.lines


@pytest.mark.parametrize("kind", [*ANGLES, "obj"])
def test_angles_and_surfaces_in_the_world(kind, make_results, attempt):
    path = make_results(count=12)
    make_world(path)
    files = [f for f in files_of(path, kind) if not f.name.endswith(".gait.json")]
    assert attempt("--check", files[0]).code == 0
    if kind not in ("angles", "angles-parquet"):  # they do not tell of the root
        other = attempt("--check", files[0], "--space", "camera")
        assert other.code == OutputError.exit_code, other.lines


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.angles.csv"])
def test_a_table_of_angles_is_known_by_its_columns(name, make_results, attempt):
    path = make_results()
    assert main([str(path), "-f", "angles", "-o", str(path.with_name(name)), "--quiet"]) == 0
    outcome = attempt(path, "--check", path.with_name(name), "--gaps", "interpolate")
    assert outcome.code == 0 and "deg (" in outcome.lines[-1], outcome.lines


# -- damage ---------------------------------------------------------------------------------------


def in_json(file):
    text = file.read_text()
    spoilt = json.loads(text.splitlines()[4]) if file.suffix == ".jsonl" else json.loads(text)
    frame = spoilt if file.suffix == ".jsonl" else spoilt["frames"][3]
    frame["people"][0]["joints_3d"][4][1] += 0.005
    lines = text.splitlines()
    if file.suffix == ".jsonl":
        lines[4] = json.dumps(spoilt)
    file.write_text("\n".join(lines) if file.suffix == ".jsonl" else json.dumps(spoilt))


def in_csv(column, off):
    def spoil(file):
        with file.open(newline="") as lines:
            rows = list(csv.reader(lines))
        at = rows[0].index(column)
        rows[4][at] = str(float(rows[4][at]) + off)
        with file.open("w", newline="") as lines:
            csv.writer(lines).writerows(rows)

    return spoil


def in_parquet(column, off):
    def spoil(file):
        import pyarrow as pa
        from pyarrow import parquet

        table = parquet.read_table(file)
        values = table.column(column).to_numpy().copy()
        values[3] += off
        at = table.column_names.index(column)
        field = table.schema.field(at)
        parquet.write_table(table.set_column(at, field, pa.array(values, field.type)), file)

    return spoil


def in_pickle(key):
    def spoil(file):
        frames = dict(load_results(file))
        frame = list(frames.values())[5]
        frame[key][0] = frame[key][0] + np.float32([0, 0.005, 0])
        joblib.dump(frames, file)

    return spoil


def in_text(line, cell, off, separator=None):
    def spoil(file):
        lines = file.read_text().splitlines()
        cells = lines[line].split(separator)
        cells[cell] = f"{float(cells[cell]) + off:.6f}"
        lines[line] = (separator or " ").join(cells)
        file.write_text("\n".join(lines) + "\n")

    return spoil


def in_npz(file):
    arrays = dict(np.load(file))
    arrays["trans"][4, 0] += 0.005
    np.savez(file, **arrays)


def in_c3d(file):
    import ezc3d

    read = ezc3d.c3d(str(file))
    read["data"]["points"][1, 2, 5] += 5
    del read["data"]["meta_points"]["residuals"]
    read.write(str(file))


def in_glb(file):
    data = bytearray(file.read_bytes())
    (length,) = struct.unpack_from("<I", data, 12)
    document = json.loads(data[20 : 20 + length])
    root = document["skins"][0]["joints"][0]
    [moved] = [
        (animation, channel)
        for animation in document["animations"]
        for channel in animation["channels"]
        if channel["target"] == {"node": root, "path": "translation"}
    ]
    accessor = document["accessors"][moved[0]["samplers"][moved[1]["sampler"]]["output"]]
    view = document["bufferViews"][accessor["bufferView"]]
    at = 28 + length + view.get("byteOffset", 0) + accessor.get("byteOffset", 0) + 5 * 12
    (x,) = struct.unpack_from("<f", data, at)
    struct.pack_into("<f", data, at, x + 0.005)
    file.write_bytes(data)


def in_usd(file):
    from pxr import Sdf

    layer = Sdf.Layer.OpenAsAnonymous(str(file))
    [spot] = [
        spec
        for spec in layer.GetPrimAtPath("/World/track1").nameChildren
        if "translations" in spec.attributes
    ]
    moves = layer.QueryTimeSample(spot.attributes["translations"].path, 4)
    moves = [type(move)(move) for move in moves]
    moves[0] += type(moves[0])(0.005, 0, 0)
    layer.SetTimeSample(spot.attributes["translations"].path, 4, moves)
    layer.Export(str(file))


DAMAGE = {
    "json": (in_json, r"5\.0\d\d mm \(right_wrist, track 1, frame 3"),
    "jsonl": (in_json, r"5\.0\d\d mm \(right_wrist, track 1, frame 3"),
    "csv": (in_csv("right_wrist_y", 0.005), r"5\.0\d\d mm \(right_wrist, track 1, frame 3"),
    "parquet": (in_parquet("right_wrist_y", 0.005), r"5\.0\d\d mm \(right_wrist, track 1, f"),
    "phalp": (in_pickle("camera"), r"5\.0\d\d mm \(.*, track 1, frame 5"),
    "blender": (in_pickle("camera"), r"5\.0\d\d mm \(.*, track1, frame 5"),
    "npz": (in_npz, r"5\.0\d\d mm \(.*, track1, frame 4"),
    "bvh": (in_text(-3, 1, 0.005), r"5\.0\d\d mm \(.*, track1, frame 37"),
    "trc": (in_text(9, 3, 0.005, "\t"), r"5\.0\d\d mm \(.*, track1, frame 3"),
    "c3d": (in_c3d, r"5\.0\d\d mm \(.*, track1, frame 5"),
    "glb": (in_glb, r"5\.0\d\d mm \(.*, track1, frame 5"),
    "usd": (in_usd, r"5\.0\d\d mm \(.*, track1, frame 4"),
    "obj": (in_text(7, 2, 0.005), r"[45]\.\d\d\d mm \(vertex 7, track1, frame 0"),
    "mot": (in_text(4, 2, 2, ","), r"2\.000 px \(box's first corner, track 1, frame 4"),
    "angles": (in_csv("left_knee_rotation", 1), r"1\.000 deg \(left_knee, track1, frame 3"),
    "angles-parquet": (
        in_parquet("right_shoulder_elevation", -1),
        r"1\.000 deg \(right_shoulder, track1, frame 3",
    ),
    "mot-osim": (in_text(-2, 11, 1, "\t"), r"1\.000 deg \(.*, track1, frame 38"),
    "sto": (in_text(-2, 4, 0.005, "\t"), r"5\.000 mm \(pelvis, track1, frame 38"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_number_that_was_changed_is_told(kind, make_results):
    path = make_results()
    words = ["--frames", "0:2", "--tracks", "1"] if kind == "obj" else []
    file = files_of(path, kind, *words)[0]
    check(path, file)
    spoil, told = DAMAGE[kind]
    spoil(file)
    with pytest.raises(OutputError, match=told):
        check(path, file)


def test_a_changed_box_of_coco_is_told(make_results):
    path = make_results()
    [file] = files_of(path, "coco")
    document = json.loads(file.read_text())
    document["annotations"][3]["keypoints"][3 * 7] += 2
    file.write_text(json.dumps(document))
    with pytest.raises(OutputError, match=r"by 2\.000 px \(left_elbow, track 1"):
        check(path, file)


def test_a_recording_of_other_results_is_told(make_results, edit_results):
    """Rerun's files cannot be changed in place."""
    path = make_results()
    [file] = files_of(path, "rrd")

    def move(frames):
        frames[3]["3d_joints"][0][4] += np.float32([0, 0.005, 0])

    edit_results(path, move)
    with pytest.raises(OutputError, match=r"by 5\.0\d\d mm \(right_wrist, track1, frame 3"):
        check(path, file)


@pytest.mark.parametrize("kind", ANGLES)
def test_other_times_and_people_are_told(kind, make_results, attempt, person):
    path = make_results()
    file = files_of(path, kind)[0]
    slower = make_results(fps=25)
    told = r"time_s is 0\.\d+, not 0\.04" if "angles" in kind else r"time is 0\.\d+, not 0\.04"
    with pytest.raises(OutputError, match=told):
        check(slower, file)
    fewer = make_results([person(1, range(39))], count=39)
    with pytest.raises(OutputError, match="not in the results with 40 frames"):
        check(fewer, file)
    more = make_results([*(person(i, range(40)) for i in (1, 2, 7, 9))])
    if "angles" in kind:
        with pytest.raises(OutputError):
            check(more, file)


def test_a_row_less_than_said_is_told(make_results):
    path = make_results()
    file = files_of(path, "sto")[0]
    file.write_text("\n".join(file.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(OutputError, match="39 rows and says 40"):
        check(path, file)


def test_files_beside_an_export_say_why_they_have_no_check(make_results, attempt):
    path = make_results(count=8)
    words = ["-f", "csv", "-f", "bvh", "--tables", "tracks,frames", "--timeline", "clip"]
    assert main([str(path), *words, "--quiet"]) == 0
    names = ["clip.tracks.csv", "clip.frames.csv", "clip_track1.visible.csv", "clip.meta.json"]
    for name in names:
        assert path.with_name(name).exists()
        for results in ([], [path]):
            outcome = attempt(*results, "--check", path.with_name(name))
            outcome.assert_refused(ConfigError.exit_code, name.partition(".")[2])
