"""Records what the landmark network finds, frame by frame, while a clip is tracked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import numpy as np

from humantrack.blazepose import estimator


@contextmanager
def recorded() -> Iterator[dict[int, np.ndarray]]:
    """Frame number -> (N,33,2) image points of everybody found, before smoothing and fitting.

    It stays empty if the estimator has no ``find_people`` to listen to.
    """
    found: dict[int, np.ndarray] = {}
    real = getattr(estimator, "find_people", None)
    if real is None:
        yield found
        return

    def recording(search, *arguments, **named):  # type: ignore[no-untyped-def]
        sightings, detections = real(search, *arguments, **named)
        found[search.frame.index] = np.array(sightings.landmarks.xy_px, float)
        return sightings, detections

    with mock.patch.object(estimator, "find_people", recording):
        yield found
