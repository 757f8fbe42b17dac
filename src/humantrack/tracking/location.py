"""Location forecasts of tracks: ridge line fits of position and log depth, with intervals."""

from __future__ import annotations

from functools import cache

import numpy as np

from humantrack.tracking.fields import Location
from humantrack.types.arrays import BoolArray, FloatArray, IntArray

MAX_AHEAD = 48
RIDGE = np.array([1.2, 2.0, 5.0])
"""Ridge penalties for x, y and log depth."""

CONFIDENCE = 0.975
FOCAL_PX, SQUARE_PX = 5000.0, 256.0


def is_forecastable(locations: FloatArray, times: IntArray) -> BoolArray:
    """(N,) whether a line can be fitted: two different times, all depths positive, all finite."""
    position, depth = locations[..., Location.ROOT_XY], locations[..., Location.DEPTH]
    finite = np.isfinite(position).all(axis=(1, 2)) & np.isfinite(depth).all(axis=1)
    return np.asarray(finite & (depth > 0).all(axis=1) & (np.ptp(times, axis=1) > 0))


@cache
def _quantile(freedom: int) -> float:
    """Of Student's t."""
    from scipy.special import stdtrit  # slow to import

    return float(stdtrit(freedom, CONFIDENCE))


def forecast_locations(locations: FloatArray, times: IntArray, ahead: IntArray) -> FloatArray:
    """Location vectors one frame after the last, plus ``ahead`` frames.

    Args:
        locations: (N,n,99) a track's last location vectors, oldest first, n >= 3.
        times: (N,n) frame numbers, not decreasing.
        ahead: (N,) frames since the last detection; more than 48 counts as 48.

    Returns:
        (N,99) float32, its parts named by ``fields.Location``: joints 0..43 of the newest; the
        root's forecast (x, y) in the padded square; the camera (X, Y, depth) for it; the 95 %
        intervals of x and y, and the exponential of that of log depth, all divided by 1 + the
        number of repeated times (a young track's history is padded with its first entry); and 1,
        1, 0. Intervals are NaN if all times are equal, everything is NaN if a depth is not
        positive.
    """
    n = locations.shape[1]
    t = times.astype(np.float64)
    mean_t = t.mean(axis=1, keepdims=True)
    target = t[:, -1:] + 1 + np.minimum(ahead, MAX_AHEAD)[:, None] - mean_t
    centred = t - mean_t
    spread = (centred**2).sum(axis=1, keepdims=True)
    repeats = 1 + (np.diff(times, axis=1) == 0).sum(axis=1)

    with np.errstate(all="ignore"):
        y = locations[..., Location.ROOT_AND_DEPTH].astype(np.float64)
        y[..., 2] = np.log(np.where(y[..., 2] > 0, y[..., 2], np.nan))
        mean = y.mean(axis=1)
        slope = (centred[..., None] * (y - mean[:, None])).sum(axis=1) / (spread + RIDGE)
        forecast = mean + slope * target
        residual = y - mean[:, None] - slope[:, None] * centred[..., None]
        deviation = np.sqrt((residual**2).sum(axis=1) / (n - 2))
        leverage = np.sqrt(1 + 1 / n + target**2 / np.where(spread > 0, spread, np.nan))
        interval = _quantile(n - 2) * deviation * leverage
        interval[:, 2] = np.exp(interval[:, 2])
        depth = np.exp(forecast[:, 2])

    out = np.empty((len(locations), Location.SIZE))
    out[:, Location.JOINTS] = locations[:, -1, Location.JOINTS]
    out[:, Location.ROOT_XY] = forecast[:, :2]
    with np.errstate(all="ignore"):
        out[:, Location.CAMERA_XY] = (forecast[:, :2] - 0.5) * depth[:, None] / FOCAL_PX * SQUARE_PX
    out[:, Location.DEPTH] = depth
    out[:, Location.INTERVALS] = interval / repeats[:, None]
    out[:, Location.UNUSED] = 1, 1, 0
    with np.errstate(over="ignore"):
        return out.astype(np.float32)
