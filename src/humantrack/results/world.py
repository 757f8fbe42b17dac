"""Reads ``<name>.world.pkl``, which holds the people of a results file in the world.

To joblib.load it is a dict of plain dicts::

    {"results": {"name": file name of the results},
     "frames": {key of the results: {"time", "time_s", "shot", "stamp", "camera", "people"}},
     "facts": how everything was found, and how sure it is}

Written by ``humantrack.world.file``. Between the frames lie lengths, as in results (``encode``), so
that it can be walked with one frame in memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.errors import ResultsError
from humantrack.results.encode import END
from humantrack.results.framed import PathLike, entry_of, next_body, open_stream
from humantrack.results.stream import ByteStream
from humantrack.types import FrameKey
from humantrack.types.world import WorldFrame, WorldPerson

HEADER = b"\x80\x03}X\x12\x00\x00\x00humantrack world 10"
"""PROTO 3, EMPTY_DICT, then the string "humantrack world 1", pushed and popped."""

FRAMES = b"X\x06\x00\x00\x00frames}"
"""Before the first frame: a key, EMPTY_DICT."""

FRAMES_END = b"s"
"""After the last frame: SETITEM."""

_LARGEST = 1 << 30
"""Bytes of a frame; a person takes two thousand."""

_AGAIN = "make it again with humantrack-world"


class World(dict[FrameKey, WorldFrame]):
    """What :func:`load_world` gives: the frames of the world under the keys of the results."""

    facts: dict[str, Any]
    """How camera, lens, floor and scale were found, and how sure each is."""

    def __init__(
        self, frames: Iterable[tuple[FrameKey, WorldFrame]] = (), *, facts: dict[str, Any]
    ) -> None:
        super().__init__(frames)
        self.facts = facts


def world_path(results: PathLike) -> Path:
    """``<stem>.world.pkl`` beside a results file (``x.partial.world.pkl`` for partial results)."""
    path = Path(results)
    return path.with_name(f"{path.stem}.world.pkl")


def without_worlds(paths: Iterable[Path]) -> list[Path]:
    """The paths but for the worlds of results among them: a shell that expands *.pkl names both."""
    named = list(paths)
    worlds = {world_path(path) for path in named}
    return [path for path in named if path not in worlds]


def load_world(path: PathLike) -> World:
    """Read a whole world file.

    Args:
        path: the file itself, as :func:`world_path` names it.

    Raises:
        UnsafePickleError: if the file names anything but plain data. Nothing of it has run.
        ResultsError: if it is missing, no world, damaged or cut short.
    """
    facts: dict[str, Any] = {}
    world = World(((key, frame) for key, frame, _ in _walk(path, facts)), facts=facts)
    return world


def iter_world(path: PathLike) -> Iterator[tuple[FrameKey, WorldFrame]]:
    """Walk a world file frame by frame, one in memory at a time; errors as :func:`load_world`."""
    for key, frame, _ in _walk(path, {}):
        yield key, frame


def read_facts(path: PathLike) -> dict[str, Any]:
    """The facts of a world file, without taking its frames apart; errors as :func:`load_world`."""
    with open_stream(path) as stream:
        _head(stream, path)
        while stream.peek(1) != FRAMES_END:
            _body(stream, path)
        return _facts(stream, path)


def iter_world_of(
    results: Iterable[tuple[FrameKey, Mapping[str, Any]]], path: PathLike
) -> Iterator[tuple[FrameKey, Mapping[str, Any], WorldFrame]]:
    """Walk results and the world file that was made of them, in step.

    Args:
        results: key and frame, as ``iter_results`` gives them.
        path: the world file.

    Raises:
        ResultsError: as :func:`load_world`, or if the file was made of other results.
    """
    for ours, theirs in zip_longest(results, _walk(path, {})):
        if ours is None or theirs is None:
            raise _of_others(path)
        (key, frame), (world_key, world, stamp) = ours, theirs
        if key != world_key or stamp != stamp_of(key, frame):
            raise _of_others(path)
        yield key, frame, world


def load_world_of(results: Iterable[tuple[FrameKey, Mapping[str, Any]]], path: PathLike) -> World:
    """Read a whole world file, made of these results; errors as :func:`iter_world_of`."""
    frames = ((key, frame) for key, _, frame in iter_world_of(results, path))
    return World(frames, facts=read_facts(path))


def check_world_of(results: Iterable[tuple[FrameKey, Mapping[str, Any]]], path: PathLike) -> None:
    """See that a world file was made of these results; errors as :func:`iter_world_of`."""
    for _ in iter_world_of(results, path):
        pass


def stamp_of(key: FrameKey, frame: Mapping[str, Any]) -> int:
    """A number that tells a frame of the results from one of another run.

    Raises:
        ResultsError: if the frame is malformed.
    """
    try:
        parts = [np.asarray(frame["tid"], "<i8"), np.asarray(frame["tracked_time"], "<i8")]
        parts += [np.asarray(frame[name], "<f4") for name in ("bbox", "camera")]
        parts += [np.asarray(body["body_pose"], "<f4") for body in frame["smpl"]]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ResultsError(f"a frame of the results is malformed ({error})", where=key) from error
    return zlib.crc32(b"".join(part.tobytes() for part in parts))


def frame_to_plain(frame: WorldFrame, stamp: int) -> dict[str, Any]:
    """What the file holds of a frame: numbers, dicts, lists and arrays."""
    return {
        "time": int(frame.index),
        "time_s": float(frame.time_s),
        "shot": int(frame.shot),
        "stamp": int(stamp),
        "camera": {
            "rotation": np.asarray(frame.camera_rotation, np.float64),
            "position": np.asarray(frame.camera_position, np.float64),
            "focal_length_px": float(frame.focal_px),
            "centre_px": np.asarray(frame.centre_px, np.float64),
        },
        "people": [
            {
                "track_id": int(person.track_id),
                "observed": bool(person.is_observed),
                "root_position": np.asarray(person.root_position, np.float64),
                "root_rotation": np.asarray(person.root_rotation, np.float32),
                "body_pose": np.asarray(person.body_pose, np.float32),
                "betas": np.asarray(person.betas, np.float32),
                "joints": np.asarray(person.joints, np.float32),
                "contacts": np.asarray(person.contacts, bool),
                "scale": float(person.scale),
                "confidence": float(person.confidence),
            }
            for person in frame.people
        ],
    }


def frame_from_plain(value: Mapping[str, Any]) -> WorldFrame:
    """The frame that ``frame_to_plain`` was given.

    Raises:
        KeyError, TypeError, ValueError: if it is malformed.
    """
    camera = value["camera"]
    return WorldFrame(
        index=int(value["time"]),
        time_s=float(value["time_s"]),
        shot=int(value["shot"]),
        camera_rotation=_finite(camera["rotation"]),
        camera_position=_finite(camera["position"]),
        focal_px=float(camera["focal_length_px"]),
        centre_px=_finite(camera["centre_px"]),
        people=tuple(
            WorldPerson(
                track_id=int(person["track_id"]),
                is_observed=bool(person["observed"]),
                **{
                    name: _finite(person[name])
                    for name in ("root_position", "root_rotation", "body_pose", "betas", "joints")
                },
                contacts=np.asarray(person["contacts"], bool),
                scale=float(person.get("scale", 1.0)),
                confidence=float(person["confidence"]),
            )
            for person in value["people"]
        ),
    )


def _finite(values: Any) -> Any:
    array = np.asarray(values)
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise ValueError("a number is not finite")
    return array


def _walk(path: PathLike, facts: dict[str, Any]) -> Iterator[tuple[FrameKey, WorldFrame, int]]:
    """Key, frame and stamp of each frame; ``facts`` is filled at the end."""
    with open_stream(path) as stream:
        _head(stream, path)
        while stream.peek(1) != FRAMES_END:
            key, value = _entry(stream, path)
            try:
                yield key, frame_from_plain(value), int(value["stamp"])
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                raise _damaged(path) from error
        facts.update(_facts(stream, path))


def _head(stream: ByteStream, path: PathLike) -> None:
    """Read up to the first frame."""
    head = stream.read(len(HEADER))
    if head != HEADER:
        raise ResultsError(
            "not a world file, or of a version of humantrack that is not known here",
            where=path,
            hint=_AGAIN,
        )
    _entry(stream, path)
    if stream.read(len(FRAMES)) != FRAMES:
        raise _damaged(path)


def _facts(stream: ByteStream, path: PathLike) -> dict[str, Any]:
    """Read from the end of the frames to the end of the file."""
    stream.read(len(FRAMES_END))
    key, facts = _entry(stream, path)
    if key != "facts" or stream.read(2) != END or not stream.whole:
        raise _damaged(path)
    return facts


def _entry(stream: ByteStream, path: PathLike) -> tuple[FrameKey, dict[str, Any]]:
    entry = entry_of(_body(stream, path))
    if entry is None:
        raise _damaged(path)
    return entry


def _body(stream: ByteStream, path: PathLike) -> bytes:
    body = next_body(stream, path, _LARGEST)
    if body is None:
        raise _damaged(path)
    return body


def _damaged(path: PathLike) -> ResultsError:
    return ResultsError("the world file is damaged or cut short", where=path, hint=_AGAIN)


def _of_others(path: PathLike) -> ResultsError:
    return ResultsError("the world file belongs to other results", where=path, hint=_AGAIN)
