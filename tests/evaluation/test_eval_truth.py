"""``humantrack-eval truth``: the truth itself is perfect, what is wrong shows by its amount."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from eval_tools import load_truth, people_of, write_results
from world_tools import lifted

from humantrack.evaluation.cli import main
from humantrack.results import iter_results
from humantrack.world.file import WorldWriter

ERRORS = ("PA-MPJPE", "WA-MPJPE", "W-MPJPE", "RTE", "Scene", "Local", "Up", "Accel")


@pytest.fixture(scope="module")
def truth(data):
    return load_truth(data / "demo_small_gt.npz")


@pytest.fixture(scope="module")
def people(truth):
    return people_of(truth)


@pytest.fixture
def score(tmp_path, data, truth, capsys):
    """Runs the command on people; gives its values, exit code and what it said."""

    def run(frames, *options, truth_file=data / "demo_small_gt.npz", **how):
        size = tuple(int(n) for n in truth["size"][::-1])
        results = write_results(
            tmp_path / "demo_small.pkl", frames, **{"size": size, "name": "demo_small", **how}
        )
        document = tmp_path / "scores.json"
        document.unlink(missing_ok=True)
        words = ["truth", str(results), "--truth", str(truth_file), "--json", str(document)]
        code = main([*words, *options])
        said = capsys.readouterr()
        if not document.exists():
            return {}, code, said.err
        system = json.loads(document.read_text())["systems"]["demo_small"]
        return system["values"], code, said.out + said.err

    return run


def test_the_truth_itself_is_perfect(score, people):
    values, code, said = score(people)
    assert code == 0
    for name in ("HOTA", "MOTA", "IDF1", "Recall", "Precision", "Found"):
        assert values[name] == pytest.approx(1, abs=1e-6)
    for name in ERRORS:
        assert values[name] == pytest.approx(0, abs=0.3), name
    assert values["MPJPE-ray"] < 1.5  # by the ray of the hips, not quite the pelvis
    assert values["Reprojection"] == pytest.approx(0, abs=0.01)  # seen by another lens
    assert values["Jitter"] == pytest.approx(values["Jitter-true"], rel=0.05)
    assert values["Motion"] == pytest.approx(values["Motion-true"], rel=0.1)
    assert "lifted by the true camera" in said
    assert "PVE: not comparable" in said


def test_a_larger_body_is_as_large_an_error(score, people, truth):
    for frame in people:
        for person in frame:
            person.joints = person.joints * 1.1
    values, _, _ = score(people)
    for frame in people:
        for person in frame:
            person.joints = person.joints / 1.1
    limbs = [16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8]
    joints = truth["joints3d"][:, 0][truth["present"][:, 0] & (truth["visible"][:, 0] > 0.95)]
    bare = joints[:, limbs] - joints[:, [1, 2]].mean(axis=1, keepdims=True)
    assert values["MPJPE-ray"] == pytest.approx(
        100 * np.linalg.norm(bare, axis=-1).mean(), rel=1e-3
    )
    assert values["PA-MPJPE"] == pytest.approx(0, abs=0.01)


def test_a_missed_frame_and_a_false_box(score, people):
    changed = [list(frame) for frame in people]
    boxes = sum(map(len, people))
    gone = len(changed[40])
    changed[40] = []
    spare = people[20][0]
    changed[20] = [*changed[20], type(spare)(9, [1, 1, 9, 9], spare.joints, spare.cam_t)]
    values, _, _ = score(changed)
    assert (values["FN"], values["FP"], values["IDs"]) == (gone, 1, 0)
    assert values["MOTA"] == pytest.approx(1 - (gone + 1) / boxes)


def test_a_new_id_from_a_frame_on(score, people):
    changed = [[type(p)(**{**vars(p), "track_id": 7}) for p in f] for f in people[60:]]
    values, _, _ = score([*people[:60], *changed])
    assert values["IDs"] == 1
    seen = [sum(map(len, part)) for part in (people[:60], people[60:])]
    assert values["IDF1"] == pytest.approx(max(seen) / sum(seen))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("another rate", "at 25 frames per second"),
        ("a frame less", "hold 89 frames"),
        ("another size", "of 320x240 pictures"),
        ("an id twice", "track 1 stands twice in frame 3"),
        ("not a number", "'3d_joints' of track 1 in frame 3 is not a number"),
        ("a box of nothing", "'bbox' of track 1 in frame 3 is not a number"),
        ("elsewhere", "not one box of the results overlaps a true one"),
    ],
)
def test_bad_results_are_told_in_one_line(score, people, spoil, words):
    frames, how = list(people), {}

    def change(frame):
        if spoil == "not a number" and frame["time"] == 3:
            frame["3d_joints"][0][4, 1] = np.nan
        if spoil == "a box of nothing" and frame["time"] == 3:
            frame["bbox"][0][2] = np.inf
        if spoil == "elsewhere":
            frame["bbox"] = [box + np.float32([900, 900, 0, 0]) for box in frame["bbox"]]

    if spoil == "another rate":
        how["fps"] = 25
    if spoil == "a frame less":
        frames = frames[:-1]
    if spoil == "another size":
        how["size"] = (240, 320)
    if spoil == "an id twice":
        frames[3] = frames[3] * 2
    values, code, said = score(frames, change=change, **how)
    assert values == {}
    assert code in (9, 31)
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t.pop("joints3d"), "the truth lacks 'joints3d'"),
        (lambda t: t["joints3d"].__setitem__((5, 0, 2), np.nan), "in frame 5 is not a number"),
        (lambda t: t.update(ids=np.array([1, 1])), "not one for each person"),
        (lambda t: t.update(box=t["box"][:-1]), "malformed"),
    ],
    ids=["a field less", "not a number", "ids", "a shape"],
)
def test_a_bad_truth_is_told_in_one_line(score, people, truth, tmp_path, *, spoil, words):
    spoiled = {name: value.copy() for name, value in truth.items()}
    spoil(spoiled)
    file = tmp_path / "bad_gt.npz"
    np.savez(file, **spoiled)
    _, code, said = score(people, truth_file=file)
    assert code == 30
    assert words in said
    assert said.count("\n") == 1


def test_a_truth_that_is_no_truth(score, people, tmp_path):
    (tmp_path / "x_gt.npz").write_bytes(b"PK no")
    _, code, said = score(people, truth_file=tmp_path / "x_gt.npz")
    assert (code, said.count("\n")) == (30, 1)
    _, code, said = score(people, truth_file=tmp_path / "none_gt.npz")
    assert (code, "no such truth file" in said) == (30, True)


def test_results_of_another_clip_are_noted(score, people):
    _, code, said = score(people, name="squat")
    assert code == 0
    assert "the results are of squat, the truth is of demo_small" in said


def test_limits_fail_with_a_code_of_their_own(score, people):
    _, code, _ = score(people, "--fail-under", "HOTA=0.9", "--fail-under", "mpjpe_ray=5")
    assert code == 0
    _, code, said = score(people[:30] + [[] for _ in people[30:]], "--fail-under", "Recall=60%")
    assert code == 32
    assert "Recall is 33" in said
    assert "not 60.0 %" in said
    _, code, said = score(people, "--fail-under", "PVE=5")
    assert (code, "PVE: the truth's surface" in said) == (32, True)


@pytest.mark.parametrize("limit", ["HOTTA=0.5", "HOTA", "HOTA=x", "HOTA=60", "Boxes=3", "=1"])
def test_limits_that_are_none(limit, capsys):
    assert main(["truth", "x.pkl", "--truth", "x.npz", "--fail-under", limit]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_several_results_are_compared_and_written(tmp_path, data, people, truth, capsys):
    size = tuple(int(n) for n in truth["size"][::-1])
    for folder, frames in (("good", people), ("bad", [*people[:50], *([[]] * 40)])):
        write_results(tmp_path / folder / "demo_small.pkl", frames, size=size)
    table = tmp_path / "scores.csv"
    words = ["truth", str(tmp_path / "good"), str(tmp_path / "bad")]
    words += ["--truth", str(data / "demo_small_gt.npz"), "--csv", str(table)]
    assert main(words) == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [(row["system"], row["sequence"]) for row in rows] == [
        ("good", "demo_small"),
        ("good", "(all)"),
        ("bad", "demo_small"),
        ("bad", "(all)"),
    ]
    assert float(rows[1]["HOTA"]) > float(rows[3]["HOTA"])
    out = capsys.readouterr().out
    assert "good" in out
    assert "bad" in out


def test_what_is_there_is_told_without_results(data, capsys):
    assert main(["truth", "--truth", str(data / "demo_small_gt.npz")]) == 0
    assert "1 sequences, 90 frames are there" in capsys.readouterr().out


def made_world(results, truth, scale=1.0):
    """A world file beside results, by the clip's true camera; people are ``scale`` times as far."""
    rotation, position = truth["camera_rotation"].astype(float), truth["camera_height"]
    focal = float(truth["K"][0, 0])

    def camera(index):
        return rotation, np.array([0, float(position), 0]), focal

    with WorldWriter(results) as writer:
        for key, frame in iter_results(results):
            size = frame["size"][0] if frame["size"] else (1, 1)
            ratio = focal / (5000 * max(size) / 256)
            cameras = [c * np.array([1, 1, ratio]) / 0.02 * scale for c in frame["camera"]]
            writer.write(lifted(key, {**frame, "camera": cameras}, camera))
    return writer.path


def test_the_world_file_is_taken_where_there_is_one(score, people, truth, tmp_path):
    results = tmp_path / "demo_small.pkl"
    score(people)
    file = made_world(results, truth, scale=1.2)
    size = tuple(int(n) for n in truth["size"][::-1])

    def again(*options):
        words = ["truth", str(results), "--truth", str(tmp_path / "demo_small_gt.npz")]
        out = tmp_path / "again.json"
        assert main([*words, "--json", str(out), *options]) == 0
        system = json.loads(out.read_text())["systems"]["demo_small"]
        return system["values"], system["notes"]

    np.savez(tmp_path / "demo_small_gt.npz", **truth)
    values, notes = again()
    assert notes == ["motion in the world is that of demo_small.world.pkl"]
    # Bodies are not turned by their rays in this file, and all is 1.2 times as far.
    assert 3 < values["RTE"] < 30
    values, notes = again("--given-camera")
    assert values["RTE"] < 0.1
    assert notes == ["motion in the world is lifted by the true camera"]
    write_results(results, [*people[:-1], []], size=size, name="demo_small")
    assert file.exists()
    words = ["truth", str(results), "--truth", str(tmp_path / "demo_small_gt.npz")]
    assert main(words) == 9  # the world file belongs to other results
