"""Files that are broken cost one line and an exit code, and leave nothing behind."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import pickle
import struct
import zlib
from importlib.resources import files

import jsonschema
import numpy as np
import pytest

from humantrack.export.formats.base import FORMATS
from humantrack.results import ResultsWriter, load_results
from humantrack.results.encode import END, HEADER, LENGTH
from humantrack.results.record import PERSON_KEYS

ALL = [word for name in FORMATS for word in ("-f", name)]


@pytest.fixture(scope="module")
def schema():
    return json.loads(files("humantrack.export").joinpath("results.schema.json").read_text())


# -- no results ----------------------------------------------------------------------------------

JUNK = {
    "empty": b"",
    "text": b"hello, this is not a pickle\n",
    "json": b'{"frames": []}',
    "zeros": bytes(1000),
    "empty zlib": zlib.compress(b""),
    "half a zlib header": b"x",
    "a list": pickle.dumps([1, 2], 3),
    "a number": pickle.dumps(5, 3),
    "frames that are none": pickle.dumps({"k": 1}, 3),
    "an array": pickle.dumps(np.zeros(3), 3),
    "protocol 0": pickle.dumps({"k": {}}, 0),
    "protocol 9": b"\x80\x09}.",
    "another version of ours": zlib.compress(HEADER.replace(b"results 1", b"results 2") + END),
    "lz4": b"\x04\x22\x4d\x18rest",
    "old joblib": b"ZF0x10",
    "png": b"\x89PNG\r\n\x1a\n" + bytes(50),
    "a frame key that is a number": pickle.dumps({5: {"time": 0, "tid": []}}, 3),
    "a frame key that is bytes": pickle.dumps({b"k": {"time": 0, "tid": []}}, 3),
    "a frame key of three": pickle.dumps({("a", 1, 2): {"time": 0, "tid": []}}, 3),
    "a frame without keys": pickle.dumps({"k": {}}, 3),
}


@pytest.mark.parametrize("content", JUNK.values(), ids=JUNK)
def test_what_is_no_results_file_is_refused(tmp_path, attempt, content):
    path = tmp_path / "r.pkl"
    path.write_bytes(content)
    code = 10 if content == JUNK["png"] else 9  # a P asks for what is elsewhere
    attempt(path).assert_refused(code, str(path))
    attempt(path, "--summary", "--plot", tmp_path / "p.png").assert_refused(code, str(path))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "content", ["text", "empty", "frames that are none", "a frame without keys"]
)
def test_no_format_leaves_a_file_of_junk(tmp_path, attempt, name, content):
    path = tmp_path / "r.pkl"
    path.write_bytes(JUNK[content])
    attempt(path, "-f", name).assert_refused(9)
    attempt(path, "-f", name, "-o", f"{tmp_path}/deep/folder/").assert_refused(9)


def test_what_is_not_there(tmp_path, attempt):
    attempt(tmp_path / "gone.pkl").assert_refused(9, "gone.pkl", "no such file")
    attempt(tmp_path).assert_refused(9, "holds no results")
    attempt("x" * 5000).assert_refused(9, "too long")
    attempt(f"{tmp_path}/{'x' * 300}.pkl").assert_refused(9, "too long")
    attempt("").assert_refused(2, "empty")


def test_truncated_at_every_byte(tmp_path, attempt):
    whole = tmp_path / "whole.pkl"
    frame = {
        key: [] for key in ("tid", "tracked_ids", "tracked_bbox", "tracked_time", *PERSON_KEYS)
    }
    with ResultsWriter(whole, compress=9) as writer:
        for i in range(3):
            writer.write_frame(
                f"{i}", {**frame, "bbox": [], "time": i, "shot": 0, "time_s": i / 30}
            )
    data = whole.read_bytes()
    assert len(data) < 1500
    path, target = tmp_path / "cut.pkl", tmp_path / "cut.jsonl"
    counts = []
    for size in range(len(data)):
        path.write_bytes(data[:size])
        tried = attempt(path, "-f", "jsonl", "--quiet")
        if tried.code:
            tried.assert_refused(9, "cut.pkl")
            counts.append(-1)
            continue
        assert tried.new == ["cut.jsonl"]
        header, *frames = map(json.loads, target.read_text().splitlines())
        assert header["counts"]["frames"] == len(frames)
        assert f"after {len(frames)} whole frames" in tried.lines[0]
        assert not [line for line in tried.lines[1:] if "frame rate" not in line]
        counts.append(len(frames))
        target.unlink()
        attempt(path, "-f", "jsonl", "--strict").assert_refused(9, "cut short")
    assert counts == sorted(counts)
    assert set(counts) == {-1, 0, 1, 2, 3}


@pytest.mark.parametrize("name", FORMATS)
def test_a_cut_file_of_ours_gives_its_whole_frames(clip, attempt, name):
    clip.write_bytes(clip.read_bytes()[:-40])
    tried = attempt(clip, "-f", name, "--source-fps", "30")
    assert tried.code == 0
    assert tried.new
    assert [line for line in tried.lines if "after 2 whole frames" in line] == tried.lines[:1]
    for file in tried.new:
        (clip.parent / file).unlink()
    attempt(clip, "-f", name, "--strict").assert_refused(9, "cut short")


def test_a_cut_file_of_phalp_is_refused(clip, attempt, edit_results):
    edit_results(clip, lambda frames: None)
    data = clip.read_bytes()
    for size in range(0, len(data), 97):
        clip.write_bytes(data[:size])
        attempt(clip).assert_refused(9)


# -- bombs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("squeeze", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_decompression_bomb(tmp_path, attempt, squeeze):
    path = tmp_path / "r.pkl"
    size = 1 << 24
    path.write_bytes(squeeze(b"\x80\x03}X\x01\0\0\0kB" + struct.pack("<I", size) + bytes(size)))
    attempt(path, "--max-size", "1M").assert_refused(9, "1000000 bytes")
    path.write_bytes(squeeze(HEADER + LENGTH.pack(b"J", size, b"0") + bytes(size)))
    attempt(path, "--max-size", "1M").assert_refused(9, "1000000 bytes")
    attempt(path, "--max-size", "1M", "--summary").assert_refused(9, "1000000 bytes")


def test_frames_that_together_are_a_bomb(tmp_path, attempt):
    path = tmp_path / "r.pkl"
    size = 1 << 27
    path.write_bytes(zlib.compress(HEADER + LENGTH.pack(b"J", size, b"0") + bytes(size)))
    attempt(path).assert_refused(9, "67108864 bytes")


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "x", "", "1Q", "1e99"])
def test_a_size_that_is_none(clip, attempt, text):
    attempt(clip, f"--max-size={text}").assert_refused(2, "--max-size")


def doubled(times=60):
    """A list of two lists of two lists ...: 2**times leaves in some hundred bytes."""
    value = [0.0, 0.0]
    for _ in range(times):
        value = [value, value]
    return value


BOMBS = {
    "box": lambda f: f["bbox"].__setitem__(0, doubled()),
    "joints": lambda f: f["3d_joints"].__setitem__(0, doubled(25)),
    "size": lambda f: f["size"].__setitem__(0, doubled()),
    "pose": lambda f: f["smpl"][0].__setitem__("body_pose", doubled(20)),
    "mask's counts": lambda f: f["mask"].__setitem__(0, [{"size": [9, 9], "counts": doubled()}]),
    "mask's size": lambda f: f["mask"].__setitem__(0, [{"size": doubled(), "counts": "1"}]),
    "score": lambda f: f["conf"].__setitem__(0, doubled()),
    "ids": lambda f: f.__setitem__("tid", [1] * 1_000_000),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_lists_that_hold_themselves_many_times(clip, attempt, edit_results, bomb):
    edit_results(clip, lambda frames: bomb(frames[1]))
    attempt(clip, *ALL).assert_refused(9, "malformed")


def test_a_bomb_among_what_is_passed_on(clip, attempt, edit_results):
    edit_results(clip, lambda frames: frames[1].update(extra_data=doubled()))
    rest = [word for name in FORMATS if name not in ("phalp", "blender") for word in ("-f", name)]
    assert attempt(clip, *rest).code == 0
    attempt(clip, "-f", "phalp").assert_refused(8, "too many parts")


@pytest.mark.parametrize("depth", [200, 5_000, 100_000])
def test_what_is_nested_deeply(clip, attempt, depth):
    frames = dict(load_results(clip))
    next(iter(frames.values()))["extra_data"] = "HERE"
    data = pickle.dumps(frames, 3)
    assert data.count(b"X\x04\0\0\0HERE") == 1
    clip.write_bytes(data.replace(b"X\x04\0\0\0HERE", b"]" * depth + b"a" * (depth - 1)))
    assert attempt(clip).code == 0
    if depth == 200:
        assert attempt(clip, "-f", "phalp").code == 0
    else:
        attempt(clip, "-f", "phalp").assert_refused(8)
    assert attempt(clip, "--summary").code == 0


# -- the description ------------------------------------------------------------------------------

SOURCE = {"name": "clip", "path": "clip.mp4", "fps": 25.0, "width": 640, "height": 480}
DEEP = "[" * 400 + "]" * 400
VERY_DEEP = "[" * 100_000 + "]" * 100_000
ABOUT = {
    "empty": "",
    "text": "hello",
    "null": "null",
    "list": "[1, 2]",
    "numbers": '{"source": 1, "model": 2, "versions": 3, "frame_count": "x"}',
    "lists": '{"source": [], "model": [1], "versions": [], "frame_count": []}',
    "nulls": '{"source": {"name": null, "fps": null, "width": null, "path": null}}',
    "wrong kinds": '{"source": {"name": 5, "path": {"a": 1}, "fps": "30", "width": "640",'
    ' "height": [480], "duration_s": {}}, "versions": {"humantrack": {"x": 1}}}',
    "fps of zero": '{"source": {"fps": 0}}',
    "negative fps": '{"source": {"fps": -30, "width": -1, "height": -1, "duration_s": -5}}',
    "fps of NaN": '{"source": {"fps": NaN, "duration_s": NaN}, "model": {"x": NaN}}',
    "fps without end": '{"source": {"fps": Infinity, "duration_s": Infinity}}',
    "enormous": '{"source": {"fps": 1e300, "width": 1e300, "height": 4611686018427387904,'
    ' "duration_s": 1e300}, "frame_count": 1e300}',
    "beyond numbers": '{"source": {"fps": 1' + "0" * 400 + ', "width": 1' + "0" * 400 + "},"
    ' "frame_count": 1' + "0" * 400 + ', "model": {"x": 1' + "0" * 400 + "}}",
    "million digits": '{"source": {"fps": 1' + "0" * 1_000_000 + "}}",
    "tiny": '{"source": {"fps": 1e-300, "duration_s": 1e-300}}',
    "true": '{"source": {"fps": true, "width": true, "height": true}, "frame_count": true}',
    "nested": f'{{"source": {DEEP}, "model": {{"x": {DEEP}}}}}',
    "nested deeply": f'{{"source": {VERY_DEEP}, "model": {VERY_DEEP}}}',
    "lone surrogates": r'{"source": {"name": "\ud800", "path": "\udfff"}, "model": {"\ud800": 1},'
    r' "versions": {"humantrack": "\ud800"}}',
    "terminal codes": r'{"source": {"name": "\u001b[2J"},'
    r' "versions": {"humantrack": "\u001b[2J\n"}}',
    "long": json.dumps({"source": {"name": "x" * 1_000_000}, "model": {"x": "y" * 1_000_000}}),
    "larger than any": '{"x": "' + " " * (1 << 25) + '"}',
    "another schema": json.dumps({"schema": 99, "source": SOURCE}),
    "no text": b"\xff\xfe\0\0",
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("content", ABOUT.values(), ids=ABOUT)
def test_description_that_is_none(clip, attempt, schema, content):
    about = clip.with_name("clip.meta.json")
    about.write_bytes(content.encode() if isinstance(content, str) else content)
    everything = [word for name in FORMATS for word in ("-f", name)]
    tried = attempt(clip, *everything)
    assert tried.code == 0, tried.lines
    document = json.loads(clip.with_suffix(".json").read_text())
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    assert len(document["frames"]) == 3
    assert document["source"]["fps"] == pytest.approx(
        25 if content == ABOUT["another schema"] else 30
    )
    assert document["source"]["width"] == 640
    tried = attempt(clip, "--summary", "--plot", clip.with_suffix(".png"))
    assert tried.code == 0
    assert "\x1b" not in tried.out


def test_description_that_is_a_folder(clip, attempt):
    clip.with_name("clip.meta.json").mkdir()
    assert attempt(clip).code == 0


# -- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-f", "fbx"], "Known are json"),
        (["--frames", "5:2"], "--frames"),
        (["--frames", "x"], "--frames"),
        (["--frames=-1:"], "--frames"),
        (["--tracks", "a"], "--tracks"),
        (["--fps", "nan", "-f", "bvh"], "--fps"),
        (["--fps", "0", "-f", "bvh"], "--fps"),
        (["--fps", "30"], "--fps"),
        (["--focal", "-5"], "--focal"),
        (["--focal", "nan"], "--focal"),
        (["--source-fps", "inf"], "--source-fps"),
        (["--min-length", "0"], "--min-length"),
        (["--precision", "99"], "--precision"),
        (["--euler", "ABC", "-f", "bvh"], "--euler"),
        (["--plot", "timeline.pdf"], ".png or .svg"),
        (["--plot", "timeline"], ".png or .svg"),
    ],
)
def test_arguments_that_make_no_sense(clip, attempt, arguments, words):
    attempt(clip, *arguments).assert_refused(2, words)


def test_nothing_named(attempt):
    attempt().assert_refused(2, "out.pkl")
