"""Readers of scenes, for ``--check``: each by the format's own library, in the file's axes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.body.joints import OPENPOSE_JOINTS
from humantrack.export.readback import ReadMotion
from humantrack.types.arrays import FloatArray, IntArray

_PERSON = re.compile(r"/world/(track-?\d+(_part\d+)?)")


def read_usd(path: Path) -> Iterator[ReadMotion]:
    """Joints of each skeleton of a stage, as UsdSkel poses it, at its own time samples."""
    from pxr import Sdf, Usd, UsdGeom, UsdSkel

    stage = Usd.Stage.Open(Sdf.Layer.OpenAsAnonymous(str(path)))  # the file, not one in memory
    cache, rate = UsdSkel.Cache(), stage.GetTimeCodesPerSecond()
    start_s = float(stage.GetRootLayer().customLayerData.get("start_s", 0.0))
    for prim in stage.Traverse():
        if not prim.IsA(UsdSkel.Root):
            continue
        root = UsdSkel.Root(prim)
        cache.Populate(root, Usd.PrimDefaultPredicate)
        for binding in cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate):
            query = cache.GetSkelQuery(binding.GetSkeleton())
            codes = query.GetAnimQuery().GetJointTransformTimeSamples()
            there = UsdGeom.Xformable(query.GetPrim()).ComputeLocalToWorldTransform
            places = np.empty((len(codes), len(query.GetJointOrder()), 3))
            for row, code in enumerate(codes):
                placed = np.array(query.ComputeJointSkelTransforms(code)) @ np.array(there(code))
                places[row] = placed[:, 3, :3]  # USD's matrices act on rows
            names = [str(joint).rsplit("/", 1)[-1] for joint in query.GetJointOrder()]
            yield ReadMotion(
                name=re.sub(r"^track_", "track-", prim.GetName()),
                time_s=start_s + np.array(codes) / rate,
                places={name: places[:, i] for i, name in enumerate(names)},
            )


def read_rrd(path: Path) -> Iterator[ReadMotion]:
    """Joints of the people of a recording in 3-D, as Rerun reads it."""
    from rerun.chunk import RrdReader

    found: dict[str, dict[float, FloatArray]] = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*no footer")  # there is no index on purpose
        for chunk in RrdReader(str(path)).stream().to_chunks():
            if not (person := _PERSON.fullmatch(chunk.entity_path)):
                continue
            table = chunk.to_record_batch()
            seconds = table.column("time").cast("int64").to_pylist()
            points = table.column("Points3D:positions").to_pylist()
            rows = found.setdefault(person[1], {})
            rows |= {t / 1e9: np.array(p) for t, p in zip(seconds, points, strict=True) if p}
    for name, rows in found.items():
        when = sorted(rows)
        places = np.stack([rows[second] for second in when])
        yield ReadMotion(
            name=name,
            time_s=np.array(when),
            places={joint: places[:, i] for i, joint in enumerate(OPENPOSE_JOINTS)},
        )


@dataclass(frozen=True, kw_only=True)
class ReadBody:
    """A person in one frame of a file for the CEB 4D-Humans add-on."""

    row: int
    """Of the frame in the file."""

    turns: FloatArray
    """(24,3,3) to the parents."""

    origin: FloatArray
    """(3,) metres, where the body's origin is."""


def read_blender(path: Path) -> Iterator[ReadBody]:
    """Who is in slot 0, frame by frame, as the add-on takes it."""
    from humantrack.results import iter_results

    for row, (_, frame) in enumerate(iter_results(path)):
        if not len(frame["smpl"]):
            continue
        smpl: dict[str, Any] = frame["smpl"][0]
        turns = np.concatenate([smpl["global_orient"], smpl["body_pose"]]).astype(float)
        yield ReadBody(row=row, turns=turns, origin=np.array(frame["camera"][0], float))


def read_obj(path: Path) -> tuple[FloatArray, IntArray]:
    """Vertices (V,3) and the triangles between them (F,3), numbered from 0."""
    vertices, faces = [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        match line.split():
            case ["v", *numbers]:
                vertices.append([float(number) for number in numbers])
            case ["f", *corners]:
                faces.append([int(corner.partition("/")[0]) - 1 for corner in corners])
    return np.array(vertices).reshape(-1, 3), np.array(faces).reshape(-1, 3)
