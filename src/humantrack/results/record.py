"""A frame's record to and from PHALP's keys (docs/results.md lists them all)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from humantrack.errors import ResultsError
from humantrack.geometry.boxes import (
    NETWORK_ASPECT,
    centre_and_side,
    xywh_to_xyxy,
    xyxy_to_xywh,
)
from humantrack.types import (
    CODE_SIZE,
    FrameKey,
    FrameRecord,
    JointSource,
    Observation,
    RleMask,
    TrackedPerson,
)

FEATURE_KEYS = ("appe", "loca", "pose")
"""Keys of the tracker's own vectors, which may be left out to save space."""

PERSON_KEYS = (
    *FEATURE_KEYS,
    "center",
    "scale",
    "size",
    "img_path",
    "img_name",
    "class_name",
    "conf",
    "annotations",
    "smpl",
    "camera",
    "camera_bbox",
    "3d_joints",
    "2d_joints",
    "mask",
    "extra_data",
)
"""Keys of an observation, in PHALP's order; each holds a list with one entry per track."""

TRUST_KEYS = ("joint_confidence", "joint_error_mm", "joint_source")
"""Keys that say how far each joint is to be trusted. Not PHALP's: they are in a frame only if they
are known of everybody listed in it."""

OTHERS_KEY = "untracked"
"""Who was seen and has no track, as a frame of its own without ids. Not PHALP's: it is only in
results of runs that hide faces, which may be drawn from again."""

Float32 = npt.NDArray[np.float32]


def record_to_phalp(
    record: FrameRecord, *, features: bool = True, others: bool = False
) -> dict[str, Any]:
    """A frame under PHALP's keys, in PHALP's order, with ``TRUST_KEYS`` and ``time_s`` added.

    Args:
        record: the frame. Of a missed track the values are those of its last observation.
        features: whether ``appe``, ``loca`` and ``pose`` are there.
        others: whether ``OTHERS_KEY`` is there, where somebody of no track was seen.

    Returns:
        Lists with one entry per track, in the record's order; ``tracked_ids`` and
        ``tracked_bbox`` only hold the tracks seen in this frame.
    """
    everybody = [person.observation for person in record.people]
    entries, boxes = _to_entries(everybody), _boxes_of(everybody)
    seen = [i for i, person in enumerate(record.people) if person.missed == 0]
    ids = [int(person.track_id) for person in record.people]
    frame: dict[str, Any] = {
        "time": int(record.index),
        "shot": int(record.is_shot_start),
        "frame_path": record.key,
        "tracked_ids": [ids[i] for i in seen],
        "tracked_bbox": [boxes[i] for i in seen],
        "tid": ids,
        "bbox": boxes,
        "tracked_time": [int(person.missed) for person in record.people],
    }
    for key in PERSON_KEYS:
        if features or key not in FEATURE_KEYS:
            frame[key] = [entry[key] for entry in entries]
    trust = [_trust_of(person.observation) for person in record.people]
    if trust and all(trust):
        for key in TRUST_KEYS:
            frame[key] = [entry[key] for entry in trust]
    frame["time_s"] = float(record.time_s)
    if others and record.others:
        frame[OTHERS_KEY] = _others_to_phalp(record.others)
    return frame


def _others_to_phalp(others: Sequence[Observation]) -> dict[str, Any]:
    """People of no track under the keys of those who have one, as far as one tells heads by."""
    entries = _to_entries(others)
    frame: dict[str, Any] = {
        key: [entry[key] for entry in entries] for key in PERSON_KEYS if key not in FEATURE_KEYS
    }
    frame["bbox"] = _boxes_of(others)
    frame["tracked_time"] = [0] * len(others)
    trust = [_trust_of(seen) for seen in others]
    if all(trust):
        frame |= {key: [entry[key] for entry in trust] for key in TRUST_KEYS}
    return frame


def record_from_phalp(key: FrameKey, frame: Mapping[str, Any]) -> FrameRecord:
    """Read a frame back, from a file of humantrack or of PHALP, as far as the keys hold it.

    What no key holds: ``source_index`` becomes ``index``; the padded box is rebuilt from
    ``center`` and ``scale`` with the networks' 3:4; a frame without people has ``image_size``
    (0, 0); a missing ``time_s`` becomes NaN, a missing ``appe`` zeros, missing ``loca`` and
    ``pose`` are put together from the other keys, and without ``TRUST_KEYS`` nothing is known of
    how far joints are to be trusted. Boxes come back as float64, so that writing
    them again gives the same numbers.

    Args:
        key: the frame's key in the results.
        frame: its value.

    Raises:
        ResultsError: if a key is missing or has the wrong shape.
    """
    try:
        index = int(frame["time"])
        people = tuple(
            TrackedPerson(
                track_id=int(frame["tid"][i]),
                missed=int(frame["tracked_time"][i]),
                observation=_from_entry(frame, i, index),
            )
            for i in range(len(frame["tid"]))
        )
        beside = frame.get(OTHERS_KEY)
        others = (
            ()
            if beside is None
            else tuple(_from_entry(beside, i, index) for i in range(len(beside["bbox"])))
        )
        return FrameRecord(
            index=index,
            source_index=index,
            key=key,
            time_s=float(frame.get("time_s", float("nan"))),
            is_shot_start=bool(frame["shot"]),
            image_size=people[0].observation.image_size if people else (0, 0),
            people=people,
            others=others,
        )
    except KeyError as error:
        raise ResultsError(f"a frame of the results lacks {error}", where=key) from error
    except (IndexError, TypeError, ValueError, AttributeError) as error:
        raise ResultsError(f"a frame of the results is malformed ({error})", where=key) from error


def _boxes_of(people: Sequence[Observation]) -> list[Float32]:
    """Each person's box, (4,) corner and size."""
    if not people:
        return []
    return list(_float32(xyxy_to_xywh(np.array([seen.xyxy_px for seen in people]))))


def _to_entries(people: Sequence[Observation]) -> list[dict[str, Any]]:
    """Each person's values under PHALP's names."""
    if not people:
        return []
    centres, sides = centre_and_side(np.array([seen.padded_xyxy_px for seen in people]))
    return [
        _to_entry(seen, centre, side)
        for seen, centre, side in zip(people, centres, sides.tolist(), strict=True)
    ]


def _to_entry(seen: Observation, centre: npt.NDArray[Any], side: float) -> dict[str, Any]:
    return {
        "appe": _float32(seen.code),
        "loca": _float32(seen.location_vector),
        "pose": _float32(seen.pose_vector),
        "center": centre,
        "scale": side / max(seen.image_size),
        "size": [int(length) for length in seen.image_size],
        "img_path": seen.frame_key,
        # Only a path has a file name; PHALP's streaming keys, which are tuples, have None.
        "img_name": seen.frame_key.split("/")[-1] if isinstance(seen.frame_key, str) else None,
        "class_name": np.int64(seen.class_id),
        "conf": np.float32(seen.score),
        "annotations": [] if seen.annotation is None else seen.annotation,
        "smpl": {
            "global_orient": _float32(seen.global_orient),
            "body_pose": _float32(seen.body_pose),
            "betas": _float32(seen.betas),
        },
        "camera": _float32(seen.cam_t),
        "camera_bbox": _float32(seen.cam_crop),
        "3d_joints": _float32(seen.joints_3d),
        "2d_joints": _float32(seen.joints_2d).reshape(90),
        "mask": [] if seen.mask is None else [dict(seen.mask)],
        "extra_data": seen.extra,
    }


def _from_entry(frame: Mapping[str, Any], i: int, index: int) -> Observation:
    """The i-th person of a frame."""
    height, width = (int(length) for length in frame["size"][i])
    smpl = frame["smpl"][i]
    cam_t = _float32(frame["camera"][i])
    joints_2d = _float32(frame["2d_joints"][i]).reshape(45, 2)
    body = [_float32(smpl[name]) for name in ("global_orient", "body_pose", "betas")]
    masks = frame["mask"][i]
    return Observation(
        # PHALP marks what its smoothing filled in with -1: not a missed frame.
        frame_index=index - max(int(frame["tracked_time"][i]), 0),
        frame_key=frame["img_path"][i],
        image_size=(height, width),
        xyxy_px=xywh_to_xyxy(np.asarray(frame["bbox"][i], np.float64)),
        padded_xyxy_px=_padded_box(frame["center"][i], frame["scale"][i] * max(height, width)),
        score=float(frame["conf"][i]),
        class_id=int(frame["class_name"][i]),
        global_orient=body[0],
        body_pose=body[1],
        betas=body[2],
        cam_crop=_float32(frame["camera_bbox"][i]),
        cam_t=cam_t,
        joints_3d=_float32(frame["3d_joints"][i]),
        joints_2d=joints_2d,
        code=_float32(frame["appe"][i]) if "appe" in frame else np.zeros(CODE_SIZE, np.float32),
        pose_vector=_float32(
            frame["pose"][i]
            if "pose" in frame
            else np.concatenate([*(part.ravel() for part in body), cam_t / (1, 1, 200)])
        ),
        location_vector=_float32(
            frame["loca"][i]
            if "loca" in frame
            else np.concatenate([joints_2d.ravel(), np.tile(cam_t, 3)])
        ),
        mask=RleMask(size=list(masks[0]["size"]), counts=masks[0]["counts"]) if masks else None,
        annotation=frame["annotations"][i],
        **_read_trust(frame, i),
        extra=frame["extra_data"][i],
    )


def _trust_of(seen: Observation) -> dict[str, Any]:
    """What is known of one person's joints, under ``TRUST_KEYS``; empty if it is not all known."""
    if seen.joint_confidence is None or seen.joint_error_mm is None or seen.joint_source is None:
        return {}
    return {
        "joint_confidence": _float32(seen.joint_confidence),
        "joint_error_mm": _float32(seen.joint_error_mm),
        "joint_source": np.asarray(seen.joint_source, np.uint8),
    }


def _read_trust(frame: Mapping[str, Any], i: int) -> dict[str, Any]:
    """What a frame says of how far the i-th person's joints are to be trusted, if anything."""
    if not any(key in frame for key in TRUST_KEYS):
        return {}
    source = np.asarray(frame["joint_source"][i])
    if source.dtype.kind not in "iu" or not ((source >= 0) & (source < len(JointSource))).all():
        raise ValueError(f"'joint_source' is not made of whole numbers below {len(JointSource)}")
    return {
        "joint_confidence": _float32(frame["joint_confidence"][i]),
        "joint_error_mm": _float32(frame["joint_error_mm"][i]),
        "joint_source": source.astype(np.uint8),
    }


def _padded_box(centre: Any, side: float) -> npt.NDArray[np.float64]:
    """(4,) the 3:4 box with this centre and longer side, in pixels."""
    half = np.asarray(NETWORK_ASPECT, float) / max(NETWORK_ASPECT) * side / 2
    return np.concatenate([np.asarray(centre, float) - half, np.asarray(centre, float) + half])


def _float32(values: Any) -> Float32:
    """The values as a float32 array."""
    return np.asarray(values, np.float32)
