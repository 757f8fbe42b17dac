"""MOTChallenge and COCO files, as motmetrics, pycocotools and our own reader of boxes see them."""

from __future__ import annotations

import contextlib
import io
import json
import tracemalloc

import motmetrics
import numpy as np
import pytest
from pycocotools import mask as run_length
from pycocotools.coco import COCO

from humantrack.body.joints import PHALP_JOINTS
from humantrack.detect.given import GivenBoxes
from humantrack.detect.given_files import read_text
from humantrack.export.cli import main
from humantrack.geometry.boxes import xywh_to_xyxy
from humantrack.geometry.cameras import PaddedSquare
from humantrack.results import ResultsWriter, load_results

pytestmark = pytest.mark.filterwarnings(  # of motmetrics' own use of pandas
    "ignore:Operation with tuple is deprecated"
)


def exported(path, kind, *arguments):
    assert main([str(path), "-f", kind, "--force", "--quiet", *arguments]) == 0
    return path.with_suffix({"mot": ".txt", "coco": ".coco.json"}[kind])


def coco_of(path, *arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(exported(path, "coco", *arguments)))


def seen_in(path):
    """{(number of the frame, track id): (frame, i)} of the people seen."""
    return {
        (number, frame["tid"][i]): (frame, i)
        for number, frame in enumerate(load_results(path).values())
        for i in range(len(frame["tid"]))
        if frame["tracked_time"][i] == 0
    }


def rewritten(path, change):
    frames = list(load_results(path).items())
    with ResultsWriter(path) as writer:
        for number, (key, frame) in enumerate(frames):
            writer.write_frame(change(key, frame, number), frame)


def test_motmetrics_reads_the_boxes_of_those_seen(make_results):
    path = make_results()
    table = motmetrics.io.loadtxt(exported(path, "mot"), fmt="mot15-2D")
    people = seen_in(path)
    assert {(f - 1, i) for f, i in table.index} == set(people)
    assert sum(len(f["tid"]) for f in load_results(path).values()) > len(people)  # ghosts
    for (number, track), (frame, i) in people.items():
        row = table.loc[(number + 1, track)]
        box = row[["X", "Y", "Width", "Height"]].to_numpy(float)
        assert np.abs(box - frame["bbox"][i]).max() < 1e-4
        assert np.float32(row.Confidence) == frame["conf"][i]


def test_mot_lines_are_as_the_challenge_has_them(make_results):
    path = make_results(count=12)
    first = exported(path, "mot", "--precision", "1").read_text().splitlines()[0].split(",")
    frame = load_results(path)["clip/000001.jpg"]
    x, y, w, h = (float(value) for value in frame["bbox"][0])
    assert first[:2] == ["1", "1"]
    assert [float(v) for v in first[2:6]] == pytest.approx([x + 1, y + 1, w, h], abs=0.051)
    assert all(len(v.split(".")[1]) == 1 for v in first[2:7])
    assert first[6:] == ["0.9", "-1", "-1", "-1"]
    lines = exported(path, "mot", "--frames", "5:", "--tracks", "2").read_text().splitlines()
    assert [line.split(",")[:2] for line in lines] == [[str(i + 1), "2"] for i in range(5, 12)]


@pytest.mark.parametrize("kind", ["mot", "coco"])
def test_our_own_reader_of_boxes_gets_them_back(make_results, make_frame, kind):
    path = make_results()
    boxes = GivenBoxes(read_text(exported(path, kind)))
    people = seen_in(path)
    found = boxes.detect([make_frame(i, 480, 640) for i in range(40)])
    ids = {(n, i) for n, f in enumerate(found) for i in ([] if f.gt_id is None else f.gt_id)}
    assert ids == set(people)
    for (number, track), (frame, i) in people.items():
        row = found[number].gt_id.tolist().index(track)
        corners = xywh_to_xyxy(frame["bbox"][i].astype(float))
        inside = corners.clip(0, [640, 480, 640, 480])
        assert np.abs(found[number].xyxy_px[row] - inside).max() < 1e-3


def test_pycocotools_reads_boxes_and_keypoints_of_those_seen(make_results):
    path = make_results()
    coco = coco_of(path)
    people = seen_in(path)
    images = coco.loadImgs(coco.getImgIds())
    assert [image["file_name"] for image in images] == list(load_results(path))
    assert [(i["width"], i["height"]) for i in images] == [(640, 480)] * 40
    annotations = coco.loadAnns(coco.getAnnIds())
    assert len({a["id"] for a in annotations}) == len(annotations) == len(people)
    (person,) = coco.loadCats(coco.getCatIds(catNms=["person"]))
    assert len(person["keypoints"]) == 17
    rows = [PHALP_JOINTS.index(name) for name in person["keypoints"]]
    square = PaddedSquare(480, 640)
    for annotation in annotations:
        image = coco.imgs[annotation["image_id"]]
        frame, i = people[image["frame_id"], annotation["track_id"]]
        assert np.array_equal(np.float32(annotation["bbox"]), frame["bbox"][i])
        assert np.float32(annotation["score"]) == frame["conf"][i]
        assert annotation["area"] == pytest.approx(np.prod(frame["bbox"][i][2:]))
        points = np.reshape(annotation["keypoints"], (17, 3))
        pixels = square.to_image(frame["2d_joints"][i].reshape(45, 2)[rows].astype(float))
        assert np.abs(points[:, :2] - pixels).max() < 1e-4
        inside = ((pixels >= 0) & (pixels <= [640, 480])).all(axis=1)
        assert np.array_equal(points[:, 2], np.where(inside, 2, 1))
        assert annotation["num_keypoints"] == 17
        assert "segmentation" not in annotation


def test_pycocotools_draws_the_silhouettes(make_results):
    path = make_results(count=3)
    drawn = {}

    def draw(key, frame, number):
        for i, track in enumerate(frame["tid"]):
            x, y, w, h = frame["bbox"][i].astype(int)
            drawn[number, track] = np.zeros((480, 640), np.uint8, "F")
            drawn[number, track][max(y, 0) : y + h, max(x, 0) : x + w] = 1
            mask = run_length.encode(drawn[number, track])
            frame["mask"][i] = [{"size": [480, 640], "counts": mask["counts"].decode()}]
        return key

    rewritten(path, draw)
    coco = coco_of(path, "--masks")
    annotations = coco.loadAnns(coco.getAnnIds())
    assert len(annotations) == len(drawn)
    for annotation in annotations:
        mask = drawn[coco.imgs[annotation["image_id"]]["frame_id"], annotation["track_id"]]
        assert np.array_equal(coco.annToMask(annotation), mask)
        assert annotation["area"] == mask.sum() > 0


def test_a_skeleton_joins_neighbours(make_results):
    coco = coco_of(make_results(count=2))
    (person,) = coco.loadCats([1])
    names = person["keypoints"]
    bones = {frozenset((names[a - 1], names[b - 1])) for a, b in person["skeleton"]}
    assert len(bones) == 19
    assert {"left_elbow", "left_wrist"} in bones
    assert {"right_knee", "right_ankle"} in bones


def test_joints_outside_the_picture_and_those_that_are_none(make_results):
    path = make_results(count=3)
    nose, knee = PHALP_JOINTS.index("nose"), PHALP_JOINTS.index("left_knee")

    def spoil(key, frame, number):
        if number == 1:
            frame["2d_joints"][0][2 * nose] = np.nan
            frame["2d_joints"][0][2 * knee] = 1.5
        elif number == 2:
            frame["bbox"][0][2] = np.inf
            frame["conf"][1:] = [np.float32(np.nan)] * len(frame["conf"][1:])
        return key

    rewritten(path, spoil)
    coco = coco_of(path)
    (annotation,) = coco.loadAnns(coco.getAnnIds(imgIds=[2]))
    points = np.reshape(annotation["keypoints"], (17, 3))
    assert points[0].tolist() == [0, 0, 0]
    assert points[13, [0, 2]].tolist() == [960, 1]
    assert annotation["num_keypoints"] == 16
    assert coco.getAnnIds(imgIds=[3]) == []  # a box that is none is left out, in mot too
    lines = exported(path, "mot").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["1", "2"]


def test_a_score_that_is_none(make_results):
    path = make_results(count=1)

    def spoil(key, frame, number):
        frame["conf"][0] = np.float32(np.nan)
        return key

    rewritten(path, spoil)
    (annotation,) = json.loads(exported(path, "coco").read_text())["annotations"]
    assert annotation["score"] is None
    table = motmetrics.io.loadtxt(exported(path, "mot"), fmt="mot15-2D")
    assert table.Confidence.tolist() == [-1]


def test_images_are_named_by_keys_whatever_is_in_them(make_results):
    path = make_results(count=4)
    keys = ['a,b "c".jpg', "Größe/人.jpg", ('video "x".mp4', 512), "im\udcffg.jpg"]
    rewritten(path, lambda key, frame, number: keys[number])
    images = json.loads(exported(path, "coco").read_text("utf-8"))["images"]
    names = [*keys[:2], 'video "x".mp4/000003.jpg', "im\\udcffg.jpg"]
    assert [image["file_name"] for image in images] == names
    assert [image["id"] for image in images] == [1, 2, 3, 4]


@pytest.mark.parametrize("name", ["upstream_render", "upstream_stream_cut"])
def test_files_of_phalp(data, tmp_path, name):
    path = data / "results" / f"{name}.pkl"
    out = f"{tmp_path}/"
    assert main([str(path), "-f", "mot", "-f", "coco", "-o", out, "--masks", "--quiet"]) == 0
    table = motmetrics.io.loadtxt(tmp_path / f"{name}.txt", fmt="mot15-2D")
    document = json.loads((tmp_path / f"{name}.coco.json").read_text())
    frames = list(load_results(path).values())
    seen = {(f["time"] + 1, i) for f in frames for i in f["tracked_ids"]}
    assert set(table.index) == seen
    assert {(a["image_id"], a["track_id"]) for a in document["annotations"]} == seen
    assert len(document["images"]) == len(frames)


def test_nobody(make_results):
    path = make_results([], count=5)
    assert exported(path, "mot").read_text() == ""
    coco = coco_of(path)
    assert len(coco.imgs) == 5
    assert not coco.anns
    assert coco.imgs[1]["width"] == 640


@pytest.mark.parametrize("kind", ["mot", "coco"])
def test_memory_does_not_grow_with_the_length(make_results, kind):
    peaks = []
    for count in (320, 960):
        path = make_results(count=40, name="long.pkl")
        frames = list(load_results(path).values())
        with ResultsWriter(path) as writer:
            for i in range(count):
                writer.write_frame(str(i), {**frames[i % 40], "time": i, "time_s": i / 30})
        tracemalloc.start()
        exported(path, kind)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
