"""``humantrack-eval posetrack18/21``: both protocols on small data sets in the genuine layout."""

from __future__ import annotations

import json
from dataclasses import replace

import joblib
import motmetrics
import numpy as np
import pytest
import shapely
import trackeval
from eval_layouts import boxes_only, jittered, write_posetrack
from eval_tools import Person, load_truth, write_results

from humantrack.evaluation.benchmarks.posetrack import region_overlap
from humantrack.evaluation.cli import main

FRAMES = 40
NAMES = ("000342_mpii_test", "000522_mpii_test")


@pytest.fixture(scope="module")
def frames(data):
    return boxes_only(load_truth(data / "demo_gt.npz"), FRAMES)


@pytest.fixture
def score(tmp_path, capsys):
    def run(benchmark, *options):
        document = tmp_path / "scores.json"
        document.unlink(missing_ok=True)
        words = [benchmark, str(tmp_path / "results"), "--root", str(tmp_path / "PT")]
        code = main([*words, "--json", str(document), *options])
        said = capsys.readouterr()
        if not document.exists():
            return {}, code, said.err
        return json.loads(document.read_text())["systems"]["results"], code, said.out

    return run


def made(tmp_path, truth, found, *, year=18, **how):
    write_posetrack(tmp_path / "PT", NAMES[0], truth, year=year, **how)
    write_results(tmp_path / "results" / f"demo_{NAMES[0]}.pkl", found)


@pytest.mark.parametrize("year", [18, 21])
@pytest.mark.parametrize("protocol", ["phalp", "official"])
def test_the_truth_itself_is_perfect(score, frames, tmp_path, year, protocol):
    whole = [[replace(p, xyxy=np.round(p.xyxy)) for p in people] for people in frames]
    made(tmp_path, whole, whole, year=year)
    system, code, said = score(f"posetrack{year}", "--protocol", protocol)
    assert code == 0
    for name in ("HOTA", "MOTA", "IDF1"):
        assert system["values"][name] == pytest.approx(1, abs=1e-6)
    assert f"protocol {protocol}" in said
    assert "4DHumans" in said  # the published rows


def test_frames_without_truth_count_in_one_protocol_only(score, frames, tmp_path):
    """Every fourth frame is labelled, a false box is in all."""
    found = [[*people, Person(9, [1, 1, 20, 30])] for people in frames]
    labelled = range(0, FRAMES, 4)
    made(tmp_path, frames, found, labelled=labelled)
    boxes = sum(len(frames[t]) for t in labelled)
    values = score("posetrack18", "--protocol", "phalp")[0]["values"]
    assert (values["FP"], values["FN"], values["Boxes"]) == (len(labelled), 0, boxes)
    values = score("posetrack18", "--protocol", "official")[0]["values"]
    rest = sum(len(frames[t]) for t in range(FRAMES) if t not in labelled)
    assert values["FP"] == FRAMES + rest


def test_a_box_that_hardly_touches_is_a_hit_for_phalp_only(score, tmp_path):
    truth = [[Person(1, [100, 100, 200, 300])]] * 10
    found = [[Person(1, [190, 100, 290, 300])]] * 10  # IoU 10 / 190
    made(tmp_path, truth, found)
    assert score("posetrack18", "--protocol", "phalp")[0]["values"]["MOTA"] == 1
    assert score("posetrack18", "--protocol", "official")[0]["values"]["MOTA"] == -1


@pytest.mark.filterwarnings("ignore")
def test_phalp_is_evaluate_phalp(score, frames, tmp_path):
    """MOTA, IDF1 and switches pooled, HOTA the plain mean over videos; the libraries directly."""
    long, short = frames, frames[:12]
    lots = {NAMES[0]: (long, jittered(long, 3)), NAMES[1]: (short, jittered(short, 4))}
    events, hotas = [], []
    for name, (truth, found) in lots.items():
        write_posetrack(tmp_path / "PT", name, truth)
        write_results(tmp_path / "results" / f"{name}.pkl", found)
        events.append(motmetrics.MOTAccumulator(auto_id=True))
        gt_ids, ids, iou = [], [], []
        for people, seen in zip(truth, found, strict=True):
            if not people:
                continue
            overlap = np.array(
                [[one_iou(p.xyxy, np.float32(q.xyxy)) for q in seen] for p in people]
            ).reshape(len(people), len(seen))
            cost = np.where(1 - overlap > 0.99, np.nan, 1 - overlap)
            events[-1].update([p.track_id for p in people], [q.track_id for q in seen], cost)
            gt_ids.append(np.array([p.track_id for p in people], int))
            ids.append(np.array([q.track_id for q in seen], int))
            iou.append(np.nan_to_num(overlap))
        hotas.append(hota_of(gt_ids, ids, iou))
    table = (
        motmetrics.metrics.create()
        .compute_many(events, metrics=["mota", "idf1", "num_switches"], generate_overall=True)
        .loc["OVERALL"]
    )
    system, code, _ = score("posetrack18", "--protocol", "phalp")
    assert code == 0
    values = system["values"]
    for ours, theirs in (("MOTA", "mota"), ("IDF1", "idf1"), ("IDs", "num_switches")):
        assert values[ours] == pytest.approx(table[theirs], abs=1e-9)
    assert values["HOTA"] == pytest.approx(np.mean(hotas), abs=1e-6)


def one_iou(a, b) -> float:
    """Of boxes as results hold them: x, y, width, height in float32."""
    b = np.array([b[0], b[1], b[0] + (b[2] - b[0]), b[1] + (b[3] - b[1])], np.float32)
    return (
        shapely.intersection(shapely.box(*a), shapely.box(*b)).area
        / shapely.union(shapely.box(*a), shapely.box(*b)).area
    )


def hota_of(gt_ids, ids, iou) -> float:
    a = {i: n for n, i in enumerate(sorted({int(i) for x in gt_ids for i in x}))}
    b = {i: n for n, i in enumerate(sorted({int(i) for x in ids for i in x}))}
    data = {
        "num_timesteps": len(iou),
        "num_gt_ids": len(a),
        "num_tracker_ids": len(b),
        "num_gt_dets": sum(map(len, gt_ids)),
        "num_tracker_dets": sum(map(len, ids)),
        "gt_ids": [np.array([a[int(i)] for i in x], int) for x in gt_ids],
        "tracker_ids": [np.array([b[int(i)] for i in x], int) for x in ids],
        "similarity_scores": iou,
    }
    return float(trackeval.metrics.HOTA().eval_sequence(data)["HOTA"].mean())


@pytest.mark.parametrize("year", [18, 21])
def test_boxes_in_ignore_regions_do_not_count(score, frames, tmp_path, year):
    whole = [[replace(p, xyxy=np.round(p.xyxy)) for p in people] for people in frames]
    found = [[*people, Person(9, [2, 2, 22, 42])] for people in whole]
    found[5] = [*found[5], Person(8, [600, 2, 630, 40])]
    region = ([0, 30, 30, 0], [0, 0, 50, 50])  # IoU 800 / 1500
    made(tmp_path, whole, found, year=year, regions=[region])
    values = score(f"posetrack{year}", "--protocol", "official")[0]["values"]
    assert values["FP"] == 1
    assert values["DetPr"] == pytest.approx(1 - 1 / (1 + sum(map(len, whole))), abs=1e-6)
    values = score(f"posetrack{year}", "--protocol", "phalp")[0]["values"]
    assert values["FP"] == FRAMES + 1


def test_a_person_in_an_ignore_region_still_counts(score, frames, tmp_path):
    everywhere = ([0, 640, 640, 0], [0, 0, 480, 480])
    made(tmp_path, frames, frames, regions=[everywhere])
    values = score("posetrack18", "--protocol", "official")[0]["values"]
    assert (values["FN"], values["FP"]) == (0, 0)


def test_overlap_with_regions_of_any_shape():
    boxes = np.array([[0, 0, 10, 10], [100, 100, 110, 110]], float)
    triangle = np.array([[0, 0], [10, 0], [0, 10]], float)
    bow_tie = np.array([[0, 0], [10, 10], [10, 0], [0, 10]], float)  # crosses itself
    assert region_overlap(boxes, [triangle]).tolist() == [0.5, 0]
    assert region_overlap(boxes, [triangle, boxes[:1].reshape(2, 2)[[0, 1]].repeat(2, 0)])[0] == 0.5
    assert region_overlap(boxes, [bow_tie])[0] > 0
    assert region_overlap(boxes[:0], [triangle]).shape == (0,)
    assert region_overlap(boxes, []).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda c: c["annotations"].append(dict(c["annotations"][0])), "stands twice in frame"),
        (lambda c: c["annotations"][0]["bbox"].__setitem__(0, float("nan")), "not a number"),
        (lambda c: c["annotations"][0].update(image_id=5), "picture that is not listed"),
        (lambda c: c.pop("images"), "not a PoseTrack file"),
        (lambda c: c["images"].pop(), "picture that is not listed"),
    ],
    ids=["ids", "nan", "image", "key", "frame"],
)
def test_a_bad_truth_is_told_in_one_line(score, frames, tmp_path, spoil, words):
    made(tmp_path, frames, frames)
    file = tmp_path / "PT" / "annotations" / "val" / f"{NAMES[0]}.json"
    content = json.loads(file.read_text())
    spoil(content)
    file.write_text(json.dumps(content))
    _, code, said = score("posetrack18")
    assert (code, said.count("\n")) == (30, 1)
    assert words in said


def test_what_is_missing_is_named_with_where_it_is_had(score, frames, tmp_path, capsys):
    (tmp_path / "PT").mkdir()
    for year, words in ((18, "posetrack.net"), (21, "signed form")):
        _, code, said = score(f"posetrack{year}")
        assert (code, words in said, said.count("\n")) == (30, True, 1)
    made(tmp_path, frames, frames, year=21)
    (tmp_path / "PT" / "posetrack_mot" / "mot" / "val" / NAMES[0] / "image_info.json").unlink()
    _, code, said = score("posetrack21", "--protocol", "official")
    assert (code, "image_info.json" in said) == (30, True)
    assert main(["posetrack18"]) == 2
    assert "--root" in capsys.readouterr().err


def test_phalps_own_truth_file(frames, tmp_path, capsys):
    """The same figures as from PoseTrack's files; frames are met by name."""
    labelled = range(2, FRAMES, 4)
    found = jittered(frames, 5)
    made(tmp_path, frames, found, labelled=labelled)
    truth = {NAMES[0]: {}}
    for t in labelled:
        rows = [np.asarray(p.xyxy) for p in frames[t]]
        name = f"{t + 1:06d}.jpg"  # as write_results calls them
        truth[NAMES[0]][name] = [
            [f"images/{name}"] * len(rows),
            [100 + p.track_id for p in frames[t]],
            np.array([[*box[:2], *(box[2:] - box[:2])] for box in rows]),
            [p.track_id - 1 for p in frames[t]],
        ]
    truth[NAMES[0]]["000001.jpg"] = [[], [], [], []]
    file = tmp_path / "gt_data.pickle"
    joblib.dump(truth, file)
    documents = []
    for place in (["--root", str(tmp_path / "PT")], ["--truth", str(file)]):
        out = tmp_path / "scores.json"
        words = ["posetrack18", str(tmp_path / "results"), *place, "--json", str(out)]
        assert main(words) == 0
        documents.append(json.loads(out.read_text())["systems"]["results"]["values"])
    assert documents[0] == pytest.approx(documents[1], abs=1e-9)
    capsys.readouterr()
    words = ["posetrack18", str(tmp_path / "results"), "--truth", str(file)]
    assert main([*words, "--protocol", "official"]) == 2
    truth[NAMES[0]]["000999.jpg"] = truth[NAMES[0]].pop("000003.jpg")
    joblib.dump(truth, file)
    assert main(words) == 31
    assert "no frame 000999.jpg" in capsys.readouterr().err
    joblib.dump({"a": {"b": [1]}}, file)
    assert main(words) == 30
