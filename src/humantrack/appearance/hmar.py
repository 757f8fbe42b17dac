"""HMAR: crop with mask -> body, UV texture and code; and how its checkpoint is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from humantrack.appearance.autoencoder import Autoencoder, Encoder
from humantrack.appearance.resnet import Backbone
from humantrack.appearance.texture_head import TextureHead
from humantrack.body.smpl import Smpl
from humantrack.body.smpl_head import IterativeSmplHead
from humantrack.weights.checkpoint import load_strict
from humantrack.weights.prefix import prefix_of, read_tensors

PARTS = ("encoding_head", "texture_head", "backbone", "smpl_head")
"""Only keys of the checkpoint that begin with one of these, after the prefix, are the network's."""

USUAL_ENTRY = "model."
"""Where the weights of the official file lie, under a prefix of five characters."""

_PREFIX_LENGTH = 5
"""PHALP drops as many characters from every key, whatever they are (``HMAR.load_weights``)."""

COLOUR_SCALE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HmarOutput:
    """What the network says of B crops, on its device, float32."""

    pose_emb: Tensor
    """(B,2048) largest feature inside the mask"""

    global_orient: Tensor
    """(B,1,3,3)"""

    body_pose: Tensor
    """(B,23,3,3)"""

    betas: Tensor
    """(B,10)"""

    cam: Tensor
    """(B,3) crop camera (s,tx,ty)"""

    flow: Tensor
    """(B,2,256,256) place in the crop of each texel, x and y, -1..1"""

    uv_image: Tensor
    """(B,4,256,256) the crop sampled there"""

    uv_vector: Tensor
    """(B,4,256,256) the same after :func:`process_uv_image`"""


class Hmar(nn.Module):
    """The network; state-dict keys are those of the official one without prefix.

    Source: PHALP's phalp/models/hmar/hmar.py; arXiv 2112.04477, section 3.

    Args:
        smpl: the body model.
    """

    def __init__(self, smpl: Smpl) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.texture_head = TextureHead()
        self.encoding_head = Autoencoder()
        self.smpl = smpl
        self.smpl_head = IterativeSmplHead(2048)

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.backbone.conv1.weight.device

    def forward(self, crops: Tensor) -> HmarOutput:
        """(B,4,256,256) normalised RGB and the mask 0..255 -> body and texture."""
        features, stages = self.backbone(crops)
        pose_emb = features.amax(dim=(2, 3))
        rotations, betas, cam = self.smpl_head(pose_emb)
        flow = self.texture_head(stages)
        uv_image = functional.grid_sample(crops, flow.permute(0, 2, 3, 1), align_corners=False)
        return HmarOutput(
            pose_emb=pose_emb,
            global_orient=rotations[:, :1],
            body_pose=rotations[:, 1:],
            betas=betas,
            cam=cam,
            flow=flow,
            uv_image=uv_image,
            uv_vector=process_uv_image(uv_image),
        )


def process_uv_image(uv_image: Tensor) -> Tensor:
    """Sampled texture -> the map that the encoder takes; (B,4,256,256) both.

    Where alpha is exactly 0: no colour, alpha -1; elsewhere, even if it is negative: colour / 5,
    alpha 1. Unlike the original it leaves its argument as it is.
    """
    hole = uv_image[:, 3:] == 0
    rgb = torch.where(hole, 0, uv_image[:, :3] / COLOUR_SCALE)
    alpha = torch.where(hole, -1.0, 1.0).to(rgb.dtype)
    return torch.cat([rgb, alpha], dim=1)


def load_hmar(checkpoint: Path, smpl: Smpl, *, device: str | torch.device = "cpu") -> Hmar:
    """The network with the weights of ``hmar_v2_weights.pth``, ready to run.

    Whatever stands before the network's keys, and whatever dictionary they lie in, they are found
    if all of them are there.

    Args:
        checkpoint: the file.
        smpl: the body model; the file has none.
        device: where it shall run.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: not a checkpoint, or not of this network, with the keys that do not fit.
    """
    with torch.device("meta"):
        network = Hmar(smpl)
    state = _network_keys(checkpoint, network.state_dict())
    load_strict(network, state, optional=("smpl.",), where=checkpoint)
    return network.requires_grad_(False).eval().to(device)


def load_encoder(checkpoint: Path, *, device: str | torch.device = "cpu") -> Encoder:
    """The texture encoder alone, from the same file; all that tracking with HMR2 needs of it.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: not a checkpoint, or without this encoder.
    """
    name = "encoding_head."
    with torch.device("meta"):
        encoder = Encoder()
    wanted = {name + key: value for key, value in encoder.state_dict().items()}
    state = _network_keys(checkpoint, wanted)
    own = {key.removeprefix(name): value for key, value in state.items() if key.startswith(name)}
    load_strict(encoder, own, ignore=("t_",), where=checkpoint)
    return encoder.requires_grad_(False).eval().to(device)


def _network_keys(checkpoint: Path, wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the checkpoint holds of the network, under the network's keys, whatever the prefix."""
    state = {k.replace("smplx", "smpl"): v for k, v in read_tensors(checkpoint).items()}
    shapes = {k: tuple(v.shape) for k, v in wanted.items() if not k.startswith("smpl.")}
    prefix = prefix_of(state, shapes, usual=USUAL_ENTRY, where=checkpoint)
    own = {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
    if not own.keys() >= shapes.keys():  # several prefixes, all of them of the official length
        cut = len(USUAL_ENTRY) + _PREFIX_LENGTH
        short = {k[cut:]: v for k, v in state.items() if k.startswith(USUAL_ENTRY)}
        own = short if short.keys() >= shapes.keys() else own
    return {key: value for key, value in own.items() if key.partition(".")[0] in PARTS}
