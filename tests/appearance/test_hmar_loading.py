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
    with pytest.raises(WeightsError, match="no weights under 'model'"):
        load_encoder(path)
