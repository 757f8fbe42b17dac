"""The keys of the configuration that a job may set, and a job's configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from humantrack.config.load import load_config
from humantrack.errors import ConfigError
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
            parse_time(value)
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


def check_overrides(values: Mapping[str, Any]) -> dict[str, Any]:
    """A client's overrides, each of them one that is declared.

    Raises:
        ConfigError: for an unknown name or an invalid value.
    """
    for name in values:
        if name not in OVERRIDES:
            known = ", ".join(OVERRIDES)
            raise ConfigError("unknown override", where=str(name)[:60], hint=f"known are {known}")
    return {n: OVERRIDES[n].checked(n, v) for n, v in values.items() if v is not None}


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
