"""The JSON document and its line-by-line twin; ``results.schema.json`` is their schema."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, ClassVar

import numpy as np
import orjson

from humantrack.clips.frames import Batch
from humantrack.export.formats.base import Exporter
from humantrack.export.formats.header import header_of
from humantrack.geometry.notations import rotations_as
from humantrack.motion.camera import through_lens
from humantrack.results import PeopleColumns
from humantrack.results.table import readable
from humantrack.types import SOURCE_NAMES, FrameKey, person_confidence, pose_source
from humantrack.types.arrays import FloatArray
from humantrack.types.world import CONTACTS, WorldFrame

_WIDEST = 10**15
"""A count that takes as much room as any will."""

_NUMPY = orjson.OPT_SERIALIZE_NUMPY


class _Document(Exporter):
    """A header with counts that are only known at the end, then frames."""

    frame_end: ClassVar[bytes]
    """Between frames."""

    def begin(self) -> None:
        """Write the header, with room for the counts or, where it cannot be changed, with them."""
        self._file: BinaryIO = self.outputs.open(self.suffix)
        self._frames = self._non_finite = 0
        if self.outputs.is_stream:
            for batch in self.source.batches(world=self.in_world):
                self._count(batch)
            self._start = self._header()
        else:
            self._frames = self._non_finite = _WIDEST
            self._start = self._header()
        self._file.write(self.opening(self._start))
        self._frames = self._non_finite = 0

    def _count(self, batch: Batch) -> None:
        self._frames += len(batch.frames)
        self._non_finite += batch.people.non_finite()

    def write(self, batch: Batch) -> None:
        """Append frames."""
        first = self._frames == 0
        self._count(batch)
        lines = [orjson.dumps(frame, option=_NUMPY) for frame in self._documents(batch)]
        if lines:
            self._file.write((b"" if first else self.frame_end) + self.frame_end.join(lines))

    def finish(self) -> None:
        """Close the document and put the counts into the header."""
        self._file.write(self.closing())
        if not self.outputs.is_stream:
            header = self._header()
            self._file.seek(0)
            self._file.write(self.opening(header, len(self._start) - len(header)))
            self._file.seek(0, os.SEEK_END)

    def opening(self, header: bytes, room: int = 0) -> bytes:
        """The header as the file begins, with this much room left after it."""
        raise NotImplementedError

    def closing(self) -> bytes:
        """What ends the file."""
        raise NotImplementedError

    # -- content --------------------------------------------------------------------------------

    def _header(self) -> bytes:
        header = header_of(
            self.source,
            frames=self._frames,
            non_finite=self._non_finite,
            in_world=self.in_world,
        )
        return orjson.dumps(header)

    def _documents(self, batch: Batch) -> list[dict[str, Any]]:
        documents: list[dict[str, Any]] = [
            {
                "index": frame.index,
                "time_s": frame.time_s,
                "shot": frame.is_shot_start,
                "key": _key(frame.key),
                "people": [],
            }
            for frame in batch.frames
        ]
        people = batch.world.people if self.in_world else batch.people
        for row, person in zip(people.frame_row, self._people(people), strict=True):
            documents[row]["people"].append(person)
        if self.in_world:
            self._add_world(batch, documents)
        return documents

    def _add_world(self, batch: Batch, documents: list[dict[str, Any]]) -> None:
        """What only the world tells: the camera of each frame, contacts, confidence, places."""
        world, tidy = batch.world, self._rounded
        for frame, document in zip(batch.frames, documents, strict=True):
            document["camera_pose"] = _pose(frame.world, tidy)
        people = [person for document in documents for person in document["people"]]
        rows = zip(
            people,
            tidy(world.root_position.astype(np.float32)),
            world.contacts.tolist(),
            tidy(world.confidence).tolist(),
            tidy(world.scale).tolist(),
            strict=True,
        )
        for person, place, contacts, confidence, scale in rows:
            person["smpl"] |= {"root_position": place, "scale": scale}
            person["contacts"] = dict(zip(CONTACTS, contacts, strict=True))
            person["confidence"] = confidence

    def _people(self, people: PeopleColumns) -> list[dict[str, Any]]:
        people = through_lens(people, self.options.focal_px)
        kind, tidy = self.options.rotations, self._rounded
        columns = zip(
            people.track_id.tolist(),
            people.missed.tolist(),
            tidy(people.xywh_px),
            tidy(people.score),
            tidy(people.centre_px),
            tidy(people.scale).tolist(),
            tidy(people.cam_t),
            tidy(people.cam_crop),
            tidy(rotations_as(people.global_orient, kind)[:, 0]),
            tidy(rotations_as(people.body_pose, kind)),
            tidy(people.betas),
            tidy(people.joints_3d),
            tidy(people.joints_px().astype(np.float32)),
            people.masks,
            strict=True,
        )
        out = []
        for track_id, missed, box, score, centre, scale, cam, crop, *body, j3, j2, mask in columns:
            person = {
                "track_id": track_id,
                "state": "observed" if missed == 0 else "predicted",
                "tracked_time": missed,
                "bbox": box,
                "score": score,
                "center": centre,
                "scale": scale,
                "camera": cam,
                "camera_bbox": crop,
                "smpl": dict(zip(("global_orient", "body_pose", "betas"), body, strict=True)),
                "joints_3d": j3,
                "joints_2d": j2,
            }
            if self.options.masks:
                person["mask"] = mask
            out.append(person)
        for row, trust in self._trust(people):
            out[row] |= trust
        return out

    def _trust(self, people: PeopleColumns) -> Iterator[tuple[int, dict[str, Any]]]:
        """Row of each person of whom it is known, and how far the joints are to be trusted."""
        tidy = self._rounded
        of_person = tidy(person_confidence(people.joint_confidence))
        of_joint, errors = tidy(people.joint_confidence), tidy(people.joint_error_mm)
        whole = pose_source(people.joint_source)
        for row in np.flatnonzero(people.is_rated).tolist():
            yield (
                row,
                {
                    "pose_confidence": of_person[row],
                    "pose_source": SOURCE_NAMES[whole[row]],
                    "joint_confidence": of_joint[row],
                    "joint_error_mm": errors[row],
                    "joint_source": [SOURCE_NAMES[i] for i in people.joint_source[row].tolist()],
                },
            )

    def _rounded(self, array: FloatArray) -> FloatArray:
        if self.options.precision is None:
            return np.ascontiguousarray(array)
        return np.ascontiguousarray(np.round(array, self.options.precision))


def _pose(frame: WorldFrame | None, tidy: Callable[[FloatArray], FloatArray]) -> dict[str, Any]:
    """The camera of a frame of the world."""
    if frame is None:
        return {}
    return {
        "rotation": tidy(frame.camera_rotation),
        "position": tidy(frame.camera_position),
        "focal_length_px": tidy(np.array([frame.focal_px])).item(),
        "principal_point_px": tidy(frame.centre_px),
    }


def _key(key: FrameKey) -> str | tuple[object, ...]:
    if isinstance(key, str):
        return readable(key)
    return tuple(readable(part) if isinstance(part, str) else part for part in key)


class Json(_Document):
    """One JSON document."""

    frame_end = b",\n"

    def opening(self, header: bytes, room: int = 0) -> bytes:
        """The header's members, then the list of frames."""
        return header[:-1] + b" " * room + b',"frames":[\n'

    def closing(self) -> bytes:
        """End the list and the document."""
        return b"\n]}\n"


class JsonLines(_Document):
    """The header on the first line, then a frame a line."""

    frame_end = b"\n"

    def opening(self, header: bytes, room: int = 0) -> bytes:
        """The header's line."""
        return header + b" " * room + b"\n"

    def closing(self) -> bytes:
        """End the last frame's line."""
        return b"\n" if self._frames else b""
