"""What files are called where they are saved: after the clip they are of."""

from __future__ import annotations

import re

_OURS = "results"
_LONGEST = 120
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]+')
"""What a name cannot have on Windows, macOS or Linux."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)


def saved_name(clip: str, file: str) -> str:
    """``Läufer 1.mp4`` and ``results_track1.bvh`` -> ``Läufer 1_track1.bvh``.

    Args:
        clip: as its owner calls it.
        file: as a job lists it: ``results.json``, ``overlay.mp4``.
    """
    stem = _stem(clip)
    if file.startswith(_OURS):
        return stem + file.removeprefix(_OURS)
    return f"{stem}_{file}"


def _stem(clip: str) -> str:
    name = "".join(c if c.isprintable() else "_" for c in clip)
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem or len(suffix) > 5 or " " in suffix:  # no suffix: "take 2.final cut"
        stem = name
    stem = _UNSAFE.sub("_", stem).strip(" .")[:_LONGEST].rstrip(" .") or "clip"
    return f"_{stem}" if _RESERVED.fullmatch(stem) or stem.startswith(("-", "~")) else stem
