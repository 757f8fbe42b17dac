"""Paths of a run's output."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from humantrack.errors import OutputError
from humantrack.fingerprint import shortened
from humantrack.pipeline.summary import RunSummary, TrackCounter
from humantrack.results.meta import read_meta, warnings_in
from humantrack.run.settings import RunOptions
from humantrack.run.world import WorldOutcome


@dataclass(frozen=True)
class OutputPaths:
    """Where a run writes, laid out as PHALP does."""

    results: Path
    overlay: Path
    meta: Path
    frames: Path
    """Folder of extracted JPEG frames."""

    checkpoint: Path
    pieces: Path
    """Folder of the overlay's pieces until they are joined."""

    draws: bool

    @staticmethod
    def of(options: RunOptions, name: str, *, is_picture: bool = False) -> OutputPaths:
        """The paths of the clip, or the single picture, ``name``."""
        out, name = options.output_dir, shortened(name)
        results = out / "results" / f"{options.results_prefix}_{name}.pkl"
        return OutputPaths(
            results=results,
            overlay=out / f"{options.overlay_prefix}_{name}.{'png' if is_picture else 'mp4'}",
            meta=results.with_name(f"{options.results_prefix}_{name}.meta.json"),
            frames=out / "_DEMO" / name / "img",
            checkpoint=results.with_suffix(".checkpoint"),
            pieces=out / f"{options.overlay_prefix}_{name}.partial",
            draws=options.overlay,
        )

    @property
    def is_picture(self) -> bool:
        """Whether the overlay is a picture."""
        return self.overlay.suffix == ".png"

    @property
    def world_video(self) -> Path:
        """The world video, beside the overlay."""
        return self.overlay.with_name(f"{self.overlay.stem}.world.mp4")

    def numbered(self, number: int) -> OutputPaths:
        """The paths of a segment of this recording, counted from 1: names sort in its order."""

        def with_number(path: Path, stem: str) -> Path:
            return path.with_name(f"{stem}_{number:06d}{path.name.removeprefix(stem)}")

        results, overlay = self.results.stem, self.overlay.stem
        return replace(
            self,
            results=with_number(self.results, results),
            overlay=with_number(self.overlay, overlay),
            meta=with_number(self.meta, results),
            checkpoint=with_number(self.checkpoint, results),
            pieces=with_number(self.pieces, overlay),
        )

    def make_folders(self) -> None:
        """Make the folders that hold results and overlay.

        Raises:
            OutputError: if that is not possible.
        """
        try:
            self.results.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot make the output folder ({error.strerror})",
                where=self.results.parent,
                hint="choose another with video.output_dir=FOLDER",
            ) from error

    def summary(
        self,
        name: str,
        counter: TrackCounter,
        *,
        seconds: float,
        decode_errors: int,
        warnings: tuple[str, ...],
        resumed_from: int,
        world: WorldOutcome,
    ) -> RunSummary:
        """The summary of a run that wrote these files."""
        return RunSummary(
            name=name,
            results=self.results,
            overlay=self.overlay if self.draws else None,
            meta=self.meta,
            frames=counter.frames,
            people=counter.most_at_once,
            tracks=len(counter.track_ids),
            seen=counter.seen,
            guessed=counter.guessed,
            seconds=seconds,
            decode_errors=decode_errors,
            warnings=warnings,
            resumed_from=resumed_from,
            world=world.path,
            world_line=world.line,
            world_notes=world.notes,
            world_video=world.video,
        )

    def summary_of_finished(self, name: str) -> RunSummary:
        """The summary when results are there already and are left alone."""
        return RunSummary(
            name=name,
            results=self.results,
            overlay=self.overlay if self.overlay.exists() else None,
            meta=self.meta if self.meta.exists() else None,
            warnings=warnings_in(read_meta(self.results)),
            skipped=True,
        )
