"""PHALP: joins the stages through hooks that a subclass may override, and runs the street."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any, ClassVar

import numpy as np

from humantrack import video
from humantrack.config.ranges import check_numbers
from humantrack.detect.registry import LEAST_SCORE, first_available, make_detector
from humantrack.errors import OutputError
from humantrack.memory import check_room
from humantrack.pipeline.loop import feed, walk
from humantrack.pipeline.observe import observations
from humantrack.pipeline.stopping import Chunk, Stop, until
from humantrack.pipeline.summary import RunSummary, Stopwatch, TrackCounter
from humantrack.run import resume
from humantrack.run.naming import Identity, Names
from humantrack.run.paths import OutputPaths
from humantrack.run.run import Run
from humantrack.run.settings import box_aspect, choose_device, chunk_size, seed_everything
from humantrack.run.source import frames_of, load_given_boxes, open_source
from humantrack.types import Detections, Frame, FrameRecord, Observation, People
from humantrack.types.stages import BodyModel, Detector, Estimator, Resumable, Tracker


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
        ConfigError: for a value that makes no sense.
        MissingWeightsError: if a model file is missing.
    """

    defaults: ClassVar[Defaults]

    body: BodyModel
    detector: Detector
    estimator: Estimator
    tracker: Tracker
    visualizer: Any
    pose_forecaster: Any

    def __init__(self, cfg: Any) -> None:
        check_numbers(cfg)
        self.cfg = cfg
        self.device = choose_device(cfg.device)
        self.given_boxes = load_given_boxes(cfg)
        self.setup_hmr()
        self.setup_predictor()
        self.setup_detectron2()
        self.setup_deepsort()
        self.setup_visualizer()

    def setting(self, name: str) -> Any:
        """The value of ``phalp.<name>``, or what suits this body network if it is null."""
        value = self.cfg.phalp[name]
        return getattr(self.defaults, name) if value is None else value

    @property
    def aspect(self) -> tuple[int, int] | None:
        """``expand_bbox_shape``: what boxes are grown to before a body is estimated."""
        return box_aspect(self.cfg)

    # -- hooks that build the stages ------------------------------------------------------------

    def setup_hmr(self) -> None:
        """Set ``self.body`` and ``self.estimator``."""
        raise NotImplementedError("a subclass of PHALP chooses the body network in setup_hmr")

    def setup_predictor(self) -> None:
        """Set ``self.pose_forecaster``; None holds the newest pose."""
        self.pose_forecaster = None

    def setup_detector(self) -> None:
        """Set ``self.detector``."""
        self.detector = make_detector(
            self._detector_name(), self.cfg, self.given_boxes, self.device, self._least_score()
        )

    def setup_detectron2(self) -> None:
        """The genuine class's name for :meth:`setup_detector`."""
        self.setup_detector()

    def setup_deepsort(self) -> None:
        """Set ``self.tracker``."""
        from humantrack.tracking import PhalpTracker

        keys = self.cfg.phalp
        self.tracker = PhalpTracker(
            predict=self.setting("predict"),
            distance_type=keys.distance_type,
            pose_distance=keys.pose_distance,
            threshold=keys.hungarian_th,
            n_init=keys.n_init,
            max_age=keys.max_age_track,
            track_history=keys.track_history,
            past_lookback=keys.past_lookback,
            alpha=keys.alpha,
            pose_forecaster=self.pose_forecaster,
            start_score=self._least_score(),
            reference_quirks=keys.reference_quirks,
            **self.tracker_options(),
        )

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
                device=self.device,
            )

    def _detector_name(self) -> str:
        if self.given_boxes is not None:
            return "given"
        return first_available(self.setting("detector"))

    def _least_score(self) -> float:
        """Of a detection that may start a track: as set, or what suits the detector."""
        value = self.cfg.phalp.low_th_c
        return LEAST_SCORE[self._detector_name()] if value is None else float(value)

    # -- hooks that walk the street -------------------------------------------------------------

    def get_list_of_shots(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames with ``is_shot_start`` set, if ``detect_shots`` is on."""
        return iter(video.mark_shots(frames) if self.cfg.detect_shots else frames)

    def get_detections(self, frames: Sequence[Frame]) -> list[Detections]:
        """Boxes in each frame of a chunk."""
        return self.detector.detect(frames)

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
        kept = [_large_enough(found, width, height) for found in detections]
        picked = [found[keep] for found, keep in zip(detections, kept, strict=True)]
        people = self.estimator.estimate(frames, picked)
        return [_renumbered(some, keep) for some, keep in zip(people, kept, strict=True)]

    def observe(self, frames: Sequence[Frame]) -> list[list[Observation]]:
        """All that the tracker gets to know of a chunk of frames."""
        detections = self.get_detections(frames)
        extra = self.run_additional_models(frames, detections)
        people = self.get_human_features(frames, detections)
        return [
            observations(frame, found, more)
            for frame, found, more in zip(frames, people, extra, strict=True)
        ]

    # -- going on with an unfinished run ---------------------------------------------------------

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

        A subclass that overrides a hook on the street overrides this one too, be it only to say
        that the hook remembers nothing; otherwise its runs have no checkpoints.
        """
        return {name: stage.state_dict() for name, stage in self._stages.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Stand where another run with the same configuration stood."""
        for name, stage in self._stages.items():
            stage.load_state_dict(state[name])

    def _why_no_checkpoint(self) -> str | None:
        """Which part of this run could not be taken up by another; None: all can."""
        for stage in self._stages.values():
            if not isinstance(stage, Resumable):
                return f"{type(stage).__name__} has no state_dict"
        kind = type(self)
        for hook in ("observe", "get_detections", "run_additional_models", "get_human_features"):
            if _overrides(kind, hook) and not _overrides(kind, "state_dict"):
                return f"{kind.__name__} has a {hook} of its own, but no state_dict"
        return None

    # -- the run --------------------------------------------------------------------------------

    def track(self, stop: Event | None = None) -> RunSummary:
        """Track ``video.source`` and write results and overlay, or go on with an unfinished run.

        Args:
            stop: when set, the run ends after the frame in hand and keeps what is final.

        Returns:
            What was done and where it lies.

        Raises:
            SourceError: if there is nothing to read.
            OutputError: if something cannot be written.
            StageError: if a hook fails; frames that were final are kept.
            CheckpointError: if an unfinished run is there that this one cannot go on with, and
                ``overwrite`` is off.
            OutputTakenError: if results of the video as it was before are there, and ``overwrite``
                is off.
            InterruptedRunError: if ``stop`` was set; frames that were final are kept.
        """
        check_numbers(self.cfg)
        check_room()
        seed_everything(self.cfg.seed)
        stop = Stop() if stop is None else stop
        with open_source(self.cfg, self.given_boxes) as source:
            about = resume.describe(self.cfg, source, type(self))
            names = Names(
                lambda name: OutputPaths.of(self.cfg, name),
                source.info.name,
                Identity(about["fingerprint"]["source"], about["place"]),
                lost_after_s=self.cfg.sweep.lost_after_s,
            )
            if not self.cfg.overwrite and (done := names.finished(resume.is_finished)):
                return done.summary_of_finished(source.info.name)
            with names.held(stop) as paths:
                if not self.cfg.overwrite and names.finished(resume.is_finished):
                    return paths.summary_of_finished(source.info.name)
                return self._walk(source, paths, about, stop)

    def _begin(
        self,
        source: video.FrameSource,
        paths: OutputPaths,
        about: Mapping[str, Any],
        stop: Event | None,
    ) -> resume.Beginning:
        def open_frames(keep: bool) -> Iterator[Frame]:
            frames = frames_of(source, self.cfg, paths, keep=keep)
            return until(stop, self.get_list_of_shots(frames))

        # Whatever looks for cuts remembers the frames before, so it must see them all again.
        remembers = self.cfg.detect_shots or _overrides(type(self), "get_list_of_shots")
        attempt = resume.Attempt(
            cfg=self.cfg,
            source=source,
            paths=paths,
            stages=self,
            about=about,
            open_frames=open_frames,
            can_seek=not remembers,
            why_not=self._why_no_checkpoint(),
        )
        return attempt.begin()

    def _walk(
        self,
        source: video.FrameSource,
        paths: OutputPaths,
        about: Mapping[str, Any],
        stop: Event,
    ) -> RunSummary:
        """Walk the street, and write down how it went even if it ends early."""
        start = self._begin(source, paths, about, stop)
        run = Run(
            self.cfg,
            source,
            paths,
            self.visualizer,
            self,
            about=about,
            start=start,
            model={"tracker": type(self).__name__, "device": self.device},
        )
        # A chunk that is broken off is looked at again later, if there is a later.
        breaks_off = stop if start.is_lasting else None
        final = walk(
            start.frames,
            lambda some: self._timed_observe(Chunk(some, breaks_off), run.watch),
            self.tracker,
            chunk=chunk_size(self.cfg, source.info, self.device),
            window=start.window,
            between=run.between,
        )
        try:
            feed(_counted(final, run.counter), run.sinks)
        except BaseException as error:
            # What ended the run is more to the user than why it could not be described.
            with contextlib.suppress(OutputError):
                run.break_off(error)
            raise
        done = run.finish()
        return dataclasses.replace(done, note=_why_nobody(done, self.cfg.phalp.n_init))

    def _timed_observe(self, frames: Sequence[Frame], watch: Stopwatch) -> list[list[Observation]]:
        with watch.measure("finding people"):
            return self.observe(frames)


def _why_nobody(done: RunSummary, n_init: int) -> str | None:
    """A clip that is too short for a track to be confirmed deserves a word."""
    if done.tracks or done.frames >= n_init:
        return None
    return f"a track counts from phalp.n_init={n_init} frames on; phalp.n_init=1 takes any"


def _large_enough(found: Detections, width: int, height: int) -> np.ndarray:
    """Rows of the boxes at least this wide and high (pixels)."""
    size = found.xyxy_px[:, 2:] - found.xyxy_px[:, :2]
    return np.flatnonzero((size[:, 0] >= width) & (size[:, 1] >= height))


def _renumbered(people: People, kept: np.ndarray) -> People:
    """``source`` in terms of all detections, where the estimator saw only those kept."""
    source = np.array([kept[s] if s >= 0 else -1 for s in people.source], np.int64)
    return dataclasses.replace(people, source=source)


def _overrides(kind: type, name: str) -> bool:
    """True if a subclass has a method of its own."""
    return getattr(kind, name) is not getattr(PHALP, name)


def _counted(
    final: Iterable[tuple[Frame, FrameRecord]], counter: TrackCounter
) -> Iterator[tuple[Frame, FrameRecord]]:
    for frame, record in final:
        yield frame, record
        counter.write(frame, record)
