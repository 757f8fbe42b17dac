"""The command line: ``humantrack video.source=clip.mp4``. Mirrors 4D-Humans' ``track.py``."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from humantrack._version import __version__

# All else is imported where it is used: --help and --version must not wait for Hydra and numpy.
from humantrack.terminal import forgive_streams
from humantrack.url import concealed

if TYPE_CHECKING:
    from humantrack.cli.arguments import CommandLine

HELP = """\
humantrack {version}: reconstruct and track every person of a video in 3D

  humantrack video.source=clip.mp4                     a video, whole
  humantrack video.source=frames/                      a folder of images
  humantrack 'video.source="shots/*.png"'              a glob of images
  humantrack video.source=https://site.org/clip.mp4    a link, HLS or a page with a video
  humantrack video.source=camera:0 live.duration=10m   a camera (--list-cameras) or rtsp://...
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


def main(argv: list[str] | None = None) -> None:
    """Entry point of ``humantrack``. Exits with 0, or with the code of what went wrong.

    Args:
        argv: arguments without the program's name; those of the process if None.
    """
    forgive_streams()
    arguments = [concealed(text) for text in (sys.argv[1:] if argv is None else argv)]
    if not arguments or {"-h", "--help"} & set(arguments):
        sys.stdout.write(HELP.format(version=__version__))
        return
    if "--list-cameras" in arguments:
        _list_cameras()
        return
    if "--version" in arguments:
        sys.stdout.write(f"humantrack {__version__}\n")
        return
    from humantrack.cli.arguments import asks_for_debug, read_arguments
    from humantrack.cli.errors import report_error
    from humantrack.cli.job import failures

    debug = any(asks_for_debug(text) for text in arguments)
    failures.clear()
    try:
        _call_hydra(read_arguments(arguments))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - reported, never swallowed
        failures.append(error)
    if failures:
        codes = [report_error(error, debug=debug) for error in failures]
        sys.exit(codes[0])


def _list_cameras() -> None:
    from humantrack.video.live import list_cameras

    found = list_cameras()
    lines = [f"{camera}  {camera.name}  ({camera.device})" for camera in found]
    sys.stdout.write("\n".join(lines or ["the system lists no camera"]) + "\n")


def _call_hydra(line: CommandLine) -> None:
    import warnings

    import hydra

    from humantrack.cli.job import run_job
    from humantrack.config.files import read_user_files
    from humantrack.config.load import VERSION_BASE, conf_dir, prefer_own_launchers, register_schema
    from humantrack.errors import ConfigError

    start = hydra.main(version_base=VERSION_BASE, config_path=str(conf_dir()), config_name="config")
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # else Hydra prints and exits by itself
    register_schema()
    prefer_own_launchers()
    read_user_files(line.config_name or "config")
    before, root = sys.argv, logging.getLogger()
    handlers, level = [*root.handlers], root.level
    sys.argv = [before[0], *line.arguments]
    try:
        with warnings.catch_warnings():
            if line.rerun is not None:  # Hydra's are not of what the user does
                warnings.simplefilter("ignore", UserWarning)
            start(run_job)()
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
        _restore_logging(handlers, level)


def _restore_logging(handlers: list[logging.Handler], level: int) -> None:
    """Undo what a user's configuration had Hydra do to the root logger, and close its files."""
    root = logging.getLogger()
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


if __name__ == "__main__":
    main()
