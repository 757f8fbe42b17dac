"""Keys that are set and change nothing, since what they are about is not part of the run.

They are not refused: one file of settings may serve several trackers and sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from omegaconf import OmegaConf

from humantrack.config.options import boxes_options
from humantrack.config.schema import PHALPConfig, all_keys
from humantrack.detect.registry import first_available
from humantrack.url import is_address, is_elsewhere

_Rule = tuple[Sequence[str], str]
"""Names of keys, or of sections with a dot at the end, and why they change nothing."""

BY_COSTS = ("predict", "distance_type", "pose_distance", "hungarian_th", "past_lookback")
"""Of ``phalp.*``: who sets one asks for PHALP's costs where boxes would do."""

_OF_NANODET = ("embedded.detection_size", "embedded.detect_every", "embedded.weak_score")
_OF_OVERLAY = (
    *("render.type", "render.output_resolution", "render.head_mask", "render.show_keypoints"),
    *("render.side_view_each", "render.colors", "video.audio_stream"),
)
_OF_SWEEPS = ("sweep.recursive", "sweep.max_failures", "sweep.retries", "sweep.shard")


def asks_for_costs(cfg: Any) -> bool:
    """Whether a key is set that only PHALP's association costs know."""
    keys, usual = cfg.phalp, PHALPConfig()
    return bool(keys.reference_quirks) or any(keys[n] != getattr(usual, n) for n in BY_COSTS)


def unused_by_models(cfg: Any, tracker: str, kind: type[Any]) -> list[str]:
    """A line for each reason why keys of trackers and detectors change nothing.

    Args:
        cfg: the configuration.
        tracker: the name of the tracker that it means.
        kind: its class.

    Raises:
        ConfigError: if there is no such detector.
    """
    rules = list(_of_tracker(cfg, tracker))
    if tracker in ("embedded", "hmr2") and hasattr(kind, "defaults"):
        rules += _of_detector(cfg, tracker, kind)
    return _told(cfg, rules)


def unused_by_run(cfg: Any) -> list[str]:
    """A line for each reason why keys of source, output and settings of a run change nothing."""
    return _told(cfg, list(_of_source(cfg)) + list(_of_output(cfg)))


def _told(cfg: Any, rules: Sequence[_Rule]) -> list[str]:
    lines = []
    every = _set_keys(cfg)  # once, as it takes milliseconds
    for names, why in rules:
        if found := [key for key in every if _is_among(key, names)]:
            many = "change" if len(found) > 1 else "changes"
            lines.append(f"{', '.join(found)} {many} nothing: {why}")
    return lines


def _set_keys(cfg: Any) -> list[str]:
    """The keys that have another value than their default."""
    return [k.name for k in all_keys() if OmegaConf.select(cfg, k.name) != k.default]


def _is_among(key: str, names: Sequence[str]) -> bool:
    return any(key == name or (name.endswith(".") and key.startswith(name)) for name in names)


def _of_tracker(cfg: Any, tracker: str) -> Iterator[_Rule]:
    if tracker == "embedded":
        of_hmr2 = ("hmr.", "hmr_type", "SMPL.", "pose_predictor.")
        yield of_hmr2, "only tracker=hmr2 has a use for it, and this is tracker=embedded"
        yield ("phalp.alpha",), "it is about textures, which tracker=embedded does not compare"
        if not asks_for_costs(cfg):
            yield (
                ("phalp.track_history",),
                "tracker=embedded compares boxes and colours unless phalp.predict or another key "
                "of PHALP's costs is set",
            )
    elif tracker in ("hmr2", "upstream"):
        yield (
            ("embedded.landmarks",),
            f"only tracker=embedded has a use for it, and this is tracker={tracker}",
        )
    if tracker == "hmr2":
        if "T" not in (cfg.phalp.predict or "TPL"):
            yield ("phalp.alpha",), "it is about textures, and phalp.predict has no T"
        if cfg.hmr_type == "hmr2018":
            of_network = ("hmr.checkpoint", "hmr.precision", "hmr.compile")
            yield of_network, "only HMR2 has a use for it, and hmr_type=hmr2018 takes HMAR"
    if tracker == "upstream" and not cfg.upstream.class_:  # a class of one's own may read all
        ours = (
            "hmr.precision",
            "hmr.compile",
            "hmr.batch_size",
            "vitdet.",
            "rfdetr.",
            *_OF_NANODET,
        )
        yield ours, "the genuine classes (tracker=upstream) do not know it"
    elif tracker != "upstream":
        yield (
            ("upstream.",),
            f"only tracker=upstream has a use for it, and this is tracker={tracker}",
        )


def _of_detector(cfg: Any, tracker: str, kind: type[Any]) -> Iterator[_Rule]:
    if boxes_options(cfg) is not None:
        name = "given"
        yield ("phalp.detector",), "boxes are given"
    else:
        name = first_available(cfg.phalp.detector or kind.defaults.detector)
        yield ("video.box_format", "video.mask_model"), "no boxes are given (video.boxes)"
    now = "boxes are given" if name == "given" else f"the detector is {name}"
    if name != "nanodet":
        yield _OF_NANODET, f"only the detector nanodet has a use for it, and {now}"
    elif tracker == "hmr2":
        yield ("embedded.detect_every",), "tracker=hmr2 needs boxes of every frame"
    if name == "vitdet-detectron2":
        own = ("vitdet.precision", "vitdet.compile", "vitdet.batch_size")
        yield own, "only the detector vitdet has a use for it, and this is detectron2's own"
    elif name != "vitdet":
        yield ("vitdet.",), f"only the detector vitdet has a use for it, and {now}"
    if name != "rfdetr":
        yield ("rfdetr.",), f"only the detector rfdetr has a use for it, and {now}"


def _of_source(cfg: Any) -> Iterator[_Rule]:
    source = str(cfg.video.source or "")
    if not source.lower().endswith(".pkl"):
        yield ("video.base_path",), "video.source names the frames itself"
    if not is_address(source):
        yield ("video.allow_hosts",), "the source is no address"
    if not is_elsewhere(source):
        yield ("live.",), "the source is no camera and no stream"
    if cfg.phalp.start_frame < 0:
        yield ("phalp.end_frame",), "it goes with phalp.start_frame; video.end_frame stands alone"


def _of_output(cfg: Any) -> Iterator[_Rule]:
    if not cfg.render.enable:
        yield _OF_OVERLAY, "no overlay is drawn (render.enable=false)"
    if not cfg.world.enable:
        rest = [k.name for k in all_keys() if k.name.startswith("world.")]
        yield [n for n in rest if n != "world.enable"], "no world is made (world.enable=false)"
    if not cfg.checkpoint.enable:
        yield ("checkpoint.every_s", "checkpoint.resume"), "checkpoint.enable is false"
    if cfg.sweep.report is None:
        yield _OF_SWEEPS, "only sweeps (-m) have a use for it, and this is one run"
    if cfg.split.parts is None and cfg.split.minutes is None:
        yield (
            ("split.workers",),
            "only a video in parts (split.parts, split.minutes) has a use for it",
        )
