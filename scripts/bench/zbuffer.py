"""Speed of the z-buffer: depth maps for textures, and a body at full HD.

usage: python scripts/bench/zbuffer.py [--rounds N] [--device cpu]

Draws the shipped body, 1.7 m tall, over nine tenths of the picture. Prints maps per second
at 256x256 (what the texture sampler needs for each person) and 1920x1080, with the ratio to a plain
float64 rasteriser in numpy that tests every pixel of each face's rectangle, face by face.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from humantrack.body import load_mannequin
from humantrack.geometry.zbuffer import rasterize
from humantrack.types import BodyBatch

SIZES = ((256, 256), (1080, 1920))


def body() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V,3) in camera axes, 40 m away, and faces (F,3)."""
    upright = np.diag([1.0, -1.0, -1.0])
    rest = BodyBatch(
        global_orient=upright[None, None],
        body_pose=np.tile(np.eye(3), (1, 23, 1, 1)),
        betas=np.zeros((1, 10)),
        cam_crop=np.zeros((1, 3)),
        cam_t=np.zeros((1, 3)),
        joints_3d=np.zeros((1, 45, 3)),
        joints_2d=np.zeros((1, 45, 2)),
    )
    model = load_mannequin()
    vertices = model.vertices(rest)[0]
    vertices = vertices - (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    return vertices + np.array([0, 0, 40.0]), np.asarray(model.faces, np.int64)


def plain(
    vertices: np.ndarray, faces: np.ndarray, focal: float, centre: tuple[float, float], size
) -> np.ndarray:
    """The depth map (H,W), one face after another."""
    depth = np.full(size, 100.0)
    xy = vertices[:, :2] / vertices[:, 2:] * focal + centre
    for face in faces:
        corners, z = xy[face], vertices[face, 2]
        low = np.maximum(np.floor(corners.min(axis=0) - 0.5), 0).astype(int)
        high = np.minimum(np.ceil(corners.max(axis=0) + 0.5), size[::-1]).astype(int)
        if (high <= low).any():
            continue
        x, y = np.meshgrid(
            np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5, sparse=True
        )
        (ax, ay), (bx, by), (cx, cy) = corners
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0:
            continue
        w0 = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
        w1 = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
        w2 = 1 - w0 - w1
        inside = (w0 >= 0) & (w1 >= 0) & (w2 >= 0)
        window = depth[low[1] : high[1], low[0] : high[0]]
        with np.errstate(divide="ignore"):
            found = 1 / (w0 / z[0] + w1 / z[1] + w2 / z[2])
        np.copyto(window, np.minimum(window, found), where=inside)
    return depth


def best(work: Callable[[], object], rounds: int) -> float:
    """Seconds of the fastest of some runs."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    vertices, faces = body()
    mesh, triangles = (torch.tensor(a, device=options.device) for a in (vertices, faces))
    tall = np.ptp(vertices[:, 1])
    print(f"{len(faces)} faces, {options.device}, best of {options.rounds}")
    for size in SIZES:
        focal = 0.9 * size[0] * 40 / tall
        centre = (size[1] / 2, size[0] / 2)
        raster = {"focal_px": focal, "centre_px": centre, "size": size}
        ours = rasterize(mesh, triangles, **raster).depth[0].cpu().numpy()
        reference = plain(vertices, faces, focal, centre, size)
        taken = best(lambda r=raster: rasterize(mesh, triangles, **r).depth.cpu(), options.rounds)
        slow = best(lambda f=focal, c=centre, s=size: plain(vertices, faces, f, c, s), 1)
        print(
            f"{size[1]}x{size[0]}: {1 / taken:6.1f} maps/s ({taken * 1e3:.1f} ms), "
            f"{slow / taken:.0f} times as fast as face by face, "
            f"largest difference {np.abs(ours - reference).max():.1e} m"
        )


if __name__ == "__main__":
    main()
