"""Results -> what the page draws: the tracks of a clip, and its people in chunks of frames.

One walk through the results leaves three files in a folder: the frames as JSON, one after the
other; where each begins; and the time line. After that any chunk is one seek and one read, however
long the clip is. Frames are counted by *row*, from 0: their place in the results. Axes are those of
``export.motion``: metres, x right, y up, z towards the viewer, the origin at the camera.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson

from humantrack.atomic import atomic_write
from humantrack.body.mannequin import load_mannequin
from humantrack.body.smpl_file import SmplArrays
from humantrack.clips.frames import Batch
from humantrack.clips.source import ResultsSource
from humantrack.clips.spans import TrackSpans
from humantrack.errors import ResultsError
from humantrack.export.formats.glb import write_rest_body
from humantrack.geometry.rotations import matrix_to_quaternion, quaternion_to_matrix
from humantrack.motion.camera import through_lens, usual_focal_px
from humantrack.motion.motion import FARTHEST, Y_UP, cached_smpl
from humantrack.motion.skeleton import PELVIS_ROW, Skeleton, skeleton_of
from humantrack.render.palette import identity_colour
from humantrack.results import PeopleColumns, world_path
from humantrack.service.workers.scene_world import WorldScene, plain
from humantrack.types import SOURCE_NAMES, person_confidence, pose_source
from humantrack.types.arrays import BoolArray, FloatArray, IntArray

MOST_FRAMES = 300
"""Of one chunk."""

MARK_EVERY = 120
"""Rows between two marks, the times by which a page finds the row of a moment."""

_SAMPLES = 60
"""Frames of a track from which its skeleton is found; at most twice as many are kept."""

_PARTS = {
    "head": (0, 15, 16, 17, 18),
    "left arm": (5, 6, 7),
    "right arm": (2, 3, 4),
    "left leg": (13, 14),
    "right leg": (10, 11),
}
"""Rows of the 45 joints, of which the first 25 are OpenPose's: shoulders to wrists, knees and
ankles; of the head eyes and ears too."""

_BETWEEN = b",\n"
_TIMELINE, _FRAMES, _OFFSETS = "timeline.json", "frames.json", "frames.offsets"
FILES = (_FRAMES, _OFFSETS, _TIMELINE)
"""What is prepared, in the order in which it is written: when the last is there, all are."""

Progress = Callable[[ResultsSource], Callable[[int], None]]


def timeline(results: Path, folder: Path) -> bytes:
    """The clip and its tracks.

    Args:
        results: of humantrack or PHALP.
        folder: where the prepared files are, or are put; anything in it can be made again.

    Returns:
        JSON: ``fps``, ``frames``, ``duration_s``, ``width``, ``height``, ``focal_px``,
        ``mark_every``, ``marks_s`` (times of every so many rows) and ``tracks``, each with
        ``track_id``, ``color``, ``first`` and ``last`` row, ``seen`` (frames), ``mean_score``,
        ``gaps`` (first and last row of each), ``rest`` (24 joints of the T pose in the body's own
        axes, the pelvis at 0) and ``kind`` (of skeleton). Where the results have a world also
        ``world``, see ``scene_world``.

    Raises:
        ResultsError: if the results cannot be read.
        OutputError: if the folder cannot be written.
    """
    return prepare(results, folder)


def frames(results: Path, folder: Path, start: int, count: int) -> bytes:
    """The people of some frames; arguments and errors as for :func:`timeline`.

    Args:
        results: as above.
        folder: as above.
        start: first row; from the end on there are no frames.
        count: how many at most, and never more than ``MOST_FRAMES``.

    Returns:
        JSON: ``start`` and ``frames``, each with ``index`` (the frame's number in the run),
        ``time_s`` and ``people``: ``track_id``, ``state`` ('observed', or 'predicted' where the
        pose is an older one), ``score``, ``bbox`` (x, y, width, height in pixels), ``pelvis`` (3
        metres) and ``rotations`` (24 quaternions, w first: the root's in the axes above, the
        others' from their parents). Where the results say how far joints are to be trusted also
        ``confidence`` (of the person), ``pose`` (where it comes from: 'seen', 'hidden', 'held' or
        'made_up') and ``parts``: ``name``, ``confidence`` and worst ``source`` of head and limbs.
        Where there is a world also ``world``, see ``scene_world``.
    """
    prepare(results, folder)
    with (folder / _OFFSETS).open("rb") as file:
        file.seek(8 * start)
        offsets = np.frombuffer(file.read(8 * (min(count, MOST_FRAMES) + 1)), np.int64).tolist()
    body = b""
    if len(offsets) > 1:
        with (folder / _FRAMES).open("rb") as file:
            file.seek(offsets[0])
            body = file.read(offsets[-1] - offsets[0]).removesuffix(_BETWEEN)
    return b'{"start":%d,"frames":[%b]}' % (start, body)


@cache
def body_glb() -> bytes:
    """The shipped body as binary glTF: skinned to SMPL's 24 joints, in the T pose."""
    rest = load_mannequin().rest_joints()
    file = io.BytesIO()
    write_rest_body(file, Skeleton(kind="embedded", rest=rest - rest[0], error_m=0.0))
    return file.getvalue()


# -- preparing ----------------------------------------------------------------------------------


def prepare(results: Path, folder: Path, progress: Progress | None = None) -> bytes:
    """Make the files if they are not there, or are of other results; arguments as above.

    Args:
        results: as above.
        folder: as above.
        progress: told of the results before the walk; gives what is told of frames taken.

    Returns:
        The time line.
    """
    found = _found(results, folder)
    return _walked(results, folder, progress) if found is None else found


def is_prepared(results: Path, folder: Path) -> bool:
    """Whether nothing of these results is left to be made."""
    return _found(results, folder) is not None


def _found(results: Path, folder: Path) -> bytes | None:
    """The time line, if it is that of these results."""
    try:
        stamp, _, text = (folder / _TIMELINE).read_bytes().partition(b"\n")
    except OSError:
        return None
    return text if stamp == _stamp(results) else None


def _stamp(results: Path) -> bytes:
    """What tells these results from others under the same name."""
    try:
        known = results.stat()
    except OSError as error:
        raise ResultsError("cannot read the results", where=results) from error
    try:
        world = world_path(results).stat()
    except OSError:
        return orjson.dumps([3, known.st_size, known.st_mtime_ns])
    of_world = world.st_size, world.st_mtime_ns
    return orjson.dumps([3, known.st_size, known.st_mtime_ns, *of_world])


def _walked(results: Path, folder: Path, progress: Progress | None) -> bytes:
    """Walk through the results; the time line is written last: its being there says all is."""
    stamp = _stamp(results)
    source = ResultsSource(results)
    advance = None if progress is None else progress(source)
    try:
        clip = _written(source, folder, advance, world=source.has_world)
    except ResultsError:  # perhaps of the world, which may be of other results
        if not source.has_world:
            raise
        clip = _written(source, folder, advance, world=False)
    with atomic_write(folder / _OFFSETS) as file:
        file.write(np.array(clip.offsets, np.int64).tobytes())
    text = orjson.dumps(clip.timeline())
    with atomic_write(folder / _TIMELINE) as file:
        file.write(stamp + b"\n" + text)
    return text


def _written(
    source: ResultsSource, folder: Path, advance: Callable[[int], None] | None, *, world: bool
) -> _Clip:
    """Write the frames."""
    clip = _Clip(source, WorldScene() if world else None)
    with atomic_write(folder / _FRAMES) as file, np.errstate(all="ignore"):
        for batch in source.batches(advance, world=world):
            clip.take(batch, file)
    return clip


@dataclass(slots=True)
class Track:
    """What is gathered of a track: spans, and some of its frames evenly over its length."""

    spans: TrackSpans
    every: int = 1
    samples: list[tuple[FloatArray, FloatArray, FloatArray]] = field(default_factory=list)

    def see(
        self, row: int, score: float, sample: tuple[FloatArray, FloatArray, FloatArray]
    ) -> None:
        """Take a frame: quaternions (24,4), joints (45,3), betas (10,)."""
        if self.spans.seen % self.every == 0:
            self.samples.append(sample)
            if len(self.samples) >= 2 * _SAMPLES:
                self.samples, self.every = self.samples[::2], 2 * self.every
        self.spans.see(row, row, score)

    def skeleton(self, smpl: Callable[[], SmplArrays | None]) -> Skeleton:
        """The bones, from the frames that are kept."""
        quaternions, joints, betas = (np.stack(p) for p in zip(*self.samples, strict=True))
        return skeleton_of(quaternion_to_matrix(quaternions), joints, betas, smpl)


class _Clip:
    """Takes batch after batch; holds a few numbers per frame, and some frames per track."""

    def __init__(self, source: ResultsSource, world: WorldScene | None) -> None:
        self._facts, self._world = source.facts, world
        self._tracks: dict[int, Track] = {}
        self._marks: list[float] = []
        self._size: tuple[int, int] | None = None
        self._last_s = 0.0
        self.offsets = [0]
        """Where each frame begins in the file, and where the last one ends."""

    def take(self, batch: Batch, file: BinaryIO) -> None:
        """Write a batch's frames."""
        rows = Rows(batch.people)
        first = len(self.offsets) - 1
        self._gather(rows, first)
        people = rows.people_by_frame(len(batch.frames))
        worlds = [] if self._world is None else self._world.take(batch, first)
        for row, (entry, there) in enumerate(zip(batch.frames, people, strict=True), start=first):
            if row % MARK_EVERY == 0:
                self._marks.append(entry.time_s)
            self._last_s = entry.time_s
            frame = {"index": entry.index, "time_s": entry.time_s, "people": there}
            if worlds:
                frame["world"] = worlds[row - first]
            text = orjson.dumps(frame) + _BETWEEN
            file.write(text)
            self.offsets.append(self.offsets[-1] + len(text))

    def _gather(self, rows: Rows, first: int) -> None:
        columns = rows.columns
        if self._size is None and len(columns):
            height, width = columns.size[0].tolist()
            self._size = (width, height)
        for i in np.flatnonzero(rows.good & (columns.missed <= 0)).tolist():
            track_id = int(columns.track_id[i])
            track = self._tracks.setdefault(track_id, Track(TrackSpans(track_id)))
            sample = (rows.quaternions[i], rows.joints[i], columns.betas[i])
            track.see(first + int(columns.frame_row[i]), float(columns.score[i]), sample)

    def timeline(self) -> dict[str, Any]:
        """See :func:`timeline`."""
        facts = self._facts
        width, height = self._size or (facts.width, facts.height)
        count = len(self.offsets) - 1
        smpl = cache(cached_smpl)  # read once, and only if somebody needs it
        start_s = self._marks[0] if self._marks else 0.0
        world = {} if self._world is None else {"world": self._world.timeline(smpl)}
        return {
            "fps": facts.fps,
            "frames": count,
            "duration_s": self._last_s - start_s + 1 / facts.fps if count else 0.0,
            "width": width,
            "height": height,
            "focal_px": float(np.hypot(width, height)) if width and height else None,
            "mark_every": MARK_EVERY,
            "marks_s": self._marks,
            "tracks": [about_track(self._tracks[i], smpl) for i in sorted(self._tracks)],
            **world,
        }


def about_track(track: Track, smpl: Callable[[], SmplArrays | None]) -> dict[str, Any]:
    """A track's entry in the time line."""
    spans = track.spans
    skeleton = track.skeleton(smpl)
    score = spans.mean_score
    gaps = [[a[1] + 1, b[0] - 1] for a, b in itertools.pairwise(spans.spans)]
    return {
        "track_id": spans.track_id,
        "color": "#{:02x}{:02x}{:02x}".format(*identity_colour(spans.track_id)),
        "first": spans.first,
        "last": spans.last,
        "seen": spans.seen,
        "mean_score": None if score is None else round(score, 4),
        "gaps": gaps,
        "rest": plain(skeleton.rest, 5),
        "kind": skeleton.kind,
    }


class Rows:
    """A batch's people in the page's axes and notation."""

    def __init__(self, people: PeopleColumns) -> None:
        people = self.columns = through_lens(people, usual_focal_px(people.size))
        joints = people.joints_3d + people.cam_t[:, None]
        local = np.concatenate([people.global_orient, people.body_pose], axis=1).astype(float)
        self.good: BoolArray = people.cam_t[:, 2] > 0
        """(P,) whether a body can be drawn at all."""
        for array in (joints, local, people.betas, people.xywh_px):
            self.good &= (np.abs(array) < FARTHEST).all(axis=tuple(range(1, array.ndim)))
        local[~self.good] = np.eye(3)
        local[:, 0] = Y_UP[:, None] * local[:, 0]
        self.quaternions: FloatArray = matrix_to_quaternion(local)
        """(P,24,4)"""
        self.joints: FloatArray = joints * Y_UP
        """(P,45,3) metres"""

    def people_by_frame(self, count: int) -> list[list[dict[str, Any]]]:
        """Per frame its people, as :func:`frames` gives them; a track once a frame."""
        columns = self.columns
        out: list[dict[int, dict[str, Any]]] = [{} for _ in range(count)]
        boxes, places = plain(columns.xywh_px, 2), plain(self.joints[:, PELVIS_ROW], 4)
        rotations, scores = plain(self.quaternions, 5), plain(columns.score, 4)
        for i in np.flatnonzero(self.good).tolist():
            track_id = int(columns.track_id[i])
            person = {
                "track_id": track_id,
                "state": "observed" if columns.missed[i] <= 0 else "predicted",
                "score": scores[i],
                "bbox": boxes[i],
                "pelvis": places[i],
                "rotations": rotations[i],
            }
            if columns.is_rated[i]:
                person |= _trust(columns.joint_confidence[i], columns.joint_source[i])
            out[int(columns.frame_row[i])].setdefault(track_id, person)
        return [list(people.values()) for people in out]


def _trust(confidence: FloatArray, source: IntArray) -> dict[str, Any]:
    """How far a person, (45,) joints, is to be trusted, as :func:`frames` gives it."""
    return {
        "confidence": plain(person_confidence(confidence), 3),
        "pose": SOURCE_NAMES[int(pose_source(source))],
        "parts": [
            {
                "name": name,
                "confidence": plain(confidence[list(rows)].mean(), 3),
                "source": SOURCE_NAMES[int(source[list(rows)].max())],
            }
            for name, rows in _PARTS.items()
        ],
    }
