"""How many people a detector finds at every height, and how many boxes it makes up.

One person of a still is scaled until he is so and so high where the longer side of the picture is
640 px, and cut out with what surrounds him (the still's mean colour where it ends). Pictures have
twice that resolution, as real ones are larger than a network's input. Each is the first that
the detector sees. He is found if a box with a score of 0.4 or more has IoU > 0.5 with him. Further
boxes with such a score are counted as false where less than half of the box is on anybody known,
and as doubles where it is on him.

Drawn people are those of the clips with exact truth, real ones those of
tests/data/real/stills.json, whose boxes were checked by eye; ``others`` are people in the same
still who are not looked for.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from lib.score_table import Row, Table

from humantrack.geometry.boxes import clip_to_image, iou
from humantrack.types import Detections, Frame
from humantrack.types.stages import Detector

INPUT, SHARPER = 640, 2
SCORE, HIT, ON_SOMEBODY = 0.4, 0.5, 0.5
HEIGHTS = range(40, 601, 10)
BANDS = ((40, 100), (100, 140), (140, 180), (180, 260), (260, 340), (340, 440), (440, 601))
DRAWN_STILLS = {"demo.mp4": (0, 90, 150, 235), "demo_small.mp4": (0, 45)}

SCALING = Table(
    "quality.py scaling",
    {
        "cases": Row("cases", "{:.0f}"),
        "found": Row("found", "{:.1%}", ">= 98 %"),
        **{
            f"found_{low}_{high}": Row(f"of {low} to {high - 1} px", "{:.1%}")
            for low, high in BANDS
        },
        "false": Row("false boxes", "{:.0f}"),
        "doubles": Row("further boxes on one person", "{:.0f}"),
    },
)


@dataclass(frozen=True)
class Still:
    """A person in a picture, and who else is there."""

    name: str
    rgb: np.ndarray
    box: np.ndarray
    """(4,) xyxy."""

    others: np.ndarray
    """(N,4)"""


@dataclass(frozen=True)
class Result:
    """What became of a person at a height."""

    still: str
    height: int
    found: bool
    false: int
    doubles: int


def stills(data: Path) -> dict[str, list[Still]]:
    """The drawn people and the real ones in the shipped clips."""
    return {"drawn": list(_drawn(data)), "real": list(_real(data / "real"))}


def _drawn(data: Path) -> Iterator[Still]:
    for clip, numbers in DRAWN_STILLS.items():
        with np.load(data / f"{Path(clip).stem}_gt.npz") as gt:
            box, visible = gt["box"], gt["visible"]
        for number, rgb in _pictures(data / clip, numbers):
            for k in np.flatnonzero(visible[number] > 0.95):
                rest = (visible[number] > 0) & (np.arange(visible.shape[1]) != k)
                name = f"{clip} {number} {k}"
                yield Still(name, rgb, box[number, k], box[number][rest])


def _real(folder: Path) -> Iterator[Still]:
    listed = json.loads((folder / "stills.json").read_text("utf-8"))
    for clip, of_clip in itertools.groupby(listed, key=lambda still: still["clip"]):
        wanted = {still["frame"]: still for still in of_clip}
        for number, rgb in _pictures(folder / clip, wanted):
            box, others = wanted[number]["box"], wanted[number]["others"]
            others = np.array(others, float).reshape(-1, 4)
            yield Still(f"{clip} {number}", rgb, np.array(box, float), others)


def _pictures(clip: Path, numbers: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
    wanted = set(numbers)
    with av.open(str(clip)) as container:
        for number, picture in enumerate(container.decode(video=0)):
            if number in wanted:
                yield number, picture.to_ndarray(format="rgb24")
            if number >= max(wanted):
                return


def scaled(still: Still, height: int) -> tuple[Frame, np.ndarray, np.ndarray]:
    """The picture with the person so high, his box, and the boxes of the others.

    It lies 16:9 where he fits into that, and stands else.
    """
    scale = SHARPER * height / (still.box[3] - still.box[1])
    long, short = SHARPER * INPUT, SHARPER * INPUT * 9 // 16
    size = np.array([long, short] if SHARPER * height < 0.95 * short else [short, long])
    corner = (still.box[:2] + still.box[2:]) / 2 * scale - size / 2
    matrix = np.array([[scale, 0, -corner[0]], [0, scale, -corner[1]]])
    rgb = still.rgb
    if scale < 1:  # or it aliases
        small = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
        rgb = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA)
        matrix[:, :2] = np.eye(2)
    picture = cv2.warpAffine(
        rgb,
        matrix,
        size.tolist(),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=still.rgb.mean(axis=(0, 1)).tolist(),
    )
    boxes = np.concatenate([still.box[None], still.others]) * scale - np.tile(corner, 2)
    boxes = clip_to_image(boxes, int(size[1]), int(size[0]))
    boxes = boxes[(boxes[:, 2:] > boxes[:, :2]).all(axis=1)]
    frame = Frame(index=0, source_index=0, time_s=0.0, rgb=picture, key=still.name)
    return frame, boxes[0], boxes[1:]


def judged(
    found: Detections, box: np.ndarray, others: np.ndarray, score: float = SCORE
) -> tuple[bool, int, int]:
    """Whether a person was found, how many boxes are on nobody, and how many too many on him."""
    boxes = found.xyxy_px[found.score >= np.float32(score)].astype(float)
    if not len(boxes):
        return False, 0, 0
    hit = iou(box[None], boxes)[0] > HIT
    somebody = np.concatenate([box[None], others])
    low = np.maximum(boxes[:, None, :2], somebody[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], somebody[None, :, 2:])
    area = np.prod(boxes[:, None, 2:] - boxes[:, None, :2], axis=-1)
    on = np.prod(np.clip(high - low, 0, None), axis=-1) / area > ON_SOMEBODY
    on_him = hit | (on[:, 0] & ~on[:, 1:].any(axis=1))
    false = ~on.any(axis=1) & ~hit
    return bool(hit.any()), int(false.sum()), max(0, int(on_him.sum()) - 1)


def results(
    detector: Detector, people: Sequence[Still], heights: Iterable[int] = HEIGHTS
) -> list[Result]:
    """Every person at every height."""
    out = []
    for still, height in itertools.product(people, heights):
        frame, box, others = scaled(still, height)
        detector.reset()
        (found,) = detector.detect([frame])
        out.append(Result(still.name, height, *judged(found, box, others)))
    return out


def share_found(of: Sequence[Result]) -> float:
    """Of all cases."""
    return float(np.mean([result.found for result in of]))


def figures(of: Sequence[Result]) -> dict[str, float]:
    """Shares, by height, and false boxes."""
    out: dict[str, float] = {"cases": len(of), "found": share_found(of)}
    for low, high in BANDS:
        band = [result for result in of if low <= result.height < high]
        if band:
            out[f"found_{low}_{high}"] = share_found(band)
    out["false"] = sum(result.false for result in of)
    return {**out, "doubles": sum(result.doubles for result in of)}


def scaling_quality(data: Path, name: str = "nanodet") -> dict[str, dict[str, float]]:
    """Figures of the detector of that name on drawn and real people, and on all."""
    from humantrack.detect.registry import DetectorOptions, make_detector

    detector = make_detector(name, DetectorOptions())
    of = {kind: results(detector, people) for kind, people in stills(data).items()}
    of["all"] = [result for kind in list(of.values()) for result in kind]
    return {kind: SCALING.tidy(figures(found)) for kind, found in of.items()}
