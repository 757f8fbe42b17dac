"""Rebuild body24_levels.npz, the coarser surfaces of the shipped body, from body24.npz.

    python scripts/bake_levels.py FOLDER

Each level is a list of faces between some of the body's own vertices, so that weights, shape
directions and regions are those of the rows that it keeps. A level of size s has lost all edges
that are shorter than s, as long as the surface stays within about s / 8 (see lib/edge_collapse.py).
Run it again when the vertices, faces or regions of body24.npz change. Takes half a minute.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
from lib.edge_collapse import EdgeCollapse
from lib.origin import MODELS, same_as_shipped

SIZES_MM = (8, 12, 16, 20)
"""The coarsest keeps a silhouette's overlap with the whole body's (IoU) above 0.99."""

NAME = "body24_levels.npz"


def bake(body: Path, out: Path) -> None:
    """Write the levels of a body's surface."""
    with np.load(body) as arrays:
        faces, region = arrays["faces"], arrays["region"]
        mesh = EdgeCollapse(arrays["v_template"], faces.astype(np.int64), region)
    levels = [mesh.until(size / 1000) for size in SIZES_MM]
    for size, level in zip(SIZES_MM, levels, strict=True):
        print(f"{size:4} mm {len(level):6} faces {len(np.unique(level)):6} vertices")
    np.savez_compressed(
        out,
        size_m=np.array(SIZES_MM, np.float32) / 1000,
        faces=np.concatenate(levels).astype(np.uint16),
        count=np.array([len(level) for level in levels], np.int32),
        of_faces=np.array(hashlib.sha256(faces.astype("<u2").tobytes()).hexdigest()),
    )


def main() -> int:
    """Exit status: 0 if the file equals the shipped one, else 1."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help=f"where {NAME} is written")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    bake(MODELS / "body24.npz", folder / NAME)
    return 0 if same_as_shipped(folder / NAME, MODELS / NAME) else 1


if __name__ == "__main__":
    raise SystemExit(main())
