"""PHALP's association costs between tracks and detections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from humantrack.errors import ConfigError
from humantrack.tracking.fields import Location
from humantrack.tracking.texture import Embedder
from humantrack.types.arrays import BoolArray, FloatArray


class Equation(NamedTuple):
    """Fitted constants of one cost, from PHALP's public ``deep_sort_`` files."""

    texture: float
    pose: float
    location: float
    depth: float
    pose_cap: float


EQUATIONS = {
    "EQ_019": Equation(4.0536, 1.3070, 0.3792, 4.1658, pose_cap=1.5),
    "EQ_010": Equation(3.8303, 1.5207, 0.4930, 4.5831, pose_cap=1.2),
}
EQ_010_AFTER_A_CUT = Equation(7.8303, 1.5207, 1e100, 1e100, pose_cap=1.2)
COMPONENTS = ("A0", "P0", "L0", "LC", "N0", "NC")
DISTANCE_TYPES = (*EQUATIONS, *COMPONENTS)
POSE_SIZES = {"smpl": 226, "joints": 229}
"""Leading numbers of a pose vector that are compared."""

INTERVAL_FLOOR = 0.1
TEXTURE_SCALE = 100.0

CodeDistance = Callable[[FloatArray, FloatArray], FloatArray]
"""(T,C), (D,C) -> (T,D) appearance component."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What is compared of one track or one detection."""

    location: FloatArray
    """(99,) a detection's location vector, or a forecast (see ``location.py``)."""

    pose: FloatArray
    """(229,)"""

    code: FloatArray
    """(C,)"""

    uv: FloatArray | None = None
    """(4,256,256), needed only where textures are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleBatch:
    """N samples, stacked; fields as in ``Sample``."""

    location: FloatArray
    pose: FloatArray
    code: FloatArray
    uv: FloatArray | None = None

    @staticmethod
    def stack(samples: Sequence[Sample]) -> SampleBatch:
        """Join at least one sample."""
        maps = [s.uv for s in samples if s.uv is not None]
        return SampleBatch(
            location=np.stack([s.location for s in samples]),
            pose=np.stack([s.pose for s in samples]),
            code=np.stack([s.code for s in samples]),
            uv=np.stack(maps) if len(maps) == len(samples) else None,
        )


def squared_distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """(T,C), (D,C) -> (T,D) float64 squared Euclidean distances."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * (a @ b.T)
        return np.asarray(np.maximum(squares, 0.0))


def code_distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """PHALP's comparison of appearance codes: (T,C), (D,C) -> (T,D)."""
    return squared_distances(a.astype(np.float64) / 1000, b.astype(np.float64) / 1000)


def motion_components(
    tracks: SampleBatch, detections: SampleBatch, *, any_depth: bool = False
) -> dict[str, FloatArray]:
    """L0 offset, LC its interval, N0 |log depth ratio|, NC its interval; each (T,D) float64.

    A depth that is not positive gives NaN, unless ``any_depth`` (then only a negative ratio does).
    """
    t, d = tracks.location.astype(np.float64), detections.location.astype(np.float64)
    shape = (len(t), len(d))
    depth_t, depth_d = t[:, Location.DEPTH], d[:, Location.DEPTH]
    if not any_depth:
        depth_t = np.where(depth_t > 0, depth_t, np.nan)
        depth_d = np.where(depth_d > 0, depth_d, np.nan)
    with np.errstate(all="ignore"):
        offset = t[:, None, Location.ROOT_XY] - d[None, :, Location.ROOT_XY]
        interval = np.hypot(t[:, Location.X_INTERVAL], t[:, Location.Y_INTERVAL])
        depth_interval = np.abs(np.log(1 / t[:, Location.DEPTH_INTERVAL]))
        return {
            "L0": np.hypot(offset[..., 0], offset[..., 1]),
            "LC": np.broadcast_to(interval[:, None], shape),
            "N0": np.abs(np.log(depth_t[:, None] / depth_d)),
            "NC": np.broadcast_to(depth_interval[:, None], shape),
        }


class AssociationCost:
    """The cost of every track x detection pair; 1 or more for the EQ costs, the lower the better.

    ::

        (1 + b0 texture) (1 + b1 pose) exp(L0 / (0.1 + tanh LC) / b2) exp(N0 / (0.1 + tanh NC) / b3)

    A pair with a NaN anywhere costs infinity (``nan_matches``: 0, as in the genuine program).

    Args:
        predict: letters of what is compared; T texture maps, else A appearance codes.
        distance_type: EQ_019, EQ_010 (after a cut: codes and pose alone), or one component: A0
            appearance, P0 pose, or those of ``motion_components``.
        pose_distance: 'smpl' without, 'joints' with the camera in the pose vector.
        code_distance: compares appearance codes.
        embedder: compares texture maps; needed if ``predict`` has a T.
        nan_matches: keep two defects: NaN costs 0, and two negative depths compare.

    Raises:
        ConfigError: for an unknown distance, or T without an embedder.
    """

    def __init__(
        self,
        *,
        predict: str,
        distance_type: str,
        pose_distance: str = "smpl",
        code_distance: CodeDistance = code_distances,
        embedder: Embedder | None = None,
        nan_matches: bool = False,
    ) -> None:
        if distance_type not in DISTANCE_TYPES:
            hint = f"known are {', '.join(DISTANCE_TYPES)}"
            raise ConfigError("unknown distance type", where=distance_type, hint=hint)
        if pose_distance not in POSE_SIZES:
            hint = f"known are {', '.join(POSE_SIZES)}"
            raise ConfigError("unknown pose distance", where=pose_distance, hint=hint)
        if "T" in predict and embedder is None:
            hint = "give the tracker a texture encoder, or use A instead of T"
            raise ConfigError("texture tracking needs an encoder", where=predict, hint=hint)
        self._predict, self._type = predict, distance_type
        self._pose_size = POSE_SIZES[pose_distance]
        self._code_distance, self._embedder = code_distance, embedder
        self._nan_matches = nan_matches

    def __call__(
        self,
        tracks: SampleBatch,
        detections: SampleBatch,
        *,
        is_shot_start: bool = False,
        threshold: float = np.inf,
    ) -> FloatArray:
        """(T,D) float64; textures of pairs past ``threshold`` without them are not compared."""
        motion = motion_components(tracks, detections, any_depth=self._nan_matches)
        p = self._pose_size
        motion["P0"] = squared_distances(tracks.pose[:, :p], detections.pose[:, :p])
        if self._type == "A0":
            cost = self._texture(tracks, detections, np.ones(motion["P0"].shape, bool))
        elif self._type in COMPONENTS:
            cost = motion[self._type]
        else:
            cost = self._equation(tracks, detections, motion, is_shot_start, threshold)
        return np.where(np.isnan(cost), 0.0 if self._nan_matches else np.inf, cost)

    def _equation(
        self,
        tracks: SampleBatch,
        detections: SampleBatch,
        parts: dict[str, FloatArray],
        is_shot_start: bool,
        threshold: float,
    ) -> FloatArray:
        cut = self._type == "EQ_010" and is_shot_start
        b = EQ_010_AFTER_A_CUT if cut else EQUATIONS[self._type]
        with np.errstate(all="ignore"):
            pose = 1 + b.pose * np.minimum(parts["P0"], b.pose_cap)
            offset = parts["L0"] / (INTERVAL_FLOOR + np.tanh(parts["LC"])) / b.location
            depth = parts["N0"] / (INTERVAL_FLOOR + np.tanh(parts["NC"])) / b.depth
            cost = pose * np.exp(offset + depth)
            if cut:
                texture = self._code_distance(tracks.code, detections.code)
            else:
                texture = self._texture(tracks, detections, cost <= threshold)
            return np.asarray(cost * (1 + b.texture * texture))

    def _texture(
        self, tracks: SampleBatch, detections: SampleBatch, wanted: BoolArray
    ) -> FloatArray:
        if "T" in self._predict and self._embedder is not None:
            if tracks.uv is None or detections.uv is None:
                raise ValueError("texture maps are compared, but a sample has none")
            return TEXTURE_SCALE * self._embedder.squared_distances(
                tracks.uv, detections.uv, wanted
            )
        if "A" in self._predict:
            return self._code_distance(tracks.code, detections.code)
        return np.zeros(wanted.shape)
