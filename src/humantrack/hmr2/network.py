"""HMR2: crop -> SMPL parameters, camera, surface and joints; and how its checkpoint is loaded."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from humantrack.body.smpl import Smpl
from humantrack.geometry.cameras import FOCAL_PX, SQUARE_PX
from humantrack.hmr2.decoder import DecoderSizes, SmplHead
from humantrack.hmr2.discriminator import Discriminator
from humantrack.hmr2.vit import Vit, VitSizes
from humantrack.nn.precision import pick_dtype
from humantrack.weights.checkpoint import load_strict
from humantrack.weights.prefix import prefix_of, read_tensors

_log = logging.getLogger(__name__)

SIDE_COLUMNS = 32
"""Columns of the square crop that are cut off on either side: the backbone sees 192 of 256."""

_USUAL_ENTRY = "state_dict."
"""Where the weights of a Lightning checkpoint lie."""

_OPTIONAL = ("smpl.", "initialized")
"""Beginnings of keys that a checkpoint may lack."""

_TRAINING = "discriminator"
"""The part of a checkpoint that only training needs."""

_SHOWN = 5
"""Keys that a note names before it only says that there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hmr2Output:
    """What the network says of B crops, on its device, float32.

    Source: 4D-Humans' hmr2/models/hmr2.py; arXiv 2305.20091.
    """

    global_orient: Tensor
    """(B,1,3,3)"""

    body_pose: Tensor
    """(B,23,3,3)"""

    betas: Tensor
    """(B,10)"""

    cam: Tensor
    """(B,3) crop camera (s,tx,ty)"""

    cam_t: Tensor
    """(B,3) metres, for focal length 5000 px on the 256-px crop"""

    vertices: Tensor
    """(B,6890,3) metres, without ``cam_t``"""

    keypoints_3d: Tensor
    """(B,44,3) metres, without ``cam_t``"""

    keypoints_2d: Tensor
    """(B,44,2) widths of the crop, centre 0"""

    def as_upstream(self) -> dict[str, Any]:
        """The same under the names of 4D-Humans' ``HMR2.forward``."""
        focal = self.cam.new_full((len(self.cam), 2), FOCAL_PX)
        return {
            "pred_cam": self.cam,
            "pred_smpl_params": {
                "global_orient": self.global_orient,
                "body_pose": self.body_pose,
                "betas": self.betas,
            },
            "pred_cam_t": self.cam_t,
            "focal_length": focal,
            "pred_keypoints_3d": self.keypoints_3d,
            "pred_vertices": self.vertices,
            "pred_keypoints_2d": self.keypoints_2d,
        }


class Hmr2(nn.Module):
    """The network; state-dict keys are those of the official checkpoint.

    Args:
        smpl: the body model.
        vit: sizes of the backbone.
        decoder: sizes of the head.
        with_discriminator: also make the discriminator (training only).
    """

    def __init__(
        self,
        smpl: Smpl,
        *,
        vit: VitSizes | None = None,
        decoder: DecoderSizes | None = None,
        with_discriminator: bool = False,
    ) -> None:
        super().__init__()
        vit, decoder = vit or VitSizes(), decoder or DecoderSizes()
        self.register_buffer("initialized", torch.tensor(False))
        self.backbone = Vit(vit)
        self.smpl_head = SmplHead(decoder, vit.embed_dim)
        self.discriminator = Discriminator() if with_discriminator else None
        self.smpl = smpl

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.backbone.pos_embed.device

    def forward(self, crops: Tensor) -> Hmr2Output:
        """(B,3,256,256) normalised RGB -> bodies. An empty batch gives empty outputs."""
        image = crops[..., SIDE_COLUMNS:-SIDE_COLUMNS].to(self.backbone.pos_embed.dtype)
        rotations, betas, cam = self.smpl_head(self.backbone(image))
        global_orient, body_pose = rotations[:, :1], rotations[:, 1:]
        vertices, joints = self.smpl(global_orient, body_pose, betas)
        depth = 2 * FOCAL_PX / (SQUARE_PX * cam[:, 0] + 1e-9)
        cam_t = torch.stack([cam[:, 1], cam[:, 2], depth], dim=-1)
        placed = joints + cam_t[:, None]
        return Hmr2Output(
            global_orient=global_orient,
            body_pose=body_pose,
            betas=betas,
            cam=cam,
            cam_t=cam_t,
            vertices=vertices,
            keypoints_3d=joints,
            keypoints_2d=placed[..., :2] / placed[..., 2:] * (FOCAL_PX / SQUARE_PX),
        )

    def set_precision(self, precision: str) -> Hmr2:
        """Run the transformers in fp32, bf16 or fp16; what follows them stays float32.

        "auto" is bf16 on a GPU that has it, else fp32.
        """
        dtype = pick_dtype(precision, self.device)
        self.backbone.to(dtype)
        self.smpl_head.transformer.to(dtype)
        return self

    def compile_transformers(self, **options: Any) -> Hmr2:
        """Have ``torch.compile`` fuse the transformers, for batches of any size.

        Args:
            options: handed to ``torch.compile``.
        """
        for part in (self.backbone, self.smpl_head.transformer):
            part.compile(dynamic=True, **options)
        return self


def load_hmr2(
    checkpoint: Path,
    smpl: Smpl,
    *,
    device: str | torch.device = "cpu",
    precision: str = "auto",
    compiled: bool = False,
    vit: VitSizes | None = None,
    decoder: DecoderSizes | None = None,
) -> Hmr2:
    """The network with the weights of a Lightning checkpoint, ready to run.

    Args:
        checkpoint: 4D-Humans' ``epoch=35-step=1000000.ckpt`` or one like it.
        smpl: the body model; as upstream, the checkpoint's ``smpl.*`` replace its arrays. What
            the checkpoint holds beside the network, or of another version of SMPL's class, is left
            out and said, where 4D-Humans says nothing (``strict=False``).
        device: where it shall run.
        precision: see :meth:`Hmr2.set_precision`.
        compiled: compile the transformers on their first run.
        vit: sizes of the backbone.
        decoder: sizes of the head.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: not a checkpoint, or not of this network, with the keys that do not fit.
    """
    with torch.device("meta"):  # the numbers are taken over from the file, so none is made first
        network = Hmr2(smpl, vit=vit, decoder=decoder)
    state = _network_keys(checkpoint, network)
    _compare_bodies(state, smpl)
    if "initialized" not in state:
        network.initialized = torch.tensor(False)
    load_strict(
        network,
        state,
        ignore=(f"{_TRAINING}.",),
        optional=_OPTIONAL,
        where=checkpoint,
    )
    network.requires_grad_(False).eval().to(device).set_precision(precision)
    return network.compile_transformers() if compiled else network


def _network_keys(checkpoint: Path, network: Hmr2) -> dict[str, Tensor]:
    """What the checkpoint holds of the network, under the network's keys, whatever the prefix."""
    state = read_tensors(checkpoint)
    needed = {k: v for k, v in network.state_dict().items() if not k.startswith(_OPTIONAL)}
    shapes = {key: tuple(value.shape) for key, value in needed.items()}
    prefix = prefix_of(state, shapes, usual=_USUAL_ENTRY, where=checkpoint)
    own = {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
    wanted = network.state_dict()
    parts = {key.partition(".")[0] for key in wanted} | {_TRAINING}
    beside = [key for key in own if key.partition(".")[0] not in parts]
    beside += [key for key in own if key.startswith("smpl.") and key not in wanted]
    strange = [key for key in beside if prefix or key.startswith("smpl.")]
    if strange:  # without a prefix, "beside" is the rest of a training state
        names = ", ".join(strange[:_SHOWN]) + (", ..." if len(strange) > _SHOWN else "")
        _log.warning("%s: left out what HMR2 does not use: %s", checkpoint, names)
    return {key: value for key, value in own.items() if key not in set(beside)}


def _compare_bodies(state: Mapping[str, Tensor], smpl: Smpl) -> None:
    """Say so when the checkpoint's body is another than the model file's."""
    own, theirs = smpl.v_template, state.get("smpl.v_template")
    if theirs is not None and theirs.shape == own.shape:
        apart = (theirs.float() - own.cpu()).abs().max().item()
        if apart > 1e-4:
            _log.warning(
                "the checkpoint's SMPL body is used; the model file's differs by %g m", apart
            )
