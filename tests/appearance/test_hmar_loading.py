"""Loading HMAR, or its encoder alone, from files made like the official one."""

import pytest
import torch
from golden_rule import hmar_uv

from humantrack.appearance.encoder import TextureEncoder
from humantrack.appearance.hmar import load_encoder, load_hmar
from humantrack.errors import MissingWeightsError, WeightsError


@pytest.fixture
def official(tmp_path, state):
    """Writes a checkpoint with prefixed keys, and others that are not the network's."""
    path = tmp_path / "hmar_v2_weights.pth"

    def write(changes=None, drop=()):
        model = {
            f"HMAR.{key.replace('smpl_head', 'smplx_head')}": value
            for key, value in state.items()
            if key not in drop
        }
        model |= {"HMAR.smplx.v_template": torch.zeros(3), "loss.weight": torch.zeros(2)}
        torch.save({"model": model | (changes or {}), "epoch": 3}, path)
        return path

    return write


def test_the_whole_network(official, make_smpl, hmar):
    network = load_hmar(official(), make_smpl())
    got, want = network.state_dict(), hmar.state_dict()
    assert list(got) == list(want)
    assert all(torch.equal(got[key], want[key]) for key in want)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_the_encoder_alone(official, encoder, state):
    """It needs nothing of the rest of the file."""
    rest = [key for key in state if not key.startswith("encoding_head.conv")]
    loaded = load_encoder(official(drop=rest))
    uvs = hmar_uv()[:1]
    assert (TextureEncoder(loaded)(uvs) == TextureEncoder(encoder)(uvs)).all()


def test_what_does_not_fit_is_named(official, make_smpl):
    path = official({"HMAR.backbone.fc.weight": torch.zeros(1)}, drop=["smpl_head.fc1.bias"])
    with pytest.raises(WeightsError) as caught:
        load_hmar(path, make_smpl())
    assert "1 missing: smpl_head.fc1.bias" in str(caught.value)
    assert "1 unknown: backbone.fc.weight" in str(caught.value)
    path = official({"HMAR.encoding_head.conv2.weight": torch.zeros(64, 3, 3, 3)})
    with pytest.raises(WeightsError, match=r"misshapen: conv2\.weight"):
        load_encoder(path)
    path = official(drop=["encoding_head.conv5_1.bias"])
    with pytest.raises(WeightsError, match=r"missing: conv5_1\.bias"):
        load_encoder(path)


def test_other_files(tmp_path):
    with pytest.raises(MissingWeightsError):
        load_encoder(tmp_path / "nowhere.pth")
    path = tmp_path / "other.pth"
    torch.save({"state_dict": {"a": torch.zeros(1)}}, path)
    with pytest.raises(
        WeightsError, match=r"keys is there \(encoding_head.conv1x.*the file has 1: state_dict.a"
    ):
        load_encoder(path)


PREFIXES = ["", "HMAR.", "abcde", "module.HMAR.", "network.backbone.", "x.y.z."]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("place", [[], ["model"], ["state_dict"], ["a", "b", "c"]], ids=str)
def test_any_prefix_and_any_place(tmp_path, encoder, prefix, place):
    content = {f"{prefix}encoding_head.{k}": v for k, v in encoder.state_dict().items()}
    content |= {f"{prefix}loss.weight": torch.zeros(2)}
    for name in reversed(place):
        content = {name: content, "epoch": 3, "optimizer": {"state": {0: {"avg": torch.ones(3)}}}}
    path = tmp_path / "hmar.pth"
    torch.save(content, path)
    got = load_encoder(path).state_dict()
    assert all(torch.equal(got[key], value) for key, value in encoder.state_dict().items())


def test_a_file_that_nests_every_part(tmp_path, encoder):
    tree = {}
    for key, value in encoder.state_dict().items():
        *parts, leaf = ["encoding_head", *key.split(".")]
        branch = tree
        for part in parts:
            branch = branch.setdefault(part, {})
        branch[leaf] = value
    torch.save({"model": {"HMAR": tree}}, tmp_path / "hmar.pth")
    got = load_encoder(tmp_path / "hmar.pth").state_dict()
    assert all(torch.equal(got[key], value) for key, value in encoder.state_dict().items())


def test_weights_that_are_there_twice(tmp_path, encoder, caplog):
    """The official place wins over others; a copy with other shapes is none."""
    own = {f"encoding_head.{k}": v for k, v in encoder.state_dict().items()}
    other = {key: value + 1 for key, value in own.items()}
    small = {key: value.flatten()[:1] for key, value in own.items()}
    path = tmp_path / "hmar.pth"
    torch.save({"ema": other, "model": {f"HMAR.{k}": v for k, v in own.items()}}, path)
    got = load_encoder(path).state_dict()
    assert torch.equal(got["conv1x.weight"], own["encoding_head.conv1x.weight"])
    assert "'model.HMAR.' are taken, not those under 'ema.'" in caplog.text
    caplog.clear()
    torch.save({"a": small, "bcd": own, "longer": other}, path)
    got = load_encoder(path).state_dict()
    assert torch.equal(got["conv1x.weight"], own["encoding_head.conv1x.weight"])
    assert "'a.'" not in caplog.text
    assert "'longer.'" in caplog.text


def test_the_error_tells_the_first_few_keys_and_counts_the_rest(official, state, make_smpl):
    path = official(drop=[key for key in state if key.startswith("texture_head.")])
    with pytest.raises(WeightsError, match=r"298 missing: texture_head\..* and 290 more") as caught:
        load_hmar(path, make_smpl())
    assert len(str(caught.value)) < 1000
