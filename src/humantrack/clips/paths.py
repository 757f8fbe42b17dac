"""Where the tracks of a clip go in the world, how their knees bend and which feet stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from humantrack.body.joints import PHALP_JOINTS
from humantrack.clips.source import ResultsSource
from humantrack.types.arrays import BoolArray, FloatArray, IntArray

_KNEES = [
    [PHALP_JOINTS.index(f"{side}_{joint}") for joint in ("hip", "knee", "ankle")]
    for side in ("left", "right")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackPath:
    """One track in T frames of the world."""

    track_id: int
    frame: IntArray
    """(T,) int64 numbers of the frames, rising."""

    shot: IntArray
    """(T,) int64 cuts before the frame."""

    place_m: FloatArray
    """(T,2) float32 x and z of the pelvis."""

    contacts: BoolArray
    """(T,4) whether heel and toe stand, in the order of ``types.world.CONTACTS``."""

    knees_deg: FloatArray
    """(T,2) float32 how far the left and the right knee are bent; 0 is straight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPaths:
    """The tracks of one results file, and its camera, in the world."""

    tracks: list[TrackPath] = field(default_factory=list)
    camera_m: FloatArray
    """(F,2) float32 x and z of the camera."""

    camera_shot: IntArray
    """(F,) int64 cuts before the frame."""


def clip_paths(source: ResultsSource) -> ClipPaths:
    """Walk through a file that has a world; some 40 bytes a person and frame are kept.

    Raises:
        ResultsError: if the results or the world cannot be read, or are not each other's.
    """
    rows: dict[int, list[tuple[Any, ...]]] = {}
    camera: list[FloatArray] = []
    shots: list[int] = []
    for batch in source.batches(world=True):
        world, people = batch.world, batch.world.people
        there = [frame.world for frame in batch.frames if frame.world is not None]
        camera += [np.asarray(frame.camera_position[[0, 2]], np.float32) for frame in there]
        shots += [frame.shot for frame in there]
        index = np.array([frame.index for frame in batch.frames], np.int64)[people.frame_row]
        shot = np.array([frame.shot for frame in there], np.int64)[people.frame_row]
        knees = bent_deg(people.joints_3d)
        for track_id in sorted(set(people.track_id.tolist())):
            mine = np.flatnonzero(np.equal(people.track_id, track_id))
            place = world.root_position[mine][:, [0, 2]].astype(np.float32)
            columns = index[mine], shot[mine], place, world.contacts[mine], knees[mine]
            rows.setdefault(track_id, []).append(columns)
    tracks = []
    for track_id, parts in sorted(rows.items()):
        frame, shot, place, contacts, knees = (np.concatenate(p) for p in zip(*parts, strict=True))
        tracks.append(
            TrackPath(
                track_id=track_id,
                frame=frame,
                shot=shot,
                place_m=place,
                contacts=contacts,
                knees_deg=knees,
            )
        )
    return ClipPaths(
        tracks=tracks,
        camera_m=np.array(camera, np.float32).reshape(-1, 2),
        camera_shot=np.array(shots, np.int64),
    )


def bent_deg(joints: FloatArray) -> FloatArray:
    """(P,45,3) joints -> (P,2) float32 degrees by which the left and right knee are bent."""
    out = np.zeros((len(joints), 2), np.float32)
    for side, (hip, knee, ankle) in enumerate(_KNEES):
        thigh = joints[:, knee].astype(np.float64) - joints[:, hip]
        shank = joints[:, ankle].astype(np.float64) - joints[:, knee]
        sine = np.linalg.norm(np.cross(thigh, shank), axis=1)
        out[:, side] = np.degrees(np.arctan2(sine, (thigh * shank).sum(axis=1)))
    return out
