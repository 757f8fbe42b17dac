"""The keys of the configuration that a job may set, and a job's configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from humantrack import extras
from humantrack.config.load import load_config
from humantrack.errors import ConfigError
from humantrack.trackers.official_files import missing_files
from humantrack.units import parse_time

_CHECKPOINT_S = 10.0
_LATEST_S = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A key that a client may set."""

    key: str
    """Of the configuration."""

    type: str
    """'boolean', 'integer', 'time' or 'string'."""

    help: str
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    """What else is allowed besides ``choices``."""

    def public(self) -> dict[str, Any]:
        """What a client gets to see."""
        return {"type": self.type, "choices": list(self.choices) or None, "help": self.help}

    def checked(self, name: str, value: Any) -> Any:
        """The value as the configuration wants it.

        Raises:
            ConfigError: if it is invalid.
        """
        if self.type == "boolean" and isinstance(value, bool):
            return value
        if self.type == "integer" and isinstance(value, float) and value.is_integer():
            value = int(value)  # JSON knows one sort of number
        if self.type == "integer" and type(value) is int and 0 <= value < 2**53:
            return value
        is_time = isinstance(value, str | int | float) and not isinstance(value, bool)
        if self.type == "time" and is_time:
            if isinstance(value, str) and len(value) > 40:
                raise ConfigError("is not a time", where=name)
            if isinstance(value, int | float) and not 0 <= value < _LATEST_S:
                raise ConfigError("is not a time", where=name)
            try:
                parse_time(value)
            except ConfigError as error:
                raise ConfigError(str(error), where=name) from error
            return float(value) if isinstance(value, int) else value
        if self.type == "string" and isinstance(value, str):
            if value in self.choices or (self.pattern and re.fullmatch(self.pattern, value)):
                return value
            raise ConfigError(f"must be one of {', '.join(self.choices)}", where=name)
        raise ConfigError(f"must be a {self.type}", where=name)


OVERRIDES = {
    "start_time": Override(
        key="video.start_time", type="time", help="Start, as 90, 1m30s or 00:01:30."
    ),
    "end_time": Override(key="video.end_time", type="time", help="Stop before this time."),
    "start_frame": Override(key="video.start_frame", type="integer", help="First frame, from 0."),
    "end_frame": Override(key="video.end_frame", type="integer", help="Frame to stop before."),
    "detect_shots": Override(
        key="detect_shots", type="boolean", help="Find cuts, and track people across them."
    ),
    "tracker": Override(
        key="tracker",
        type="string",
        choices=("auto", "embedded", "hmr2"),
        help="hmr2 needs the official files; auto takes it if they are there.",
    ),
    "render.enable": Override(key="render.enable", type="boolean", help="Draw the overlay video."),
    "render.type": Override(
        key="render.type",
        type="string",
        choices=("HUMAN_MESH", "HUMAN_MASK", "HUMAN_BBOX", "SKELETON"),
        pattern=r"TRACKID_\d{1,9}_MESH",
        help="What the overlay shows; TRACKID_<n>_MESH shows one person.",
    ),
    "render.head_mask": Override(
        key="render.head_mask", type="boolean", help="Leave heads undrawn, so that faces show."
    ),
}


LONGEST = "live.duration"
_OF_A_CLIP = ("start_time", "end_time", "start_frame", "end_frame")
LIVE_OVERRIDES = {
    **{name: one for name, one in OVERRIDES.items() if name not in _OF_A_CLIP},
    LONGEST: Override(key=LONGEST, type="time", help="End after this time, as 90, 10m or 1h."),
}
"""Those of a live job."""


@cache
def _composed() -> Any:
    return load_config({"video.source": "clip.mp4"})


@cache
def defaults() -> dict[str, Any]:
    """What each override is where a client leaves it alone."""
    every = OVERRIDES | LIVE_OVERRIDES
    return {name: _plain(OmegaConf.select(_composed(), o.key)) for name, o in every.items()}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def offered(every: Mapping[str, Override] = OVERRIDES) -> dict[str, Override]:
    """The keys and values that work on this machine: hmr2 only where its files are.

    Workers on other machines may know more, so what is not offered is not refused for that.
    """
    tracker = every["tracker"]
    if has_official_files():
        return dict(every)
    choices = tuple(name for name in tracker.choices if name != "hmr2")
    about = "How people are found; both mean the tracker that needs no further files."
    return {**every, "tracker": replace(tracker, choices=choices, help=about)}


def has_official_files() -> bool:
    """Whether a job with ``tracker=hmr2`` could begin on this machine."""
    return not extras.missing(*extras.TORCH) and not missing_files(_composed())


def check_overrides(
    values: Mapping[str, Any], every: Mapping[str, Override] = OVERRIDES
) -> dict[str, Any]:
    """A client's overrides, each of them one that is declared.

    Args:
        values: as the client gave them.
        every: those that are declared.

    Raises:
        ConfigError: for an unknown name or an invalid value.
    """
    for name in values:
        if name not in every:
            known = ", ".join(every)
            raise ConfigError("unknown override", where=str(name)[:60], hint=f"known are {known}")
    found = {n: every[n].checked(n, v) for n, v in values.items() if v is not None}
    if LONGEST in found and not parse_time(found[LONGEST]):
        raise ConfigError("must be more than nothing", where=LONGEST)
    return found


def live_config(
    source: str,
    output: Path,
    overrides: Mapping[str, Any],
    *,
    longest_s: float,
    reconnect_s: float,
) -> tuple[Any, float | None]:
    """The configuration of a live job, and the length asked for; errors as :func:`job_config`'s.

    Args:
        source: what is shown of its address.
        output: the attempt's folder.
        overrides: as the client gave them.
        longest_s: the service's limit of its length.
        reconnect_s: how long a lost source is tried again.
    """
    checked = check_overrides(overrides, LIVE_OVERRIDES)
    asked = {LIVE_OVERRIDES[n].key: value for n, value in checked.items()}
    wanted_s = parse_time(checked.get(LONGEST))
    ours = {
        "video.source": source,
        "video.output_dir": output,
        "debug": True,
        "live.reconnect_s": reconnect_s,
        LONGEST: longest_s if wanted_s is None else min(wanted_s, longest_s),
    }
    return load_config(asked | ours), wanted_s


def job_config(source: Path, output: Path, overrides: Mapping[str, Any]) -> Any:
    """The configuration of a job. Values are set as they are, never read as Hydra's language.

    Raises:
        ConfigError: for an invalid value.
    """
    asked = {OVERRIDES[n].key: value for n, value in check_overrides(overrides).items()}
    ours = {
        "video.source": source,
        "video.output_dir": output,
        "debug": True,  # plain lines instead of a progress bar
        "checkpoint.every_s": _CHECKPOINT_S,
    }
    return load_config(asked | ours)
