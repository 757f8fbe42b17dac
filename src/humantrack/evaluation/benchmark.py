"""What a benchmark is, and the choices that all share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from humantrack.errors import BenchmarkError, ConfigError
from humantrack.evaluation.scores import Scores
from humantrack.types.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOptions:
    """Choices of a scoring; a benchmark heeds those that concern it."""

    root: Path | None = None
    """Folder of the user's own copy of the data."""

    truth: tuple[Path, ...] = ()
    """Truth files, or folders of them."""

    protocol: str | None = None
    """One of the benchmark's ``protocols``; None takes the first."""

    split: str | None = None
    """One of the benchmark's ``splits``; None takes the first."""

    sequences: tuple[str, ...] = ()
    """Only these; all if empty."""

    body: Path | None = None
    """Folder of SMPL's model files; None looks into ``root`` and the cache."""

    true_boxes: bool = False
    """Whether a run is to start from the benchmark's boxes."""

    given_camera: bool = False
    """Lift motion by the benchmark's own camera even where a world file lies by the results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A sequence of a benchmark, for a run."""

    name: str
    source: Path | None
    """Video file or folder of images; None where the benchmark has none."""

    frame_count: int
    boxes: Mapping[int, FloatArray] | None = None
    """Frame -> true boxes (N,4) xyxy, for protocols that start from them."""


class Benchmark(ABC):
    """One benchmark: knows the layout of its data, and scores results by its protocols."""

    name: ClassVar[str]
    protocols: ClassVar[tuple[str, ...]]
    """The first is taken unless told otherwise."""

    splits: ClassVar[tuple[str, ...]] = ()
    needs_root: ClassVar[bool] = True
    takes_truth: ClassVar[bool] = False
    """Whether ``--truth`` may take the place of ``--root``."""

    had_from: ClassVar[str] = ""
    """Where the data is had, and under which licence, for the line that says what is missing."""

    settings: ClassVar[tuple[str, ...]] = ()
    """What a run needs for the benchmark's protocol; words of the user's come after."""

    def __init__(self, options: BenchmarkOptions) -> None:
        self.options = options
        self.protocol = _one_of("--protocol", options.protocol, self.protocols)
        self.split = _one_of("--split", options.split, self.splits) if self.splits else ""
        if options.truth and not self.takes_truth:
            raise ConfigError(f"{self.name} takes --root, not --truth", where="--truth")
        if self.needs_root and options.root is None and not options.truth:
            raise ConfigError(
                f"{self.name} needs the folder of its data", where="--root", hint=self.had_from
            )

    @abstractmethod
    def videos(self) -> Sequence[Video]:
        """The sequences to score, in order.

        Raises:
            BenchmarkError: if a file of the data misses or is damaged.
        """

    @abstractmethod
    def score(self, results: Mapping[str, Path]) -> Scores:
        """Score results.

        Args:
            results: sequence -> results file, for at least one of :meth:`videos`.

        Raises:
            BenchmarkError: if a file of the data is damaged.
            MismatchError: if results are not of their sequence.
            ResultsError: if results cannot be read.
        """

    @property
    def root(self) -> Path:
        """The folder of the data.

        Raises:
            ConfigError: if it was not named.
            BenchmarkError: if it is not there.
        """
        root = self.options.root
        if root is None:
            raise ConfigError(
                f"{self.name} needs the folder of its data", where="--root", hint=self.had_from
            )
        if not root.is_dir():
            raise self.lacking(root)
        return root

    def lacking(self, path: Path) -> BenchmarkError:
        """The error for a file or folder that misses: which, where it is had, which licence."""
        return BenchmarkError(f"{self.name}: this is missing", where=path, hint=self.had_from)

    def chosen(self, names: Sequence[str]) -> list[str]:
        """Those of the names that are to be scored.

        Raises:
            BenchmarkError: if one that was asked for is not there.
        """
        wanted = self.options.sequences
        unknown = [name for name in wanted if name not in names]
        if unknown:
            shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
            raise BenchmarkError(
                f"{self.name} has no such sequence",
                where=f"--sequences {unknown[0]}",
                hint=f"there are {shown}",
            )
        return [name for name in names if not wanted or name in wanted]


def _one_of(option: str, value: str | None, known: Sequence[str]) -> str:
    if value is not None and value not in known:
        raise ConfigError(f"must be one of {', '.join(known)}", where=f"{option} {value}")
    return value or known[0]
