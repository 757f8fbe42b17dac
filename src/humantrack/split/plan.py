"""Parts of a video: where it is cut, and what their files must agree in."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import math
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humantrack._version import __version__
from humantrack.atomic import atomic_write
from humantrack.errors import CheckpointError, ResultsError
from humantrack.run.resume import flat_settings
from humantrack.run.settings import RunOptions
from humantrack.split.files import SUFFIX, ObservationFile
from humantrack.types import SourceInfo
from humantrack.types.arrays import IntArray

_log = logging.getLogger(__name__)

TRACKING_KEYS = (
    *("phalp.predict", "phalp.distance_type", "phalp.pose_distance", "phalp.hungarian_th"),
    *("phalp.past_lookback", "phalp.n_init", "phalp.max_age_track", "phalp.track_history"),
    *("phalp.alpha", "phalp.reference_quirks", "phalp.encode_type"),
    *("results.features", "results.observations"),
)
"""Keys that say nothing of how people are found, only of what is made of them afterwards."""

TRACKING_SECTIONS = ("pose_predictor", "world", "render", "split", "sweep", "checkpoint")
"""And whole sections, but for ``render.fps``, which is the rate of images that are read."""


def is_of_tracking(key: str) -> bool:
    """Whether people are found in the same way whatever this key says."""
    if key == "render.fps":
        return False
    return key in TRACKING_KEYS or key.partition(".")[0] in TRACKING_SECTIONS


def finding_settings(settings: Mapping[str, Any]) -> dict[str, str]:
    """The keys that say how people are found, by their dotted names.

    Args:
        settings: the whole configuration, resolved, as plain containers.
    """
    return {k: v for k, v in flat_settings(settings).items() if not is_of_tracking(k)}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a video."""

    number: int
    """From 1."""

    start: int | None
    """``source_index`` of its first frame; None = where the run begins."""

    stop: int | None
    """That of the frame after its last; None = where the run ends."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a video is cut, and what was to be found in it."""

    source: str
    """Fingerprint of the source."""

    settings: Mapping[str, str]
    """From :func:`finding_settings`."""

    about: Sequence[str | None]
    """What else people depend on: the tracker's class, the fingerprint of given boxes."""

    chunk: int
    """Frames that the networks see at once."""

    cuts: Sequence[int]
    """``source_index`` of the first frame of every part but the first."""

    version: str = __version__

    @property
    def finding(self) -> str:
        """Fingerprint of all that says how people are found, in 16 hex digits."""
        text = json.dumps([self.version, self.settings, list(self.about)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def parts(self) -> list[Part]:
        """In order."""
        edges = [None, *self.cuts, None]
        return [
            Part(number=i, start=start, stop=stop)
            for i, (start, stop) in enumerate(itertools.pairwise(edges), 1)
        ]

    def why_other(self, head: Mapping[str, Any]) -> str | None:
        """Why observations whose file begins so are not of this plan; None: they are."""
        told = head["fingerprint"]
        if told["source"] != self.source:
            return "of another video, or the video has changed"
        if told["finding"] != self.finding:
            return _difference(head, self)
        if list(head["cuts"]) != list(self.cuts):
            return "cut at other places"
        return None

    def write(self, folder: Path) -> None:
        """Write ``plan.json``.

        Raises:
            OutputError: if that is not possible.
        """
        with atomic_write(folder / "plan.json") as file:
            file.write(json.dumps(asdict(self), indent=1).encode())

    @staticmethod
    def read(folder: Path) -> Plan | None:
        """The plan of a folder; None if there is none that can be read."""
        try:
            return Plan(**json.loads((folder / "plan.json").read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def _difference(head: Mapping[str, Any], plan: Plan) -> str:
    old, new = head["settings"], plan.settings
    changed = sorted(k for k in {*old, *new} if old.get(k) != new.get(k))
    if changed:
        told = [f"{key} was {old.get(key)} and is {new.get(key)}" for key in changed[:3]]
        return f"of another configuration: {', '.join(told + ['...'] * (len(changed) > 3))}"
    if head["version"] != plan.version:
        return f"of version {head['version']}, this is {plan.version}"
    return "of another tracker, or the given boxes have changed"


def cuts_of(
    info: SourceInfo,
    first: int,
    parts: int,
    chunk: int,
    warm_up_s: Callable[[float], float] = lambda _: 0.0,
) -> list[int]:
    """Where to begin every part but the first: at multiples of ``chunk``, for even work.

    That is evenly, but for what the stages must see before each part: it is part of the work, and
    may be much less a few seconds earlier or later. Fewer parts come out if there is not a chunk
    for each, and one if nobody knows how long the source is.

    Args:
        info: of the run's source.
        first: ``source_index`` of the run's first frame.
        parts: how many are asked for.
        chunk: frames that the networks see at once.
        warm_up_s: time at which a part begins -> about how many seconds before it are seen first.
    """
    if info.frame_count is None:
        return []
    end = first + info.frame_count
    places = {
        round((first + info.frame_count * i / parts) / chunk) * chunk for i in range(1, parts)
    }
    even = sorted(p for p in places if first < p < end)
    return _with_even_work(even, first, end, chunk, float(info.fps), warm_up_s)


_AROUND_S = 6.0
"""How far a cut may move: stages that begin afresh now and then do so every ten seconds."""

_STEP_S = 0.25


def _with_even_work(  # noqa: PLR0917
    even: Sequence[int],
    first: int,
    end: int,
    chunk: int,
    fps: float,
    warm_up_s: Callable[[float], float],
) -> list[int]:
    """The cuts near even ones that give the least sum of squares of all parts' work."""
    if not even:
        return []
    step = math.ceil(_STEP_S * fps / chunk) * chunk
    edges = [first, *even, end]
    before, warm_up = np.zeros(1), np.zeros(1)
    at: IntArray = np.array([first], np.int64)
    steps: list[tuple[IntArray, IntArray]] = []
    for left, place, right in zip(edges, even, edges[2:], strict=False):
        room = min(_AROUND_S * fps, (place - left) / 2 - chunk, (right - place) / 2 - chunk)
        reach = max(0, int(room // step)) * step
        there = place + np.arange(-reach, reach + 1, step)
        cost = before[:, None] + ((there - at[:, None]) / fps + warm_up[:, None]) ** 2
        steps.append((there, cost.argmin(axis=0)))
        before, at = cost.min(axis=0), there
        # No more is seen than there is.
        seen = [min(warm_up_s(frame / fps), (frame - first) / fps) for frame in there.tolist()]
        warm_up = np.array(seen)
    pick = int((before + ((end - at) / fps + warm_up) ** 2).argmin())
    cuts = []
    for places, best in reversed(steps):
        cuts.append(int(places[pick]))
        pick = int(best[pick])
    return cuts[::-1]


def part_path(folder: Path, number: int) -> Path:
    """The file of a part."""
    return folder / f"part-{number:04d}{SUFFIX}"


def whole_part(folder: Path, part: Part, plan: Plan) -> ObservationFile | None:
    """The file of a part if it is there, whole and undamaged; None: it has to be made.

    Raises:
        CheckpointError: if it is of another plan.
    """
    path = part_path(folder, part.number)
    try:
        file = ObservationFile(path)
        why = plan.why_other(file.head)
    except (ResultsError, LookupError, TypeError):
        return None
    if why is not None:
        raise CheckpointError(
            f"this part is {why}", where=path, hint="remove it, or run with the settings of before"
        )
    try:
        file.check()
    except ResultsError:
        return None
    return file


def parts_in(paths: Iterable[Path]) -> list[ObservationFile]:
    """The parts of one video from their files or folder, in order.

    Raises:
        ResultsError: if a part is missing, damaged, or not of the same video and configuration.
    """
    files: list[ObservationFile] = []
    for path in paths:
        some = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
        files += [ObservationFile(one) for one in some]
        if not some:
            raise ResultsError("no observations in this folder", where=path)
    if not files:
        raise ResultsError("no observations are named")
    files.sort(key=lambda file: int(file.head["part"]))
    first = files[0].head
    for file in files:
        for name, what in (
            ("fingerprint", "another video or configuration"),
            ("cuts", "a video cut at other places"),
        ):
            if file.head[name] != first[name]:
                raise ResultsError(f"this part is of {what} than {files[0].path}", where=file.path)
    wanted = list(range(1, len(first["cuts"]) + 2))
    there = [int(file.head["part"]) for file in files]
    lacking = [n for n in wanted if n not in there]
    if lacking:
        told = ", ".join(map(str, lacking[:10])) + (" ..." if len(lacking) > 10 else "")
        raise ResultsError(
            f"{len(lacking)} of {len(wanted)} parts are missing ({told})",
            where=files[0].path.parent,
            hint="the command that made the others makes them",
        )
    if there != wanted:
        raise ResultsError("a part is there twice", where=files[0].path.parent)
    return files


def first_frame(options: RunOptions, info: SourceInfo) -> int:
    """About where the run begins; with a start time the rate tells."""
    by_time = math.ceil((options.source.start_time_s or 0) * float(info.fps))
    return max(options.source.start_frame or 0, by_time)


def plan_there(folder: Path, plan: Plan, *, may_replace: bool) -> tuple[Path, Plan]:
    """The folder to use and its plan: that of an unfinished run of the same is gone on with.

    Raises:
        CheckpointError: if parts of another configuration are there and may not be removed.
    """
    there = Plan.read(folder)
    if there is not None and there.source != plan.source:
        folder = folder.with_name(f"{folder.stem}~{plan.source[:8]}{folder.suffix}")
        there = Plan.read(folder)
    if there is not None and there.finding == plan.finding:
        if list(there.cuts) != list(plan.cuts):
            _log.warning("going on with the %d parts in %s", len(there.parts), folder)
        return folder, there
    if there is not None:
        told = {"source": there.source, "finding": there.finding}
        why = plan.why_other(
            {"fingerprint": told, "settings": dict(there.settings), "version": there.version}
        )
        if not may_replace:
            raise CheckpointError(
                f"the parts there are {why}",
                where=folder,
                hint="remove the folder, or run with the settings of before",
            )
        _log.warning("beginning anew: the parts in %s are %s", folder, why)
        shutil.rmtree(folder, ignore_errors=True)
    plan.write(folder)
    return folder, plan
