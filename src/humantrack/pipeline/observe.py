"""People of a frame -> the tracker's observations, one person each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from humantrack.types import (
    BodyBatch,
    Frame,
    JointTrust,
    Observation,
    People,
    Revised,
    Revision,
    RleMask,
    Settled,
)

DEPTH_SCALE = 200.0
"""Camera depth in the pose vector is divided by this (PHALP's phalp/utils/utils.py)."""


def observations(frame: Frame, people: People, extra: Sequence[Any]) -> list[Observation]:
    """One ``Observation`` per person.

    Args:
        frame: the frame they are in.
        people: N people.
        extra: what ``run_additional_models`` said of each detection that was handed to the
            estimator; a person found without a detection gets None.
    """
    poses, locations = pose_vectors(people.bodies), location_vectors(people.bodies)
    revised = people.revised or ((),) * len(people)
    evidence = people.evidence or (None,) * len(people)
    bodies, seen, appearance = people.bodies, people.detections, people.appearance
    return [
        Observation(
            frame_index=frame.index,
            frame_key=frame.key,
            image_size=(frame.height, frame.width),
            xyxy_px=_single(seen.xyxy_px[i]),
            padded_xyxy_px=_single(people.padded_xyxy_px[i]),
            score=float(seen.score[i]),
            class_id=int(seen.class_id[i]),
            global_orient=_single(bodies.global_orient[i]),
            body_pose=_single(bodies.body_pose[i]),
            betas=_single(bodies.betas[i]),
            cam_crop=_single(bodies.cam_crop[i]),
            cam_t=_single(bodies.cam_t[i]),
            joints_3d=_single(bodies.joints_3d[i]),
            joints_2d=_single(bodies.joints_2d[i]),
            code=_single(appearance.code[i]),
            pose_vector=poses[i],
            location_vector=locations[i],
            uv=None if appearance.uv is None else _single(appearance.uv[i]),
            mask=None if seen.mask is None else encode_mask(seen.mask[i]),
            gt_id=None if seen.gt_id is None else int(seen.gt_id[i]),
            annotation=None if seen.annotation is None else seen.annotation[i],
            **_trust_of(people.trust, i),
            row=i,
            revises=tuple(_revised(one) for one in revised[i]),
            evidence=evidence[i],
            extra=extra[people.source[i]] if people.source[i] >= 0 else None,
        )
        for i in range(len(people))
    ]


def _trust_of(trust: JointTrust | None, i: int) -> dict[str, Any]:
    """What is known of one person's joints, under the names of an observation."""
    if trust is None:
        return {}
    return {
        "joint_confidence": _single(trust.confidence[i]),
        "joint_error_mm": _single(trust.error_mm[i]),
        "joint_source": np.array(trust.source[i], np.uint8),
    }


def _revised(revision: Revision) -> Revised:
    """A body of an earlier frame under the names of an observation."""
    return Revised(
        frame_index=revision.frame_index,
        row=revision.row,
        values=_body_of(revision.bodies),
        evidence=revision.evidence,
    )


def _body_of(bodies: BodyBatch) -> dict[str, npt.NDArray[np.float32]]:
    """N = 1: a body under the names of an observation."""
    values = {f.name: _single(getattr(bodies, f.name)[0]) for f in fields(bodies)}
    values["pose_vector"] = pose_vectors(bodies)[0]
    values["location_vector"] = location_vectors(bodies)[0]
    return values


def settled(seen: Sequence[Observation], new: Mapping[int, Settled]) -> list[Observation]:
    """The people of a frame once it is known what came before their part of the video.

    Args:
        seen: as they were found.
        new: bodies in place of theirs, by their rows.
    """
    return [
        _settled(one, new.get(row)) if one.evidence is not None else one
        for row, one in enumerate(seen)
    ]


def _settled(seen: Observation, new: Settled | None) -> Observation:
    if new is None:
        return replace(seen, evidence=None)
    values: dict[str, Any] = {**_body_of(new.bodies), **_trust_of(new.trust, 0)}
    return replace(
        seen,
        **values,
        revises=tuple(_revised(one) for one in new.revised),
        evidence=None,
    )


def pose_vectors(bodies: BodyBatch) -> npt.NDArray[np.float32]:
    """(N,229): rotations row-major, betas, camera (x, y, z/200)."""
    n = len(bodies)
    camera = bodies.cam_t / np.array([1, 1, DEPTH_SCALE], np.float32)
    parts = [bodies.global_orient, bodies.body_pose, bodies.betas, camera]
    flat = [np.reshape(p, (n, -1)) if n else np.zeros((0, np.prod(p.shape[1:]))) for p in parts]
    return np.concatenate(flat, axis=1).astype(np.float32)


def location_vectors(bodies: BodyBatch) -> npt.NDArray[np.float32]:
    """(N,99): 45 joints (x, y) in the padded square, 0..1, then three times the camera."""
    joints = bodies.joints_2d.reshape(len(bodies), 90)
    return np.concatenate([joints, np.tile(bodies.cam_t, (1, 3))], axis=1).astype(np.float32)


def encode_mask(mask: npt.NDArray[np.bool_]) -> RleMask:
    """(H,W) bool -> COCO run lengths."""
    # The encoder wants columns one after the other; OpenCV turns pictures faster than numpy.
    pixels = np.ascontiguousarray(mask, np.bool_).view(np.uint8)
    columns = cv2.transpose(pixels) if pixels.size else pixels.T
    encoded = coco_mask.encode(columns.T)
    return RleMask(size=[int(s) for s in encoded["size"]], counts=encoded["counts"].decode("ascii"))


def _single(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """A contiguous float32 copy, so that no observation keeps a whole batch alive."""
    return np.array(values, dtype=np.float32, order="C")
