"""Where a person's box is expected: a Kalman filter of its centre and size.

Four filters side by side, each of a value and its change per frame: centre x and y in pixels, and
the logs of width and height. Standard deviations are shares of the person's height, as in DeepSORT
(arXiv 1703.07402).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from humantrack.types.arrays import BoolArray, FloatArray

MEASURED = 0.05
"""Standard deviation of a box, in heights; of logs of sizes as it is."""

FIRST_SPEED = np.array([0.06, 0.06, 0.02, 0.02])
"""Standard deviations of the speed of somebody seen once, in heights per frame."""

ACCELERATION = np.array([0.015, 0.015, 0.004, 0.004])
"""Standard deviations of the change of a speed from frame to frame."""

DAMPED = np.array([0.93, 0.93, 0.7, 0.7])
"""Share of a speed that is left after each frame in which nobody is seen."""

_LEAST_SIZE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxMotion:
    """What is believed of a person's box in one frame, or of N people's side by side (...)."""

    mean: FloatArray
    """(...,4,2) float64: value and change of x, y, log width, log height."""

    covariance: FloatArray
    """(...,4,2,2)"""

    @staticmethod
    def first(xyxy: FloatArray) -> BoxMotion:
        """Of people seen once, in boxes (...,4) px."""
        value = _measured(xyxy)
        unit = _units(value[..., 3])
        covariance = np.zeros((*value.shape, 2, 2))
        covariance[..., 0, 0] = (MEASURED * unit) ** 2
        covariance[..., 1, 1] = (FIRST_SPEED * unit) ** 2
        return BoxMotion(
            mean=np.stack([value, np.zeros_like(value)], axis=-1), covariance=covariance
        )

    @staticmethod
    def stack(motions: Sequence[BoxMotion]) -> BoxMotion:
        """N of one person each as one."""
        return BoxMotion(
            mean=np.array([m.mean for m in motions]),
            covariance=np.array([m.covariance for m in motions]),
        )

    def each(self) -> list[BoxMotion]:
        """The inverse of :meth:`stack`."""
        pairs = zip(self.mean, self.covariance, strict=True)
        return [BoxMotion(mean=mean, covariance=covariance) for mean, covariance in pairs]

    def ahead(self, *, is_seen: bool | BoolArray) -> BoxMotion:
        """One frame later. Who was not seen (...) in this frame slows down."""
        step = np.zeros(self.covariance.shape)
        step[..., 0, 0] = 1
        step[..., 0, 1] = step[..., 1, 1] = np.where(np.asarray(is_seen)[..., None], 1, DAMPED)
        covariance = step @ self.covariance @ step.swapaxes(-1, -2)
        covariance[..., 1, 1] += (ACCELERATION * _units(self.mean[..., 3, 0])) ** 2
        return BoxMotion(mean=(step @ self.mean[..., None])[..., 0], covariance=covariance)

    def seen(self, xyxy: FloatArray) -> BoxMotion:
        """After the boxes (...,4) px of this frame."""
        value = _measured(xyxy)
        noise = (MEASURED * _units(self.mean[..., 3, 0])) ** 2
        gain = self.covariance[..., 0] / (self.covariance[..., 0, 0] + noise)[..., None]
        mean = self.mean + gain * (value - self.mean[..., 0])[..., None]
        covariance = self.covariance - gain[..., :, None] * self.covariance[..., :1, :]
        return BoxMotion(mean=mean, covariance=covariance)

    @property
    def xyxy(self) -> FloatArray:
        """(...,4) the boxes, px."""
        centre, size = self.mean[..., :2, 0], np.exp(self.mean[..., 2:, 0])
        return np.concatenate([centre - size / 2, centre + size / 2], axis=-1)

    @property
    def spread(self) -> FloatArray:
        """(...) standard deviations of the centres, px."""
        x, y = self.covariance[..., 0, 0, 0], self.covariance[..., 1, 0, 0]
        return np.asarray(np.sqrt((x + y) / 2))


def _measured(xyxy: FloatArray) -> FloatArray:
    box = np.array(xyxy, np.float64)
    box[~np.isfinite(box)] = 0.0
    size = np.maximum(box[..., 2:] - box[..., :2], _LEAST_SIZE)
    return np.concatenate([(box[..., :2] + box[..., 2:]) / 2, np.log(size)], axis=-1)


def _units(log_height: FloatArray) -> FloatArray:
    """(...,4) what a standard deviation of 1 height is in."""
    units = np.ones((*np.shape(log_height), 4))
    units[..., :2] = np.exp(log_height)[..., None]
    return units
