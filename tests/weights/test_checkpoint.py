"""Checkpoints: right ones load, wrong ones are named, hostile ones run nothing."""

import collections
import os
import sys
import types
import zipfile

import pytest
import torch
from torch import nn

from humantrack.errors import MissingWeightsError, WeightsError
from humantrack.weights.checkpoint import load_strict, read_checkpoint, read_state_dict


@pytest.fixture
def state():
    generator = torch.Generator().manual_seed(0)
    return collections.OrderedDict(
        [
            ("a.weight", torch.randn(3, 4, generator=generator)),
            ("a.bias", torch.randn(3, generator=generator)),
            ("flag", torch.tensor(True)),
        ]
    )


@pytest.fixture
def foreign(monkeypatch):
    """A class of a package that is gone when the file is read."""
    module = types.ModuleType("yacs_like")
    kind = type("CfgNode", (dict,), {"__module__": "yacs_like"})
    module.CfgNode = kind
    monkeypatch.setitem(sys.modules, "yacs_like", module)
    return kind


def network():
    module = nn.Module()
    module.a = nn.Linear(4, 3)
    module.register_buffer("flag", torch.tensor(False))
    return module


@pytest.mark.parametrize("zipped", [True, False])
def test_a_lightning_file_with_foreign_objects(tmp_path, state, foreign, zipped, monkeypatch):
    path = tmp_path / "model.ckpt"
    config = foreign(SMPL=foreign(GENDER="neutral"))
    config.frozen = True
    content = {
        "state_dict": state,
        "hyper_parameters": {"cfg": config, "list": [torch.float16, torch.Size([2])]},
        "optimizer_states": [{"step": torch.tensor(3.0)}],
        "epoch": 35,
    }
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    monkeypatch.undo()
    got = read_state_dict(path)
    assert list(got) == list(state)
    assert all(torch.equal(got[key], state[key]) for key in state)
    everything = read_checkpoint(path)
    assert everything["epoch"] == 35
    assert everything["hyper_parameters"]["cfg"]["SMPL"] == {"GENDER": "neutral"}
    assert "yacs_like" not in sys.modules


def test_weights_under_another_entry_or_none(tmp_path, state):
    path = tmp_path / "model.pth"
    torch.save({"model": state}, path)
    assert set(read_state_dict(path, "model")) == set(state)
    with pytest.raises(WeightsError, match="no weights under 'state_dict'"):
        read_state_dict(path)
    torch.save(dict(state), path)
    assert set(read_state_dict(path, None)) == set(state)
    torch.save({"state_dict": {"a": 1}}, path)
    with pytest.raises(WeightsError, match="not tensors: a"):
        read_state_dict(path)
    torch.save({"state_dict": {}}, path)
    with pytest.raises(WeightsError, match="no weights"):
        read_state_dict(path)


def test_parameters_and_shared_storage(tmp_path):
    base = torch.arange(10.0)
    path = tmp_path / "model.pth"
    torch.save({"p": nn.Parameter(base[:4]), "view": base[2:8:2]}, path)
    got = read_state_dict(path, None)
    assert torch.equal(got["p"].detach(), base[:4])
    assert torch.equal(got["view"], torch.tensor([2.0, 4.0, 6.0]))


class Harm:
    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_would_run_something(tmp_path, state, zipped):
    target, path = tmp_path / "made", tmp_path / "model.ckpt"
    content = {"state_dict": state, "callbacks": [Harm(target)]}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match="asks to run") as caught:
        read_state_dict(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not target.exists()


def test_a_torchscript_program_is_refused(tmp_path):
    path = tmp_path / "model.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02N.")
        archive.writestr("model/constants.pkl", b"\x80\x02N.")
    with pytest.raises(WeightsError, match="TorchScript"):
        read_checkpoint(path)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_cut_short_files(tmp_path, zipped, share):
    path = tmp_path / "model.ckpt"
    content = {"state_dict": {"a": torch.randn(200, 200)}}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(WeightsError) as caught:
        read_state_dict(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"<!DOCTYPE html>\n<html>", b"\x80\x02}.", b"\x80\x05N.", b"PK\x05\x06"]
)
def test_files_that_are_no_checkpoint(tmp_path, data):
    path = tmp_path / "model.ckpt"
    path.write_bytes(data)
    with pytest.raises(WeightsError):
        read_state_dict(path)


def test_another_zip_file(tmp_path):
    path = tmp_path / "model.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "none")
    with pytest.raises(WeightsError, match="not a torch checkpoint"):
        read_state_dict(path)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(MissingWeightsError):
        read_state_dict(tmp_path / "none.ckpt")
    with pytest.raises(WeightsError):
        read_state_dict(tmp_path)


def test_loading_assigns(state):
    with torch.device("meta"):
        module = network()
    load_strict(module, state)
    assert torch.equal(module.a.weight, state["a.weight"])
    assert module.a.weight.data_ptr() == state["a.weight"].data_ptr()
    assert bool(module.flag)


def test_loading_keeps_the_modules_number_type(state):
    module = network()
    load_strict(
        module,
        {key: value.half() for key, value in state.items() if key != "flag"}
        | {"flag": state["flag"]},
    )
    assert module.a.weight.dtype == torch.float32


def test_every_mismatch_is_listed(state):
    state["odd.weight"] = torch.zeros(1)
    state["a.weight"] = torch.zeros(3, 5)
    del state["a.bias"]
    module = network()
    with pytest.raises(WeightsError) as caught:
        load_strict(module, state, where="model.ckpt")
    text = str(caught.value)
    assert "1 missing: a.bias" in text
    assert "1 unknown: odd.weight" in text
    assert "1 misshapen: a.weight (3, 5) instead of (3, 4)" in text
    assert "model.ckpt" in text
    assert not bool(module.flag)  # nothing was loaded


def test_long_lists_are_counted(state):
    for i in range(20):
        state[f"odd{i}"] = torch.zeros(1)
    with pytest.raises(WeightsError, match=r"20 unknown: odd0, .* and 12 more"):
        load_strict(network(), state)


def test_ignored_and_optional_keys(state):
    state["discriminator.weight"] = torch.zeros(1)
    del state["flag"]
    module = network()
    load_strict(module, state, ignore=("discriminator.",), optional=("flag",))
    assert torch.equal(module.a.bias, state["a.bias"])
    assert not bool(module.flag)
