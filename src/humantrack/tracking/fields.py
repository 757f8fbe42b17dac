"""The parts of the tracker's vectors by name."""

from __future__ import annotations


class Location:
    """Parts of a location vector (99,), as PHALP's ``tracking`` files lay it out.

    Of a detection: 45 joints (x, y) in the padded square, 0..1, the last of them the root, then
    the camera three times. A forecast keeps the newest joints and holds, after the camera that
    belongs to the forecast root, the intervals of the forecast.
    """

    JOINTS = slice(0, 88)
    ROOT_XY = slice(88, 90)
    CAMERA_XY = slice(90, 92)
    DEPTH = 92
    X_INTERVAL, Y_INTERVAL = 93, 94
    DEPTH_INTERVAL = 95
    """Exponential of the interval of the log depth."""

    INTERVALS = slice(93, 96)
    UNUSED = slice(96, 99)

    ROOT_AND_DEPTH = (88, 89, 92)
    """What a forecast is made of."""

    SIZE = 99
