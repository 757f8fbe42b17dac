"""Wavefront .obj: a file per person and frame, the surface that other formats animate."""

from __future__ import annotations

import io

import numpy as np
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from humantrack.export.cli import main
from humantrack.export.formats.obj_file import faces_text, write_obj


def test_a_sequence_is_a_file_per_track_and_frame(make_results, tmp_path):
    path = make_results()
    out = tmp_path / "out"
    arguments = [str(path), "-f", "obj", "--frames", "3:6", "-o", f"{out}/", "--quiet"]
    assert main(arguments) == 0
    names = sorted(file.name for file in out.iterdir())
    assert {f"clip_track1_00000{n}.obj" for n in (3, 4, 5)} <= set(names)
    assert not [
        name
        for name in names
        if name.split("_")[-1] not in ("000003.obj", "000004.obj", "000005.obj")
    ]
    # Joints of the same frames lie inside the surface.
    assert main([str(path), "-f", "trc", "--frames", "3:6", "-o", f"{out}/", "--quiet"]) == 0
    rows = (out / "clip_track1.trc").read_text().splitlines()
    columns = rows[3].split("\t")
    first = np.array(rows[5 if rows[5].strip() else 6].split("\t"))
    unit = {"mm": 1e-3, "m": 1.0}[rows[2].split("\t")[4]]
    surface = trimesh.load(out / "clip_track1_000003.obj", process=False)
    assert 0.03 < surface.volume < 0.15
    for joint in ("LKnee", "RElbow", "Neck"):
        at = columns.index(joint)
        place = first[at : at + 3].astype(float) * unit
        assert np.linalg.norm(surface.vertices - place, axis=1).min() < 0.15


def test_one_person_and_frame_are_one_file(make_results, tmp_path):
    path = make_results()
    out = tmp_path / "out"
    one = ["--tracks", "1", "--frames", "4:5", "-o", f"{out}/", "--quiet"]
    assert main([str(path), "-f", "obj", *one]) == 0
    assert [file.name for file in out.iterdir()] == ["clip_track1_000004.obj"]


def test_tracks_and_frames_are_selected_and_the_same_bytes_come_twice(make_results, tmp_path):
    """Track 2 is in frames 5 to 34, track 7 in 12 to 29."""
    path = make_results()
    written = []
    for out in (tmp_path / "a", tmp_path / "b"):
        chosen = ["--tracks", "2,7", "--frames", "10:14", "-o", f"{out}/", "--quiet"]
        assert main([str(path), "-f", "obj", *chosen]) == 0
        written.append({file.name: file.read_bytes() for file in out.iterdir()})
    expected = {f"clip_track2_{n:06d}.obj" for n in range(10, 14)}
    assert set(written[0]) == expected | {f"clip_track7_{n:06d}.obj" for n in (12, 13)}
    assert written[0] == written[1]


def test_resampled_frames_keep_names_of_their_own(make_results, tmp_path):
    path, out = make_results(), tmp_path / "out"
    more = ["--tracks", "1", "--frames", "0:3", "--fps", "120", "-o", f"{out}/", "--quiet"]
    assert main([str(path), "-f", "obj", *more]) == 0
    assert len(list(out.iterdir())) > 6


@given(
    st.lists(st.tuples(*[st.floats(-1e3, 1e3)] * 3), min_size=3, max_size=9),
    st.text(max_size=9),
)
def test_what_is_written_is_read_back(points, name):
    file = io.BytesIO()
    faces = np.array([[0, 1, 2], [2, 1, 0]])
    write_obj(file, np.array(points), faces_text(faces), name=name)
    lines = file.getvalue().decode().splitlines()
    read = np.array([line.split()[1:] for line in lines if line.startswith("v ")], float)
    np.testing.assert_allclose(read, np.array(points) * (1, -1, -1), atol=1e-6)
    corners = [line.split()[1:] for line in lines if line.startswith("f ")]
    np.testing.assert_array_equal(np.array(corners, int) - 1, faces)
