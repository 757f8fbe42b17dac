"""Shaded bodies over a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from humantrack.geometry.cameras import PaddedSquare
from humantrack.render.palette import Rgb
from humantrack.types import BodyBatch, Observation

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating[Any]]

OPACITY = 0.85
AMBIENT, DIFFUSE = 0.42, 0.58
_LIGHT = np.array([-0.35, -0.55, -0.76])
"""Direction to the light in camera axes: from above, a little left, behind the viewer."""


class Body(Protocol):
    """What is needed of a body model."""

    faces: npt.NDArray[np.integer[Any]]

    def vertices(self, bodies: BodyBatch) -> Floats:
        """(N,V,3) metres, camera axes, without translation."""


class MeshPainter:
    """Draws bodies into one z-buffer, so that nearer people hide farther ones.

    Args:
        body: gives faces and vertices.
        hidden_faces: rows of ``faces`` that are not drawn.
        device: where the z-buffer is computed.
    """

    def __init__(
        self,
        body: Body,
        *,
        hidden_faces: npt.NDArray[np.bool_] | None = None,
        device: str = "cpu",
    ) -> None:
        self._body, self._device = body, device
        faces = np.asarray(body.faces, np.int64)
        count = int(faces.max()) + 1
        ones = np.ones(faces.size, np.float32)
        rows = np.repeat(np.arange(len(faces)), 3)
        self._corner_of = csr_matrix((ones, (faces.ravel(), rows)), (count, len(faces)))
        self._all_faces = faces
        self._drawn = (
            np.arange(len(faces)) if hidden_faces is None else np.nonzero(~hidden_faces)[0]
        )
        self._faces: Any = None

    def paint(self, image: Image, people: Sequence[Observation], colours: Sequence[Rgb]) -> None:
        """Draw people into ``image`` (H,W,3), in place. Bodies that are not finite are left out."""
        height, width = image.shape[:2]
        drawable = [
            (o, c) for o, c in zip(people, colours, strict=True) if np.isfinite(o.pose_vector).all()
        ]
        if not drawable:
            return
        bodies = batch([o for o, _ in drawable])
        points = self._body.vertices(bodies) + bodies.cam_t[:, None]
        face = self._visible_faces(points, PaddedSquare(height, width), (height, width))
        rows, columns = (
            np.nonzero((face >= 0).any(axis=1))[0],
            np.nonzero((face >= 0).any(axis=0))[0],
        )
        if not len(rows):
            return
        box = np.s_[max(rows[0] - 2, 0) : rows[-1] + 3, max(columns[0] - 2, 0) : columns[-1] + 3]
        shades = np.concatenate(
            [self._shaded(mesh, colour) for mesh, (_, colour) in zip(points, drawable, strict=True)]
        )
        _blend(image[box], face[box], shades)

    def _visible_faces(
        self, points: Floats, square: PaddedSquare, size: tuple[int, int]
    ) -> npt.NDArray[np.int32]:
        """(H,W) number of the face seen through each pixel, counted over all bodies; -1 = none."""
        import torch

        from humantrack.geometry.zbuffer import rasterize

        if self._faces is None:
            self._faces = torch.from_numpy(self._all_faces[self._drawn]).to(self._device)
        raster = rasterize(
            torch.from_numpy(np.ascontiguousarray(points)).to(self._device),
            self._faces,
            focal_px=square.focal_px,
            centre_px=tuple(square.centre_px),
            size=size,
            far=1e6,
            cull_back=True,
            scene=True,
        )
        return raster.face[0].cpu().numpy()

    def _shaded(self, mesh: Floats, colour: Rgb) -> Image:
        """(drawn faces,3) colours under one light, with the normals of neighbours mixed in."""
        corners = mesh[self._all_faces]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        at_vertex = np.asarray(self._corner_of @ normals)
        smooth = at_vertex[self._all_faces[self._drawn]].sum(axis=1)
        length = np.linalg.norm(smooth, axis=1, keepdims=True)
        facing = (smooth / np.maximum(length, 1e-12)) @ (_LIGHT / np.linalg.norm(_LIGHT))
        light = AMBIENT + DIFFUSE * np.clip(facing, 0, 1)
        bright: Image = np.clip(light[:, None] * np.array(colour) * 1.15, 0, 255).astype(np.uint8)
        return bright


def _blend(image: Image, face: npt.NDArray[np.int32], shades: Image) -> None:
    """Mix the shaded faces into the image, in place, with edges softened over a pixel."""
    drawn = face >= 0
    colour = np.zeros_like(image)
    colour[drawn] = shades[face[drawn]]
    cover = cv2.blur(drawn.astype(np.float32), (3, 3))
    colour_at_edge = (
        cv2.blur(colour.astype(np.float32), (3, 3)) / np.maximum(cover, 1e-6)[..., None]
    )
    solid = np.where(drawn[..., None], colour, colour_at_edge)
    alpha = (OPACITY * cover)[..., None]
    image[:] = (image * (1 - alpha) + solid * alpha + 0.5).astype(np.uint8)


def batch(people: Sequence[Observation]) -> BodyBatch:
    """Observations as one batch."""
    return BodyBatch(
        **{
            name: np.stack([getattr(o, name) for o in people])
            for name in (
                "global_orient",
                "body_pose",
                "betas",
                "cam_crop",
                "cam_t",
                "joints_3d",
                "joints_2d",
            )
        }
    )
