"""The command line: ``humantrack video.source=clip.mp4``. Mirrors 4D-Humans' ``track.py``."""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from humantrack import session
from humantrack._version import __version__
from humantrack.cli.arguments import CommandLine, asks_for_debug, read_arguments
from humantrack.cli.errors import explain, report_error
from humantrack.config.files import read_user_files
from humantrack.config.load import conf_dir, prefer_own_launchers, register_schema
from humantrack.config.paths import with_paths
from humantrack.errors import ConfigError, InterruptedRunError
from humantrack.pipeline.stopping import on_signals
from humantrack.run.settings import run_fingerprint
from humantrack.sweep import devices
from humantrack.sweep.job import run_job, wait_out_interrupts

HELP = """\
humantrack {version}: reconstruct and track every person of a video in 3D

  humantrack video.source=clip.mp4                     a video, whole
  humantrack video.source=frames/                      a folder of images
  humantrack 'video.source="shots/*.png"'              a glob of images
  humantrack video.source=clip.mp4 video.start_time=1m30s video.end_time=00:02:00
  humantrack video.source=clip.mp4 video.start_frame=50 video.end_frame=100
  humantrack video.source=clip.mp4 render.type=SKELETON
  humantrack video.source=clip.mp4 render.enable=false results only, no overlay video
  humantrack -m video.source=clips/                    every clip of a folder (docs/clusters.md)

Often used keys
  video.output_dir=outputs     where results go
  video=extract                PHALP's mode: frames become JPEG files first
  render.type=HUMAN_MESH       or HUMAN_MASK, HUMAN_BBOX, SKELETON, TRACKID_<n>_MESH
  detect_shots=true            find cuts and track people across them
  tracker=auto                 the best there is on this machine
  device=auto                  cuda, mps or cpu
  overwrite=false              leave a clip alone whose results exist
  debug=true                   show tracebacks

Results
  outputs/results/demo_<name>.pkl   per frame: SMPL pose and shape, camera, identity
  outputs/PHALP_<name>.mp4          the overlay

All keys: docs/configuration.md, or humantrack --cfg job. Hydra's own help: humantrack --hydra-help.
"""


register_schema()


@dataclass
class _Call:
    """What :func:`main` and its jobs tell each other past Hydra."""

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
    try:
        cfg = _with_paths(cfg)
    except (ConfigError, OmegaConfBaseException) as error:
        _call.failures.append(error)
        return
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
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - main reports it
        _call.failures.append(error)


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


def _run_clip_of_sweep(cfg: Any) -> None:
    """A job of the folder sweep; how it ended goes into its report and nowhere else."""
    wait_out_interrupts()
    report, keys = Path(cfg.sweep.report), cfg.sweep
    gpus = devices.gpus_of(cfg.device)
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


def main(argv: list[str] | None = None) -> None:
    """Entry point of ``humantrack``. Exits with 0, or with the code of what went wrong.

    Args:
        argv: arguments without the program's name; those of the process if None.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or {"-h", "--help"} & set(arguments):
        sys.stdout.write(HELP.format(version=__version__))
        return
    if "--version" in arguments:
        sys.stdout.write(f"humantrack {__version__}\n")
        return
    debug = any(asks_for_debug(text) for text in arguments)
    _call.failures.clear()
    try:
        _call_hydra(read_arguments(arguments))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - reported, never swallowed
        _call.failures.append(error)
    if _call.failures:
        codes = [report_error(error, debug=debug) for error in _call.failures]
        sys.exit(codes[0])


def _call_hydra(line: CommandLine) -> None:
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # else Hydra prints and exits by itself
    prefer_own_launchers()
    read_user_files(line.config_name or "config")
    before = sys.argv
    sys.argv = [before[0], *line.arguments]
    try:
        with warnings.catch_warnings():
            if line.rerun is not None:  # Hydra's are not of what the user does
                warnings.simplefilter("ignore", UserWarning)
            _run()
    except SystemExit as end:
        sys.exit(ConfigError.exit_code if end.code == 1 else end.code)  # it has said why
    except RecursionError as error:
        name = line.config_name or "config"
        raise ConfigError("its defaults list leads back to itself", where=name) from error
    except Exception as error:
        if line.rerun is None:
            raise
        raise ConfigError("not a job that can be run again", where=line.rerun) from error
    finally:
        sys.argv = before


if __name__ == "__main__":
    main()
