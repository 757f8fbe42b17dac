"""NanoDet as a detector: when it looks, at what, and what comes of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from humantrack import models
from humantrack.detect.nanodet import views
from humantrack.detect.nanodet.joining import VAGUE_PX, join
from humantrack.detect.nanodet.network import candidates
from humantrack.detect.nanodet.schedule import Schedule
from humantrack.detect.nanodet.views import SAME_IOU, Seen, View
from humantrack.errors import ConfigError
from humantrack.geometry.boxes import iou
from humantrack.types import Detections, Frame
from humantrack.types.arrays import FloatArray
from humantrack.types.stages import since_mark

MOST_EVERY = 1000
"""Largest number of frames from one look to the next that may be asked for."""

_APART = 0.1
"""A box that overlaps nobody by this much is no part of somebody, nor has somebody moved there."""

_Candidates = tuple[FloatArray, FloatArray]
_Running = Sequence[tuple[View, Future[_Candidates]]]


class NanoDet:
    """A detector of people that gives strong and weak boxes, and rests between its looks.

    Weak boxes (below ``score``) are half-hidden people as often as errors: whoever takes them
    must only believe those that continue somebody already seen.

    A full look sees the whole picture in two sizes side by side, and the small people of the last
    look in tiles; once a second it sees everything: a third size, and all of a large picture in
    tiles. While nothing changes, the looks between are at the smallest of the sizes that shows
    everybody by itself; where one of those finds fewer people, it becomes a full one.

    Args:
        score: above this a box may start a track; also what the schedule counts.
        weak_score: below this a box is not given at all.
        nms_iou: boxes that overlap more than this with a better one are dropped.
        size: "auto", or the longer side in px (a multiple of 32) of the one input that shows the
            whole picture.
        every: look at each N-th frame, counted from the last reset or cut, or "auto": each of the
            first few, then some six a second, and more while nobody is found or people come and
            go. Frames between have ``looked=False`` and no boxes.
        threads: inside the network; None = one, and one network for each core.

    Raises:
        ConfigError: if ``size`` or ``every`` is invalid.
    """

    def __init__(
        self,
        *,
        score: float = 0.4,
        weak_score: float = 0.2,
        nms_iou: float = 0.6,
        size: int | str = "auto",
        every: int | str = 1,
        threads: int | None = None,
    ) -> None:
        self._score, self._weak_score, self._nms_iou = score, weak_score, nms_iou
        self._size = self._usual_size = None if size == "auto" else _checked_size(size)
        self._slower, self._is_live = 1, False
        self._every = every if every == "auto" else _checked_every(every)
        self._threads = threads or 1
        self._tiles_seen = False
        self.reset()

    @property
    def warm_up_s(self) -> float:
        """From a multiple of ``FRESH_S`` on, nothing counts of what came before."""
        return self.warm_up_before(math.inf)

    @staticmethod
    def warm_up_before(begin_s: float) -> float:
        """Seconds before a part that begins there."""
        return since_mark(begin_s, 0.0)

    def reset(self) -> None:
        """Forget all earlier frames."""
        self._schedule = self._new_schedule()
        self._people = np.zeros((0, 4), np.float32)
        self._picture = (0, 0)
        self._enough: int | None = None
        self._weak = np.zeros((0, 4), np.float32)
        self._turn = 0

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands, the people of the last look, and what has been tried."""
        return {
            "schedule": self._schedule.state_dict(),
            "people": self._people,
            "picture": self._picture,
            "enough": self._enough,
            "weak": self._weak,
            "tiles_seen": self._tiles_seen,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of another one with the same arguments."""
        self._schedule = Schedule.of(state["schedule"])
        self._people, self._picture = state["people"], tuple(state["picture"])
        self._enough, self._weak = state["enough"], state["weak"]
        self._tiles_seen = state["tiles_seen"]

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Boxes of every frame, best first, clipped to the image, ``score`` from ``weak_score``."""
        return list(self.ahead(frames))

    def ahead(self, frames: Sequence[Frame]) -> Ahead:
        """The same as :meth:`detect`, worked out while the caller goes through it.

        Once the detections of a look have been asked for, the next look begins in the background.
        The detector's state is that after a frame when its detections have been asked for; all
        have to be before anything else is asked of the detector but :meth:`look`.
        """
        return Ahead(self, frames)

    def look(self, frame: Frame, near: FloatArray | None = None) -> Detections:
        """Look at a frame at once, whatever the schedule says, and leave the schedule alone.

        Args:
            frame: depends on nothing but this, so that it may be any frame.
            near: (N,4) where people may be, pixels, so that only the tiles that people of their
                size need are looked at; None = everything.
        """
        if near is None:
            return self._joined(frame, self._begin(frame, self._everything(frame)))
        sizes = (self._enough,) if self._is_live and self._enough else views.USUAL
        tiles = views.tiles_round(near, frame.width, frame.height)
        return self._joined(frame, self._begin(frame, self._sizes(frame, sizes) + tiles))

    def lighten(self, *, rest: int = 1, longest_side: int | None = None) -> None:
        """Look less often and at less from the next frame on, or again as usual.

        Args:
            rest: how many times as long as usual it rests between looks.
            longest_side: see the whole picture in one input of this size, if that is smaller than
                the usual; None: as usual.
        """
        self._slower = self._schedule.rest = rest
        size = self._usual_size
        if longest_side is not None:
            size = longest_side if size is None else min(size, longest_side)
        if size != self._size:
            self._size, self._enough = size, None

    def _new_schedule(self) -> Schedule:
        return Schedule(self._every, rest=self._slower, is_live=self._is_live)

    def suit(self, *, is_live: bool) -> None:
        """Bound the work for each frame, however far apart frames are, or go by time alone."""
        self._is_live = self._schedule.is_live = is_live

    def tried(self) -> str:
        """How people were looked for, in words that follow "looked with"."""
        if self._size is not None:
            return f"inputs of {self._size} px"
        sizes = f"inputs of {views.NEAR}, {views.CLOSE} and {views.WIDE} px"
        return f"{sizes} and in tiles of the full picture" if self._tiles_seen else sizes

    # -- a look -----------------------------------------------------------------------------------

    def _sizes(self, frame: Frame, sizes: Sequence[int]) -> list[View]:
        sizes = sizes if self._size is None else (self._size,)
        return [views.whole(frame.width, frame.height, size) for size in sizes]

    def _everything(self, frame: Frame) -> list[View]:
        every = self._sizes(frame, (views.NEAR, *views.USUAL))
        return every if self._size else [*every, *views.all_tiles(frame.width, frame.height)]

    def _views(self, frame: Frame, *, is_wide: bool) -> list[View]:
        """What the people of the last look need, and everything, or one more view, beside it."""
        if is_wide and not (self._is_live and self._schedule.looks):
            return self._everything(frame)
        if is_wide:
            needed = self._views(frame, is_wide=False)
            more = [view for view in self._everything(frame) if view not in needed]
            return needed + [more[i % len(more)] for i in (self._turn,) if more]
        if self._size is not None or self._picture != (frame.width, frame.height):
            return self._sizes(frame, views.USUAL)
        tall = (self._people[:, 3] - self._people[:, 1]) * views.WIDE / max(self._picture)
        if len(tall) and tall.min() > views.LARGE_PX:
            return self._sizes(frame, views.LARGE)
        tiles = views.tiles_round(self._people, *self._picture)
        return self._sizes(frame, views.USUAL) + tiles

    def _begin(self, frame: Frame, what: Sequence[View]) -> _Running:
        pool = models.pool()
        return [
            (
                view,
                pool.submit(
                    candidates,
                    frame.rgb[view.y0 : view.y1, view.x0 : view.x1],
                    view.long_side,
                    self._weak_score,
                    self._threads,
                ),
            )
            for view in what
        ]

    def _joined(self, frame: Frame, running: _Running) -> Detections:
        return self._people_of(frame, _seen(running))

    def _people_of(self, frame: Frame, seen: Sequence[Seen]) -> Detections:
        boxes, score = join(seen, frame.width, frame.height, self._nms_iou)
        boxes, score = boxes[score >= self._weak_score], score[score >= self._weak_score]
        return Detections(xyxy_px=boxes, score=score, class_id=np.zeros(len(boxes), np.int64))

    # -- the schedule -----------------------------------------------------------------------------

    def _begin_next(self, frames: Sequence[Frame], start: int) -> _Look | None:
        """Begin the next look that is due from a frame on. Changes nothing."""
        schedule = dataclasses.replace(self._schedule)
        for i in range(start, len(frames)):
            frame = frames[i]
            if frame.is_shot_start:
                schedule = self._new_schedule()
            if schedule.is_due(frame):
                is_wide = schedule.is_wide_due(frame)
                what = self._views(frame, is_wide=is_wide)
                first, rest = what, []
                if self._enough and not is_wide and not schedule.is_full_due(frame):
                    first = self._sizes(frame, (self._enough,))
                    rest = [view for view in what if view not in first]
                return _Look(i, is_wide, self._begin(frame, first), rest)
            schedule.rested()
        return None

    def _rest(self, frame: Frame) -> Detections:
        """Let a frame pass."""
        self._schedule.rested()
        return dataclasses.replace(Detections.empty(), looked=False)

    def _finish(self, frame: Frame, look: _Look) -> Detections:
        """What a look has shown; the schedule goes on from there."""
        seen, rest = _seen(look.running), look.rest
        found = self._people_of(frame, seen)
        if rest and self._is_doubtful(found, seen[0].view.scale):
            seen, rest = seen + _seen(self._begin(frame, rest)), []
            found = self._people_of(frame, seen)
        if frame.is_shot_start:
            self.reset()
        strong = self._strong(found)
        self._schedule.looked(frame, len(strong), is_full=not rest, is_wide=look.is_wide)
        self._people, self._picture = strong, (frame.width, frame.height)
        if not rest:
            self._enough, self._weak = self._smallest(seen, strong), self._weak_of(found)
        self._turn += look.is_wide
        self._tiles_seen |= any(one.view.is_tile for one in seen)
        return found

    def _is_doubtful(self, found: Detections, scale: float) -> bool:
        """Whether fewer people show than in the look before, or somebody may have come.

        Then a strong box is where nobody was, and no other input has been asked about it yet; or a
        weak box that is not tiny in the input, which has so many pixels for one of the picture, is
        neither part of somebody nor known from the last full look.
        """
        strong, weak = self._strong(found), self._weak_of(found)
        if len(strong) < self._schedule.strong:
            return True
        if (iou(strong, self._people) < _APART).all(axis=1).any():
            return True
        size = (weak[:, 2:] - weak[:, :2]).max(axis=1, initial=0) * scale
        apart = (iou(weak, strong) < _APART).all(axis=1)
        new = (iou(weak, self._weak) < SAME_IOU).all(axis=1)
        return bool((apart & new & (size >= VAGUE_PX)).any())

    def _strong(self, found: Detections) -> FloatArray:
        """(N,4) boxes that may start a track."""
        return found.xyxy_px[found.score >= self._score]

    def _weak_of(self, found: Detections) -> FloatArray:
        """(N,4) the other boxes."""
        return found.xyxy_px[found.score < self._score]

    def _smallest(self, seen: Sequence[Seen], people: FloatArray) -> int | None:
        """Longer side of the smallest input that shows everybody by itself; None: none does.

        That of an earlier look stays if this one was not looked at and is smaller.
        """
        if not len(people) or self._size is not None:
            return None
        whole = {one.view.long_side: one for one in seen if not one.view.is_tile}
        if self._enough is not None and self._enough < min(whole):
            return self._enough
        for size in sorted(whole):
            boxes = whole[size].boxes[whole[size].score >= self._score]
            if np.all((iou(people, boxes) > SAME_IOU).any(axis=1)):
                return size
        return None


@dataclass(frozen=True, slots=True)
class _Look:
    """A look that has begun."""

    index: int
    """Of its frame in the chunk."""

    is_wide: bool
    running: _Running
    rest: list[View]
    """What is looked at too, if those show fewer people than the look before."""


class Ahead(Sequence[Detections]):
    """The detections of a chunk of frames; see :meth:`NanoDet.ahead`."""

    def __init__(self, detector: NanoDet, frames: Sequence[Frame]) -> None:
        self._detector, self._frames = detector, frames
        self._done: list[Detections] = []
        self._look = detector._begin_next(frames, 0)

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> Detections: ...

    @overload
    def __getitem__(self, index: slice) -> list[Detections]: ...

    def __getitem__(self, index: int | slice) -> Detections | list[Detections]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        while len(self._done) <= index:
            self._take()
        return self._done[index]

    def _take(self) -> None:
        at, detector = len(self._done), self._detector
        frame, look = self._frames[at], self._look
        if look is None or look.index > at:
            self._done.append(detector._rest(frame))
            return
        found = detector._finish(frame, look)
        self._done.append(found)
        self._look = detector._begin_next(self._frames, at + 1)


def _seen(running: _Running) -> list[Seen]:
    """What came of views that have begun."""
    out = []
    for view, future in running:
        boxes, score = future.result()
        out.append(Seen(view, boxes + np.array([view.x0, view.y0] * 2, np.float32), score))
    return out


def _checked_size(size: int | str) -> int:
    if not str(size).isdecimal() or int(size) == 0 or int(size) % 32:
        raise ConfigError(
            "The detector's input size must be 'auto' or a multiple of 32, such as 640 or 416",
            where=size,
        )
    return int(size)


def _checked_every(every: int | str) -> int:
    if not str(every).isdecimal() or not 1 <= int(every) <= MOST_EVERY:
        raise ConfigError(
            f"The detector looks at every N-th frame: 'auto', or 1 to {MOST_EVERY}", where=every
        )
    return int(every)
