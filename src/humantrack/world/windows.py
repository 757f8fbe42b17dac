"""The second walk: tracks in windows of some seconds, refined, and joined where they overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from humantrack.clips.frames import Batch
from humantrack.geometry.rotations import slerp
from humantrack.motion.camera import ray_rotations
from humantrack.motion.skeleton import PELVIS_ROW
from humantrack.types.arrays import BoolArray, FloatArray, IntArray
from humantrack.world.refine import Refined
from humantrack.world.stretch import Path, Stretch, View
from humantrack.world.survey import joint_errors, usable

CORE_S = 8.0
"""Seconds of a window that are kept."""

CONTEXT_S = 1.5
"""Seconds before and after that are looked at as well, in which windows are joined."""

LONGEST_GAP_S = 1.0
"""A track that was missed for longer is not bridged."""

MOST_FRAMES = 4000
"""Of a window's core, whatever the frame rate."""


@dataclass(frozen=True, slots=True)
class Rows:
    """People-frames of one track, as they come: frame numbers, times, and what was estimated."""

    frame: IntArray
    time_s: FloatArray
    local: FloatArray
    """(T,24,3,3) with the root's rotation as the crop's camera saw it."""

    joints_px: FloatArray
    error_m: FloatArray

    def picked(self, index: Any) -> Rows:
        """Some of them."""
        return Rows(
            self.frame[index],
            self.time_s[index],
            self.local[index],
            self.joints_px[index],
            self.error_m[index],
        )

    @staticmethod
    def joined(one: Rows, other: Rows) -> Rows:
        """Both, one after the other."""
        return Rows(
            *(
                np.concatenate([getattr(one, name), getattr(other, name)])
                for name in ("frame", "time_s", "local", "joints_px", "error_m")
            )
        )


@dataclass
class Shot:
    """Frames of a shot that were read and are not written yet, and their people."""

    number: int
    frame: list[int] = field(default_factory=list)
    time_s: list[float] = field(default_factory=list)
    tracks: dict[int, Rows] = field(default_factory=dict)

    def forget(self, before: int) -> None:
        """Let go of all frames earlier than a number."""
        drop = int(np.searchsorted(self.frame, before))
        del self.frame[:drop], self.time_s[:drop]
        for track_id, rows in list(self.tracks.items()):
            kept = rows.picked(rows.frame >= before)
            if len(kept.frame):
                self.tracks[track_id] = kept
            else:
                del self.tracks[track_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """A person in the frames of a window."""

    track_id: int
    frame: IntArray
    """(T,) numbers of the frames."""

    observed: BoolArray
    refined: Refined


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Frames of a shot that are final, and who moves in them."""

    shot: int
    frame: IntArray
    time_s: FloatArray
    people: tuple[Moving, ...]


Refiner = Callable[[int, Stretch], Refined]
"""Refines a stretch of a shot."""

Viewer = Callable[[int, IntArray], View]
"""The camera of a shot in some frames."""


class Windows:
    """Cuts shots into windows.

    Args:
        refiner: refines a stretch.
        core_s: see ``CORE_S``; infinite takes each shot whole.
    """

    def __init__(self, refiner: Refiner, *, core_s: float = CORE_S) -> None:
        self._refiner = refiner
        self._core_s = core_s
        self._before: dict[int, list[Moving]] = {}

    def of(self, batches: Iterable[Batch]) -> Iterator[Window]:
        """All frames, in windows."""
        shot: Shot | None = None
        for batch in batches:
            for piece, number in _by_shot(batch, -1 if shot is None else shot.number):
                if shot is None or number != shot.number:
                    if shot is not None:
                        yield from self._rest(shot)
                    shot = Shot(number)
                _take(shot, batch, piece)
                yield from self._ready(shot)
        if shot is not None:
            yield from self._rest(shot)

    def _ready(self, shot: Shot) -> Iterator[Window]:
        """Windows whose context has been read."""
        while shot.frame:
            core = self._core(shot)
            context = self._context(shot)
            start = self._start(shot)
            if core is None or len(shot.frame) < start + core + 2 * context:
                return
            yield self._window(shot, start, start + core, min(context, core))

    def _rest(self, shot: Shot) -> Iterator[Window]:
        yield self._window(shot, self._start(shot), len(shot.frame), 0)
        self._before = {}
        self._emitted = None

    _emitted: int | None = None
    """Number of the last frame that was written in this shot."""

    def _start(self, shot: Shot) -> int:
        """Place of the first frame that was not written."""
        if self._emitted is None:
            return 0
        return int(np.searchsorted(shot.frame, self._emitted, side="right"))

    def _step_s(self, shot: Shot) -> float:
        if len(shot.time_s) < 2:
            return 1 / 30
        return max(float(np.median(np.diff(shot.time_s[:200]))), 1e-6)

    def _core(self, shot: Shot) -> int | None:
        if not np.isfinite(self._core_s):
            return None
        return max(min(round(self._core_s / self._step_s(shot)), MOST_FRAMES), 8)

    def _context(self, shot: Shot) -> int:
        return max(min(round(CONTEXT_S / self._step_s(shot)), MOST_FRAMES // 4), 4)

    def _window(self, shot: Shot, start: int, end: int, context: int) -> Window:
        """Refine everybody in some frames and the context around, and join with the window before.

        Args:
            shot: as read so far.
            start: place of the first frame to be written.
            end: place behind the last one.
            context: frames after the end that are looked at, and joined with the next window.
        """
        every = np.array(shot.frame)
        last = min(end + 2 * context, len(every))
        people = []
        later: dict[int, list[Moving]] = {}
        stop = every[end] if end < len(every) else np.inf
        for track_id, rows in sorted(shot.tracks.items()):
            mine = rows.picked(rows.frame <= every[last - 1])
            for stretch in _stretches(track_id, mine, every[:last], np.array(shot.time_s[:last])):
                moving = Moving(
                    track_id=track_id,
                    frame=stretch.frame,
                    observed=stretch.observed,
                    refined=self._refiner(shot.number, stretch),
                )
                for earlier in self._before.get(track_id, []):
                    moving = _joined(earlier, moving)
                people.append(moving)
                if context and moving.frame[-1] >= stop:
                    later.setdefault(track_id, []).append(_part(moving, moving.frame >= stop))
        self._before = later
        window = Window(
            shot=shot.number,
            frame=every[start:end],
            time_s=np.array(shot.time_s[start:end]),
            people=tuple(
                _part(m, (m.frame >= every[start]) & (m.frame < stop))
                for m in people
                if m.frame[-1] >= every[start] and m.frame[0] < stop
            )
            if end > start
            else (),
        )
        if end > start:
            self._emitted = int(every[end - 1])
        if context:
            shot.forget(int(every[max(end - context, 0)]))
        return window


def _by_shot(batch: Batch, number: int) -> Iterator[tuple[IntArray, int]]:
    """Places of a batch's frames by shot, and the shots' numbers; ``number`` is the last one."""
    starts = [i for i, frame in enumerate(batch.frames) if frame.is_shot_start]
    if number < 0:
        number = 0
        starts = [i for i in starts if i > 0]
    edges = [0, *starts, len(batch.frames)]
    for k in range(len(edges) - 1):
        number += k > 0
        if edges[k + 1] > edges[k]:
            yield np.arange(edges[k], edges[k + 1]), number


def _take(shot: Shot, batch: Batch, piece: IntArray) -> None:
    """Read some frames of a batch into a shot."""
    people = batch.people
    index = np.array([f.index for f in batch.frames])
    times = np.array([f.time_s for f in batch.frames])
    shot.frame += index[piece].tolist()
    shot.time_s += times[piece].tolist()
    here = usable(people) & np.isin(people.frame_row, piece)
    errors = joint_errors(people)
    px = people.joints_px()
    for track_id in np.unique(people.track_id[here]).tolist():
        some = np.flatnonzero(here & (people.track_id == track_id))
        some = some[np.unique(people.frame_row[some], return_index=True)[1]]
        rows = Rows(
            index[people.frame_row[some]],
            times[people.frame_row[some]],
            np.concatenate([people.global_orient[some], people.body_pose[some]], axis=1),
            px[some],
            errors[some],
        )
        before = shot.tracks.get(track_id)
        shot.tracks[track_id] = rows if before is None else Rows.joined(before, rows)


def _stretches(track_id: int, rows: Rows, every: IntArray, time_s: FloatArray) -> Iterator[Stretch]:
    """A track's rows in pieces without long gaps; short ones are filled in."""
    if not len(rows.frame):
        return
    cuts = np.flatnonzero(np.diff(rows.time_s) > LONGEST_GAP_S) + 1
    for part in np.split(np.arange(len(rows.frame)), cuts):
        mine = rows.picked(part)
        at = np.searchsorted(every, [mine.frame[0], mine.frame[-1]])
        frame = every[at[0] : at[1] + 1]
        near = np.searchsorted(mine.frame, frame, side="right") - 1
        observed = np.isin(frame, mine.frame)
        error = np.where(observed[:, None], mine.error_m[near], np.inf)
        yield Stretch(
            track_id=track_id,
            frame=frame,
            time_s=time_s[at[0] : at[1] + 1],
            observed=observed,
            local=mine.local[near].astype(np.float64),
            joints_px=mine.joints_px[near],
            error_m=error,
        )


def before_lens(stretch: Stretch, view: View) -> Stretch:
    """The stretch with each root turned from the crop's line of sight into the camera's axes."""
    apart = (stretch.joints_px[:, PELVIS_ROW] - view.centre_px) / view.focal_px[:, None]
    rays = ray_rotations(np.concatenate([apart, np.ones((len(apart), 1))], axis=1))
    local = stretch.local.copy()
    local[:, 0] = rays @ local[:, 0]
    return replace(stretch, local=local)


def _part(moving: Moving, some: BoolArray) -> Moving:
    refined = moving.refined
    return Moving(
        track_id=moving.track_id,
        frame=moving.frame[some],
        observed=moving.observed[some],
        refined=replace(
            refined,
            path=Path(local=refined.path.local[some], pelvis=refined.path.pelvis[some]),
            contacts=refined.contacts[some],
            confidence=refined.confidence[some],
            flipped=refined.flipped[some],
            bridged=refined.bridged[some],
        ),
    )


def _joined(earlier: Moving, later: Moving) -> Moving:
    """The later of two windows' motions, where both are with the earlier one fading out."""
    common = np.intersect1d(earlier.frame, later.frame)
    if not len(common):
        return later
    a = np.searchsorted(earlier.frame, common)
    b = np.searchsorted(later.frame, common)
    share = (np.arange(len(common)) + 1) / (len(common) + 1)
    one, two = earlier.refined, later.refined
    share = share**2 * (3 - 2 * share)
    local, pelvis = two.path.local.copy(), two.path.pelvis.copy()
    local[b] = slerp(one.path.local[a], two.path.local[b], np.repeat(share[:, None], 24, axis=1))
    pelvis[b] = one.path.pelvis[a] + share[:, None] * (two.path.pelvis[b] - one.path.pelvis[a])
    contacts = two.contacts.copy()
    contacts[b] = np.where(share[:, None] < 0.5, one.contacts[a], two.contacts[b])
    refined = replace(two, path=Path(local=local, pelvis=pelvis), contacts=contacts)
    return replace(later, refined=refined)
