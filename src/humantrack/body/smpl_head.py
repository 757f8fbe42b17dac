"""Reads an SMPL body off a feature vector by three rounds of correction (HMAR, pose predictor)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

ROUNDS = 3


class IterativeSmplHead(nn.Module):
    """Feature -> rotations, shape and crop camera, starting from a mean body.

    Source: PHALP's phalp/models/heads/smpl_head.py.

    Args:
        feature_size: length of the feature vector.
        hidden: width of the two layers.
    """

    init_body_pose: Tensor
    init_betas: Tensor
    init_cam: Tensor

    def __init__(self, feature_size: int, hidden: int = 1024) -> None:
        super().__init__()
        self.register_buffer("init_body_pose", torch.zeros(1, 144))
        self.register_buffer("init_betas", torch.zeros(1, 10))
        self.register_buffer("init_cam", torch.zeros(1, 3))
        self.fc1 = nn.Linear(feature_size + 144 + 10 + 3, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.decpose = nn.Linear(hidden, 144)
        self.decshape = nn.Linear(hidden, 10)
        self.deccam = nn.Linear(hidden, 3)

    def forward(self, feature: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(...,F) -> rotations (...,24,3,3), betas (...,10), camera (...,3) = (s,tx,ty)."""
        pose, betas, cam = (
            start[0].expand(*feature.shape[:-1], -1)
            for start in (self.init_body_pose, self.init_betas, self.init_cam)
        )
        for _ in range(ROUNDS):
            hidden = self.fc1(torch.cat([feature, pose, betas, cam], dim=-1)).relu()
            hidden = self.fc2(hidden).relu()
            pose = pose + self.decpose(hidden)
            betas = betas + self.decshape(hidden)
            cam = cam + self.deccam(hidden)
        return rotations_from_6d(pose.view(*pose.shape[:-1], 24, 6)), betas, cam


def rotations_from_6d(numbers: Tensor) -> Tensor:
    """Two consecutive 3-vectors (...,6) -> rotations (...,3,3) whose first columns they give.

    The second is made normal to the first; the third column is their cross product.
    """
    x = functional.normalize(numbers[..., :3], dim=-1)
    second = numbers[..., 3:]
    y = functional.normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y, dim=-1)], dim=-1)
