"""Base class of export formats, and the list of our own."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, ClassVar

if TYPE_CHECKING:  # the list of formats is read for --help, which must not wait for numpy
    from humantrack.clips.frames import Batch
    from humantrack.clips.source import ResultsSource
    from humantrack.export.output import OutputFiles
    from humantrack.motion.motion import Motion
    from humantrack.types.arrays import IntArray


class Exporter(ABC):
    """Turns one results file into one format.

    It is made for one export, given all batches in order, and finished once. It writes only
    through ``outputs``, so that an error leaves no file behind.

    An exporter of another package says in ``suffix``, ``about``, ``is_motion`` and ``is_single``
    what ``Format`` says of ours; its name is that of its entry point.

    Args:
        source: what is exported, with the user's options; may be walked by the exporter itself.
        outputs: where files are begun.
        suffix: of the format.
    """

    suffix: str = ""
    about: ClassVar[str] = ""
    is_motion: ClassVar[bool] = False
    is_single: ClassVar[bool] = True
    needs_context: ClassVar[bool] = False
    """True if it takes the frames around the selection too (``FrameEntry.is_selected``)."""

    def __init__(self, source: ResultsSource, outputs: OutputFiles, suffix: str) -> None:
        self.source, self.outputs, self.suffix = source, outputs, suffix
        self.options, self.facts = source.options, source.facts

    @property
    def in_world(self) -> bool:
        """Whether people are to be written where they are in the world, not before the camera.

        Raises:
            ConfigError: if the world was asked for and there is none.
        """
        return self.source.is_in_world(is_motion=self.is_motion)

    @abstractmethod
    def begin(self) -> None:
        """Called once before the first batch."""

    @abstractmethod
    def write(self, batch: Batch) -> None:
        """Take the next frames."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is left."""


class MotionExporter(Exporter):
    """A format that writes each person's motion as a whole; ``write_motion`` is all it needs.

    Gaps are filled, and motion is smoothed and resampled, before frames are selected: what is
    written of a few frames is what the whole export has for them.
    """

    needs_context = True
    is_motion = True
    is_even: ClassVar[bool] = False
    """True if its frames must be evenly spaced."""

    is_timed: ClassVar[bool] = False
    """True if its people move on the clip's own time line whatever the options say."""

    def begin(self) -> None:
        """Nothing is written before all frames are known."""
        from humantrack.motion.world import collector_for

        options = replace(self.options, timeline="track") if self.is_timed else self.options
        self._collector = collector_for(self.source, options)

    def write(self, batch: Batch) -> None:
        """Gather the people."""
        self._collector.add(batch)

    def finish(self) -> None:
        """Write track by track."""
        for motion in self._collector.motions():
            whole = motion.even() if self.is_even else motion
            rows = self.selected(whole.frame)
            if rows.start < rows.stop:
                self.write_motion(whole, rows)

    def selected(self, frame: IntArray) -> slice:
        """Which of these numbers of frames, (T,) and rising, were asked for."""
        import numpy as np

        first, stop = self.options.frames
        start = int(np.searchsorted(frame, first))
        return slice(start, len(frame) if stop is None else int(np.searchsorted(frame, stop)))

    def open_track(self, motion: Motion) -> BinaryIO:
        """Begin the file of a track."""
        return self.outputs.open(f"_{motion.name}{self.suffix}")

    def write_motion(self, motion: Motion, rows: slice = slice(None)) -> None:
        """Write these rows of one track, or of one part of it."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Format:
    """An entry of the list of formats."""

    name: str
    suffix: str
    """Of its files. A format that writes one file per track puts ``_track<id>`` before it."""

    about: str
    """One line for the help."""

    place: str | type[Exporter]
    """The class, or 'module:class', imported when the format is asked for; ours begin with a dot
    and lie in this folder."""

    is_motion: bool = False
    """True if it heeds ``gaps``, ``fps`` and ``smooth``."""

    is_single: bool = True
    """True if it writes one file, whatever the number of tracks."""

    is_per_frame: bool = False
    """True if it writes a file for each frame, whose names only the results tell."""

    def load(self) -> type[Exporter]:
        """The exporter's class."""
        if not isinstance(self.place, str):
            return self.place
        module, name = self.place.split(":")
        imported = importlib.import_module(module, "humantrack.export.formats")
        kind: type[Exporter] = getattr(imported, name)
        return kind


FORMATS = {
    f.name: f
    for f in (
        Format("json", ".json", "one document (humantrack-export --schema)", ".json:Json"),
        Format("jsonl", ".jsonl", "the same, a header and then a frame a line", ".json:JsonLines"),
        Format("csv", ".csv", "a row per frame and track", ".csv:Csv"),
        Format("parquet", ".parquet", "the same rows, typed and small", ".parquet:Parquet"),
        Format("mot", ".txt", "MOTChallenge boxes, numbered from 1", ".mot:Mot"),
        Format("coco", ".coco.json", "COCO boxes and 17 keypoints", ".coco:Coco"),
        Format("phalp", ".phalp.pkl", "exactly PHALP's schema", ".phalp:Phalp"),
        Format(
            "npz",
            ".npz",
            "AMASS motion, a file per track",
            ".npz:Amass",
            is_motion=True,
            is_single=False,
        ),
        Format(
            "bvh",
            ".bvh",
            "skeleton motion, a file per track",
            ".bvh:Bvh",
            is_motion=True,
            is_single=False,
        ),
        Format("glb", ".glb", "animated bodies, one scene", ".glb:Glb", is_motion=True),
        Format(
            "trc",
            ".trc",
            "OpenSim markers, a file per track",
            ".trc:Trc",
            is_motion=True,
            is_single=False,
        ),
        Format(
            "c3d",
            ".c3d",
            "markers for biomechanics, a file per track",
            ".c3d:C3d",
            is_motion=True,
            is_single=False,
        ),
        Format("usd", ".usdc", "animated bodies, one stage", ".usd:Usd", is_motion=True),
        Format("rrd", ".rrd", "a recording for the Rerun viewer", ".rrd:Rrd", is_motion=True),
        Format(
            "obj",
            ".obj",
            "bodies, a file per track and frame",
            ".obj:Obj",
            is_motion=True,
            is_single=False,
            is_per_frame=True,
        ),
        Format("angles", ".angles.csv", "joint angles, a table", ".angles:Angles", is_motion=True),
        Format(
            "angles-parquet",
            ".angles.parquet",
            "the same table, typed",
            ".angles:AnglesParquet",
            is_motion=True,
        ),
        *(
            Format(
                name,
                suffix,
                "OpenSim joint angles, a file per track",
                ".osim:Coordinates",
                is_motion=True,
                is_single=False,
            )
            for name, suffix in (("mot-osim", ".mot"), ("sto", ".sto"))
        ),
        Format(
            "blender",
            ".blender.pkl",
            "for the CEB 4D-Humans add-on, a file per track",
            ".blender:Blender",
            is_motion=True,
            is_single=False,
        ),
    )
}
