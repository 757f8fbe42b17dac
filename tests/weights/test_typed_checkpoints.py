"""Checkpoints as they are: typed configurations, modules pickled whole, old forms, bare pickles."""

import enum
import functools
import operator
import os
import pickle
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from humantrack.errors import WeightsError
from humantrack.weights import safe_pickle
from humantrack.weights.checkpoint import read_checkpoint
from humantrack.weights.inert import Inert
from humantrack.weights.prefix import read_tensors


class Norm(enum.Enum):
    """A member of an enum is pickled in a different way by every version of Python."""

    LAYER = "layer"


@dataclass
class Sizes:
    """Fields of every kind that typed configurations have."""

    window: Optional[tuple[int]] = (7,)  # noqa: UP045 - the old spelling is the point
    ratio: Union[int, float] = 4  # noqa: UP007
    new_union: int | None = None
    nested: dict[str, list[Optional[int]]] = field(default_factory=dict)  # noqa: UP045
    old: typing.Dict[str, typing.List[typing.Tuple[int, ...]]] = field(  # noqa: UP006
        default_factory=dict
    )
    norm: Norm = Norm.LAYER
    anything: Any = None
    folder: Path = Path("/data")


@dataclass
class Config:
    """Configurations in configurations."""

    sizes: Sizes = field(default_factory=Sizes)
    more: list[Sizes] = field(default_factory=lambda: [Sizes()])
    by_name: dict[str, Sizes] = field(default_factory=lambda: {"a": Sizes()})


ANNOTATIONS = [
    Union[int, str],  # noqa: UP007
    Optional[tuple[int]],  # noqa: UP045
    typing.Tuple[int, ...],  # noqa: UP006
    typing.Dict[str, typing.List[Optional[int]]],  # noqa: UP006, UP045
    Callable[[int], str],
    list[int],
    int | str,
    int | None,
    type(None),
    ...,
]


@pytest.mark.parametrize("zipped", [True, False])
def test_typed_configurations(tmp_path, zipped):
    path = tmp_path / "model.ckpt"
    content = {
        "state_dict": {"a.weight": torch.ones(2)},
        "hyper_parameters": {"cfg": OmegaConf.structured(Config), "types": ANNOTATIONS},
        "untyped": OmegaConf.create({"a": [1, {"b": "${a}"}]}),
    }
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    assert list(read_tensors(path)) == ["state_dict.a.weight"]
    config = read_checkpoint(path)["hyper_parameters"]["cfg"]
    assert isinstance(config, Inert)
    assert config.name == "DictConfig"


class Block(nn.Module):
    """A module with what modules keep beside their weights."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 3)
        self.layers = nn.ModuleList([nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))])
        self.spectral = nn.utils.spectral_norm(nn.Linear(2, 2))
        self.register_buffer("kept", torch.ones(2))
        self.register_buffer("passing", torch.zeros(2), persistent=False)
        self.act, self.limit = torch.nn.functional.gelu, functools.partial(max, 1)
        self.method, self.kind = self.helper, torch.float32
        self.fc.weight.no_decay = True  # transformers hang such marks on their weights
        self.kept.note = "text"
        self.note = torch.ones(1)
        self.again = self.fc

    def helper(self):
        """Bound methods are pickled by ``getattr``."""


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", [None, "model"])
def test_a_module_pickled_whole_is_its_state_dict(tmp_path, zipped, place):
    path, block = tmp_path / "model.pt", Block()
    content = block if place is None else {place: block, "epoch": 3}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    got, want = read_tensors(path), block.state_dict()
    before = "" if place is None else f"{place}."
    assert list(got) == [before + key for key in want]
    assert all(torch.equal(got[before + key], value) for key, value in want.items())


@pytest.mark.parametrize("protocol", range(2, 6))
def test_bare_pickles_of_tensors_and_arrays(tmp_path, protocol):
    path = tmp_path / "model.pkl"
    content = {"model": {"a": torch.arange(6.0).view(2, 3), "b": np.arange(4, dtype=np.int64)}}
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    got = read_tensors(path)
    assert torch.equal(got["model.a"], content["model"]["a"])
    assert torch.equal(got["model.b"], torch.arange(4))


def test_a_circle_and_a_tree_that_grows_without_end(tmp_path):
    content: dict[str, Any] = {"a": torch.ones(1)}
    content["self"] = content
    torch.save(content, tmp_path / "circle.pt")
    assert list(read_tensors(tmp_path / "circle.pt")) == ["a"]
    level: Any = [torch.ones(1)]
    for _ in range(28):
        level = [level] * 8
    torch.save(level, tmp_path / "bomb.pt")
    with pytest.raises(WeightsError, match="more than 1000000 entries"):
        read_tensors(tmp_path / "bomb.pt")


class Harm:
    def __init__(self, run, *args):
        self.run, self.args = run, args

    def __reduce__(self):
        return self.run, self.args


class Trap:
    """Would make a folder if anybody really looked something up in it."""

    touched: typing.ClassVar[list[str]] = []

    def __getitem__(self, key):
        Trap.touched.append(key)

    def __getattr__(self, name):
        if not name.startswith("__"):
            Trap.touched.append(name)
        raise AttributeError(name)

    def __or__(self, other):
        Trap.touched.append("or")


HOSTILE = [
    Harm(operator.getitem, [1, 2], 0),
    Harm(operator.getitem, {"a": 1}, "a"),
    Harm(operator.or_, {1}, {2}),
    Harm(getattr, "text", "upper"),
    Harm(getattr, np.ones(2), "tofile"),
    Harm(getattr, torch.ones(1), "numpy"),
    Harm(getattr, dict, "fromkeys"),
    Harm(getattr, 1, "real", None),
    Harm(type, 1),
    Harm(type, "Made", (), {}),
    Harm(operator.attrgetter, "system"),
    Harm(operator.methodcaller, "unlink"),
    Harm(operator.setitem, {}, 1, 2),
    Harm(os.system, "true"),
    Harm(eval, "1"),
    Harm(exec, "1"),
    Harm(setattr, "a", "b", 1),
    Harm(vars),
    Harm(globals),
]


@pytest.mark.parametrize("harm", HOSTILE, ids=lambda harm: f"{harm.run} {harm.args}"[:40])
@pytest.mark.parametrize("how", ["zip", "legacy", 0, 2, 4])
def test_what_is_answered_for_annotations_is_refused_for_all_else(tmp_path, harm, how):
    path = tmp_path / "model.ckpt"
    content = {"state_dict": {"a": torch.ones(1)}, "more": [harm]}
    if isinstance(how, int):
        path.write_bytes(pickle.dumps({"more": [harm]}, protocol=how))
        with pytest.raises(WeightsError, match="asks to run"):
            safe_pickle.load_file(path)
        return
    torch.save(content, path, _use_new_zipfile_serialization=how == "zip")
    with pytest.raises(WeightsError, match="asks to run"):
        read_checkpoint(path)


def test_nothing_is_looked_up_in_foreign_objects(tmp_path):
    trap, path = Trap(), tmp_path / "model.pkl"
    content = [
        Harm(operator.getitem, trap, 1),
        Harm(getattr, trap, "go"),
        Harm(operator.or_, trap, int),
    ]
    Trap.touched.clear()
    path.write_bytes(pickle.dumps(content, protocol=4))
    got = safe_pickle.load_file(path)
    assert isinstance(got[0], Inert)
    assert Trap.touched == []


def test_functions_are_not_changed(tmp_path):
    """A pickle may set attributes of what it has named; ours would outlive the load."""
    for name in (b"_codecs\nencode", b"copyreg\n_reconstructor", b"operator\ngetitem"):
        for state in (b"}(X\x01\x00\x00\x00aK\x01u", b"N}(X\x0c\x00\x00\x00__defaults__)u\x86"):
            path = tmp_path / "model.pkl"
            path.write_bytes(b"\x80\x02c" + name + b"\n" + state + b"b.")
            with pytest.raises(WeightsError, match="changes a function"):
                safe_pickle.load_file(path)


def test_a_torchscript_program_in_a_pickle_is_refused(tmp_path):
    """Tensors pickled without torch.save hold a torch file each, which must be of the old form."""
    path = tmp_path / "model.pkl"
    inner = b"PK\x03\x04" + bytes(40)
    path.write_bytes(
        b"\x80\x03ctorch.storage\n_load_from_bytes\nC" + bytes([len(inner)]) + inner + b"\x85R."
    )
    with pytest.raises(WeightsError, match="no torch file"):
        safe_pickle.load_file(path)
