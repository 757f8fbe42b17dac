"""The official model files: what they are for, where they lie, where they come from.

The caches of 4D-Humans and PHALP (``~/.cache/4DHumans`` and ``~/.cache/phalp``) are used as they
are, so that files are shared with the genuine packages; ``HUMANTRACK_CACHE`` names another folder
in place of ``~/.cache``. The addresses are those of PHALP's ``trackers/PHALP.py``, 4D-Humans'
``models/__init__.py``, detectron2's ``model_zoo.py`` and torchvision's ``mask_rcnn.py``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from humantrack.errors import ConfigError, MissingWeightsError

_PHALP = "https://www.cs.utexas.edu/~pavlakos/phalp"
_DETECTRON2 = "https://dl.fbaipublicfiles.com/detectron2"
_MIT = "MIT (4D-Humans and PHALP)"
_APACHE = "Apache-2.0 (detectron2)"
_BSD = "BSD-3-Clause (torchvision)"
_SMPL = "SMPL's own: research only, registration needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One official file."""

    name: str
    """Its name in the cache, and in commands."""

    group: str
    """What it is part of: hmr2, phalp or detector."""

    purpose: str
    """What it holds, in a few words."""

    places: tuple[str, ...]
    """Where it may lie, below the cache; the first is where it is put. ``~/`` = the home folder."""

    licence: str

    url: str | None = None
    """Where it is fetched from; None: from an archive, or only after registration."""

    archive: str | None = None
    """Name of the archive that brings it."""

    register_at: str | None = None
    """Where to register for it; such files are never fetched."""

    aliases: tuple[str, ...] = ()
    """Other names it goes by when it is handed over."""

    size: int | None = None
    """Bytes, if known."""

    sha256: str | None = None
    """Known hash; None: what is seen first is noted beside the file and trusted from then on."""

    @property
    def is_archive(self) -> bool:
        """Whether it is unpacked where it lies."""
        return self.name.endswith((".tar.gz", ".tgz", ".zip"))


def _phalp(name: str, folder: str, purpose: str, remote: str, *more: str) -> ModelFile:
    places = (f"phalp/{folder}/{name}", *more)
    return ModelFile(
        name=name,
        group="phalp",
        purpose=purpose,
        places=places,
        licence=_MIT,
        url=f"{_PHALP}/{remote}",
        aliases=(remote.rsplit("/", 1)[-1],) if not remote.endswith(name) else (),
    )


def _detector(name: str, purpose: str, remote: str) -> ModelFile:
    return ModelFile(
        name=name,
        group="detector",
        purpose=purpose,
        places=(f"detectron2/{name}", f"~/.torch/iopath_cache/detectron2/{remote}"),
        licence=_APACHE,
        url=f"{_DETECTRON2}/{remote}",
        aliases=(remote.rsplit("/", 1)[-1],),
    )


_HMR2_RUN = "4DHumans/logs/train/multiruns/hmr2/0"
_HMR2_ARCHIVE = "hmr2_data.tar.gz"

FILES: tuple[ModelFile, ...] = (
    ModelFile(
        name=_HMR2_ARCHIVE,
        group="hmr2",
        purpose="HMR2.0b: checkpoint and configuration",
        places=(f"4DHumans/{_HMR2_ARCHIVE}",),
        licence=_MIT,
        url=f"https://people.eecs.berkeley.edu/~jathushan/projects/4dhumans/{_HMR2_ARCHIVE}",
    ),
    ModelFile(
        name="epoch=35-step=1000000.ckpt",
        group="hmr2",
        purpose="HMR2.0b: weights",
        places=(f"{_HMR2_RUN}/checkpoints/epoch=35-step=1000000.ckpt",),
        licence=_MIT,
        archive=_HMR2_ARCHIVE,
        aliases=("hmr2.ckpt",),
    ),
    ModelFile(
        name="model_config.yaml",
        group="hmr2",
        purpose="HMR2.0b: configuration",
        places=(f"{_HMR2_RUN}/model_config.yaml",),
        licence=_MIT,
        archive=_HMR2_ARCHIVE,
    ),
    ModelFile(
        name="SMPL_NEUTRAL.pkl",
        group="hmr2",
        purpose="the SMPL body model",
        places=("phalp/3D/models/smpl/SMPL_NEUTRAL.pkl", "4DHumans/data/smpl/SMPL_NEUTRAL.pkl"),
        licence=_SMPL,
        register_at="https://smplify.is.tue.mpg.de",
        aliases=("basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", "SMPL_NEUTRAL.npz"),
    ),
    _phalp(
        "SMPL_to_J19.pkl",
        "3D",
        "SMPL: 19 more joints",
        "3D/SMPL_to_J19.pkl",
        "4DHumans/data/SMPL_to_J19.pkl",
    ),
    _phalp(
        "smpl_mean_params.npz",
        "3D",
        "SMPL: mean pose and shape",
        "3D/smpl_mean_params.npz",
        "4DHumans/data/smpl_mean_params.npz",
    ),
    _phalp("texture.npz", "3D", "SMPL: texture coordinates", "3D/texture.npz"),
    _phalp("bmap_256.npy", "3D", "UV map: barycentric coordinates", "bmap_256.npy"),
    _phalp("fmap_256.npy", "3D", "UV map: faces", "fmap_256.npy"),
    _phalp("head_faces.npy", "3D", "SMPL: faces of the head", "3D/head_faces.npy"),
    _phalp("mean_std.npy", "3D", "pose predictor: mean and deviation", "3D/mean_std.npy"),
    _phalp("hmar_v2_weights.pth", "weights", "HMAR: weights", "weights/hmar_v2_weights.pth"),
    _phalp(
        "pose_predictor.pth",
        "weights",
        "pose predictor: weights",
        "weights/pose_predictor_40006.ckpt",
    ),
    _phalp(
        "pose_predictor.yaml",
        "weights",
        "pose predictor: configuration",
        "weights/config_40006.yaml",
    ),
    _phalp("ava_labels.pkl", "ava", "names of actions", "ava/ava_labels.pkl"),
    _phalp("ava_class_mapping.pkl", "ava", "classes of actions", "ava/ava_class_mappping.pkl"),
    _detector(
        "cascade_mask_rcnn_vitdet_h.pkl",
        "detector=vitdet",
        "ViTDet/COCO/cascade_mask_rcnn_vitdet_h/f328730692/model_final_f05665.pkl",
    ),
    ModelFile(
        name="maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",
        group="detector",
        purpose="detector=maskrcnn",
        places=("torch/hub/checkpoints/maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",),
        licence=_BSD,
        url="https://download.pytorch.org/models/maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",
    ),
    _detector(
        "mask_rcnn_regnety_4gf.pkl",
        "PHALP's own detector=maskrcnn",
        "new_baselines/mask_rcnn_regnety_4gf_dds_FPN_400ep_LSJ/42045954/model_final_ef3a80.pkl",
    ),
    _detector(
        "mask_rcnn_X_101_32x8d_FPN.pkl",
        "masks for given boxes",
        "COCO-InstanceSegmentation/mask_rcnn_X_101_32x8d_FPN_3x/139653917/model_final_2d9806.pkl",
    ),
)

CATALOG: dict[str, ModelFile] = {file.name: file for file in FILES}
GROUPS: tuple[str, ...] = tuple(dict.fromkeys(file.group for file in FILES))


def cache_root() -> Path:
    """The folder that the caches lie in: ``$HUMANTRACK_CACHE`` or ``~/.cache``."""
    override = os.environ.get("HUMANTRACK_CACHE")
    return Path(override).expanduser() if override else _home() / ".cache"


def home_of(file: ModelFile, root: Path | None = None) -> Path:
    """Where a file is put."""
    return (root or cache_root()) / file.places[0]


def find(file: ModelFile, root: Path | None = None) -> Path | None:
    """Where a file lies, or None. Folders outside the cache count only for the usual cache."""
    usual = root is None and not os.environ.get("HUMANTRACK_CACHE")
    root = root or cache_root()
    for place in file.places:
        if place.startswith("~/") and not usual:
            continue
        path = _home() / place[2:] if place.startswith("~/") else root / place
        with suppress(PermissionError):  # another user's home, as containers have it
            if path.is_file():
                return path
    return None


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without one: a place where nothing is found
        return Path("/nonexistent")


def locate(name: str, root: Path | None = None) -> Path:
    """Where the file of this name lies.

    Raises:
        ConfigError: if the catalogue does not know the name.
        MissingWeightsError: if it is not there, with where to get it and where to put it.
    """
    file = by_name(name)
    path = find(file, root)
    if path is None:
        raise missing(file, root)
    return path


def missing(file: ModelFile, root: Path | None = None) -> MissingWeightsError:
    """The error for a file that is not there."""
    path = home_of(file, root)
    if file.register_at:
        hint = (
            f"register at {file.register_at}, download the neutral model and hand it over with: "
            f"humantrack-weights import {file.aliases[0]}"
        )
    else:
        source = CATALOG[file.archive].url if file.archive else file.url
        hint = f"run: humantrack-weights fetch {file.name} (or get {source} and put it there)"
    return MissingWeightsError(f"{file.name} ({file.purpose}) is missing", where=path, hint=hint)


def by_name(name: str) -> ModelFile:
    """The file of a name or alias.

    Raises:
        ConfigError: if there is none.
    """
    for file in FILES:
        if name == file.name or name in file.aliases:
            return file
    raise ConfigError("no such model file", where=name, hint="humantrack-weights list names them")


def select(names: Iterable[str]) -> list[ModelFile]:
    """The files of names, aliases and groups, in the catalogue's order; "all" is every one.

    Raises:
        ConfigError: for an unknown name.
    """
    chosen: set[str] = set()
    for name in names:
        if name == "all":
            chosen.update(CATALOG)
        elif name in GROUPS:
            chosen.update(file.name for file in FILES if file.group == name)
        else:
            chosen.add(by_name(name).name)
    return [file for file in FILES if file.name in chosen]
