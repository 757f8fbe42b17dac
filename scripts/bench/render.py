"""Measure the overlay: people of the demo clip drawn at 854x480 and 1920x1080.

    python scripts/bench/render.py [--rounds 15] [--frame 120]

Prints, for each size, ms per frame and per person of the z-buffer, the shading, the blending and
the whole, and of the plain way to do the same without OpenGL: the painter's algorithm, one
``cv2.fillConvexPoly`` per face that is turned to the viewer, farthest first. Both are measured in
turn, so that a busy machine slows both; figures are medians, with the smallest in brackets.
Writes nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from humantrack.body import load_mannequin
from humantrack.render import identity_colour, mesh
from humantrack.types import BodyBatch

GROUND_TRUTH = Path(__file__).parents[2] / "tests" / "data" / "demo_gt.npz"
SIZES = ((480, 854), (1080, 1920))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--frame", type=int, default=120, help="0..239; 4 people from 107 on")
    options = parser.parse_args()

    body = load_mannequin()
    surfaces, focal_px, centre_px, clip_height = people_of_the_demo(body, options.frame)
    painter = mesh.MeshPainter(body)
    paints = [mesh.Paint(identity_colour(i + 1), mesh.ALPHA) for i in range(len(surfaces))]
    print(f"{len(surfaces)} people, {len(body.faces)} faces each")
    for size in SIZES:
        scale = size[0] / clip_height
        camera = mesh.Camera(focal_px * scale, (centre_px[0] * scale, centre_px[1] * scale))
        picture = np.full((*size, 3), 128, np.uint8)
        parts: dict[str, Callable[[], Any]] = {
            "overlay": lambda p=picture, c=camera: painter.draw_surfaces(p, surfaces, paints, c),
            "  of it z-buffer": lambda s=size, c=camera: painter._visible_faces(surfaces, c, s),
            "painter's": lambda p=picture, c=camera: paint_naively(
                p, surfaces, body.faces, c, paints
            ),
        }
        report(size, measure(parts, options.rounds), len(surfaces))


def people_of_the_demo(body: Any, frame: int) -> tuple[np.ndarray, float, tuple[float, float], int]:
    """Surfaces (N,V,3) in camera coordinates, focal length, centre and height of the clip."""
    truth = np.load(GROUND_TRUTH)
    who = np.flatnonzero(truth["present"][frame])
    count = len(who)
    bodies = BodyBatch(
        global_orient=truth["global_orient"][frame, who][:, None],
        body_pose=truth["body_pose"][frame, who],
        betas=truth["betas"][who],
        cam_crop=np.zeros((count, 3)),
        cam_t=truth["transl"][frame, who],
        joints_3d=np.zeros((count, 45, 3)),
        joints_2d=np.zeros((count, 45, 2)),
    )
    camera = truth["K"]
    centre = (float(camera[0, 2]), float(camera[1, 2]))
    surfaces = body.vertices(bodies) + bodies.cam_t[:, None]
    return surfaces, float(camera[0, 0]), centre, int(truth["size"][1])


def paint_naively(
    picture: np.ndarray,
    surfaces: np.ndarray,
    faces: np.ndarray,
    camera: mesh.Camera,
    paints: list[mesh.Paint],
) -> None:
    """Flat shading, farthest face first, one polygon at a time."""
    layer = picture.copy()
    triangles = surfaces[:, faces].reshape(-1, 3, 3)
    colours = np.repeat(np.array([p.colour for p in paints], float), len(faces), axis=0)
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    facing = -(normals * triangles[:, 0]).sum(axis=1)
    light = facing / np.linalg.norm(normals, axis=1).clip(1e-12)
    light = 0.3 + 0.7 * light / np.linalg.norm(triangles[:, 0], axis=1)
    pixels = triangles[..., :2] / triangles[..., 2:] * camera.focal_px + camera.centre_px
    pixels = np.rint(pixels * 8).astype(np.int32)
    shaded = (colours * light[:, None]).tolist()
    front = np.flatnonzero(facing > 0)
    for i in front[np.argsort(-triangles[front, :, 2].mean(axis=1))]:
        cv2.fillConvexPoly(layer, pixels[i], shaded[i], cv2.LINE_8, 3)
    cv2.addWeighted(layer, mesh.ALPHA, picture, 1 - mesh.ALPHA, 0, picture)


def measure(parts: dict[str, Callable[[], Any]], rounds: int) -> dict[str, np.ndarray]:
    """Seconds of each part in each round; the first round only warms up."""
    taken: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds + 1):
        for name, part in parts.items():
            start = time.perf_counter()
            part()
            taken[name].append(time.perf_counter() - start)
    return {name: np.array(values[1:]) for name, values in taken.items()}


def report(size: tuple[int, int], taken: dict[str, np.ndarray], people: int) -> None:
    """Print one size's figures."""
    print(f"{size[1]}x{size[0]}")
    for name, seconds in taken.items():
        frame, least = 1000 * np.median(seconds), 1000 * seconds.min()
        print(
            f"  {name:18} {frame:7.1f} ({least:.1f}) ms a frame, {frame / people:6.2f} ms a person"
        )
    ratio = np.median(taken["painter's"]) / np.median(taken["overlay"])
    print(f"  the painter's algorithm takes {ratio:.1f} times as long")


if __name__ == "__main__":
    main()
