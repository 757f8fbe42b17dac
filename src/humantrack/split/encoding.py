"""Observations as plain values and back; nothing is lost, not a bit of a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from humantrack.types import Frame, FrameKey, Observation, Revised, SourceInfo

_OF_FRAME = ("frame_index", "frame_key", "image_size")
"""What all people of a frame share."""

_SELDOM = ("uv", "revises", "evidence")
_NAMES = tuple(f.name for f in fields(Observation) if f.name not in (*_OF_FRAME, *_SELDOM))


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedFrame:
    """A frame without its picture, and everybody seen in it before there are identities."""

    index: int
    """Number among the frames of the run, from 0. In the file of a part, where nobody knows of
    frames lost before it, the number that it would have without them."""

    source_index: int
    """Number in the whole source, from 0."""

    key: FrameKey
    """The frame's name in the results."""

    time_s: float
    """Seconds from the source's start."""

    is_shot_start: bool
    """True for the first frame after a cut."""

    image_size: tuple[int, int]
    """(H, W) in pixels."""

    people: tuple[Observation, ...]
    """What the tracker is told, in its order."""

    seams: tuple[tuple[Sequence[Any], Sequence[Any]], ...] = ()
    """If a part begins here: who was known at the end of the one before, and is at its beginning;
    more of them if parts between have no frames."""

    def numbered(self, index: int, number_of: Mapping[int, int]) -> ObservedFrame:
        """The frame under another number.

        Args:
            index: the number.
            number_of: such numbers of frames before it, by their ``index``; what people say of
                frames that are not among them is left out.
        """
        if index == self.index:  # nothing was lost before it
            return self
        people = tuple(
            replace(
                one,
                frame_index=index,
                revises=tuple(
                    replace(r, frame_index=number_of[r.frame_index])
                    for r in one.revises
                    if r.frame_index in number_of
                ),
            )
            for one in self.people
        )
        return replace(self, index=index, people=people)


_OF_A_FRAME = tuple(f.name for f in fields(ObservedFrame) if f.name not in {"people", "seams"})


def plain_frame(frame: Frame, people: Sequence[Observation]) -> dict[str, Any]:
    """A frame and its people as plain values."""
    return {
        "index": frame.index,
        "source_index": frame.source_index,
        "key": frame.key,
        "time_s": frame.time_s,
        "is_shot_start": frame.is_shot_start,
        "image_size": (frame.height, frame.width),
        **_plain_people(people),
    }


def frame_of(values: Mapping[str, Any]) -> ObservedFrame:
    """The inverse of :func:`plain_frame`.

    Raises:
        LookupError, TypeError, ValueError: if the values are none of a frame.
    """
    kept = {name: values[name] for name in _OF_A_FRAME}
    kept["image_size"] = tuple(kept["image_size"])
    shared = {
        "frame_index": kept["index"],
        "frame_key": kept["key"],
        "image_size": kept["image_size"],
    }
    columns = values["columns"]
    if any(len(column) != len(values["people"]) for column in columns.values()):
        raise ValueError("not as many rows as people")
    people = tuple(
        _person_of({**one, **{name: column[i] for name, column in columns.items()}}, shared)
        for i, one in enumerate(values["people"])
    )
    return ObservedFrame(**kept, people=people)


def joined(frames: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The frames of a block, with what all their people have alike put together once more."""
    some = [frame.get("columns", {}) for frame in frames if frame.get("people")]
    # Without rows, which differ in number from frame to frame, columns have one type and shape.
    names = _alike([{k: v[:0] for k, v in columns.items()} for columns in some])
    names = [name for name in names if all(name in columns for columns in some)]
    left = [
        frame
        if "columns" not in frame
        else {**frame, "columns": {k: v for k, v in frame["columns"].items() if k not in names}}
        for frame in frames
    ]
    columns = {name: np.concatenate([of[name] for of in some]) for name in names}
    return {"frames": left, "columns": columns}


def parted(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The inverse of :func:`joined`.

    Raises:
        LookupError, TypeError, ValueError: if the values are none of a block.
    """
    frames, shared = block["frames"], block["columns"]
    if not isinstance(frames, list):
        raise TypeError("a list of frames was expected")
    if not shared:
        return frames
    ends = np.cumsum([len(frame.get("people", ())) for frame in frames]).tolist()
    if any(len(column) != ends[-1] for column in shared.values()):
        raise ValueError("not as many rows as people")
    for start, end, frame in zip([0, *ends], ends, frames, strict=False):
        if end > start:
            frame["columns"] |= {name: column[start:end] for name, column in shared.items()}
    return frames


def _plain_people(people: Sequence[Observation]) -> dict[str, Any]:
    """Arrays that all have alike are put together: they are read in a fraction of the time."""
    rows = [_plain_person(one) for one in people]
    columns = {name: np.stack([row.pop(name) for row in rows]) for name in _alike(rows)}
    return {"people": rows, "columns": columns}


def _alike(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of arrays that have one type and shape in all rows."""
    kinds: dict[str, set[Any]] = {}
    for row in rows:
        for name, value in row.items():
            is_array = isinstance(value, np.ndarray)
            kinds.setdefault(name, set()).add((value.dtype, value.shape) if is_array else None)
    return [name for name, kind in kinds.items() if len(kind) == 1 and None not in kind]


def _plain_person(seen: Observation) -> dict[str, Any]:
    values = {name: getattr(seen, name) for name in _NAMES}
    if seen.uv is not None:
        values["uv"] = _by_rank(seen.uv)
    if seen.revises:
        values["revises"] = [
            (r.frame_index, r.row, dict(r.values), r.evidence and dict(r.evidence))
            for r in seen.revises
        ]
    if seen.evidence is not None:
        values["evidence"] = dict(seen.evidence)
    return values


def _person_of(values: Mapping[str, Any], shared: Mapping[str, Any]) -> Observation:
    kept: dict[str, Any] = {name: values[name] for name in _NAMES}
    if "uv" in values:
        kept["uv"] = _from_ranks(values["uv"])
    kept["revises"] = tuple(
        Revised(frame_index=index, row=row, values=said, evidence=evidence)
        for index, row, said, evidence in values.get("revises", ())
    )
    kept["evidence"] = values.get("evidence")
    return Observation(**kept, **shared)


def _by_rank(uv: npt.NDArray[np.float32]) -> bytes:
    """A texture's bytes, those of each rank together: deflate makes a third less of them."""
    flat = np.ascontiguousarray(uv, "<f4").view(np.uint8).reshape(-1, 4)
    return flat.T.tobytes()


def _from_ranks(data: bytes) -> npt.NDArray[np.float32]:
    """The inverse, (4,256,256)."""
    flat = np.frombuffer(data, np.uint8).reshape(4, -1).T
    uv: npt.NDArray[np.float32] = np.ascontiguousarray(flat).view("<f4").reshape(4, 256, 256)
    return uv


def plain_source(info: SourceInfo) -> dict[str, Any]:
    """What is known of a source as plain values."""
    values = {f.name: getattr(info, f.name) for f in fields(info)}
    values["path"] = str(info.path)
    for name in ("fps", "sample_aspect"):
        values[name] = (values[name].numerator, values[name].denominator)
    return values


def source_of(values: Mapping[str, Any]) -> SourceInfo:
    """The inverse of :func:`plain_source`."""
    kept = {f.name: values[f.name] for f in fields(SourceInfo)}
    kept["path"] = Path(kept["path"])
    for name in ("fps", "sample_aspect"):
        kept[name] = Fraction(*kept[name])
    return SourceInfo(**kept)
