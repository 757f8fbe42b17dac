"""A surface to skin a motion's skeleton with: the shipped body's, SMPL's, or bones to look at."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from humantrack.body.joints import SMPL_PARENTS
from humantrack.body.mannequin import load_mannequin
from humantrack.geometry.rotations import cross, frame, unit
from humantrack.motion.rig import Rig, rest_joints, rest_turns
from humantrack.motion.skeleton import Skeleton
from humantrack.types.arrays import FloatArray, IntArray

INFLUENCES = 4
"""Joints that may move a vertex: as many as every program that reads glTF knows."""

_SHORT_M = 1e-3
"""A bone below this length is not drawn."""

_WAIST, _GIRTH = 0.2, 0.12
"""Where an octahedral bone is widest and how far it reaches there, in lengths of the bone."""

_OCTAHEDRON = np.array(
    [(0, 2, 1), (0, 3, 2), (0, 4, 3), (0, 1, 4), (5, 1, 2), (5, 2, 3), (5, 3, 4), (5, 4, 1)]
)
"""Tail, the waist's four corners, head; counter-clockwise from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """Triangles in a bind pose, moved by linear blend skinning."""

    vertices: FloatArray
    """(V,3) float32 metres."""

    normals: FloatArray
    """(V,3) float32, of unit length."""

    faces: IntArray
    """(F,3) uint16 vertex numbers, counter-clockwise from outside."""

    joints: IntArray
    """(V,4) uint8 joints that move a vertex."""

    weights: FloatArray
    """(V,4) float32 how much, rows sum to 1."""

    inverse_bind: FloatArray
    """(24,4,4) float32 from the bind pose into each joint's own axes."""


def surface_of(skeleton: Skeleton, betas: FloatArray, rig: Rig | None = None) -> Surface:
    """The surface that belongs to a skeleton.

    Args:
        skeleton: the shipped body's and SMPL's have one (SMPL's without pose correctives, which
            skinning alone cannot give); of any other the bones are drawn.
        betas: (10,) shape.
        rig: whose rest pose the surface is bound in, to bones with its axes; None binds it as it
            was made. Vertices that several bones move are then where blending the bones puts them
            at rest: of the shipped body in the T pose that moves 1 % of the surface by more than
            12 mm, and none by more than 25 mm; in the A pose nothing.
    """
    made = _as_made(skeleton, betas)
    return made if rig is None else _rested(made, skeleton, rig)


def _rested(made: Surface, skeleton: Skeleton, rig: Rig) -> Surface:
    """A surface bound in a rest pose, to bones with the axes of a rig."""
    rest = rig.rest if rig.axes is None else "t"
    turns, joints = rest_turns(rest), rest_joints(skeleton, rest)
    # What each bone does to a vertex: out of the pose in which it was made, into the rest pose.
    into = np.zeros((len(joints), 3, 4))
    into[:, :, :3] = turns @ made.inverse_bind[:, :3, :3]
    into[:, :, 3] = (turns @ made.inverse_bind[:, :3, 3:])[..., 0] + joints
    blended = np.einsum("vk,vkij->vij", made.weights, into[made.joints])
    vertices = np.einsum("vij,vj->vi", blended[..., :3], made.vertices) + blended[..., 3]
    inverse = np.tile(np.eye(4), (len(joints), 1, 1))
    inverse[:, :3, :3] = (turns @ rig.frames).transpose(0, 2, 1)
    inverse[:, :3, 3] = -(inverse[:, :3, :3] @ joints[..., None])[..., 0]
    return replace(
        made,
        vertices=vertices.astype(np.float32),
        normals=_normals(vertices, made.faces).astype(np.float32),
        inverse_bind=inverse.astype(np.float32),
    )


def _as_made(skeleton: Skeleton, betas: FloatArray) -> Surface:
    """The surface in the pose in which it and its skeleton were joined."""
    if skeleton.kind == "embedded":
        return _shipped(betas, skeleton.scale)
    if skeleton.smpl is not None:
        smpl = skeleton.smpl
        vertices = smpl.v_template + smpl.shapedirs @ betas
        vertices = (vertices - smpl.j_regressor[0] @ vertices) * skeleton.scale
        return _skinned(vertices, smpl.faces, smpl.weights, _moved(skeleton.rest))
    return _bones(skeleton.rest)


def _shipped(betas: FloatArray, scale: float = 1.0) -> Surface:
    body = load_mannequin()
    vertices, joints, rotations = body.bind(betas)
    inverse = np.tile(np.eye(4), (len(joints), 1, 1))
    inverse[:, :3, :3] = rotations
    inverse[:, :3, 3] = -(rotations @ joints[..., None])[..., 0] * scale
    return _skinned(vertices * scale, body.faces, body.weights, inverse)


def _bones(rest: FloatArray) -> Surface:
    """An octahedron from every joint to each of its children, moved by the joint."""
    vertices, joints = [], []
    for child, parent in enumerate(SMPL_PARENTS[1:], start=1):
        bone = rest[child] - rest[parent]
        length = float(np.linalg.norm(bone))
        if length < _SHORT_M:
            continue
        axes = frame(bone, np.array([0.0, 0.0, 1.0]))
        y, z = axes[:, 1] * _GIRTH * length, axes[:, 2] * _GIRTH * length
        waist = rest[parent] + _WAIST * bone
        corners = [rest[parent], waist + y, waist + z, waist - y, waist - z, rest[child]]
        vertices.append(np.array(corners)[_OCTAHEDRON].reshape(-1, 3))  # unshared: flat sides
        joints.append(np.full(_OCTAHEDRON.size, parent))
    points = np.concatenate(vertices)
    weights = np.eye(len(rest))[np.concatenate(joints)]
    return _skinned(points, np.arange(len(points)).reshape(-1, 3), weights, _moved(rest))


def _moved(rest: FloatArray) -> FloatArray:
    """(24,4,4) from the T pose into the joints' axes, which are parallel to its own."""
    inverse = np.tile(np.eye(4), (len(rest), 1, 1))
    inverse[:, :3, 3] = -rest
    return inverse


def _skinned(
    vertices: FloatArray, faces: IntArray, weights: FloatArray, inverse_bind: FloatArray
) -> Surface:
    """Keep each vertex's largest weights, (V,24) to (V,4), and make them sum to 1 again."""
    joints = np.argsort(-weights, axis=1, kind="stable")[:, :INFLUENCES]
    kept = np.take_along_axis(weights, joints, axis=1).astype(np.float64)
    kept /= kept.sum(axis=1, keepdims=True)
    return Surface(
        vertices=vertices.astype(np.float32),
        normals=_normals(vertices, faces).astype(np.float32),
        faces=faces.astype(np.uint16),
        joints=np.where(kept > 0, joints, 0).astype(np.uint8),
        weights=kept.astype(np.float32),
        inverse_bind=inverse_bind.astype(np.float32),
    )


def _normals(vertices: FloatArray, faces: IntArray) -> FloatArray:
    """(V,3) mean of the normals of the triangles around, weighted by area."""
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    across = cross(b - a, c - a)
    out = np.zeros(vertices.shape)
    for k in range(3):
        np.add.at(out, faces[:, k], across)
    return unit(out)
