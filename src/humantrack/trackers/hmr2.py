"""4D-Humans' tracker: HMR2.0 bodies with PHALP's textures and pose predictor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NoReturn

from humantrack.config.options import check_precision
from humantrack.errors import ConfigError
from humantrack.extras import need_torch
from humantrack.phalp import PHALP, Defaults
from humantrack.trackers.official_files import OfficialFiles, official_files
from humantrack.types import Detections, Frame


class Absent:
    """A detector or estimator where nobody has to be found any more."""

    warm_up_s = 0.0

    def detect(self, frames: Sequence[Frame]) -> NoReturn:
        """There is none."""
        raise AssertionError("people have been found already")

    def estimate(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> NoReturn:
        """There is none."""
        raise AssertionError("people have been found already")

    def reset(self) -> None:
        """Nothing to forget."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing is remembered."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to restore."""


class HMR2_4dhuman(PHALP):  # noqa: N801 - the genuine class's name
    """4D-Humans: HMR2.0 bodies, PHALP's textures, pose predictor and tracker, all our own code.

    Needs the official files (``humantrack-weights list``). ``vit`` and ``decoder`` are the sizes of
    the network, None for those of HMR2.0b.
    """

    defaults: ClassVar[Defaults] = Defaults(
        predict="TPL", small_w=50, small_h=100, detector="vitdet"
    )
    vit: ClassVar[Any] = None
    decoder: ClassVar[Any] = None

    _finds = True

    @classmethod
    def for_found(cls, cfg: Any) -> Any:
        """A tracker of people who have been found before: without the network that finds them.

        A subclass that builds stages of its own gets all of them.
        """
        hooks = ("__init__", "setup_hmr", "setup_detector", "setup_detectron2")
        if any(getattr(cls, name) is not getattr(HMR2_4dhuman, name) for name in hooks):
            return cls(cfg)
        light = cls.__new__(cls)
        light._finds = False
        light.__init__(cfg)  # type: ignore[misc]
        return light

    def setup_detector(self) -> None:
        """Set the detector, if people are to be found."""
        if self._finds:
            super().setup_detector()
        else:
            self.detector = Absent()

    def setup_hmr(self) -> None:
        """Load SMPL, HMR2 and the texture stages; with ``hmr_type=hmr2018`` HMAR alone."""
        need_torch("tracker=hmr2")
        from humantrack.appearance.encoder import TextureEncoder
        from humantrack.appearance.hmar import load_encoder
        from humantrack.appearance.stage import TextureAppearance
        from humantrack.appearance.texture import TextureSampler
        from humantrack.body.smpl import Smpl
        from humantrack.hmr2.estimator import Hmr2Estimator
        from humantrack.hmr2.network import load_hmr2

        _check_hmr(self.cfg.hmr)
        if self.cfg.hmr_type not in (None, "hmr2", "hmr2018"):
            raise ConfigError(
                "unknown body network",
                where=f"hmr_type={self.cfg.hmr_type}",
                hint="leave it out for HMR2, or set hmr2018",
            )
        files, device, hmr = official_files(self.cfg), self.device, self.cfg.hmr
        smpl = Smpl.from_files(files.smpl, files.joint_regressor)
        self.encoder = load_encoder(files.hmar, device=device)
        self.body = smpl
        if not self._finds:
            self.estimator = Absent()
            return
        if self.cfg.hmr_type == "hmr2018" or files.checkpoint is None:
            self.estimator = self._hmar_estimator(files, smpl)
            return
        network = load_hmr2(
            files.checkpoint,
            smpl,
            device=device,
            precision=hmr.precision,
            compiled=hmr.compile,
            vit=self.vit,
            decoder=self.decoder,
        )
        sampler = TextureSampler.from_files(
            files.barycentric, files.face_of_texel, smpl.faces, device=device
        )
        appearance = TextureAppearance(sampler, TextureEncoder(self.encoder))
        self.estimator = Hmr2Estimator(
            network,
            appearance=appearance,
            batch_size=hmr.batch_size,
            min_size_px=(0, 0),
            aspect=self.aspect,
        )

    def _hmar_estimator(self, files: OfficialFiles, smpl: Any) -> Any:
        from humantrack.appearance.estimator import HmarEstimator
        from humantrack.appearance.hmar import load_hmar

        network = load_hmar(files.hmar, smpl, device=self.device)
        return HmarEstimator(
            network,
            batch_size=self.cfg.hmr.batch_size,
            min_size_px=(0, 0),
            aspect=self.aspect,
        )

    def setup_predictor(self) -> None:
        """Load the learnt pose forecast."""
        from humantrack.tracking.predictor import PredictorForecast, load_pose_predictor

        files = official_files(self.cfg)
        predictor = load_pose_predictor(
            files.predictor,
            config=files.predictor_config,
            mean_std=files.predictor_mean_std,
            device=self.device,
        )
        self.pose_forecaster = PredictorForecast(
            predictor, reference_quirks=self.cfg.phalp.reference_quirks
        )

    def tracker_options(self) -> dict[str, Any]:
        """Textures are compared by HMAR's encoder, all pairs of a frame at once."""
        from humantrack.appearance.encoder import BatchedEmbedder

        return {"embedder": BatchedEmbedder(self.encoder)}


def _check_hmr(keys: Any) -> None:
    """Refuse invalid values of ``hmr.*``, before anything large is read."""
    check_precision("hmr.precision", keys.precision)
    if keys.batch_size < 1:
        raise ConfigError("must be at least 1", where=f"hmr.batch_size={keys.batch_size}")
