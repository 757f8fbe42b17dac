"""Tracks as plain containers and numpy arrays, for checkpoints."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from humantrack.tracking.box_motion import BoxMotion
from humantrack.tracking.cost import Sample
from humantrack.tracking.track import Sighting, Track, TrackState
from humantrack.types import Observation


def track_to_dict(track: Track) -> dict[str, Any]:
    """The inverse of ``track_from_dict``; arrays are shared, not copied."""
    return {
        "id": track.id,
        "state": track.state.value,
        "hits": track.hits,
        "age": track.age,
        "missed": track.missed,
        "newest": _plain(track.newest),
        "recent": [_plain(o) for o in track.recent],
        "history": [_plain(s) for s in track.history],
        "samples": [_plain(s) for s in track.samples],
        "motion": None if track.motion is None else _plain(track.motion),
    }


def track_from_dict(state: dict[str, Any]) -> Track:
    """Rebuild a track."""
    return Track(
        id=state["id"],
        state=TrackState(state["state"]),
        hits=state["hits"],
        age=state["age"],
        missed=state["missed"],
        newest=Observation(**state["newest"]),
        recent=[Observation(**o) for o in state["recent"]],
        history=[Sighting(**s) for s in state["history"]],
        samples=[Sample(**s) for s in state["samples"]],
        motion=None if state["motion"] is None else BoxMotion(**state["motion"]),
    )


def _plain(item: Observation | Sample | Sighting | BoxMotion) -> dict[str, Any]:
    return {name: getattr(item, name) for name in _NAMES[type(item)]}


_NAMES = {
    # What an observation says of earlier frames has been heeded by then.
    kind: tuple(f.name for f in fields(kind) if f.name not in {"revises", "evidence"})
    for kind in (Observation, Sample, Sighting, BoxMotion)
}
