"""Genuine and native side by side on the same frames with the same weights.

    python -m humantrack.upstream.compare clip.mp4 [key=value ...]

Every native stage is given what the genuine stage before it gave, so that a difference shows in
the stage it comes from. Keys are those of the command line; without ``video.end_frame`` or
``video.end_time`` the first 50 frames are compared.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from humantrack.config.load import load_config
from humantrack.config.options import source_options
from humantrack.errors import ConfigError, HumantrackError, StageError
from humantrack.extras import need_torch
from humantrack.geometry.boxes import NETWORK_ASPECT
from humantrack.geometry.crops import STD_255, crops_with_masks
from humantrack.run.source import open_source
from humantrack.trackers.hmr2 import HMR2_4dhuman
from humantrack.types import Detections, Frame, FrameUpdate, People
from humantrack.upstream.genuine import contained
from humantrack.upstream.stages import GenuineTracker, bgr, describe, detect, observation

DEFAULTS = {
    "video.end_frame": "50",
    "hmr.precision": "fp32",
    "render.enable": "false",
}
"""Set unless the user sets them."""

SMPL_NAMES = ("global_orient", "body_pose", "betas")


@dataclass
class Stage:
    """What was found of one stage."""

    name: str
    unit: str
    largest: float = 0.0
    frame: int | None = None
    """Where the largest difference was."""

    genuine_s: float = 0.0
    native_s: float = 0.0

    def note(self, difference: float, frame: Frame) -> None:
        """Keep the difference if it is the largest yet; what is not a number is the largest."""
        difference = float(difference) if np.isfinite(difference) else float("inf")
        if self.frame is None or difference > self.largest:
            self.largest, self.frame = difference, frame.source_index


def _stages() -> dict[str, Stage]:
    units = {
        "detections": "px",
        "crops": "levels",
        "SMPL parameters": "",
        "cameras": "of 1",
        "textures": "of 1",
        "costs": "of 1",
        "ids": "people",
    }
    return {name: Stage(name, unit) for name, unit in units.items()}


@dataclass
class Comparison:
    """Walks genuine and native side by side.

    Args:
        genuine: an ``UpstreamTracker``.
        native: one of our PHALPs.
        device: where both work.
    """

    genuine: Any
    native: Any
    device: str
    stages: dict[str, Stage] = field(default_factory=_stages)
    frames: int = 0

    def __post_init__(self) -> None:
        self._tracker = GenuineTracker(self.genuine, device=self.device, quirks=True)

    def run(self, frames: Iterable[Frame]) -> None:
        """Compare all frames, which come in order.

        Raises:
            StageError: if either fails on a frame.
        """
        for stage in (self.native.detector, self.native.estimator, self.native.tracker):
            stage.reset()
        self._tracker.reset()
        for frame in frames:
            try:
                self._frame(frame)
            except (HumantrackError, MemoryError):
                raise
            except Exception as error:
                what, where = "comparing failed", f"frame {frame.source_index}"
                raise StageError(
                    what, where=where, hint=f"{type(error).__name__}: {error}"
                ) from error
            self.frames += 1

    def _frame(self, frame: Frame) -> None:
        self.genuine.cfg.phalp.shot = int(frame.is_shot_start)
        found = self._detections(frame)
        self._crops(frame, found)
        people = self._bodies(frame, found)
        self._tracks(frame, people)

    def _detections(self, frame: Frame) -> tuple[Any, ...]:
        stage = self.stages["detections"]
        with self._genuine(stage):
            found = detect(self.genuine, frame, {})
        with self._native(stage):
            ours = self.native.get_detections([frame])[0]
        stage.note(box_difference(np.asarray(found[0]), ours.xyxy_px), frame)
        return found

    def _crops(self, frame: Frame, found: Sequence[Any]) -> None:
        import torch

        stage, (boxes, padded, masks, *_) = self.stages["crops"], found
        if not len(boxes):
            return
        image = bgr(frame)
        with self._genuine(stage):
            theirs = torch.stack(
                [
                    self.genuine.get_croped_image(image, *person)[0]
                    for person in zip(boxes, padded, masks, strict=True)
                ]
            )
        with self._native(stage):
            rgb = torch.tensor(frame.rgb, device=self.device)
            ours = crops_with_masks(
                rgb, np.asarray(boxes), torch.as_tensor(masks, device=self.device), self._aspect
            )
        levels = torch.tensor([*STD_255, 1.0])[:, None, None]  # the mask has 0..255 as it is
        stage.note(float(((ours.cpu() - theirs.cpu()) * levels).abs().max()), frame)

    def _bodies(self, frame: Frame, found: Sequence[Any]) -> list[Any]:
        stage = self.stages["SMPL parameters"]
        with self._genuine(stage):
            theirs = describe(self.genuine, frame, found)
        given = Detections(
            xyxy_px=np.asarray(found[0], np.float32).reshape(-1, 4),
            score=np.asarray(found[3], np.float32),
            class_id=np.asarray(found[4], np.int64),
            mask=np.asarray(found[2], bool).reshape(-1, frame.height, frame.width),
        )
        with self._native(stage):
            ours: People = self.native.get_human_features([frame], [given])[0]
        data = [person.detection_data for person in theirs]
        for name, difference in body_differences(data, ours).items():
            self.stages[name].note(difference, frame)
        return theirs

    def _tracks(self, frame: Frame, people: Sequence[Any]) -> None:
        costs, ids = self.stages["costs"], self.stages["ids"]
        data = [person.detection_data for person in people]
        seen = [replace(observation(d), uv=np.asarray(d["uv"])) for d in data]
        self._tracker.frame_key = frame.key
        cut = frame.is_shot_start
        with self._genuine(costs):
            theirs = self._tracker.update(frame.index, people, is_shot_start=cut)
        with self._native(costs):
            ours = self.native.tracker.update(frame.index, seen, is_shot_start=cut)
        genuine_cost = self.genuine.tracker.tracked_cost[frame.index][0]
        costs.note(cost_difference(genuine_cost, self.native.tracker.association.cost), frame)
        ids.note(id_difference(theirs, ours), frame)

    @property
    def _aspect(self) -> Any:
        return getattr(self.native, "aspect", NETWORK_ASPECT)

    @contextmanager
    def _genuine(self, stage: Stage) -> Iterator[None]:
        import torch

        with contained(self.device), torch.no_grad():
            start = self._now()
            yield
            stage.genuine_s += self._now() - start

    @contextmanager
    def _native(self, stage: Stage) -> Iterator[None]:
        start = self._now()
        yield
        stage.native_s += self._now() - start

    def _now(self) -> float:
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.synchronize()
        return time.perf_counter()


def box_difference(theirs: Any, ours: Any) -> float:
    """Largest distance in px between corners of boxes (N,4), each with the nearest of the other's.

    Infinite if one has more boxes than the other.
    """
    if len(theirs) != len(ours):
        return float("inf")
    if not len(theirs):
        return 0.0
    apart = np.abs(np.asarray(theirs, float)[:, None] - np.asarray(ours, float)).max(axis=2)
    return float(max(apart.min(axis=0).max(), apart.min(axis=1).max()))


def body_differences(theirs: Sequence[Mapping[str, Any]], ours: People) -> dict[str, float]:
    """By stage: rotations and shape as they are, cameras and codes in parts of their length."""
    names = ("SMPL parameters", "cameras", "textures")
    if len(theirs) != len(ours):
        return dict.fromkeys(names, float("inf"))
    if not theirs:
        return dict.fromkeys(names, 0.0)

    def stacked(key: str) -> Any:
        return np.stack([np.asarray(data[key]) for data in theirs])

    bodies = ours.bodies
    parts = {name: [data["smpl"][name] for data in theirs] for name in SMPL_NAMES}
    smpl = max(np.abs(np.stack(parts[n]) - getattr(bodies, n)).max() for n in SMPL_NAMES)
    return {
        "SMPL parameters": float(smpl),
        "cameras": relative(stacked("camera"), bodies.cam_t),
        "textures": relative(stacked("appe"), ours.appearance.code),
    }


def relative(theirs: Any, ours: Any) -> float:
    """Largest distance between rows (N,K), in parts of the genuine row's length."""
    length = np.maximum(np.linalg.norm(theirs, axis=1), 1e-9)
    return float((np.linalg.norm(np.asarray(ours) - theirs, axis=1) / length).max())


def cost_difference(theirs: Any, ours: Any) -> float:
    """Largest difference of costs (T,D), in parts of the genuine one; infinite for other shapes."""
    genuine = np.asarray(theirs, float)
    if genuine.ndim != 2 or not genuine.size:  # PHALP's 0: nothing to compare
        return 0.0 if ours is None or not np.size(ours) else float("inf")
    if ours is None or np.shape(ours) != genuine.shape:
        return float("inf")
    return float((np.abs(np.asarray(ours) - genuine) / np.maximum(np.abs(genuine), 1)).max())


def id_difference(theirs: FrameUpdate, ours: FrameUpdate) -> int:
    """How many of the people seen have another id."""

    def seen(update: FrameUpdate) -> set[Any]:
        people = [p for p in update.people if p.missed == 0]
        return {(p.track_id, *np.round(p.observation.xyxy_px, 2).tolist()) for p in people}

    return max(len(seen(theirs) - seen(ours)), len(seen(ours) - seen(theirs)))


def show(comparison: Comparison, console: Console) -> None:
    """A table on a terminal, plain lines elsewhere."""
    count = max(comparison.frames, 1)
    head = ("stage", "largest difference", "in frame", "genuine ms/frame", "native ms/frame")
    rows = [
        (
            stage.name,
            f"{stage.largest:.3g} {stage.unit}".strip(),
            "-" if stage.frame is None else str(stage.frame),
            f"{1000 * stage.genuine_s / count:.1f}" if stage.genuine_s else "",
            f"{1000 * stage.native_s / count:.1f}" if stage.native_s else "",
        )
        for stage in comparison.stages.values()
    ]
    if not console.is_terminal:
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        for row in (head, *rows):
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            console.print(line.rstrip(), highlight=False, markup=False, soft_wrap=True)
        return
    table = Table(title=f"{comparison.frames} frames on {comparison.device}", title_justify="left")
    for name in head:
        table.add_column(name, justify="left" if name == "stage" else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def build(overrides: Sequence[str]) -> tuple[Any, Any]:
    """The genuine tracker and the native one, with the same files and keys.

    Raises:
        HumantrackError: as either does when it is built.
    """
    need_torch("comparing")
    from humantrack.upstream.adapter import tracker_class

    cfg = load_config(*overrides, "tracker=upstream")
    genuine = tracker_class(cfg.upstream.class_)(cfg)
    # The genuine tracker's defects belong to what is compared; its loader's one does not.
    native = HMR2_4dhuman(load_config(*overrides, "tracker=hmr2", "phalp.reference_quirks=true"))
    return genuine, native


def main(argv: list[str] | None = None) -> int:
    """Compare and print. Returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or {"-h", "--help"} & set(arguments):
        sys.stdout.write(__doc__ or "")
        return 0
    try:
        clip, *more = arguments
        if "=" not in clip:
            clip = f"video.source={clip}"
        overrides = with_defaults([clip, *more])
        genuine, native = build(overrides)
        comparison = Comparison(genuine, native, native.device)
        with open_source(source_options(native.cfg), None) as source:
            comparison.run(native.get_list_of_shots(source))
    except HumantrackError as error:
        sys.stderr.write(f"humantrack: {error}\n")
        return error.exit_code
    show(comparison, Console())
    return 0


def with_defaults(overrides: Sequence[str]) -> list[str]:
    """The overrides with ours in front of them, but for those that the user sets.

    Raises:
        ConfigError: if boxes are given: there is then no detector to compare.
    """
    names = {text.partition("=")[0] for text in overrides}
    if {"video.boxes", "use_gt"} & names:
        raise ConfigError("given boxes cannot be compared", hint="leave out video.boxes and use_gt")
    left_out = names | ({"video.end_frame"} if "video.end_time" in names else set())
    return [*(f"{k}={v}" for k, v in DEFAULTS.items() if k not in left_out), *overrides]


if __name__ == "__main__":
    sys.exit(main())
