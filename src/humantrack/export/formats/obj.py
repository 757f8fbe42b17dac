"""Wavefront .obj: a surface per person and frame, for programs that read no animation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from humantrack.body.kinematics import forward_kinematics
from humantrack.export.formats.base import MotionExporter
from humantrack.export.formats.obj_file import faces_text, write_obj
from humantrack.motion.motion import Motion
from humantrack.motion.spool import chunks
from humantrack.motion.surface import Surface, surface_of
from humantrack.types.arrays import FloatArray

_TOGETHER = 16
"""Frames whose surfaces are made at once: some 20 MB."""


class Obj(MotionExporter):
    """A file per track and frame, ``_track<id>_<frame>.obj``; metres, y up.

    Of one person and frame (``--tracks 1 --frames 12``) it is one file. Frames are named by their
    number in the results; resampled ones (``--fps``) count from 0.
    """

    def write_motion(self, motion: Motion, rows: slice = slice(None)) -> None:
        """Write these frames of a person, those in which he is there."""
        start, stop, _ = rows.indices(len(motion))
        surface = surface_of(motion.skeleton, motion.betas)
        faces = faces_text(surface.faces)
        shown = np.asarray(motion.frame[start:stop])
        is_named = len(np.unique(shown)) == len(shown)
        for some in chunks(start, stop, _TOGETHER):
            present = motion.is_present[some]
            for row, vertices, is_there in zip(
                range(some.start, some.stop), skinned(surface, motion, some), present, strict=True
            ):
                if not is_there:
                    continue
                number = int(shown[row - start]) if is_named else row
                name = f"{motion.name}_{number:06d}"
                file = self.outputs.open(f"_{name}{self.suffix}")
                write_obj(file, vertices * (1, -1, -1), faces, name=name)
                if not self.outputs.is_stream:
                    file.close()  # a system has room for some thousand open files


def skinned(surface: Surface, motion: Motion, rows: slice) -> Iterator[FloatArray]:
    """(V,3) metres in the motion's axes (y up), for each of these rows."""
    local = motion.matrices[rows]
    turns, joints = forward_kinematics(local, np.asarray(motion.skeleton.rest, float))
    places = joints - joints[:, :1] + np.asarray(motion.pelvis[rows])[:, None]
    moves = np.concatenate([turns, places[..., None]], axis=3)
    points = np.concatenate([surface.vertices, np.ones((len(surface.vertices), 1))], axis=1)
    bound = np.einsum("jab,vb->jva", surface.inverse_bind.astype(float), points)
    picked = bound[surface.joints, np.arange(len(points))[:, None]]  # (V,4,4)
    for move in moves:
        each = np.einsum("vkab,vkb->vka", move[surface.joints], picked)
        yield np.asarray((each * surface.weights[..., None]).sum(axis=1))
