"""From followed points to the camera's path through all shots."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import chain, groupby

import numpy as np

from humantrack.geometry.rotations import Array
from humantrack.world.camera.evidence import FrameTracks
from humantrack.world.camera.judge import Judge, Verdict
from humantrack.world.camera.shots import ShotPath, solve_shot
from humantrack.world.camera.told import Told
from humantrack.world.types import CameraPath

SOLVED_KINDS = ("auto", "still", "turning", "free")


def solve(
    evidence: Iterable[FrameTracks],
    *,
    focal_px: float,
    kind: str = "auto",
    focal_is_guess: bool = False,
) -> CameraPath:
    """The camera's path through all shots.

    It goes through the evidence twice: to see what kind of motion each shot shows, and to solve.
    What cannot be found with the kind that was asked for, or decided on, is solved with the next
    simpler one (free, turning, still), and ``notes`` say so.

    Args:
        evidence: an ``EvidenceFile``, or frames in order that can be gone through twice.
        focal_px: focal length in pixels of the frame, at each shot's start.
        kind: one of ``SOLVED_KINDS``.
        focal_is_guess: use the focal length that a turning shot gives away, where one does.

    Raises:
        ValueError: if ``kind`` is none of these, or the focal length is not above 0.
        ResultsError: if the evidence cannot be read.
    """
    if kind not in SOLVED_KINDS:
        raise ValueError(f"kind must be one of {', '.join(SOLVED_KINDS)}, not {kind!r}")
    if not (np.isfinite(focal_px) and focal_px > 0):
        raise ValueError(f"focal_px must be above 0, not {focal_px}")
    verdicts = [_verdict(frames, focal_px) for frames in _shots(evidence)]
    told = Told(len(verdicts) > 1)
    if focal_is_guess:
        focal_px = told.better_focal(verdicts, focal_px)
    whole = _Columns()
    kinds = []
    for frames, verdict in zip(_shots(evidence), verdicts, strict=True):
        wanted = verdict.kinds if kind == "auto" else (kind,)
        if kind == "free" and "turning" in verdict.kinds:
            wanted = ("free", "turning")  # unless it travels after all
        path = solve_shot(whole.passing(frames), wanted, focal_px, zooms=verdict.zooms)
        whole.take(path, None if verdict.zooms and path.kind == "turning" else focal_px)
        told.shot(path, verdict, kind, wanted, focal_px)
        kinds.append(path.kind)
    return whole.path(tuple(kinds), told)


def _shots(evidence: Iterable[FrameTracks]) -> Iterator[Iterator[FrameTracks]]:
    number = 0

    def shot(frame: FrameTracks) -> int:
        nonlocal number
        number += frame.is_shot_start
        return number

    for _, frames in groupby(evidence, shot):
        yield frames


def _verdict(frames: Iterator[FrameTracks], focal_px: float) -> Verdict:
    first = next(frames)
    judge = Judge(focal_px / first.scale)
    for frame in chain([first], frames):
        judge.add(frame)
    return judge.verdict()


class _Columns:
    """The columns of the path, shot by shot."""

    def __init__(self) -> None:
        self._index, self._shot = array("q"), array("q")
        self._centre = array("d")
        self._rotation: list[Array] = [np.zeros((0, 3, 3))]
        self._position: list[Array] = [np.zeros((0, 3))]
        self._focal: list[Array] = [np.zeros(0)]
        self._confidence = array("d")
        self._shots = -1

    def passing(self, frames: Iterator[FrameTracks]) -> Iterator[FrameTracks]:
        """The frames of the next shot, noted as they pass."""
        self._shots += 1
        for frame in frames:
            self._index.append(frame.index)
            self._shot.append(self._shots)
            self._centre.extend((frame.width / 2, frame.height / 2))
            yield frame

    def take(self, path: ShotPath, focal_px: float | None) -> None:
        """The shot that has passed; its focal length where it does not change."""
        focal = np.exp(np.array(path.log_focal))
        if focal_px is not None:
            focal[:] = focal_px
        self._rotation += path.rotation
        self._position += path.position
        self._focal.append(focal)
        self._confidence.extend(path.confidence)

    def path(self, kinds: tuple[str, ...], told: Told) -> CameraPath:
        """All of it."""
        return CameraPath(
            index=np.array(self._index, np.int64),
            shot=np.array(self._shot, np.int64),
            rotation=np.concatenate(self._rotation),
            position=np.concatenate(self._position),
            focal_px=np.concatenate(self._focal),
            centre_px=np.array(self._centre, np.float64).reshape(-1, 2),
            kinds=kinds,
            is_metric=False,
            has_up=False,
            confidence=np.clip(np.array(self._confidence, np.float64), 0, 1),
            notes=tuple(told.notes),
            evidence={"shots": told.shots},
        )
