"""The configuration, read once, as the frozen options that every lower layer takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf

from humantrack import models
from humantrack.config.paths import with_paths
from humantrack.config.quoting import literal
from humantrack.config.ranges import check_values
from humantrack.config.schema import PHALPConfig
from humantrack.detect.registry import DetectorOptions
from humantrack.errors import ConfigError
from humantrack.run.settings import BoxesOptions, CheckpointOptions, RunOptions, SourceOptions
from humantrack.units import parse_time
from humantrack.url import concealed
from humantrack.video import LinkOptions, LiveOptions, StreamChoice, is_single_picture
from humantrack.video.links import Policy
from humantrack.world.options import WorldOptions, parse_heights

POLICIES = ("newest", "all")
HOSTS = ("same", "any")


def run_options(cfg: Any) -> RunOptions:
    """What the configuration tells a run.

    Raises:
        ConfigError: for an invalid value.
    """
    check_values(cfg)
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
        blur_faces=cfg.render.blur_faces,
        overlay_fps=cfg.render.fps,
        features=cfg.results.features,
        overwrite=cfg.overwrite,
        seed=cfg.seed,
        detect_shots=cfg.detect_shots,
        batch_frames=cfg.batch_frames,
        lost_after_s=cfg.sweep.lost_after_s,
        n_init=n_init(cfg),
        segment_s=segment_s(cfg),
        keep_segments=cfg.live.keep_segments,
        target_delay_s=target_delay_s(cfg),
        world=world_options(cfg),
        world_video=cfg.render.world,
        settings=plain(cfg),
    )


def n_init(cfg: Any) -> int:
    """``phalp.n_init``; of a single picture, which shows nobody twice, its default means 1."""
    value, source = int(cfg.phalp.n_init), with_paths(cfg).video.source
    is_usual = value == PHALPConfig.n_init
    return 1 if is_usual and source and is_single_picture(source) else value


def plain(cfg: Any) -> dict[str, Any]:
    """The whole configuration, resolved, as plain containers."""
    return cast("dict[str, Any]", _concealed(OmegaConf.to_container(cfg, resolve=True)))


def _concealed(value: Any) -> Any:
    """With the secrets of addresses put aside, wherever in it they stand."""
    if isinstance(value, dict):
        return {name: _concealed(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_concealed(one) for one in value]
    return concealed(value) if isinstance(value, str) else value


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
        path=concealed(cfg.video.source or ""),
        frames_folder=cfg.video.base_path,
        start_frame=start,
        end_frame=end,
        start_time_s=parse_time(cfg.video.start_time),
        end_time_s=parse_time(cfg.video.end_time),
        keys=cfg.results["keys"],
        fps=cfg.render.fps,
        streams=StreamChoice(_from_start(cfg.video.stream), _from_start(cfg.video.audio_stream)),
        links=LinkOptions(
            folder=Path(cfg.video.output_dir) / "_LINKS",
            policy=Policy(
                any_host=one_of("video.allow_hosts", cfg.video.allow_hosts, HOSTS) == "any"
            ),
        ),
        live=live_options(cfg),
        read_ahead=cfg.read_ahead,
        extract=cfg.video.extract_video,
    )


def live_options(cfg: Any) -> LiveOptions:
    """What ``live.*`` says.

    Raises:
        ConfigError: for an invalid value.
    """
    live = cfg.live
    duration_s = parse_time(live.duration)
    if duration_s is not None and duration_s <= 0:
        raise ConfigError("must be more than nothing", where=f"live.duration={live.duration}")
    policy: Any = one_of("live.policy", live.policy, POLICIES)
    return LiveOptions(policy=policy, duration_s=duration_s, reconnect_s=live.reconnect_s)


SHORTEST_SEGMENT_S = 1.0


def segment_s(cfg: Any) -> float | None:
    """``live.segment`` in seconds; None: a live run is written in one piece.

    Raises:
        ConfigError: if it is too short, or segments are to be kept and there are none.
    """
    length_s = parse_time(cfg.live.segment)
    if length_s is not None and length_s < SHORTEST_SEGMENT_S:
        raise ConfigError("must be a second or more", where=f"live.segment={cfg.live.segment}")
    if length_s is None and cfg.live.keep_segments:
        raise ConfigError(
            "there are no segments",
            where=f"live.keep_segments={cfg.live.keep_segments}",
            hint="set their length, too: live.segment=10m",
        )
    return length_s


def target_delay_s(cfg: Any) -> float | None:
    """``live.target_delay_ms`` in seconds."""
    value = cfg.live.target_delay_ms
    return None if value is None else float(value) / 1000


def one_of(key: str, value: str, known: tuple[str, ...]) -> str:
    """The value, if it is a known one.

    Raises:
        ConfigError: if not.
    """
    if value not in known:
        raise ConfigError("unknown value", where=f"{key}={value}", hint=f"use {' or '.join(known)}")
    return value


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
    "heavy": models.BLAZEPOSE_HEAVY,
    "full": models.BLAZEPOSE,
}


def landmark_model(cfg: Any, *, is_live: bool = False) -> str:
    """File name of the landmark network that ``embedded.landmarks`` means.

    Args:
        cfg: the configuration.
        is_live: frames do not wait, for which ``auto`` is full.

    Raises:
        ConfigError: if there is none of that name.
    """
    name = str(cfg.embedded.landmarks)
    if name == "auto":
        name = "full" if is_live else "heavy"
    if name not in _LANDMARKS:
        raise ConfigError(
            "unknown landmark network",
            where=f"embedded.landmarks={name}",
            hint="give auto, heavy or full",
        )
    return _LANDMARKS[name]


def detector_options(
    cfg: Any,
    *,
    name: str,
    device: str,
    least_score: float,
    boxes: Any,
    may_rest: bool = False,
) -> DetectorOptions:
    """What the detector of this name is told.

    Raises:
        ConfigError: for an invalid precision.
    """
    check_precision("vitdet.precision", cfg.vitdet.precision)
    own = with_paths(cfg).rfdetr if name == "rfdetr" else with_paths(cfg).vitdet
    return DetectorOptions(
        device=device,
        least_score=least_score,
        boxes=boxes,
        mask_model=cfg.video.mask_model,
        input_size=cfg.embedded.detection_size,
        every=cfg.embedded.detect_every,
        weak_score=cfg.embedded.weak_score,
        may_rest=may_rest,
        checkpoint=own.checkpoint,
        precision=cfg.vitdet.precision,
        compiled=cfg.vitdet.compile,
        batch_size=own.batch_size,
        size=cfg.rfdetr.size,
    )


PRECISIONS = ("auto", "fp32", "bf16", "fp16")


def check_precision(key: str, value: str) -> None:
    """Refuse an unknown precision.

    Raises:
        ConfigError: if it is one.
    """
    if value not in PRECISIONS:
        raise ConfigError(
            "unknown precision", where=f"{key}={value}", hint=f"known are {', '.join(PRECISIONS)}"
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
