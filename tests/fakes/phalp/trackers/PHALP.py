"""PHALP: hooks, their signatures and the order they are called in. People are bright rectangles."""

import os
from types import SimpleNamespace

import cv2
import numpy as np
import torch
from detectron2.config import get_cfg
from torch import nn

from phalp.models.hmar.hmr import HMR2018Predictor
from phalp.models.predictor import Pose_transformer_v2
from phalp.trackers.tracker import Detection, Tracker
from phalp.utils_detectron2 import DefaultPredictor_Lazy

RLE = {"size": [1, 1], "counts": "1"}


class PHALP(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.device = torch.device(cfg.device)
        self.cached_download_from_drive()
        self.setup_hmr()
        self.setup_predictor()
        self.setup_detectron2()
        self.setup_visualizer()
        self.to(self.device)
        self.default_setup()

    def cached_download_from_drive(self, additional_urls=None):
        os.system("wget https://example.org")

    def setup_hmr(self):
        self.HMAR = HMR2018Predictor(self.cfg)

    def setup_predictor(self):
        self.pose_predictor = Pose_transformer_v2(self.cfg, self)
        self.pose_predictor.load_weights(self.cfg.pose_predictor.weights_path)

    def setup_detectron2(self):
        if self.cfg.phalp.detector not in ("maskrcnn", "vitdet"):
            raise ValueError(f"Detector {self.cfg.phalp.detector} not supported")
        self.detector = nn.Linear(1, 1).cuda()
        if os.environ.get("FAKE_DETECTOR_ADDRESS"):
            train = SimpleNamespace(init_checkpoint=os.environ["FAKE_DETECTOR_ADDRESS"])
            self.detector_lazy = DefaultPredictor_Lazy(SimpleNamespace(train=train))
        self.setup_detectron2_with_RPN()

    def setup_detectron2_with_RPN(self):
        self.detector_x = get_cfg().MODEL.DEVICE

    def setup_deepsort(self):
        self.tracker = Tracker(self.cfg, None, phalp_tracker=self, dims=[4096, 4096, 99])

    def setup_visualizer(self):
        raise AssertionError("this would open OpenGL")

    def default_setup(self):
        os.makedirs(self.cfg.video.output_dir + "/_TMP")

    def track(self):
        raise AssertionError("the genuine loop")

    def get_detections(self, image, frame_name, t_, additional_data=None, measurments=None):
        if frame_name in additional_data:
            given = additional_data[frame_name]
            boxes = np.array(given["gt_bbox"], float)
            boxes[:, 2:] += boxes[:, :2]
            ids, notes = given["extra_data"]["gt_track_id"], given["extra_data"]["gt_class"]
        else:
            # Blue in BGR is what a frame's third channel holds: 200, or 250 for another person.
            bright = (image[:, :, 0] > 150).astype(np.uint8)
            found = cv2.connectedComponentsWithStats(bright)[2][1:]
            found = found[np.argsort(found[:, 0])]
            boxes = np.hstack([found[:, :2], found[:, :2] + found[:, 2:4]]).astype(float)
            ids, notes = [1] * len(boxes), [[] for _ in boxes]
        masks = np.zeros((len(boxes), *image.shape[:2]), bool)
        scores = np.full(len(boxes), 0.9, np.float32)
        classes = np.zeros(len(boxes), np.int64)
        return boxes, boxes, masks, scores, classes, ids, notes

    def run_additional_models(
        self,
        image_frame,
        pred_bbox,
        pred_masks,
        pred_scores,
        pred_classes,
        frame_name,
        t_,
        measurments,
        gt_tids,
        gt_annots,
    ):
        return list(range(len(pred_scores)))

    def get_croped_image(self, image, bbox, bbox_pad, seg_mask):
        crop = torch.zeros(4, 256, 256)
        return (
            crop,
            None,
            None,
            [RLE],
            (bbox_pad[:2] + bbox_pad[2:]) / 2,
            bbox_pad[2:] - bbox_pad[:2],
        )

    def get_human_features(
        self,
        image,
        seg_mask,
        bbox,
        bbox_pad,
        score,
        frame_name,
        cls_id,
        t_,
        measurments,
        gt=1,
        ann=None,
        extra_data=None,
    ):
        if not len(score):
            return []
        height, width, side, left, top = measurments
        cut = [self.get_croped_image(image, *p) for p in zip(bbox, bbox_pad, seg_mask, strict=True)]
        out = self.HMAR(torch.stack([c[0] for c in cut]).cuda())
        codes = self.HMAR.autoencoder_hmar(out["uv_vector"], en=True).reshape(len(cut), -1)
        people = []
        for i, (_, _, _, rles, centre, scale) in enumerate(cut):
            at = (centre + np.array([left, top])) / side
            camera = np.array([*(10 * (at - 0.5)), 40], np.float32)
            data = {
                "bbox": np.array([*bbox[i][:2], *(bbox[i][2:] - bbox[i][:2])]),
                "mask": rles,
                "conf": score[i],
                "appe": codes[i].numpy(),
                "pose": np.zeros(229, np.float32),
                "loca": np.zeros(99, np.float32),
                "uv": out["uv_vector"][i].numpy(),
                "center": centre,
                "scale": scale,
                "smpl": {k: v[i].numpy() for k, v in out["pose_smpl"].items()},
                "camera": camera,
                "camera_bbox": out["pred_cam"][i].numpy(),
                "3d_joints": np.zeros((45, 3), np.float32),
                "2d_joints": np.tile(at, 45).astype(np.float32),
                "size": [height, width],
                "img_path": frame_name,
                "img_name": frame_name.split("/")[-1] if isinstance(frame_name, str) else None,
                "class_name": cls_id[i],
                "time": t_,
                "ground_truth": gt[i],
                "annotations": ann[i],
                "extra_data": extra_data[i] if extra_data is not None else None,
            }
            people.append(Detection(data))
        return people
