"""Options of an export, checked when built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from humantrack.errors import ConfigError

ROTATIONS = ("axis_angle", "matrix", "quaternion", "6d")
GAPS = ("interpolate", "hold", "split")
SMOOTH = ("one-euro", "savgol")
MADE_UP = ("blank", "keep")
TABLES = ("tracks", "frames")
SPACES = ("world", "camera")
UPS = ("y", "z")
UNITS = ("m", "cm", "mm")
RESTS = ("t", "a")
TIMELINES = ("track", "clip")
MARKERS = ("body25", "halpe26", "all")
BONES = ("smpl", "humanik", "mixamo", "lafan", "unreal", "unity", "blender")
_EULER = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """Choices that formats share; docs/export.md says which format heeds which.

    Raises:
        ConfigError: for an invalid value.
    """

    rotations: str = "axis_angle"
    """How tables and documents write rotations: axis_angle, matrix, quaternion (w first) or 6d."""

    precision: int | None = None
    """Digits after the point; None writes the shortest text that reads back as the same number."""

    masks: bool = False
    """Whether silhouettes are written, as COCO run-length masks."""

    focal_px: float | None = None
    """Focal length of the real camera in pixels of the frame. None: documents and tables keep
    PHALP's long lens, motion takes the picture's diagonal."""

    frames: tuple[int, int | None] = (0, None)
    """First frame and the one to stop before (None: none), as numbered in the file."""

    tracks: frozenset[int] | None = None
    """Track ids to keep, each of which the results must have; None keeps all."""

    track_ranges: tuple[tuple[int, int], ...] = ()
    """First and last id of more tracks to keep, of which the results must have one each."""

    min_length: int = 1
    """Tracks seen in fewer frames of the whole file are left out."""

    gaps: str = "interpolate"
    """What fills frames in which a track was missed: interpolate, hold, or split (nothing)."""

    fps: float | None = None
    """Rate that motion is resampled to; None keeps the source's frames."""

    smooth: str | None = None
    """Filter over each track's motion: one-euro, savgol, or None."""

    euler: str | None = None
    """Order of BVH's rotation channels; None: ZXY."""

    up: str | None = None
    """Which axis of motion is up: y or z; None: y, but z in npz, as AMASS has it."""

    unit: str | None = None
    """Unit of lengths in bvh, usd and of markers: m, cm or mm; None: metres,
    millimetres in c3d."""

    rest: str | None = None
    """Rest pose that bvh and glb share: t or a (arms half down); None: bvh rests in the T pose,
    glb as its surface was made."""

    bones: str | None = None
    """Whose names bones have: a name of ``BONES``; None: SMPL's."""

    smpl_shape_only: bool = False
    """Whether npz has the mean body's betas where its own are not SMPL's, for programs that shape
    SMPL's body by them; its own are then its ``body_betas``."""

    timeline: str = "track"
    """Whether files of single people begin with the person, or, 'clip', all with the clip."""

    markers: str | None = None
    """Which markers trc has: those of Pose2Sim's body25 or halpe26, or all (None)."""

    made_up: str = "blank"
    """What markers and keypoints of joints that are made up become: blank (missing), or keep."""

    source_fps: float | None = None
    """Frames per second, whatever the results say; None takes what they say, or 30."""

    slow_motion: float | None = None
    """How many times slower than life the video plays: times are divided by it, and the frame
    rate is multiplied by it. 8 for what was recorded at 240 frames per second and plays at 30."""

    space: str | None = None
    """Where people are: 'world' or 'camera'; None takes the world for motion, if there is one."""

    smpl: Path | None = None
    """SMPL model file that gives the rest pose of SMPL bodies; None looks in the cache."""

    tables: tuple[str, ...] = ()
    """Tables beside the rows of csv and parquet: of the tracks, of the frames."""

    def __post_init__(self) -> None:
        for name, value, known in (
            ("rotations", self.rotations, ROTATIONS),
            ("gaps", self.gaps, GAPS),
            ("smooth", self.smooth, (None, *SMOOTH)),
            ("euler", self.euler, (None, *_EULER)),
            ("up", self.up, (None, *UPS)),
            ("unit", self.unit, (None, *UNITS)),
            ("rest", self.rest, (None, *RESTS)),
            ("bones", self.bones, (None, *BONES)),
            ("timeline", self.timeline, TIMELINES),
            ("markers", self.markers, (None, *MARKERS)),
            ("made-up", self.made_up, MADE_UP),
            *(("tables", table, TABLES) for table in self.tables),
            ("space", self.space, (None, *SPACES)),
        ):
            if value not in known:
                choices = ", ".join(str(k) for k in known if k)
                raise ConfigError(f"must be one of {choices}", where=f"--{name} {value}")
        first, stop = self.frames
        if first < 0 or (stop is not None and stop <= first):
            raise ConfigError("holds no frame", where=f"--frames {first}:{stop}")
        for name, number in (
            ("focal", self.focal_px),
            ("fps", self.fps),
            ("source-fps", self.source_fps),
            ("slow-motion", self.slow_motion),
            ("min-length", self.min_length),
        ):
            if number is not None and not 0 < number < 1e9:
                raise ConfigError("must be above 0 and below 1e9", where=f"--{name} {number:g}")
        if self.space == "world" and self.focal_px is not None:
            raise ConfigError(
                "the world has the focal length of its own camera",
                where=f"--focal {self.focal_px:g}",
                hint="humantrack-world RESULTS world.focal_px=PX makes another world",
            )
        if self.precision is not None and not 0 <= self.precision <= 17:
            raise ConfigError("must be 0 to 17", where=f"--precision {self.precision}")
