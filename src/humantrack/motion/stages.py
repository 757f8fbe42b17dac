"""What is done to a motion over time, a stretch at a time: rows, gaps, rates, filters."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from humantrack.errors import ResultsError
from humantrack.geometry.rotations import matrix_to_quaternion, slerp
from humantrack.motion import spool
from humantrack.motion.smoothing import smooth_parts
from humantrack.motion.spool import Spool, Spooled, chunks, taken
from humantrack.types import JointSource
from humantrack.types.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from humantrack.motion.motion import Motion

EVEN = 0.1
"""Frames are evenly spaced if none is further from its place than this part of a frame: containers
that count in milliseconds round."""

SAME = 1e-6
"""Times closer than this part of a frame are one."""

MOST_FRAMES = 10**7
"""Of one motion: four days at 30 frames per second. More means that times or rate are wrong."""

_CLOCK = ("frame", "time_s", "shot", "observed")
"""Of every frame, always in memory."""

_WORLD = ("contacts", "confidence")
"""Of every frame in the world, in memory too."""

_CONTENT = ("quaternions", "pelvis", "joints", "joint_source", "joint_confidence")
"""Of every frame, in a spool if there is much of it."""


def rows_of(motion: Motion, index: IntArray | slice) -> Motion:
    """The frames picked by an index array or a slice; what is spooled stays unread."""
    of_world = [name for name in _WORLD if getattr(motion, name) is not None]
    names = (*_CLOCK, *_CONTENT, *of_world)
    picked = {name: taken(getattr(motion, name), index) for name in names}
    return replace(motion, **picked)


def in_memory(motion: Motion) -> Motion:
    """The motion with all of its arrays read."""
    read: dict[str, Any] = {name: np.asarray(getattr(motion, name)) for name in _CONTENT}
    return replace(motion, **read)


def parts_of(motion: Motion, rows: slice = slice(None)) -> Iterator[Motion]:
    """Stretches of these rows, one after the other, each short enough for memory."""
    start, stop, _ = rows.indices(len(motion))
    for some in chunks(start, stop):
        yield in_memory(rows_of(motion, some))


def joined(like: Motion, parts: Iterable[Motion]) -> Motion:
    """``like`` with the content of stretches one after the other, spooled if there is much."""
    kept: list[Motion] = []
    count, store, numbers = 0, None, []
    for part in parts:
        count += len(part)
        kept.append(part)
        if count <= spool.CHUNK:
            continue
        if store is None:
            store = Spool([(name, *_type_of(getattr(part, name))) for name in _CONTENT])
        numbers += [store.append(**{n: getattr(p, n) for n in _CONTENT}) for p in kept]
        kept.clear()
    if store is None:
        of_all: dict[str, Any] = {
            n: np.concatenate([getattr(p, n) for p in kept]) for n in _CONTENT
        }
        return replace(like, **of_all)
    every = np.concatenate(numbers)
    return replace(like, **{n: cast("Any", Spooled(store, n, every)) for n in _CONTENT})


def _type_of(array: FloatArray) -> tuple[np.dtype[Any], tuple[int, ...]]:
    return array.dtype, array.shape[1:]


def marked(motion: Motion) -> Motion:
    """The motion with what was filled in marked as not of its frame."""
    gap = ~motion.observed[:, None]
    source, known = motion.joint_source, motion.joint_source >= 0
    return replace(
        motion,
        joint_source=np.where(gap & known, np.maximum(source, JointSource.HELD), source),
        joint_confidence=np.where(gap, np.float32(np.nan), motion.joint_confidence),
    )


def between(
    target: Motion,
    source: Motion,
    before: IntArray,
    after: IntArray,
    *,
    hold: bool = False,
    then: Callable[[Motion], Motion] = lambda part: part,
) -> Motion:
    """``target``'s frames with the pose between those of ``source`` around them.

    Rotations take the shortest way (slerp), points the straight one; with ``hold`` they wait.
    Across a cut there is no way: a frame takes the pose of the side it is on.

    Args:
        target: says when its frames are; their content is not looked at.
        source: the motion.
        before: (T,) rows of the source at, or before, the target's frames.
        after: (T,) rows behind them.
        hold: see above.
        then: done to each stretch.
    """

    def parts() -> Iterator[Motion]:
        for some in chunks(0, len(target)):
            around = np.concatenate([before[some], after[some]])
            needed, place = np.unique(around, return_inverse=True)
            known, (start, end) = in_memory(rows_of(source, needed)), np.split(place, 2)
            yield then(_between(rows_of(target, some), known, start, end, hold=hold))

    return joined(target, parts())


def _between(
    target: Motion, source: Motion, before: IntArray, after: IntArray, *, hold: bool
) -> Motion:
    """As ``between``, in memory."""
    start, end = source.time_s[before], source.time_s[after]
    span = np.where(end > start, end - start, 1.0)
    share = np.clip((target.time_s - start) / span, 0.0, 0.0 if hold else 1.0)
    cut = source.shot[before] != source.shot[after]
    share = np.where(cut, target.shot >= source.shot[after], share)
    matrices = source.matrices
    turned = slerp(matrices[before], matrices[after], np.repeat(share[:, None], 24, axis=1))

    def line(points: FloatArray) -> FloatArray:
        part = share.reshape(-1, *([1] * (points.ndim - 1)))
        return np.asarray(points[before] * (1 - part) + points[after] * part)

    def worse(values: FloatArray | IntArray, of_two: Callable[..., Any]) -> Any:
        start, end = values[before], values[after]
        part = share[:, None]
        return np.where(part <= SAME, start, np.where(part >= 1 - SAME, end, of_two(start, end)))

    return replace(
        target,
        quaternions=matrix_to_quaternion(turned),
        pelvis=line(source.pelvis),
        joints=line(source.joints),
        joint_source=worse(source.joint_source, _worse_source),
        joint_confidence=worse(source.joint_confidence, np.minimum),
    )


def _worse_source(one: IntArray, other: IntArray) -> IntArray:
    """The worse of two sources; nothing is known if nothing is known of one."""
    return np.where(np.minimum(one, other) < 0, np.int8(-1), np.maximum(one, other))


def resample(motion: Motion, fps: float, start_s: float | None = None) -> Motion:
    """The motion at even frames of another rate, from its first frame or another time on.

    Raises:
        ResultsError: if it would have more frames than any clip, or time runs backwards.
    """
    start_s = float(motion.time_s[0]) if start_s is None else start_s
    length = (float(motion.time_s[-1]) - start_s) * fps
    if not -EVEN < length < MOST_FRAMES:
        raise ResultsError(
            f"track {motion.track_id} would have {length:.3g} frames at {fps:g} per second",
            hint="check --fps, and the times in the results",
        )
    time_s = start_s + np.arange(int(np.floor(length + EVEN)) + 1) / fps
    before = np.searchsorted(motion.time_s, time_s + SAME / fps, side="right") - 1
    before = np.maximum(before, 0)
    after = np.minimum(before + 1, len(motion) - 1)
    target = replace(rows_of(motion, before), time_s=time_s, fps=fps)
    return between(target, motion, before, after)


def smoothed(motion: Motion, kind: str) -> Motion:
    """Every shot of the motion through a filter of its own."""
    cuts = np.flatnonzero(np.diff(motion.shot)) + 1

    def parts() -> Iterator[Motion]:
        for a, b in itertools.pairwise([0, *cuts.tolist(), len(motion)]):
            shot = rows_of(motion, slice(a, b))

            def read(start: int, stop: int, shot: Motion = shot) -> tuple[FloatArray, ...]:
                part = in_memory(rows_of(shot, slice(start, stop)))
                return part.quaternions, part.pelvis, part.joints

            filtered = smooth_parts(kind, shot.time_s, read, spool.CHUNK)
            for some, turns_and_points in zip(chunks(0, len(shot)), filtered, strict=True):
                names = ("quaternions", "pelvis", "joints")
                part = in_memory(rows_of(shot, some))
                columns: dict[str, Any] = dict(zip(names, turns_and_points, strict=True))
                yield replace(part, **columns)

    return joined(motion, parts())


def continuous(quaternions: FloatArray, before: FloatArray | None = None) -> FloatArray:
    """(T,24,4) the same rotations with signs such that neighbours in time are near each other.

    ``before`` (24,4) are those of the frame that they go on from, if there is one.
    """
    whole = quaternions if before is None else np.concatenate([before[None], quaternions])
    flips = (whole[1:] * whole[:-1]).sum(axis=-1) < 0
    signs = np.where(np.cumsum(flips, axis=0) % 2, -1.0, 1.0)
    out = whole.copy()
    out[1:] *= signs[..., None]
    return out[len(whole) - len(quaternions) :]
