"""HMR2 against the golden files, stage by stage, in the tiny and in the full size."""

import json

import numpy as np
import pytest
import torch
from golden_rule import GOLDEN, hmr2_images, hmr2_state, normal, rule
from large_goldens import large_golden

from humantrack.body.smpl_head import rotations_from_6d
from humantrack.hmr2.network import Hmr2
from humantrack.nn.precision import pick_dtype


def close(got, want, rel=1e-4):
    """Within ``rel`` of the largest number, everywhere."""
    got = np.asarray(got)
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= rel * np.abs(want).max()


def run_and_compare(network, golden, tokens):
    """One forward pass with every intermediate compared; ``tokens`` picks from (B,192,D)."""
    seen = {}

    def keep(name):
        return lambda _module, _inputs, output: seen.__setitem__(name, output)

    hooks = [network.backbone.patch_embed.register_forward_hook(keep("tok_patch"))]
    for i, block in enumerate(network.backbone.blocks):
        if f"tok_block{i}" in golden:
            hooks.append(block.register_forward_hook(keep(f"tok_block{i}")))
    hooks.append(network.backbone.register_forward_hook(keep("feat")))
    hooks.append(network.smpl_head.transformer.register_forward_hook(keep("decoder_token")))
    with torch.inference_mode():
        output = network(torch.from_numpy(hmr2_images()))
        judged = network.discriminator(output.body_pose, output.betas)
    for hook in hooks:
        hook.remove()

    features = network.backbone.feature_map(seen.pop("feat"))
    assert features.mean() == pytest.approx(float(golden["feat_mean"]), rel=1e-3, abs=1e-5)
    assert features.std() == pytest.approx(float(golden["feat_std"]), rel=1e-4)
    close(features[:, :: features.shape[1] // golden["feat"].shape[1]], golden["feat"])
    close(seen.pop("decoder_token"), golden["decoder_token"])
    assert sorted(seen) == sorted(key for key in golden if key.startswith("tok_"))
    for name, value in seen.items():
        close(value[tokens], golden[name])

    upstream = output.as_upstream()
    upstream |= upstream.pop("pred_smpl_params")
    upstream["pred_vertices"] = upstream["pred_vertices"][:, ::10]
    upstream["discriminator"] = judged
    assert set(upstream) <= set(golden)
    for name, value in upstream.items():
        close(value, golden[name])


def test_the_rule_is_the_golden_one():
    checks = json.loads((GOLDEN / "rule_check.json").read_text())
    assert len(checks) >= 11
    for key, want in checks.items():
        shape = tuple(want["shape"])
        raw = key.removeprefix("raw_normal:")
        got = (normal(raw, shape) if raw != key else rule(key, shape)).ravel()
        assert np.allclose(got[:4], want["first4"], rtol=1e-6), key
        assert got.astype(np.float64).sum() == pytest.approx(want["sum"], rel=1e-6), key


def test_the_input_is_the_golden_one():
    with np.load(GOLDEN / "hmr2_tiny.npz") as file:
        want = file["input_check"]
    image = hmr2_images().astype(np.float64)
    got = [image.sum(), (image**2).sum(), image.ravel()[0], image.ravel()[-1]]
    assert np.allclose(got, want, rtol=1e-6)


def test_tiny_network_at_every_stage(tiny):
    with np.load(GOLDEN / "hmr2_tiny.npz") as file:
        run_and_compare(tiny, dict(file), np.s_[:, ::8, ::4])


def test_keys_and_shapes_of_the_tiny_network(tiny, tiny_shapes):
    assert described(tiny) == tiny_shapes


def test_keys_and_shapes_of_the_official_checkpoint(make_smpl):
    """576 keys, in the official order, without a number being made up for them."""
    smpl = make_smpl()
    with torch.device("meta"):
        network = Hmr2(smpl, with_discriminator=True)
    want = json.loads((GOLDEN / "hmr2_state_dict.json").read_text())
    assert described(network) == want
    assert len(want) == 576
    assert list(described(network)) == list(want)


def described(network):
    return {
        key: {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
        for key, value in network.state_dict().items()
    }


@pytest.mark.slow
def test_full_network_at_every_stage(make_smpl):
    path = large_golden("hmr2_full.npz")
    smpl = make_smpl()
    shapes = json.loads((GOLDEN / "hmr2_state_dict.json").read_text())
    with torch.device("meta"):
        network = Hmr2(smpl, with_discriminator=True)
    network.initialized = torch.tensor(False)
    state = {key: torch.from_numpy(value) for key, value in hmr2_state(shapes).items()}
    network.load_state_dict(state, strict=False, assign=True)
    with np.load(path) as file:
        run_and_compare(network.eval(), dict(file), np.s_[:, ::8, ::32])


def test_an_empty_batch(tiny):
    with torch.inference_mode():
        output = tiny(torch.zeros(0, 3, 256, 256))
    assert output.vertices.shape == (0, 6890, 3)
    assert output.keypoints_3d.shape == (0, 44, 3)
    assert output.cam_t.shape == (0, 3)


def test_people_do_not_influence_each_other(tiny):
    images = torch.from_numpy(hmr2_images())
    with torch.inference_mode():
        both, second = tiny(images), tiny(images[1:])
    assert torch.allclose(both.vertices[1:], second.vertices, atol=1e-5)


def test_rotations_from_6d():
    with np.load(GOLDEN / "smpl_golden.npz") as file:
        got = rotations_from_6d(torch.from_numpy(file["rot6d_in"]))
        assert np.allclose(got, file["rot6d_out"], atol=1e-6)


@pytest.mark.parametrize(("precision", "error"), [("bf16", 0.03), ("fp16", 0.006)])
def test_low_precision_stays_near(fresh_tiny, tiny, precision, error):
    network = fresh_tiny().set_precision(precision)
    images = torch.from_numpy(hmr2_images())
    with torch.inference_mode():
        got, want = network(images), tiny(images)
    assert got.vertices.dtype == got.global_orient.dtype == torch.float32
    assert not torch.equal(got.body_pose, want.body_pose)
    assert (got.body_pose - want.body_pose).abs().max() < error
    assert (got.keypoints_3d - want.keypoints_3d).abs().max() < error


def test_precision_names():
    cpu = torch.device("cpu")
    assert pick_dtype("auto", cpu) == torch.float32
    with pytest.raises(ValueError, match="precision must be one of"):
        pick_dtype("int8", cpu)


@pytest.mark.slow
def test_compiled_network_says_the_same(fresh_tiny, tiny):
    network = fresh_tiny().compile_transformers(backend="eager")
    images = torch.from_numpy(hmr2_images())
    with torch.inference_mode():
        got, want = network(images), tiny(images)
    assert torch.allclose(got.vertices, want.vertices, atol=1e-5)
    assert set(network.state_dict()) == set(tiny.state_dict())
