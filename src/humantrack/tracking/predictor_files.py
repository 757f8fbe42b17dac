"""Reads the pose predictor's yaml and mean_std.npy, believing neither: nothing in them is run."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from humantrack.errors import MissingWeightsError, WeightsError
from humantrack.tracking.predictor_network import POSE_SIZE, PredictorSizes
from humantrack.types.arrays import FloatArray
from humantrack.weights import safe_pickle


class _InertLoader(yaml.SafeLoader):  # type: ignore[misc]
    """Takes a node with an unknown tag, such as a python object's, for what it looks like."""


def _untagged(loader: _InertLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


_InertLoader.add_constructor(None, _untagged)

_YAML_ERRORS = (
    *(yaml.YAMLError, ValueError, KeyError, IndexError, AttributeError, TypeError),
    *(RecursionError, OverflowError),
)
"""What a damaged yaml file can raise while it is read."""


def read_sizes(path: Path) -> PredictorSizes:
    """The network's sizes from the ``configs`` of its yaml file.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: not yaml, a size is missing or invalid, or it is of a network that
            takes in more than pose vectors.
    """
    content = _read(path)
    try:
        tree = yaml.load(content, Loader=_InertLoader)  # noqa: S506 - a SafeLoader
    except _YAML_ERRORS as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"not a yaml file that can be read ({reason})", where=path) from error
    keys = _Keys(tree, path)
    wanted = (
        ("mask_type_test", "zero"),
        ("extra_feat.pose_shape.dim", POSE_SIZE),
        ("extra_feat.pose_shape.en_dim", keys.count("in_feat")),
    )
    for name, value in wanted:
        if keys.get(name) != value:
            raise keys.wrong(name, f"must be {value!r}")
    classes = "num_valid_action_classes" if keys.get("ava.predict_valid") else "num_action_classes"
    sizes = PredictorSizes(
        dim=keys.count("in_feat"),
        frame_length=keys.count("frame_length"),
        depth=keys.count("transformer.depth"),
        heads=keys.count("transformer.heads"),
        dim_head=keys.count("transformer.dim_head"),
        mlp_dim=keys.count("transformer.mlp_dim"),
        mid_dim=keys.count("extra_feat.pose_shape.mid_dim"),
        conv_pad=keys.count("transformer.conv.pad", least=0),
        conv_stride=keys.count("transformer.conv.stride"),
        action_classes=keys.count(f"ava.{classes}"),
        readouts=keys.count("num_smpl_heads"),
    )
    if sizes.frame_length % sizes.conv_stride:
        raise keys.wrong("frame_length", "must be a multiple of transformer.conv.stride")
    return sizes


class _Keys:
    """The sub-tree ``configs`` of a yaml file, by dotted names."""

    def __init__(self, tree: Any, path: Path) -> None:
        self._tree, self._path = tree, path

    def get(self, name: str) -> Any:
        node = self._tree
        for part in f"configs.{name}".split("."):
            if not isinstance(node, Mapping) or part not in node:
                hint = "it is the configuration of something else"
                raise WeightsError(f"no entry configs.{name}", where=self._path, hint=hint)
            node = node[part]
        return node

    def count(self, name: str, *, least: int = 1) -> int:
        value = self.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.wrong(name, f"must be a whole number from {least} on")
        return value

    def wrong(self, name: str, rule: str) -> WeightsError:
        value = self.get(name)
        return WeightsError(f"configs.{name}={value!r} {rule}", where=self._path)


def read_mean_std(path: Path) -> tuple[FloatArray, FloatArray]:
    """Mean (229,) and deviation (229,) of pose vectors; what the file does not cover is 0 and 1.

    The file may be a plain array (2,1,d), an array of two array objects, or a pickle of two arrays.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: it holds anything else, or asks to run code.
    """
    content = _read(path)
    try:
        mean, std = (np.asarray(part, np.float64).reshape(-1) for part in _arrays(content))
    except safe_pickle.PICKLE_ERRORS as error:
        raise WeightsError(f"not a mean and a deviation ({error})", where=path) from error
    if not 0 < len(mean) == len(std) <= POSE_SIZE or not np.isfinite([mean, std]).all():
        shapes = f"{len(mean)} and {len(std)} numbers"
        raise WeightsError(f"not a mean and a deviation of poses ({shapes})", where=path)
    missing = (0, POSE_SIZE - len(mean))
    return np.pad(mean, missing), np.pad(std, missing, constant_values=1)


def _arrays(content: bytes) -> Any:
    """What ``np.load`` would give, but unpickled by names that resolve to harmless things only."""
    file = io.BytesIO(content)
    if not content.startswith(np.lib.format.MAGIC_PREFIX):
        return safe_pickle.load(file, encoding="latin1")
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an npy file of version {version}")
    by_version = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    _, _, dtype = by_version[version](file)
    if dtype.hasobject:
        return safe_pickle.load(file, encoding="latin1")
    return np.load(io.BytesIO(content), allow_pickle=False)


def _read(path: Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        hint = "see humantrack-weights list"
        raise MissingWeightsError("no such model file", where=path, hint=hint) from None
    except OSError as error:
        raise WeightsError(f"the file cannot be read ({error.strerror})", where=path) from error
