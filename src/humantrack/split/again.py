"""Tracks again what was found before, with other settings of the tracker or the same."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from humantrack.config.load import check_overrides, from_hydra
from humantrack.config.options import run_options
from humantrack.config.quoting import parsed
from humantrack.config.ranges import check_values
from humantrack.config.schema import Config
from humantrack.config.values import as_meant
from humantrack.errors import ConfigError, ResultsError
from humantrack.pipeline.progress import StartProgress
from humantrack.pipeline.summary import RunSummary
from humantrack.run.found import needs_pictures
from humantrack.run.run import Run
from humantrack.session import choose_tracker, for_found
from humantrack.split.elsewhere import nearby
from humantrack.split.files import ObservationFile
from humantrack.split.plan import is_of_tracking, parts_in
from humantrack.split.recorded import Recorded

_FREE = ("video.output_dir", "track_dataset", "base_tracker", "overwrite", "debug", "verbose")
_ALSO = (*_FREE, "device", "batch_frames", "read_ahead", "video.source", "video.boxes")
"""Keys that are no business of those who look for people, or say where their files are now."""

RETRACKED = "retracked"
"""Where results go that are tracked again, unless the user says."""


def track_again(
    paths: Sequence[Path | str],
    overrides: Sequence[str],
    stop: Event,
    *,
    as_it_was: bool = False,
    progress: StartProgress | None = None,
    kind: type[Any] | None = None,
) -> RunSummary:
    """Track what was found in a video before.

    Args:
        paths: folders of observations, or their files; also addresses such as s3://bucket/match.
        overrides: as on the command line, of the tracker and of what is written.
        stop: ends it after the current frame.
        as_it_was: write what the run would have written, and where; otherwise only results, in a
            folder of their own, unless overrides say more.
        progress: shows how far it is.
        kind: the tracker's class; None = the one that found them.

    Raises:
        ResultsError: if observations are missing or damaged.
        ConfigError: for an override that is no business of the tracker.
        HumantrackError: as for a run.
    """
    with nearby(paths) as near:
        return _track_again(parts_in(near), overrides, stop, as_it_was, progress, kind)


def _track_again(  # noqa: PLR0917
    files: Sequence[ObservationFile],
    overrides: Sequence[str],
    stop: Event,
    as_it_was: bool,
    progress: StartProgress | None,
    kind: type[Any] | None,
) -> RunSummary:
    head = files[0].head
    base: list[str] = []
    if not as_it_was:
        base = [f"video.output_dir={RETRACKED}", "render.enable=false", "world.enable=false"]
    cfg = _configuration(head, [*base, *overrides])
    check_values(cfg)
    kind = choose_tracker(cfg)[0] if kind is None else kind
    if f"{kind.__module__}.{kind.__qualname__}" != head["tracker"]:
        raise ResultsError(f"these observations are of {head['tracker']}", where=files[0].path)
    stages, options = for_found(kind, cfg), run_options(cfg)
    if needs_pictures(options, stages.visualizer) and not Path(options.source.path).exists():
        raise ConfigError(
            "the video is not where it was, and is to be drawn or looked at",
            where=options.source.path,
            hint="add video.source=FILE, or render.enable=false world.enable=false",
        )
    return Run(options, stages, progress=progress, found=Recorded(files, stages)).track(stop)


def _configuration(head: Any, overrides: Sequence[str]) -> Any:
    """The configuration of the run that found them, changed as the user says."""
    given = [as_meant(text) for text in overrides]
    check_overrides(given)
    try:
        cfg = OmegaConf.merge(OmegaConf.structured(Config), head["config"])
        _find_files(cfg, head["cwd"])
        for text in given:
            one = parsed(text)
            if one is None:
                raise ConfigError("cannot read this argument", where=text)
            key = one.get_key_element().lstrip("+")
            if not (is_of_tracking(key) or key in _ALSO):
                raise ConfigError(
                    "people have been found already, and this is about finding them",
                    where=text,
                    hint="run humantrack on the video again",
                )
            OmegaConf.update(cfg, key, one.value())
    except OmegaConfBaseException as error:
        raise from_hydra(error) from error
    for key in ("parts", "minutes", "part"):
        cfg.split[key] = None
    cfg.results.observations = False
    return cfg


def _find_files(cfg: Any, folder: str) -> None:
    """Let relative paths that lead nowhere from here begin where the run was started."""
    for key in ("source", "boxes", "base_path"):
        path = cfg.video[key]
        there = path and os.path.join(folder, path)  # noqa: PTH118 - keeps a last slash
        with contextlib.suppress(OSError):
            if path and not Path(path).exists() and Path(there).exists():
                cfg.video[key] = there
