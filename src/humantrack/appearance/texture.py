"""Texture sampler: a surface seen in a crop -> its UV map, with holes where it is hidden."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from humantrack.appearance.hmar import process_uv_image
from humantrack.errors import MissingWeightsError, WeightsError
from humantrack.geometry.cameras import FOCAL_PX, SQUARE_PX
from humantrack.geometry.zbuffer import rasterize
from humantrack.types.arrays import FloatArray, IntArray

MAP_PX = 256
DEPTH_TOLERANCE_M = 1e-4
_CHUNK = 16
"""Bodies that are sampled at once."""


class TextureSampler:
    """Looks up the colour of every texel in a crop.

    Source: 4D-Humans' track.py, which draws depths with shubham-goel/NMR.

    Args:
        faces: (F,3) of the body model.
        barycentric: (256,256,3) place of each texel on its face.
        face_of_texel: (256,256) its face; negative where the map has none.
        device: where to work.

    Raises:
        ValueError: if the shapes or the faces' numbers are wrong.
    """

    def __init__(
        self,
        faces: IntArray,
        barycentric: FloatArray,
        face_of_texel: npt.NDArray[Any],
        *,
        device: str | torch.device = "cpu",
    ) -> None:
        if barycentric.shape != (MAP_PX, MAP_PX, 3) or face_of_texel.shape != (MAP_PX, MAP_PX):
            raise ValueError(
                f"an atlas is (256,256,3) and (256,256), "
                f"not {barycentric.shape} and {face_of_texel.shape}"
            )
        texel = np.flatnonzero(face_of_texel >= 0)
        face = face_of_texel.ravel()[texel].astype(np.int64)
        if len(face) and face.max() >= len(faces):
            raise ValueError(f"the atlas names face {face.max()} of {len(faces)}")
        self._faces = torch.tensor(np.asarray(faces, np.int64), device=device)
        self._texel = torch.tensor(texel, device=device)
        self._corners = self._faces[torch.tensor(face, device=device)].T.contiguous()
        weights = barycentric.reshape(-1, 3)[texel].astype(np.float32)
        self._weights = torch.tensor(weights.T[:, :, None], device=device)

    @classmethod
    def from_files(
        cls,
        barycentric: Path,
        face_of_texel: Path,
        faces: IntArray,
        *,
        device: str | torch.device = "cpu",
    ) -> TextureSampler:
        """Read the official ``bmap_256.npy`` and ``fmap_256.npy``.

        Raises:
            MissingWeightsError: one is not there.
            WeightsError: one is damaged, of another shape, or asks to run code.
        """
        weights, face = _read(barycentric, (MAP_PX, MAP_PX, 3)), _read(face_of_texel, (MAP_PX,) * 2)
        try:
            return cls(faces, weights, face, device=device)
        except ValueError as error:
            raise WeightsError(str(error), where=face_of_texel) from error

    def __call__(self, vertices: Tensor, cam_t: Tensor, crops: Tensor) -> Tensor:
        """The maps as the encoder takes them: (N,4,256,256), channel 3 is +1 seen, -1 hole.

        Args:
            vertices: (N,V,3) metres, without translation.
            cam_t: (N,3) metres, for focal length 5000 px on the crop.
            crops: (N,4,256,256) normalised RGB and the mask 0..255.
        """
        return process_uv_image(self.sample(vertices, cam_t, crops))

    @torch.no_grad()
    def sample(self, vertices: Tensor, cam_t: Tensor, crops: Tensor) -> Tensor:
        """The maps before :func:`process_uv_image`: alpha 0 where hidden or outside the mask."""
        maps = crops.new_zeros(len(crops), 4, MAP_PX * MAP_PX)
        for start in range(0, len(crops), _CHUNK):
            part = slice(start, start + _CHUNK)
            at, depth, surface_z = self._look(vertices[part] + cam_t[part, None])
            rgba = torch.cat([crops[part, :3], crops[part, 3:].clamp(0, 1)], dim=1)
            seen = functional.grid_sample(rgba, at, align_corners=False)[:, :, 0]
            seen[:, 3] *= _visible(surface_z, depth)
            maps[part, :, self._texel] = seen
        return maps.view(-1, 4, MAP_PX, MAP_PX)

    def visible(self, vertices: Tensor, cam_t: Tensor) -> Tensor:
        """(N,K) bool for the K texels that have a face, row by row of the map."""
        _, depth, surface_z = self._look(vertices + cam_t[:, None])
        return _visible(surface_z, depth)

    def _look(self, surface: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where texels are seen (N,1,K,2) in -1..1, the depth seen there and their own, (N,K)."""
        surface = surface.float()
        first, second, third = (
            surface[:, corner] * weight
            for corner, weight in zip(self._corners, self._weights, strict=True)
        )
        points = first + second + third
        half = SQUARE_PX / 2
        at = points[..., :2] / points[..., 2:] * (FOCAL_PX / half)
        # A number that is not finite would be an index of its own kind; far outside is zero.
        at = at.nan_to_num(2, 2, -2).clamp(-2, 2)[:, None]
        raster = rasterize(
            surface,
            self._faces,
            focal_px=FOCAL_PX,
            centre_px=(half, half),
            size=(SQUARE_PX, SQUARE_PX),
        )
        depth = functional.grid_sample(raster.depth[:, None], at, align_corners=False)[:, 0, 0]
        return at, depth, points[..., 2]


def _visible(surface_z: Tensor, depth: Tensor) -> Tensor:
    """Whether texels are in front of the camera and not behind what the map shows."""
    return (surface_z > 0) & (surface_z <= depth + DEPTH_TOLERANCE_M)


def _read(path: Path, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """One array of numbers."""
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        hint = f"run: humantrack-weights fetch {Path(path).name}"
        raise MissingWeightsError("no such model file", where=path, hint=hint) from None
    except (OSError, ValueError, EOFError) as error:
        raise WeightsError(f"not an array that can be read ({error})", where=path) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iuf":
        raise WeightsError("not an array of numbers", where=path)
    if array.shape != shape:
        raise WeightsError(f"an array of shape {array.shape}, not {shape}", where=path)
    return array
