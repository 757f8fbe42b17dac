"""4D-Humans' track.py: what it does when it is imported and built, traps included."""

import os
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from hmr2.datasets.utils import expand_bbox_to_aspect_ratio
from hmr2.models import download_models
from hydra.core.config_store import ConfigStore
from phalp.configs.base import FullConfig
from phalp.models.hmar.hmr import HMR2018Predictor
from phalp.trackers.PHALP import PHALP

CACHE_DIR = "nowhere"


class HMR2Predictor(HMR2018Predictor):
    def __init__(self, cfg):
        super().__init__(cfg)
        from hmr2.models import load_hmr2

        download_models()
        self.model, _ = load_hmr2()
        self.model.eval()


class HMR2023TextureSampler(HMR2Predictor):
    def __init__(self, cfg):
        super().__init__(cfg)
        bmap = np.load(os.path.join(CACHE_DIR, "phalp/3D/bmap_256.npy"))
        fmap = np.load(os.path.join(CACHE_DIR, "phalp/3D/fmap_256.npy"))
        self.register_buffer("tex_bmap", torch.tensor(bmap, dtype=torch.float))
        self.register_buffer("tex_fmap", torch.tensor(fmap, dtype=torch.long))
        self.img_size, self.focal_length = 256, 5000.0
        import neural_renderer as nr

        self.neural_renderer = nr.Renderer(
            dist_coeffs=None,
            orig_size=self.img_size,
            image_size=self.img_size,
            light_intensity_ambient=1,
            light_intensity_directional=0,
            anti_aliasing=False,
        )

    def forward(self, x):
        out = self.model({"img": x[:, :3], "mask": x[:, 3].clip(0, 1)})
        vertices = out["pred_vertices"] + out["pred_cam_t"].unsqueeze(1)
        faces = torch.tensor(self.smpl.faces.astype(np.int64))
        K = torch.eye(3)
        K[0, 0] = K[1, 1] = self.focal_length
        K[1, 2] = K[0, 2] = self.img_size / 2
        self.depth = self.neural_renderer(
            vertices,
            faces[None].expand(len(vertices), -1, -1).int(),
            mode="depth",
            K=K.unsqueeze(0),
            R=torch.eye(3).unsqueeze(0),
            t=torch.zeros(1, 3),
        )
        image = torch.zeros(len(x), 4, 256, 256)
        return {
            "uv_image": image,
            "uv_vector": self.hmar_old.process_uv_image(image),
            "pose_smpl": out["pred_smpl_params"],
            "pred_cam": out["pred_cam"],
        }


class HMR2_4dhuman(PHALP):
    def __init__(self, cfg):
        super().__init__(cfg)

    def setup_hmr(self):
        self.HMAR = HMR2023TextureSampler(self.cfg)

    def get_detections(self, image, frame_name, t_, additional_data=None, measurments=None):
        cv2.destroyAllWindows()
        boxes, _, *rest = super().get_detections(
            image, frame_name, t_, additional_data, measurments
        )
        return boxes, expand_bbox_to_aspect_ratio(boxes, self.cfg.expand_bbox_shape), *rest


@dataclass
class Human4DConfig(FullConfig):
    expand_bbox_shape: tuple[int, ...] | None = (192, 256)


cs = ConfigStore.instance()
cs.store(name="config", node=Human4DConfig)
