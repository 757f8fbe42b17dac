"""What frames carry besides pixels, in spite of what PyAV does with it."""

from __future__ import annotations

import ctypes
import gc
from typing import Any

import av
from av.dictionary import Dictionary
from av.sidedata import sidedata


def side_data(frame: av.VideoFrame) -> Any:
    """A frame's side data by PyAV's names of its kinds: a mapping to buffers.

    Raises:
        ValueError: if there are kinds that PyAV does not know, in spite of ``_know_all``.
    """
    found: Any = frame.side_data
    for entry in found:
        _keep_metadata(entry if isinstance(entry, sidedata.SideData) else found[entry])
    return found


def _keep_metadata(entry: Any) -> None:
    """Leave the metadata of side data to the frame, which frees them.

    PyAV's dictionary frees them, too, when it goes: of a PNG with a colour profile, which has a
    name, they were freed twice, and the process crashed. So the dictionary never goes; that costs
    some hundred bytes for each video that is opened.
    """
    for held in gc.get_referents(entry):
        if isinstance(held, Dictionary) and len(held):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))


def _know_all() -> None:
    """Let PyAV read the side data of frames that carry kinds it has no name for, as EXIF.

    It raises for all of a frame's side data else, and FFmpeg gains new kinds every year.
    """

    def unnamed(kinds: Any, value: Any) -> Any:
        if not isinstance(value, int):
            return None
        kind = object.__new__(kinds)
        kind._name_, kind._value_ = f"UNKNOWN_{value}", value
        return kinds._value2member_map_.setdefault(value, kind)

    sidedata.Type._missing_ = classmethod(unnamed)  # type: ignore[assignment,method-assign]


_know_all()
