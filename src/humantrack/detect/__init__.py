"""The Detector protocol's implementations, one file per detector."""

from humantrack.detect.given import GivenBoxes, GivenFrame
from humantrack.detect.nanodet import NanoDet

__all__ = ["GivenBoxes", "GivenFrame", "NanoDet"]
