"""What the command line runs once it is neither help nor version: Hydra, and the jobs it calls."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from rich.console import Console

from humantrack import session
from humantrack.cli.arguments import overrides_in, quote_clips, quote_existing_path
from humantrack.cli.errors import explain, report_error
from humantrack.config.load import check_overrides, conf_dir, prefer_own_launchers, register_schema
from humantrack.errors import (
    InterruptedRunError,
)
from humantrack.pipeline.stopping import on_signals
from humantrack.run.settings import run_fingerprint
from humantrack.sweep import devices
from humantrack.sweep.job import run_job, wait_out_interrupts

register_schema()


@dataclass
class _Call:
    """What :func:`run` and its jobs tell each other past Hydra."""

    failures: list[BaseException] = field(default_factory=list)
    """Errors of the jobs. Hydra would print each one in its own way if it saw it."""

    @property
    def is_stopped(self) -> bool:
        """True once a job was interrupted: those after it are not begun."""
        return any(isinstance(e, InterruptedRunError | KeyboardInterrupt) for e in self.failures)


_call = _Call()


@hydra.main(version_base="1.2", config_path=str(conf_dir()), config_name="config")
def _run(cfg: Any) -> None:
    """What Hydra calls once, or in a sweep once for each job, there perhaps in another process."""
    _run_job(cfg)


def _run_job(cfg: Any) -> None:
    if cfg.sweep.report is not None:
        _run_clip_of_sweep(cfg)
        return
    if _call.is_stopped:
        return
    try:
        if HydraConfig.get().mode == RunMode.MULTIRUN:  # a sweeper that is not ours
            number = str(HydraConfig.get().job.num)
            cfg.video.output_dir = str(Path(cfg.video.output_dir) / number)
        with on_signals() as stop:
            summary = session.track(cfg, stop)
        summary.print(Console(stderr=True))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - run reports it
        _call.failures.append(error)


def _run_clip_of_sweep(cfg: Any) -> None:
    """A job of the folder sweep; how it ended goes into its report and nowhere else."""
    wait_out_interrupts()
    report, keys = Path(cfg.sweep.report), cfg.sweep
    shared = cfg.device != "auto" or session.may_use_gpu(cfg)
    gpus = devices.gpus_of(cfg.device) if shared else []
    cfg.device = devices.own_gpu(report.parent / "gpus", cfg.device, gpus)
    with on_signals() as stop:
        run_job(
            Path(cfg.video.output_dir),
            report,
            work=lambda: session.track_with_kept_models(cfg, stop),
            explain=explain,
            fingerprint=lambda: _fingerprint(cfg),
            stop=stop,
            resume=keys.resume,
            retries=keys.retries,
            max_failures=keys.max_failures,
            lost_after_s=keys.lost_after_s,
        )


def _fingerprint(cfg: Any) -> dict[str, str]:
    """Of the clip and the configuration that results are finished for."""
    return run_fingerprint(session.as_meant_today(cfg), Path(cfg.video.source).expanduser())


def run(arguments: list[str]) -> None:
    """Run the command. Exits with the code of what went wrong, if anything did."""
    sweeps = bool({"-m", "--multirun"} & set(arguments))
    arguments = [quote_clips(a) if sweeps else quote_existing_path(a) for a in arguments]
    debug = any(a.replace(" ", "").lower() == "debug=true" for a in arguments)
    _call.failures.clear()
    try:
        overrides = overrides_in(arguments)
        check_overrides(overrides)
        _call_hydra(arguments)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - reported, never swallowed
        _call.failures.append(error)
    if _call.failures:
        codes = [report_error(error, debug=debug) for error in _call.failures]
        sys.exit(codes[0])


def _call_hydra(arguments: list[str]) -> None:
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # else Hydra prints and exits by itself
    prefer_own_launchers()
    before = sys.argv
    sys.argv = [before[0], *arguments]
    try:
        _run()
    finally:
        sys.argv = before
