"""A camera path solved from evidence, and results that have more, or other, frames."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from world_cases import results_of

from humantrack.cli.world import main
from humantrack.errors import ResultsError
from humantrack.results import iter_world
from humantrack.results.meta import meta_path
from humantrack.world.matched import matched
from humantrack.world.types import CameraPath

WHERE = Path("x.camera")


def path_of(index, shot, size=(640, 360)):
    count = len(index)
    turn = np.tile(np.diag([1.0, -1.0, -1.0]), (count, 1, 1))
    return CameraPath(
        index=np.array(index),
        shot=np.array(shot),
        rotation=turn,
        position=np.arange(3.0 * count).reshape(count, 3),
        focal_px=np.full(count, 700.0),
        centre_px=np.tile(np.array(size) / 2, (count, 1)),
        kinds=("free",) * (max(shot) + 1),
        is_metric=False,
        has_up=False,
        confidence=np.full(count, 0.8),
        notes=(),
        evidence={},
    )


def test_evidence_of_all_frames_is_left_alone():
    path = path_of([0, 1, 2], [0, 0, 1])
    assert matched(path, np.arange(3), np.array([0, 0, 1]), (640, 360), WHERE) is path


def test_frames_without_evidence_hold_the_camera_and_new_shots_stand_still():
    found = matched(
        path_of([0, 1], [0, 0]), np.arange(4), np.array([0, 0, 0, 1]), (640, 360), WHERE
    )
    assert found.index.tolist() == [0, 1, 2, 3] and found.shot.tolist() == [0, 0, 0, 1]
    assert found.kinds == ("free", "still")
    assert found.position.tolist() == [[0, 1, 2], [3, 4, 5], [3, 4, 5], [0, 0, 0]]
    assert np.array_equal(found.rotation[3], np.eye(3))
    assert found.confidence.tolist() == [0.8, 0.8, 0, 0]
    assert found.notes == (
        "of 2 of 4 frames it is not stored how the camera moves: the camera before is held",
    )


def test_results_that_end_earlier_need_no_note():
    found = matched(path_of([0, 1, 2], [0, 0, 1]), np.arange(2), np.zeros(2, int), None, WHERE)
    assert found.index.tolist() == [0, 1] and found.kinds == ("free",) and found.notes == ()


@pytest.mark.parametrize(("index", "size"), [([0, 1], (1920, 1080)), ([7, 8], (640, 360))])
def test_evidence_of_other_results_is_refused(index, size):
    with pytest.raises(ResultsError, match=r"of other results: x\.camera"):
        matched(path_of([0, 1], [0, 0]), np.array(index), np.zeros(2, int), size, WHERE)


def test_the_command_tells_of_evidence_cut_short(tmp_path, capsys):
    results = tmp_path / "demo_pan.pkl"
    shutil.copy(results_of("pan"), results)
    whole = results_of("pan").with_suffix(".camera").read_bytes()
    results.with_suffix(".camera").write_bytes(whole[: len(whole) // 2])
    assert main([str(results), "world.focal_px=780"]) == 0
    told = capsys.readouterr().err
    assert "of 240 frames it is not stored how the camera moves: the camera before is held" in told
    last = [frame for _, frame in iter_world(results.with_suffix(".world.pkl"))][-1]
    assert all(person.confidence == 0 for person in last.people)


def test_a_lens_that_no_camera_has_is_not_believed(tmp_path, capsys):
    results = tmp_path / "demo_pan.pkl"
    shutil.copy(results_of("pan"), results)
    meta = {"world": {"lens": {"file_35mm": -5}}}
    meta_path(results).write_text(json.dumps(meta))
    assert main([str(results), "world.camera=still"]) == 0
    assert "file metadata" not in capsys.readouterr().err
