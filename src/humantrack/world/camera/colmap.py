"""The camera solved by COLMAP, on frames in which the people are masked out (extra ``colmap``)."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from humantrack.atomic import cannot_write
from humantrack.errors import CameraFileError, DependencyError, HumantrackError, OutputError
from humantrack.extras import missing
from humantrack.types import Frame, FrameRecord
from humantrack.types.arrays import BoolArray, IntArray
from humantrack.world.camera.adjust import Cameras
from humantrack.world.camera.fitted import spread
from humantrack.world.camera.given import read_camera_file
from humantrack.world.camera.judge import MOVES_PX
from humantrack.world.camera.silhouettes import background
from humantrack.world.types import CameraPath

EVERY = 6
"""One frame of so many is given to COLMAP; between them our own solution says how it moves."""

_log = logging.getLogger(__name__)

_SIDE = 1280
_LEAST_SHARE = 0.5
"""Of a shot's pictures that COLMAP must place."""

_LEAST_IMAGES = 3


def need_colmap() -> None:
    """Refuse ``world.camera=colmap`` where pycolmap is missing.

    Raises:
        DependencyError: naming how to install it.
    """
    if missing("pycolmap"):
        raise DependencyError(
            "world.camera=colmap needs pycolmap, which is not installed",
            hint='run pip install "humantrack[colmap]"',
        )


class ColmapFrames:
    """Writes some of the frames and their masks as COLMAP reads them: a ``Sink``, ``Resumable``.

    Args:
        folder: for the pictures, a folder for each shot.
        every: one frame of so many is written.
    """

    def __init__(self, folder: Path, *, every: int = EVERY) -> None:
        self.folder, self._every = folder, every
        self._shot, self._count = 0, 0
        self._left_out: tuple[Frame, FrameRecord] | None = None

    def __enter__(self) -> ColmapFrames:
        return self

    def write(self, frame: Frame, record: FrameRecord) -> None:
        """Write one frame if it is its turn.

        Raises:
            OutputError: if it cannot be written.
        """
        if frame.is_shot_start:
            self._write_last()
            self._shot, self._count = self._shot + 1, 0
        if self._count % self._every:
            self._left_out = frame, record
        else:
            self._save(frame, record)
        self._count += 1

    def state_dict(self) -> Mapping[str, Any]:
        """How far it is."""
        return {"shot": self._shot, "count": self._count}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there; pictures written after it are written again."""
        self._shot, self._count = int(state["shot"]), int(state["count"])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._write_last()

    def _write_last(self) -> None:
        """The last frame of a shot, so that none needs to be guessed beyond it."""
        if self._left_out is not None:
            self._save(*self._left_out)

    def _save(self, frame: Frame, record: FrameRecord) -> None:
        self._left_out = None
        factor = min(1.0, _SIDE / max(frame.width, frame.height))
        size = max(1, round(frame.width * factor)), max(1, round(frame.height * factor))
        picture = cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA)[..., ::-1]
        mask = background(record, (size[1], size[0]))
        name = f"{frame.index:08d}.jpg"
        _save(self._place("images") / name, picture, ".jpg")
        _save(self._place("masks") / f"{name}.png", mask, ".png")

    def _place(self, what: str) -> Path:
        return shot_folder(self.folder, self._shot) / what


def shot_folder(folder: Path, shot: int) -> Path:
    """Where the pictures of a shot lie."""
    return folder / f"shot_{shot:04d}"


def solve_with_colmap(
    folder: Path, base: CameraPath, size: tuple[int, int], *, refine_focal: bool
) -> CameraPath:
    """Replace the path of each shot by COLMAP's where it finds one.

    Args:
        folder: what ``ColmapFrames`` wrote.
        base: solved by ourselves: its frames and shots, its focal length to begin with, and its
            path where COLMAP finds none (``notes`` say so).
        size: width and height of a frame.
        refine_focal: let COLMAP find the focal length; False where it is known.

    Raises:
        DependencyError: if pycolmap is missing or broken.
    """
    need_colmap()
    path = base
    for shot in range(len(base.kinds)):
        rows = base.shot == shot
        where = f"shot {shot + 1}: " if len(base.kinds) > 1 else ""
        if _stands_still(base, shot):
            said = f"{where}the camera stands still, so COLMAP was not asked"
            path = replace(path, notes=(*path.notes, said))
            continue
        place = shot_folder(folder, shot)
        try:
            found = _solved(place, base, rows, size, refine_focal=refine_focal)
        except HumantrackError as error:
            if isinstance(error, DependencyError):
                raise
            said = f"{where}COLMAP found no camera ({error.what}): solved without it"
            path = replace(path, notes=(*path.notes, said))
            continue
        finally:  # as large as the pictures many times over, and made again if asked for again
            (place / "database.db").unlink(missing_ok=True)
            shutil.rmtree(place / "sparse", ignore_errors=True)
        path = _merged(path, found, shot, rows)
    return path


def _stands_still(base: CameraPath, shot: int) -> bool:
    """Whether the picture does not move; a camera that could not be solved is called still, too."""
    shots = base.evidence.get("shots", [])
    moved = shots[shot].get("picture_moved_px", 0.0) if shot < len(shots) else 0.0
    frames = int((base.shot == shot).sum())
    followed = shots[shot].get("followed", 1.0) if shot < len(shots) else 1.0
    seen = followed * frames >= 2
    return base.kinds[shot] == "still" and seen and moved < MOVES_PX


def _solved(
    folder: Path, base: CameraPath, rows: BoolArray, size: tuple[int, int], *, refine_focal: bool
) -> CameraPath:
    images = sorted((folder / "images").glob("*.jpg"))
    if len(images) < _LEAST_IMAGES:
        raise CameraFileError("too few pictures", where=folder)
    picture = cv2.imread(str(images[0]), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise CameraFileError("a picture cannot be read", where=images[0])
    height, width = picture.shape
    focal = float(np.median(base.focal_px[rows])) * width / size[0]
    model = _run(folder, f"{focal},{width / 2},{height / 2}", refine_focal=refine_focal)
    text = folder / "text"
    text.mkdir(exist_ok=True)
    model.write_text(str(text))
    share = model.num_reg_images() / len(images)
    if share < _LEAST_SHARE:
        raise CameraFileError(f"only {share:.0%} of the pictures could be placed", where=folder)
    return read_camera_file(text, base.index[rows], size, 0.0, counts_from=0)


def _run(folder: Path, camera: str, *, refine_focal: bool) -> Any:
    """The largest model that COLMAP makes of a folder's pictures."""
    try:
        import pycolmap
    except ImportError as error:
        raise DependencyError(f"pycolmap cannot be loaded ({error})") from error
    database, sparse = folder / "database.db", folder / "sparse"
    database.unlink(missing_ok=True)
    shutil.rmtree(sparse, ignore_errors=True)
    sparse.mkdir(parents=True)
    reader = pycolmap.ImageReaderOptions()
    reader.camera_model, reader.camera_params = "SIMPLE_PINHOLE", camera
    reader.mask_path = str(folder / "masks")
    pycolmap.set_random_seed(0)
    if not _log.isEnabledFor(logging.DEBUG):  # hundreds of lines; what fails is told in one
        pycolmap.logging.minloglevel = int(pycolmap.logging.FATAL)
    pictures = str(folder / "images")
    try:
        models = _models(pycolmap, str(database), pictures, str(sparse), reader, refine_focal)
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        said = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise CameraFileError(f"it failed: {said}", where=folder) from error
    if not models:
        raise CameraFileError("it could not join the pictures", where=folder)
    return max(models.values(), key=lambda model: model.num_reg_images())


def _models(  # noqa: PLR0917
    pycolmap: Any, database: str, pictures: str, sparse: str, reader: Any, refine_focal: bool
) -> Any:
    cpu = pycolmap.Device.cpu
    pycolmap.extract_features(
        *(database, pictures),
        camera_mode=pycolmap.CameraMode.SINGLE,
        reader_options=reader,
        device=cpu,
    )
    pycolmap.match_sequential(database, device=cpu)
    options = pycolmap.IncrementalPipelineOptions()
    options.ba_refine_focal_length = refine_focal
    options.mapper.abs_pose_refine_focal_length = refine_focal
    options.mapper.init_min_tri_angle = 4.0  # films move less between frames than photographs
    options.multiple_models = False
    options.extract_colors = False
    options.random_seed = 0
    return pycolmap.incremental_mapping(database, pictures, sparse, options)


def _merged(path: CameraPath, found: CameraPath, shot: int, rows: BoolArray) -> CameraPath:
    """``path`` with a shot taken from ``found``, in the axes of the shot's first frame."""
    own = Cameras(path.rotation[rows], path.position[rows], np.log(path.focal_px[rows]))
    turn, origin = found.rotation[0], found.position[0]
    there = Cameras(
        found.rotation @ turn.T, (found.position - origin) @ turn.T, np.log(found.focal_px)
    )
    whole = between(np.flatnonzero(found.confidence == 1), there, own)
    rotation, position = path.rotation.copy(), path.position.copy()
    focal, confidence, centre = path.focal_px.copy(), path.confidence.copy(), path.centre_px.copy()
    first = np.flatnonzero(rows)[0]
    rotation[rows], position[rows] = whole.rotation, whole.position
    rotation[first], position[first] = np.eye(3), 0.0
    focal[rows] = found.focal_px
    confidence[rows] = np.maximum(found.confidence, path.confidence[rows])
    centre[rows] = found.centre_px
    kinds = tuple("free" if number == shot else kind for number, kind in enumerate(path.kinds))
    where = f"shot {shot + 1}: " if len(kinds) > 1 else ""
    shots = list(path.evidence.get("shots", []))
    if shot < len(shots):
        shots[shot] = {"kind": "free", "solver": "colmap", **found.evidence}
    return replace(
        path,
        rotation=rotation,
        position=position,
        focal_px=focal,
        centre_px=centre,
        confidence=confidence,
        kinds=kinds,
        notes=(*path.notes, f"{where}the camera was solved by COLMAP"),
        evidence={**path.evidence, "shots": shots},
    )


def between(rows: IntArray, there: Cameras, own: Cameras) -> Cameras:
    """T cameras that are right at some frames, moved between them as others move.

    Args:
        rows: frames in which ``there`` is right.
        there: T cameras, in any unit.
        own: T cameras in the same axes and another unit, right from frame to frame; where they do
            not travel, places are interpolated.
    """
    length = float((own.position[rows] ** 2).sum())
    unit = float((there.position[rows] * own.position[rows]).sum()) / max(length, 1e-12)
    # What the others are off by changes slowly, so that is what is interpolated.
    off = Cameras(
        there.rotation[rows] @ np.swapaxes(own.rotation[rows], -1, -2),
        there.position[rows] - unit * own.position[rows],
        there.log_focal[rows],
    )
    slow = spread(rows, off, len(own.rotation))
    return Cameras(
        slow.rotation @ own.rotation, slow.position + unit * own.position, slow.log_focal
    )


def _save(path: Path, picture: Any, suffix: str) -> None:
    done, data = cv2.imencode(suffix, np.ascontiguousarray(picture))
    if not done:
        raise OutputError("a picture for COLMAP cannot be encoded", where=path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise cannot_write(path, error) from error
