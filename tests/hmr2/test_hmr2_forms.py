"""HMR2's checkpoint in the forms that are handed on, and with keys of other versions in it."""

import logging

import pytest
import torch
from golden_rule import hmr2_images
from torch import nn

from humantrack.errors import WeightsError
from humantrack.hmr2.network import load_hmr2


@pytest.fixture
def load(make_smpl, tiny_sizes):
    return lambda path: load_hmr2(path, make_smpl(), **tiny_sizes)


class Wrapped(nn.Module):
    """What DataParallel, or a training loop of one's own, puts around a network."""

    def __init__(self, network):
        super().__init__()
        self.module = network


def same(got, want):
    images = torch.from_numpy(hmr2_images()[:1])
    with torch.inference_mode():
        return torch.equal(got(images).vertices, want(images).vertices)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrap", [False, True])
def test_a_network_pickled_whole(tmp_path, tiny, load, zipped, wrap):
    path, network = tmp_path / "hmr2.pt", tiny
    content = {"model": Wrapped(network)} if wrap else network
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    assert same(load(path), tiny)


def test_a_file_of_the_old_form(tmp_path, tiny_state, tiny, load):
    path = tmp_path / "hmr2.ckpt"
    torch.save({"state_dict": tiny_state}, path, _use_new_zipfile_serialization=False)
    assert same(load(path), tiny)


def test_keys_that_the_genuine_program_ignores(tmp_path, tiny_state, tiny, load, caplog):
    """Other versions of smplx have other buffers, and training has parts of its own."""
    more = {
        "smpl.betas": torch.zeros(1, 10),
        "smpl.global_orient": torch.zeros(1, 3),
        "smpl.vertex_joint_selector.more_idxs": torch.zeros(3),
        "keypoint_loss.weight": torch.zeros(2),
        "ema_decay": torch.tensor(0.9),
    }
    torch.save({"state_dict": tiny_state | more}, tmp_path / "hmr2.ckpt")
    with caplog.at_level(logging.WARNING):
        network = load(tmp_path / "hmr2.ckpt")
    assert same(network, tiny)
    assert not any(key in dict(network.named_buffers()) for key in more)
    said = [r.getMessage() for r in caplog.records if "left out" in r.getMessage()]
    assert len(said) == 1
    for key in more:
        assert key in said[0]


def test_wrong_keys_of_the_network_itself_are_still_refused(tmp_path, tiny_state, load):
    odd = {"smpl_head.odd": torch.zeros(1), "smpl.odd": torch.zeros(1)}
    torch.save({"state_dict": tiny_state | odd}, tmp_path / "hmr2.ckpt")
    with pytest.raises(WeightsError, match=r"1 unknown: smpl_head\.odd"):
        load(tmp_path / "hmr2.ckpt")
    torch.save(
        {"state_dict": tiny_state | {"smpl.v_template": torch.zeros(3)}}, tmp_path / "b.ckpt"
    )
    with pytest.raises(WeightsError, match=r"misshapen: smpl\.v_template"):
        load(tmp_path / "b.ckpt")
