"""Tracks clips with truth; records what is known of each body, and how far off its joints are."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from lib.measures import HIPS, OF_BODY25, at_hips, to_axis
from lib.score_real import is_real

from humantrack.blazepose import estimator
from humantrack.evaluation.benchmarks.drawn import read_drawn
from humantrack.evaluation.joints import LIMBS_OF_SMPL
from humantrack.geometry.cameras import PaddedSquare
from humantrack.types import JointSource

_WHOLE = 0.95
"""Visible share from which a drawn person counts."""
_NEAR = 0.12
"""Joints seen lie this near to the true ones, in heights of the person, or it is somebody else."""

Rows = dict[str, np.ndarray]


def record(clips: Sequence[tuple[Path, Path]]) -> Rows:
    """Rows of everybody found in clips (video, truth): ``fit_trust.py`` says what each holds."""
    rows: list[dict[str, Any]] = []
    for clip, truth in clips:
        with packaged() as found:
            _track(clip)
        true_m, true_px, counts = _truth(truth)
        for frame, seen, bodies, guess in found:
            if frame < len(true_m):
                pairs = _pairs(seen, bodies, true_px[frame], counts[frame])
                rows += [
                    {"clip": clip.stem, "real": is_real(truth)}
                    | _row(seen, bodies, i, true_m[frame, k])
                    for i, k in pairs
                    if guess[i] == JointSource.SEEN
                ]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {}


@contextmanager
def packaged() -> Iterator[list[tuple[int, Any, Any, np.ndarray]]]:
    """Frame, ``Seen``, ``BodyBatch`` and guesses of all that the estimator gives out."""
    found: list[tuple[int, Any, Any, np.ndarray]] = []
    real = estimator.BlazePoseEstimator._package

    def recording(self, one, made):  # type: ignore[no-untyped-def]
        people = one.people
        found.append((one.frame.index, people.seen, made.bodies, np.asarray(people.found.guess)))
        return real(self, one, made)

    with mock.patch.object(estimator.BlazePoseEstimator, "_package", recording):
        yield found


def _track(clip: Path) -> None:
    from humantrack import BlazePose_4dhuman, load_config

    with tempfile.TemporaryDirectory() as folder:
        keys = (f"video.source='{clip}'", f"video.output_dir='{folder}'")
        quick = ("render.enable=false", "world.enable=false")
        BlazePose_4dhuman(load_config(*keys, *quick)).track()


def _truth(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Joints (T,N,12,3) metres, camera axes, and (T,N,12,2) px, and (T,N) who counts."""
    if is_real(path):
        with np.load(path) as arrays:
            m, px = arrays["joints_m"].astype(float), arrays["joints_px"].astype(float)
        return m[:, None], px[:, None], np.isfinite(m).all(axis=(1, 2))[:, None]
    truth = read_drawn(path)
    of_limbs = list(LIMBS_OF_SMPL)
    counts = truth.present & (truth.visible > _WHOLE)
    return truth.joints[:, :, of_limbs], truth.joints_px[:, :, of_limbs], counts


def _pairs(
    seen: Any, bodies: Any, true_px: np.ndarray, counts: np.ndarray
) -> Iterator[tuple[int, int]]:
    """Who found is whom of the truth."""
    square = PaddedSquare(seen.height, seen.width)
    px = square.to_image(np.asarray(bodies.joints_2d, float))[:, OF_BODY25]
    for k in np.flatnonzero(counts):
        height = np.ptp(true_px[k, :, 1])
        apart = np.linalg.norm(px - true_px[k], axis=-1).mean(axis=-1)
        if len(apart) and apart.min() < _NEAR * height:
            yield int(apart.argmin()), int(k)


def _row(seen: Any, bodies: Any, i: int, true: np.ndarray) -> dict[str, Any]:
    joints = np.asarray(bodies.joints_3d[i], float)
    ours, plain = at_hips(joints[OF_BODY25]), at_hips(true)
    along = at_hips(true @ to_axis(true[HIPS].mean(axis=0)).T)
    return {
        "xy_px": seen.xy_px[i].astype(np.float32),
        "world": seen.world[i].astype(np.float32),
        "visibility": seen.visibility[i].astype(np.float32),
        "padded_xyxy_px": seen.padded_xyxy_px[i].astype(np.float32),
        "height_width": np.array([seen.height, seen.width]),
        "joints_3d": joints.astype(np.float32),
        "cam_t": bodies.cam_t[i],
        "error_mm": (1000 * np.linalg.norm(ours - along, axis=-1)).astype(np.float32),
        "plain_mm": (1000 * np.linalg.norm(ours - plain, axis=-1)).astype(np.float32),
    }
