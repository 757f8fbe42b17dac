"""Files of single people on the clip's time line, and markers for those who read them."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest

from humantrack.export.cli import main
from humantrack.export.readback import read_bvh, read_trc


def exported(path, *arguments, into="out"):
    """Suffix after the stem -> file."""
    out = path.parent / into
    shutil.rmtree(out, ignore_errors=True)
    assert main([str(path), *arguments, "-o", f"{out}/", "--quiet"]) == 0
    return {p.name.removeprefix(path.stem): p for p in sorted(out.iterdir())}


def one(files, suffix, reader):
    [read] = reader(files[suffix])
    return read


def test_files_on_the_clips_time_line_stand_together(make_results):
    path = make_results()
    words = ("-f", "bvh", "-f", "npz", "-f", "trc")
    own, clip = exported(path, *words, into="own"), exported(path, *words, "--timeline", "clip")
    for track, first, stop in ((1, 0, 40), (2, 5, 35), (7, 12, 30)):
        bvh, short = (one(f, f"_track{track}.bvh", read_bvh) for f in (clip, own))
        for name, places in bvh.places.items():
            assert len(places) == 40
            assert places[first:stop] == pytest.approx(short.places[name], abs=1e-9)
            assert (places[:first] == places[first]).all()
            assert (places[stop:] == places[stop - 1]).all()
        with np.load(clip[f"_track{track}.npz"]) as file:
            assert file["present"].tolist() == [first <= i < stop for i in range(40)]
            assert file["frame"].tolist() == list(range(40))
            assert not file["observed"][~file["present"]].any()
        with clip[f"_track{track}.visible.csv"].open(newline="") as table:
            shown = [row["visible"] for row in csv.DictReader(table)]
        assert shown == ["01"[first <= i < stop] for i in range(40)]
        blank = np.isnan(one(clip, f"_track{track}.trc", read_trc).places["Nose"]).any(axis=1)
        assert blank.tolist() == [not first <= i < stop for i in range(40)]


def test_the_clips_time_line_holds_at_another_rate_and_for_parts(make_results):
    path = make_results()
    fine = exported(path, "-f", "npz", "--timeline", "clip", "--fps", "60")
    lengths = set()
    for file in fine.values():
        with np.load(file) as arrays:
            lengths.add((len(arrays["trans"]), float(arrays["start_time_s"])))
    assert lengths == {(79, 0.0)}
    parts = exported(path, "-f", "npz", "--timeline", "clip", "--gaps", "split")
    with np.load(parts["_track2_part2.npz"]) as arrays:
        assert arrays["present"].tolist() == [20 <= i < 35 for i in range(40)]


def test_a_scene_is_on_the_clips_time_line_already(make_results):
    path = make_results()
    scene = exported(path, "-f", "glb", into="a")[".glb"].read_bytes()
    words = ("-f", "glb", "-f", "npz", "--timeline", "clip")
    assert exported(path, *words, into="b")[".glb"].read_bytes() == scene


@pytest.mark.parametrize(
    ("markers", "count", "has", "lacks"),
    [
        ("body25", 21, {"CHip", "LHeel", "RBigToe"}, {"Head", "Hip", "LEye"}),
        ("halpe26", 22, {"Hip", "Head", "RHeel", "LSmallToe"}, {"CHip", "REar"}),
        ("all", 27, {"CHip", "Hip", "Head", "LEye", "LHeel"}, set()),
    ],
)
def test_marker_sets(markers, count, has, lacks, make_results):
    read = one(exported(make_results(), "-f", "trc", "--markers", markers), "_track1.trc", read_trc)
    assert len(read.places) == count
    assert has <= read.places.keys() and not lacks & read.places.keys()
