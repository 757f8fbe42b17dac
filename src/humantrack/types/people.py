"""The people of one frame, as the stages describe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

import numpy as np

from humantrack.types.arrays import BoolArray, FloatArray, IntArray, check_shape

POSE_VECTOR_SIZE = 229
"""9 global + 207 body rotation entries, 10 betas, camera (x, y, z/200)."""

LOCATION_VECTOR_SIZE = 99
"""45 joints (x, y) in units of the padded square, then three times the camera (x, y, z)."""

CODE_SIZE = 4096
"""Length of an appearance code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """Boxes a detector found in one frame, N of them.

    Raises:
        ValueError: if the lengths disagree.
    """

    xyxy_px: FloatArray
    """(N,4) float32 corners in pixels of the frame, x1 = x0 + width."""

    score: FloatArray
    """(N,) float32, 0..1."""

    class_id: IntArray
    """(N,) int64; 0 = person."""

    mask: BoolArray | None = None
    """(N,H,W) silhouettes at the frame's size, or None where the detector gives none."""

    gt_id: IntArray | None = None
    """(N,) int64 identities that came with given boxes."""

    annotation: tuple[Any, ...] | None = None
    """N annotations that came with given boxes."""

    looked: bool = True
    """False: the detector rested in this frame, so that no box does not mean nobody."""

    def __post_init__(self) -> None:
        check_shape("Detections", "xyxy_px", self.xyxy_px, (None, 4))
        n = len(self.xyxy_px)
        check_shape("Detections", "score", self.score, (n,))
        check_shape("Detections", "class_id", self.class_id, (n,))
        if self.mask is not None:
            check_shape("Detections", "mask", self.mask, (n, None, None))
        if self.gt_id is not None:
            check_shape("Detections", "gt_id", self.gt_id, (n,))
        if self.annotation is not None and len(self.annotation) != n:
            raise ValueError(f"Detections.annotation must have {n} entries")

    def __len__(self) -> int:
        return len(self.xyxy_px)

    def __getitem__(self, keep: Sequence[int] | IntArray | BoolArray | slice) -> Detections:
        """The detections picked by an index array, a boolean array or a slice."""
        index = np.arange(len(self))[np.asarray(keep, int) if isinstance(keep, list) else keep]
        return Detections(
            xyxy_px=self.xyxy_px[index],
            score=self.score[index],
            class_id=self.class_id[index],
            mask=None if self.mask is None else self.mask[index],
            gt_id=None if self.gt_id is None else self.gt_id[index],
            annotation=None
            if self.annotation is None
            else tuple(self.annotation[int(i)] for i in index),
            looked=self.looked,
        )

    @staticmethod
    def empty() -> Detections:
        """Nobody."""
        return Detections(
            xyxy_px=np.zeros((0, 4), np.float32),
            score=np.zeros(0, np.float32),
            class_id=np.zeros(0, np.int64),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyBatch:
    """Bodies of N people of one frame. Rotations act on columns; camera x right, y down, z away.

    Raises:
        ValueError: if the shapes disagree.
    """

    global_orient: FloatArray
    """(N,1,3,3) rotation of the root."""

    body_pose: FloatArray
    """(N,23,3,3) rotations relative to the parent, SMPL order."""

    betas: FloatArray
    """(N,10) shape: SMPL's, or the shipped body's (``humantrack.body.shape.BETAS``)."""

    cam_crop: FloatArray
    """(N,3) weak-perspective camera (s, tx, ty) of the crop round the padded box."""

    cam_t: FloatArray
    """(N,3) translation in metres for focal length 5000 px on the 256-px padded square."""

    joints_3d: FloatArray
    """(N,45,3) metres, without ``cam_t``; the 45th is zero."""

    joints_2d: FloatArray
    """(N,45,2) in the padded square, 0..1."""

    def __post_init__(self) -> None:
        n = len(self.global_orient)
        for name, shape in (
            ("global_orient", (n, 1, 3, 3)),
            ("body_pose", (n, 23, 3, 3)),
            ("betas", (n, 10)),
            ("cam_crop", (n, 3)),
            ("cam_t", (n, 3)),
            ("joints_3d", (n, 45, 3)),
            ("joints_2d", (n, 45, 2)),
        ):
            check_shape("BodyBatch", name, getattr(self, name), shape)

    def __len__(self) -> int:
        return len(self.global_orient)

    def __getitem__(self, keep: Sequence[int] | IntArray) -> BodyBatch:
        """The bodies picked by an index array."""
        index = np.asarray(keep, np.intp)
        return BodyBatch(**{name: getattr(self, name)[index] for name in _BODY_FIELDS})

    @staticmethod
    def empty() -> BodyBatch:
        """Nobody."""
        return BodyBatch(
            global_orient=np.zeros((0, 1, 3, 3), np.float32),
            body_pose=np.zeros((0, 23, 3, 3), np.float32),
            betas=np.zeros((0, 10), np.float32),
            cam_crop=np.zeros((0, 3), np.float32),
            cam_t=np.zeros((0, 3), np.float32),
            joints_3d=np.zeros((0, 45, 3), np.float32),
            joints_2d=np.zeros((0, 45, 2), np.float32),
        )


_BODY_FIELDS = tuple(f.name for f in fields(BodyBatch))


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """What N people look like.

    Raises:
        ValueError: if the shapes disagree.
    """

    code: FloatArray
    """(N,4096) float32; the embedded default fills the first 192 (colours), the rest is zero."""

    uv: FloatArray | None = None
    """(N,4,256,256) float32 texture maps; channel 3 is +1 seen, -1 hole. None without textures."""

    def __post_init__(self) -> None:
        check_shape("Appearance", "code", self.code, (None, CODE_SIZE))
        if self.uv is not None:
            check_shape("Appearance", "uv", self.uv, (len(self.code), 4, 256, 256))

    def __len__(self) -> int:
        return len(self.code)


class JointSource(IntEnum):
    """Where a joint comes from."""

    SEEN = 0
    """Found in the picture of this frame."""

    HIDDEN = 1
    """The network's guess at a joint that it does not see."""

    HELD = 2
    """Taken over from an earlier frame."""

    MADE_UP = 3
    """Put where it hangs in a neutral pose, as nothing is known of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointTrust:
    """How far the 45 joints of N people are to be trusted (docs/results.md).

    Errors are distances to the true joint, with the middle of the hips at the origin of both.

    Raises:
        ValueError: if the shapes disagree.
    """

    confidence: FloatArray
    """(N,45) float32, 0..1: probability of an error below 100 mm."""

    error_mm: FloatArray
    """(N,45,2) float32: half of the errors lie below the first, nine tenths below the second."""

    source: IntArray
    """(N,45) uint8 of :class:`JointSource`."""

    def __post_init__(self) -> None:
        n = len(self.confidence)
        check_shape("JointTrust", "confidence", self.confidence, (n, 45))
        check_shape("JointTrust", "error_mm", self.error_mm, (n, 45, 2))
        check_shape("JointTrust", "source", self.source, (n, 45))

    def __len__(self) -> int:
        return len(self.confidence)

    def __getitem__(self, keep: Sequence[int] | IntArray) -> JointTrust:
        """That of the people picked by an index array."""
        index = np.asarray(keep, np.intp)
        return JointTrust(
            confidence=self.confidence[index],
            error_mm=self.error_mm[index],
            source=self.source[index],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What turns out later of a person in an earlier frame."""

    frame_index: int
    row: int
    """Of the person among the ``People`` of that frame."""

    bodies: BodyBatch
    """N = 1: in place of the body given then."""

    evidence: Mapping[str, Any] | None = None
    """As in ``People``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What takes the place of a person's body when parts of a video are joined."""

    bodies: BodyBatch
    """N = 1."""

    trust: JointTrust | None = None
    """N = 1."""

    revised: tuple[Revision, ...] = ()
    """As in ``People``, of this person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everything the stages before the tracker found in one frame, N people.

    A stage may drop, refine or add people; ``source`` keeps the link to the given detections.

    Raises:
        ValueError: if the lengths disagree.
    """

    detections: Detections
    bodies: BodyBatch
    appearance: Appearance

    padded_xyxy_px: FloatArray
    """(N,4) the boxes grown to the network's aspect (3:4), which the crop cameras refer to."""

    source: IntArray
    """(N,) row of the detections handed in, or -1 for a person found without one."""

    trust: JointTrust | None = None
    """How far each joint is to be trusted; None where the estimator does not say."""

    revised: tuple[tuple[Revision, ...], ...] = ()
    """For each person what is now known better of earlier frames; empty: nothing of anybody."""

    evidence: tuple[Mapping[str, Any] | None, ...] = ()
    """For each person what the body was made of, as plain values, if it is to be made again when
    parts of a video are joined (``types.stages.Settles``); empty: nobody's is."""

    def __post_init__(self) -> None:
        n = len(self.detections)
        if self.trust is not None and len(self.trust) != n:
            raise ValueError("People.trust must have one row for each person")
        if len(self.bodies) != n or len(self.appearance) != n:
            raise ValueError("People: detections, bodies and appearance must have equal lengths")
        check_shape("People", "padded_xyxy_px", self.padded_xyxy_px, (n, 4))
        check_shape("People", "source", self.source, (n,))

    def __len__(self) -> int:
        return len(self.detections)

    @staticmethod
    def empty() -> People:
        """Nobody."""
        return People(
            detections=Detections.empty(),
            bodies=BodyBatch.empty(),
            appearance=Appearance(code=np.zeros((0, CODE_SIZE), np.float32)),
            padded_xyxy_px=np.zeros((0, 4), np.float32),
            source=np.zeros(0, np.int64),
        )
