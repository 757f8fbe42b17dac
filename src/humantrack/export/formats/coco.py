"""COCO's keypoint annotations: images, and people seen in them.

Source: "Data format" and "Keypoint detection" of cocodataset.org; names, order and skeleton of the
17 keypoints are those of its person category.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import orjson
from pycocotools import mask as run_length

from humantrack._version import __version__
from humantrack.body.joints import OPENPOSE_JOINTS
from humantrack.clips.frames import Batch, FrameEntry
from humantrack.export.formats.base import Exporter
from humantrack.results.table import readable
from humantrack.types import JointSource
from humantrack.types.arrays import FloatArray, IntArray

KEYPOINTS = (
    "nose",
    *("left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip"),
    *("left_knee", "right_knee", "left_ankle", "right_ankle"),
)

_BONES = (
    *(("left_ankle", "left_knee"), ("left_knee", "left_hip"), ("right_ankle", "right_knee")),
    *(("right_knee", "right_hip"), ("left_hip", "right_hip"), ("left_shoulder", "left_hip")),
    *(("right_shoulder", "right_hip"), ("left_shoulder", "right_shoulder")),
    *(("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow")),
    *(("left_elbow", "left_wrist"), ("right_elbow", "right_wrist"), ("left_eye", "right_eye")),
    *(("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear")),
    *(("right_eye", "right_ear"), ("left_ear", "left_shoulder"), ("right_ear", "right_shoulder")),
)

CATEGORY = {
    "id": 1,
    "name": "person",
    "supercategory": "person",
    "keypoints": KEYPOINTS,
    "skeleton": [[KEYPOINTS.index(a) + 1, KEYPOINTS.index(b) + 1] for a, b in _BONES],
}

_ROWS = [OPENPOSE_JOINTS.index(name) for name in KEYPOINTS]
_NUMPY = orjson.OPT_SERIALIZE_NUMPY
_CHUNK = 1 << 14


class Coco(Exporter):
    """One COCO document with the people seen, without the ghosts of others.

    Images are numbered by their frames, from 1, and named by their keys; frames of a video that
    was read as it goes by the names that PHALP's extraction gives. A keypoint's mark is 2 within
    the picture, 1 outside, 0 (and its place 0, 0) if it is not finite. Where the results say how
    far joints are to be trusted, it is 2 only for joints that were seen, 1 for those that are
    hidden or held, and 0 (1 if they are to be kept) for those that are made up; the annotation has
    ``keypoint_scores``, their confidence. Each annotation has the track's ``track_id`` too. A
    person whose box is not finite is left out.
    """

    def begin(self) -> None:
        """Open the list of annotations; images wait, squeezed to some 15 bytes a frame."""
        self._file = self.outputs.open(self.suffix)
        self._squeezer, self._images = zlib.compressobj(), bytearray()
        self._frames = self._people = 0
        info = {
            "description": readable(self.facts.name),
            "contributor": f"humantrack {__version__}",
        }
        head = orjson.dumps({"info": info, "licenses": [], "categories": [CATEGORY]})
        self._file.write(head[:-1] + b',"annotations":[\n')

    def write(self, batch: Batch) -> None:
        """Append annotations."""
        sizes: dict[int, tuple[int | None, int | None]] = {}
        for annotation, row, size in self._annotations(batch):
            self._file.write(_entry(annotation, first=self._people == 0))
            self._people += 1
            sizes[row] = size
        for row, frame in enumerate(batch.frames):
            height, width = sizes.get(row, (self.facts.height, self.facts.width))
            image = {
                "id": frame.index + 1,
                "file_name": file_name(frame),
                "height": height,
                "width": width,
                "frame_id": frame.index,
                "time_s": frame.time_s,
            }
            self._images += self._squeezer.compress(_entry(image, first=self._frames == 0))
            self._frames += 1

    def finish(self) -> None:
        """Append the images."""
        self._file.write(b'\n],"images":[\n')
        self._images += self._squeezer.flush()
        widener = zlib.decompressobj()
        for start in range(0, len(self._images), _CHUNK):
            self._file.write(widener.decompress(self._images[start : start + _CHUNK]))
        self._file.write(b"\n]}\n")

    def _annotations(self, batch: Batch) -> list[tuple[dict[str, Any], int, tuple[int, int]]]:
        """Annotation, row of its frame, and (H, W), of everybody seen."""
        people = batch.people
        points = self._keypoints(
            people.joints_px()[:, _ROWS],
            people.size[:, None, ::-1],
            people.joint_source[:, _ROWS],
        )
        trust = np.ascontiguousarray(self._rounded(people.joint_confidence[:, _ROWS]))
        boxes, scores = self._rounded(people.xywh_px), self._rounded(people.score)
        out = []
        seen = (people.missed == 0) & np.isfinite(people.xywh_px).all(axis=1)
        for number, row in enumerate(np.flatnonzero(seen).tolist(), self._people + 1):
            frame, mask = int(people.frame_row[row]), people.masks[row]
            area = float(boxes[row, 2]) * float(boxes[row, 3])
            annotation = {
                "id": number,
                "image_id": batch.frames[frame].index + 1,
                "category_id": CATEGORY["id"],
                "track_id": int(people.track_id[row]),
                "bbox": boxes[row],
                "area": area,
                "iscrowd": 0,
                "score": scores[row],
                "keypoints": points[row].ravel(),
                "num_keypoints": int((points[row, :, 2] > 0).sum()),
            }
            if people.is_rated[row]:
                annotation["keypoint_scores"] = trust[row]
            if self.options.masks and mask is not None:
                annotation |= {"segmentation": mask, "area": int(run_length.area(mask))}
            height, width = people.size[row].tolist()
            out.append((annotation, frame, (height, width)))
        return out

    def _keypoints(self, pixels: FloatArray, size: FloatArray, source: IntArray) -> FloatArray:
        """Pixels (P,17,2), widths and heights (P,1,2), sources (P,17) -> (P,17,3) x, y, mark."""
        known = np.asarray(np.isfinite(pixels).all(axis=-1))
        if self.options.made_up == "blank":
            known &= source != JointSource.MADE_UP
        inside = np.all((pixels >= 0) & (pixels <= size), axis=-1)
        places = self._rounded(np.where(known[..., None], pixels, 0).astype(np.float32))
        marks = known.astype(np.float32) + (known & inside & (source <= JointSource.SEEN))
        return np.ascontiguousarray(np.concatenate([places, marks[..., None]], axis=-1))

    def _rounded(self, array: FloatArray) -> FloatArray:
        digits = self.options.precision
        return array if digits is None else np.asarray(np.round(array, digits))


def file_name(frame: FrameEntry) -> str:
    """The name of a frame's image."""
    if isinstance(frame.key, str):
        return readable(frame.key)
    return f"{readable(str(frame.key[0]))}/{frame.index + 1:06d}.jpg"


def _entry(content: dict[str, Any], *, first: bool) -> bytes:
    return (b"" if first else b",\n") + orjson.dumps(content, option=_NUMPY)
