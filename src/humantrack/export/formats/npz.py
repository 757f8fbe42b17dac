"""AMASS's .npz: SMPL-H parameters of one person over time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from humantrack.clips.frames import Batch
from humantrack.export.formats.base import MotionExporter
from humantrack.export.formats.npy import Pieces, save
from humantrack.geometry.rotations import quaternion_to_axis_angle
from humantrack.motion.camera_track import CameraTrack
from humantrack.motion.motion import Motion
from humantrack.motion.rig import UP as AXES_UP
from humantrack.motion.rig import in_axes
from humantrack.types.arrays import FloatArray

_HANDS = 90
"""Numbers of SMPL-H's 30 finger joints."""

UP = "z"
"""As AMASS has it."""

_BODY = 66
"""Numbers of SMPL-H's 22 other joints: SMPL's but the two hands."""


class Amass(MotionExporter):
    """A file per track that ``np.load(allow_pickle=False)`` reads.

    ================  =======  ================================================================
    poses             (T,156)  float32 axis times angle: root, 21 joints, 30 zeros for fingers
    trans             (T,3)    float32 metres; the root joint is at trans + rest_joints[0]
    betas             (16,)    float32, the mean of 10 and zeros
    dmpls             (T,8)    float32 zeros
    gender                     'neutral'
    mocap_framerate            float64, also as mocap_frame_rate
    ================  =======  ================================================================

    Not AMASS's: ``frame`` (T,) int64, number in the results; ``observed`` (T,) bool, False where a
    gap was filled; ``start_time_s`` float64 since the start of the source; ``rest_joints`` (24,3)
    float32, the skeleton's T pose; ``body``, its kind (``Skeleton.kind``), whose betas these are.
    ``root_orient`` (T,3), ``pose_body`` (T,63), ``pose_hand`` (T,90), ``pose_jaw`` (T,3) and
    ``pose_eye`` (T,6) are SMPL-X's names for parts of ``poses`` and for what is at rest; ``up`` is
    the axis that is up, ``unit`` 'm', ``present`` (T,) False where the clip's time line holds the
    pose of somebody who is not there.
    If the results say how far joints are to be trusted: ``joint_source`` (T,45) int8 and
    ``joint_confidence`` (T,45) float32, as ``Motion`` has them.

    In the world also ``body_scale`` float64, the body's size, times that of its betas;
    ``contacts`` (T,4) bool, heel and toe, left and right; ``confidence`` (T,) float32; and of the
    camera ``camera_rotation`` (T,3,3), world to camera (x right, y down, z away),
    ``camera_position`` (T,3) and ``camera_focal_px`` (T,), all float32.

    Axes: metres, z up as in AMASS's own files, x to the right of the picture, y away from the
    viewer. With y up they are those of ``export.motion``. The body's own axes, in which
    ``rest_joints`` are, have y up always, as SMPL's have.
    """

    is_even = True

    def begin(self) -> None:
        """Nothing is written before all frames are known."""
        super().begin()
        self._camera = CameraTrack()

    def write(self, batch: Batch) -> None:
        """Gather the people and the camera."""
        super().write(batch)
        if self.in_world:
            self._camera.add(batch)

    def write_motion(self, motion: Motion, rows: slice = slice(None)) -> None:
        """Write one track at even frames."""
        count, up = len(motion.frame[rows]), self.options.up or UP
        rate = np.float64(motion.fps)
        rest = motion.skeleton.rest + motion.rest_pelvis

        def pieces(
            width: int, dtype: npt.DTypeLike, of: Callable[[Motion], npt.NDArray[Any]]
        ) -> Pieces:
            def make() -> Iterator[npt.NDArray[Any]]:
                return (of(in_axes(part, up)) for part in motion.parts(rows))

            return Pieces((count, width), dtype, make)

        arrays: dict[str, Any] = {
            "poses": pieces(_BODY + _HANDS, np.float32, _poses),
            "trans": pieces(3, np.float32, lambda part: part.pelvis - part.rest_pelvis),
            **self._betas(motion),
            "dmpls": np.zeros((count, 8), np.float32),
            "gender": np.array("neutral"),
            "mocap_framerate": rate,
            "mocap_frame_rate": rate,
            "root_orient": pieces(3, np.float32, lambda part: _poses(part)[:, :3]),
            "pose_body": pieces(63, np.float32, lambda part: _poses(part)[:, 3:_BODY]),
            "pose_hand": np.zeros((count, _HANDS), np.float32),
            "pose_jaw": np.zeros((count, 3), np.float32),
            "pose_eye": np.zeros((count, 6), np.float32),
            "up": np.array(up),
            "unit": np.array("m"),
            "present": motion.is_present[rows],
            "frame": motion.frame[rows].astype(np.int64),
            "observed": motion.observed[rows],
            "start_time_s": np.float64(motion.time_s[rows][0]),
            "rest_joints": rest.astype(np.float32),
            "body": np.array(motion.skeleton.kind),
        }
        if self.source.is_rated:
            width = motion.joint_source.shape[1]
            arrays["joint_source"] = pieces(width, np.int8, lambda part: part.joint_source)
            arrays["joint_confidence"] = pieces(
                width, np.float32, lambda part: part.joint_confidence
            )
        with self.open_track(motion) as file:
            save(file, arrays | self._world(motion, rows))

    def _world(self, motion: Motion, rows: slice) -> dict[str, Any]:
        """What only the world tells of these rows."""
        if motion.contacts is None or motion.confidence is None:
            return {}
        when_s, turn = motion.time_s[rows], AXES_UP[self.options.up or UP]
        rotation = np.empty((len(when_s), 3, 3), np.float32)
        position = np.empty((len(when_s), 3), np.float32)
        focal_px = np.empty(len(when_s), np.float32)
        for row, second in enumerate(when_s.tolist()):
            turned, place, focal_px[row] = self._camera.at(second)
            rotation[row], position[row] = turned @ turn.T, place @ turn.T
        return {
            "body_scale": np.float64(motion.skeleton.scale),
            "contacts": motion.contacts[rows],
            "confidence": motion.confidence[rows].astype(np.float32),
            "camera_rotation": rotation,
            "camera_position": position,
            "camera_focal_px": focal_px,
        }

    def _betas(self, motion: Motion) -> dict[str, FloatArray]:
        """Shapes under the names by which programs take them."""
        betas = np.concatenate([motion.betas, np.zeros(6)]).astype(np.float32)
        if self.options.smpl_shape_only and motion.skeleton.kind != "smpl":
            return {"betas": np.zeros(16, np.float32), "body_betas": betas}
        return {"betas": betas}


def _poses(part: Motion) -> FloatArray:
    """(T,156) axis times angle, with fingers at rest."""
    turns = quaternion_to_axis_angle(part.quaternions).reshape(-1, 72)[:, :_BODY]
    return np.concatenate([turns, np.zeros((len(turns), _HANDS))], axis=1)
