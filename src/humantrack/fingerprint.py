"""Short names: of a source and a configuration, to know a run again, and of files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_SAMPLE = 1 << 20
"""Bytes read at the start, the middle and the end of a file."""

LONGEST_NAME = 150
"""Bytes of a clip's name that go into file names; systems allow 255 with all that we add."""

NEUTRAL_KEYS = (
    *("batch_frames", "read_ahead", "debug", "verbose", "overwrite", "device"),
    *("video.source", "video.output_dir", "video.base_path", "track_dataset", "base_tracker"),
    *("checkpoint", "sweep", "live", "video.allow_hosts"),
    *("split", "results.observations"),
)
"""Keys, or whole sections, that change no result: where things lie and how fast it goes."""


def source_fingerprint(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> str:
    """A source's content in 16 hex digits, without reading all of it.

    A file counts with its size and a megabyte of its start, middle and end, so that a copy on
    another machine is the same source and a longer or re-encoded one is not; of a folder's files
    (and of a list of files) their names count too.

    Raises:
        OSError: if something cannot be read.
    """
    digest = hashlib.sha256()
    if isinstance(paths, str | os.PathLike):
        top = Path(paths)
        files = sorted(p for p in top.rglob("*") if p.is_file()) if top.is_dir() else [top]
        alone = not top.is_dir()
    else:
        files, alone = [Path(p) for p in paths], False
    for path in files:
        if not alone:
            digest.update(path.name.encode("utf-8", "surrogateescape") + b"\0")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest.update(size.to_bytes(8, "little"))
            for start in sorted({0, max(size // 2 - _SAMPLE // 2, 0), max(size - _SAMPLE, 0)}):
                file.seek(start)
                digest.update(file.read(_SAMPLE))
    return digest.hexdigest()[:16]


def config_fingerprint(config: Mapping[str, Any], *, version: str) -> str:
    """The keys that change a result, and the program's version, in 16 hex digits.

    Args:
        config: the whole configuration, resolved, as plain containers.
        version: of humantrack.
    """
    kept = {
        key: {name: value for name, value in section.items() if f"{key}.{name}" not in NEUTRAL_KEYS}
        if isinstance(section, Mapping)
        else section
        for key, section in config.items()
        if key not in NEUTRAL_KEYS
    }
    text = json.dumps([version, kept], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def clip_name(path: str | os.PathLike[str]) -> str:
    """A file's name without its last suffix; dots in front of it do not count."""
    name = Path(path).name.lstrip(".")
    stem, dot, _ = name.rpartition(".")
    return (stem if dot else name) or "video"


def shortened(name: str) -> str:
    """A clip's name as it goes into file names.

    A long one is cut, with 8 hex digits of it all; so is one that ends as unfinished results, or
    a world file, do.
    """
    data = os.fsencode(name)
    if len(data) <= LONGEST_NAME and not name.lower().endswith((".partial", ".world")):
        return name
    kept = data[: LONGEST_NAME - 9].decode("utf-8", "ignore")
    return f"{kept}~{hashlib.sha256(data).hexdigest()[:8]}"
