"""One person's frames for the CEB 4D-Humans add-on of Blender.

The add-on reads a plain, uncompressed pickle. It takes the dictionary's n-th entry for frame n,
whatever its key, and of it ``camera`` and ``smpl`` of one slot; a frame in which these lists are
too short keeps the pose before. So every frame of the clip is there, and the person, if there, is
in slot 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from humantrack.clips.frames import Batch
from humantrack.errors import ResultsError
from humantrack.export.formats.base import MotionExporter
from humantrack.motion.camera_track import CameraTrack
from humantrack.motion.motion import Y_UP, Motion
from humantrack.motion.stages import EVEN, MOST_FRAMES, resample, rows_of
from humantrack.motion.world import collector_for
from humantrack.results.encode import END, HEADER, encode_frame
from humantrack.types import FrameKey
from humantrack.types.arrays import IntArray

_SAME = 1e-6
"""Part of a frame within which two times are one."""

_FILLED = -1
"""PHALP's ``tracked_time`` of a frame that was filled in."""


class Blender(MotionExporter):
    """Camera axes and PHALP's long lens, as the add-on expects them.

    In the world the axes are those of a level camera at the origin (x right, y down, z away), and
    each frame has the pose of the real camera in them, ``camera_pose``, which the add-on leaves
    aside: ``X_camera = rotation @ (X - position)``, and its focal length in pixels.
    """

    def begin(self) -> None:
        """Nothing is written before all frames are known."""
        options = replace(self.options, fps=None)  # all files share one grid of frames: _placed
        self._collector = collector_for(self.source, options, long_lens=True)
        self._camera = CameraTrack()
        self._keys: list[FrameKey] = []
        self._indices: list[int] = []
        self._times: list[float] = []

    def write(self, batch: Batch) -> None:
        """Gather the people and the clip's frames."""
        super().write(batch)
        if self.in_world:
            self._camera.add(batch)
        for frame in batch.frames:
            self._keys.append(frame.key)
            self._indices.append(frame.index)
            self._times.append(frame.time_s)

    def finish(self) -> None:
        """Write track by track; the parts of a track share a file."""
        keys, rows = self._grid()
        motions = self._collector.motions()
        for _, parts in itertools.groupby(motions, key=lambda motion: motion.track_id):
            self._write_track(keys, rows, list(parts))

    def _grid(self) -> tuple[Sequence[FrameKey], slice]:
        """A key for every frame of the whole clip, and which of them the files hold.

        Raises:
            ResultsError: if there would be more frames than any clip has.
        """
        if self.options.fps is None or not self._times:
            return self._keys, self.selected(np.array(self._indices, np.int64))
        length = (self._times[-1] - self._times[0]) * self.options.fps
        if not 0 <= length < MOST_FRAMES:
            raise ResultsError(
                f"the clip would have {length:.3g} frames at {self.options.fps:g} per second",
                hint="check --fps, and the times in the results",
            )
        keys = [f"{i:06d}" for i in range(int(length + EVEN) + 1)]
        when_s = self._times[0] + (np.arange(len(keys)) + _SAME) / self.options.fps
        before = np.searchsorted(self._times, when_s, side="right") - 1
        return keys, self.selected(np.array(self._indices, np.int64)[before])

    def _write_track(self, keys: Sequence[FrameKey], rows: slice, parts: list[Motion]) -> None:
        held = range(len(keys))[rows]
        stretches = [self._placed(part, len(keys)) for part in parts]
        there = np.zeros(len(keys), bool)
        for places, _ in stretches:
            there[places] = True
        if not there[held.start : held.stop].any():
            return
        people = itertools.chain.from_iterable(
            _entries(*stretch, in_world=self.in_world) for stretch in stretches
        )
        person = next(people, None)
        with self.open_track(replace(parts[0], part=None)) as file:
            file.write(HEADER)
            for row in held:
                entry: dict[str, Any] | None = None
                while person is not None and person[0] <= row:
                    entry = person[1] if person[0] == row else None  # the later part is shown
                    person = next(people, None)
                lists = {name: [] if entry is None else [entry[name]] for name in _ENTRY}
                file.write(encode_frame(keys[row], {"time": row, **lists, **self._pose(row)}))
            file.write(END)

    def _pose(self, row: int) -> dict[str, Any]:
        """Where the camera is in a frame of the file, if it is known."""
        if not self.in_world:
            return {}
        fps = self.options.fps
        when_s = self._times[row] if fps is None else self._times[0] + row / fps
        rotation, position, focal_px = self._camera.at(when_s)
        pose = {"rotation": rotation * Y_UP, "position": position * Y_UP}
        return {"camera_pose": {**pose, "focal_length_px": focal_px}}

    def _placed(self, part: Motion, count: int) -> tuple[IntArray, Motion]:
        """A stretch of motion and which frames of the file it fills."""
        fps = self.options.fps
        if fps is None:
            row = {index: i for i, index in enumerate(self._indices)}
            rows = np.array([row[index] for index in part.frame.tolist()])
            order = np.argsort(rows, kind="stable")  # numbers of frames may jump back
            return rows[order], rows_of(part, order)
        first_s, last_s = part.time_s[[0, -1]] - self._times[0]
        start = min(int(np.ceil(first_s * fps - EVEN)), count - 1)
        # What begins and ends between two frames of the grid is shown in the second.
        motion = resample(part, fps, self._times[0] + min(start / fps, float(last_s)))
        return np.arange(start, start + len(motion)), motion


_ENTRY = ("tid", "tracked_time", "smpl", "camera")


def _entries(
    places: IntArray, motion: Motion, *, in_world: bool
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Per frame its row in the file, and one person's values under PHALP's names."""
    row = iter(places.tolist())
    betas = motion.betas.astype(np.float32)
    for part in motion.parts():
        local = part.matrices
        local[:, 0] = Y_UP[:, None] * local[:, 0]
        local = local.astype(np.float32)
        if in_world:  # a body turns about its pelvis, which lies beside its origin
            camera = (part.pelvis * Y_UP - part.rest_pelvis).astype(np.float32)
        else:
            camera = (part.joints[:, -1] * Y_UP).astype(np.float32)  # the body's origin
        columns = zip(part.observed.tolist(), local, camera, row, strict=False)
        for seen, turns, place, at in columns:
            yield (
                at,
                {
                    "tid": motion.track_id,
                    "tracked_time": 0 if seen else _FILLED,
                    "smpl": {"global_orient": turns[:1], "body_pose": turns[1:], "betas": betas},
                    "camera": place,
                },
            )
