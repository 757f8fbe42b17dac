"""The shipped body as a .glb at rest, for viewers that move it themselves."""

from __future__ import annotations

import functools
import io

import numpy as np

from humantrack.body.mannequin import load_mannequin
from humantrack.export.glb import write_rest_body
from humantrack.export.skeleton import Skeleton


@functools.cache
def rest_body() -> bytes:
    """The file's content."""
    rest = load_mannequin().rest_joints(np.zeros((1, 10)))[0]
    file = io.BytesIO()
    write_rest_body(file, Skeleton(kind="embedded", rest=rest - rest[0], error_m=0.0))
    return file.getvalue()
