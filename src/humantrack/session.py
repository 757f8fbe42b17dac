"""Which tracker a configuration means, and the models that the last run loaded."""

from __future__ import annotations

from threading import Event
from typing import Any, cast

from omegaconf import OmegaConf
from rich.console import Console

from humantrack.errors import ConfigError, SourceError
from humantrack.phalp import PHALP
from humantrack.pipeline.summary import RunSummary
from humantrack.sweep.loaded import Kept, models_key
from humantrack.terminal import as_file, say
from humantrack.trackers.embedded import BlazePose_4dhuman
from humantrack.trackers.hmr2 import HMR2_4dhuman
from humantrack.trackers.official_files import missing_files, official_files


def choose_tracker(cfg: Any) -> tuple[type[PHALP], str]:
    """The class that ``tracker`` stands for, and why, in one line.

    Raises:
        ConfigError: if there is none of that name.
        MissingWeightsError: if ``tracker=hmr2`` misses files.
        DependencyError: if ``tracker=upstream`` misses packages.
    """
    name, why = which_tracker(cfg)
    if name == "upstream":
        from humantrack.upstream.adapter import tracker_class

        return tracker_class(cfg.upstream.class_), f"{name}, {why}"
    if name == "hmr2":
        official_files(cfg)
        return HMR2_4dhuman, f"{name}, {why}"
    return BlazePose_4dhuman, f"{name}, {why}"


def which_tracker(cfg: Any) -> tuple[str, str]:
    """The name of the tracker that ``tracker`` means today, and why that one.

    Raises:
        ConfigError: if there is none of that name.
    """
    own_class = cfg.upstream.class_
    if own_class and cfg.tracker in ("auto", "upstream"):
        return "upstream", f"upstream.class_ is {own_class}"
    if cfg.tracker in ("embedded", "hmr2", "upstream"):
        return cfg.tracker, "as asked for"
    if cfg.tracker != "auto":
        raise ConfigError(
            "unknown tracker",
            where=f"tracker={cfg.tracker}",
            hint="known are auto, hmr2, embedded and upstream",
        )
    missing = missing_files(cfg)
    if not missing:
        return "hmr2", "since all its files are there"
    what = missing[0] if len(missing) == 1 else f"{len(missing)} files"
    return "embedded", f"since hmr2 misses {what} (humantrack-weights list)"


def track(cfg: Any, stop: Event) -> RunSummary:
    """Run one clip with the tracker that the configuration means."""
    kind, why = choose_tracker(cfg)
    say(f"tracker: {why}")
    return kind(cfg).track(stop)


_kept: Kept[PHALP] = Kept()
"""The models of this process's last job, since loading them takes longer than a short clip."""


def as_meant_today(cfg: Any) -> Any:
    """Results of ``tracker=auto`` are finished only while it means the same tracker."""
    meant = cfg.copy()
    meant.tracker, _ = which_tracker(cfg)
    return meant


def _loaded(kind: type[PHALP], cfg: Any) -> PHALP:
    say("loading models")
    return kind(cfg)


def track_with_kept_models(cfg: Any, stop: Event) -> RunSummary:
    """Run a clip with the last clip's models if they suit; where errors are the caller's."""
    kind, why = choose_tracker(cfg)
    cfg = as_meant_today(cfg)
    say(f"tracker: {why}")
    key = models_key(cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True)))
    if key is None:
        return kind(cfg).track(stop)
    tracker = _kept.get((kind, key), lambda: _loaded(kind, cfg))
    tracker.cfg = cfg
    try:
        summary = tracker.track(stop)
    except SourceError:
        raise
    except BaseException:
        _kept.drop()  # who knows what state they are in
        raise
    summary.print(Console(file=as_file(), width=100))
    return summary
