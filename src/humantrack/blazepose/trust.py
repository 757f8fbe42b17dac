"""How far each joint is to be trusted.

An error is the distance to the true joint with the middle of the hips at the origin of both. The
results' camera is nearly parallel, so the truth may be turned until the ray from the camera to the
hips is the camera's axis, or be left as it stands: the radii lie between the two. It is taken as
log-normal: median and width are those of the kind of joint; the median grows with how far the trunk
leans along the view, where all hangs on the network's depth, and for wrists with how far they are
hidden.

``scripts/fit_trust.py`` fitted the constants to four drawn clips with exact truth and four real
ones with triangulated truth, which count alike, with the "heavy" network. Real errors are nearly
twice as large as drawn ones for reasons that nothing here shows: the radii hold for both together,
are wide for drawn people and narrow for real ones, and no clip by itself is promised
(docs/embedded.md). Visibility of other joints is left out, as it held no better on clips held back.
So is the size in the picture, as it would only tell the real clips (large) from the drawn ones
(small).

Only shoulders, elbows, wrists, hips, knees and ankles have a truth; other points take the model of
the nearest of them.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from humantrack.blazepose.fit import Seen
from humantrack.blazepose.hidden import inside
from humantrack.blazepose.inverse_kinematics import LIMB_END, LIMB_MIDDLE, halfway
from humantrack.body.joints import PHALP_JOINTS
from humantrack.geometry.cameras import PaddedSquare
from humantrack.types import BodyBatch, JointSource, JointTrust
from humantrack.types.arrays import BoolArray, FloatArray, IntArray

_KINDS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_MEDIAN_MM = np.array([48.9, 69.6, 89.3, 23.6, 54.9, 66.0])
_WIDTH = np.array([2.57, 2.29, 2.26, 1.85, 1.93, 2.20])
"""The radius of nine tenths of the errors over that of half."""
_HIDDEN_WRIST, _LEAN = 0.28, 1.24
"""The logarithm of a median grows by this for a wrist wholly hidden, and for a trunk that lies
wholly along the view."""

_WIDE_MM = {JointSource.HELD: (200.0, 500.0), JointSource.MADE_UP: (250.0, 600.0)}
"""Chosen, not measured: no clip with truth shows such people."""

_VISIBLE = 0.5
"""A landmark of a lower visibility is more likely hidden than not."""

_LANDMARK_OF = {"shoulder": 11, "elbow": 13, "wrist": 15, "hip": 23, "knee": 25, "ankle": 27}
_FACE = {"nose": 0, "eye": 2, "ear": 7, "jaw": 9}
_FEET = {"heel": 29, "toe": 31}


def _model_of(name: str) -> tuple[int, tuple[int, ...]]:
    """Kind of a joint, and the landmarks that say whether it is seen (left, then right)."""
    word = name.rsplit("_", 1)[-1]
    both = "left_" not in name and "right_" not in name
    kind = word if word in _KINDS else "shoulder"
    if word in _FEET:
        kind = "ankle"
    elif word in {"pelvis", "root", "spine"}:
        kind = "hip"
    at = (_FACE | _FEET).get(word, _LANDMARK_OF[kind])
    sides: tuple[int, ...] = (at, at) if at == 0 else (at, at + 1) if at > 6 else (at, at + 3)
    if not both:
        sides = (sides["right_" in name],)
    return _KINDS.index(kind), sides


_MODELS = tuple(_model_of(name) for name in PHALP_JOINTS)
_KIND = np.array([kind for kind, _ in _MODELS])
_IS_WRIST = np.isin(_KIND, _KINDS.index("wrist"))
_FIRST = np.array([at[0] for _, at in _MODELS])
_LAST = np.array([at[-1] for _, at in _MODELS])
"""The landmarks of each of the 45."""
_SHOULDERS, _HIPS = (
    (PHALP_JOINTS.index(f"left_{joint}"), PHALP_JOINTS.index(f"right_{joint}"))
    for joint in ("shoulder", "hip")
)


def joint_trust(seen: Seen, bodies: BodyBatch, guess: IntArray) -> JointTrust:
    """Radii, confidence and source of the joints of N people of one frame.

    Args:
        seen: their landmarks.
        bodies: their bodies; their cameras give the size in the picture.
        guess: (N,) a ``JointSource`` for each: all joints of those who are held or made up are.
    """
    n = len(bodies)
    if n == 0:
        return JointTrust(
            confidence=np.zeros((0, 45), np.float32),
            error_mm=np.zeros((0, 45, 2), np.float32),
            source=np.zeros((0, 45), np.uint8),
        )
    visibility = np.asarray(seen.visibility, np.float64)
    of_joint = np.minimum(visibility[:, _FIRST], visibility[:, _LAST])
    made_up = _made_up(seen, bodies)
    made_up = made_up[:, _FIRST] | made_up[:, _LAST]
    source = np.where(of_joint < _VISIBLE, JointSource.HIDDEN, JointSource.SEEN)
    source = np.where(made_up, JointSource.MADE_UP, source)
    radii = _radii_mm(of_joint, _lean(np.asarray(bodies.joints_3d, np.float64)))
    radii[made_up] = _WIDE_MM[JointSource.MADE_UP]
    for whole, wide in _WIDE_MM.items():
        source[np.asarray(guess) == whole] = whole
        radii[np.asarray(guess) == whole] = wide
    return JointTrust(
        confidence=_below(100.0, radii).astype(np.float32),
        error_mm=radii.astype(np.float32),
        source=source.astype(np.uint8),
    )


def _lean(joints: FloatArray) -> FloatArray:
    """(N,) share of the trunk along the view, 0..1, from joints (N,45,3)."""
    trunk = halfway(joints, _SHOULDERS) - halfway(joints, _HIPS)
    return np.asarray(np.abs(trunk[:, 2]) / np.maximum(np.linalg.norm(trunk, axis=1), 1e-6))


def _radii_mm(visibility: FloatArray, lean: FloatArray) -> FloatArray:
    """(N,45,2) radii that half and nine tenths of the errors lie within, in mm.

    Args:
        visibility: (N,45) 0..1 of each joint's landmark.
        lean: (N,) from :func:`_lean`.
    """
    hidden = np.where(_IS_WRIST, _HIDDEN_WRIST, 0.0) * (1 - visibility)
    half = _MEDIAN_MM[_KIND] * np.exp(hidden + _LEAN * lean[:, None])
    return np.stack([half, half * _WIDTH[_KIND]], axis=-1)


_AT_90 = NormalDist().inv_cdf(0.9)


def _normal_below(x: FloatArray) -> FloatArray:
    """The normal distribution's function. SciPy's takes 0.3 s to import, at every start."""
    values = [math.erfc(one) for one in (-x / math.sqrt(2)).ravel().tolist()]
    return 0.5 * np.array(values).reshape(x.shape)


def _below(limit_mm: float, radii: FloatArray) -> FloatArray:
    """Probability of an error below a limit under the log-normal distribution of two radii."""
    half, most = radii[..., 0], radii[..., 1]
    deviations = np.log(limit_mm / half) / np.log(most / half) * _AT_90
    return _normal_below(deviations)


def _made_up(seen: Seen, bodies: BodyBatch) -> BoolArray:
    """(N,33) which landmarks are on a limb that is mostly neutral (``straighten_hidden``)."""
    focal_px = PaddedSquare(seen.height, seen.width).focal_px
    scale = focal_px / np.maximum(np.asarray(bodies.cam_t[:, 2], np.float64), 1e-6)
    trust = inside(np.asarray(seen.xy_px, np.float64), scale, seen.height, seen.width)
    middle = trust[:, LIMB_MIDDLE]
    end = middle * trust[:, LIMB_END]
    out = np.zeros(trust.shape, bool)
    out[:, LIMB_MIDDLE] = middle < 0.5
    out[:, LIMB_END] = end < 0.5
    tips = ((17, 19, 21), (18, 20, 22), (29, 31), (30, 32))
    for limb, points in enumerate(tips):
        out[:, points] = end[:, limb, None] * trust[:, points] < 0.5
    return out
