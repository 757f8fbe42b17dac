"""ViTDet-H, the original projects' detector, in torch and torchvision alone."""

from humantrack.detect.vitdet.backbone import VitDetSizes
from humantrack.detect.vitdet.detector import WEIGHTS, VitDet
from humantrack.detect.vitdet.network import VitDetNetwork, load_vitdet

__all__ = ["WEIGHTS", "VitDet", "VitDetNetwork", "VitDetSizes", "load_vitdet"]
