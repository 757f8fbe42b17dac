"""Types refuse wrong shapes; errors are one line and each class has its own place and code."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from humantrack import errors
from humantrack.types import Appearance, Detections, People


def test_detections_check_their_lengths():
    with pytest.raises(ValueError, match=r"Detections.score must have shape \(2\)"):
        Detections(xyxy_px=np.zeros((2, 4)), score=np.zeros(3), class_id=np.zeros(2, np.int64))


@pytest.mark.parametrize(
    "pick", [[2, 0], np.array([2, 0]), np.array([True, False, True]), slice(0, 2), []]
)
def test_detections_can_be_picked_every_way(pick):
    found = Detections(
        xyxy_px=np.arange(12.0).reshape(3, 4),
        score=np.array([0.1, 0.2, 0.3]),
        class_id=np.zeros(3, np.int64),
        annotation=("a", "b", "c"),
    )
    index = np.arange(3)[np.asarray(pick, int) if isinstance(pick, list) else pick]
    picked = found[pick]
    np.testing.assert_array_equal(picked.xyxy_px, found.xyxy_px[index])
    assert picked.annotation == tuple("abc"[i] for i in index)


def test_frame_must_be_bytes(make_frame):
    with pytest.raises(ValueError, match="uint8"):
        make_frame(rgb=np.zeros((4, 4, 3), np.float32))
    with pytest.raises(ValueError, match="shape"):
        make_frame(rgb=np.zeros((4, 4), np.uint8))


def test_people_must_agree():
    with pytest.raises(ValueError, match="equal lengths"):
        People(
            detections=Detections.empty(),
            bodies=People.empty().bodies,
            appearance=Appearance(code=np.zeros((1, 4096))),
            padded_xyxy_px=np.zeros((0, 4)),
            source=np.zeros(0, np.int64),
        )


def every_error():
    todo, found = [errors.HumantrackError], []
    while todo:
        kind = todo.pop()
        found.append(kind)
        todo += kind.__subclasses__()
    return [k for k in found if k.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", every_error())
def test_every_error_is_in_the_tree_of_the_docstring_with_its_code(kind):
    line = next(
        ln for ln in errors.__doc__.splitlines() if f"{kind.__name__} " in ln.replace("─", " ")
    )
    assert str(kind.exit_code) in line.split()


@pytest.mark.parametrize("kind", every_error())
def test_errors_are_one_line_and_cross_processes(kind):
    error = kind("cannot\nread", where="a.mp4", hint="try another")
    assert str(error) == "cannot read: a.mp4. Try another"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
