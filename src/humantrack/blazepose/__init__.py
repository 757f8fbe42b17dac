"""The embedded default: landmark model, landmarks -> body, colours."""

from humantrack.blazepose.estimator import BlazePoseEstimator

__all__ = ["BlazePoseEstimator"]
