"""Rotations: axis-angle, matrices, quaternions (w,x,y,z), 6D, Euler angles, and means of them.

Every function takes any leading dimensions, computes in float64 and acts on columns: the rotation
by R of a vector v is R v, and R1 R2 turns by R2 first. Angles are radians unless said otherwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]

_YZX, _ZXY = np.array([1, 2, 0]), np.array([2, 0, 1])
_TINY = 1e-12
_GIMBAL = 1e-7
"""Below this cosine (or sine) of the middle angle the outer two Euler angles are one."""

_PARALLEL = 1e-6
"""Sine below which two directions are one: less would leave too few digits for a right angle."""


def dot(a: Array, b: Array) -> Array:
    """Scalar products of vectors (...,3) -> (...,1)."""
    return np.asarray(np.add.reduce(a * b, axis=-1, keepdims=True))


def cross(a: Array, b: Array) -> Array:
    """Cross products of vectors (...,3); several times faster than ``np.cross`` on few vectors."""
    return np.asarray(
        a.take(_YZX, axis=-1) * b.take(_ZXY, axis=-1)
        - a.take(_ZXY, axis=-1) * b.take(_YZX, axis=-1)
    )


def norm(v: Array) -> Array:
    """Lengths of vectors (...,k) -> (...,1)."""
    return np.asarray(np.sqrt(np.add.reduce(v * v, axis=-1, keepdims=True)))


def unit(v: Array) -> Array:
    """Vectors (...,k) divided by their lengths; those of no length stay what they are."""
    length = norm(v)
    return np.asarray(v / np.where(length > _TINY, length, 1.0))


def across(directions: Array) -> Array:
    """Two unit vectors across each of (...,3) unit vectors, and across each other: (...,3,2)."""
    first = unit(cross(directions, np.eye(3)[np.abs(directions).argmin(axis=-1)]))
    return np.stack([first, cross(directions, first)], axis=-1)


def transpose(m: Array) -> Array:
    """(...,3,3) transposed: the inverse of a rotation."""
    return np.swapaxes(m, -1, -2)


def frame(first: Array, second: Array) -> Array:
    """Right-handed frames with columns x, y, z: x along ``first``, y towards ``second``.

    Args:
        first: (...,3) any length.
        second: (...,3) any length; only its part across ``first`` counts.

    Returns:
        (...,3,3), a rotation always: where a direction has no length or the two are parallel, an
        arbitrary one (x, then the axis farthest from the first) takes its place.
    """
    x = unit(np.asarray(first, np.float64))
    none = dot(x, x) < 0.5
    if none.any():
        x = np.where(none, np.array([1.0, 0.0, 0.0]), x)
    second = unit(np.asarray(second, np.float64))
    y = second - dot(second, x) * x
    length = norm(y)
    weak = length < _PARALLEL
    if weak.any():
        spare = np.eye(3)[np.abs(x).argmin(axis=-1)]
        y = np.where(weak, spare - dot(spare, x) * x, y)
        length = norm(y)
    y = y / length
    out = np.empty((*y.shape, 3))
    out[..., 0], out[..., 1], out[..., 2] = x, y, cross(x, y)
    return out


def axis_angle_to_matrix(rotation_vector: Array) -> Array:
    """Axis times angle (...,3) -> matrix (...,3,3), Rodrigues' formula."""
    return quaternion_to_matrix(axis_angle_to_quaternion(rotation_vector))


def matrix_to_axis_angle(matrix: Array) -> Array:
    """Matrix (...,3,3) -> axis times angle (...,3), angle 0..pi; exact near 0 and near pi."""
    return quaternion_to_axis_angle(matrix_to_quaternion(matrix))


def axis_angle_to_quaternion(rotation_vector: Array) -> Array:
    """Axis times angle (...,3) -> unit quaternion (...,4), w first."""
    vector = np.asarray(rotation_vector, np.float64)
    half = norm(vector) / 2
    # sin(h)/(2h) by np.sinc, which is exact at 0.
    return np.concatenate([np.cos(half), vector * (np.sinc(half / np.pi) / 2)], axis=-1)


def quaternion_to_axis_angle(quaternion: Array) -> Array:
    """Unit quaternion (...,4), w first -> axis times angle (...,3), angle 0..pi."""
    q = np.asarray(quaternion, np.float64)
    q = np.where(q[..., :1] < 0, -q, q)
    sine = norm(q[..., 1:])
    angle = 2 * np.arctan2(sine, q[..., :1])
    small = sine < 1e-9
    return q[..., 1:] * np.where(small, 2.0, angle / np.where(small, 1.0, sine))


def quaternion_to_matrix(quaternion: Array) -> Array:
    """Quaternion (...,4), w first, of any length but 0 -> matrix (...,3,3)."""
    q = unit(np.asarray(quaternion, np.float64))
    w, x, y, z = (q[..., i] for i in range(4))
    xx, yy, zz = x * x, y * y, z * z
    xy, xz, yz, wx, wy, wz = x * y, x * z, y * z, w * x, w * y, w * z
    out = np.empty((*q.shape[:-1], 3, 3))
    out[..., 0, 0] = 1 - 2 * (yy + zz)
    out[..., 0, 1] = 2 * (xy - wz)
    out[..., 0, 2] = 2 * (xz + wy)
    out[..., 1, 0] = 2 * (xy + wz)
    out[..., 1, 1] = 1 - 2 * (xx + zz)
    out[..., 1, 2] = 2 * (yz - wx)
    out[..., 2, 0] = 2 * (xz - wy)
    out[..., 2, 1] = 2 * (yz + wx)
    out[..., 2, 2] = 1 - 2 * (xx + yy)
    return out


def matrix_to_quaternion(matrix: Array) -> Array:
    """Rotation matrix (...,3,3) -> unit quaternion (...,4), w first and never negative.

    Shepperd's method: of the four equivalent formulas the one that divides by most.
    """
    m = np.asarray(matrix, np.float64)
    m00, m11, m22 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    a, b, c = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    d, e, f = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    # Four times the outer product of the quaternion with itself; take its longest row.
    k = np.empty((*m.shape[:-2], 4, 4))
    k[..., 0, 0] = 1 + m00 + m11 + m22
    k[..., 1, 1] = 1 + m00 - m11 - m22
    k[..., 2, 2] = 1 - m00 + m11 - m22
    k[..., 3, 3] = 1 - m00 - m11 + m22
    for i, j, value in ((0, 1, a), (0, 2, b), (0, 3, c), (1, 2, d), (1, 3, e), (2, 3, f)):
        k[..., i, j] = k[..., j, i] = value
    best = np.einsum("...ii->...i", k).argmax(axis=-1)
    q = unit(np.take_along_axis(k, best[..., None, None], axis=-2)[..., 0, :])
    return np.where(q[..., :1] < 0, -q, q)


def sixd_to_matrix(sixd: Array) -> Array:
    """HMR2's six numbers (...,6) -> matrix (...,3,3).

    Two consecutive 3-vectors: the first normalised, the second made orthogonal to it, and their
    cross product are the columns. Source: Zhou et al., CVPR 2019 (arXiv 1812.07035), in the order
    of 4D-Humans' hmr2/utils/geometry.py.
    """
    sixd = np.asarray(sixd, np.float64)
    return frame(sixd[..., :3], sixd[..., 3:])


def matrix_to_sixd(matrix: Array) -> Array:
    """Matrix (...,3,3) -> its first two columns one after the other, (...,6)."""
    m = np.asarray(matrix, np.float64)
    return np.concatenate([m[..., :, 0], m[..., :, 1]], axis=-1)


def euler_to_matrix(angles: Array, order: str, *, degrees: bool = False) -> Array:
    """Three angles (...,3) -> matrix (...,3,3).

    Args:
        angles: in the sequence of ``order``.
        order: three axes, no two neighbours alike. Upper case (as BVH writes its channels, "ZXY")
            turns about the moving axes: R = Rz Rx Ry; lower case about the fixed ones.
        degrees: True if the angles are degrees.

    Raises:
        ValueError: if ``order`` is none.
    """
    i, j, k, moving = _axes(order)
    angles = np.asarray(angles, np.float64)
    angles = np.deg2rad(angles) if degrees else angles
    if not moving:
        angles = angles[..., ::-1]
    first, second, third = (
        axis_angle_to_matrix(angles[..., n, None] * np.eye(3)[axis])
        for n, axis in enumerate((i, j, k))
    )
    return np.asarray(first @ second @ third)


def matrix_to_euler(matrix: Array, order: str, *, degrees: bool = False) -> Array:
    """Matrix (...,3,3) -> three angles (...,3) in the sequence of ``order``.

    The middle angle lies in -pi/2..pi/2 for three different axes, in 0..pi for a repeated one. In
    gimbal lock the last turn (of the moving order) is 0. Arguments as :func:`euler_to_matrix`.

    Raises:
        ValueError: if ``order`` is none.
    """
    i, j, last, moving = _axes(order)
    m = np.asarray(matrix, np.float64)
    k = 3 - i - j
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    if last == i:
        across = np.hypot(m[..., i, j], m[..., i, k])
        middle = np.arctan2(across, m[..., i, i])
        outer = np.arctan2(m[..., j, i], -sign * m[..., k, i])
        inner = np.arctan2(m[..., i, j], sign * m[..., i, k])
    else:
        across = np.hypot(m[..., i, i], m[..., i, j])
        middle = np.arctan2(sign * m[..., i, k], across)
        outer = np.arctan2(-sign * m[..., j, k], m[..., k, k])
        inner = np.arctan2(-sign * m[..., i, j], m[..., i, i])
    locked = across < _GIMBAL
    outer = np.where(locked, np.arctan2(sign * m[..., k, j], m[..., j, j]), outer)
    inner = np.where(locked, 0.0, inner)
    angles = np.stack([outer, middle, inner] if moving else [inner, middle, outer], axis=-1)
    return np.rad2deg(angles) if degrees else angles


def _axes(order: str) -> tuple[int, int, int, bool]:
    """An order string -> axis numbers for the moving order, and whether it was that already."""
    known = len(order) == 3 and (order.isupper() or order.islower())
    axes = ["xyz".find(letter) for letter in order.lower()] if known else []
    if not known or min(axes) < 0 or axes[0] == axes[1] or axes[1] == axes[2]:
        raise ValueError(f"not an order of axes such as 'ZXY': {order!r}")
    if order.islower():
        axes.reverse()
    return axes[0], axes[1], axes[2], order.isupper()


def geodesic_angle(a: Array, b: Array) -> Array:
    """Angle 0..pi (...) of the turn from rotation ``a`` to ``b``, matrices (...,3,3)."""
    turn = transpose(np.asarray(a, np.float64)) @ np.asarray(b, np.float64)
    x = turn[..., 2, 1] - turn[..., 1, 2]
    y = turn[..., 0, 2] - turn[..., 2, 0]
    z = turn[..., 1, 0] - turn[..., 0, 1]
    # atan2 of sine and cosine keeps its digits near 0 and pi, where arccos loses half of them.
    cosine = np.einsum("...ii->...", turn) - 1
    return np.asarray(np.arctan2(np.sqrt(x * x + y * y + z * z), cosine))


def between(a: Array, b: Array) -> Array:
    """Shortest rotations (...,3,3) that take directions ``a`` to ``b`` (...,3), of any length.

    Opposite directions: half a turn about an arbitrary axis across them. No length: the identity.
    """
    a, b = np.broadcast_arrays(unit(np.asarray(a, np.float64)), unit(np.asarray(b, np.float64)))
    real = (dot(a, a) > 0.5) & (dot(b, b) > 0.5)
    cosine = dot(a, b)
    # Quaternion of twice the half angle; near opposite it vanishes and any axis across serves.
    q = np.concatenate([1 + cosine, cross(a, b)], axis=-1)
    opposite = real & (norm(q) < 1e-7)
    if opposite.any():
        spare = cross(a, np.eye(3)[np.abs(a).argmin(axis=-1)])
        q = np.where(opposite, np.concatenate([np.zeros_like(cosine), spare], axis=-1), q)
    return quaternion_to_matrix(np.where(real, q, np.array([1.0, 0.0, 0.0, 0.0])))


def limit_angle(rotation_vector: Array, max_angle: Array | float) -> Array:
    """Axis times angle (...,3) with the angle cut at ``max_angle``, a number or (...,1)."""
    return rotation_vector * (max_angle / np.maximum(norm(rotation_vector), max_angle))


def slerp(start: Array, end: Array, fraction: Array | float) -> Array:
    """Rotations on the shortest way from ``start`` to ``end``, matrices (...,3,3).

    Args:
        start: at fraction 0.
        end: at fraction 1.
        fraction: (...) or a number.
    """
    start = np.asarray(start, np.float64)
    turn = matrix_to_axis_angle(transpose(start) @ np.asarray(end, np.float64))
    part = np.asarray(fraction, np.float64)[..., None] * turn
    return np.asarray(start @ axis_angle_to_matrix(part))


def mean_quaternion(quaternions: Array, weights: Array | None = None) -> Array:
    """Weighted mean of K unit quaternions, blind to their signs.

    Args:
        quaternions: (...,K,4), w first.
        weights: (...,K), not negative; None = equal.

    Returns:
        (...,4), w not negative. Source: Markley et al. 2007, the eigenvector of the largest
        eigenvalue of sum w q q^T.
    """
    q = np.asarray(quaternions, np.float64)
    w = np.ones(q.shape[:-1]) if weights is None else np.asarray(weights, np.float64)
    spread = transpose(q * w[..., None]) @ q
    mean = np.linalg.eigh(spread)[1][..., -1]
    return np.where(mean[..., :1] < 0, -mean, mean)


def project_to_so3(matrix: Array) -> Array:
    """The rotation nearest to each matrix (...,3,3), by singular values."""
    u, _, vt = np.linalg.svd(np.asarray(matrix, np.float64))
    u[..., :, 2] *= np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)[..., None]
    return np.asarray(u @ vt)
