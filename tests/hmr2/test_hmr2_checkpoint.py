"""Loading HMR2 from files made like the official one."""

import logging
import os
import sys
import types

import pytest
import torch
from golden_rule import hmr2_images

from humantrack.errors import WeightsError
from humantrack.hmr2.network import load_hmr2


@pytest.fixture
def lightning(tmp_path, monkeypatch, tiny_state):
    """Writes a Lightning-like checkpoint with an object of a class that nobody can import."""
    path = tmp_path / "epoch=35-step=1000000.ckpt"

    def write(state=tiny_state, **more):
        module = types.ModuleType("yacs_like")
        module.CfgNode = type("CfgNode", (dict,), {"__module__": "yacs_like"})
        monkeypatch.setitem(sys.modules, "yacs_like", module)
        content = {"state_dict": state, "hyper_parameters": {"cfg": module.CfgNode(a=1)}, **more}
        torch.save(content, path)
        monkeypatch.delitem(sys.modules, "yacs_like")
        return path

    return write


@pytest.fixture
def load(make_smpl, tiny_sizes):
    return lambda path: load_hmr2(path, make_smpl(), **tiny_sizes)


def test_a_whole_checkpoint(lightning, tiny_state, tiny, load):
    """With the body, the flag and the discriminator in it, as the official file has them."""
    state = tiny_state | {k: v for k, v in tiny.state_dict().items() if k not in tiny_state}
    network = load(lightning(state))
    images = torch.from_numpy(hmr2_images())
    with torch.inference_mode():
        got, want = network(images), tiny(images)
    assert torch.equal(got.vertices, want.vertices)
    assert torch.equal(got.keypoints_2d, want.keypoints_2d)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(tensor.is_meta for tensor in network.state_dict().values())


def test_without_a_body_in_the_checkpoint(lightning, tiny, load):
    network = load(lightning())
    images = torch.from_numpy(hmr2_images())
    with torch.inference_mode():
        assert torch.equal(network(images).vertices, tiny(images).vertices)


def test_another_body_in_the_checkpoint_is_used_and_said(lightning, tiny, tiny_state, load, caplog):
    body = {k: v for k, v in tiny.state_dict().items() if k.startswith("smpl.")}
    body["smpl.v_template"] = body["smpl.v_template"] + 0.5
    with caplog.at_level(logging.WARNING):
        network = load(lightning(tiny_state | body))
    assert "differs by 0.5 m" in caplog.text
    assert torch.equal(network.smpl.v_template, body["smpl.v_template"])


def test_a_checkpoint_of_another_size_is_refused(lightning, make_smpl):
    with pytest.raises(WeightsError, match=r"misshapen: backbone\.pos_embed") as caught:
        load_hmr2(lightning(), make_smpl())
    assert "missing: backbone.blocks.2" in str(caught.value)


@pytest.mark.parametrize("prefix", ["", "model.", "ema.", "module.", "_orig_mod."])
def test_prefixes_that_others_put_before_the_keys(tmp_path, tiny_state, tiny, load, prefix):
    path, want = tmp_path / "hmr2.ckpt", tiny.state_dict()
    state = {f"{prefix}{key}": value for key, value in tiny_state.items()}
    for content in (state, {"state_dict": state, "epoch": 1}, {"model": state}):
        torch.save(content, path)
        got = load(path).state_dict()
        loaded = [key for key in tiny_state if not key.startswith("discriminator.")]
        assert all(torch.equal(got[key], want[key]) for key in loaded)


def test_missing_and_unknown_keys_are_refused(lightning, tiny_state, load):
    state = dict(tiny_state)
    state["backbone.blocks.0.attn.odd"] = state.pop("backbone.last_norm.bias")
    with pytest.raises(WeightsError) as caught:
        load(lightning(state))
    assert "1 missing: backbone.last_norm.bias" in str(caught.value)
    assert "1 unknown: backbone.blocks.0.attn.odd" in str(caught.value)


class Harm:
    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


def test_a_checkpoint_that_would_run_something(tmp_path, lightning, load):
    target = tmp_path / "made"
    with pytest.raises(WeightsError, match="asks to run"):
        load(lightning(callbacks=[Harm(target)]))
    assert not target.exists()
