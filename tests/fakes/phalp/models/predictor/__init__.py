"""The pose predictor, with the genuine loader's way of losing weights."""

import torch
from torch import nn


class Pose_transformer_v2(nn.Module):
    def __init__(self, cfg, phalp_tracker):
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.pose_shape_encoder = nn.Sequential(nn.Linear(229, 229))

    def load_weights(self, path):
        state = torch.load(path)["state_dict"]
        renamed = {key.replace("encoder.", ""): value for key, value in state.items()}
        self.encoder.load_state_dict(renamed, strict=False)
