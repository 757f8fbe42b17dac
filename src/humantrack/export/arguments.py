"""The arguments of ``humantrack-export``, and what they mean."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from humantrack._version import __version__
from humantrack.clips.options import GAPS, MADE_UP, ROTATIONS, SMOOTH, SPACES, ExportOptions
from humantrack.errors import ConfigError
from humantrack.export.formats.base import FORMATS, Format
from humantrack.export.formats.registry import announced, find_format
from humantrack.export.names import format_named

_MOTION_ONLY = ("gaps", "fps", "smooth")
_HEED_MADE_UP = ("coco", "trc", "c3d")
_VARIANTS = {
    ("angles", ".parquet"): "angles-parquet",
    ("angles", ".mot"): "mot-osim",
    ("angles", ".sto"): "sto",
}
_HEED_TABLES = ("csv", "parquet")
_DEAF_TO_SPACE = ("mot", "coco", "phalp")
_MINUS = ("--frames", "--tracks")
"""Options whose value may begin with a minus sign, which argparse takes for an option."""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    words: list[str] = []
    for word in argv:
        if words and words[-1] in _MINUS and re.match(r"-\d", word):
            words[-1] += f"={word}"
        else:
            words.append(word)
    return parser_of().parse_args(words)


def formats_of(arguments: argparse.Namespace) -> list[Format]:
    """The formats asked for; without any that of the output's suffix, or json.

    Raises:
        ConfigError: for one that does not exist.
    """
    if arguments.format:
        names = (_by_suffix(name, arguments.output) for name in arguments.format)
        return list(dict.fromkeys(find_format(name) for name in names))
    return [format_named(arguments.output) or find_format("json")]


def _by_suffix(name: str, output: str | None) -> str:
    """The variant of a format that the output's suffix asks for."""
    return _VARIANTS.get((name, Path(output or "").suffix.lower()), name)


def options_of(arguments: argparse.Namespace, formats: Sequence[Format]) -> ExportOptions:
    """The choices, and an error for those that no format asked for heeds."""
    if not any(f.is_motion for f in formats):
        for name in _MOTION_ONLY:
            if getattr(arguments, name) is not None:
                motion = ", ".join(f.name for f in FORMATS.values() if f.is_motion)
                raise ConfigError(
                    "no format asked for heeds this", where=f"--{name}", hint=f"it is for {motion}"
                )
    if arguments.made_up is not None and not any(
        f.name in _HEED_MADE_UP or f.name not in FORMATS for f in formats
    ):
        raise ConfigError(
            "no format asked for heeds this",
            where="--made-up",
            hint=f"it is for {', '.join(_HEED_MADE_UP)}",
        )
    if arguments.tables is not None and not any(f.name in _HEED_TABLES for f in formats):
        raise ConfigError(
            "no format asked for heeds this",
            where="--tables",
            hint=f"it is for {', '.join(_HEED_TABLES)}",
        )
    if arguments.space == "world" and all(f.name in _DEAF_TO_SPACE for f in formats):
        heed = ", ".join(name for name in FORMATS if name not in _DEAF_TO_SPACE)
        raise ConfigError(
            "no format asked for heeds this", where="--space world", hint=f"it is for {heed}"
        )
    tracks, track_ranges = _tracks(arguments.tracks)
    return ExportOptions(
        rotations=arguments.rotations,
        precision=arguments.precision,
        masks=arguments.masks,
        focal_px=arguments.focal,
        frames=_frames(arguments.frames),
        tracks=tracks,
        track_ranges=track_ranges,
        min_length=arguments.min_length,
        gaps=arguments.gaps or "interpolate",
        fps=arguments.fps,
        smooth=arguments.smooth,
        euler=arguments.euler.upper(),
        made_up=arguments.made_up or "blank",
        source_fps=arguments.source_fps,
        slow_motion=arguments.slow_motion,
        smpl=arguments.smpl,
        tables=tuple(dict.fromkeys(filter(None, re.split(r"[,\s]+", arguments.tables or "")))),
        space=arguments.space,
    )


def _frames(text: str | None) -> tuple[int, int | None]:
    """'10:200', '10:', ':200' or '10' (that frame alone)."""
    if text is None:
        return 0, None
    first, colon, stop = (part.strip() for part in text.partition(":"))
    try:
        if not (first or stop):
            raise ValueError
        start = int(first) if first or not colon else 0
        if not colon:
            return _counted(text, start, start + 1)
        return _counted(text, start, int(stop) if stop else None)
    except ValueError:
        raise ConfigError(
            "not a range of frames", where=f"--frames {text}", hint="write 10:200, 10: or :200"
        ) from None


def _counted(text: str, start: int, stop: int | None) -> tuple[int, int | None]:
    if start < 0 or (stop is not None and stop < 0):
        raise ConfigError(
            "frames are counted from 0", where=f"--frames {text}", hint="--summary shows the last"
        )
    return start, stop


def _tracks(text: str | None) -> tuple[frozenset[int] | None, tuple[tuple[int, int], ...]]:
    """'1,3', '1 3', '1-4': the ids named, and first and last of the ranges."""
    if text is None:
        return None, ()
    ids: set[int] = set()
    ranges: list[tuple[int, int]] = []
    words = re.sub(r"(?<=\d)\s*-\s*(?=\d)", "-", text)
    try:
        for part in re.split(r"[,;\s]+", words.strip(" ,;\t")):
            if found := re.fullmatch(r"(\d+)-(\d+)", part):
                first, last = int(found[1]), int(found[2])
                if last < first:
                    raise ValueError
                ranges.append((first, last))
            else:
                ids.add(int(part))
    except ValueError:
        raise ConfigError(
            "not a list of track ids", where=f"--tracks {text}", hint="write 1,3 or 1-4"
        ) from None
    return frozenset(ids), tuple(dict.fromkeys(ranges))


class _Parser(argparse.ArgumentParser):
    """Looks for the formats of other packages only when help is asked for."""

    def format_help(self) -> str:
        """The help, with all formats."""
        listed = {f.name: f.about for f in FORMATS.values()}
        listed |= {name: f"of {package}" for name, package in announced().items()}
        listing = "\n".join(f"  {name:<14} {about}" for name, about in listed.items())
        self.epilog = f"formats:\n{listing}\n\nMore, with examples: docs/export.md"
        return super().format_help()


def parser_of() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = _Parser(
        prog="humantrack-export",
        description="Turn results of humantrack, PHALP or 4D-Humans into what other programs read.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "inputs",
        nargs="*",
        metavar="RESULTS",
        help="results (.pkl), folders of them, patterns, or -",
    )
    add("-f", "--format", action="append", metavar="NAME", help="see below; may be repeated (json)")
    add("-o", "--output", metavar="PATH", help="a file, a folder/, a pipe, or - (standard output)")
    add("--force", action="store_true", help="replace files that are there already")
    _add_what(parser.add_argument_group("what is exported"))
    _add_how(parser.add_argument_group("how"))
    motion = ", ".join(f.name for f in FORMATS.values() if f.is_motion)
    _add_motion(parser.add_argument_group(f"motion ({motion})"))
    _add_look(parser.add_argument_group("a look"))
    _add_safety(parser.add_argument_group("safety"))
    return parser


def _add_what(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--frames", metavar="A:B", help="frames A up to, but not with, B")
    add("--tracks", metavar="IDS", help="only these tracks, e.g. 1,3 or 1-4")
    add("--min-length", type=int, default=1, metavar="N", help="only tracks seen in N frames")
    add("--masks", action="store_true", help="silhouettes too, as COCO run-length masks")


def _add_how(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--rotations", choices=ROTATIONS, default="axis_angle", help="in json, jsonl, csv, parquet")
    add("--precision", type=int, metavar="N", help="digits after the point in text formats (all)")
    add(
        "--focal", type=float, metavar="PX", help="the camera's focal length in pixels of the frame"
    )
    add("--tables", metavar="NAMES", help="beside csv and parquet: tracks, frames, or both")
    add("--source-fps", type=float, metavar="FPS", help="the video's rate, whatever results say")
    space = "where people are: in the world (motion, if there is one), or before the camera"
    add("--space", choices=SPACES, help=space)
    made_up = "markers and keypoints of joints that nothing is known of (blank)"
    add("--made-up", choices=MADE_UP, help=made_up)
    slow = "how many times slower than life the video plays: times are divided by it"
    add("--slow-motion", type=float, metavar="N", help=slow)


def _add_motion(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--gaps", choices=GAPS, help="what fills frames without the person (interpolate)")
    add("--fps", type=float, help="resample to this rate")
    add("--smooth", choices=SMOOTH, help="filter the motion (off)")
    add("--euler", default="ZXY", metavar="ORDER", help="order of BVH's rotation channels (ZXY)")
    add("--smpl", type=Path, metavar="FILE", help="SMPL model file (the cache's, if there is one)")


def _add_look(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--summary", action="store_true", help="print the tracks and their timeline")
    add(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw the timeline, or with -f angles the angles; .png or .svg",
    )
    add("--schema", action="store_true", help="print the JSON Schema of json and jsonl")


def _add_safety(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--strict", action="store_true", help="results that are cut short are an error")
    add(
        "--max-size",
        metavar="SIZE",
        help="most that a file may swell to when decompressed (4.3G)",
    )
    add("--quiet", action="store_true", help="print errors and notes only")
    add("--debug", action="store_true", help="show tracebacks")
    add("--version", action="version", version=f"humantrack {__version__}")
