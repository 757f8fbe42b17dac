"""Readers of our own files that share no code with what writes them: for ``--check``.

Rotations are composed by scipy, files are taken apart here. Each gives the joints where the file
puts them, in the file's axes and unit.
"""

from __future__ import annotations

import csv
import json
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.types.arrays import FloatArray


@dataclass(frozen=True, kw_only=True)
class ReadMotion:
    """One person's motion as a file has it."""

    name: str
    """What the file says of whose it is: track7, track7_part2."""

    time_s: FloatArray | None
    """(T,) if the file has times of its own."""

    places: dict[str, FloatArray]
    """Joint or marker -> (T,3), NaN where it is blank."""


def read_bvh(path: Path) -> Iterator[ReadMotion]:
    """Joints of a BVH, by its own names."""
    from scipy.spatial.transform import Rotation

    head, _, tail = path.read_text(encoding="ascii").partition("MOTION")
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[list[str]] = []
    stack: list[int] = []
    for line in head.splitlines():
        match line.split():
            case ["ROOT" | "JOINT", name]:
                parents.append(stack[-1] if stack else -1)
                stack.append(len(names))
                names.append(name)
            case ["End", "Site"]:
                stack.append(-1)
            case ["OFFSET", *numbers] if stack[-1] >= 0:
                offsets.append([float(n) for n in numbers])
            case ["CHANNELS", _, *words]:
                channels.append(words)
            case ["}"]:
                stack.pop()
    rows = tail.split("\n", 3)[3]
    table = np.array([[float(n) for n in row.split()] for row in rows.splitlines() if row.split()])
    turned: list[Any] = []
    places: list[FloatArray] = []
    column = 0
    for joint, words in enumerate(channels):
        part = dict(zip(words, table[:, column : column + len(words)].T, strict=True))
        column += len(words)
        axes = [word[0] for word in words if word.endswith("rotation")]
        angles = np.stack([part[f"{axis}rotation"] for axis in axes], axis=1)
        own = Rotation.from_euler("".join(axes), angles, degrees=True)
        offset = np.array(offsets[joint])
        if parents[joint] < 0:
            turned.append(own)
            places.append(offset + np.stack([part[f"{axis}position"] for axis in "XYZ"], axis=1))
        else:
            turned.append(turned[parents[joint]] * own)
            places.append(places[parents[joint]] + turned[parents[joint]].apply(offset))
    yield ReadMotion(name=track_of(path), time_s=None, places=dict(zip(names, places, strict=True)))


def read_npz(path: Path) -> Iterator[ReadMotion]:
    """Joints of an AMASS file by SMPL's rules, with the rest pose that lies in it."""
    from scipy.spatial.transform import Rotation

    from humantrack.body.joints import SMPL_JOINTS, SMPL_PARENTS

    with np.load(path, allow_pickle=False) as file:
        rest, trans = file["rest_joints"].astype(float), file["trans"].astype(float)
        vectors = file["poses"][:, :66].reshape(len(trans), 22, 3).astype(float)
        start_s, rate = float(file["start_time_s"]), float(file["mocap_framerate"])
    turned = [Rotation.from_rotvec(vectors[:, 0])]
    places = [rest[0] + trans]
    for joint in range(1, 24):
        parent = SMPL_PARENTS[joint]
        places.append(places[parent] + turned[parent].apply(rest[joint] - rest[parent]))
        own = vectors[:, joint] if joint < 22 else np.zeros_like(trans)
        turned.append(turned[parent] * Rotation.from_rotvec(own))
    yield ReadMotion(
        name=track_of(path),
        time_s=start_s + np.arange(len(trans)) / rate,
        places=dict(zip(SMPL_JOINTS, places, strict=True)),
    )


def read_trc(path: Path) -> Iterator[ReadMotion]:
    """Markers of a TRC."""
    lines = path.read_text(encoding="utf-8").splitlines()
    names = [word for word in lines[3].split("\t")[2:] if word]
    rows = [line.split("\t") for line in lines[6:] if line]
    numbers = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    points = numbers[:, 2:].reshape(len(rows), len(names), 3)
    places = {name: points[:, i] for i, name in enumerate(names)}
    yield ReadMotion(name=track_of(path), time_s=numbers[:, 1], places=places)


def read_c3d(path: Path) -> Iterator[ReadMotion]:
    """Markers of a C3D, as ezc3d reads them."""
    import ezc3d

    file = ezc3d.c3d(str(path))
    points = file["data"]["points"][:3].transpose(2, 1, 0)
    places = {n: points[:, i] for i, n in enumerate(file["parameters"]["POINT"]["LABELS"]["value"])}
    yield ReadMotion(name=track_of(path), time_s=None, places=places)


def read_glb(path: Path) -> Iterator[ReadMotion]:
    """The animated nodes of each skin of a scene, by their names, at their own key frames."""
    from scipy.spatial.transform import Rotation

    data = path.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    document = json.loads(data[20 : 20 + length])
    accessor = _accessors(document, data[28 + length :])
    nodes = document["nodes"]
    parent = {c: i for i, node in enumerate(nodes) for c in node.get("children", ())}
    moved: dict[tuple[int, str], tuple[FloatArray, FloatArray]] = {}
    for animation in document.get("animations", ()):
        for channel in animation["channels"]:
            sampler = animation["samplers"][channel["sampler"]]
            target = channel["target"]
            moved[target["node"], target["path"]] = (
                accessor(sampler["input"]),
                accessor(sampler["output"]),
            )
    start_s = float(document["asset"].get("extras", {}).get("start_s", 0.0))
    for skin in document["skins"]:
        joints = skin["joints"]
        clock = moved[joints[0], "translation"][0]
        turned: dict[int, Any] = {}
        places: dict[int, FloatArray] = {}
        for joint in joints:
            still = np.tile(nodes[joint].get("rotation", (0, 0, 0, 1)), (len(clock), 1))
            own = Rotation.from_quat(moved.get((joint, "rotation"), (clock, still))[1])
            offset = moved.get((joint, "translation"), (clock, None))[1]
            if offset is None:
                offset = np.array(nodes[joint].get("translation", (0, 0, 0)), float)
            above = parent.get(joint, -1)
            is_root = above not in turned
            turned[joint] = own if is_root else turned[above] * own
            places[joint] = offset if is_root else places[above] + turned[above].apply(offset)
        yield ReadMotion(
            name=nodes[skin["skeleton"]]["name"],
            time_s=clock.astype(float) + start_s,
            places={nodes[joint]["name"]: places[joint] for joint in joints},
        )


def _accessors(document: dict[str, Any], binary: bytes) -> Callable[[int], FloatArray]:
    kinds = {5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
    widths = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}

    def array(index: int) -> FloatArray:
        about = document["accessors"][index]
        view = document["bufferViews"][about["bufferView"]]
        width = widths[about["type"]]
        start = view.get("byteOffset", 0) + about.get("byteOffset", 0)
        flat = np.frombuffer(
            binary, kinds[about["componentType"]], about["count"] * width, start
        ).astype(float)
        return flat if width == 1 else flat.reshape(-1, width)

    return array


def track_of(path: Path) -> str:
    """What a file's name says of whose it is; '' if nothing."""
    found = re.search(r"track-?\d+(_part\d+)?", path.name)
    return found[0] if found else ""


Row = tuple[int, int, FloatArray, FloatArray]
"""Frame, track, (45,3) joints and (3,) what moves them to where they are before the camera."""


def read_json(path: Path) -> Iterator[Row]:
    """Joints and cameras, of documents with all frames and of those line by line."""
    text = path.read_text(encoding="utf-8")
    try:
        frames = json.loads(text)["frames"]
    except (json.JSONDecodeError, KeyError):
        frames = [json.loads(line) for line in text.splitlines()[1:] if line.strip()]
    for frame in frames:
        for person in frame["people"]:
            joints, camera = (np.array(person[key], float) for key in ("joints_3d", "camera"))
            yield frame["index"], person["track_id"], joints, camera


def read_csv(path: Path) -> Iterator[Row]:
    """Joints and cameras, of the rows of a table."""
    with path.open(newline="", encoding="utf-8") as file:
        yield from _rows(csv.DictReader(file))


def read_parquet(path: Path) -> Iterator[Row]:
    """As ``read_csv``."""
    from pyarrow import parquet

    for batch in parquet.ParquetFile(path).iter_batches():
        yield from _rows(iter(batch.to_pylist()))


def read_phalp(path: Path) -> Iterator[Row]:
    """Joints and cameras under PHALP's keys, ghosts too, by the reader that runs nothing."""
    from humantrack.results import iter_results

    for _, frame in iter_results(path):
        people = (frame[key] for key in ("tid", "3d_joints", "camera"))
        for track_id, joints, camera in zip(*people, strict=True):
            places = np.asarray(joints, float), np.asarray(camera, float)
            yield int(frame["time"]), int(track_id), *places


def _rows(rows: Iterator[dict[str, Any]] | csv.DictReader[str]) -> Iterator[Row]:
    from humantrack.body.joints import PHALP_JOINTS

    for row in rows:

        def place(name: str, row: dict[str, Any] = row) -> list[float]:
            cells = [row[f"{name}_{axis}"] for axis in "xyz"]
            return [np.nan if cell in (None, "") else float(cell) for cell in cells]

        joints = np.array([place(name) for name in PHALP_JOINTS])
        yield int(row["frame"]), int(row["track_id"]), joints, np.array(place("camera"))
