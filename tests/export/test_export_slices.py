"""A selection of frames and tracks is the slice of the whole export, to the last digit."""

from __future__ import annotations

import csv
import itertools
import json
import re

import joblib
import numpy as np
import pyarrow.parquet
import pygltflib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humantrack.clips.options import ExportOptions
from humantrack.export import export, find_format
from humantrack.results import ResultsWriter, load_results

COUNT = 40
HOWS = (
    {},
    {"smooth": "savgol"},
    {"gaps": "split"},
    {"fps": 50, "gaps": "hold"},
    {"fps": 12, "smooth": "one-euro"},
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory, dance):
    """Three people, one of whom is hidden in frames 15 to 19; times jitter as a phone's do."""
    path = tmp_path_factory.mktemp("slices") / "clip.pkl"
    with ResultsWriter(path, features=False) as writer:
        for record in dance(COUNT, lambda i: (i + 0.2 * (i % 3)) / 30):
            writer.write(None, record)
    return path


@pytest.fixture(scope="module")
def exported(clip, tmp_path_factory):
    """Suffix -> file of an export; the whole ones are made once."""
    numbers, kept = itertools.count(), {}

    def run(name, how, frames=(0, None), tracks=None):
        key = (name, tuple(how.items()), frames, tracks)
        if key not in kept:
            options = ExportOptions(frames=frames, tracks=tracks, **how)
            folder = tmp_path_factory.mktemp(f"{name}{next(numbers)}")
            export(clip, [find_format(name)], folder, options)
            kept[key] = {file.name.removeprefix("clip"): file for file in folder.iterdir()}
        return kept[key]

    return run


@st.composite
def selections(draw):
    first = draw(st.integers(0, COUNT - 1))
    stop = draw(st.one_of(st.none(), st.integers(first + 1, COUNT + 5)))
    tracks = draw(st.one_of(st.none(), st.frozensets(st.sampled_from([1, 2, 7]), min_size=1)))
    return (first, stop), tracks


def within(index, frames):
    return frames[0] <= index and (frames[1] is None or index < frames[1])


def wanted(track, tracks):
    return tracks is None or track in tracks


def rows_of(name, files):
    """What a format says of each (track, frame)."""
    (file,) = files.values()
    text = None if name in ("parquet", "phalp") else file.read_text("utf-8")
    if name in ("json", "jsonl"):
        frames = (
            json.loads(text)["frames"] if name == "json" else map(json.loads, text.splitlines()[1:])
        )
        return [
            (p["track_id"], f["index"], {**f, "people": p}) for f in frames for p in f["people"]
        ]
    if name == "csv":
        return [(int(r["track_id"]), int(r["frame"]), r) for r in csv.DictReader(text.splitlines())]
    if name == "parquet":
        table = pyarrow.parquet.read_table(file).to_pylist()
        return [(r["track_id"], r["frame"], r) for r in table]
    if name == "mot":
        lines = [line.split(",") for line in text.splitlines()]
        return [(int(r[1]), int(r[0]) - 1, r) for r in lines]
    if name == "coco":
        every = json.loads(text)["annotations"]
        return [(a["track_id"], a["image_id"] - 1, {**a, "id": 0}) for a in every]
    frames = joblib.load(file).values()
    return [
        (
            track,
            f["time"],
            {k: np.asarray(f[k][i]).tolist() for k in ("bbox", "camera", "3d_joints")},
        )
        for f in frames
        for i, track in enumerate(f["tid"])
    ]


@pytest.mark.parametrize("name", ["json", "jsonl", "csv", "parquet", "mot", "coco", "phalp"])
@settings(max_examples=8)
@given(selections())
def test_tables_and_documents(exported, name, selection):
    frames, tracks = selection
    whole = rows_of(name, exported(name, {}))
    part = rows_of(name, exported(name, {}, frames, tracks))
    assert part == [r for r in whole if wanted(r[0], tracks) and within(r[1], frames)]


def tracks_within(exported, how, frames, tracks):
    """Name of a track -> which rows of its even motion are within the selection, from AMASS's."""
    out = {}
    for name, file in exported("npz", how).items():
        track = name.removesuffix(".npz")
        at = np.load(file)["frame"]
        rows = [i for i, index in enumerate(at.tolist()) if within(index, frames)]
        if rows and wanted(int(re.match(r"_track(\d+)", track)[1]), tracks):
            out[track] = rows
    return out


PER_FRAME = (
    *("poses", "trans", "dmpls", "frame", "observed", "present"),
    *("root_orient", "pose_body", "pose_hand", "pose_jaw", "pose_eye"),
)
"""Arrays of an npz file with a row for each frame."""


@pytest.mark.parametrize("how", HOWS, ids=str)
@settings(max_examples=4)
@given(selections())
def test_even_motion(exported, how, selection):
    """Frames within a gap are filled as they are in the whole, at either end as well."""
    held = tracks_within(exported, how, *selection)
    for name in ("npz", "bvh", "trc"):
        whole, part = exported(name, how), exported(name, how, *selection)
        assert sorted(part) == sorted(f"{track}.{name}" for track in held)
        for track, rows in held.items():
            a, b = (files[f"{track}.{name}"] for files in (whole, part))
            if name == "npz":
                a, b = np.load(a), np.load(b)
                for key in a.files:
                    sliced = a[key][rows] if key in PER_FRAME else a[key]
                    if key != "start_time_s":
                        np.testing.assert_array_equal(b[key], sliced, err_msg=key)
                continue
            head = 6 if name == "trc" else a.read_text().split("\n").index("MOTION") + 3
            lines, some = a.read_text().splitlines(), b.read_text().splitlines()
            assert some[head:] == [lines[head:][i] for i in rows]


@pytest.mark.parametrize("how", HOWS, ids=str)
@settings(max_examples=4)
@given(selections())
def test_frames_for_blender(exported, clip, how, selection):
    frames, tracks = selection
    whole, part = exported("blender", how), exported("blender", how, *selection)
    index = [frame["time"] for frame in load_results(clip).values()]
    for name, file in whole.items():
        entries = joblib.load(file)
        keys = list(entries)
        if "fps" in how:
            times = [f["time_s"] for f in load_results(clip).values()]
            at = [
                np.searchsorted(times, (i + 1e-6) / how["fps"], "right") - 1
                for i in range(len(keys))
            ]
        else:
            at = index
        held = [k for k, i in zip(keys, at, strict=True) if within(i, frames)]
        there = any(entries[k]["tid"] for k in held)
        track = int(re.match(r"_track(\d+)", name)[1])
        assert (name in part) == (there and wanted(track, tracks))
        if name in part:
            some = joblib.load(part[name])
            assert list(some) == held
            for key in held:
                assert some[key]["tid"] == entries[key]["tid"]
                assert some[key]["tracked_time"] == entries[key]["tracked_time"]
                for x, y in zip(some[key]["camera"], entries[key]["camera"], strict=True):
                    np.testing.assert_array_equal(x, y)
                for x, y in zip(some[key]["smpl"], entries[key]["smpl"], strict=True):
                    assert all((x[k] == y[k]).all() for k in y)


def scene(file):
    """(node's name, property) -> times since the start of the source, values; and the start."""
    gltf = pygltflib.GLTF2().load(str(file))
    data, start = gltf.binary_blob(), gltf.asset.extras["start_s"]

    def array(number):
        accessor = gltf.accessors[number]
        view = gltf.bufferViews[accessor.bufferView]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor.type]
        raw = data[view.byteOffset : view.byteOffset + view.byteLength]
        return np.frombuffer(raw, np.float32).reshape(-1, width)

    parents = {child: i for i, node in enumerate(gltf.nodes) for child in node.children or ()}

    def path(node):
        return (*(path(parents[node]) if node in parents else ()), gltf.nodes[node].name)

    out = {}
    for animation in gltf.animations:
        for channel in animation.channels:
            sampler = animation.samplers[channel.sampler]
            times = array(sampler.input)[:, 0].astype(float) + start
            out[path(channel.target.node), channel.target.path] = times, array(sampler.output)
    return out, start


@pytest.mark.parametrize("how", HOWS, ids=str)
@settings(max_examples=4)
@given(selections())
def test_scenes(exported, clip, how, selection):
    frames, tracks = selection
    times = [f["time_s"] for f in load_results(clip).values()]
    last = len(times) if frames[1] is None else min(frames[1], len(times))
    begin, end = times[frames[0]] - 1e-6, times[last] - 1e-5 if last < len(times) else np.inf
    whole, _ = scene(exported("glb", how)[".glb"])
    part, start = scene(exported("glb", how, *selection)[".glb"])
    assert start == times[frames[0]]
    for (path, kind), (at, values) in whole.items():
        track = int(re.match(r"track(\d+)", path[0])[1])
        if kind == "scale":
            continue
        rows = (at >= begin - 1e-5) & (at < end)
        if not rows.any() or not wanted(track, tracks):
            assert (path, kind) not in part
            continue
        some_at, some = part[path, kind]
        np.testing.assert_allclose(some_at, at[rows], atol=1e-6)
        np.testing.assert_array_equal(some, values[rows])


def test_an_interpolated_end(exported):
    """Track 2 is hidden in frames 15 to 19, and all of these are in the export of 16 to 18."""
    part = np.load(exported("npz", {}, (16, 18), frozenset({2}))["_track2.npz"])
    assert part["frame"].tolist() == [16, 17]
    assert not part["observed"].any()


def test_short_tracks_are_short_in_the_whole_file(clip, tmp_path):
    """Track 7 is seen in 18 frames, two of which are asked for."""
    for least, left in ((18, {1, 2, 7}), (19, {1, 2})):
        options = ExportOptions(frames=(20, 22), min_length=least)
        export(clip, [find_format("json")], tmp_path / f"{least}.json", options)
        document = json.loads((tmp_path / f"{least}.json").read_bytes())
        assert {p["track_id"] for f in document["frames"] for p in f["people"]} == left
