"""The shipped 24-joint body: shape, forward kinematics, skinning and PHALP's 45 joints in numpy.

The body's own axes are y up, x to its left, z forward, pelvis at the origin, metres. Rotations
follow SMPL: relative to the parent, from the T pose. ``global_orient`` also turns the body's axes
into the camera's (x right, y down, z away), so what comes out is in camera axes.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from humantrack.body.joints import SMPL_PARENTS
from humantrack.body.kinematics import JOINTS, PARENTS, forward_kinematics
from humantrack.body.levels import MannequinLevel, read_levels
from humantrack.body.shape import GIRTH, bone_lengths
from humantrack.errors import MissingWeightsError, WeightsError
from humantrack.types import BodyBatch

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Array = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

KEPT_SHAPES = 64
"""Shapes whose surfaces are kept, 0.4 MB each; beyond, the one not used for longest goes."""


class Mannequin:
    """A body model with 10 shape numbers, 24 joints and a surface; betas 0 is a mean adult.

    What each number changes is in :data:`humantrack.body.shape.BETAS`.

    Implements ``BodyModel`` and ``Levelled``. Linear blend skinning from a bind pose with
    the arms half down; no pose-dependent correctives.

    Args:
        file: an open ``.npz`` with the arrays of the shipped ``models/body24.npz``.

    Raises:
        WeightsError: if the file is damaged or holds another model.
    """

    def __init__(self, file: BinaryIO) -> None:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                self._read({name: arrays[name] for name in arrays.files})
        except (ValueError, KeyError, EOFError, OSError) as error:
            raise WeightsError(
                f"not the body model that belongs to this version ({error})",
                where=getattr(file, "name", None),
                hint="install the package again",
            ) from error

    def _read(self, a: dict[str, npt.NDArray[Any]]) -> None:
        """Keep the arrays in the types and layouts that the functions below need."""
        if tuple(a["parents"].tolist()) != SMPL_PARENTS:
            raise ValueError("the joints' parents are not SMPL's")
        count = len(a["v_template"])
        self.faces: IntArray = a["faces"].astype(np.int32)
        """(F,3) int32 vertex indices, counter-clockwise from outside."""
        self.parents: IntArray = PARENTS
        """(24,) parent of each joint, -1 for the root."""
        self.part: IntArray = a["part"]
        """(V,) uint8, the joint with the largest weight."""
        self.region: IntArray = a["region"]
        """(V,) uint8, index into ``region_names``."""
        self.region_names: tuple[str, ...] = tuple(a["region_names"].tolist())
        """What a region is: hair_scalp, face, eyes, neck, torso, ..."""
        self.uv: Array = a["vt"]
        """(T,2) float32 texture coordinates, 0..1, v up."""
        self.uv_faces: IntArray = a["ft"].astype(np.int32)
        """(F,3) int32 indices into ``uv``, one triangle per face."""

        weights = np.zeros((count, JOINTS), np.float32)
        np.add.at(weights, (np.arange(count)[:, None], a["skin_index"]), a["skin_weight"])
        self.weights: Array = weights
        """(V,24) float32 skinning weights, rows sum to 1."""

        self._joints_rest = _Shaped(a["joints_rest"], a["joints_rest_dirs"], np.float64)
        self._joints_bind = _Shaped(a["joints_bind"], a["joints_bind_dirs"], np.float64)
        self.width_per_girth = float(a["girth_width"])
        """How much wider trunk and thighs look per standard deviation of girth; 0.1 = a tenth."""
        self._bind_rotations = a["bind_rotations"].astype(np.float64)
        self._surface = _Skin(a["v_template"], a["shape_dirs"], weights)
        # The joints need no more than these few vertices of the surface.
        picked = np.unique(np.concatenate([a["extra21_vertex"], a["extra19_vertex"].ravel()]))
        self._picked = _Skin(a["v_template"][picked], a["shape_dirs"][:, picked], weights[picked])
        self._regressor = _regressor(a, picked)

    def rest_joints(self, betas: Array | None = None) -> Array:
        """Joints of the T pose in the body's own axes.

        Args:
            betas: (N,10) shapes; None = the mean adult.

        Returns:
            (N,24,3) float64 metres, or (24,3) without betas.
        """
        return self._joints_rest.base if betas is None else self._joints_rest(betas)

    def lengths(self, betas: Array) -> Array:
        """Bone lengths in the order of :data:`humantrack.body.shape.BONE_LENGTHS`.

        Args:
            betas: (N,10) shapes.

        Returns:
            (N,7) float64 metres, the mean of left and right.
        """
        return bone_lengths(self._joints_rest(np.asarray(betas, np.float64)))

    def bind(self, betas: Array) -> tuple[Array, Array, Array]:
        """The pose in which surface and skeleton were joined, for programs that skin by themselves.

        A vertex goes to sum_j w_j (G_j B_j (v - b_j) + J_j), with G, J of
        :meth:`forward_kinematics` and w of ``weights``.

        Args:
            betas: (10,) shape.

        Returns:
            Vertices v (V,3) float32 and joints b (24,3) float64, metres, the body's own axes, and
            rotations B (24,3,3) float64 that bring each joint's part into the T pose.
        """
        shape = np.asarray(betas)[None]
        return self._surface.bind(shape)[0], self._joints_bind(shape)[0], self._bind_rotations

    def forward_kinematics(
        self, global_orient: Array, body_pose: Array, betas: Array
    ) -> tuple[Array, Array]:
        """Where the joints go; see :func:`humantrack.body.kinematics.forward_kinematics`.

        Args:
            global_orient: (N,3,3) or (N,1,3,3).
            body_pose: (N,23,3,3) relative to the parent.
            betas: (N,10).

        Returns:
            Global rotations (N,24,3,3) and joints (N,24,3), float64, metres, camera axes.
        """
        n = len(body_pose)
        local = np.empty((n, JOINTS, 3, 3))
        local[:, 0] = np.reshape(global_orient, (n, 3, 3))
        local[:, 1:] = body_pose
        return forward_kinematics(local, self._joints_rest(betas))

    def vertices(self, bodies: BodyBatch) -> Array:
        """(N,V,3) float32 surface, metres, camera axes, without translation."""
        pose = self.forward_kinematics(bodies.global_orient, bodies.body_pose, bodies.betas)
        return self._surface.posed(self._transforms(*pose, bodies.betas), bodies.betas)

    @cached_property
    def levels(self) -> tuple[MannequinLevel, ...]:
        """The full surface and coarser ones, finest first; see ``types.stages.SurfaceLevel``.

        Raises:
            MissingWeightsError, WeightsError: if the coarser ones are missing or damaged.
        """
        full = MannequinLevel(self.faces, 0.0, lambda _: self.vertices)
        coarser = read_levels(self.faces)
        return full, *(MannequinLevel(faces, size, self._skin_of) for faces, size in coarser)

    def coarse_by_girth(self, bodies: BodyBatch) -> tuple[Array, Array]:
        """The coarsest of ``levels`` for all girths at once: its vertices are p + girth * q.

        That is exact, as girth moves no joint and the bind pose is linear in it.

        Args:
            bodies: N = 1; its own girth does not matter.

        Returns:
            p and q, (V,3) float32 metres, camera axes, without translation.
        """
        betas = bodies.betas.copy()
        betas[:, GIRTH] = 0
        pose = self.forward_kinematics(bodies.global_orient, bodies.body_pose, betas)
        blended = self._coarsest.blended(self._transforms(*pose, betas)[0])
        bind = self._coarsest.bind(betas)[0]
        return _moved(blended, bind) + blended[..., 3], _moved(blended, self._coarse_thicker)

    @cached_property
    def _coarsest(self) -> _Skin:
        return self._surface.part(self.levels[-1].vertex, self.weights)

    @cached_property
    def _coarse_thicker(self) -> Array:
        """(V,3) what a standard deviation of girth adds in the bind pose."""
        return self._coarsest.bind.moves(GIRTH)

    def _skin_of(self, vertex: IntArray) -> Callable[[BodyBatch], Array]:
        """What poses some vertices of the surface."""
        skin = self._surface.part(vertex, self.weights)

        def vertices(bodies: BodyBatch) -> Array:
            pose = self.forward_kinematics(bodies.global_orient, bodies.body_pose, bodies.betas)
            return skin.posed(self._transforms(*pose, bodies.betas), bodies.betas)

        return vertices

    def joints(self, bodies: BodyBatch) -> Array:
        """(N,45,3) float32 PHALP's joints, metres, camera axes, without translation."""
        pose = self.forward_kinematics(bodies.global_orient, bodies.body_pose, bodies.betas)
        return self.phalp_joints(*pose, bodies.betas)

    def phalp_joints(self, turned: Array, joints: Array, betas: Array) -> Array:
        """PHALP's 45 joints of a pose that :meth:`forward_kinematics` has worked out.

        Args:
            turned: (N,24,3,3) global rotations.
            joints: (N,24,3).
            betas: (N,10).

        Returns:
            (N,45,3) float32: OpenPose's 25, the 19 (approximated by a few joints and vertices,
            as this surface is not SMPL's) and a zero row.
        """
        picked = self._picked.posed_one_by_one(self._transforms(turned, joints, betas), betas)
        points = np.concatenate([joints.astype(np.float32), picked], axis=1)
        return np.asarray(self._regressor @ points)

    def _transforms(self, turned: Array, joints: Array, betas: Array) -> Array:
        """(N,24,3,4) float32: what each joint does to a point of the bind pose."""
        out = np.empty((*turned.shape[:2], 3, 4), np.float32)
        rotation = turned @ self._bind_rotations
        out[..., :3] = rotation
        out[..., 3] = joints - (rotation @ self._joints_bind(betas)[..., None])[..., 0]
        return out


class _Shaped:
    """Points that move linearly with the betas."""

    def __init__(self, base: Array, directions: Array, kind: type[np.floating[Any]]) -> None:
        self.base = base.astype(kind)
        self._directions = directions.astype(kind).reshape(len(directions), -1)

    def part(self, rows: IntArray) -> tuple[Array, Array]:
        """Base and directions of some points."""
        directions = self._directions.reshape(-1, *self.base.shape)
        return self.base[rows], directions[:, rows]

    def moves(self, number: int) -> Array:
        """(*base) what one of a shape number adds."""
        return np.asarray(self._directions[number].reshape(self.base.shape))

    def __call__(self, betas: Array) -> Array:
        """(N,10) -> (N, *base)."""
        betas = np.asarray(betas, self.base.dtype)
        if not betas.any():
            return np.repeat(self.base[None], len(betas), axis=0)
        moved = np.einsum("nk,kv->nv", betas, self._directions)  # not BLAS: see _Skin
        return np.asarray(self.base + moved.reshape(-1, *self.base.shape))


class _Skin:
    """Vertices of the bind pose with their weights, as one sparse matrix (V,96).

    Row v holds w_j (x, y, z, 1) for each of its joints, 1.6 on average; times the joints' stacked
    transforms it gives the posed vertices of all people at once. Sparse beats dense, and unlike
    BLAS it starts no threads that would fight with those of the networks.
    """

    def __init__(self, template: Array, directions: Array, weights: Array) -> None:
        self.bind = _Shaped(template, directions, np.float32)
        self._vertex, joint = np.nonzero(weights)
        self._weight = weights[self._vertex, joint, None]
        self._column = (4 * joint[:, None] + np.arange(4)).ravel().astype(np.int32)
        count = np.bincount(self._vertex, minlength=len(weights))
        self._start = np.concatenate([[0], 4 * np.cumsum(count)]).astype(np.int32)
        self._pattern = self._new_matrix(np.zeros(len(self._column), np.float32))
        self._mean_adult = self._matrix(self.bind.base)
        # A track keeps its betas: without this each frame would shape the surface again.
        self._of_shape = lru_cache(maxsize=KEPT_SHAPES)(self._shaped_matrix)

    def part(self, vertex: IntArray, weights: Array) -> _Skin:
        """The same for some vertices; ``weights`` (V,24) are those of all."""
        return _Skin(*self.bind.part(vertex), weights[vertex])

    def posed(self, transforms: Array, betas: Array) -> Array:
        """(N,24,3,4), (N,10) -> (N,V,3) float32."""
        if not np.any(betas):
            return self._product(self._mean_adult, transforms)
        alike: dict[bytes, list[int]] = {}
        for person, shape in enumerate(np.asarray(betas, np.float32)):
            alike.setdefault(shape.tobytes(), []).append(person)
        if len(alike) == 1:
            return self._product(self._of_shape(next(iter(alike))), transforms)
        posed = np.empty((len(transforms), len(self.bind.base), 3), np.float32)
        for shape_bytes, people in alike.items():
            posed[people] = self._product(self._of_shape(shape_bytes), transforms[people])
        return posed

    def posed_one_by_one(self, transforms: Array, betas: Array) -> Array:
        """The same as :meth:`posed`; faster for few vertices of people of many shapes."""
        moved = transforms[:, self._column[::4] // 4]
        bind = self.bind(betas)[:, self._vertex, :, None]
        moved = self._weight * ((moved[..., :3] @ bind)[..., 0] + moved[..., 3])
        first = self._start[:-1] // 4
        return np.asarray(np.add.reduceat(moved, first, axis=1))

    def blended(self, transforms: Array) -> Array:
        """What the joints' transforms (24,3,4) together do to each vertex: (V,3,4) float32."""
        return np.asarray((self._blending @ transforms.reshape(JOINTS, 12)).reshape(-1, 3, 4))

    @cached_property
    def _blending(self) -> csr_matrix:
        """(V,24) the weights."""
        from scipy.sparse import csr_matrix

        joint, start = self._column[::4] // 4, self._start // 4
        return csr_matrix((self._weight[:, 0], joint, start), shape=(len(start) - 1, JOINTS))

    def _shaped_matrix(self, betas: bytes) -> csr_matrix:
        return self._matrix(self.bind(np.frombuffer(betas, np.float32)[None])[0])

    def _matrix(self, points: Array) -> csr_matrix:
        homogeneous = np.ones((len(points), 4), np.float32)
        homogeneous[:, :3] = points
        matrix = copy(self._pattern)  # unlike a new one without checks of rows and columns
        matrix.data = (self._weight * homogeneous[self._vertex]).ravel()
        return matrix

    def _new_matrix(self, values: Array) -> csr_matrix:
        from scipy.sparse import csr_matrix  # slow to import

        shape = len(self._start) - 1, 4 * JOINTS
        return csr_matrix((values, self._column, self._start), shape=shape)

    @staticmethod
    def _product(matrix: csr_matrix, transforms: Array) -> Array:
        n = len(transforms)
        stacked = transforms.transpose(1, 3, 0, 2).reshape(4 * JOINTS, 3 * n)
        posed = (matrix @ stacked).reshape(matrix.shape[0], n, 3)
        return np.ascontiguousarray(posed.transpose(1, 0, 2))


def _moved(transforms: Array, vectors: Array) -> Array:
    """(V,3,4), (V,3) -> (V,3) vectors turned; faster than matrix products of so small matrices."""
    out = transforms[..., 0] * vectors[:, :1]
    out += transforms[..., 1] * vectors[:, 1:2]
    out += transforms[..., 2] * vectors[:, 2:]
    return np.asarray(out)


def _regressor(a: dict[str, npt.NDArray[Any]], picked: IntArray) -> Array:
    """(45, 24 + picked) float32: PHALP's joints as weighted sums of joints and picked vertices."""
    column = {int(vertex): JOINTS + i for i, vertex in enumerate(picked)}
    extra = [column[int(vertex)] for vertex in a["extra21_vertex"]]
    sources = [*range(JOINTS), *extra]
    matrix = np.zeros((45, JOINTS + len(picked)), np.float32)
    for row, source in enumerate(a["openpose25_of_45"]):
        matrix[row, sources[source]] = 1
    matrix[25:44, :JOINTS] = a["extra19_joint_weight"]
    for row, (vertices, weights) in enumerate(
        zip(a["extra19_vertex"], a["extra19_vertex_weight"], strict=True), start=25
    ):
        for vertex, weight in zip(vertices, weights, strict=True):
            matrix[row, column[int(vertex)]] += weight
    return matrix


@cache
def load_mannequin() -> Mannequin:
    """The shipped body, read once per process.

    Raises:
        MissingWeightsError: if the package was installed without it.
        WeightsError: if its file is damaged.
    """
    resource = files("humantrack").joinpath("models", "body24.npz")
    try:
        with resource.open("rb") as file:
            return Mannequin(file)  # type: ignore[arg-type]
    except FileNotFoundError as error:
        raise MissingWeightsError(
            "the body model is missing", where=resource, hint="install the package again"
        ) from error
