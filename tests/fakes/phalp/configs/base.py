"""PHALP's configuration: its sections and names, as far as the stand-in or a test reads them."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING


@dataclass
class VideoConfig:
    source: str = MISSING
    output_dir: str = "outputs/"
    end_frame: int = 1300


@dataclass
class PHALPConfig:
    predict: str = "TPL"
    pose_distance: str = "smpl"
    low_th_c: float = 0.8
    hungarian_th: float = 100.0
    track_history: int = 7
    max_age_track: int = 50
    n_init: int = 5
    detector: str = "vitdet"
    shot: int = 0
    small_w: int = 50
    small_h: int = 100


@dataclass
class PosePredictorConfig:
    config_path: str = "nowhere/pose_predictor.yaml"
    weights_path: str = "nowhere/pose_predictor.pth"
    mean_std: str = "nowhere/mean_std.npy"


@dataclass
class HMRConfig:
    hmar_path: str = "nowhere/hmar_v2_weights.pth"


@dataclass
class RenderConfig:
    enable: bool = True
    res: int = 256
    fps: int = 30


@dataclass
class SMPLConfig:
    MODEL_PATH: str = "nowhere"
    JOINT_REGRESSOR_EXTRA: str = "nowhere/SMPL_to_J19.pkl"
    TEXTURE: str = "nowhere/texture.npz"


@dataclass
class SMPLHeadConfig:
    TYPE: str = "basic"
    SMPL_MEAN_PARAMS: str = "nowhere/smpl_mean_params.npz"


@dataclass
class ModelConfig:
    IMAGE_SIZE: int = 256
    SMPL_HEAD: SMPLHeadConfig = field(default_factory=SMPLHeadConfig)


@dataclass
class FullConfig:
    seed: int = 42
    device: str = "cuda"
    train: bool = False
    use_gt: bool = False
    video: VideoConfig = field(default_factory=VideoConfig)
    phalp: PHALPConfig = field(default_factory=PHALPConfig)
    pose_predictor: PosePredictorConfig = field(default_factory=PosePredictorConfig)
    hmr: HMRConfig = field(default_factory=HMRConfig)
    render: RenderConfig = field(default_factory=RenderConfig)
    SMPL: SMPLConfig = field(default_factory=SMPLConfig)
    MODEL: ModelConfig = field(default_factory=ModelConfig)
    hydra: dict[str, Any] = field(default_factory=lambda: {"run": {"dir": "${video.output_dir}"}})
