"""Boxes given by the user: which frame they belong to, and every file format."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humantrack.detect import GivenBoxes
from humantrack.detect.given_files import check_mapping, read_text
from humantrack.errors import ResultsError
from humantrack.types import Detections

PHALP_ENTRY = {
    "gt_bbox": np.array([[10, 5, 20, 30], [1, 2, 3, 4]]),
    "extra_data": {"gt_class": [[7], []], "gt_track_id": [4, 2]},
}


def boxes_of(detector, frame) -> list[list[float]]:
    return detector.detect([frame])[0].xyxy_px.tolist()


def one_box(*xywh: float) -> dict:
    return {"gt_bbox": [list(xywh)]}


def test_phalps_structure_is_read_as_its_code_reads_it(make_frame):
    mapping = check_mapping({"000001.jpg": PHALP_ENTRY})
    (found,) = GivenBoxes(mapping).detect([make_frame()])
    assert found.xyxy_px.tolist() == [[10, 5, 30, 35], [1, 2, 4, 6]]
    assert found.score.tolist() == [1, 1]
    assert found.class_id.tolist() == [0, 0]
    assert found.gt_id.tolist() == [4, 2]
    assert found.annotation == ([7], [])


def test_corners_can_be_given_instead(make_frame):
    mapping = check_mapping({"000001.jpg": PHALP_ENTRY}, box_format="xyxy")
    (found,) = GivenBoxes(mapping).detect([make_frame()])
    assert found.xyxy_px[0].tolist() == [10, 5, 20, 30]


@pytest.mark.parametrize("extra", [{}, None, {"gt_class": [], "gt_track_id": []}])
def test_ids_and_annotations_may_be_missing(make_frame, extra):
    entry = {"gt_bbox": np.array([[1, 2, 3, 4]]), "extra_data": extra}
    (found,) = GivenBoxes(check_mapping({"000001.jpg": entry})).detect([make_frame()])
    assert found.gt_id.tolist() == [-1]
    assert found.annotation == ([],)


@pytest.mark.parametrize("boxes", [None, [], np.zeros((0, 4))])
def test_a_frame_may_be_said_to_be_empty(make_frame, boxes):
    detector = GivenBoxes(check_mapping({"000001.jpg": {"gt_bbox": boxes}}))
    assert len(detector.detect([make_frame()])[0]) == 0


def test_boxes_are_cut_at_the_border_and_dropped_outside(make_frame):
    entry = {
        "gt_bbox": [[-10, -10, 20, 20], [100, 0, 5, 5], [50, 30, 100, 100]],
        "extra_data": {"gt_class": [1, 2, 3], "gt_track_id": [1, 2, 3]},
    }
    (found,) = GivenBoxes(check_mapping({"000001.jpg": entry})).detect([make_frame()])
    assert found.xyxy_px.tolist() == [[0, 0, 10, 10], [50, 30, 64, 36]]
    assert found.gt_id.tolist() == [1, 3]
    assert found.annotation == (1, 3)


def test_the_silhouette_is_the_ellipse_in_the_box(make_frame):
    detector = GivenBoxes(check_mapping({"000001.jpg": one_box(10, 4, 20, 30)}))
    (found,) = detector.detect([make_frame()])
    mask = found.mask[0]
    assert mask.shape == (36, 64)
    assert mask[19, 20]
    assert not mask[4, 10]
    assert not mask[:, :10].any() and not mask[:, 30:].any()
    assert mask.sum() == pytest.approx(np.pi / 4 * 20 * 30, rel=0.02)


@pytest.mark.parametrize(
    ("given_name", "key", "hit"),
    [
        ("clip/000001.jpg", "clip/000001.jpg", True),
        ("000001.jpg", "clip/000001.jpg", True),
        ("000001", "clip/000001.jpg", True),
        ("/data/frames/clip/000001.jpg", "clip/000001.jpg", True),
        ("a\\000001.jpg", "a/000001.jpg", True),
        ("000002.jpg", "clip/000001.jpg", False),
        ("x/000001.jpg", "clip/000001.jpg", True),
        (0, "clip/000001.jpg", True),
        (1, "clip/000001.jpg", False),
        ("000001.jpg", ("clip.mp4", 0), True),
        ("000002.jpg", ("clip.mp4", 0), False),
        ("img.jpg", ("clip.mp4", 0), False),
    ],
)
def test_names_meet_frames(make_frame, given_name, key, hit):
    detector = GivenBoxes(check_mapping({given_name: one_box(1, 2, 3, 4)}))
    assert len(detector.detect([make_frame(key=key)])[0]) == hit


def test_a_name_that_fits_two_given_frames_decides_nothing(make_frame):
    mapping = {"a/1.jpg": one_box(1, 1, 2, 2), "b/1.jpg": one_box(5, 5, 2, 2)}
    detector = GivenBoxes(check_mapping(mapping))
    assert boxes_of(detector, make_frame(key="b/1.jpg")) == [[5, 5, 7, 7]]
    assert boxes_of(detector, make_frame(key="c/1.jpg")) == []


class Everywhere:
    """A fallback that finds one box in every frame, and counts."""

    def __init__(self) -> None:
        self.calls = self.resets = 0

    def detect(self, frames):
        self.calls += len(frames)
        box = np.array([[0, 0, 9, 9]], np.float32)
        score, kind = np.ones(1, np.float32), np.zeros(1, np.int64)
        return [Detections(xyxy_px=box, score=score, class_id=kind) for _ in frames]

    def reset(self):
        self.resets += 1


def test_frames_without_given_boxes_go_to_the_fallback(make_frame):
    fallback = Everywhere()
    mapping = check_mapping({"000001.jpg": one_box(1, 2, 3, 4), "000002.jpg": {"gt_bbox": []}})
    detector = GivenBoxes(mapping, fallback=fallback)
    found = detector.detect([make_frame(i) for i in range(3)])
    assert [len(f) for f in found] == [1, 0, 1]
    assert [f.gt_id is None for f in found] == [False, False, True]
    assert fallback.calls == 1
    detector.reset()
    assert fallback.resets == 1


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ([], "dictionary"),
        ({"a": [1, 2, 3, 4]}, "gt_bbox"),
        ({"a": {"boxes": []}}, "gt_bbox"),
        ({"a": {"gt_bbox": [[1, 2, 3]]}}, "four numbers"),
        ({"a": {"gt_bbox": [["x", 2, 3, 4]]}}, "four numbers"),
        ({"a": {"gt_bbox": [[1, 2, 3, float("nan")]]}}, "finite"),
        ({"a": {"gt_bbox": [[1, 2, 3, 4]], "extra_data": 3}}, "extra_data"),
        ({"a": {"gt_bbox": [[1, 2, 3, 4]], "extra_data": {"gt_track_id": [1, 2]}}}, "2 ids"),
        ({"a": {"gt_bbox": [[1, 2, 3, 4]], "extra_data": {"gt_class": [1, 2]}}}, "2 annotations"),
    ],
)
def test_a_wrong_structure_is_named_with_its_place(mapping, message):
    with pytest.raises(ResultsError, match=message) as caught:
        check_mapping(mapping, where="boxes.pkl")
    assert "boxes.pkl" in str(caught.value)


def test_mot_lines_count_frames_and_pixels_from_one(tmp_path, make_frame):
    path = tmp_path / "det.txt"
    path.write_text("1,3,11,6,20,30,0.9,-1,-1,-1\n\n2 4 1 2 3 4\n2,5,1,2,3,4,0,1,1\n")
    detector = GivenBoxes(read_text(path))
    first, second, third = detector.detect([make_frame(i) for i in range(3)])
    assert first.xyxy_px.tolist() == [[10, 5, 30, 35]]
    assert first.gt_id.tolist() == [3]
    assert second.gt_id.tolist() == [4], "a mark of 0 means: ignore this box"
    assert len(third) == 0
    path.write_text("1,3,11,6,31,36\n")
    (corners,) = GivenBoxes(read_text(path, box_format="xyxy")).detect([make_frame()])
    assert corners.xyxy_px.tolist() == [[10, 5, 30, 35]]


@pytest.mark.parametrize(
    "line", ["0,1,1,1,1,1", "1.5,1,1,1,1,1", "1,1,1,1,1", "a,b", "1,1,nan,1,1,1"]
)
def test_a_wrong_mot_line_is_refused(tmp_path, line):
    path = tmp_path / "gt.txt"
    path.write_text(line + "\n")
    with pytest.raises(ResultsError, match=r"gt\.txt"):
        read_text(path)


def test_json_may_hold_phalps_structure(tmp_path, make_frame):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({"000001.jpg": one_box(1, 2, 3, 4)}), encoding="utf-8")
    assert boxes_of(GivenBoxes(read_text(path)), make_frame()) == [[1, 2, 4, 6]]


def test_json_may_hold_coco(tmp_path, make_frame):
    content = {
        "images": [{"id": 8, "file_name": "000002.jpg"}, {"id": 9, "file_name": "000001.jpg"}],
        "annotations": [
            {"image_id": 9, "bbox": [1, 2, 3, 4], "category_id": 5, "track_id": 6},
            {"image_id": 9, "bbox": [9, 9, 3, 4], "category_id": 1},
            {"image_id": 8, "bbox": [2, 2, 3, 4], "category_id": 5},
        ],
        "categories": [{"id": 1, "name": "dog"}, {"id": 5, "name": "person"}],
    }
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    (found,) = GivenBoxes(read_text(path)).detect([make_frame()])
    assert found.xyxy_px.tolist() == [[1, 2, 4, 6]]
    assert found.gt_id.tolist() == [6]


@pytest.mark.parametrize("image_id", [1, "000001.jpg"])
def test_json_may_hold_a_list_of_coco_boxes(tmp_path, make_frame, image_id):
    path = tmp_path / "list.json"
    path.write_text(json.dumps([{"image_id": image_id, "bbox": [1, 2, 3, 4], "score": 0.4}]))
    detector = GivenBoxes(read_text(path))
    assert boxes_of(detector, make_frame()) == [[1, 2, 4, 6]]
    assert boxes_of(detector, make_frame(1)) == []


@pytest.mark.parametrize("text", ["", "{", "3", "[1]", '{"a": 1}', '[{"image_id": 1}]', "[" * 9999])
def test_wrong_json_is_refused(tmp_path, text):
    path = tmp_path / "boxes.json"
    path.write_text(text)
    with pytest.raises(ResultsError, match=r"boxes\.json"):
        read_text(path)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path):
    with pytest.raises(ResultsError, match="cannot be read"):
        read_text(tmp_path / "no.txt")
    (tmp_path / "picture.txt").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ResultsError, match="cannot be read"):
        read_text(tmp_path / "picture.txt")


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="0123456789.,-e \nnaif", max_size=60))
def test_any_text_is_boxes_or_an_error_of_ours(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzz.txt"
    path.write_text(text)
    try:
        frames = read_text(path)
    except ResultsError:
        return
    assert all(number >= 0 and len(frame.xyxy_px) for number, frame in frames.items())
