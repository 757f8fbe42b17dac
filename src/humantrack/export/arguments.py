"""The arguments of ``humantrack-export``, and what they mean."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from humantrack._version import __version__
from humantrack.clips.options import (
    BONES,
    GAPS,
    MADE_UP,
    MARKERS,
    RESTS,
    ROTATIONS,
    SMOOTH,
    SPACES,
    TIMELINES,
    UNITS,
    UPS,
    ExportOptions,
)
from humantrack.errors import ConfigError
from humantrack.export.formats.base import FORMATS, Format
from humantrack.export.formats.registry import announced, find_format
from humantrack.export.names import format_named, format_of_file, is_folder
from humantrack.export.presets import PRESETS, deaf
from humantrack.export.streams import is_stream
from humantrack.terminal import OneLineParser

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
    """The formats asked for; without any that of the output's suffix, those of ``--for``, or json.

    Raises:
        ConfigError: for one that does not exist.
    """
    if arguments.format:
        names = (_by_suffix(name, arguments.output) for name in arguments.format)
        return list(dict.fromkeys(find_format(name) for name in names))
    if named := format_named(arguments.output):
        return [named]
    if arguments.for_ is not None:
        return [find_format(name) for name in PRESETS[arguments.for_].formats]
    _refuse_foreign(arguments.output)
    return [find_format("json")]


def _refuse_foreign(output: str | None) -> None:
    """See that a file is not named for a format that nothing here writes.

    Raises:
        ConfigError: if it is: ``walk.fbx`` would hold JSON.
    """
    if output is None or is_folder(output) or is_stream(output):
        return
    if re.fullmatch(r"\.[A-Za-z]\w*", Path(output).suffix):
        raise ConfigError(
            "no format has this suffix",
            where=f"-o {output}",
            hint=f"-f says the format, one of {', '.join(FORMATS)}",
        )


def checked_formats(paths: Sequence[Path]) -> list[Format]:
    """The formats of files that are to be checked, as far as their names tell."""
    return [found for path in paths if (found := format_of_file(path))]


def _by_suffix(name: str, output: str | None) -> str:
    """The variant of a format that the output's suffix asks for."""
    return _VARIANTS.get((name, Path(output or "").suffix.lower()), name)


def options_of(arguments: argparse.Namespace, formats: Sequence[Format]) -> ExportOptions:
    """The choices, and an error for those that no format asked for heeds."""
    _check_heeded(arguments, formats)
    tracks, track_ranges = _tracks(arguments.tracks)
    options = ExportOptions(
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
        euler=arguments.euler and arguments.euler.upper(),
        up=arguments.up,
        unit=arguments.unit,
        rest=arguments.rest,
        bones=arguments.bones,
        timeline=arguments.timeline or "track",
        markers=arguments.markers,
        made_up=arguments.made_up or "blank",
        source_fps=arguments.source_fps,
        slow_motion=arguments.slow_motion,
        smpl=arguments.smpl,
        tables=tuple(dict.fromkeys(filter(None, re.split(r"[,\s]+", arguments.tables or "")))),
        space=arguments.space,
    )
    return options if arguments.for_ is None else PRESETS[arguments.for_].applied(options)


def _check_heeded(arguments: argparse.Namespace, formats: Sequence[Format]) -> None:
    """See that every option given is heeded by one of the formats.

    Raises:
        ConfigError: if it is not.
    """
    motion = tuple(f.name for f in FORMATS.values() if f.is_motion)
    asked: dict[str, tuple[str, ...] | None] = {
        name: None if any(f.is_motion for f in formats) else motion for name in _MOTION_ONLY
    }
    for name, heeding in (("made_up", _HEED_MADE_UP), ("tables", _HEED_TABLES)):
        heeded = any(f.name in heeding or f.name not in FORMATS for f in formats)
        asked[name] = None if heeded else heeding
    if arguments.space == "world" and all(f.name in _DEAF_TO_SPACE for f in formats):
        asked["space"] = tuple(name for name in FORMATS if name not in _DEAF_TO_SPACE)
    for name in ("up", "unit", "rest", "bones", "timeline", "markers"):
        asked[name] = deaf(name, formats, tuple(FORMATS))
    for name, only_for in asked.items():
        if getattr(arguments, name) is not None and only_for is not None:
            value = " world" if name == "space" else ""
            raise ConfigError(
                "no format asked for heeds this",
                where=f"--{name.replace('_', '-')}{value}",
                hint=f"it is for {', '.join(only_for)}",
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


class _Parser(OneLineParser):
    """Looks for the formats of other packages only when help is asked for."""

    def format_help(self) -> str:
        """The help, with all formats."""
        listed = {f.name: f.about for f in FORMATS.values()}
        listed |= {name: f"of {package}" for name, package in announced().items()}
        listing = "\n".join(f"  {name:<14} {about}" for name, about in listed.items())
        presets = "\n".join(f"  {name:<14} {preset.about}" for name, preset in PRESETS.items())
        self.epilog = (
            f"formats:\n{listing}\n\n--for:\n{presets}\n\nMore, with examples: docs/export.md"
        )
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
    _add_reader(parser.add_argument_group("who reads it"))
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
    add("--euler", metavar="ORDER", help="order of BVH's rotation channels (ZXY)")
    add("--smpl", type=Path, metavar="FILE", help="SMPL model file (the cache's, if there is one)")


def _add_reader(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    program = "names, axes, unit and rest pose that a program wants; see below"
    add("--for", dest="for_", choices=list(PRESETS), metavar="PROGRAM", help=program)
    add("--up", choices=UPS, help="the axis that is up (y; z in npz)")
    add("--unit", choices=UNITS, help="of lengths in bvh, trc, usd (m) and c3d (mm)")
    add("--rest", choices=RESTS, help="rest pose that bvh and glb share: t, or a (arms half down)")
    add("--bones", choices=BONES, help="whose names bones have in bvh and glb (smpl)")
    timeline = (
        "where the files of single people begin: with the person, or all with the clip (track)"
    )
    add("--timeline", choices=TIMELINES, help=timeline)
    add("--markers", choices=MARKERS, help="of trc and c3d: the set that a reader knows (all)")


def _add_look(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--summary", action="store_true", help="print the tracks and their timeline")
    plot = "draw the timeline, or with -f angles the angles; .png or .svg"
    add("--plot", type=Path, metavar="FILE", help=plot)
    check = "read a file back that was written, and tell the largest difference to the results"
    add("--check", type=Path, action="append", metavar="FILE", help=check)
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
