"""Writes the world of finished results beside them: camera, lens, ground, people, and how sure."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.clips.source import ResultsSource
from humantrack.errors import ConfigError, ResultsError
from humantrack.results import partial_path, read_meta, write_meta
from humantrack.results.meta import meta_path
from humantrack.types.arrays import IntArray
from humantrack.world.build import Advance, WorldBuilder
from humantrack.world.camera import (
    SOLVED_KINDS,
    EvidenceFile,
    evidence_path,
    read_camera_file,
    solve,
    solve_with_colmap,
)
from humantrack.world.camera.evidence import AGAIN
from humantrack.world.facts import facts_of
from humantrack.world.file import WorldWriter, world_path
from humantrack.world.matched import matched
from humantrack.world.metadata import focal_35mm, focal_px_of, sensible_35mm
from humantrack.world.options import WorldOptions
from humantrack.world.types import CameraPath
from humantrack.world.windows import CORE_S

KEPT_SIZE = 2**24
"""Bytes of frames that are kept between the two walks: some 700 people-frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldReport:
    """What the world pass wrote."""

    path: Path
    facts: dict[str, Any]
    """As in the file and in the ``.meta.json``."""

    notes: tuple[str, ...]
    """What could not be known, a sentence each."""

    line: str
    """How camera, lens and scale were found, in one line."""


def colmap_folder(results: Path) -> Path:
    """Where a run leaves the pictures that COLMAP looks at."""
    return results.with_suffix(".colmap")


def _beside(results: Path, place: Callable[[Path], Path]) -> Path:
    """What a run leaves beside results, which may have its final name before they do, or after."""
    whole = results.with_name(results.name.replace(".partial.", "."))
    names = (results, whole, partial_path(whole))
    return next((path for name in names if (path := place(name)).exists()), place(results))


def write_world(
    results: Path,
    options: WorldOptions,
    *,
    sources: Sequence[Path] = (),
    advance: Advance | None = None,
    core_s: float = CORE_S,
) -> WorldReport:
    """Make the world of finished results, and write it and what is to be said of it.

    Args:
        results: the results file.
        options: what the user says.
        sources: the video, or the pictures, whose metadata may name the lens; empty: where the
            description of the results says that it was.
        advance: told how far it is; may raise to stop.
        core_s: seconds of a window of the refinement.

    Raises:
        ResultsError: if the results, or the evidence of the camera, cannot be read.
        CameraFileError: if a camera file cannot be used.
        ConfigError: if the camera that is asked for cannot be had.
        OutputError: if something cannot be written.
    """
    said: list[str] = []
    with _overheard(said):
        source = ResultsSource(results, kept_size=KEPT_SIZE)
        meta = read_meta(results) or {}
        lens_mm = _lens_mm(meta, sources)
        camera = _Camera(results, options, source, _fingerprint(meta))
        size = source.facts.width, source.facts.height
        lens_px = None
        if lens_mm is not None and size[0] and size[1]:
            lens_px = focal_px_of(lens_mm, size[0], size[1])
        builder = WorldBuilder(
            source,
            camera.path,
            options,
            evidence=camera.evidence,
            lens_px=lens_px,
            advance=advance,
            core_s=core_s,
        )
        with WorldWriter(results, marks=builder.marks()) as writer:
            builder.survey()
            for frame in builder.frames():
                writer.write(frame)
            facts, notes, line = facts_of(builder, lens_mm, said)
            writer.facts.update(facts)
    if meta:
        meta["world"] = facts
        write_meta(meta_path(results), meta)
    return WorldReport(path=world_path(results), facts=facts, notes=notes, line=line)


@contextmanager
def _overheard(said: list[str]) -> Iterator[None]:
    """Add what is warned of, such as results that are cut short, each thing once."""

    def heard(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, UserWarning) and str(message) not in said:
            said.append(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = heard
        yield


def remove_world(results: Path) -> None:
    """Remove the world, and the evidence for one, of results that were replaced."""
    for path in (world_path(results), evidence_path(results)):
        path.unlink(missing_ok=True)
    shutil.rmtree(colmap_folder(results), ignore_errors=True)


def _lens_mm(meta: dict[str, Any], sources: Sequence[Path]) -> float | None:
    """The lens as the video's file names it, in millimetres of 35 mm film."""
    world = meta.get("world")
    lens = world.get("lens") if isinstance(world, dict) else None
    known = lens.get("file_35mm") if isinstance(lens, dict) else None
    if isinstance(known, float | int) and not isinstance(known, bool):
        return sensible_35mm(float(known))
    if not sources:
        about = meta.get("source")
        said = about.get("path") if isinstance(about, dict) else None
        sources = [Path(said)] if isinstance(said, str) else []
    return focal_35mm(sources[0]) if sources else None


def _fingerprint(meta: dict[str, Any]) -> str | None:
    """Of the video that the results are of; None where nothing says it."""
    about = meta.get("fingerprint")
    said = about.get("source") if isinstance(about, dict) else None
    return said if isinstance(said, str) and said else None


class _Camera:
    """Gives the camera's path for a focal length, however the camera was asked for."""

    def __init__(
        self, results: Path, options: WorldOptions, source: ResultsSource, fingerprint: str | None
    ) -> None:
        self._options, self._source = options, source
        self.evidence: EvidenceFile | None = None
        evidence = _beside(results, evidence_path)
        self._pictures = _beside(results, colmap_folder)
        wanted = options.camera
        is_file = wanted not in (*SOLVED_KINDS, "colmap")
        if is_file or wanted == "still":  # nothing has to be known of the pictures
            return
        if evidence.exists():
            self.evidence = EvidenceFile(evidence)
            if None not in (known := {self.evidence.source, fingerprint}) and len(known) > 1:
                raise ResultsError(
                    "the camera evidence is of another video", where=evidence, hint=AGAIN
                )
        elif wanted in ("turning", "free", "colmap"):
            raise ConfigError(
                "nothing is stored of how this camera moves",
                where=f"world.camera={wanted}",
                hint="run humantrack on the video again, or give a camera file",
            )
        if wanted == "colmap" and not self._pictures.exists():
            raise ConfigError(
                "the pictures for COLMAP are not there",
                where="world.camera=colmap",
                hint="run humantrack on the video again with world.camera=colmap",
            )

    def path(self, focal_px: float, index: IntArray, shots: IntArray, time_s: float) -> CameraPath:
        """The path through the results' frames.

        Args:
            focal_px: of the first frame.
            index: (T,) numbers of the frames.
            shots: (T,) cuts before each.
            time_s: when the first frame is.
        """
        options, facts = self._options, self._source.facts
        size = facts.width or 1920, facts.height or 1080
        if self.evidence is None and options.camera in ("auto", "still"):
            return still_path(index, shots, focal_px, size, is_told=options.camera == "still")
        if self.evidence is None:
            first = round(time_s * facts.fps) - int(index[0]) if len(index) else 0
            return replace(
                read_camera_file(
                    options.camera,
                    index + max(first, 0),
                    size,
                    facts.fps,
                    focal_px=focal_px,
                    shot=shots,
                ),
                index=index,
            )
        kind = options.camera if options.camera in SOLVED_KINDS else "auto"
        path = solve(self.evidence, focal_px=focal_px, kind=kind)
        if options.camera == "colmap":
            known = options.focal_px is not None or options.fov_deg is not None
            path = solve_with_colmap(self._pictures, path, size, refine_focal=not known)
        known_size = (facts.width, facts.height) if facts.width and facts.height else None
        return matched(path, index, shots, known_size, self.evidence.path)


def still_path(
    index: IntArray, shots: IntArray, focal_px: float, size: tuple[int, int], *, is_told: bool
) -> CameraPath:
    """A camera that does not move, as told or since nothing is known of it."""
    count = len(index)
    note = "nothing is stored of how the camera moves, so it is taken to stand still"
    return CameraPath(
        index=index,
        shot=shots,
        rotation=np.broadcast_to(np.eye(3), (count, 3, 3)),  # one for all, however many
        position=np.broadcast_to(np.zeros(3), (count, 3)),
        focal_px=np.broadcast_to(np.array(float(focal_px)), (count,)),
        centre_px=np.broadcast_to(np.array(size) / 2, (count, 2)),
        kinds=("still",) * (int(shots[-1]) + 1 if count else 0),
        is_metric=False,
        has_up=False,
        confidence=np.broadcast_to(np.array(1.0 if is_told else 0.5), (count,)),
        notes=() if is_told else (note,),
        evidence={},
    )
