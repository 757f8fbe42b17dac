"""Checks of surfaces: every vertex of a body, skinned anew with scipy's rotations."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from humantrack.body.joints import SMPL_PARENTS
from humantrack.clips.source import ResultsSource
from humantrack.errors import OutputError
from humantrack.export.check_motion import SAME_OPTIONS, motions_of
from humantrack.export.largest import Checked, Largest
from humantrack.export.readback import track_of
from humantrack.export.readback_scenes import read_obj
from humantrack.motion.motion import Motion
from humantrack.motion.surface import Surface, surface_of
from humantrack.types.arrays import FloatArray

SURFACES = ("obj",)
"""The formats of surfaces that can be checked."""


def check_surface(source: ResultsSource, name: str, path: Path) -> Checked:
    """The vertices of one person in one frame.

    Raises:
        OutputError: if the file's name does not say whose it is, or nobody is there then.
        ValueError: if its triangles are others.
    """
    motion, row = _meant(source, name, path)
    surface = surface_of(motion.skeleton, motion.betas)
    vertices, faces = read_obj(path)
    if vertices.shape != surface.vertices.shape or not np.array_equal(faces, surface.faces):
        raise ValueError("its triangles are not those of the body")
    [frame] = motion.frame[row : row + 1].tolist()
    names = [f"vertex {i + 1}" for i in range(len(vertices))]
    largest = Largest()
    meant = _skinned(surface, motion, row)
    largest.add(vertices[None], meant[None], names, [f"{motion.name}, frame {frame}"])
    return largest.done()


def _meant(source: ResultsSource, name: str, path: Path) -> tuple[Motion, int]:
    """Whose body a file's name says it is, and the row of the motion; or the only one there is."""
    who = track_of(path)
    found = re.search(r"_(\d{6,})$", path.stem)
    bodies = []
    for motion, rows in motions_of(source, name):
        start, stop, _ = rows.indices(len(motion))
        shown = motion.frame[start:stop].tolist()
        is_named = len(set(shown)) == len(shown)  # frames made anew count from 0
        for row in range(start, stop):
            number = shown[row - start] if is_named else row
            is_meant = not found or (motion.name, number) == (who, int(found[1]))
            if is_meant and motion.is_present[row]:
                bodies.append((motion, row))
    if len(bodies) != 1:
        what = (
            "its name does not say whose it is" if bodies else "nobody of the results is so named"
        )
        hint = "it ends with _track1_000012.obj, say" if bodies else SAME_OPTIONS
        raise OutputError(what, where=path, hint=hint)
    return bodies[0]


def _skinned(surface: Surface, motion: Motion, row: int) -> FloatArray:
    """(V,3) metres, y up: linear blend skinning."""
    from scipy.spatial.transform import Rotation

    local, rest = motion.matrices[row : row + 1][0], motion.skeleton.rest
    turned = [Rotation.from_matrix(local[0])]
    places = [np.asarray(motion.pelvis[row : row + 1][0], float)]
    for joint in range(1, len(rest)):
        above = SMPL_PARENTS[joint]
        places.append(places[above] + turned[above].apply(rest[joint] - rest[above]))
        turned.append(turned[above] * Rotation.from_matrix(local[joint]))
    out = np.zeros(surface.vertices.shape)
    for joint, (turn, place) in enumerate(zip(turned, places, strict=True)):
        share = np.where(surface.joints == joint, surface.weights, 0).sum(axis=1)
        some = np.flatnonzero(share)
        into = surface.inverse_bind[joint].astype(float)
        own = surface.vertices[some] @ into[:3, :3].T + into[:3, 3]
        if len(some):
            out[some] += share[some, None] * (turn.apply(own) + place)
    return out
