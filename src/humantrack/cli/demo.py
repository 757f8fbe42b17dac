"""The command ``humantrack-demo``: people of single pictures. Mirrors 4D-Humans' ``demo.py``."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence

from humantrack._version import __version__
from humantrack.terminal import OneLineParser, forgive_streams, say

EPILOG = """\
For each person of each picture OUT/<picture>_<n>.png is written: the crop, the body over it and,
if asked for, the body from the side and from above. Any key of humantrack can follow, such as
render.blur_faces=true or hmr.precision=fp32 (docs/images.md).
"""

_FLAGS = {
    *("--img_folder", "--out_folder", "--side_view", "--top_view", "--full_frame"),
    *("--save_mesh", "--batch_size", "--checkpoint", "--detector", "--file_type"),
}


def parser_of() -> argparse.ArgumentParser:
    """What reads the command line; it leaves with 2 for an option that is none."""
    parser = OneLineParser(
        prog="humantrack-demo", description="people of single pictures in 3D", epilog=EPILOG
    )
    add = parser.add_argument
    add("--version", action="version", version=f"humantrack-demo {__version__}")
    add("--img_folder", default="example_data/images", help="folder of pictures, or one picture")
    add("--out_folder", default="demo_out", help="where results go; it is made")
    add("--batch_size", type=int, help="people that go through the network at once")
    add("--side_view", action="store_true", help="draw everybody from the side too")
    add("--top_view", action="store_true", help="draw everybody from above too")
    add("--full_frame", action="store_true", help="write <picture>_all.png: all bodies together")
    add("--save_mesh", action="store_true", help="write <picture>_<n>.obj")
    add("--checkpoint", help="HMR2's weights; without, where humantrack-weights puts them")
    add("--detector", help="nanodet, maskrcnn or vitdet; as phalp.detector")
    add("--file_type", nargs="+", metavar="GLOB", help="such as *.jpg *.png; all kinds if not set")
    add("--tracker", default="auto", help="hmr2, embedded or auto: hmr2 if its files are there")
    add("--debug", action="store_true", help="show tracebacks")
    add("keys", nargs="*", metavar="key=value", help="keys of humantrack")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit code: 0, or that of the first error met. A bad picture costs no other.
    """
    forgive_streams()
    arguments = parser_of().parse_intermixed_args(sys.argv[1:] if argv is None else list(argv))
    from humantrack.cli.errors import explain
    from humantrack.cli.logging import log_to_stderr
    from humantrack.cli.pictures import run
    from humantrack.terminal import interrupted_by_signals

    errors = []
    try:
        with log_to_stderr(), interrupted_by_signals():
            errors += run(arguments)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - reported, never swallowed
        if arguments.debug:
            traceback.print_exception(error)
        errors.append(explain(error))
    for told in errors:
        say(f"humantrack-demo: {told}")
    return errors[0].exit_code if errors else 0


def is_asked_for(argv: Sequence[str]) -> bool:
    """Whether a command line of ``scripts/demo.py`` is one of 4D-Humans' demo, not of PHALP's."""
    return any(text.split("=")[0] in _FLAGS for text in argv)


if __name__ == "__main__":
    sys.exit(main())
