"""The command line: ``humantrack video.source=clip.mp4``. Mirrors 4D-Humans' ``track.py``."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, ClassVar, cast

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf
from rich.console import Console

from humantrack._version import __version__
from humantrack.arguments import overrides_in, quote_clips, quote_existing_path
from humantrack.assembly import run_fingerprint
from humantrack.config import (
    check_overrides,
    conf_dir,
    prefer_own_launchers,
    register_schema,
)
from humantrack.errors import (
    ConfigError,
    InterruptedRunError,
    SourceError,
)
from humantrack.official import OfficialFiles, missing_files, official_files
from humantrack.phalp import PHALP, Defaults
from humantrack.pipeline.stopping import on_signals
from humantrack.pipeline.summary import RunSummary
from humantrack.reporting import explain, report_error
from humantrack.sweep import devices
from humantrack.sweep.job import run_job, wait_out_interrupts
from humantrack.sweep.loaded import Kept, models_key

HELP = """\
humantrack {version}: reconstruct and track every person of a video in 3D

  humantrack video.source=clip.mp4                     a video, whole
  humantrack video.source=frames/                      a folder of images
  humantrack 'video.source="shots/*.png"'              a glob of images
  humantrack video.source=clip.mp4 video.start_time=1m30s video.end_time=00:02:00
  humantrack video.source=clip.mp4 video.start_frame=50 video.end_frame=100
  humantrack video.source=clip.mp4 render.type=SKELETON
  humantrack video.source=clip.mp4 render.enable=false results only, no overlay video
  humantrack -m video.source=clips/                    every clip of a folder (docs/clusters.md)

Often used keys
  video.output_dir=outputs     where results go
  video=extract                PHALP's mode: frames become JPEG files first
  render.type=HUMAN_MESH       or HUMAN_MASK, HUMAN_BBOX, SKELETON, TRACKID_<n>_MESH
  detect_shots=true            find cuts and track people across them
  tracker=auto                 the best there is on this machine
  device=auto                  cuda, mps or cpu
  overwrite=false              leave a clip alone whose results exist
  debug=true                   show tracebacks

Results
  outputs/results/demo_<name>.pkl   per frame: SMPL pose and shape, camera, identity
  outputs/PHALP_<name>.mp4          the overlay

All keys: docs/configuration.md, or humantrack --cfg job. Hydra's own help: humantrack --hydra-help.
"""


class BlazePose_4dhuman(PHALP):  # noqa: N801 - named after 4D-Humans' HMR2_4dhuman
    """The embedded default: NanoDet boxes, BlazePose landmarks, a body of our own. CPU only.

    Its rotations follow SMPL's conventions, its betas and vertices do not (docs/embedded.md).
    """

    defaults: ClassVar[Defaults] = Defaults(predict="APL", small_w=0, small_h=0, detector="nanodet")

    def setup_hmr(self) -> None:
        """Set the shipped body and the landmark network."""
        from humantrack.blazepose import BlazePoseEstimator
        from humantrack.body import load_mannequin

        self.body = load_mannequin()
        self.estimator = BlazePoseEstimator(self.body, aspect=self.aspect)

    def tracker_options(self) -> dict[str, Any]:
        """Colours take the place of texture."""
        return {"appearance": "colour"}


class HMR2_4dhuman(PHALP):  # noqa: N801 - the genuine class's name
    """4D-Humans: HMR2.0 bodies, PHALP's textures, pose predictor and tracker, all our own code.

    Needs the official files (``humantrack-weights list``). ``vit`` and ``decoder`` are the sizes of
    the network, None for those of HMR2.0b.
    """

    defaults: ClassVar[Defaults] = Defaults(
        predict="TPL", small_w=50, small_h=100, detector="vitdet|maskrcnn"
    )
    vit: ClassVar[Any] = None
    decoder: ClassVar[Any] = None

    def setup_hmr(self) -> None:
        """Load SMPL, HMR2 and the texture stages; with ``hmr_type=hmr2018`` HMAR alone."""
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
    """Refuse values of ``hmr.*`` that make no sense, before anything large is read."""
    from humantrack.hmr2.network import PRECISIONS

    if keys.precision not in PRECISIONS:
        raise ConfigError(
            "unknown precision",
            where=f"hmr.precision={keys.precision}",
            hint=f"known are {', '.join(PRECISIONS)}",
        )
    if keys.batch_size < 1:
        raise ConfigError("must be at least 1", where=f"hmr.batch_size={keys.batch_size}")


def choose_tracker(cfg: Any) -> tuple[type[PHALP], str]:
    """The class that ``tracker`` stands for, and why, in one line.

    Raises:
        ConfigError: if there is none of that name.
        MissingWeightsError: if ``tracker=hmr2`` misses files.
        DependencyError: if ``tracker=upstream`` misses packages.
    """
    name, why = which_tracker(cfg)
    if name == "upstream":
        from humantrack.upstream.adapter import tracker_class

        return tracker_class(cfg.upstream.class_), f"{name}, {why}"
    if name == "hmr2":
        official_files(cfg)
        return HMR2_4dhuman, f"{name}, {why}"
    return BlazePose_4dhuman, f"{name}, {why}"


def which_tracker(cfg: Any) -> tuple[str, str]:
    """The name of the tracker that ``tracker`` means today, and why that one.

    Raises:
        ConfigError: if there is none of that name.
    """
    own_class = cfg.upstream.class_
    if own_class and cfg.tracker in ("auto", "upstream"):
        return "upstream", f"upstream.class_ is {own_class}"
    if cfg.tracker in ("embedded", "hmr2", "upstream"):
        return cfg.tracker, "as asked for"
    if cfg.tracker != "auto":
        raise ConfigError(
            "unknown tracker",
            where=f"tracker={cfg.tracker}",
            hint="known are auto, hmr2, embedded and upstream",
        )
    missing = missing_files(cfg)
    if not missing:
        return "hmr2", "since all its files are there"
    what = missing[0] if len(missing) == 1 else f"{len(missing)} files"
    return "embedded", f"since hmr2 misses {what} (humantrack-weights list)"


register_schema()


@dataclass
class _Call:
    """What :func:`main` and its jobs tell each other past Hydra."""

    failures: list[BaseException] = field(default_factory=list)
    """Errors of the jobs. Hydra would print each one in its own way if it saw it."""

    @property
    def is_stopped(self) -> bool:
        """True once a job was interrupted: those after it are not begun."""
        return any(isinstance(e, InterruptedRunError | KeyboardInterrupt) for e in self.failures)


_call = _Call()


@hydra.main(version_base="1.2", config_path=str(conf_dir()), config_name="config")
def _run(cfg: Any) -> None:
    """What Hydra calls once, or in a sweep once for each job, there perhaps in another process."""
    _run_job(cfg)


def _run_job(cfg: Any) -> None:
    if cfg.sweep.report is not None:
        _run_clip_of_sweep(cfg)
        return
    if _call.is_stopped:
        return
    try:
        if HydraConfig.get().mode == RunMode.MULTIRUN:  # a sweeper that is not ours
            number = str(HydraConfig.get().job.num)
            cfg.video.output_dir = str(Path(cfg.video.output_dir) / number)
        with on_signals() as stop:
            summary = _track(cfg, stop)
        summary.print(Console(stderr=True))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - main reports it
        _call.failures.append(error)


def _track(cfg: Any, stop: Event) -> RunSummary:
    tracker, why = choose_tracker(cfg)
    sys.stderr.write(f"tracker: {why}\n")
    return tracker(cfg).track(stop)


_kept: Kept[PHALP] = Kept()
"""The models of this process's last job, since loading them takes longer than a short clip."""


def _run_clip_of_sweep(cfg: Any) -> None:
    """A job of the folder sweep; how it ended goes into its report and nowhere else."""
    wait_out_interrupts()
    report, keys = Path(cfg.sweep.report), cfg.sweep
    gpus = devices.gpus_of(cfg.device)
    cfg.device = devices.own_gpu(report.parent / "gpus", cfg.device, gpus)
    with on_signals() as stop:
        run_job(
            Path(cfg.video.output_dir),
            report,
            work=lambda: _track_with_kept_models(cfg, stop),
            explain=explain,
            fingerprint=lambda: _fingerprint(cfg),
            stop=stop,
            resume=keys.resume,
            retries=keys.retries,
            max_failures=keys.max_failures,
            lost_after_s=keys.lost_after_s,
        )


def _as_meant_today(cfg: Any) -> Any:
    """Results of ``tracker=auto`` are finished only while it means the same tracker."""
    meant = cfg.copy()
    meant.tracker, _ = which_tracker(cfg)
    return meant


def _fingerprint(cfg: Any) -> dict[str, str]:
    """Of the clip and the configuration that results are finished for."""
    return run_fingerprint(_as_meant_today(cfg), Path(cfg.video.source).expanduser())


def _loaded(kind: type[PHALP], cfg: Any) -> PHALP:
    sys.stderr.write("loading models\n")
    return kind(cfg)


def _track_with_kept_models(cfg: Any, stop: Event) -> RunSummary:
    kind, why = choose_tracker(cfg)
    cfg = _as_meant_today(cfg)
    sys.stderr.write(f"tracker: {why}\n")
    key = models_key(cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True)))
    if key is None:
        return kind(cfg).track(stop)
    tracker = _kept.get((kind, key), lambda: _loaded(kind, cfg))
    tracker.cfg = cfg
    try:
        summary = tracker.track(stop)
    except SourceError:
        raise
    except BaseException:
        _kept.drop()  # who knows what state they are in
        raise
    summary.print(Console(stderr=True, width=100))
    return summary


def main(argv: list[str] | None = None) -> None:
    """Entry point of ``humantrack``. Exits with 0, or with the code of what went wrong.

    Args:
        argv: arguments without the program's name; those of the process if None.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or {"-h", "--help"} & set(arguments):
        sys.stdout.write(HELP.format(version=__version__))
        return
    if "--version" in arguments:
        sys.stdout.write(f"humantrack {__version__}\n")
        return
    sweeps = bool({"-m", "--multirun"} & set(arguments))
    arguments = [quote_clips(a) if sweeps else quote_existing_path(a) for a in arguments]
    debug = any(a.replace(" ", "").lower() == "debug=true" for a in arguments)
    _call.failures.clear()
    try:
        overrides = overrides_in(arguments)
        check_overrides(overrides)
        _call_hydra(arguments)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - reported, never swallowed
        _call.failures.append(error)
    if _call.failures:
        codes = [report_error(error, debug=debug) for error in _call.failures]
        sys.exit(codes[0])


def _call_hydra(arguments: list[str]) -> None:
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # else Hydra prints and exits by itself
    prefer_own_launchers()
    before = sys.argv
    sys.argv = [before[0], *arguments]
    try:
        _run()
    finally:
        sys.argv = before


if __name__ == "__main__":
    main()
