"""The command ``humantrack-world``: the world of results that are there, without the video."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from humantrack._version import __version__

# All else is imported where it is used: --help and --version must not wait for numpy.
from humantrack.terminal import forgive_streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from humantrack.errors import HumantrackError
    from humantrack.world.options import WorldOptions

HELP = """\
humantrack-world {version}: people and camera in one world, from results that are there

  humantrack-world outputs/results/demo_clip.pkl
  humantrack-world outputs/results/demo_clip.pkl world.person_height_m=1.82
  humantrack-world demo_clip.pkl world.camera=solved.json world.camera_height_m=1.5

RESULTS.pkl ...              results of humantrack; the world is written beside each of them
world.camera=auto            still, turning, free, auto, or a file (JSON, COLMAP, .chan)
world.focal_px, world.fov_deg   the lens, if it is known
world.person_height_m        1.8 for everybody, or 1:1.8,2:1.2 by track id
world.camera_height_m        of the camera above the floor
render.world=true            draw PHALP_<name>.world.mp4, from the video (video.source=clip.mp4
                             if it is not where it was)
render.blur_faces=true       blur faces in it; as in the run that made the results, unless given
quiet=true                   say nothing but errors
debug=true                   show tracebacks

A run of humantrack does the same at its end. See docs/world.md.
"""

_OWN = ("quiet", "debug")
_OF_THE_VIDEO = ("render.world", "render.blur_faces", "video.source")
_READ = {
    "video": (
        *("source", "base_path", "boxes", "box_format", "start_frame", "end_frame"),
        *("start_time", "end_time", "stream", "audio_stream"),
    ),
    "render": ("fps", "blur_faces"),
    "results": ("keys",),
}
"""What of a run's configuration says what was read."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit code: 0, 2 for a wrong argument, or that of the first error met. A bad file costs
        no other.
    """
    forgive_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or {"-h", "--help"} & set(arguments):
        sys.stdout.write(HELP.format(version=__version__))
        return 0
    if "--version" in arguments:
        sys.stdout.write(f"humantrack-world {__version__}\n")
        return 0
    from rich.console import Console

    from humantrack.terminal import as_file, interrupted_by_signals

    console = Console(file=as_file(), soft_wrap=True, highlight=False, markup=False)
    debug = "debug=true" in map(str.lower, arguments)
    with interrupted_by_signals():
        errors = _run(arguments, console, debug=debug)
    for error in errors:
        console.print(f"humantrack-world: {error}")
    return errors[0].exit_code if errors else 0


def _run(arguments: list[str], console: Console, *, debug: bool) -> list[HumantrackError]:
    errors: list[HumantrackError] = []

    @contextmanager
    def reported() -> Iterator[None]:
        from humantrack.cli.errors import explain

        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            if debug:
                traceback.print_exception(error)
            errors.append(explain(error))
            if isinstance(error, KeyboardInterrupt):
                raise _StoppedError from error

    try:
        with reported():
            paths, options, look, quiet = _read(arguments)
        for path in [] if errors else paths:
            with reported():
                _make(path, options, console, quiet=quiet)
                if look is not None:
                    _draw(path, look, console, quiet=quiet)
    except _StoppedError:
        pass
    return errors


class _StoppedError(Exception):
    """The user has stopped the command."""


def _read(arguments: list[str]) -> tuple[list[Path], WorldOptions, dict[str, Any] | None, bool]:
    """Results, options, keys of the world video if one is drawn, and whether to be quiet.

    Raises:
        ConfigError: for an argument that is none of ours.
    """
    from humantrack.config.load import load_config
    from humantrack.config.options import world_options
    from humantrack.config.ranges import check_values
    from humantrack.errors import ConfigError
    from humantrack.results import without_worlds

    paths: list[Path] = []
    values: dict[str, Any] = {}
    look: dict[str, Any] = {}
    own = dict.fromkeys(_OWN, False)
    for text in arguments:
        name, equals, value = text.partition("=")
        if not equals or Path(text).exists():
            if text.startswith("-"):
                raise ConfigError("unknown option", where=text, hint="see humantrack-world --help")
            paths.append(_results(Path(text).expanduser()))
        elif name in own:
            own[name] = _flag(name, value)
        elif name == "world.enable":
            raise ConfigError(
                "the world is what this command makes", where=text, hint="it is a key of humantrack"
            )
        elif name.startswith("world."):
            values[name] = None if value in ("null", "None") else value
        elif name in _OF_THE_VIDEO:
            look[name] = value
        else:
            raise ConfigError("not a key of the world", where=text, hint="keys begin with world.")
    if not paths:
        raise ConfigError("no results are named", hint="write humantrack-world out.pkl")
    paths = without_worlds(dict.fromkeys(paths))
    config = load_config({**values, **look})
    check_values(config)
    source = look.get("video.source")
    if source is not None and len(paths) > 1:
        raise ConfigError(
            "one video is not that of several results", where=f"video.source={source}"
        )
    is_drawn = config.render.world
    if "render.blur_faces" in look:
        look["render.blur_faces"] = config.render.blur_faces
    return paths, world_options(config), look if is_drawn else None, own["quiet"]


def _flag(name: str, value: str) -> bool:
    from humantrack.errors import ConfigError

    if value.lower() not in ("true", "false"):
        raise ConfigError("must be true or false", where=f"{name}={value}")
    return value.lower() == "true"


def _results(path: Path) -> Path:
    from humantrack.errors import ConfigError

    if path.is_dir():
        hint = f"write humantrack-world {path}/*.pkl"
        raise ConfigError("a folder, not results", where=path, hint=hint)
    return path


def _make(path: Path, options: WorldOptions, console: Console, *, quiet: bool) -> None:
    """The world of one results file.

    Raises:
        HumantrackError: if it cannot be made.
    """
    from humantrack.world.make import write_world

    with _progress(console, quiet=quiet) as advance:
        report = write_world(path, options, advance=advance)
    if quiet:
        return
    console.print(str(report.path))
    console.print(f"in the world: {report.line}")
    for note in report.notes:
        console.print(f"note: {note}")


def _draw(path: Path, look: dict[str, Any], console: Console, *, quiet: bool) -> None:
    """The world video of one results file.

    Raises:
        HumantrackError: if it cannot be drawn.
    """
    from humantrack.config.options import run_options
    from humantrack.results import world_path
    from humantrack.run.world_video import draw_world

    options = run_options(_config_of(path, look.get("video.source")))
    hides = look.get("render.blur_faces", options.blur_faces)
    stem = path.stem.removeprefix(f"{options.results_prefix}_")
    folder = path.parent.parent if path.parent.name == "results" else path.parent
    target = folder / f"{options.overlay_prefix}_{stem}.world.mp4"
    with _progress(console, quiet=quiet) as advance:
        draw_world(
            options.source,
            options.boxes,
            world_path(path),
            target,
            faces_from=path if hides else None,
            fixed_fps=options.overlay_fps,
            advance=(lambda _: None) if advance is None else lambda n: advance("drawing", n),
        )
    if not quiet:
        console.print(str(target))


def _config_of(path: Path, source: str | None) -> Any:
    """The configuration that the results were made with, as far as it says what is read and shown.

    Raises:
        SourceError: if it is not known which video they are of, or it is gone.
    """
    from humantrack.config.load import load_config
    from humantrack.errors import SourceNotFoundError
    from humantrack.results import read_meta

    meta = read_meta(path) or {}
    told = meta.get("config")
    config: dict[str, Any] = told if isinstance(told, dict) else {}
    values = {
        f"{section}.{name}": value
        for section, names in _READ.items()
        if isinstance(config.get(section), dict)
        for name in names
        if (value := config[section].get(name)) is not None
    }
    values |= {n: config[n] for n in ("track_dataset", "base_tracker") if n in config}
    of_run = (meta.get("source") or {}).get("path") or values.get("video.source")
    values["video.source"] = source or values.get("video.source") or of_run
    hint = "name it: video.source=clip.mp4"
    if not values["video.source"]:
        raise SourceNotFoundError("the results do not say which video they are of", hint=hint)
    try:
        is_gone = "*" not in values["video.source"] and not Path(values["video.source"]).exists()
    except OSError:
        is_gone = True
    if is_gone:
        raise SourceNotFoundError(
            "the video is gone, which the world video shows",
            where=values["video.source"],
            hint=hint,
        )
    _check_is_of(meta, values["video.source"])
    return load_config(values)


def _check_is_of(meta: dict[str, Any], source: str) -> None:
    """See that a video is the one that results were made from, if they say which.

    Raises:
        SourceError: if it is another one, whose pictures would lie beside people of this one.
    """
    from humantrack.errors import SourceError
    from humantrack.fingerprint import source_fingerprint

    known = (meta.get("fingerprint") or {}).get("source")
    if known is None or not Path(source).exists():  # a pattern is known by the run alone
        return
    try:
        is_same = source_fingerprint(source) == known
    except OSError as error:
        raise SourceError("cannot be read", where=source, hint=error.strerror) from error
    if not is_same:
        raise SourceError(
            "not the video that the results were made from",
            where=source,
            hint="its pictures would not be those of the people: name the one that was tracked",
        )


@contextmanager
def _progress(console: Console, *, quiet: bool) -> Iterator[Callable[[str, int], None] | None]:
    """A bar on a terminal; nothing elsewhere."""
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import Progress

    with Progress(console=console, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def advance(what: str, frames: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=None)
            bar.advance(tasks[what], frames)

        yield advance
