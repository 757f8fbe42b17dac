"""PHALP: joins the stages through hooks that a subclass may override."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any, ClassVar

import numpy as np

from humantrack import video
from humantrack.config.options import (
    box_aspect,
    boxes_options,
    detector_options,
    n_init,
    run_options,
)
from humantrack.config.ranges import check_values
from humantrack.config.unused import asks_for_costs
from humantrack.detect.registry import first_available, least_score, make_detector
from humantrack.pipeline.observe import observations, settled
from humantrack.pipeline.pace import Step, lighter_detector
from humantrack.pipeline.progress import StartProgress
from humantrack.pipeline.summary import RunSummary
from humantrack.run.run import Run
from humantrack.run.settings import choose_device
from humantrack.run.source import load_boxes
from humantrack.types import Detections, Frame, Observation, People
from humantrack.types.stages import (
    USUAL_WARM_UP_S,
    BodyModel,
    BridgesRests,
    Detector,
    Estimator,
    Resumable,
    Settles,
    Tracker,
    warm_up_of,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Defaults:
    """Values of the ``phalp.*`` keys that are null; each body network has its own."""

    predict: str
    small_w: int
    small_h: int
    detector: str
    """One name, or several with ``|`` between: the first whose package is there."""


class PHALP:
    """Tracks people by predicting appearance, location and pose.

    A subclass sets ``defaults`` and fills in the body network with ``setup_hmr``; every other hook
    has a default. Hooks see our types, a chunk of frames at a time (docs/architecture.md).

    Args:
        cfg: the configuration, from ``humantrack.load_config(...)`` or Hydra.

    Raises:
        ConfigError: for an invalid value.
        MissingWeightsError: if a model file is missing.
    """

    defaults: ClassVar[Defaults]
    appearance: ClassVar[str] = "phalp"
    """What people are told apart by: 'phalp' codes, or 'colour' signatures."""

    body: BodyModel
    detector: Detector
    estimator: Estimator
    tracker: Tracker
    visualizer: Any
    pose_forecaster: Any

    def __init__(self, cfg: Any) -> None:
        check_values(cfg)
        self.cfg = cfg
        self.given_boxes = load_boxes(boxes_options(cfg))
        self.device = self.choose_device()
        self.setup_hmr()
        self.setup_predictor()
        self.setup_detectron2()
        self.setup_deepsort()
        self.setup_visualizer()

    @classmethod
    def for_found(cls, cfg: Any) -> Any:
        """A tracker of people who have been found before; it may leave out what finds them."""
        return cls(cfg)

    def setting(self, name: str) -> Any:
        """The value of ``phalp.<name>``, or what suits this body network if it is null."""
        value = self.cfg.phalp[name]
        return getattr(self.defaults, name) if value is None else value

    @property
    def aspect(self) -> tuple[int, int] | None:
        """``expand_bbox_shape``: what boxes are grown to before a body is estimated."""
        return box_aspect(self.cfg)

    def choose_device(self) -> str:
        """What ``device`` means on this machine.

        Raises:
            ConfigError: if there is no such device.
            DependencyError: if it is a GPU, and torch is not installed.
        """
        return choose_device(self.cfg.device)

    # -- hooks that build the stages ------------------------------------------------------------

    def setup_hmr(self) -> None:
        """Set ``self.body`` and ``self.estimator``."""
        raise NotImplementedError("a subclass of PHALP chooses the body network in setup_hmr")

    def setup_predictor(self) -> None:
        """Set ``self.pose_forecaster``; None holds the newest pose."""
        self.pose_forecaster = None

    def setup_detector(self) -> None:
        """Set ``self.detector``."""
        options = detector_options(
            self.cfg,
            name=self._detector_name(),
            device=self.device,
            least_score=self._least_score(),
            boxes=self.given_boxes,
            may_rest=self._detector_may_rest(),
        )
        self.detector = make_detector(self._detector_name(), options)

    def _detector_may_rest(self) -> bool:
        return isinstance(self.estimator, BridgesRests) and not self._hooks_need_boxes()

    def _hooks_need_boxes(self) -> bool:
        """True if a subclass does something with the boxes of every frame."""
        return self.has_own("get_detections") or self.has_own("run_additional_models")

    def setup_detectron2(self) -> None:
        """The genuine class's name for :meth:`setup_detector`."""
        self.setup_detector()

    def setup_deepsort(self) -> None:
        """Set ``self.tracker``."""
        from humantrack.tracking import (
            AppearanceOptions,
            AssociationOptions,
            LifeOptions,
            PhalpTracker,
        )

        keys = self.cfg.phalp
        self.tracker = PhalpTracker(
            AssociationOptions(
                method="boxes" if self._by_boxes() else "phalp",
                predict=self.setting("predict"),
                distance_type=keys.distance_type,
                pose_distance=keys.pose_distance,
                hungarian_th=keys.hungarian_th,
                past_lookback=keys.past_lookback,
            ),
            LifeOptions(
                n_init=n_init(self.cfg),
                max_age_track=keys.max_age_track,
                track_history=keys.track_history,
                low_th_c=self._least_score(),
            ),
            AppearanceOptions(kind=self.appearance, alpha=keys.alpha),
            pose_forecaster=self.pose_forecaster,
            reference_quirks=keys.reference_quirks,
            **self.tracker_options(),
        )

    def _by_boxes(self) -> bool:
        """Colours alone tell few people apart, unless the user asks for PHALP's costs."""
        return self.appearance == "colour" and not asks_for_costs(self.cfg)

    def tracker_options(self) -> dict[str, Any]:
        """Further arguments of the tracker, such as the texture encoder."""
        return {}

    def setup_visualizer(self) -> None:
        """Set ``self.visualizer``, which draws people over a frame; None draws nothing."""
        render = self.cfg.render
        self.visualizer = None
        if render.enable:
            from humantrack.render import Overlay

            self.visualizer = Overlay(
                self.body,
                kind=render.type,
                output_resolution=render.output_resolution,
                head_mask=render.head_mask,
                show_keypoints=render.show_keypoints,
                side_view_each=render.side_view_each,
                colours=render.colors,
                device=self.device,
            )

    def _detector_name(self) -> str:
        if self.given_boxes is not None:
            return "given"
        return first_available(self.setting("detector"))

    def _least_score(self) -> float:
        """Of a detection that may start a track: as set, or what suits the detector."""
        value = self.cfg.phalp.low_th_c
        return least_score(self._detector_name()) if value is None else float(value)

    # -- hooks of the pipeline ------------------------------------------------------------------

    def get_list_of_shots(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames with ``is_shot_start`` set, if ``detect_shots`` is on."""
        return iter(video.mark_shots(frames) if self.cfg.detect_shots else frames)

    def get_detections(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        """Boxes in each frame of a chunk; a detector that can works them out as they are taken."""
        ahead = getattr(self.detector, "ahead", self.detector.detect)
        found: Sequence[Detections] = ahead(frames)
        return found

    def run_additional_models(
        self, frames: Sequence[Frame], detections: Sequence[Detections]
    ) -> list[Sequence[Any]]:
        """For each frame, one thing per detection to store as ``extra_data``: here its number."""
        return [list(range(len(found))) for found in detections]

    def get_human_features(
        self, frames: Sequence[Frame], detections: Sequence[Detections]
    ) -> list[People]:
        """Body and appearance of each detection; small boxes are left out."""
        width, height = self.setting("small_w"), self.setting("small_h")
        if not width and not height:
            return self.estimator.estimate(frames, detections)
        kept = [_large_enough(found, width, height) for found in detections]
        picked = [found[keep] for found, keep in zip(detections, kept, strict=True)]
        people = self.estimator.estimate(frames, picked)
        return [_renumbered(some, keep) for some, keep in zip(people, kept, strict=True)]

    def observe(self, frames: Sequence[Frame]) -> list[list[Observation]]:
        """All that the tracker gets to know of a chunk of frames."""
        detections = self.get_detections(frames)
        # Ours only counts detections, for which all would have to be there at once.
        late = not self.has_own("run_additional_models")
        extra = [] if late else self.run_additional_models(frames, detections)
        people = self.get_human_features(frames, detections)
        if late:
            extra = self.run_additional_models(frames, detections)
        return [
            observations(frame, found, more)
            for frame, found, more in zip(frames, people, extra, strict=True)
        ]

    def tried(self) -> str | None:
        """How people were looked for, in words that follow "looked with"; None: unknown."""
        tried = getattr(self.detector, "tried", None)
        return None if tried is None else str(tried())

    # -- live sources ----------------------------------------------------------------------------

    def suit(self, *, is_live: bool) -> None:
        """Choose what suits a live source, or a file, where the configuration leaves it open."""
        suit = getattr(self.detector, "suit", None)
        if suit is not None:
            suit(is_live=is_live)

    def lighter(self) -> list[Step]:
        """What can be done less of where frames of a live source are late (docs/live.md)."""
        return lighter_detector(self.detector, may_rest=self._detector_may_rest())

    # -- resuming an unfinished run --------------------------------------------------------------

    @property
    def _stages(self) -> dict[str, Any]:
        return {
            "detector": self.detector,
            "estimator": self.estimator,
            "tracker": self.tracker,
        }

    def reset_stages(self) -> None:
        """Forget all earlier frames."""
        for stage in self._stages.values():
            stage.reset()

    def state_dict(self) -> dict[str, Any]:
        """All that the coming frames depend on, as plain containers and numpy arrays.

        A subclass that overrides a hook of the pipeline overrides this one too, be it only to say
        that the hook remembers nothing; otherwise its runs have no checkpoints.
        """
        return {name: stage.state_dict() for name, stage in self._stages.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of another run with the same configuration."""
        for name, stage in self._stages.items():
            stage.load_state_dict(state[name])

    def why_no_checkpoint(self) -> str | None:
        """Which part of this run could not be resumed by another; None: all can."""
        for stage in self._stages.values():
            if not isinstance(stage, Resumable):
                return f"{type(stage).__name__} has no state_dict"
        for hook in ("observe", "get_detections", "run_additional_models", "get_human_features"):
            if self.has_own(hook) and not self.has_own("state_dict"):
                return f"{type(self).__name__} has a {hook} of its own, but no state_dict"
        return None

    def warm_up_s(self) -> float:
        """Seconds of earlier frames to show to the stages before a part of a video.

        0 means that a part is exactly what it would be in one run. A subclass with a hook of its
        own that remembers nothing says so by overriding this.
        """
        hooks = ("observe", "get_detections", "run_additional_models", "get_human_features")
        if any(map(self.has_own, hooks)):
            return USUAL_WARM_UP_S
        return max(warm_up_of(self.detector), warm_up_of(self.estimator))

    def begin_part(self) -> Sequence[Any]:
        """Who is known at the beginning of a part; see :class:`humantrack.types.stages.Settles`."""
        settler = self._settler
        return [] if settler is None else settler.begin_part()

    def known(self) -> Sequence[Any]:
        """Who is known at the end of a part."""
        settler = self._settler
        return [] if settler is None else settler.known()

    def pass_seam(self, before: Sequence[Any], now: Sequence[Any]) -> None:
        """What follows is of another part."""
        if self._settler is not None:
            self._settler.pass_seam(before, now)

    def settle(self, frames: Sequence[Sequence[Observation]]) -> list[list[Observation]]:
        """What was found in a chunk of frames of a part, once it is known what came before it."""
        if self._settler is None or not any(one.evidence for some in frames for one in some):
            return [list(some) for some in frames]
        new = self._settler.settle(frames)
        return [settled(some, bodies) for some, bodies in zip(frames, new, strict=True)]

    @property
    def _settler(self) -> Settles | None:
        """Whoever makes bodies again; not if a subclass may have changed them since."""
        changed = self.has_own("observe") or self.has_own("get_human_features")
        return self.estimator if isinstance(self.estimator, Settles) and not changed else None

    def warm_up_before(self, begin_s: float) -> float:
        """The same for a part that begins there, seconds from the source's start."""
        most = self.warm_up_s()
        if self.has_own("warm_up_s") or most == USUAL_WARM_UP_S:
            return most
        return max(warm_up_of(self.detector, begin_s), warm_up_of(self.estimator, begin_s))

    def has_own(self, hook: str) -> bool:
        """True if a subclass has a hook of that name of its own."""
        return getattr(type(self), hook) is not getattr(PHALP, hook)

    # -- the run --------------------------------------------------------------------------------

    def track(
        self, stop: Event | None = None, *, progress: StartProgress | None = None
    ) -> RunSummary:
        """Track ``video.source`` and write results and overlay, or resume an unfinished run.

        Args:
            stop: when set, the run ends after the current frame and keeps what is final.
            progress: shows how far the run is; None shows nothing.

        Returns:
            What was done and where it lies.

        Raises:
            SourceError: if there is nothing to read.
            OutputError: if something cannot be written.
            StageError: if a hook fails; frames that were final are kept.
            CheckpointError: if an unfinished run is there that this one cannot resume, and
                ``overwrite`` is off.
            OutputTakenError: if results of the video as it was before are there, and ``overwrite``
                is off.
            InterruptedRunError: if ``stop`` was set; frames that were final are kept.
        """
        return Run(run_options(self.cfg), self, progress=progress).track(stop)


def _large_enough(found: Detections, width: int, height: int) -> np.ndarray:
    """Rows of the boxes at least this wide and high (pixels)."""
    size = found.xyxy_px[:, 2:] - found.xyxy_px[:, :2]
    return np.flatnonzero((size[:, 0] >= width) & (size[:, 1] >= height))


def _renumbered(people: People, kept: np.ndarray) -> People:
    """``source`` in terms of all detections, where the estimator saw only those kept."""
    source = np.array([kept[s] if s >= 0 else -1 for s in people.source], np.int64)
    return dataclasses.replace(people, source=source)
