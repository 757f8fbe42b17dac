"""The world pass: two walks through finished results, a world frame for each of their frames."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from humantrack.body.kinematics import forward_kinematics
from humantrack.clips.frames import Batch
from humantrack.clips.source import ResultsSource
from humantrack.geometry.rotations import unit
from humantrack.motion.motion import cached_smpl
from humantrack.types.arrays import FloatArray, IntArray
from humantrack.world.axes import Axes, world_axes
from humantrack.world.bodies import TrackBody
from humantrack.world.camera.evidence import FrameTracks
from humantrack.world.edges import edges_of
from humantrack.world.evidence import FootRows, Looks, ShotEvidence, looks, path_rows
from humantrack.world.file import Mark, marks_of
from humantrack.world.ground import Ground, Known, find_ground, ground_with_edges
from humantrack.world.lens import Lens, choose_lens
from humantrack.world.options import WorldOptions
from humantrack.world.refine import Refined, refine
from humantrack.world.right_angles import Room
from humantrack.world.scenery import background_points, find_floor
from humantrack.world.stance import chosen
from humantrack.world.stretch import Stretch
from humantrack.world.survey import Survey, rest_span
from humantrack.world.types import CameraPath, WorldFrame, WorldPerson
from humantrack.world.windows import CORE_S, Moving, Window, Windows, before_lens

SolveCamera = Callable[[float, IntArray, IntArray, float], CameraPath]
"""Gives the camera's path for a focal length (pixels of the frame), the frames' numbers, the cuts
before each, and the time of the first."""

Advance = Callable[[str, int], None]
"""Told what is being done, and how many frames more are done with."""


_LENS_SHOTS = 4
_LOOKED_AT = 2000
"""Frames of a shot that say how level its camera is held."""


@dataclass
class Tally:
    """Counts what refinement did."""

    person_frames: int = 0
    flipped: int = 0
    bridged: int = 0
    filled: int = 0
    standing: int = 0


@dataclass
class WorldBuilder:
    """Makes the world of a results file.

    Call :meth:`survey`, then walk :meth:`frames`, then ask for :meth:`facts`.

    Args:
        source: the results.
        solve_camera: gives the camera's path.
        options: what the user says.
        evidence: of the background, to be gone through more than once; None: there is none.
        lens_px: focal length that the video's file names, pixels of the frame; None: none.
        advance: told how far it is.
        core_s: seconds of a window; infinite takes shots whole.
    """

    source: ResultsSource
    solve_camera: SolveCamera
    options: WorldOptions
    evidence: Iterable[FrameTracks] | None = None
    lens_px: float | None = None
    advance: Advance | None = None
    core_s: float = CORE_S

    path: CameraPath = field(init=False)
    lens: Lens = field(init=False)
    bodies: dict[int, TrackBody] = field(init=False)
    grounds: list[Ground] = field(init=False)
    axes: list[Axes] = field(init=False)
    tally: Tally = field(init=False, default_factory=Tally)
    frame_count: int = field(init=False, default=0)
    _marks: deque[Mark] = field(init=False, default_factory=deque)
    _stood: dict[tuple[int, bool], FootRows | None] = field(init=False, default_factory=dict)
    """What :meth:`_standing` told with this path, by shot and whether sizes were given."""

    def survey(self) -> None:
        """The first walk: bodies, lens, camera, gravity, floor and scale.

        Raises:
            ResultsError: if the results are malformed.
        """
        survey = Survey(cached_smpl)
        numbers, shots = array("q"), array("q")
        first_s = 0.0
        for batch in self.source.batches(self._told("looking at people")):
            survey.add(batch)
            if not numbers:
                first_s = batch.frames[0].time_s
            for frame in batch.frames:
                cut = frame.is_shot_start and bool(numbers)
                shots.append((shots[-1] if shots else 0) + cut)
                numbers.append(frame.index)
        self.frame_count = len(numbers)
        bodies = survey.bodies()
        size = self._size(survey.size)
        index = np.array(numbers, np.int64)
        spans = {track_id: rest_span(body) for track_id, body in bodies.items()}
        cuts = np.array(shots, np.int64)
        self.lens, path = choose_lens(
            self.options,
            size,
            self.lens_px,
            lambda px: self.solve_camera(px, index, cuts, first_s),
            lambda path: self._still_people(survey, spans, path),
            lambda path: self._still_rooms(survey, spans, path),
        )
        self._take(path)
        given = {
            track_id: height / body.height_m
            for track_id, body in bodies.items()
            if (height := self.options.height_m(track_id)) is not None
        }
        self.grounds, self.axes = [], []
        planes = self._planes(survey, spans, given)
        edges = {} if self.evidence is None else edges_of(self.evidence, self.path)
        for number, shot in enumerate(survey.shots):
            known = self._known(number, given)
            rows = self._standing(number, shot, spans, known)
            at = None if rows is None else looks(rows, self.path, spans)
            known = replace(known, plane=planes.get(number))
            ground = ground_with_edges(
                at,
                known,
                edges.get(number),
                lens_error=self.lens.error,
                through=None if rows is None else partial(self._through, rows, spans),
            )
            self.grounds.append(ground)
            first = self._first_row(number)
            self.axes.append(
                world_axes(ground, self.path.rotation[first], self.path.position[first])
            )
        self.bodies = _sized(bodies, self.grounds)

    def frames(self) -> Iterator[WorldFrame]:
        """The second walk: every frame of the results, in their order.

        Raises:
            ResultsError: if the results are malformed.
        """
        windows = Windows(self._refined, core_s=self.core_s)
        for window in windows.of(self._marked(self.source.batches(self._told("refining")))):
            yield from self._of_window(window)

    def marks(self) -> Iterator[Mark]:
        """The marks of :meth:`frames`, in step with them."""
        while self._marks:
            yield self._marks.popleft()

    def _marked(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self._marks.extend(marks_of((frame.key, frame.raw) for frame in batch.frames))
            yield batch

    def _still_people(
        self, survey: Survey, spans: dict[int, float], path: CameraPath
    ) -> list[tuple[FootRows, dict[int, float], Known]]:
        """What people tell of the lens, in the longest shots whose camera stands still."""
        self._take(path)
        out = []
        for number, shot in self._longest(survey):
            known = self._known(number, {})
            rows = self._standing(number, shot, spans, known)
            if rows is not None:
                out.append((rows, spans, known))
        return out

    def _still_rooms(self, survey: Survey, spans: dict[int, float], path: CameraPath) -> list[Room]:
        """What edges show of the lens, in the same shots."""
        self._take(path)
        longest = self._longest(survey)
        if self.evidence is None or not longest:
            return []
        edges, rooms = edges_of(self.evidence, path), []
        for number, shot in longest:
            known = self._known(number, {})
            rows = self._standing(number, shot, spans, known)
            if number in edges and rows is not None:
                people = partial(self._up_through, rows, spans, known)
                rooms.append(Room(edges=edges[number], ahead=known.ahead, people=people))
        return rooms

    def _longest(self, survey: Survey) -> list[tuple[int, ShotEvidence]]:
        """Number and people of the longest shots whose camera stands still."""
        kinds = self.path.kinds
        still = [
            (number, shot)
            for number, shot in enumerate(survey.shots)
            if number < len(kinds) and kinds[number] == "still" and shot.count
        ]
        return sorted(still, key=lambda one: -one[1].count)[:_LENS_SHOTS]

    def _planes(
        self, survey: Survey, spans: dict[int, float], given: dict[int, float]
    ) -> dict[int, tuple[FloatArray, float]]:
        """By shot, the floor that the background shows."""
        out: dict[int, tuple[FloatArray, float]] = {}
        if self.evidence is None or self.path.is_metric or "free" not in self.path.kinds:
            return out
        for number, points, cameras in background_points(self.evidence, self.path):
            known = self._known(number, given)
            shots = survey.shots
            if number >= len(shots):
                continue
            rows = self._standing(number, shots[number], spans, known)
            if rows is None:
                continue
            rough = find_ground(looks(rows, self.path, spans), known)
            plane = find_floor(points, cameras, rough.up)
            if plane is not None:
                out[number] = plane.normal, plane.height
        return out

    def _told(self, what: str) -> Callable[[int], None] | None:
        advance = self.advance
        return None if advance is None else lambda count: advance(what, count)

    def _size(self, seen: tuple[int, int]) -> tuple[int, int]:
        """(H, W) of the frames."""
        facts = self.source.facts
        if seen[0] > 0:
            return seen
        return facts.height or 1080, facts.width or 1920

    def _first_row(self, shot: int) -> int:
        return int(np.searchsorted(self.path.shot, shot)) if len(self.path.shot) else 0

    def _known(self, shot: int, sizes: dict[int, float]) -> Known:
        path = self.path
        mine = path.shot == shot
        rotation = path.rotation[np.flatnonzero(mine)[:: max(1, int(mine.sum()) // _LOOKED_AT)]]
        position = path.position[mine]
        kind = path.kinds[shot] if shot < len(path.kinds) else "still"
        moves = len(position) > 0 and bool(np.abs(position - position[0]).max() > 1e-9)
        exact = path.has_up
        up = np.array([0.0, 1.0, 0.0])
        if not exact and len(rotation):
            up = -np.median(rotation[:, 1], axis=0)
        ahead = rotation[:, 2].mean(axis=0) if len(rotation) else np.array([0.0, 0.0, 1.0])
        is_known = path.is_metric or kind in ("still", "turning") or not moves
        return Known(
            up=up,
            ahead=unit(ahead),
            is_up_exact=exact,
            first_camera=position[0] if len(position) else np.zeros(3),
            unit_m=1.0 if is_known else None,
            camera_height_m=self.options.camera_height_m,
            sizes=sizes,
        )

    def _take(self, path: CameraPath) -> None:
        """Go on with this path of the camera."""
        if path is not getattr(self, "path", None):
            self.path = path
            self._stood.clear()

    def _standing(
        self, number: int, shot: ShotEvidence, spans: dict[int, float], known: Known
    ) -> FootRows | None:
        """A shot's people, with the feet they stand on; None if there is nobody."""
        key = number, bool(known.sizes)
        if key not in self._stood:
            stances = shot.rows()
            chose = None if stances is None else chosen(stances, self.path, spans, known)
            self._stood[key] = chose
        return self._stood[key]

    def _through(self, rows: FootRows, spans: dict[int, float], factor: float) -> Looks:
        """A shot's people through a lens so many times as long."""
        return looks(rows, self.path, spans, lens=factor)

    def _up_through(
        self, rows: FootRows, spans: dict[int, float], known: Known, factor: float
    ) -> tuple[FloatArray, float]:
        """Up and its error, as people tell them through a lens so many times as long."""
        ground = find_ground(self._through(rows, spans, factor), known)
        return ground.up, ground.up_error_deg

    def _refined(self, shot: int, stretch: Stretch) -> Refined:
        body = self.bodies[stretch.track_id]
        rows = path_rows(self.path, stretch.frame)
        view = self.axes[shot].view(self.path, rows)
        refined = refine(
            before_lens(stretch, view), view, body, has_floor=self.grounds[shot].has_floor
        )
        trust = self.path.confidence[rows]
        return _less_sure(refined, trust)

    def _of_window(self, window: Window) -> Iterator[WorldFrame]:
        rows = path_rows(self.path, window.frame)
        view = self.axes[window.shot].view(self.path, rows)
        people: list[list[WorldPerson]] = [[] for _ in window.frame]
        for moving in window.people:
            self._count(moving)
            for at, person in zip(
                np.searchsorted(window.frame, moving.frame),
                _persons(moving, self.bodies[moving.track_id]),
                strict=True,
            ):
                people[int(at)].append(person)
        for i, frame in enumerate(window.frame.tolist()):
            yield WorldFrame(
                index=frame,
                time_s=float(window.time_s[i]),
                shot=window.shot,
                camera_rotation=view.rotation[i],
                camera_position=view.position[i],
                focal_px=float(view.focal_px[i]),
                centre_px=view.centre_px[i],
                people=tuple(people[i]),
            )

    def _count(self, moving: Moving) -> None:
        tally, refined = self.tally, moving.refined
        tally.person_frames += len(moving.frame)
        tally.flipped += int(refined.flipped.sum())
        tally.filled += int((~moving.observed).sum())
        tally.bridged += int((refined.bridged & moving.observed).sum())
        tally.standing += int(refined.contacts.any(axis=1).sum())


def _persons(moving: Moving, body: TrackBody) -> Iterator[WorldPerson]:
    refined = moving.refined
    local, pelvis = refined.path.local, refined.path.pelvis
    turned, joints = forward_kinematics(local, body.rest)
    every = body.joints45(turned, joints + pelvis[:, None])
    betas = body.betas.astype(np.float32)
    for i in range(len(pelvis)):
        yield WorldPerson(
            track_id=moving.track_id,
            is_observed=bool(moving.observed[i]),
            root_position=pelvis[i],
            root_rotation=local[i, 0],
            body_pose=local[i, 1:],
            betas=betas,
            joints=every[i],
            contacts=refined.contacts[i],
            scale=float(body.scale),
            confidence=float(refined.confidence[i]),
        )


def _less_sure(refined: Refined, trust: FloatArray) -> Refined:
    return replace(refined, confidence=refined.confidence * np.clip(trust, 0, 1))


def _sized(bodies: dict[int, TrackBody], grounds: list[Ground]) -> dict[int, TrackBody]:
    """The bodies in their real sizes: the mean over the shots in which the floor told them."""
    found: dict[int, list[float]] = {}
    for ground in grounds:
        for track_id, size in ground.sizes.items():
            found.setdefault(track_id, []).append(np.log(size))
    return {
        track_id: body.scaled(float(np.exp(np.mean(found.get(track_id, [0.0])))))
        for track_id, body in bodies.items()
    }
