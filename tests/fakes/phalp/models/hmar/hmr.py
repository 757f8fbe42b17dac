"""Stands for PHALP's HMAR: codes and cameras of crops."""

from types import SimpleNamespace

import numpy as np
import torch
from torch import nn


class HMAR(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.encoding_head = nn.Linear(1, 1)
        faces = np.load(cfg.SMPL.TEXTURE)["smpl_faces"].astype("uint32")
        self.smpl = SimpleNamespace(faces=faces)
        torch.utils.model_zoo.load_url("https://example.org/resnet50-imagenet.pth")

    def load_weights(self, path):
        self.loaded = torch.load(path)["model"]

    def process_uv_image(self, uv_image):
        return torch.cat([uv_image[:, :3] / 5, torch.ones_like(uv_image[:, 3:])], 1)

    def autoencoder_hmar(self, x, en=True):
        return torch.zeros(len(x), 16, 16, 16) + x.mean()


class HMR2018Predictor(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.hmar_old = HMAR(cfg)
        self.smpl = self.hmar_old.smpl
        self.hmar_old.load_weights(cfg.hmr.hmar_path)

    def forward(self, x):
        n, eye = len(x), torch.eye(3)
        return {
            "uv_vector": torch.zeros(n, 4, 256, 256),
            "pose_smpl": {
                "global_orient": eye.repeat(n, 1, 1, 1),
                "body_pose": eye.repeat(n, 23, 1, 1),
                "betas": torch.zeros(n, 10),
            },
            "pred_cam": torch.tensor([[0.9, 0.0, 0.0]]).repeat(n, 1),
        }

    def autoencoder_hmar(self, *args, **kwargs):
        return self.hmar_old.autoencoder_hmar(*args, **kwargs)
