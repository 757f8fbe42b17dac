"""What values keys can have, so that an invalid one is refused before any work."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

from omegaconf import OmegaConf

from humantrack.config.schema import all_keys
from humantrack.errors import ConfigError

_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Range:
    """From ``least`` to ``most``, both included."""

    least: float
    most: float

    def problem(self, value: float) -> str | None:
        """Why a value will not do; None if it will."""
        if math.isnan(value):
            return "must be a number"
        if value < self.least:
            return f"must be {_plain(self.least)} or more"
        if value > self.most:
            return f"must be {_plain(self.most)} or less"
        return None


def _plain(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


_ANY = Range(-_LARGEST, _LARGEST)

RANGES = {
    "batch_frames": Range(1, _LARGEST),
    "checkpoint.every_s": Range(0, math.inf),
    "embedded.weak_score": Range(0, 1),
    "hmr.batch_size": Range(1, _LARGEST),
    "live.keep_segments": Range(0, _LARGEST),
    "live.reconnect_s": Range(0, math.inf),
    "live.target_delay_ms": Range(1, math.inf),
    "phalp.alpha": Range(0, 1),
    "phalp.end_frame": Range(-1, _LARGEST),
    "phalp.hungarian_th": Range(0, math.inf),
    "phalp.max_age_track": Range(0, _LARGEST),
    "phalp.n_init": Range(1, _LARGEST),
    "phalp.past_lookback": Range(1, _LARGEST),
    "phalp.small_h": Range(0, _LARGEST),
    "phalp.small_w": Range(0, _LARGEST),
    "phalp.start_frame": Range(-1, _LARGEST),
    "phalp.track_history": Range(1, _LARGEST),
    "read_ahead": Range(0, _LARGEST),
    "rfdetr.batch_size": Range(1, _LARGEST),
    "render.fps": Range(0.01, 1000),
    "render.output_resolution": Range(0, _LARGEST),
    "seed": Range(-(2**63), 2**63 - 1),
    "split.minutes": Range(0.01, math.inf),
    "split.part": Range(1, _LARGEST),
    "split.warm_up_s": Range(0, math.inf),
    "split.workers": Range(1, _LARGEST),
    "sweep.lost_after_s": Range(1, math.inf),
    "sweep.max_failures": Range(0, _LARGEST),
    "sweep.retries": Range(0, _LARGEST),
    "vitdet.batch_size": Range(1, _LARGEST),
    "video.audio_stream": Range(-1, _LARGEST),
    "video.end_frame": Range(-1, _LARGEST),
    "video.start_frame": Range(-1, _LARGEST),
    "video.stream": Range(-1, _LARGEST),
}
"""By key; any other takes every finite number."""


AUTO_OR = {"embedded.detect_every": Range(1, 1000), "split.parts": Range(1, 10_000)}
"""Keys that take "auto" or a whole number in this range."""


@functools.cache
def _numeric_keys() -> frozenset[str]:
    return frozenset(
        k.name for k in all_keys() if not k.inert and ("int" in k.type or "float" in k.type)
    )


def check_number(key: str, value: object) -> None:
    """Refuse a number that a key does not take; anything else passes.

    Raises:
        ConfigError: naming the key.
    """
    if key in AUTO_OR:
        _check_auto_or_number(key, value)
    if key not in _numeric_keys():
        return
    if isinstance(value, int | float) and not isinstance(value, bool):
        problem = RANGES.get(key, _ANY).problem(value)
        if problem is not None:
            raise ConfigError(problem, where=f"{key}={value}")


def _check_auto_or_number(key: str, value: object) -> None:
    text = str(value)
    if value is None or text == "auto":
        return
    if not (text.isascii() and text.lstrip("-").isdecimal()):
        raise ConfigError("must be auto or a whole number", where=f"{key}={text}")
    problem = AUTO_OR[key].problem(int(text))
    if problem is not None:
        raise ConfigError(f"{problem}, or auto", where=f"{key}={text}")


def check_values(config: Any) -> None:
    """Refuse invalid numbers, what only PHALP has of a key, and keys that cannot go together.

    Args:
        config: an OmegaConf configuration of the schema.

    Raises:
        ConfigError: naming the key.
    """
    check_numbers(config)
    if config.render.blur_faces and config.video.extract_video:
        raise ConfigError(
            "would store every frame with its faces",
            where="video.extract_video=true with render.blur_faces=true",
            hint="leave one of the two out; frames are read from the video without extraction",
        )
    if config.tracker == "upstream" or config.upstream.class_:
        return  # the genuine classes get them
    for key in all_keys():
        value = OmegaConf.select(config, key.name)
        if key.only is not None and value not in key.only:
            raise ConfigError(
                f"can only be {key.default_text}", where=f"{key.name}={value}", hint=key.help
            )


def check_numbers(config: Any) -> None:
    """Refuse invalid numbers.

    Args:
        config: an OmegaConf configuration of the schema.

    Raises:
        ConfigError: naming the key.
    """
    for key in sorted(_numeric_keys() | AUTO_OR.keys()):
        check_number(key, OmegaConf.select(config, key))
