"""The discriminator of HMR2's training; a checkpoint carries it, tracking does not use it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Discriminator(nn.Module):
    """Scores how real poses and shapes are: 23 joints, shape, all joints together."""

    def __init__(self, joints: int = 23, channels: int = 32, hidden: int = 1024) -> None:
        super().__init__()
        self.D_conv1 = nn.Conv2d(9, channels, 1)
        self.D_conv2 = nn.Conv2d(channels, channels, 1)
        self.pose_out = nn.ModuleList(nn.Linear(channels, 1) for _ in range(joints))
        self.betas_fc1 = nn.Linear(10, 10)
        self.betas_fc2 = nn.Linear(10, 5)
        self.betas_out = nn.Linear(5, 1)
        self.D_alljoints_fc1 = nn.Linear(channels * joints, hidden)
        self.D_alljoints_fc2 = nn.Linear(hidden, hidden)
        self.D_alljoints_out = nn.Linear(hidden, 1)

    def forward(self, body_pose: Tensor, betas: Tensor) -> Tensor:
        """(B,23,3,3), (B,10) -> (B,25)."""
        entries = body_pose.flatten(2).transpose(1, 2)[..., None]  # (B,9,23,1)
        features = self.D_conv2(self.D_conv1(entries).relu()).relu()[..., 0]
        joints = [out(features[:, :, j]) for j, out in enumerate(self.pose_out)]
        shape = self.betas_out(self.betas_fc2(self.betas_fc1(betas).relu()).relu())
        whole = self.D_alljoints_fc1(features.flatten(1)).relu()
        whole = self.D_alljoints_out(self.D_alljoints_fc2(whole).relu())
        return torch.cat([*joints, shape, whole], dim=1)
