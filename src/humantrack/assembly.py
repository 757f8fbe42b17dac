"""From configuration keys to sources and paths: the part of the composition without models.

``phalp.py`` calls these; nothing else knows the whole configuration.
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from omegaconf import OmegaConf

from humantrack import video
from humantrack._version import __version__
from humantrack.errors import ConfigError, OutputError
from humantrack.fingerprint import config_fingerprint, shortened, source_fingerprint
from humantrack.pipeline.stages import Detector
from humantrack.pipeline.summary import RunSummary, TrackCounter
from humantrack.results import load_results
from humantrack.types import Frame, SourceInfo


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
    def of(cfg: Any, name: str) -> OutputPaths:
        """The paths of the clip ``name``."""
        out, name = Path(cfg.video.output_dir), shortened(name)
        results = out / "results" / f"{cfg.track_dataset}_{name}.pkl"
        return OutputPaths(
            results=results,
            overlay=out / f"{cfg.base_tracker}_{name}.mp4",
            meta=results.with_name(f"{cfg.track_dataset}_{name}.meta.json"),
            frames=out / "_DEMO" / name / "img",
            checkpoint=results.with_suffix(".checkpoint"),
            pieces=out / f"{cfg.base_tracker}_{name}.partial",
            draws=cfg.render.enable,
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
        resumed_from: int,
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
            seconds=seconds,
            decode_errors=decode_errors,
            resumed_from=resumed_from,
        )

    def summary_of_finished(self, name: str) -> RunSummary:
        """The summary when results are there already and are left alone."""
        return RunSummary(
            name=name,
            results=self.results,
            overlay=self.overlay if self.overlay.exists() else None,
            meta=self.meta if self.meta.exists() else None,
            skipped=True,
        )


def choose_device(name: str) -> str:
    """'auto' -> 'cuda', 'mps' or 'cpu', the first there is; any other name is checked.

    Raises:
        ConfigError: if this machine has no such device.
    """
    import torch

    have = ["cpu"]
    if torch.backends.mps.is_available():
        have.insert(0, "mps")
    if torch.cuda.is_available():
        have.insert(0, "cuda")
    if name == "auto":
        return have[0]
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(
            "unknown device", where=f"device={name}", hint="use auto, cpu, cuda, cuda:1 or mps"
        ) from error
    if device.type not in have or (device.index or 0) >= max(torch.cuda.device_count(), 1):
        raise ConfigError(
            "this machine has no such device",
            where=f"device={name}",
            hint=f"it has {', '.join(have)}; device=auto picks one",
        )
    return name


def box_aspect(cfg: Any) -> tuple[int, int] | None:
    """``expand_bbox_shape`` as (width, height).

    Raises:
        ConfigError: if it is not two positive numbers or null.
    """
    shape = cfg.expand_bbox_shape
    if shape is None:
        return None
    if len(shape) != 2 or min(shape) <= 0:
        raise ConfigError(
            "a shape has a width and a height above 0", where=f"expand_bbox_shape={list(shape)}"
        )
    return int(shape[0]), int(shape[1])


CHUNK_BYTES = 256 * 2**20
"""Memory that the pictures of a chunk may take."""


def chunk_size(cfg: Any, info: SourceInfo, device: str) -> int:
    """``batch_frames``, or how many frames fit: on a CPU more than 8 gain nothing.

    Raises:
        ConfigError: if it is less than 1.
    """
    if cfg.batch_frames is None:
        fit = CHUNK_BYTES // max(info.width * info.height * 3, 1)
        return int(min(max(fit, 1), 8 if device == "cpu" else 32))
    if cfg.batch_frames < 1:
        raise ConfigError("must be at least 1", where=f"batch_frames={cfg.batch_frames}")
    return int(cfg.batch_frames)


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's global random numbers."""
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


# -- reading ------------------------------------------------------------------------------------


def load_given_boxes(cfg: Any) -> Mapping[Any, Any] | None:
    """The boxes of ``video.boxes``, or of ``video.source`` if that is a .pkl; None if neither.

    Raises:
        ConfigError: if ``use_gt`` is on and no boxes are named.
        ResultsError: if the file cannot be read.
    """
    from humantrack.detect import given_files

    source = cfg.video.source or ""
    path = cfg.video.boxes or (source if source.lower().endswith(".pkl") else None)
    if path is None:
        if cfg.use_gt:
            raise ConfigError(
                "use_gt=true needs boxes",
                hint="give a .pkl as video.source with video.base_path, or set video.boxes=FILE",
            )
        return None
    box_format = cfg.video.box_format
    if str(path).lower().endswith(".pkl"):
        return given_files.check_mapping(load_results(path), where=path, box_format=box_format)
    return given_files.read_text(path, box_format=box_format)


LEAST_SCORE = {"nanodet": 0.4, "maskrcnn": 0.8, "vitdet": 0.8, "given": 0.0}
"""Detectors by name, with the score from which on a detection may start a track."""


def first_available(names: str) -> str:
    """Of detectors with ``|`` between, the first whose package is there, or the last.

    Raises:
        ConfigError: if there is none of that name.
    """
    for name in names.split("|"):
        if name not in LEAST_SCORE:
            raise ConfigError(
                "unknown detector",
                where=f"phalp.detector={name}",
                hint=f"known are {', '.join(LEAST_SCORE)}",
            )
        if name != "vitdet" or importlib.util.find_spec("detectron2") is not None:
            return name
    return name


def make_detector(
    name: str, cfg: Any, boxes: Mapping[Any, Any] | None, device: str, score: float
) -> Detector:
    """The detector called ``name``; ``score`` is the least of a person.

    Raises:
        ConfigError: if boxes are to be given and are not.
        DependencyError: if its package is missing.
        MissingWeightsError: if its weights are neither there nor to be had.
    """
    from humantrack.detect import GivenBoxes, NanoDet

    if name == "maskrcnn":
        from humantrack.detect.maskrcnn import MaskRcnn

        return MaskRcnn(device=device, score=score)
    if name == "vitdet":
        from humantrack.detect.vitdet import VitDet

        return VitDet(device=device, score=score)
    if name == "nanodet":
        return NanoDet(size=cfg.embedded.detection_size, weak_score=cfg.embedded.weak_score)
    if boxes is None:
        raise ConfigError(
            "no boxes are given", where="phalp.detector=given", hint="set video.boxes=FILE"
        )
    return GivenBoxes(boxes, masks=_mask_model(cfg.video.mask_model, device))


def _mask_model(name: str | None, device: str) -> Any:
    """What finds the silhouettes of given boxes; None: ellipses will do."""
    if name is None:
        return None
    if name != "maskrcnn":
        raise ConfigError(
            "unknown mask model", where=f"video.mask_model={name}", hint="known is maskrcnn"
        )
    from humantrack.detect.maskrcnn import MaskRcnn

    return MaskRcnn(device=device)


def open_source(cfg: Any, boxes: Mapping[Any, Any] | None) -> video.FrameSource:
    """Open ``video.source`` from its start to its end as configured."""
    keys = cfg.video
    if not keys.source:
        raise ConfigError("no video is named", hint="add video.source=clip.mp4")
    start, end = _frame_range(cfg)
    source: str | list[Path] = keys.source
    name = None
    if boxes is not None and str(source).lower().endswith(".pkl"):
        if not keys.base_path:
            raise ConfigError(
                "where are the frames of these boxes?",
                where=f"video.source={source}",
                hint="add video.base_path=FOLDER",
            )
        name = Path(keys.source).name.split(".")[0]
        source = [Path(keys.base_path) / str(frame) for frame in sorted(boxes)]
    return video.open_source(
        source,
        name=name,
        start_frame=start,
        end_frame=end,
        start_time_s=video.parse_time(keys.start_time),
        end_time_s=video.parse_time(keys.end_time),
        keys=cfg.results["keys"],
        fps=cfg.render.fps,
        read_ahead=cfg.read_ahead,
    )


def _frame_range(cfg: Any) -> tuple[int | None, int | None]:
    """``video.*_frame``, narrowed by PHALP's second pair, which counts in the first."""
    start, end = (_from_start(cfg.video.start_frame), _from_start(cfg.video.end_frame))
    if cfg.phalp.start_frame < 0:
        return start, end
    first = (start or 0) + cfg.phalp.start_frame
    if cfg.phalp.end_frame >= 0:
        last = (start or 0) + cfg.phalp.end_frame
        end = last if end is None else min(end, last)
    return first, end


def _from_start(value: int | None) -> int | None:
    return None if value is None or value < 0 else value


def frames_of(
    source: video.FrameSource, cfg: Any, paths: OutputPaths, *, keep: bool = False
) -> Iterator[Frame]:
    """The frames, through JPEG files if ``video.extract_video`` is on.

    Args:
        source: opened.
        cfg: the configuration.
        paths: where the JPEG files go.
        keep: leave those of an earlier run.
    """
    if cfg.video.extract_video and source.info.kind == "video":
        return video.extracting(source, paths.frames, keys=cfg.results["keys"], keep=keep)
    return iter(source)


def run_fingerprint(cfg: Any, source: str | Path | Sequence[str | Path]) -> dict[str, str]:
    """What the same run is known by: its source's content, and the keys that change a result.

    Raises:
        OSError: if the source cannot be read.
    """
    settings = cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True))
    return {
        "source": source_fingerprint(source),
        "config": config_fingerprint(settings, version=__version__),
    }
