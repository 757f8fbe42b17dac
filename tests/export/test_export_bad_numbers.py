"""Results whose values are none: every format writes what is left of them, or says so in a line."""

from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import numpy as np
import pytest
from formats_here import FORMATS_HERE as FORMATS

from humantrack.results import ResultsWriter, load_results

ALL = [word for name in FORMATS for word in ("-f", name)]
NAN, INF = np.nan, np.inf


@pytest.fixture(scope="module")
def schema():
    return json.loads(files("humantrack.export").joinpath("results.schema.json").read_text())


def entry(key, value):
    """Puts a value in place of the first person's."""
    return lambda frame: frame[key].__setitem__(0, value)


def whole(key, value):
    return lambda frame: frame.__setitem__(key, value)


def smpl(**values):
    return lambda frame: frame["smpl"][0].update(values)


def without(key):
    return lambda frame: frame.pop(key)


def mask(**values):
    return entry("mask", [{"size": [480, 640], "counts": "1", **values}])


f4 = np.float32

PASSED = {
    "box of NaN": entry("bbox", np.full(4, NAN, f4)),
    "box without end": entry("bbox", np.array([0, 0, INF, INF], f4)),
    "box of negative width": entry("bbox", np.array([5, 5, -3, -4], f4)),
    "box of no size": entry("bbox", np.zeros(4, f4)),
    "enormous box": entry("bbox", np.full(4, 3e38, f4)),
    "box of wide floats": entry("bbox", np.full(4, 1e300)),
    "box as a list": entry("bbox", [1, 2.5, 3, 4]),
    "score of NaN": entry("conf", f4(NAN)),
    "score without end": entry("conf", -INF),
    "center of NaN": entry("center", np.full(2, NAN)),
    "scale of NaN": entry("scale", NAN),
    "depth of zero": entry("camera", np.array([0, 0, 0], f4)),
    "negative depth": entry("camera", np.array([0, 0, -40], f4)),
    "depth of NaN": entry("camera", np.array([0, 0, NAN], f4)),
    "depth without end": entry("camera", np.array([0, 0, INF], f4)),
    "enormous depth": entry("camera", np.array([1e38, 1e38, 3e38], f4)),
    "crop of zeros": entry("camera_bbox", np.zeros(3, f4)),
    "crop of NaN": entry("camera_bbox", np.full(3, NAN, f4)),
    "joints of NaN": entry("3d_joints", np.full((45, 3), NAN, f4)),
    "joints all in one": entry("3d_joints", np.zeros((45, 3), f4)),
    "joints far away": entry("3d_joints", np.full((45, 3), 1e30, f4)),
    "joints in the picture of NaN": entry("2d_joints", np.full(90, NAN, f4)),
    "joints far out of the picture": entry("2d_joints", np.full(90, 3e38, f4)),
    "rotations of zeros": smpl(body_pose=np.zeros((23, 3, 3), f4)),
    "rotations of NaN": smpl(body_pose=np.full((23, 3, 3), NAN, f4)),
    "rotations that mirror": smpl(global_orient=-np.eye(3, dtype=f4)[None]),
    "rotations that are enormous": smpl(global_orient=np.full((1, 3, 3), 1e30, f4)),
    "shape of NaN": smpl(betas=np.full(10, NAN, f4)),
    "enormous shape": smpl(betas=np.full(10, 1e30, f4)),
    "large shape": smpl(betas=np.full(10, 1e5, f4)),
    "a track twice": whole("tid", [1, 1]),
    "a track 0": entry("tid", 0),
    "a negative track": entry("tid", -7),
    "the largest track": entry("tid", 2**63 - 1),
    "missed long ago": entry("tracked_time", 10**9),
    "filled in": entry("tracked_time", -1),
    "never seen": whole("tracked_time", [3, 3]),
    "time of NaN": whole("time_s", NAN),
    "time without end": whole("time_s", INF),
    "time before the others": whole("time_s", -5.0),
    "time of long ago": whole("time_s", -1e300),
    "no time": without("time_s"),
    "no number": without("time"),
    "the same number again": whole("time", 0),
    "a late number": whole("time", 10**9),
    "the largest number": whole("time", 2**53 - 1),
    "a cut": whole("shot", 1),
    "no cut": without("shot"),
    "odd extra data": whole("extra_data", {"x": {1, 2}}),
    "odd keys": lambda frame: frame.update({5: 1, (1, "a"): 2, None: 3}),
    "no mask": entry("mask", []),
    "mask of bytes": mask(counts=b"Yjjl0a1lo0V1"),
    "mask of nothing": mask(counts=""),
    "mask of any text": mask(counts="\x7f~}|{zyx\n\t\0"),
    "mask of another size": mask(size=[1, 1], counts="Yjjl0a1lo0V1"),
    "mask of a size without end": mask(size=[2**31, 2**31], counts="Yjjl0a1lo0V1"),
}
"""Frames that can be exported all the same."""

REFUSED = {
    "picture of no size": entry("size", [0, 0]),
    "picture of negative size": entry("size", [480, -640]),
    "enormous picture": entry("size", [2**40, 2**40]),
    "size beyond numbers": entry("size", [10**400, 5]),
    "size in words": entry("size", ["a", "b"]),
    "size of NaN": entry("size", [NAN, NAN]),
    "size of one": entry("size", [480]),
    "size None": entry("size", None),
    "box of three": entry("bbox", np.zeros(3, f4)),
    "box of a picture": entry("bbox", np.zeros((480, 640), f4)),
    "box of text": entry("bbox", np.array(["1", "2", "3", "4"])),
    "box of complex numbers": entry("bbox", np.zeros(4, complex)),
    "box None": entry("bbox", None),
    "box of dicts": entry("bbox", [{}, {}, {}, {}]),
    "box beyond numbers": entry("bbox", [10**400] * 4),
    "one box too many": lambda frame: frame["bbox"].append(frame["bbox"][0]),
    "boxes are a number": whole("bbox", 5),
    "boxes are text": whole("bbox", "ab"),
    "score None": entry("conf", None),
    "score in words": entry("conf", "0.5"),
    "score of two": entry("conf", np.zeros(2, f4)),
    "track None": entry("tid", None),
    "track in words": entry("tid", "9" * 1_000_000),
    "track of NaN": entry("tid", NAN),
    "track beyond numbers": entry("tid", 2**63),
    "track of a million digits": entry("tid", 10**1_000_000),
    "tracks are a number": whole("tid", 5),
    "missed None": entry("tracked_time", None),
    "missed beyond numbers": entry("tracked_time", 2**100),
    "time in words": whole("time_s", "x"),
    "time of a list": whole("time_s", [1.0, 2.0]),
    "time beyond numbers": whole("time_s", 10**400),
    "number in words": whole("time", "x"),
    "number of NaN": whole("time", NAN),
    "negative number": whole("time", -1),
    "number beyond numbers": whole("time", 2**70),
    "cut of an array": whole("shot", np.zeros(3)),
    "bodies are numbers": whole("smpl", [5, 5]),
    "bodies are arrays": whole("smpl", [np.zeros(3), np.zeros(3)]),
    "no pose": lambda frame: frame["smpl"][0].pop("body_pose"),
    "pose of angles": smpl(body_pose=np.zeros(69, f4)),
    "joints of 44": entry("3d_joints", np.zeros((44, 3), f4)),
    "mask is a number": entry("mask", 5),
    "mask is a word": entry("mask", "word"),
    "mask is an array": entry("mask", np.zeros((4, 4), bool)),
    "mask without counts": entry("mask", [{"size": [1, 1]}]),
    "mask of numbers": mask(counts=[1, 2, 3]),
    "mask of odd text": mask(counts="\ud800é"),
    "mask of odd size": mask(size="ab"),
}
"""Frames that are malformed, and are named."""

KEYS = ("tid", "tracked_time", "bbox", "conf", "center", "scale", "size", "camera", "camera_bbox")
KEYS += ("3d_joints", "2d_joints", "smpl", "mask")
REFUSED |= {f"no {key}": without(key) for key in KEYS}


def strict(text):
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def spoilt(clip, edit_results):
    """The clip with its last frame spoilt: there is a person in it, and a ghost."""
    return lambda spoil: edit_results(clip, lambda frames: spoil(frames[2]))


@pytest.mark.parametrize("name", PASSED)
def test_frame_is_exported_all_the_same(spoilt, attempt, schema, name):
    path = spoilt(PASSED[name])
    tried = attempt(path, "--masks", *ALL)
    assert tried.code == 0, tried.lines
    assert {file.rpartition(".")[2] for file in tried.new} >= {"json", "csv", "txt", "pkl"}
    document = strict(path.with_suffix(".json").read_text())
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    assert len(document["frames"]) == 3
    person = {**document["frames"][2]["people"][0], "mask": 0}
    if name != "joints far out of the picture":  # finite there, but not in pixels
        assert (document["counts"]["non_finite"] > 0) == ("null" in json.dumps(person))
    times = [frame["time_s"] for frame in document["frames"]]
    assert times == sorted(times)
    tried = attempt(path, "--summary", "--plot", path.with_suffix(".png"))
    assert tried.code == 0
    assert "1" in tried.out


@pytest.mark.parametrize("name", REFUSED)
def test_frame_is_refused_and_named(spoilt, attempt, name):
    path = spoilt(REFUSED[name])
    tried = attempt(path)
    tried.assert_refused(9, str(path), "clip/000003.jpg")
    assert len(tried.lines[0]) < 1000
    attempt(path, *ALL).assert_refused(9)
    attempt(path, "--tracks", "1", "--frames", "1:", *ALL).assert_refused(9)
    if not name.startswith(("time", "number", "negative number", "cut")):
        assert attempt(path, "--frames", ":2", *ALL, "--force").code == 0


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("name", ["picture of no size", "no smpl", "track None"])
def test_no_format_leaves_a_file_of_a_malformed_frame(spoilt, attempt, name, format_name):
    attempt(spoilt(REFUSED[name]), "-f", format_name).assert_refused(9)


@pytest.mark.parametrize("spoil", ["depth of NaN", "negative depth", "rotations of NaN"])
def test_motion_takes_what_is_no_number_for_a_gap(
    make_results, edit_results, person, attempt, spoil
):
    path = make_results([person(1, range(6))], count=6)
    edit_results(path, lambda frames: [PASSED[spoil](frame) for frame in frames[2:4]])
    assert attempt(path, "-f", "npz", "--gaps", "split").new == [
        "clip_track1_part1.npz",
        "clip_track1_part2.npz",
    ]
    for part, frames in ((1, [0, 1]), (2, [4, 5])):
        with np.load(path.parent / f"clip_track1_part{part}.npz", allow_pickle=False) as archive:
            assert len(archive["poses"]) == len(frames)
            assert np.isfinite(archive["poses"]).all()
            assert np.isfinite(archive["trans"]).all()


def test_times_that_run_back(make_results, attempt, tmp_path):
    path = make_results(count=8, times=lambda i: [0, 1, 2, 3, 1, 2, 5.5, 6][i] / 30)
    assert attempt(path, *ALL).code == 0
    frames = strict(path.with_suffix(".json").read_text())["frames"]
    assert [round(f["time_s"] * 30, 3) for f in frames] == [0, 1, 2, 3, 4, 5, 5.5, 6]


@pytest.mark.parametrize("people", [True, False], ids=["nobody", "no frame"])
@pytest.mark.parametrize("name", FORMATS)
def test_results_without_people(make_results, attempt, schema, name, people):
    path = make_results([], count=2 if people else 0, meta=False)
    tried = attempt(path, "-f", name, "--source-fps", "30")
    assert tried.code == 0
    assert len(tried.new) == FORMATS[name].is_single
    if name == "json":
        document = strict(path.with_suffix(".json").read_text())
        jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
        assert len(document["frames"]) == 2 * people
    if not FORMATS[name].is_single:
        assert tried.lines == [f"note: {path} holds nobody to export"]


def test_summary_without_people(make_results, attempt):
    path = make_results([], count=0, meta=False)
    tried = attempt(path, "--summary", "--plot", path.with_suffix(".svg"))
    assert tried.code == 0
    assert "0 frames" in tried.out
    assert "nobody" in tried.out
    assert tried.new == ["clip.svg"]


@pytest.mark.parametrize("name", FORMATS)
def test_ids_and_frames_at_the_ends_of_what_numbers_can_be(clip, attempt, name):
    frames = dict(load_results(clip))
    for i, frame in enumerate(frames.values()):
        frame["time"] = 2**53 - 9 + i
        frame["tid"] = [-(2**63) + 1, 2**63 - 1][: len(frame["tid"])]
    with ResultsWriter(clip) as writer:
        for key, frame in frames.items():
            writer.write_frame(key, frame)
    tried = attempt(clip, "-f", name)
    assert tried.code == 0
    assert tried.new
