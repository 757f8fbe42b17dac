"""The arguments of ``humantrack-eval``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from humantrack._version import __version__
from humantrack.terminal import OneLineParser

_EXAMPLES = """
examples:
  humantrack-eval truth demo_clip.pkl --truth clip_gt.npz
  humantrack-eval emdb results/ --root EMDB/ --split 2 --csv emdb.csv
  humantrack-eval mot ours/ theirs/ --root MOT17/train --plot compared.png
  humantrack-eval posetrack18 --root PoseTrack18/ --run "tracker=hmr2" --output-dir runs/
  humantrack-eval 3dpw --root 3DPW/                   see that the data is whole

The protocols, and what each number means: docs/evaluation.md
"""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    return parser_of().parse_args(list(argv))


class _Parser(OneLineParser):
    """Looks for the benchmarks only when help is asked for."""

    def format_help(self) -> str:
        """The help, with all benchmarks."""
        from humantrack.evaluation.registry import ABOUT, BENCHMARKS

        lines = [
            f"  {name:<12} {ABOUT.get(name, f'of {package}')}"
            for name, package in BENCHMARKS.origins().items()
        ]
        self.epilog = "benchmarks:\n" + "\n".join(lines) + "\n" + _EXAMPLES
        return super().format_help()


def parser_of() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = _Parser(
        prog="humantrack-eval",
        description="Score results of humantrack, PHALP or 4D-Humans by published protocols.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("benchmark", metavar="BENCHMARK", help="see below")
    add(
        "results",
        nargs="*",
        type=Path,
        metavar="RESULTS",
        help="results (.pkl), or folders with one for each sequence; several are compared",
    )
    add("--version", action="version", version=f"humantrack-eval {__version__}")
    add("--debug", action="store_true", help="show where an error came from")
    _add_data(parser.add_argument_group("the data"))
    _add_run(parser.add_argument_group("making the results first"))
    _add_out(parser.add_argument_group("what comes out"))
    return parser


def _add_data(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--root", type=Path, metavar="DIR", help="your copy of the benchmark")
    add("--truth", type=Path, action="append", default=[], metavar="PATH", help="of `truth`")
    add("--protocol", metavar="NAME", help="of the benchmark's protocols; see docs")
    add("--split", metavar="NAME", help="of the benchmark's splits")
    add("--sequences", metavar="A,B", help="only these")
    add("--body", type=Path, metavar="DIR", help="folder of SMPL's model files")
    add(
        "--given-camera",
        action="store_true",
        help="lift motion by the benchmark's camera, even where a .world.pkl lies by the results",
    )
    add("--allow-missing", action="store_true", help="score though sequences have no results")


def _add_run(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--run", metavar="SETTINGS", help="track the videos first; words as for humantrack -m")
    add("--output-dir", type=Path, metavar="DIR", help="where those results go")
    add(
        "--true-boxes",
        action="store_true",
        help="start from the benchmark's boxes, where the protocol wants that",
    )


def _add_out(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--per-sequence", action="store_true", help="a line for each sequence")
    add("--no-published", action="store_true", help="without the lines of papers")
    add("--json", type=Path, metavar="FILE", help="all figures as JSON")
    add("--csv", type=Path, metavar="FILE", help="a row for each sequence")
    add("--plot", type=Path, metavar="FILE", help="a picture of them (.png or .svg)")
    add(
        "--fail-under",
        action="append",
        default=[],
        metavar="M=V",
        help="exit with 32 if a measure is worse, e.g. HOTA=0.6 or MPJPE=80; may be repeated",
    )
