"""The genuine PHALP and its subclasses with our pipeline around them.

Only import this where they are asked for: it imports the genuine packages. Their hooks, networks
and tracker run as they are, a frame at a time; reading, back-filling, results, overlay, progress
and errors are ours.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any, ClassVar

import numpy as np
from omegaconf import DictConfig, OmegaConf
from torch.utils import model_zoo

from humantrack.appearance.texture import TextureSampler
from humantrack.config.options import boxes_options, n_init
from humantrack.errors import ConfigError, DependencyError, MissingWeightsError
from humantrack.pipeline.progress import StartProgress
from humantrack.pipeline.summary import RunSummary
from humantrack.run.settings import choose_device, seed_everything
from humantrack.run.source import load_boxes
from humantrack.upstream.at_hand import files_at_hand
from humantrack.upstream.bridge import Bridge
from humantrack.upstream.genuine import (
    INSTALL,
    building,
    contained,
    import_genuine,
    kept_store,
    replaced,
)
from humantrack.weights.catalog import CATALOG, CHECKPOINTS, cache_root, find
from humantrack.weights.checkpoint import read_state_dict

genuine = import_genuine()

PHALP_FILES = {
    "SMPL.MODEL_PATH": "SMPL_NEUTRAL.pkl",
    "SMPL.JOINT_REGRESSOR_EXTRA": "SMPL_to_J19.pkl",
    "SMPL.TEXTURE": "texture.npz",
    "MODEL.SMPL_HEAD.SMPL_MEAN_PARAMS": "smpl_mean_params.npz",
    "hmr.hmar_path": "hmar_v2_weights.pth",
    "pose_predictor.config_path": "pose_predictor.yaml",
    "pose_predictor.weights_path": "pose_predictor.pth",
    "pose_predictor.mean_std": "mean_std.npy",
}
"""Keys of the genuine configuration, with the official files they name where they are null."""

HMR2_FILES = {
    "hmr.checkpoint": "epoch=35-step=1000000.ckpt",
    "hmr.barycentric": "bmap_256.npy",
    "hmr.face_of_texel": "fmap_256.npy",
}


class UpstreamTracker:
    """What is put before a genuine class: it is built within bounds, and ``track`` is our pipeline.

    Args:
        cfg: our configuration. The genuine class sees its own (``self.cfg``), with our values over
            it wherever they are not null, and keys of the user's (``+name=value``).

    Raises:
        ConfigError: for an invalid value.
        MissingWeightsError: naming all official files that are missing.
        DependencyError: if a package is missing.
        StageError: if the genuine constructor fails.
    """

    files: ClassVar[Mapping[str, str]] = PHALP_FILES
    cfg: Any

    @classmethod
    def from_class(cls, phalp: type) -> type[Any]:
        """A class like ``phalp``, itself of the genuine PHALP, whose ``track`` is our pipeline."""
        if issubclass(phalp, UpstreamTracker):
            return phalp
        if not issubclass(phalp, genuine.PHALP):
            raise ConfigError("not a subclass of phalp.trackers.PHALP.PHALP", where=phalp.__name__)
        return type(phalp.__name__, (cls, phalp), {"__module__": phalp.__module__})

    def __init__(self, cfg: Any) -> None:
        self.ours, self.run_device = cfg, choose_device(cfg.device)
        seed_everything(cfg.seed)  # what no checkpoint fills is random
        self.given_boxes = load_boxes(boxes_options(cfg))
        own = genuine_config(cfg, self.run_device, self.files)
        base, none = genuine.PHALP, _nothing
        with contextlib.ExitStack() as stack:
            stack.enter_context(building(type(self).__name__))
            stack.enter_context(contained(self.run_device))
            stack.enter_context(files_at_hand(genuine.module, _loader(own)))
            stack.enter_context(replaced(base, "cached_download_from_drive", none))
            stack.enter_context(replaced(base, "default_setup", none))
            if self.given_boxes is None:  # a third large detector, for given boxes alone
                stack.enter_context(replaced(base, "setup_detectron2_with_RPN", none))
            stack.enter_context(replaced(model_zoo, "load_url", _but_for_backbone()))
            get_cfg = _on_device(genuine.module.get_cfg, self.run_device)
            stack.enter_context(replaced(genuine.module, "get_cfg", get_cfg))
            super().__init__(own)  # type: ignore[call-arg]

    def setup_visualizer(self) -> None:
        """No OpenGL: the overlay is ours."""

    def setup_predictor(self) -> None:
        """The genuine one, and the weights it drops by mistake (``reference_quirks`` leaves them).

        Source: ``load_weights`` in PHALP's phalp/models/predictor/pose_transformer_v2.py.
        """
        super().setup_predictor()  # type: ignore[misc]
        predictor: Any = getattr(self, "pose_predictor", None)
        if type(predictor) is genuine.PosePredictor and not self.ours.phalp.reference_quirks:
            state = read_state_dict(Path(self.cfg.pose_predictor.weights_path))
            encoder = {key.removeprefix("encoder."): value for key, value in state.items()}
            predictor.encoder.load_state_dict(encoder, strict=False)

    def track(
        self, stop: Event | None = None, *, progress: StartProgress | None = None
    ) -> RunSummary:
        """As :meth:`humantrack.PHALP.track`."""
        bridge = type(type(self).__name__, (Bridge,), {})  # results name the class that ran
        summary: RunSummary = bridge(self).track(stop, progress=progress)
        return summary


class HMR2_4dhuman(UpstreamTracker, genuine.PHALP):  # type: ignore[misc, name-defined]  # noqa: N801
    """4D-Humans' tracker: HMR2's bodies and texture in the genuine PHALP, padded boxes."""

    files: ClassVar[Mapping[str, str]] = PHALP_FILES | HMR2_FILES

    def setup_hmr(self) -> None:
        """HMAR for the codes, HMR2 for the bodies."""
        self.HMAR = _Hmr2Predictor(self.cfg, self.run_device)

    def get_detections(
        self,
        image: Any,
        frame_name: Any,
        t_: int,
        additional_data: Any = None,
        measurments: Any = None,
    ) -> tuple[Any, ...]:
        """The genuine detections, and their boxes grown to ``expand_bbox_shape``."""
        boxes, _, *rest = super().get_detections(
            image, frame_name, t_, additional_data, measurments
        )
        grown = genuine.expand_boxes(boxes, self.cfg.expand_bbox_shape)
        return boxes, grown, *rest


class _Hmr2Predictor(genuine.HMR2018Predictor):  # type: ignore[misc, name-defined]
    """What PHALP calls HMAR, with HMR2's bodies; textures by our sampler, which needs no CUDA."""

    def __init__(self, cfg: Any, device: str) -> None:
        super().__init__(cfg)
        self.model = load_hmr2(cfg)
        files = Path(cfg.hmr.barycentric), Path(cfg.hmr.face_of_texel)
        faces = np.asarray(self.smpl.faces, np.int64)
        self.sampler = TextureSampler.from_files(*files, faces, device=device)

    def forward(self, x: Any) -> dict[str, Any]:
        """(N,4,256,256) crops with mask -> PHALP's names for texture, body and camera."""
        out = self.model({"img": x[:, :3], "mask": x[:, 3].clip(0, 1)})
        image = self.sampler.sample(out["pred_vertices"], out["pred_cam_t"], x)
        return {
            "uv_image": image,
            "uv_vector": self.hmar_old.process_uv_image(image),
            "pose_smpl": out["pred_smpl_params"],
            "pred_cam": out["pred_cam"],
        }


def load_hmr2(cfg: Any) -> Any:
    """The genuine HMR2 with the weights of ``hmr.checkpoint``, without its OpenGL renderers."""
    return _network_and_settings(cfg, Path(cfg.hmr.checkpoint))[0]


def _loader(own: Any) -> Any:
    """In place of ``hmr2.models.load_hmr2``, whose own looks for SMPL at a place of its own."""

    def load(checkpoint_path: Any = None, **_: Any) -> tuple[Any, Any]:
        told = own.hmr.get("checkpoint")
        asked = Path(checkpoint_path) if checkpoint_path is not None else None
        word = told if told in CHECKPOINTS else None  # hmr2a, hmr2b
        path = Path(told) if told and not word else asked if asked and asked.is_file() else None
        path = path or find(CATALOG[CHECKPOINTS[word or "hmr2b"]])
        if path is None:
            raise MissingWeightsError(
                "tracker=upstream misses HMR2's checkpoint",
                where="epoch=35-step=1000000.ckpt",
                hint="humantrack-weights list says where to get it",
            )
        return _network_and_settings(own, path)

    return load


def _network_and_settings(cfg: Any, checkpoint: Path) -> tuple[Any, Any]:
    from hmr2.configs import get_config
    from hmr2.models import HMR2

    settings = get_config(str(checkpoint.parents[1] / "model_config.yaml"), update_cachedir=True)
    settings.defrost()
    settings.SMPL.MODEL_PATH = cfg.SMPL.MODEL_PATH
    settings.SMPL.JOINT_REGRESSOR_EXTRA = cfg.SMPL.JOINT_REGRESSOR_EXTRA
    settings.SMPL.MEAN_PARAMS = cfg.MODEL.SMPL_HEAD.SMPL_MEAN_PARAMS
    settings.MODEL.BACKBONE.pop("PRETRAINED_WEIGHTS", None)  # the checkpoint has them
    settings.MODEL.setdefault("BBOX_SHAPE", [192, 256])
    settings.freeze()
    network = HMR2(settings, init_renderer=False)
    network.load_state_dict(read_state_dict(checkpoint), strict=False)
    return network.eval(), settings


def genuine_config(cfg: Any, device: str, files: Mapping[str, str]) -> DictConfig:
    """The genuine configuration, our values over it, and the official files where they lie.

    Raises:
        MissingWeightsError: naming all of ``files`` that are missing.
    """
    ours: Any = OmegaConf.to_container(cfg, resolve=True)
    theirs: Any = OmegaConf.to_container(OmegaConf.structured(genuine.FullConfig))
    theirs.pop("hydra", None)
    own = OmegaConf.create(_over(theirs, ours))
    missing = []
    for key, name in files.items():
        path = OmegaConf.select(cfg, key)
        if path is None or path in CHECKPOINTS:
            path = find(CATALOG[CHECKPOINTS.get(path, name)])
        if path is None:
            missing.append(name)
        OmegaConf.update(own, key, str(path))
    if missing:
        raise MissingWeightsError(
            f"tracker=upstream misses {len(missing)} of {len(files)} files",
            where=", ".join(missing),
            hint=f"`humantrack-weights list` says where to get each and where to put it "
            f"({cache_root()})",
        )
    own.device = device
    own.phalp.n_init = n_init(cfg)
    return own


def _over(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``below`` with what ``above`` sets; None sets nothing."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), dict):
            merged[key] = _over(merged[key], value)
        elif value is not None or key not in merged:
            merged[key] = value
    return merged


def tracker_class(name: str | None) -> type[Any]:
    """The class of ``upstream.class_``, made ours; None stands for :class:`HMR2_4dhuman`.

    Raises:
        ConfigError: if there is no such class, or it is not a subclass of the genuine PHALP.
        DependencyError: if its module needs a package that is missing.
    """
    if name is None:
        return HMR2_4dhuman
    module, _, leaf = name.rpartition(".")
    where, here = f"upstream.class_={name}", str(Path.cwd())
    if here not in sys.path:  # a console script does not look there, python -m does
        sys.path.insert(0, here)
    try:
        with kept_store():
            found = getattr(importlib.import_module(module), leaf)
    except ModuleNotFoundError as error:
        if f"{module}.".startswith(f"{error.name}."):
            raise ConfigError(
                "no such module", where=where, hint="write it as package.module.Class"
            ) from error
        raise DependencyError(
            f"{module} needs a package that is missing", where=error.name, hint=INSTALL
        ) from error
    except (AttributeError, ValueError) as error:
        raise ConfigError(
            "no such class", where=where, hint="write it as package.module.Class"
        ) from error
    if not isinstance(found, type):
        raise ConfigError("not a class", where=where)
    return UpstreamTracker.from_class(found)


def _but_for_backbone() -> Any:
    """PHALP fetches an ImageNet ResNet-50 only to put HMAR's weights over it."""
    load_url = vars(model_zoo)["load_url"]

    def load(url: str, *args: Any, **options: Any) -> Any:
        return {} if "resnet50" in url else load_url(url, *args, **options)

    return load


def _on_device(get_cfg: Any, device: str) -> Any:
    """detectron2's ``get_cfg`` with another default device."""

    def changed() -> Any:
        cfg = get_cfg()
        cfg.MODEL.DEVICE = device
        return cfg

    return changed


def _nothing(*_: Any, **__: Any) -> None:
    """In place of what fetches files, makes folders, or loads what nobody needs."""
