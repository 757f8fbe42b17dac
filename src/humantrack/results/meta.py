"""Description of a run and its outcome, as ``<name>.meta.json`` beside its results."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from humantrack._version import __version__
from humantrack.atomic import atomic_write
from humantrack.errors import OutputError
from humantrack.types import SourceInfo

PACKAGES = ("numpy", "joblib", "torch", "onnxruntime", "opencv-python-headless", "av")
"""Packages whose versions can change a result."""

_LARGEST = 1 << 24
"""Bytes of a description that are read; a real one has some thousands."""


def versions() -> dict[str, str]:
    """Versions of humantrack, Python, the platform and those of ``PACKAGES`` that are there."""
    found = {
        "humantrack": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    known = ((package, _version_of(package)) for package in PACKAGES)
    return found | {package: number for package, number in known if number is not None}


@cache
def _version_of(package: str) -> str | None:
    """To look into the package's metadata takes milliseconds."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeErrors:
    """Errors that the decoder reported and could recover from."""

    count: int = 0
    """Messages; one damaged frame may cause several."""

    messages: tuple[str, ...] = ()
    """The first hundred different ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMeta:
    """One run. The fields of docs/results.md, in its order."""

    status: str
    """'complete', or 'partial' if the run was stopped."""

    source: SourceInfo
    frame_count: int
    """Frames in the results."""

    track_count: int | None = None
    """Different track ids in the results."""

    people: int | None = None
    """Most people seen in one frame."""

    results: str | None = None
    """File name of the results, in the same folder."""

    model: Mapping[str, Any] = field(default_factory=dict)
    """Which models and weights were used."""

    config: Mapping[str, Any] = field(default_factory=dict)
    """The whole configuration, resolved."""

    timings_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds spent in each stage, and in all ('total')."""

    fingerprint: Mapping[str, str] = field(default_factory=dict)
    """Of the 'source' and of the 'config': the same two, the same results."""

    place: str | None = None
    """Short for the video's absolute path, which it does not tell."""

    resumed_from: int = 0
    """Frames taken over from a run that was stopped or killed."""

    decode_errors: DecodeErrors = DecodeErrors()

    warnings: tuple[str, ...] = ()
    """What may be wrong with the source, a line each."""

    error: str | None = None
    """Why a partial run stopped."""

    world: Mapping[str, Any] | None = None
    """How the world beside the results was found, and how sure that is; None: there is none."""

    live: Mapping[str, Any] | None = None
    """How a camera or an endless stream was read, and what of it is missing; None for a file."""

    versions: Mapping[str, str] = field(default_factory=versions)
    """Of humantrack, Python, the platform and the packages that matter."""

    schema: int = 2
    """Version of this list of fields."""


def meta_path(results: str | os.PathLike[str]) -> Path:
    """``<stem>.meta.json`` beside a results file, partial or not."""
    path = Path(results)
    return path.with_name(f"{path.stem.removesuffix('.partial')}.meta.json")


def write_meta(path: str | os.PathLike[str], meta: RunMeta | Mapping[str, Any]) -> None:
    """Write a run's description as JSON, whole or not at all.

    NaN and infinity become null, fractions become numbers (a source's exact rate is kept as
    ``fps_exact``), paths strings, numpy arrays lists.

    Raises:
        OutputError: if a value has no place in JSON, or the file cannot be written.
    """
    try:
        plain = to_json(meta)
        text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise OutputError(f"cannot describe the run ({error})", where=path) from error
    with atomic_write(path) as file:
        file.write(text.encode("utf-8", "backslashreplace") + b"\n")


def read_meta(results: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The description beside a results file; None if there is none that can be read."""
    try:
        with meta_path(results).open("rb") as file:
            content = json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def warnings_in(meta: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The warnings in a description; none in one that is older than they are."""
    lines = (meta or {}).get("warnings")
    return tuple(line for line in lines if isinstance(line, str)) if isinstance(lines, list) else ()


def to_json(value: Any) -> Any:  # noqa: PLR0911, one return for each kind
    """Plain JSON values for what a run's description may hold.

    Raises:
        TypeError: for anything else.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float() | Fraction():
            return float(value) if math.isfinite(value) else None
        case PurePath():
            return str(value)
        case np.generic() | np.ndarray():
            return to_json(value.tolist())
        case SourceInfo(fps=fps):
            return {**_fields(value), "fps_exact": f"{fps.numerator}/{fps.denominator}"}
        case Mapping():
            return {str(key): to_json(item) for key, item in value.items()}
        case list() | tuple():
            return [to_json(item) for item in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return _fields(value)
    raise TypeError(f"no place in JSON for a {type(value).__module__}.{type(value).__qualname__}")


def _fields(value: Any) -> dict[str, Any]:
    return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
