"""The command ``humantrack-live``: tells of each frame as soon as it is known."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from humantrack.terminal import OneLineParser, forgive_streams, say
from humantrack.url import concealed

if TYPE_CHECKING:  # --help must not wait for Hydra and numpy
    from humantrack.live.outputs import OutputOptions

ABOUT = """\
Each frame is told twice: at once ("state": "provisional"), and again when no track can be filled
back into it any more ("state": "final"), phalp.n_init frames later. Outputs may be used together.
Servers ask for a token: that of --token-file, $HUMANTRACK_TOKEN or $HUMANTRACK_TOKEN_FILE, or else
one that is made and shown. humantrack video.source=SOURCE writes results. docs/live.md has it all.
"""


def parser_of() -> argparse.ArgumentParser:
    """Of the command line."""
    parser = OneLineParser(
        prog="humantrack-live",
        description="Track people in a camera, a stream or a video, and tell of each frame.",
        epilog=ABOUT,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("source", metavar="SOURCE", help="camera:0, an address, or a file")
    about = "a line of JSON for each: - is standard output (the default), FILE gets final ones"
    add("-o", "--output", action="append", default=[], metavar="- or FILE", help=about)
    add("--ws", metavar="HOST:PORT", help="serve the same records by WebSocket")
    add("--mjpeg", metavar="HOST:PORT", help="serve the overlay as motion JPEG, with a page")
    add("--vmc", metavar="HOST:PORT", help="send a person to an avatar program (VMC over OSC)")
    about = "whom: longest (tracked; the default), largest, or an id"
    add("--vmc-person", metavar="WHOM", default="longest", help=about)
    about = "who may read what is served: a line 'name token' for each"
    add("--token-file", type=Path, metavar="FILE", help=about)
    add("--no-token", action="store_true", help="anybody on this machine may read what is served")
    about = "a page of this origin may read it too, as http://localhost:3000; may be given again"
    add("--allow-origin", action="append", default=[], metavar="ORIGIN", help=about)
    about = "keys of humantrack, such as live.duration=10m"
    add("keys", nargs="*", metavar="key=value", help=about)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit code: 0 when the source has ended or was ended, or that of what went wrong.
    """
    forgive_streams(stdout=False)
    typed = [concealed(text) for text in (sys.argv[1:] if argv is None else argv)]
    arguments = parser_of().parse_intermixed_args(typed)
    from humantrack.cli.arguments import asks_for_debug
    from humantrack.cli.errors import report_error
    from humantrack.cli.logging import log_to_stderr
    from humantrack.pipeline.stopping import on_signals

    try:
        with log_to_stderr(), on_signals() as stop:
            _run(arguments, stop)
    except BrokenPipeError:  # who reads has seen enough
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - reported, never swallowed
        return report_error(error, debug=any(asks_for_debug(text) for text in arguments.keys))
    return 0


def _run(arguments: argparse.Namespace, stop: Event) -> None:
    from humantrack.config.load import load_config
    from humantrack.config.options import run_options
    from humantrack.live import Records, watch
    from humantrack.live.outputs import Outputs
    from humantrack.live.pictures import drawing
    from humantrack.run.source import open_source
    from humantrack.session import choose_tracker, tell_unused

    draws = arguments.mjpeg is not None
    fixed = {"video.source": arguments.source, "checkpoint.enable": False, "render.enable": draws}
    cfg = load_config(*arguments.keys, fixed)
    options = run_options(cfg)
    kind, _ = choose_tracker(cfg)
    tell_unused(cfg, kind, is_run=False)
    with (
        Outputs(_outputs_of(arguments, overwrite=options.overwrite)) as outputs,
        Records(outputs.sinks()) as records,  # clients may come while models are loaded
    ):
        for line in outputs.told:
            say(line, with_secrets=True)
        stages = kind(cfg)  # before the source is opened, whose frames would wait
        if outputs.draws:
            outputs.draw = drawing(stages, blur_faces=options.blur_faces)
        with open_source(options.source, stages.given_boxes) as opened:
            records.live = opened.live
            watch(stages, options, opened, stop, records.tell, pictures=outputs.pictures)


def _outputs_of(arguments: argparse.Namespace, *, overwrite: bool) -> OutputOptions:
    from humantrack.live.outputs import OutputOptions

    return OutputOptions(
        files=arguments.output,
        ws=arguments.ws,
        mjpeg=arguments.mjpeg,
        vmc=arguments.vmc,
        vmc_person=arguments.vmc_person,
        token_file=arguments.token_file,
        no_token=arguments.no_token,
        origins=arguments.allow_origin,
        overwrite=overwrite,
    )
