"""The official model files: what they are for, where they lie, where they come from.

The caches of 4D-Humans and PHALP (``~/.cache/4DHumans`` and ``~/.cache/phalp``) are used as they
are, so that files are shared with the genuine packages; ``HUMANTRACK_CACHE`` names another folder
in place of ``~/.cache``. The addresses are those of PHALP's ``trackers/PHALP.py``, 4D-Humans'
``models/__init__.py`` and README, detectron2's ``model_zoo.py`` and torchvision's ``mask_rcnn.py``;
HMR2's archives have moved from Berkeley to where PHALP's files are, under the same names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from humantrack.errors import ConfigError, MissingWeightsError

_PHALP = "https://www.cs.utexas.edu/~pavlakos/phalp"
_HMR2 = "https://www.cs.utexas.edu/~pavlakos/4dhumans"
_HMR2_BEFORE = "https://people.eecs.berkeley.edu/~jathushan/projects/4dhumans"
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
    """What it is part of: hmr2, hmr2a, phalp or detector."""

    purpose: str
    """What it holds, in a few words."""

    places: tuple[str, ...]
    """Where it may lie, below the cache; the first is where it is put. ``~/`` = the home folder."""

    licence: str

    url: str | None = None
    """Where it is fetched from; None: from an archive, or only after registration."""

    more_urls: tuple[str, ...] = ()
    """Where else it may be had; tried in this order, after ``url``."""

    archive: str | None = None
    """Name of the archive that brings it."""

    inside: tuple[str, ...] = ()
    """Its name in that archive, as patterns; a later one counts if no earlier one does."""

    holds: str = ""
    """What makes it usable: see :mod:`humantrack.weights.usable`; "" is not looked at."""

    everywhere: bool = False
    """Whether it is put in every place (of the cache), since others look in one alone."""

    register_at: str | None = None
    """Where to register for it; such files are never fetched."""

    aliases: tuple[str, ...] = ()
    """Other names it goes by when it is handed over."""

    size: int | None = None
    """Bytes, if known."""

    sha256: str | None = None
    """Known hash; None: what is seen first is noted beside the file and trusted from then on."""

    @property
    def urls(self) -> tuple[str, ...]:
        """All addresses, in the order they are tried."""
        return (self.url, *self.more_urls) if self.url else ()

    @property
    def is_archive(self) -> bool:
        """Whether it is unpacked where it lies."""
        return self.name.endswith((".tar.gz", ".tgz", ".zip"))


def _phalp(
    name: str, folder: str, purpose: str, remote: str, *more: str, holds: str = ""
) -> ModelFile:
    places = (f"phalp/{folder}/{name}", *more)
    return ModelFile(
        name=name,
        group="phalp",
        purpose=purpose,
        places=places,
        licence=_MIT,
        url=f"{_PHALP}/{remote}",
        aliases=(remote.rsplit("/", 1)[-1],) if not remote.endswith(name) else (),
        holds=holds,
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
        holds="pickle",
    )


def _hmr2(
    *, group: str, archive: str, run: str, weights: str, config: str, aliases: tuple[str, ...]
) -> tuple[ModelFile, ...]:
    """An archive of HMR2 and what it brings."""
    own, licence = f"4DHumans/{run}", _MIT
    title = "HMR2.0a" if group == "hmr2a" else "HMR2.0b"
    return (
        ModelFile(
            name=archive,
            group=group,
            purpose=f"{title}: checkpoint and configuration",
            places=(f"4DHumans/{archive}",),
            licence=licence,
            url=f"{_HMR2}/{archive}",
            more_urls=(f"{_HMR2_BEFORE}/{archive}",),
        ),
        ModelFile(
            name=weights,
            group=group,
            purpose=f"{title}: weights",
            places=(f"{own}/checkpoints/{weights}",),
            licence=licence,
            archive=archive,
            inside=(weights, *aliases, "*.ckpt"),
            aliases=aliases,
            holds="backbone.pos_embed, smpl_head.decpose.weight",
        ),
        ModelFile(
            name=config,
            group=group,
            purpose=f"{title}: configuration",
            places=(f"{own}/model_config.yaml",),
            licence=licence,
            archive=archive,
            inside=("model_config.yaml",),
            holds="yaml",
        ),
    )


FILES: tuple[ModelFile, ...] = (
    *_hmr2(
        group="hmr2",
        archive="hmr2_data.tar.gz",
        run="logs/train/multiruns/hmr2/0",
        weights="epoch=35-step=1000000.ckpt",
        config="model_config.yaml",
        aliases=("hmr2.ckpt",),
    ),
    *_hmr2(
        group="hmr2a",
        archive="hmr2a_model.tar.gz",
        run="hmr2a",
        weights="hmr2a.ckpt",
        config="hmr2a_config.yaml",
        aliases=("epoch=10-step=25000.ckpt",),  # its name where it is handed on for features
    ),
    ModelFile(
        name="SMPL_NEUTRAL.pkl",
        group="hmr2",
        purpose="the SMPL body model",
        places=("phalp/3D/models/smpl/SMPL_NEUTRAL.pkl", "4DHumans/data/smpl/SMPL_NEUTRAL.pkl"),
        licence=_SMPL,
        register_at="https://smplify.is.tue.mpg.de",
        aliases=(
            "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl",
            "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl",
            "SMPL_NEUTRAL.npz",
        ),
        holds="smpl",
        everywhere=True,
    ),
    _phalp(
        "SMPL_to_J19.pkl",
        "3D",
        "SMPL: 19 more joints",
        "3D/SMPL_to_J19.pkl",
        "4DHumans/data/SMPL_to_J19.pkl",
        holds="regressor",
    ),
    _phalp(
        "smpl_mean_params.npz",
        "3D",
        "SMPL: mean pose and shape",
        "3D/smpl_mean_params.npz",
        "4DHumans/data/smpl_mean_params.npz",
        holds="npz: pose, shape, cam",
    ),
    _phalp("texture.npz", "3D", "SMPL: texture coordinates", "3D/texture.npz", holds="npz: ft, vt"),
    _phalp("bmap_256.npy", "3D", "UV map: barycentric coordinates", "bmap_256.npy", holds="npy"),
    _phalp("fmap_256.npy", "3D", "UV map: faces", "fmap_256.npy", holds="npy"),
    _phalp("head_faces.npy", "3D", "SMPL: faces of the head", "3D/head_faces.npy", holds="npy"),
    _phalp(
        "mean_std.npy", "3D", "pose predictor: mean and deviation", "3D/mean_std.npy", holds="npy"
    ),
    _phalp(
        "hmar_v2_weights.pth",
        "weights",
        "HMAR: weights",
        "weights/hmar_v2_weights.pth",
        holds="encoding_head.conv1x.weight",
    ),
    _phalp(
        "pose_predictor.pth",
        "weights",
        "pose predictor: weights",
        "weights/pose_predictor_40006.ckpt",
        holds="class_token, mask_token",
    ),
    _phalp(
        "pose_predictor.yaml",
        "weights",
        "pose predictor: configuration",
        "weights/config_40006.yaml",
        holds="yaml",
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
        holds="backbone.body.conv1.weight",
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
CHECKPOINTS = {"hmr2a": "hmr2a.ckpt", "hmr2b": "epoch=35-step=1000000.ckpt"}
"""Words that ``hmr.checkpoint`` takes in place of a path, and the files they mean."""

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
        urls = " or ".join((CATALOG[file.archive] if file.archive else file).urls)
        hint = f"run: humantrack-weights fetch {file.name} (or get {urls} and put it there)"
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
