"""NanoDet: person boxes on the CPU, without a download."""

from humantrack.detect.nanodet.detector import MOST_EVERY, NanoDet

__all__ = ["MOST_EVERY", "NanoDet"]
