"""Measure the overlay: people of the demo clip drawn at 854x480 and 1920x1080.

    python scripts/bench/render.py [--rounds 15] [--frame 120] [--against FOLDER/src]

For each size and kind of overlay: wall and processor time of a whole frame (people posed, drawn and
blended, the picture copied or shrunk), without and with the encoder. ``--against`` measures another
version of the package, a folder that holds ``humantrack``, in turn with this one, so that a busy
machine slows both, and prints the ratio. For bodies, also the plain way to draw them without
OpenGL: the painter's algorithm, one ``cv2.fillConvexPoly`` per face that is turned to the viewer,
farthest first. Figures are medians. Writes nothing but a temporary video.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

DATA = Path(__file__).parents[2] / "tests" / "data"
SIZES = ((480, 854), (1080, 1920))
KINDS = ("HUMAN_MESH", "HUMAN_MASK", "HUMAN_BBOX", "SKELETON")
ENCODED = 10
"""Frames that are written to a video in one go."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--frame", type=int, default=120, help="0..239; 4 people from 107 on")
    parser.add_argument("--against", type=Path, help="folder with another version's humantrack")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.frame)
        return
    workers = [Worker(options.frame, None)]
    if options.against:
        workers.append(Worker(options.frame, options.against))
    for name in workers[0].names:
        taken = np.array(
            [[worker.measure(name) for worker in workers] for _ in range(options.rounds + 1)]
        )
        report(name, 1000 * np.median(taken[1:], axis=0))  # the first round only warms up


class Worker:
    """A process that draws with one version of the package.

    Args:
        frame: of the demo clip.
        source: folder with the package; None for the one that is installed.
    """

    def __init__(self, frame: int, source: Path | None) -> None:
        environment = dict(os.environ)
        if source is not None:
            environment["PYTHONPATH"] = str(source.resolve())
        command = [sys.executable, __file__, "--worker", "--frame", str(frame)]
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.names: list[str] = json.loads(self._process.stdout.readline())

    def measure(self, name: str) -> list[float]:
        """Wall and processor seconds of one frame."""
        print(name, file=self._process.stdin, flush=True)
        seconds: list[float] = json.loads(self._process.stdout.readline())
        return seconds


def report(name: str, taken_ms: np.ndarray) -> None:
    """Print what the versions, one or two, took: (versions, wall and processor) ms."""
    columns = [f"{wall:7.1f} ms, CPU {cpu:6.1f} ms" for wall, cpu in taken_ms]
    ratio = ""
    if len(taken_ms) == 2:
        wall, cpu = taken_ms[1] / taken_ms[0]
        ratio = f"   {wall:4.1f} times as fast ({cpu:.1f} in CPU time)"
    print(f"{name:32}" + "   before: ".join(columns) + ratio)


def work(frame: int) -> None:
    """Take names of parts from standard input and give their seconds on standard output."""
    parts: dict[str, Callable[[], int]] = {}
    for size in SIZES:
        parts.update(parts_of(size, frame))
    print(json.dumps(list(parts)), flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        frames = parts[line.strip()]()
        taken = time.perf_counter() - wall, time.process_time() - cpu
        print(json.dumps([seconds / frames for seconds in taken]), flush=True)


def parts_of(size: tuple[int, int], number: int) -> dict[str, Callable[[], int]]:
    """What is measured at a size; each says how many frames it did."""
    from humantrack.body import load_mannequin
    from humantrack.render import Overlay

    body = load_mannequin()
    frame, record, surfaces = people_of_the_demo(body, size, number)
    parts: dict[str, Callable[[], int]] = {}

    def add(name: str, draw: Callable[[], Any]) -> None:
        parts[f"{size[1]}x{size[0]} {name}"] = lambda: len([draw()])

    for kind in KINDS:
        overlay = Overlay(body, kind=kind, output_resolution=0)
        add(kind, lambda overlay=overlay: overlay.draw(frame, record))
    shrinking = Overlay(body)
    if max(shrinking.size(*size)) < max(size):
        add("HUMAN_MESH, shrunk", lambda: shrinking.draw(frame, record))
    whole = Overlay(body, output_resolution=0)
    parts[f"{size[1]}x{size[0]} HUMAN_MESH, encoded"] = lambda: encode(whole, frame, record)
    add("painter's algorithm", lambda: paint_naively(frame.rgb.copy(), surfaces, body.faces))
    return parts


def encode(overlay: Any, frame: Any, record: Any) -> int:
    """Draw and write some frames."""
    from humantrack.video import VideoWriter

    height, width = frame.rgb.shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "overlay.mp4"
        with VideoWriter(path, fps=Fraction(30), width=width, height=height) as writer:
            for _ in range(ENCODED):
                writer.write(overlay.draw(frame, record))
    return ENCODED


def people_of_the_demo(body: Any, size: tuple[int, int], number: int) -> tuple[Any, Any, Any]:
    """A frame of the clip at a size, its record, and surfaces (N,V,3) in pixels and depth."""
    from humantrack.geometry.cameras import PaddedSquare, project_to_square
    from humantrack.types import BodyBatch, FrameRecord

    truth = np.load(DATA / "demo_gt.npz")
    who = np.flatnonzero(truth["present"][number])
    square, scale = PaddedSquare(*size), size[0] / int(truth["size"][1])
    camera = truth["K"] * scale
    # The same places in the picture, seen with PHALP's focal length.
    place = truth["transl"][number, who]
    xy_px = place[:, :2] / place[:, 2:] * camera[0, 0] + camera[:2, 2]
    z = place[:, 2:] * square.focal_px / camera[0, 0]
    cam_t = np.concatenate([(xy_px - square.centre_px) / square.focal_px * z, z], axis=1)
    fields = {
        "global_orient": truth["global_orient"][number, who][:, None],
        "body_pose": truth["body_pose"][number, who],
        "betas": truth["betas"][who],
        "cam_crop": np.ones((len(who), 3)),
        "cam_t": cam_t,
        "joints_3d": np.zeros((len(who), 45, 3)),
        "joints_2d": np.zeros((len(who), 45, 2)),
    }
    bodies = BodyBatch(**{name: values.astype(np.float32) for name, values in fields.items()})
    joints = body.joints(bodies)
    fields |= {"joints_3d": joints, "joints_2d": project_to_square(joints, cam_t)}
    surfaces = body.vertices(bodies) + cam_t[:, None]
    surfaces[..., :2] = square.project(surfaces)
    people = [
        tracked(i + 1, {name: values[i] for name, values in fields.items()}, surface, size)
        for i, surface in enumerate(surfaces)
    ]
    record = FrameRecord(
        index=0,
        source_index=0,
        key="demo",
        time_s=0.0,
        is_shot_start=False,
        image_size=size,
        people=tuple(people),
    )
    return picture_of_the_demo(size, number), record, surfaces


def tracked(track_id: int, fields: dict[str, Any], surface: np.ndarray, size: Any) -> Any:
    """Someone whose body, joints, box and silhouette are known."""
    from pycocotools import mask as coco_mask

    from humantrack.types import Observation, TrackedPerson

    outline = cv2.convexHull(surface[:, :2].astype(np.float32)).astype(np.int32)
    inside = cv2.fillConvexPoly(np.zeros(size, np.uint8), outline, 1)
    box = np.concatenate([surface[:, :2].min(axis=0), surface[:, :2].max(axis=0)])
    seen = Observation(
        frame_index=0,
        frame_key="demo",
        image_size=size,
        xyxy_px=box,
        padded_xyxy_px=box,
        score=1.0,
        class_id=0,
        code=np.zeros(4096, np.float32),
        pose_vector=np.zeros(229, np.float32),
        location_vector=np.zeros(99, np.float32),
        mask={
            "size": list(size),
            "counts": coco_mask.encode(np.asfortranarray(inside))["counts"].decode(),
        },
        **fields,
    )
    return TrackedPerson(track_id=track_id, missed=0, observation=seen)


def picture_of_the_demo(size: tuple[int, int], number: int) -> Any:
    """A frame of the clip, enlarged to a size."""
    import av

    from humantrack.types import Frame

    with av.open(str(DATA / "demo.mp4")) as clip:
        rgb = next(
            f.to_ndarray(format="rgb24") for i, f in enumerate(clip.decode(video=0)) if i == number
        )
    if rgb.shape[:2] != size:
        rgb = np.asarray(cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    return Frame(index=0, source_index=0, time_s=0.0, rgb=rgb, key="demo")


def paint_naively(picture: np.ndarray, surfaces: np.ndarray, faces: np.ndarray) -> None:
    """Flat shading, farthest face first, one polygon at a time; surfaces in pixels and depth."""
    layer = picture.copy()
    triangles = surfaces[:, faces].reshape(-1, 3, 3)
    (ux, uy), (vx, vy) = ((triangles[:, i, :2] - triangles[:, 0, :2]).T for i in (1, 2))
    front = np.flatnonzero(ux * vy - uy * vx < 0)
    pixels = np.rint(triangles[..., :2] * 8).astype(np.int32)
    for i in front[np.argsort(-triangles[front, :, 2].mean(axis=1))]:
        cv2.fillConvexPoly(layer, pixels[i], (86, 160, 222), cv2.LINE_8, 3)
    cv2.addWeighted(layer, 0.85, picture, 0.15, 0, picture)


if __name__ == "__main__":
    main()
