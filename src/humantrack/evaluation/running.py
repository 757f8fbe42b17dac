"""``--run``: tracks the videos of a benchmark first, by the command ``humantrack -m``."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from humantrack.atomic import atomic_write, cannot_write
from humantrack.errors import (
    BenchmarkError,
    ConfigError,
    HumantrackError,
    InterruptedRunError,
    PartialSweepError,
    SweepError,
)
from humantrack.evaluation.benchmark import Benchmark, Video
from humantrack.geometry.boxes import xyxy_to_xywh
from humantrack.terminal import kind_of
from humantrack.video.images import is_image, natural_key


def run(
    benchmark: Benchmark,
    videos: Sequence[Video],
    settings: str,
    output: Path,
    *,
    allow_missing: bool = False,
) -> Path:
    """Track videos, each under its sequence's name; those finished before are left alone.

    Args:
        benchmark: whose settings come first, so that ``settings`` has the last word.
        videos: to track.
        settings: words for ``humantrack -m``, as on a command line: a tracker, a launcher, ...
        output: folder for the results.
        allow_missing: whether it is enough that some videos succeed.

    Returns:
        The folder of the results.

    Raises:
        BenchmarkError: if pictures of a video are missing.
        ConfigError: if ``settings`` cannot be split into words.
        OutputError: if the folder cannot be written to.
        SweepError: if videos failed; sweep.json in the folder says why.
    """
    try:
        words = shlex.split(settings)
    except ValueError as error:
        raise ConfigError(f"not words ({error})", where=f"--run {settings}") from error
    output = output.absolute()
    places = [_named(video, output / "videos", benchmark) for video in videos]
    listing = output / "videos.txt"
    with atomic_write(listing) as file:
        file.write("".join(f"{place}\n" for place in places).encode("utf-8", "surrogateescape"))
    given = [f"video.source=@{listing}", f"video.output_dir={output}", "render.enable=false"]
    if benchmark.options.true_boxes:
        given.append(f"video.boxes={_write_boxes(videos, output, benchmark)}")
    command = [sys.executable, "-m", "humantrack", "-m", *given, *benchmark.settings, *words]
    code = _wait(command)
    if code == PartialSweepError.exit_code and allow_missing:
        return output
    if code:
        raise _failed(code, output)
    return output


def _named(video: Video, folder: Path, benchmark: Benchmark) -> Path:
    """A link to the video that is called after its sequence, as are then its results."""
    source = video.source
    if source is None or not source.exists():
        raise BenchmarkError(
            f"{benchmark.name}: the pictures of {video.name} are missing", hint=benchmark.had_from
        )
    if source.is_dir() and (count := len(_pictures(source))) != video.frame_count:
        what = f"{count} pictures, but the truth of {video.name} has {video.frame_count} frames"
        raise BenchmarkError(what, where=source)
    link = folder / (video.name if source.is_dir() else f"{video.name}{source.suffix}")
    target = source.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if link.is_symlink() and link.resolve() != target:
            link.unlink()
        if not link.exists():
            link.symlink_to(target, target_is_directory=source.is_dir())
    except OSError as error:
        raise cannot_write(link, error, hint="links to the videos are made there") from error
    return link


def _pictures(folder: Path) -> list[str]:
    return sorted((p.name for p in folder.iterdir() if is_image(p)), key=natural_key)


def _write_boxes(videos: Sequence[Video], output: Path, benchmark: Benchmark) -> Path:
    """The true boxes of all videos, in one file of PHALP's structure."""
    content = {}
    for video in videos:
        if video.boxes is None or video.source is None or not video.source.is_dir():
            raise ConfigError(f"{benchmark.name} has no true boxes", where="--true-boxes")
        for number, name in enumerate(_pictures(video.source)):
            boxes = video.boxes.get(number)
            rows = [] if boxes is None else xyxy_to_xywh(boxes).tolist()
            content[f"{video.name}/{name}"] = {"gt_bbox": rows}
    path = output / "boxes.json"
    with atomic_write(path) as file:
        file.write(json.dumps(content).encode())
    return path


def _wait(command: Sequence[str]) -> int:
    """The exit code of a command, which prints to our standard error and hears our signals."""
    with subprocess.Popen(command, stdout=2) as process:  # noqa: S603 - the user's own words
        try:
            return process.wait()
        except KeyboardInterrupt as interrupt:
            if kind_of(interrupt) is not InterruptedRunError:  # a terminal tells it by itself
                process.terminate()
            process.wait()
            raise


def _failed(code: int, output: Path) -> HumantrackError:
    kind = PartialSweepError if code == PartialSweepError.exit_code else SweepError
    report = output / "sweep.json"
    error = kind(
        f"tracking the videos ended with code {code}",
        where=report if report.exists() else output,
        hint="the lines above say why; the same command resumes",
    )
    error.exit_code = code if code > 0 else 128 - code
    return error
