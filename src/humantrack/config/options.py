"""The configuration, read once, as the frozen options that every lower layer takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf

from humantrack import models
from humantrack.config.paths import with_paths
from humantrack.config.quoting import literal
from humantrack.config.ranges import check_numbers
from humantrack.detect.registry import DetectorOptions
from humantrack.errors import ConfigError
from humantrack.run.settings import BoxesOptions, CheckpointOptions, RunOptions, SourceOptions
from humantrack.units import parse_time
from humantrack.video import StreamChoice
from humantrack.world.options import WorldOptions, parse_heights


def run_options(cfg: Any) -> RunOptions:
    """What the configuration tells a run.

    Raises:
        ConfigError: for an invalid value.
    """
    check_numbers(cfg)
    cfg = with_paths(cfg)
    return RunOptions(
        source=source_options(cfg),
        boxes=boxes_options(cfg),
        checkpoint=CheckpointOptions(
            enable=cfg.checkpoint.enable,
            resume=cfg.checkpoint.resume,
            every_s=cfg.checkpoint.every_s,
        ),
        output_dir=Path(cfg.video.output_dir),
        results_prefix=cfg.track_dataset,
        overlay_prefix=cfg.base_tracker,
        overlay=cfg.render.enable,
        overlay_fps=cfg.render.fps,
        features=cfg.results.features,
        overwrite=cfg.overwrite,
        seed=cfg.seed,
        detect_shots=cfg.detect_shots,
        batch_frames=cfg.batch_frames,
        lost_after_s=cfg.sweep.lost_after_s,
        n_init=cfg.phalp.n_init,
        world=world_options(cfg),
        world_video=cfg.render.world,
        settings=plain(cfg),
    )


def plain(cfg: Any) -> dict[str, Any]:
    """The whole configuration, resolved, as plain containers."""
    return cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True))


def with_values(cfg: Any, **values: Any) -> Any:
    """A copy with other values; ``__`` in a name stands for a dot. The original stays as it is."""
    changed = cfg.copy()
    for name, value in values.items():
        as_is = literal(value) if isinstance(value, str) else value
        OmegaConf.update(changed, name.replace("__", "."), as_is)
    return changed


def source_options(cfg: Any) -> SourceOptions:
    """What ``video.*`` says is read.

    Raises:
        ConfigError: for an invalid start or end.
    """
    cfg = with_paths(cfg)
    start, end = _frame_range(cfg)
    return SourceOptions(
        path=cfg.video.source or "",
        frames_folder=cfg.video.base_path,
        start_frame=start,
        end_frame=end,
        start_time_s=parse_time(cfg.video.start_time),
        end_time_s=parse_time(cfg.video.end_time),
        keys=cfg.results["keys"],
        fps=cfg.render.fps,
        streams=StreamChoice(_from_start(cfg.video.stream), _from_start(cfg.video.audio_stream)),
        read_ahead=cfg.read_ahead,
        extract=cfg.video.extract_video,
    )


def boxes_options(cfg: Any) -> BoxesOptions | None:
    """The boxes of ``video.boxes``, or of ``video.source`` if that is a .pkl; None if neither.

    Raises:
        ConfigError: if ``use_gt`` is on and no boxes are named.
    """
    cfg = with_paths(cfg)
    source = cfg.video.source or ""
    path = cfg.video.boxes or (source if source.lower().endswith(".pkl") else None)
    if path is not None:
        return BoxesOptions(path=str(path), format=cfg.video.box_format)
    if cfg.use_gt:
        raise ConfigError(
            "use_gt=true needs boxes",
            hint="give a .pkl as video.source with video.base_path, or set video.boxes=FILE",
        )
    return None


def world_options(cfg: Any) -> WorldOptions:
    """What ``world.*`` says.

    Raises:
        ConfigError: for an invalid value.
    """
    world = with_paths(cfg).world
    height, heights = parse_heights(world.person_height_m)
    return WorldOptions(
        enable=world.enable,
        camera=world.camera,
        focal_px=world.focal_px,
        fov_deg=world.fov_deg,
        person_height_m=height,
        heights_m=heights,
        camera_height_m=world.camera_height_m,
    )


_LANDMARKS = {
    "auto": models.BLAZEPOSE_HEAVY,
    "heavy": models.BLAZEPOSE_HEAVY,
    "full": models.BLAZEPOSE,
}


def landmark_model(cfg: Any) -> str:
    """File name of the landmark network that ``embedded.landmarks`` means.

    Raises:
        ConfigError: if there is none of that name.
    """
    name = str(cfg.embedded.landmarks)
    if name not in _LANDMARKS:
        raise ConfigError(
            "unknown landmark network",
            where=f"embedded.landmarks={name}",
            hint="give auto, heavy or full",
        )
    return _LANDMARKS[name]


def detector_options(
    cfg: Any, *, device: str, least_score: float, boxes: Any, may_rest: bool = False
) -> DetectorOptions:
    """What a detector is told."""
    return DetectorOptions(
        device=device,
        least_score=least_score,
        boxes=boxes,
        mask_model=cfg.video.mask_model,
        input_size=cfg.embedded.detection_size,
        every=cfg.embedded.detect_every,
        weak_score=cfg.embedded.weak_score,
        may_rest=may_rest,
    )


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
