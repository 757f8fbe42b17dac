"""Golden data, and observations made by the rules behind it."""

from __future__ import annotations

import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tracker_rules

from humantrack.types import Observation

DATA = Path(__file__).parents[1] / "data" / "tracker"


def _normal(key, shape):
    bits = np.random.PCG64(zlib.crc32(key.encode()))
    return np.random.Generator(bits).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="session")
def normal():
    """(key, shape) -> standard normal numbers, the rule of the second set of goldens."""
    return _normal


@pytest.fixture(scope="session")
def hmar_uvs():
    """(2,4,256,256) texture maps of the second set of goldens."""
    y, x = np.mgrid[0:256, 0:256].astype(float)
    n = _normal("golden.hmar.uv", (2, 4, 256, 256))
    uv = np.zeros((2, 4, 256, 256), np.float32)
    for b in range(2):
        inside = (x - 128.0) ** 2 + (y - 100.0 - 40 * b) ** 2 < (60.0 + 20 * b) ** 2
        for k in range(3):
            wave = np.sin(2 * np.pi * (x / (31.0 + 8 * k) + y / (47.0 + 11 * b)))
            uv[b, k] = np.where(inside, 0.2 * wave + 0.05 * n[b, k], 0)
        uv[b, 3] = np.where(inside, 1, -1)
    return uv


@pytest.fixture(scope="session")
def golden():
    """The folder ``data`` of goldens in the repository."""
    return SimpleNamespace(data=DATA)


@pytest.fixture(scope="session")
def rules():
    return tracker_rules


def _observe(
    frame_index=0,
    *,
    location=None,
    pose=None,
    code=None,
    uv=None,
    xywh=(0, 0, 100, 200),
    score=0.95,
    **fields,
):
    zero = np.zeros
    x, y, w, h = xywh
    if location is None:
        location = zero(99, np.float32)
        location[90:99] = np.tile([0, 0, 20], 3)
    return Observation(
        frame_index=frame_index,
        frame_key=f"{frame_index:06d}.jpg",
        image_size=(720, 1280),
        xyxy_px=np.array([x, y, x + w, y + h], np.float32),
        padded_xyxy_px=np.array([x, y, x + w, y + h], np.float32),
        score=score,
        class_id=0,
        global_orient=zero((1, 3, 3), np.float32),
        body_pose=zero((23, 3, 3), np.float32),
        betas=zero(10, np.float32),
        cam_crop=zero(3, np.float32),
        cam_t=zero(3, np.float32),
        joints_3d=zero((45, 3), np.float32),
        joints_2d=zero((45, 2), np.float32),
        code=zero(4096, np.float32) if code is None else code,
        pose_vector=zero(229, np.float32) if pose is None else pose,
        location_vector=location,
        uv=uv,
        **fields,
    )


@pytest.fixture(scope="session")
def observe():
    """Make an observation; what is not given is plain."""
    return _observe


@pytest.fixture(scope="session")
def person_at(rules):
    """(person, t) -> the golden observation; ``extra`` holds the person."""

    def make(person, t, *, texture=False, **fields):
        d = rules.detection(person, t)
        given = {
            "frame_index": t,
            "location": d["location"],
            "pose": d["pose"],
            "code": d["code"],
            "uv": rules.expand(d["uv_blocks"]) if texture else None,
            "xywh": d["xywh"],
            "extra": person,
        }
        return _observe(**(given | fields))

    return make
