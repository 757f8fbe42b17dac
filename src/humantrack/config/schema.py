"""Every key of the configuration, with its type, default and a sentence of help.

Names and nesting are PHALP's and 4D-Humans' (``phalp/configs/base.py`` and ``track.py`` of their
public repositories), so that their command lines work. docs/configuration.md is generated from
here. A key that is there for that reason alone has ``only`` its default, and the program says so
if it is given anything else: no key promises what is not done.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from humantrack.config.detectors import RfDetrConfig, VitDetConfig
from humantrack.config.keys import KeyInfo, key
from humantrack.config.live import LiveConfig
from humantrack.config.split import SplitConfig
from humantrack.world.options import CAMERAS


@dataclass
class VideoConfig:
    """What is read, and where results go."""

    source: str | None = key(
        None,
        "A video file, an address, camera:0, a folder or glob of images, or a PHALP .pkl of boxes.",
        path=True,
    )
    output_dir: str = key("outputs/", "Folder for everything a run writes.", path=True)
    extract_video: bool = key(
        False, "Write every frame as a JPEG under <output_dir>/_DEMO/<name>/img and read it back."
    )
    base_path: str | None = key(
        None,
        "Folder of the frames when video.source is a .pkl of given boxes.",
        path=True,
    )
    boxes: str | None = key(
        None,
        "Given boxes (.pkl, .json or MOT .txt) to use on video.source in place of a detector.",
        path=True,
    )
    box_format: str = key(
        "xywh", "Given boxes are xywh (as PHALP reads them) or xyxy (as its README has them)."
    )
    mask_model: str | None = key(
        None, "maskrcnn: silhouettes of given boxes by torchvision's model; null = ellipses."
    )
    start_frame: int | None = key(None, "First frame, from 0; null or -1 = the beginning.")
    end_frame: int | None = key(
        None, "Frame to stop before; null or -1 = the end (PHALP stops at 1300)."
    )
    start_time: str | int | float | None = key(
        None, "Start, as 90, 1.5s, 500ms, 1m30s or 00:01:30.5; null or -1 = the beginning."
    )
    end_time: str | int | float | None = key(
        None, "Stop before this time; null or -1 = the end (PHALP stops at 10 s)."
    )
    stream: int | None = key(
        None, "Which of a file's video streams, from 0; null or -1 = the best, as FFmpeg chooses."
    )
    audio_stream: int | None = key(
        None, "Which of its audio streams the overlay gets, from 0; null or -1 = the best."
    )
    allow_hosts: str = key(
        "same", "any: redirects and playlists may lead to other hosts than the address names."
    )
    useffmpeg: bool = key(
        False, "Frames are always decoded by FFmpeg's libraries.", only=(False, True)
    )


@dataclass
class PHALPConfig:
    """The tracker. Keys that are null take the value that suits the chosen ``tracker``."""

    predict: str | None = key(
        None,
        "Cues to associate by: T texture, A appearance code, P pose, L location. "
        "null = TPL with hmr2, APL with the embedded default.",
    )
    pose_distance: str = key("smpl", "Pose distance: smpl (226 numbers) or joints.")
    distance_type: str = key("EQ_019", "Association cost: EQ_019, EQ_010, A0, P0, L0, ...")
    alpha: float = key(0.1, "How fast a track's texture follows its detections, 0..1.")
    low_th_c: float | None = key(
        None,
        "Lowest detection score that may start a track. null = 0.4 with nanodet, 0.5 with rfdetr, "
        "else 0.8.",
    )
    hungarian_th: float = key(100.0, "A pair that costs more than this is never matched.")
    track_history: int = key(7, "Past observations a forecast looks at.")
    max_age_track: int = key(50, "Frames a track lives on without being seen.")
    n_init: int = key(5, "Detections in a row until a track counts; of a single picture 1.")
    encode_type: str = key("4c", "The texture encoder has four channels.", only=("4c",))
    past_lookback: int = key(1, "Past samples of a track compared with a detection.")
    detector: str | None = key(
        None,
        "nanodet (shipped), maskrcnn, vitdet, rfdetr, vitdet-detectron2 (by detectron2) or given "
        "(video.boxes). null = nanodet; with hmr2 vitdet.",
    )
    shot: int = key(
        0, "PHALP sets it itself in each frame; detect_shots=true finds cuts.", only=(0,)
    )
    start_frame: int = key(-1, "A second cut, counted in the frames that video.* lets through.")
    end_frame: int = key(-1, "End of that cut (PHALP's default is 10; used with start_frame).")
    small_w: int | None = key(
        None, "Narrower boxes (px) are ignored. null = 50 with hmr2, 0 embedded."
    )
    small_h: int | None = key(
        None, "Lower boxes (px) are ignored. null = 100 with hmr2, 0 embedded."
    )
    reference_quirks: bool = key(
        False, "Reproduce PHALP's defects exactly (see docs/architecture.md)."
    )


@dataclass
class PosePredictorConfig:
    """Files of the pose predictor (tracker=hmr2)."""

    config_path: str | None = key(None, "pose_predictor.yaml; null = the cache.", path=True)
    weights_path: str | None = key(None, "pose_predictor.pth; null = the cache.", path=True)
    mean_std: str | None = key(None, "mean_std.npy; null = the cache.", path=True)


@dataclass
class HMRConfig:
    """The body network (tracker=hmr2)."""

    checkpoint: str | None = key(
        None, "HMR2's checkpoint: a file, hmr2a or hmr2b; null = hmr2b's in the cache.", path=True
    )
    hmar_path: str | None = key(None, "hmar_v2_weights.pth; null = the cache.", path=True)
    precision: str = key("auto", "fp32, bf16, fp16 or auto (bf16 on a GPU that has it).")
    compile: bool = key(False, "Compile the network on its first run (torch.compile).")
    batch_size: int = key(32, "People that go through the network at once.")


@dataclass
class SMPLConfig:
    """The SMPL body model (tracker=hmr2)."""

    MODEL_PATH: str | None = key(
        None,
        "The model file (.pkl, .npz), or the folder of SMPL_NEUTRAL.pkl; null = the cache.",
        path=True,
    )
    JOINT_REGRESSOR_EXTRA: str | None = key(None, "SMPL_to_J19.pkl; null = the cache.", path=True)
    GENDER: str = key(
        "neutral",
        "HMR2 gives shapes of the neutral model; SMPL.MODEL_PATH=FILE takes a file of your own.",
        only=("neutral", "NEUTRAL"),
    )
    MODEL_TYPE: str = key("smpl", "HMR2 and PHALP use SMPL.", only=("smpl", "SMPL"))
    NUM_BODY_JOINTS: int = key(23, "SMPL has 23.", only=(23,))
    TEXTURE: str | None = key(
        None,
        "PHALP's texture.npz affects no output; tracker=upstream reads it.",
        only=(None,),
        path=True,
    )


@dataclass
class RenderConfig:
    """The overlay video."""

    enable: bool = key(True, "Draw the overlay video; results are the same either way.")
    world: bool = key(
        False, "Draw PHALP_<name>.world.mp4 too: the clip, and people on the floor beside it."
    )
    type: str = key(
        "HUMAN_MESH", "HUMAN_MESH, HUMAN_MASK, HUMAN_BBOX, SKELETON or TRACKID_<n>_MESH."
    )
    fps: float | None = key(
        None, "Frames per second of the overlay; null = the source's (images: 30)."
    )
    output_resolution: int = key(
        1440, "Cap on the overlay's longer side in px; never enlarges; 0 = no cap."
    )
    head_mask: bool = key(False, "Leave the head undrawn, so that faces stay visible.")
    blur_faces: bool = key(
        False, "Blur everybody's face in the overlay and the world video, drawn or not."
    )
    show_keypoints: bool = key(False, "Draw the joints over whatever render.type draws.")
    side_view_each: bool = key(
        False, "Beside the picture everybody from the side, each turned where he stands."
    )
    colors: str = key(
        "phalp", "Colours of people: phalp (twelve), okabe-ito, pastel, or grey for all."
    )
    up_scale: int = key(
        2, "The overlay has the source's size; render.output_resolution caps it.", only=(2,)
    )
    res: int = key(
        256, "The overlay has the source's size; render.output_resolution caps it.", only=(256,)
    )
    metallicfactor: float = key(0.0, "Bodies are drawn without OpenGL, matt.", only=(0.0,))
    roughnessfactor: float = key(0.7, "Bodies are drawn without OpenGL, matt.", only=(0.7,))
    head_mask_path: str | None = key(
        None,
        "render.head_mask=true finds the head by itself, from the body.",
        only=(None,),
        path=True,
    )


@dataclass
class ResultsConfig:
    """The results file."""

    keys: str = key(
        "name", "Frame keys: name = <clip>/000001.jpg; phalp = paths or (path, pts) tuples."
    )
    features: bool = key(True, "Store appe, loca and pose of every person.")
    observations: bool = key(
        False, "Keep what the tracker was told, for humantrack-retrack (docs/long_videos.md)."
    )


@dataclass
class CheckpointConfig:
    """What lets a run that was stopped or killed go on. Changes no result."""

    enable: bool = key(
        True, "Write down where the run stands, so that the same command continues it."
    )
    every_s: float = key(30.0, "Seconds between two checkpoints; 0 = after every chunk of frames.")
    resume: bool = key(True, "Continue an unfinished run; false starts anew.")


@dataclass
class EmbeddedConfig:
    """The embedded default (tracker=embedded)."""

    landmarks: str = key(
        "auto",
        "The landmark network: heavy (better), full (2.8 times as fast), auto = heavy, and full of "
        "cameras and streams.",
    )
    detection_size: str = key(
        "auto",
        "Longer side of the detector's input, a multiple of 32; auto = 416 and 640 side by side, "
        "and tiles where people are small.",
    )
    detect_every: str = key(
        "auto",
        "Look for people in every N-th frame; auto = some six times a second, and more often "
        "while nobody is found or people come and go.",
    )
    weak_score: float = key(0.2, "Boxes from this score on may continue a track.")


@dataclass
class WorldConfig:
    """People and camera in one world, with a floor, in metres."""

    enable: bool = key(
        True, "Write <results>/demo_<name>.world.pkl at the end of a run (docs/world.md)."
    )
    camera: str = key(
        "auto",
        "How the camera moves: still, turning, free, auto (what the pictures show), colmap (by "
        "pycolmap), or a file: humantrack's JSON, COLMAP's text model, Nuke's .chan.",
        path=True,
        words=CAMERAS,
    )
    focal_px: float | None = key(
        None, "Focal length in pixels of the frame; null = from the file or the people, or usual."
    )
    fov_deg: float | None = key(
        None, "Angle of view across the wider side of the frame, in place of world.focal_px."
    )
    person_height_m: str | None = key(
        None,
        'Height of everybody, as 1.8, or by track id, as "1:1.8,2:1.2"; null = a mean adult\'s.',
    )
    camera_height_m: float | None = key(
        None, "Height of the camera above the floor when each shot begins; null = from the people."
    )


@dataclass
class SweepConfig:
    """Many clips, or many settings, in one call (-m); see docs/clusters.md."""

    recursive: bool = key(False, "Look for clips in the folders inside video.source too.")
    resume: bool = key(
        True,
        "Leave clips alone whose results are there, from the same source and configuration. "
        "overwrite=true on the command line redoes all.",
    )
    max_failures: int | None = key(None, "Begin no more clips once more than this have failed.")
    retries: int = key(0, "Further attempts at a clip that failed.")
    shard: str | None = key(
        None, "2/8: only the second eighth of the clips, chosen by their relative paths."
    )
    lost_after_s: float = key(
        120.0, "A clip whose job has been silent for so long is resumed by another."
    )
    report: str | None = key(
        None, "Set by the sweep itself for each job: where it says how it ended.", path=True
    )


@dataclass
class UpstreamConfig:
    """The genuine packages (tracker=upstream, docs/upstream.md)."""

    class_: str | None = key(
        None, "package.module.Class: a subclass of the genuine PHALP; null = HMR2_4dhuman."
    )


@dataclass
class Config:
    """All keys."""

    tracker: str = key(
        "auto",
        "hmr2 (4D-Humans, needs the official files), embedded (ships with the package), "
        "upstream (the genuine packages, docs/upstream.md), or auto: "
        "hmr2 if all its files are there.",
    )
    seed: int = key(42, "Seed of all random numbers.")
    device: str = key("auto", "auto (the first of cuda, mps, cpu that helps), cpu, cuda:1, mps.")
    detect_shots: bool = key(False, "Find cuts, and track people across them.")
    use_gt: bool = key(False, "Take the boxes of video.source (.pkl) or video.boxes as given.")
    overwrite: bool = key(True, "false: a clip whose results exist is left alone.")
    track_dataset: str = key("demo", "Prefix of the results file.")
    base_tracker: str = key("PHALP", "Prefix of the overlay file.")
    debug: bool = key(False, "Show tracebacks, and plain lines instead of a progress bar.")
    verbose: bool = key(False, "Log details too.")
    batch_frames: int | None = key(
        None, "Frames that the networks see at once; null = by memory. Changes no result."
    )
    read_ahead: int = key(
        8, "Frames decoded ahead, with a GPU at least a chunk; changes no result."
    )
    expand_bbox_shape: list[int] | None = key(
        [192, 256], "Aspect (width, height) boxes are grown to before a body is estimated."
    )
    hmr_type: str | None = key(
        None, "hmr2018: bodies by HMAR, as PHALP without 4D-Humans (tracker=hmr2)."
    )
    train: bool = key(
        False,
        "Training is not part of this program; docs/porting.md says where it is.",
        only=(False,),
    )
    task_id: int = key(-1, "Slices of a folder are made by -m with sweep.shard=3/8.", only=(-1,))
    num_tasks: int = key(
        100, "Slices of a folder are made by -m with sweep.shard=3/8.", only=(100,)
    )
    video_seq: str | None = key(
        None, "PHALP sets it itself; results are named after video.source.", only=(None,)
    )

    video: VideoConfig = key(VideoConfig, "What is read, and where results go.")
    phalp: PHALPConfig = key(PHALPConfig, "The tracker.")
    vitdet: VitDetConfig = key(VitDetConfig, "The detector phalp.detector=vitdet.")
    rfdetr: RfDetrConfig = key(RfDetrConfig, "The detector phalp.detector=rfdetr.")
    pose_predictor: PosePredictorConfig = key(PosePredictorConfig, "Files of the pose predictor.")
    hmr: HMRConfig = key(HMRConfig, "The body network.")
    SMPL: SMPLConfig = key(SMPLConfig, "The SMPL body model.")
    render: RenderConfig = key(RenderConfig, "The overlay video.")
    results: ResultsConfig = key(ResultsConfig, "The results file.")
    checkpoint: CheckpointConfig = key(CheckpointConfig, "Resuming an unfinished run.")
    embedded: EmbeddedConfig = key(EmbeddedConfig, "The embedded default.")
    world: WorldConfig = key(WorldConfig, "People and camera in one world.")
    live: LiveConfig = key(LiveConfig, "Cameras and streams.")
    sweep: SweepConfig = key(SweepConfig, "Many clips in one call.")
    split: SplitConfig = key(SplitConfig, "One long video in parts.")
    upstream: UpstreamConfig = key(UpstreamConfig, "The genuine packages.")


def all_keys(node: type = Config, prefix: str = "") -> Iterator[KeyInfo]:
    """Every leaf of the schema, top-level keys first, in the order they are declared."""
    nested = []
    for f in dataclasses.fields(node):
        default = f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
        if dataclasses.is_dataclass(default):
            nested.append((type(default), f"{prefix}{f.name}."))
            continue
        about = f.metadata
        yield KeyInfo(
            f"{prefix}{f.name}",
            str(f.type),
            default,
            about["help"],
            about["only"] is not None,
            about["path"],
            about["words"],
            about["only"],
        )
    for child, name in nested:
        yield from all_keys(child, name)
