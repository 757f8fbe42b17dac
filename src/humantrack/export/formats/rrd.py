"""A recording for the Rerun viewer: the video, and people in 2-D and 3-D, on one time line.

Rerun numbers what it writes by the clock and at random, and ends files with an index whose order
is random. So that the same results are the same bytes, numbers are counted here, and the index,
which readers do without, is left out. Source of the layout of messages: rerun-io/rerun, crate
re_log_encoding.
"""

from __future__ import annotations

import struct
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from humantrack.body.joints import OPENPOSE_JOINTS
from humantrack.clips.frames import Batch
from humantrack.errors import DependencyError
from humantrack.export.formats.base import MotionExporter
from humantrack.motion.camera_track import CameraTrack
from humantrack.motion.motion import Motion
from humantrack.motion.rig import UP, Rig
from humantrack.motion.spool import Spool, chunks
from humantrack.render.marks import LIMBS
from humantrack.render.palette import identity_colour
from humantrack.types.arrays import FloatArray, IntArray

_JOINTS = len(OPENPOSE_JOINTS)
"""Of PHALP's 45 the first, OpenPose's, are shown."""

_LARGEST_VIDEO = 64 * 2**20
"""Bytes of a video that is put into the recording; a larger one is only named."""

_SEEN = [("row", "i8"), ("joints", "f4", (_JOINTS, 2)), ("box", "f4", (4,))]
_SET_STORE, _END = 1, 0
_HEADER = 12


class Rrd(MotionExporter):
    """One recording: metres, y up or as ``up`` says; time lines ``frame`` and ``time``.

    ``world/track1`` is a person in 3-D, ``world/camera/track1`` in the picture, with
    ``.../box``; ``world/camera`` is the camera, and ``world/camera/video`` the video, to whose
    frames each frame refers.

    Raises:
        DependencyError: on ``begin``, if rerun-sdk is missing or too old.
    """

    is_timed = True

    def begin(self) -> None:
        """See that the library is there."""
        self._rerun = _rerun()
        super().begin()
        self._file = self.outputs.open(self.suffix)
        self._seen = Spool(_SEEN)
        self._numbers: dict[int, list[IntArray]] = {}
        self._rows: dict[int, list[IntArray]] = {}
        self._frame, self._time_s = array("q"), array("d")
        self._way = CameraTrack()
        self._rig = Rig(up=self.options.up or "y")

    def write(self, batch: Batch) -> None:
        """Gather the people, in 3-D and in the picture."""
        super().write(batch)
        chosen = batch.selected
        people, start = chosen.people, len(self._frame)
        self._frame.extend(frame.index for frame in chosen.frames)
        self._time_s.extend(frame.time_s for frame in chosen.frames)
        if self.in_world:
            self._way.add(chosen)
        pixels = people.joints_px()[:, :_JOINTS]
        for track_id in np.unique(people.track_id).tolist():
            rows = (people.track_id == track_id) & (people.missed == 0)
            numbers = self._seen.append(
                row=start + people.frame_row[rows], joints=pixels[rows], box=people.xywh_px[rows]
            )
            self._numbers.setdefault(track_id, []).append(numbers)
            self._rows.setdefault(track_id, []).append(start + people.frame_row[rows])

    def finish(self) -> None:
        """Write everything, in one pass."""
        error: list[BaseException] = []

        def all_chunks() -> Iterator[Any]:
            try:
                yield from map(_Numbered(self._rerun), self._chunks())
            except BaseException as problem:  # Rerun would tell it as one of its own
                error.append(problem)
                raise

        with tempfile.TemporaryDirectory(prefix="humantrack-") as folder:
            path = Path(folder, "recording.rrd")
            stream = self._rerun.chunk.LazyChunkStream.from_iter(all_chunks())
            name = self.source.path.stem.encode("utf-8", "backslashreplace").decode()
            try:
                stream.write_rrd(path, application_id="humantrack", recording_id=name)
            except RuntimeError:
                if error:
                    raise error[0] from None
                raise
            with path.open("rb") as whole:
                _copy(whole, self._file)

    # -- content ------------------------------------------------------------------------------

    def _chunks(self) -> Iterator[Any]:
        rr = self._rerun
        axes = {"y": rr.ViewCoordinates.RIGHT_HAND_Y_UP, "z": rr.ViewCoordinates.RIGHT_HAND_Z_UP}
        yield self._static("world", axes[self._rig.up])
        yield self._static("/", self._names())
        yield from self._camera()
        for motion in self._collector.motions():
            rows = self.selected(motion.frame)
            if rows.start < rows.stop:
                yield from self._person(motion, rows)
        for track_id in sorted(self._numbers):
            yield from self._in_picture(track_id, np.concatenate(self._numbers[track_id]))

    @cached_property
    def _classes(self) -> dict[int, int]:
        """Rerun's class of each track: 16 bits, which an id may not have."""
        return {track: i % 2**16 for i, track in enumerate(sorted(self._numbers), start=1)}

    def _names(self) -> Any:
        """Names and colours of tracks, names of joints, and which are connected."""
        rr = self._rerun
        joints = [rr.AnnotationInfo(id=i, label=n) for i, n in enumerate(OPENPOSE_JOINTS)]
        limbs = [(a, b) for a, b, _ in LIMBS]
        tracks = [
            rr.ClassDescription(
                info=rr.AnnotationInfo(id=k, label=f"track {i}", color=identity_colour(i)),
                keypoint_annotations=joints,
                keypoint_connections=limbs,
            )
            for i, k in self._classes.items()
        ]
        return rr.AnnotationContext(tracks)

    def _camera(self) -> Iterator[Any]:
        rr, facts = self._rerun, self.facts
        if facts.width and facts.height:
            focal_px = self.options.focal_px or float(np.hypot(facts.width, facts.height))
            if len(self._way):
                focal_px = self._way.focal_px[0]
                yield from self._moves()
            elif self._rig.up != "y":
                still = rr.Transform3D(mat3x3=UP[self._rig.up])
                yield self._static("world/camera", still)
            lens = rr.Pinhole(
                focal_length=focal_px,
                width=facts.width,
                height=facts.height,
                camera_xyz=rr.ViewCoordinates.RUB,
            )
            yield self._static("world/camera", lens)
        path = None if facts.path is None else Path(facts.path)
        if path is None:
            return
        text = rr.TextDocument(f"{path.name}, which humantrack read")
        yield self._static("world/camera/video/source", text)
        if not _is_small_video(path):
            return
        yield self._static("world/camera/video", rr.AssetVideo(path=path))
        for some in chunks(0, len(self._frame)):
            stamps = np.round(np.array(self._time_s[some]) * 1e9).astype(np.int64)
            columns = rr.VideoFrameReference.columns_nanos(stamps)
            yield self._over_time(
                "world/camera/video", self._frame[some], self._time_s[some], columns
            )

    def _moves(self) -> Iterator[Any]:
        """The camera's way through the world."""
        seconds, places, turns = self._way.key_frames(0.0, self._rig)
        time_s = np.array(self._time_s)
        frame = np.array(self._frame)[np.searchsorted(time_s, seconds + 1e-4, side="right") - 1]
        moved = self._rerun.Transform3D.columns
        for some in chunks(0, len(seconds)):
            columns = moved(translation=places[some], quaternion=turns[some])
            yield self._over_time("world/camera", frame[some], seconds[some], columns)

    def _person(self, motion: Motion, rows: slice) -> Iterator[Any]:
        """A person in 3-D; after the last frame there is nobody."""
        name = f"world/{motion.name}"
        for part in motion.parts(rows):
            points = self._rig.place(part.joints[:, :_JOINTS]).astype(np.float32)
            yield self._points(name, motion.track_id, part.frame, part.time_s, points)
        last = motion.time_s[rows][-1] + 1 / motion.fps
        gone = np.zeros((1, 0, 3), np.float32)
        yield self._points(name, motion.track_id, motion.frame[rows][-1:] + 1, [last], gone)

    def _in_picture(self, track_id: int, numbers: IntArray) -> Iterator[Any]:
        """A person's joints and box in pixels, and nothing in frames where they were missed."""
        rr = self._rerun
        frame, time_s = np.array(self._frame), np.array(self._time_s)
        name = f"world/camera/track{track_id}"
        for some in chunks(0, len(numbers)):
            seen = self._seen.read(numbers[some])
            row = seen["row"]
            when = frame[row], time_s[row]
            yield self._points(name, track_id, *when, seen["joints"])
            boxes = rr.Boxes2D(
                array=seen["box"],
                array_format=rr.Box2DFormat.XYWH,
                class_ids=np.full(len(row), self._classes[track_id], np.uint16),
            )
            columns = [c.partition([1] * len(row)) for c in _columns_of(rr, boxes)]
            yield self._over_time(f"{name}/box", *when, columns)
        rows = np.unique(np.concatenate(self._rows[track_id]))
        ends = rows[np.append(np.diff(rows) > 1, True)] + 1
        ends = ends[ends < len(frame)]
        if len(ends):
            gone = np.zeros((len(ends), 0, 2), np.float32)
            yield self._points(name, track_id, frame[ends], time_s[ends], gone)
            none = rr.Boxes2D.columns(
                half_sizes=np.zeros((0, 2)), centers=np.zeros((0, 2)), class_ids=[]
            ).partition([0] * len(ends))
            yield self._over_time(f"{name}/box", frame[ends], time_s[ends], none)

    # -- chunks -------------------------------------------------------------------------------

    def _points(self, name: str, track_id: int, frame: Any, time_s: Any, points: FloatArray) -> Any:
        rr = self._rerun
        count, joints, axes = points.shape
        kind = rr.Points3D if axes == 3 else rr.Points2D
        columns = kind.columns(
            positions=points.reshape(-1, axes),
            class_ids=np.full(count * joints, self._classes[track_id], np.uint16),
            keypoint_ids=np.tile(np.arange(joints, dtype=np.uint16), count),
        ).partition([joints] * count)
        return self._over_time(name, frame, time_s, columns)

    def _over_time(self, name: str, frame: Any, time_s: Any, columns: Any) -> Any:
        rr = self._rerun
        when = [
            rr.TimeColumn("frame", sequence=np.asarray(frame, np.int64)),
            rr.TimeColumn("time", duration=np.asarray(time_s, np.float64)),
        ]
        return rr.chunk.Chunk.from_columns(name, indexes=when, columns=columns)

    def _static(self, name: str, content: Any) -> Any:
        """What holds at all times."""
        columns = _columns_of(self._rerun, content)
        return self._rerun.chunk.Chunk.from_columns(name, indexes=[], columns=columns)


def _columns_of(rr: Any, content: Any) -> list[Any]:
    """An archetype's components as columns of one row."""
    return [
        rr.ComponentColumn(batch.component_descriptor(), batch)
        for batch in content.as_component_batches()
    ]


class _Numbered:
    """Counts chunks and rows, in place of numbers made of the clock."""

    def __init__(self, rerun: Any) -> None:
        self._rerun = rerun
        self._next = 1

    def __call__(self, chunk: Any) -> Any:
        import pyarrow

        rows = chunk.to_record_batch()
        count = rows.num_rows
        first, *ids = (n.to_bytes(16, "big") for n in range(self._next, self._next + count + 1))
        self._next += count + 1
        metadata = {**rows.schema.metadata, b"rerun:id": b"chunk_" + first.hex().encode()}
        place = rows.schema.get_field_index("rerun.controls.RowId")
        columns = list(rows.columns)
        columns[place] = pyarrow.array(ids, rows.schema.field(place).type)
        schema = rows.schema.with_metadata(metadata)
        whole = pyarrow.RecordBatch.from_arrays(columns, schema=schema)
        [numbered] = _listed(self._rerun.chunk.Chunk.from_record_batch(whole))
        return numbered


def _listed(found: Any) -> Iterable[Any]:
    return found if isinstance(found, list) else [found]


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    """The messages of a recording, without the time of writing and the index at the end."""
    target.write(source.read(_HEADER))
    while True:
        kind, size = struct.unpack("<QQ", source.read(16))
        if kind == _END:
            target.write(struct.pack("<QQ", _END, 0))
            return
        content = source.read(size)
        if kind == _SET_STORE:
            content = _untimed(content)
        target.write(struct.pack("<QQ", kind, size) + content)


def _untimed(content: bytes) -> bytes:
    """A message whose first field is a number made of the clock, with that number 0."""
    if content[:3] != b"\x0a\x12\x09" or content[11:12] != b"\x11":
        return content
    return content[:3] + bytes(8) + content[11:12] + bytes(8) + content[20:]


def _is_small_video(path: Path) -> bool:
    """Whether the viewer can play it and it fits into memory."""
    try:
        return path.suffix.lower() == ".mp4" and path.stat().st_size <= _LARGEST_VIDEO
    except OSError:
        return False


def _rerun() -> Any:
    try:
        import rerun
        import rerun.chunk
    except ImportError as error:
        raise DependencyError(
            f"rrd needs rerun-sdk 0.41 or newer, and Python 3.11 ({error})",
            hint="install it: pip install 'humantrack[rrd]'",
        ) from error
    return rerun
