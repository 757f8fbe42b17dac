"""humantrack for Python programs: ``track`` a file, ``iter_track`` frames from elsewhere."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from os import PathLike, fspath
from threading import Event
from typing import Any

import numpy as np

from humantrack.config.load import load_config
from humantrack.config.options import run_options
from humantrack.errors import ConfigError
from humantrack.pipeline.loop import walk
from humantrack.pipeline.progress import progress_to
from humantrack.pipeline.window import BackFillWindow
from humantrack.results import Results, load_results
from humantrack.run.settings import RunOptions, seed_everything
from humantrack.session import Session, choose_tracker, tell_unused
from humantrack.split.job import track_in_parts, wants_parts
from humantrack.split.processes import in_processes
from humantrack.types import Frame, FrameRecord
from humantrack.types.arrays import ByteArray

_log = logging.getLogger(__name__)

Tell = Callable[[int, "int | None"], None]
"""Called with the frames that are done and the frames to come (None if unknown)."""


def track(
    source: str | PathLike[str],
    *,
    tracker: str = "auto",
    output_dir: str | PathLike[str] = "outputs",
    progress: Tell | None = None,
    stop: Event | None = None,
    **keys: Any,
) -> Results:
    """Track every person of a video, write results (and the overlay), and give the results.

    Nothing is printed: what there is to say is logged under the name ``humantrack``. An unfinished
    run of the same clip with the same settings is resumed.

    >>> from humantrack import track
    >>> results = track("clip.mp4", render={"enable": False})  # doctest: +SKIP
    >>> results.track_ids  # doctest: +SKIP
    (1, 2)

    Args:
        source: a video, a folder of images or a glob of images; taken as it is, never quoted.
        tracker: auto, embedded, hmr2, upstream, or one that another package announces.
        output_dir: where results go.
        progress: called after each final frame with (frames done, frames to come or None).
        stop: when set, the run ends after the current frame; what is final is kept.
        keys: further keys of the configuration, as docs/configuration.md lists them: a section as a
            dictionary (``render={"enable": False}``), or dotted names by ``**{"phalp.n_init": 3}``.

    Returns:
        What the run wrote: frames under PHALP's keys, with ``.records`` and ``.meta``.

    Raises:
        HumantrackError: as docs/robustness.md lists; a class for each kind of trouble.
    """
    cfg = _config(tracker, {**keys, "video.source": fspath(source)}, fspath(output_dir))
    shown = None if progress is None else progress_to(progress)
    if wants_parts(cfg):
        quiet = partial(in_processes, tell=_log.info)
        done = track_in_parts(cfg, stop or Event(), progress=shown, launch=quiet)
    else:
        done = Session().track(cfg, stop, progress=shown)
    return load_results(done.results)


def iter_track(
    frames: Iterable[ByteArray | Frame], *, fps: float, tracker: str = "auto", **keys: Any
) -> Iterator[FrameRecord]:
    """Track people in frames that come from anywhere, and yield a record per frame.

    A record comes once it is final: ``phalp.n_init`` frames after its frame, or when the frames
    end. Nothing is written.

    >>> import numpy as np
    >>> from humantrack import iter_track
    >>> black = [np.zeros((120, 160, 3), np.uint8)] * 3
    >>> [len(record.people) for record in iter_track(black, fps=30, tracker="embedded")]
    [0, 0, 0]

    Args:
        frames: in order: (H,W,3) uint8 RGB arrays, or ``Frame`` objects with times of their own.
        fps: frames per second, for the times of arrays.
        tracker: as for :func:`track`.
        keys: as for :func:`track`; ``batch_frames`` frames (1 unless set) are looked at at once.

    Raises:
        ConfigError: for an unknown key, an invalid value, or a frame rate that is not positive.
        ValueError: for a frame that is not (H,W,3) uint8.
        HumantrackError: whatever a stage fails with.
    """
    if not (isinstance(fps, int | float | np.number) and 0 < fps < math.inf):
        raise ConfigError("a frame rate is a number above 0", where=f"fps={fps}")
    settings = {"render.enable": False, "checkpoint.enable": False, **keys}
    cfg = _config(tracker, settings, None)
    kind, _ = choose_tracker(cfg)
    tell_unused(cfg, kind, is_run=False)
    return _records(kind(cfg), run_options(cfg), _numbered(frames, fps))


def _records(stages: Any, options: RunOptions, frames: Iterator[Frame]) -> Iterator[FrameRecord]:
    seed_everything(options.seed)
    stages.reset_stages()
    final = walk(
        stages.get_list_of_shots(frames),
        stages.observe,
        stages.tracker,
        chunk=options.batch_frames or 1,
        window=BackFillWindow(options.n_init),
    )
    for _, record in final:
        yield record


def _numbered(frames: Iterable[ByteArray | Frame], fps: float) -> Iterator[Frame]:
    for index, frame in zip(itertools.count(), frames):
        if isinstance(frame, Frame):
            yield frame
            continue
        _check_picture(index, frame)
        yield Frame(
            index=index,
            source_index=index,
            time_s=index / fps,
            rgb=frame,
            key=f"frames/{index + 1:06d}.jpg",
        )


def _check_picture(index: int, frame: Any) -> None:
    """A line that says which frame is none, and what it is."""
    shape, dtype = getattr(frame, "shape", None), getattr(frame, "dtype", None)
    if isinstance(frame, np.ndarray) and frame.shape[2:] == (3,) and dtype == np.uint8:
        return
    told = type(frame).__name__ if shape is None else f"{shape} {dtype}"
    raise ValueError(f"frame {index}: a picture is an array (H,W,3) uint8, RGB, not {told}")


def _config(tracker: str, keys: Mapping[str, Any], output_dir: str | None) -> Any:
    settings = {**keys, "tracker": tracker}
    if output_dir is not None:
        settings["video.output_dir"] = output_dir
    return load_config(settings)
