"""The embedded default: a tracker that needs nothing but what ships with the package."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from humantrack import models
from humantrack.config.options import landmark_model
from humantrack.detect.registry import least_score, may_use_gpu
from humantrack.phalp import PHALP, Defaults
from humantrack.pipeline.pace import LANDMARKS_FULL, Step
from humantrack.types.stages import BridgesRests


class BlazePose_4dhuman(PHALP):  # noqa: N801 - named after 4D-Humans' HMR2_4dhuman
    """The embedded default: NanoDet boxes, BlazePose landmarks, a body of our own. CPU only.

    Its rotations follow SMPL's conventions, its betas and vertices do not (docs/embedded.md).
    """

    appearance: ClassVar[str] = "colour"
    _before_live: str | None = None
    """The landmark network that files get, while the source is live."""

    defaults: ClassVar[Defaults] = Defaults(predict="APL", small_w=0, small_h=0, detector="nanodet")

    def setup_hmr(self) -> None:
        """Set the shipped body and the landmark network."""
        from humantrack.blazepose import BlazePoseEstimator
        from humantrack.body import load_mannequin

        self.body = load_mannequin()
        self.estimator = BlazePoseEstimator(
            self.body,
            model=landmark_model(self.cfg),
            aspect=self.aspect,
            strong=self._strong_score(),
        )

    def suit(self, *, is_live: bool) -> None:
        """Of the landmark networks ``auto`` is the quick one where frames do not wait."""
        super().suit(is_live=is_live)
        estimator: Any = self.estimator
        if getattr(estimator, "model", None) is None:
            return  # a subclass has one of its own
        if is_live and self._before_live is None:
            self._before_live = estimator.model
            if self.cfg.embedded.landmarks == "auto":
                estimator.use(landmark_model(self.cfg, is_live=True))
        elif not is_live and self._before_live is not None:
            estimator.use(self._before_live)
            self._before_live = None

    def lighter(self) -> list[Step]:
        """As of any tracker, and the quick landmark network in place of the other."""
        steps = super().lighter()
        estimator: Any = self.estimator
        usual = getattr(estimator, "model", models.BLAZEPOSE)
        if usual != models.BLAZEPOSE:
            use = estimator.use
            use(models.BLAZEPOSE)  # is loaded now, and not when time is short
            use(usual)
            quick = partial(use, models.BLAZEPOSE)
            steps.append(Step(LANDMARKS_FULL, "landmarks by full", quick, partial(use, usual)))
        return steps

    def setup_detector(self) -> None:
        """Set the detector, and let the estimator ask it where somebody is lost between looks."""
        super().setup_detector()
        if isinstance(self.estimator, BridgesRests):
            self.estimator.look = getattr(self.detector, "look", None)

    def _strong_score(self) -> float:
        """From which on a box is believed where nobody is expected.

        Lower than usual only for another package's detector whose scores are.
        """
        from humantrack.blazepose.people import STRONG

        detector = self._detector_name()
        return STRONG if detector == "given" else min(STRONG, least_score(detector))

    @classmethod
    def warm_up_at(cls, begin_s: float) -> float:
        """Seconds before a part that begins there, known before anything is loaded.

        It is least soon after the stages have begun afresh.
        """
        from humantrack.blazepose import BlazePoseEstimator

        return BlazePoseEstimator.warm_up_before(begin_s)

    def choose_device(self) -> str:
        """As of any tracker; but ``auto`` is the CPU if no network runs that could use a GPU.

        A subclass may bring one, so it keeps the general rule.
        """
        detector, cfg = self._detector_name(), self.cfg
        if cfg.device != "auto" or type(self) is not BlazePose_4dhuman:
            return super().choose_device()
        if may_use_gpu(detector, cfg.video.mask_model):
            return super().choose_device()
        return "cpu"
