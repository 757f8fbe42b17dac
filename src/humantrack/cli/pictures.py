"""What ``humantrack-demo`` does: each picture by itself, without tracks."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.atomic import atomic_write
from humantrack.config.load import load_config
from humantrack.config.ranges import check_values
from humantrack.detect.nanodet.watch import Watch
from humantrack.detect.registry import least_score
from humantrack.errors import (
    ConfigError,
    EmptySourceError,
    HumantrackError,
    SourceNotFoundError,
    StageError,
    UnreadableSourceError,
)
from humantrack.export.formats.obj_file import faces_text, write_obj
from humantrack.memory import is_lack_of_memory, out_of_memory
from humantrack.render.faces import FaceBlur
from humantrack.render.portrait import Portraits
from humantrack.session import choose_tracker, tell_unused
from humantrack.terminal import say
from humantrack.types import BodyBatch, Frame, FrameRecord, Observation
from humantrack.video.images import is_image, natural_key, read_image
from humantrack.video.picture import write_png

LEAST_SCORE = 0.5
"""Of a detection that is drawn, unless its detector's own scale begins lower.

Source: ``demo.py`` of 4D-Humans.
"""


def run(arguments: Namespace) -> list[HumantrackError]:
    """Work on all pictures.

    Returns:
        What went wrong with single ones.

    Raises:
        HumantrackError: if there is nothing to read, or the models cannot be made.
    """
    cfg = _config(arguments)
    check_values(cfg)
    paths = _pictures(Path(arguments.img_folder).expanduser(), arguments.file_type)
    out = Path(arguments.out_folder).expanduser()
    kind, why = choose_tracker(cfg)
    tell_unused(cfg, kind, is_run=False)
    say(f"tracker: {why}; loading models")
    demo = _Demo(kind(cfg), cfg, arguments, out)
    errors: list[HumantrackError] = []
    for path, stem in zip(paths, _stems(paths), strict=True):
        try:
            written = demo.write(path, stem)
        except HumantrackError as error:
            errors.append(error)
            continue
        people = "nobody" if not written.people else _counted(written.people, "person", "people")
        say(f"{path.name}: {people}, {_counted(len(written.paths), 'file', 'files')} in {out}")
    return errors


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _config(arguments: Namespace) -> Any:
    """The flags as keys, and the keys after them.

    Raises:
        ConfigError: for a key that is none, or a value that will not do.
    """
    stray = [text for text in arguments.keys if "=" not in text]
    if stray:
        raise ConfigError("neither an option nor key=value", where=stray[0])
    if arguments.detector == "regnety":
        raise ConfigError(
            "this detector is not part of the program",
            where="--detector regnety",
            hint="give maskrcnn, vitdet or nanodet",
        )
    flags = {
        "hmr.batch_size": arguments.batch_size,
        "hmr.checkpoint": arguments.checkpoint,
        "phalp.detector": arguments.detector,
    }
    given = {key: value for key, value in flags.items() if value is not None}
    fixed = {"phalp.n_init": 1, "render.enable": False, "tracker": arguments.tracker}
    return load_config({**fixed, **given}, *arguments.keys)


def _pictures(folder: Path, patterns: Sequence[str] | None) -> list[Path]:
    """The pictures of a folder in natural order, or the one that is named.

    Raises:
        SourceNotFoundError: if there is no such folder.
        EmptySourceError: if no picture is in it.
    """
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise SourceNotFoundError(
            "no such folder of pictures", where=folder, hint="name it: --img_folder FOLDER"
        )
    if patterns:
        found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    else:
        found = {path for path in folder.iterdir() if path.is_file() and is_image(path)}
    if not found:
        what = f"no file matches {' '.join(patterns)}" if patterns else "no picture in the folder"
        raise EmptySourceError(what, where=folder)
    return sorted(found, key=lambda path: natural_key(path.name))


def _stems(paths: Sequence[Path]) -> Iterator[str]:
    """What files are named by: the picture's name without its suffix, or with it if two share it.

    Compared without case, as some file systems do.
    """
    shared = Counter(path.stem.casefold() for path in paths)
    return (path.name if shared[path.stem.casefold()] > 1 else path.stem for path in paths)


@dataclass(frozen=True)
class _Written:
    people: int
    paths: list[Path]


class _Demo:
    """Finds people in one picture after the other, and writes what was asked for."""

    def __init__(self, tracker: Any, cfg: Any, arguments: Namespace, out: Path) -> None:
        self._tracker, self._arguments, self._out = tracker, arguments, out
        self._portraits = Portraits(tracker.body, device=tracker.device)
        self._hides_faces = bool(cfg.render.blur_faces)
        asked = cfg.phalp.low_th_c
        own = least_score(tracker._detector_name()) if asked is None else asked
        self._least = min(own, LEAST_SCORE) if asked is None else asked

    def write(self, path: Path, stem: str) -> _Written:
        """All files of one picture.

        Raises:
            UnreadableSourceError: if it is none.
            StageError, OutOfMemoryError: if a network fails on it.
            OutputError: if something cannot be written.
        """
        frame = _read(path)
        people = self._people(frame)
        if self._hides_faces:  # each picture stands alone, so nothing is remembered
            blur = FaceBlur(self._tracker.body, Watch())
            frame = blur.blurred(frame, _record(frame, people))
        options, written = self._arguments, []
        for number, seen in enumerate(people):
            written.append(self._out / f"{stem}_{number}.png")
            views = {"side": options.side_view, "top": options.top_view}
            write_png(written[-1], self._portraits.one(frame, seen, number, **views))
            if options.save_mesh:
                written.append(self._out / f"{stem}_{number}.obj")
                self._write_mesh(written[-1], seen, f"{stem}_{number}")
        if options.full_frame and people:
            written.append(self._out / f"{stem}_all.png")
            write_png(written[-1], self._portraits.everybody(frame, people))
        return _Written(len(people), written)

    def _people(self, frame: Frame) -> list[Observation]:
        self._tracker.reset_stages()
        try:
            found: list[Observation] = self._tracker.observe([frame])[0]
        except HumantrackError:
            raise
        except Exception as error:
            if is_lack_of_memory(error):
                raise out_of_memory(error, str(frame.key)) from error
            hint = f"{type(error).__name__}: {error} (--debug shows where)"
            raise StageError("finding people failed", where=frame.key, hint=hint) from error
        return [one for one in found if one.score >= self._least]

    def _write_mesh(self, path: Path, seen: Observation, name: str) -> None:
        names = ("global_orient", "body_pose", "betas", "cam_crop", "cam_t")
        joints = {"joints_3d": seen.joints_3d, "joints_2d": seen.joints_2d}
        values = {n: np.asarray(getattr(seen, n)) for n in names} | joints
        body = self._tracker.body
        vertices = body.vertices(BodyBatch(**{k: v[None] for k, v in values.items()}))[0]
        with atomic_write(path) as file:
            write_obj(file, vertices + seen.cam_t, faces_text(body.faces), name=name)


def _read(path: Path) -> Frame:
    try:
        rgb = read_image(path)
    except OSError as error:
        raise UnreadableSourceError(error.strerror or str(error), where=path) from error
    except ValueError as error:
        raise UnreadableSourceError("not a picture that can be read", where=path) from error
    return Frame(index=0, source_index=0, time_s=0.0, rgb=rgb, key=path.name)


def _record(frame: Frame, people: Sequence[Observation]) -> FrameRecord:
    return FrameRecord(
        index=0,
        source_index=0,
        key=frame.key,
        time_s=0.0,
        is_shot_start=False,
        image_size=(frame.height, frame.width),
        people=(),
        others=tuple(people),
    )
