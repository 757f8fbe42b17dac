"""What every preset writes, against a listing that was looked through; and the same bytes twice."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from foreign_readers import chunks_of_recording
from formats_here import FORMATS_HERE
from world_tools import make_world

from humantrack.export.cli import main
from humantrack.export.formats.base import FORMATS
from humantrack.export.presets import PRESETS

LISTING = Path(__file__).parents[1] / "data" / "golden" / "presets.json"
CASES = {name: ["--for", name] for name in PRESETS} | {"gmr bvh": ["--for", "gmr", "-f", "bvh"]}


@pytest.mark.parametrize("case", CASES)
def test_names_axes_unit_and_rest_are_those_listed(case, make_results):
    path = make_results(count=6)
    if "rrd" in PRESETS[case.split()[0]].formats:
        pytest.importorskip("rerun.chunk")
    assert listed(path, CASES[case]) == json.loads(LISTING.read_text())[case]


def test_every_preset_is_listed():
    assert set(json.loads(LISTING.read_text())) == set(CASES)


@pytest.mark.parametrize("world", [False, True], ids=["camera", "world"])
def test_every_format_is_the_same_bytes_twice(world, make_results):
    path = make_results(count=14)
    if world:
        make_world(path)
    words = [word for name in FORMATS_HERE for word in ("-f", name)]
    words += ["--tables", "tracks,frames", "--masks", "--quiet"]
    runs = []
    for folder in ("one", "two"):
        out = path.parent / folder
        assert main([str(path), *words, "-o", f"{out}/"]) == 0
        runs.append({p.name: p.read_bytes() for p in out.iterdir()})
    assert [name for name, data in runs[0].items() if runs[1].get(name) != data] == []
    assert runs[0].keys() == runs[1].keys()
    missing = [
        f.name for f in FORMATS_HERE.values() if not any(n.endswith(f.suffix) for n in runs[0])
    ]
    assert missing == [] and set(FORMATS_HERE) <= set(FORMATS)


# -- the listing ----------------------------------------------------------------------------------


def listed(path, words):
    """Of the files of track 1, or of everybody: names, axes, unit, and rest pose."""
    out = path.parent / "listed"
    assert main([str(path), *words, "--tracks", "1", "-o", f"{out}/", "--quiet"]) == 0
    found = {}
    for file in sorted(out.iterdir()):
        name = file.name.removeprefix(path.stem)
        found[name] = READERS[file.suffix](file)
        file.unlink()
    return found


def of_bvh(path):
    head = path.read_text().split("MOTION")[0]
    places, stack, channels = {}, [], set()
    for line in head.splitlines():
        match line.split():
            case ["ROOT" | "JOINT", name]:
                stack.append(name)
            case ["End", "Site"]:
                stack.append("")
            case ["OFFSET", *numbers] if stack[-1]:
                above = places[stack[-2]] if len(stack) > 1 else 0
                places[stack[-1]] = above + np.array(numbers, float)
            case ["CHANNELS", "3", *words]:
                channels.add(" ".join(words))
            case ["}"]:
                stack.pop()
    return {"names": list(places), "channels": sorted(channels), **stands(places)}


def of_glb(path):
    data = path.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    document = json.loads(data[20 : 20 + length])
    [skin] = document["skins"]
    nodes = document["nodes"]
    about = document["accessors"][skin["inverseBindMatrices"]]
    start = 28 + length + document["bufferViews"][about["bufferView"]].get("byteOffset", 0)
    matrices = np.frombuffer(data, "<f4", about["count"] * 16, start).reshape(-1, 4, 4)
    bind = np.linalg.inv(matrices.transpose(0, 2, 1).astype(float))[:, :3, 3]
    names = [nodes[joint]["name"] for joint in skin["joints"]]
    return {"names": names, **stands(dict(zip(names, bind, strict=True)))}


def stands(places):
    """How a skeleton rests: its axis that is up, its unit, and how far down its left arm is."""
    points = np.array(list(places.values()))
    feet = np.mean([at for name, at in places.items() if FOOT.search(name)], axis=0)
    up = int(np.abs(points[0] - feet).argmax())
    height = np.ptp(points[:, up])
    arm = [at for name, at in places.items() if ARM.search(name)]
    down = np.degrees(np.arcsin(-(arm[1] - arm[0])[up] / np.linalg.norm(arm[1] - arm[0])))
    unit = {0: "m", 2: "cm", 3: "mm"}[round(np.log10(height / 1.55))]
    return {"up": "xyz"[up], "unit": unit, "arm_down_degrees": round(float(down) / 5) * 5}


FOOT = re.compile(r"foot|ankle|ball|toe", re.IGNORECASE)
ARM = re.compile(r"^(mixamorig:)?(LeftArm|LeftForeArm|LeftUpperArm|LeftLowerArm)$|(arm_l|arm\.L)$")


def of_npz(path):
    with np.load(path) as file:
        keys = {key: list(file[key].shape) for key in sorted(file.files)}
        said = {key: str(file[key]) for key in ("up", "unit", "gender", "body")}
    return {"arrays": keys, **said}


def of_trc(path):
    lines = path.read_text().splitlines()
    words = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    up = np.array([float(cell) for cell in lines[6].split("\t")[2:]]).reshape(-1, 3)
    names = [word for word in lines[3].split("\t")[2:] if word]
    tall = int(np.abs(up[names.index("Nose")] - up[names.index("LBigToe")]).argmax())
    return {"markers": names, "unit": words["Units"], "up": "xyz"[tall]}


def of_rrd(path):
    chunks = chunks_of_recording(path)
    [axes] = [c for c in chunks if "ViewCoordinates:xyz" in c.to_record_batch().schema.names]
    xyz = axes.to_record_batch().column("ViewCoordinates:xyz").to_pylist()[0]
    names = {1: "up", 2: "down", 3: "right", 4: "left", 5: "forward", 6: "back"}
    flat = np.array(xyz).ravel().tolist()
    return {
        "entities": sorted({c.entity_path for c in chunks}),
        "axes": dict(zip("xyz", (names[n] for n in flat), strict=True)),
    }


READERS = {".bvh": of_bvh, ".glb": of_glb, ".npz": of_npz, ".trc": of_trc, ".rrd": of_rrd}
