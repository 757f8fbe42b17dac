"""Options of the tracker, in the terms of the PHALP paper (arXiv 2112.04477) and its keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from humantrack.errors import ConfigError
from humantrack.tracking.cost import DISTANCE_TYPES, POSE_SIZES

APPEARANCES = ("phalp", "colour")
METHODS = ("phalp", "boxes")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationOptions:
    """How tracks and detections are compared.

    Raises:
        ConfigError: if a value is out of range or unknown.
    """

    method: str = "phalp"
    """'phalp': by the costs that the other options are of; 'boxes': by boxes, motion and colours
    (see ``box_association``), which needs colour signatures."""

    predict: str = "TPL"
    """Letters of what is compared: T texture maps or A appearance codes, P forecast poses and L
    forecast locations (else the newest)."""

    distance_type: str = "EQ_019"
    """EQ_019, EQ_010 or a single component (see ``cost``)."""

    pose_distance: str = "smpl"
    """'smpl', or 'joints' (with the camera)."""

    hungarian_th: float = 100.0
    """Pairs that cost more are never matched."""

    past_lookback: int = 1
    """Frames of a track's past that are compared; the best counts."""

    def __post_init__(self) -> None:
        _check_known("association", self.method, METHODS)
        for letter in self.predict:
            _check_known("letter to predict", letter, "TAPL")
        _check_known("distance type", self.distance_type, DISTANCE_TYPES)
        _check_known("pose distance", self.pose_distance, tuple(POSE_SIZES))
        _check_at_least("threshold", self.hungarian_th, 0)
        _check_at_least("past_lookback", self.past_lookback, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeOptions:
    """When a track begins, counts and ends.

    Raises:
        ConfigError: if a value is out of range.
    """

    n_init: int = 5
    """Detections that confirm a track."""

    max_age_track: int = 50
    """Frames for which a confirmed track outlives its last detection."""

    track_history: int = 7
    """Detections that forecasts are made from."""

    low_th_c: float = 0.0
    """Weaker detections may continue a track but start none."""

    def __post_init__(self) -> None:
        _check_at_least("n_init", self.n_init, 1)
        _check_at_least("max_age", self.max_age_track, 0)
        _check_at_least("track_history", self.track_history, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppearanceOptions:
    """What a person's appearance is, and how a track remembers it.

    Raises:
        ConfigError: for an unknown kind.
    """

    kind: str = "phalp"
    """'phalp' codes, or 'colour' signatures in their first 192 numbers."""

    alpha: float = 0.1
    """Share of a new texture in a track's memory."""

    def __post_init__(self) -> None:
        _check_known("appearance", self.kind, APPEARANCES)


def _check_known(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(f"unknown {what}", where=value, hint=f"known are {', '.join(known)}")


def _check_at_least(name: str, value: float, least: int) -> None:
    if not value >= least:
        raise ConfigError(f"{name} must be at least {least}", where=value)
