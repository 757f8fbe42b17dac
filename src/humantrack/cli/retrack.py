"""The commands ``humantrack-merge`` and ``humantrack-retrack``: tracking what was found before."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from humantrack._version import __version__

# All else is imported where it is used: --help and --version must not wait for numpy.
from humantrack.terminal import forgive_streams

MERGE = """\
humantrack-merge {version}: ends a run whose parts were done one by one

  humantrack video.source=long.mp4 split.parts=16 split.part=3    one part, in any job anywhere
  humantrack-merge outputs/results/demo_long.observations          when all parts are there

FOLDER               of the parts, or its address (s3://, gs://)
key=value            other settings of the tracker, the overlay, the world; video.output_dir

Results and overlay are those of one run. See docs/long_videos.md.
"""

RETRACK = """\
humantrack-retrack {version}: tracks again, without looking for people again

  humantrack video.source=clip.mp4 results.observations=true       keeps what the tracker was told
  humantrack-retrack outputs/results/demo_clip.observations phalp.max_age_track=24

FOLDER or FILES      of observations; addresses (s3://, gs://) too
key=value            settings of the tracker (phalp.*); render.enable=true draws the overlay and
                     world.enable=true makes the world, from the video
video.output_dir=retracked     where results go

See docs/long_videos.md.
"""


def main_merge() -> int:
    """Entry point of ``humantrack-merge``."""
    return run(sys.argv[1:], name="humantrack-merge")


def main_retrack() -> int:
    """Entry point of ``humantrack-retrack``."""
    return run(sys.argv[1:], name="humantrack-retrack")


def run(argv: Sequence[str], *, name: str) -> int:
    """Run one of the commands.

    Args:
        argv: arguments without the program's name.
        name: of the command.

    Returns:
        The exit code: 0, or that of what went wrong.
    """
    forgive_streams()
    is_merge = name == "humantrack-merge"
    if not argv or {"-h", "--help"} & set(argv):
        sys.stdout.write((MERGE if is_merge else RETRACK).format(version=__version__))
        return 0
    if "--version" in argv:
        sys.stdout.write(f"{name} {__version__}\n")
        return 0
    from rich.console import Console

    from humantrack.cli.errors import explain
    from humantrack.cli.logging import log_to_stderr
    from humantrack.pipeline.progress import console_progress
    from humantrack.pipeline.stopping import on_signals
    from humantrack.split.again import track_again
    from humantrack.terminal import as_file, say

    debug = "debug=true" in map(str.lower, argv)
    try:
        paths, overrides = _sorted(argv, name)
        with log_to_stderr(verbose=False), on_signals() as stop:
            done = track_again(
                paths,
                overrides,
                stop,
                as_it_was=is_merge,
                progress=console_progress(plain=debug),
            )
        done.print(Console(file=as_file()))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - told in a line
        if debug:
            traceback.print_exception(error)
        known = explain(error)
        say(f"{name}: {known}")
        return known.exit_code
    return 0


def _sorted(argv: Sequence[str], name: str) -> tuple[list[Path | str], list[str]]:
    """Paths, and overrides.

    Raises:
        ConfigError: for an option that is none.
    """
    from humantrack.errors import ConfigError
    from humantrack.url import is_address

    paths: list[Path | str] = []
    overrides: list[str] = []
    for text in argv:
        if is_address(text):
            paths.append(text)
        elif "=" in text and not Path(text).exists():
            overrides.append(text)
        elif text.startswith("-"):
            raise ConfigError("unknown option", where=text, hint=f"see {name} --help")
        else:
            paths.append(Path(text).expanduser())
    return paths, overrides
