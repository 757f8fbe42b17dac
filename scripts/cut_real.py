"""Cut the real clips of tests/data/real from the originals, with the truth of those that have it.

usage: python scripts/cut_real.py ORIGINALS

ORIGINALS holds the clips under the names they have there, balance.trc and balance_calibration.toml
(tests/data/real/README.md says where all of it comes from). Needs ffmpeg. Encoders differ, so the
pictures may differ from the shipped ones by a little.

The .trc holds joints in metres, y up, triangulated from all four cameras; the calibration has z up.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from lib.measures import NAMES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OUT = Path(__file__).resolve().parents[1] / "tests" / "data" / "real"
AS_THEY_ARE = ("balance_cam1.mp4", "balance_cam2.mp4", "squat.mp4")
SMALLER = {"balance_cam3.mp4": (0, 99, 28), "balance_cam4.mp4": (0, 99, 28)}
SMALLER["back_view.mp4"] = (225, 284, 25)
"""First and last frame, and x264's quality."""

CAMERAS = (1, 2, 3, 4)
SHIFTED = (3,)
"""Cameras whose calibration does not fit: the projection is some 30 px off."""

ENCODER = ("-an", "-c:v", "libx264", "-preset", "slow", "-pix_fmt", "yuv420p")


def cut(source: Path, first: int, last: int, quality: int) -> None:
    """Encode some frames of a clip again, with their times."""
    frames = f"select='between(n,{first},{last})',setpts=PTS-STARTPTS"
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(source), "-vf", frames]
    command += ["-fps_mode", "passthrough", *ENCODER, "-crf", str(quality)]
    subprocess.run([*command, "-movflags", "+faststart", str(OUT / source.name)], check=True)


def world_joints(trc: Path) -> np.ndarray:
    """(T,12,3) metres, z up."""
    lines = trc.read_text(encoding="utf-8").splitlines()
    columns = [name for name in lines[3].split("\t")[2:] if name.strip()]
    rows = [line.split("\t")[2:] for line in lines[5:] if line.strip()]
    width = 3 * len(columns)
    numbers = [[float(x) if x.strip() else np.nan for x in row[:width]] for row in rows]
    points = np.array(numbers).reshape(len(rows), len(columns), 3)
    wanted = [f"{name[0].upper()}{name.split()[1].capitalize()}" for name in NAMES]
    return points[:, [columns.index(name) for name in wanted]][..., [2, 0, 1]]


def seen_by(world: np.ndarray, camera: dict) -> tuple[np.ndarray, np.ndarray]:
    """(T,12,3) in the camera's axes, and (T,12,2) pixels."""
    turn, _ = cv2.Rodrigues(np.array(camera["rotation"]))
    shift = np.array(camera["translation"])
    matrix, lens = np.array(camera["matrix"]), np.array(camera["distortions"])
    points = np.nan_to_num(world.reshape(-1, 3))
    px, _ = cv2.projectPoints(points, turn, shift, matrix, lens)
    px = px.reshape(*world.shape[:2], 2)
    return world @ turn.T + shift, np.where(np.isnan(world[..., :2]), np.nan, px)


def main(originals: Path) -> None:
    """Write all clips and truths."""
    OUT.mkdir(parents=True, exist_ok=True)
    for name in AS_THEY_ARE:
        shutil.copyfile(originals / name, OUT / name)
    for name, how in SMALLER.items():
        cut(originals / name, *how)
    world = world_joints(originals / "balance.trc")
    calibration = tomllib.loads((originals / "balance_calibration.toml").read_text("utf-8"))
    for number in CAMERAS:
        camera = calibration[f"cam_{number:02}"]
        joints_m, joints_px = seen_by(world, camera)
        np.savez_compressed(
            OUT / f"balance_cam{number}_gt.npz",
            joints_m=joints_m.astype(np.float32),
            joints_px=joints_px.astype(np.float32),
            K=np.array(camera["matrix"]),
            calibrated=np.array(number not in SHIFTED),
        )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
