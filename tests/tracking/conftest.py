"""Golden data, and observations made by the rules behind it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from humantrack.types import Observation

DATA = Path(__file__).parents[1] / "data" / "tracker"
SHARED = Path(__file__).parents[3] / "shared"


def _rules():
    spec = importlib.util.spec_from_file_location("tracker_rules", DATA / "rules.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden():
    """Folders: ``data`` in the repository, ``shared`` beside it (may be missing)."""
    return SimpleNamespace(data=DATA, shared=SHARED)


@pytest.fixture(scope="session")
def rules():
    return _rules()


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
