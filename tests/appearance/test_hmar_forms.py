"""HMAR's file in other forms than the official one."""

import pytest
import torch
from torch import nn

from humantrack.appearance.hmar import load_encoder, load_hmar
from humantrack.errors import WeightsError

OFFICIAL_PARTS = ("encoding_head", "texture_head", "backbone", "smplx_head")


class Training(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.HMAR = network


@pytest.mark.parametrize("zipped", [True, False])
def test_a_network_pickled_whole(tmp_path, hmar, make_smpl, zipped):
    """Spectral norm keeps a tensor beside the weights, which is none of them."""
    path = tmp_path / "hmar.pth"
    torch.save({"model": Training(hmar)}, path, _use_new_zipfile_serialization=zipped)
    got, want = load_hmar(path, make_smpl()).state_dict(), hmar.state_dict()
    assert all(torch.equal(got[key], want[key]) for key in want)


def test_five_characters_that_differ_from_part_to_part(tmp_path, hmar, make_smpl):
    """PHALP drops five characters from every key, whatever they are."""
    before = dict(zip(OFFICIAL_PARTS, ("HMAR.", "tex__", "12345", "smpl."), strict=True))
    state = {k.replace("smpl_head", "smplx_head"): v for k, v in hmar.state_dict().items()}
    model = {
        before[key.partition(".")[0]] + key: value
        for key, value in state.items()
        if key.startswith(OFFICIAL_PARTS)
    }
    torch.save({"model": model}, tmp_path / "hmar.pth")
    got, want = load_hmar(tmp_path / "hmar.pth", make_smpl()).state_dict(), hmar.state_dict()
    assert all(torch.equal(got[key], want[key]) for key in want)
    del model["HMAR.encoding_head.conv1x.weight"]
    torch.save({"model": model}, tmp_path / "hmar.pth")
    with pytest.raises(WeightsError, match="conv1x"):
        load_encoder(tmp_path / "hmar.pth")
