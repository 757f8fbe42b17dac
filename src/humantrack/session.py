"""Chooses a configuration's tracker, and runs it with the models of the run before."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Hashable, Mapping
from threading import Event
from typing import Any, Generic, TypeVar

from humantrack import extras
from humantrack.config.options import n_init, plain, with_values
from humantrack.config.quoting import parsed
from humantrack.config.ranges import check_values
from humantrack.config.unused import unused_by_models, unused_by_run
from humantrack.detect import registry
from humantrack.errors import ConfigError, SourceError
from humantrack.extras import need_torch
from humantrack.pipeline.progress import StartProgress
from humantrack.pipeline.summary import RunSummary
from humantrack.trackers.official_files import missing_files, official_files
from humantrack.trackers.registry import TRACKERS, find_tracker

_log = logging.getLogger(__name__)

T = TypeVar("T")

_OF_ONE_CLIP = ("video", "sweep", "checkpoint")
"""Sections of the configuration that are about one clip and not about the models."""

_OF_NO_MODEL = ("overwrite", "debug", "verbose", "batch_frames", "read_ahead")
"""Keys that do not matter to the models either."""


def choose_tracker(cfg: Any) -> tuple[type[Any], str]:
    """The class that ``tracker`` stands for, and why, in one line.

    Raises:
        ConfigError: if there is none of that name.
        MissingWeightsError: if ``tracker=hmr2`` misses files.
        DependencyError: if packages are missing.
    """
    name, why = which_tracker(cfg)
    if name == "upstream":
        need_torch("tracker=upstream")
        from humantrack.upstream.adapter import tracker_class

        return tracker_class(cfg.upstream.class_), f"{name}, {why}"
    if name == "hmr2":
        need_torch("tracker=hmr2")
        official_files(cfg)
    return find_tracker(name), f"{name}, {why}"


def which_tracker(cfg: Any) -> tuple[str, str]:
    """The name of the tracker that ``tracker`` means today, and why that one.

    Raises:
        ConfigError: if there is none of that name.
    """
    own_class = cfg.upstream.class_
    if own_class and cfg.tracker in ("auto", "upstream"):
        return "upstream", f"upstream.class_ is {own_class}"
    if cfg.tracker != "auto":
        if cfg.tracker not in TRACKERS:
            find_tracker(cfg.tracker)  # raises, with what there is
        return cfg.tracker, "as asked for"
    missing = missing_files(cfg)
    lacking = extras.missing(*extras.TORCH)
    if not missing and lacking:
        how = 'pip install "humantrack[hmr2]"'
        return "embedded", f"since hmr2 needs {', '.join(lacking)} ({how})"
    if not missing:
        return "hmr2", "since all its files are there"
    what = missing[0] if len(missing) == 1 else f"{len(missing)} files"
    return "embedded", f"since hmr2 misses {what} (humantrack-weights list)"


def tell_unused(cfg: Any, kind: type[Any], *, is_run: bool = True) -> None:
    """Warn of keys that are set and change nothing, a line for each reason.

    Args:
        cfg: the configuration.
        kind: the class of its tracker.
        is_run: False if only frames are looked at, and nothing is read or written.

    Raises:
        ConfigError: if there is no such tracker or detector.
    """
    lines = unused_by_models(cfg, which_tracker(cfg)[0], kind)
    for line in [*lines, *(unused_by_run(cfg) if is_run else ())]:
        _log.warning(line)


def may_use_gpu(cfg: Any) -> bool:
    """Whether a run might use a GPU for more than drawing; the embedded default does not."""
    if which_tracker(cfg)[0] != "embedded":
        return True
    detector = cfg.phalp.detector or find_tracker("embedded").defaults.detector
    return registry.may_use_gpu(detector, None) or cfg.video.mask_model is not None


def jobs_may_use_gpu(config: Any) -> bool:
    """Whether a job of a sweep might.

    Args:
        config: as composed without the swept settings, ``hydra`` included.
    """
    swept = (parsed(text) for text in config.hydra.overrides.task)
    keys = {o.get_key_element() for o in swept if o is not None and o.is_sweep_override()}
    if keys & {"tracker", "upstream.class_", "phalp.detector", "video.mask_model"}:
        return True
    try:
        return config.device != "auto" or may_use_gpu(config)
    except ConfigError:
        return True  # each job says so


def as_meant_today(cfg: Any) -> Any:
    """Results of ``tracker=auto`` are finished only while it means the same tracker."""
    name, _ = which_tracker(cfg)
    return with_values(cfg, tracker=name)


class Kept(Generic[T]):
    """The thing made last, and what it was made for."""

    def __init__(self) -> None:
        self._key: Hashable = None
        self._thing: T | None = None

    def holds(self, key: Hashable) -> bool:
        """Whether there is what was made for ``key``."""
        return self._thing is not None and key == self._key

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made for ``key``, or else something new; the old one is let go first."""
        if self._thing is None or not self.holds(key):
            self.drop()
            self._thing, self._key = make(), key
        return self._thing

    def drop(self) -> None:
        """Let go of what there is."""
        self._thing = self._key = None


class Session:
    """Runs one clip after the other, and keeps the models that the last one needed.

    Loading them takes longer than tracking a short clip.
    """

    def __init__(self) -> None:
        self._kept: Kept[Any] = Kept()

    def track(
        self,
        cfg: Any,
        stop: Event | None = None,
        *,
        progress: StartProgress | None = None,
        records_choice: bool = False,
    ) -> RunSummary:
        """Run a clip with the tracker that the configuration means.

        Args:
            cfg: the configuration; it is not changed.
            stop: when set, the run ends after the current frame.
            progress: shows how far the run is.
            records_choice: results say the tracker that ``auto`` means today in place of ``auto``.

        Raises:
            ConfigError: for an invalid number.
            HumantrackError: whatever ended the run early. The models are then let go, unless it
                was the source's fault.
        """
        check_values(cfg)  # before models are loaded for nothing
        kind, why = choose_tracker(cfg)
        tell_unused(cfg, kind)
        own = as_meant_today(cfg) if records_choice else cfg
        tracker = self._tracker_for(kind, own, why)
        try:
            summary: RunSummary = tracker.track(stop, progress=progress)
        except SourceError:
            raise
        except BaseException:
            self.drop()  # who knows what state they are in
            raise
        return summary

    def drop(self) -> None:
        """Let the models go."""
        self._kept.drop()

    def _tracker_for(self, kind: type[Any], cfg: Any, why: str) -> Any:
        models = models_key(plain(cfg))
        if models is None:
            self.drop()
        key = (kind, models, n_init(cfg))
        is_kept = models is not None and self._kept.holds(key)
        _log.info("tracker: %s%s", why, "" if is_kept else "; loading models")
        if models is None:
            return kind(cfg)
        tracker = self._kept.get(key, lambda: kind(cfg))
        tracker.cfg = cfg
        return tracker


def models_key(config: Mapping[str, Any]) -> str | None:
    """Two runs with the same key need the same models; None if they belong to one clip alone.

    So do the genuine packages' classes, which are told of their clip when they are made.

    Args:
        config: the whole configuration, resolved, as plain containers.
    """
    video = config["video"]
    boxes_of_its_own = str(video["source"]).lower().endswith(".pkl")
    if config["tracker"] == "upstream" or config["upstream"]["class_"]:
        return None
    if config["use_gt"] or boxes_of_its_own or video["boxes"] is not None:
        return None
    kept = {k: v for k, v in config.items() if k not in (*_OF_ONE_CLIP, *_OF_NO_MODEL)}
    return json.dumps(kept, sort_keys=True, default=str)


def for_found(kind: type[Any], cfg: Any) -> Any:
    """A tracker of people who have been found before."""
    return getattr(kind, "for_found", kind)(cfg)
