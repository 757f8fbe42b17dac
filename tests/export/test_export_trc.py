"""TRC files, as OpenSim's reader and Pose2Sim's take them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from humantrack.body.joints import PHALP_JOINTS
from humantrack.export.cli import main
from humantrack.export.formats.trc import MARKERS

BODY_25 = (
    "CHip RHip RKnee RAnkle RBigToe RSmallToe RHeel LHip LKnee LAnkle LBigToe LSmallToe LHeel "
    "Neck Nose RShoulder RElbow RWrist LShoulder LElbow LWrist"
)
HALPE_26 = BODY_25.replace("CHip", "Hip") + " Head"


def exported(path, *arguments):
    out = path.parent / "motion"
    assert main([str(path), "-f", "trc", "-o", f"{out}/", "--force", "--quiet", *arguments]) == 0
    found = sorted(out.glob(f"{path.stem}_*.trc"))
    return {p.stem.removeprefix(f"{path.stem}_"): p for p in found}


def read_strictly(path):
    """Facts, marker names, rows: every line has the fields that OpenSim's reader counts."""
    first, keys, values, names, axes, blank, *rows, end = path.read_text().split("\n")
    assert first == f"PathFileType\t4\t(X/Y/Z)\t{path.name}"
    facts = dict(zip(keys.split("\t"), values.split("\t"), strict=True))
    assert list(facts) == [
        *("DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"),
        *("OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"),
    ]
    frame, time, *markers = [name for name in names.split("\t") if name]
    assert (frame, time, blank, end) == ("Frame#", "Time", "", "")
    count = len(markers)
    assert count == int(facts["NumMarkers"]) and len(rows) == int(facts["NumFrames"])
    expected = [f"{axis}{i}" for i in range(1, count + 1) for axis in "XYZ"]
    assert [axis for axis in axes.split("\t") if axis] == expected
    assert names.split("\t")[2::3][:-1] == markers  # a name stands over its X
    table = np.array([row.split("\t") for row in rows], float)
    assert table.shape == (len(rows), 2 + 3 * count)
    return facts, markers, table


def read_with_pandas(path):
    """Marker -> (T,3), and the two first columns."""
    markers = path.read_text().splitlines()[3].split("\t")[2::3][:-1]
    table = pd.read_csv(path, sep="\t", skiprows=4)
    points = table.loc[:, ~table.columns.str.startswith("Unnamed")].to_numpy()
    points = points.reshape(len(table), len(markers), 3)
    by_name = {name: points[:, i] for i, name in enumerate(markers)}
    return by_name, table.iloc[:, 0], table.iloc[:, 1]


def test_markers_are_where_the_results_have_them(make_results, joints_seen):
    path = make_results()
    files = exported(path)
    assert list(files) == ["track1", "track2", "track7"]
    for name, file in files.items():
        points, frame, time = read_with_pandas(file)
        assert time.to_numpy() == pytest.approx(frame / 30, abs=1e-6)
        for index, there in joints_seen(path, int(name.removeprefix("track"))).items():
            [row] = np.flatnonzero(frame == index)
            for marker, joint in MARKERS.items():
                assert points[marker][row] == pytest.approx(there[joint], abs=2e-5)


def test_the_lines_are_what_readers_count_on(make_results):
    facts, markers, table = read_strictly(exported(make_results())["track2"])
    assert facts == {
        "DataRate": "30",
        "CameraRate": "30",
        "NumFrames": "30",
        "NumMarkers": "27",
        "Units": "m",
        "OrigDataRate": "30",
        "OrigDataStartFrame": "5",
        "OrigNumFrames": "30",
    }
    assert set(BODY_25.split()) | set(HALPE_26.split()) <= set(markers)
    assert table[:, 0].tolist() == list(range(5, 35))
    assert np.isfinite(table).all()


def test_sides_and_heights_are_the_bodys():
    where = {name: PHALP_JOINTS[row] for name, row in MARKERS.items()}
    for name, joint in where.items():
        if name[0] in "LR" and name[1].isupper():
            assert joint.startswith({"L": "left_", "R": "right_"}[name[0]])
    assert where["Hip"] == where["CHip"] == "mid_hip"
    assert where["Head"] == "extra_head_top"
    assert where["LSmallToe"] == "left_small_toe"
    assert where["Nose"] == "nose"


def test_rate_precision_and_one_frame(make_results):
    path = make_results()
    facts, _, table = read_strictly(exported(path, "--fps", "24")["track7"])
    assert facts["DataRate"] == "24" and facts["OrigDataStartFrame"] == "10"  # at 0.4 s
    assert np.diff(table[:, 1]) == pytest.approx(np.full(len(table) - 1, 1 / 24), abs=2e-6)
    assert table[0, 1] == pytest.approx(0.4)
    text = exported(path, "--precision", "3")["track1"].read_text().splitlines()[6]
    assert {len(word.partition(".")[2]) for word in text.split("\t")[2:]} == {3}
    _, _, table = read_strictly(exported(path, "--frames", "3:4")["track1"])
    assert table[:, :2].tolist() == [[3, 0.1]]


def test_odd_names_do_not_break_the_first_line(make_results):
    path = make_results(name="a  b.pkl")
    [first, *_] = exported(path)["track1"].read_text().splitlines()
    assert first == "PathFileType\t4\t(X/Y/Z)\ta b_track1.trc"
