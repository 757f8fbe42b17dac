"""A job of the command line: what Hydra calls with the configuration."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from humantrack.cli.errors import explain
from humantrack.cli.logging import log_to_stderr
from humantrack.config.options import plain, source_options, with_values
from humantrack.config.paths import with_paths
from humantrack.cores import fit_libraries
from humantrack.errors import ConfigError, InterruptedRunError, SourceError
from humantrack.pipeline.progress import console_progress
from humantrack.pipeline.stopping import on_signals
from humantrack.pipeline.summary import RunSummary
from humantrack.run.settings import run_fingerprint
from humantrack.run.source import open_source
from humantrack.session import Session, as_meant_today, may_use_gpu
from humantrack.split.job import prepare, track_in_parts, wants_parts
from humantrack.split.launched import launch_as_asked
from humantrack.split.processes import in_processes
from humantrack.split.table import Row, print_rows
from humantrack.sweep import devices
from humantrack.sweep.job import run_job as run_clip
from humantrack.sweep.job import wait_out_interrupts
from humantrack.terminal import as_file, say
from humantrack.url import is_elsewhere

failures: list[BaseException] = []
"""Errors of this process's jobs. Hydra would print each one in its own way if it saw it."""


def _is_stopped() -> bool:
    """True once a job was interrupted: those after it are not begun."""
    return any(isinstance(e, InterruptedRunError | KeyboardInterrupt) for e in failures)


def run_job(cfg: Any) -> None:
    """What Hydra calls once, or in a sweep once for each job, there perhaps in another process."""
    with log_to_stderr(verbose=bool(cfg.get("verbose"))):
        try:
            cfg = _with_paths(cfg)
        except (ConfigError, OmegaConfBaseException) as error:
            failures.append(error)
            return
        if cfg.sweep.report is not None:
            _run_clip_of_sweep(cfg)
            return
        if _is_stopped():
            return
        try:
            if cfg.split.part is not None:  # also as a job of a launcher
                with on_signals() as stop:
                    _find_part(cfg, stop)
                return
            if HydraConfig.get().mode == RunMode.MULTIRUN:  # a sweeper that is not ours
                folder = Path(cfg.video.output_dir) / str(HydraConfig.get().job.num)
                cfg = with_values(cfg, video__output_dir=str(folder))
            with on_signals() as stop:
                summary = _track(cfg, stop)
            summary.print(Console(file=as_file()))
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - main reports it
            failures.append(error)


def _track(cfg: Any, stop: Event) -> RunSummary:
    shown = console_progress(plain=cfg.debug)
    if wants_parts(cfg):
        return track_in_parts(
            cfg, stop, progress=shown, launch=launch_as_asked(run_job), at_end=_print_parts
        )
    return Session().track(cfg, stop, progress=shown)


def _print_parts(rows: list[Row]) -> None:
    print_rows(rows, Console(file=as_file()))


def _find_part(cfg: Any, stop: Event) -> None:
    """Do one part of a video; another command ends the run."""
    job, number = prepare(cfg), int(cfg.split.part)
    if job.done is None:
        job.work(number, stop)
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return
    say(
        f"{job.info.name}: part {number} of {len(job.plan.parts)} is done; when all are: "
        f"humantrack-merge {job.folder}"
    )


def _with_paths(cfg: Any) -> Any:
    """Relative paths begin where the user was, also when Hydra has changed the folder.

    Raises:
        ConfigError: if the user's own configuration is not made from ours.
        OmegaConfBaseException: for a reference that leads nowhere.
    """
    hydras = HydraConfig.get()
    if "sweep" not in cfg:
        raise ConfigError(
            "the configuration lacks humantrack's own keys",
            where=hydras.job.config_name,
            hint="begin its defaults list with `- config`",
        )
    return with_paths(cfg, Path(hydras.runtime.cwd) if hydras.job.chdir else None)


_session = Session()
"""Of this process's jobs of a sweep."""


def _run_clip_of_sweep(cfg: Any) -> None:
    """A job of the folder sweep; how it ended goes into its report and nowhere else."""
    wait_out_interrupts()
    fit_libraries()
    report, keys = Path(cfg.sweep.report), cfg.sweep
    shared = cfg.device != "auto" or may_use_gpu(cfg)
    gpus = devices.gpus_of(cfg.device) if shared else []
    device = devices.own_gpu(report.parent / "gpus", cfg.device, gpus)
    cfg = with_values(cfg, device=device)
    with on_signals() as stop:
        run_clip(
            Path(cfg.video.output_dir),
            report,
            work=lambda: _track_clip(cfg, stop),
            explain=explain,
            fingerprint=lambda: _fingerprint(cfg),
            stop=stop,
            resume=keys.resume,
            retries=keys.retries,
            max_failures=keys.max_failures,
            lost_after_s=keys.lost_after_s,
        )


def _track_clip(cfg: Any, stop: Event) -> RunSummary:
    shown = console_progress(plain=cfg.debug)
    if wants_parts(cfg):
        summary = track_in_parts(as_meant_today(cfg), stop, progress=shown, launch=in_processes)
    else:
        summary = _session.track(cfg, stop, progress=shown, records_choice=True)
    summary.print(Console(file=as_file(), width=100))
    return summary


def _fingerprint(cfg: Any) -> dict[str, str]:
    """Of the clip and the configuration that results are finished for.

    What is behind an address is fetched for it, if it has changed.

    Raises:
        OSError: if the clip cannot be read, or is live.
    """
    settings = plain(as_meant_today(cfg))
    if not is_elsewhere(cfg.video.source):
        return run_fingerprint(settings, Path(cfg.video.source).expanduser())
    try:
        with open_source(source_options(cfg), None) as opened:
            if opened.live is None:
                return run_fingerprint(settings, opened.paths)
    except SourceError as error:
        raise OSError(str(error)) from error  # the run says it
    raise OSError("a source without an end is never the same twice")
