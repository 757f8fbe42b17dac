"""HMR2: the same body for every crop, far enough away to be no bigger than a point."""

import torch
from torch import nn


class HMR2(nn.Module):
    def __init__(self, cfg, init_renderer=True):
        super().__init__()
        assert not init_renderer, "this would open OpenGL"
        self.cfg = cfg
        self.smpl_head = nn.Module()
        self.smpl_head.deccam = nn.Linear(48, 3)

    def forward(self, batch):
        n = len(batch["img"])
        assert batch["mask"].max() <= 1
        eye = torch.eye(3)
        return {
            "pred_smpl_params": {
                "global_orient": eye.repeat(n, 1, 1, 1),
                "body_pose": eye.repeat(n, 23, 1, 1),
                "betas": torch.zeros(n, 10),
            },
            "pred_cam": torch.tensor([[0.9, 0.0, 0.0]]).repeat(n, 1),
            "pred_cam_t": torch.tensor([[0.0, 0.0, 43.4]]).repeat(n, 1),
            "pred_vertices": torch.zeros(n, 6890, 3),
        }


def download_models(folder=None):
    raise AssertionError("this would fetch files")
