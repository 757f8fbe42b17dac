"""SMPL's surface and joints in numpy, and where its files are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from humantrack.body.kinematics import forward_kinematics
from humantrack.body.smpl_file import SmplArrays, read_extra_regressor, read_smpl
from humantrack.errors import BenchmarkError
from humantrack.types.arrays import FloatArray
from humantrack.weights.catalog import by_name, find

_CHUNK = 64
"""Frames posed at a time: some 40 MB."""

HAD_FROM = (
    "SMPL is had from smpl.is.tue.mpg.de after registration, under its own licence; "
    "--body names its folder"
)


class SmplSurface:
    """SMPL with 10 shape numbers.

    v = W(T + B_s(betas) + B_p(pose)): linear blend skinning of the template with its shape and
    pose blend shapes. Source: Loper et al., "SMPL", SIGGRAPH Asia 2015, equations 2 to 9.
    """

    def __init__(self, arrays: SmplArrays) -> None:
        self.arrays = arrays
        self._template = arrays.v_template.astype(np.float64)
        self._shapes = arrays.shapedirs.astype(np.float64)
        self._poses = arrays.posedirs.reshape(-1, 207).T.astype(np.float64)
        self._regressor = arrays.j_regressor.astype(np.float64)
        self._weights = arrays.weights.astype(np.float64)

    def vertices(self, rotations: FloatArray, betas: FloatArray, pelvis: FloatArray) -> FloatArray:
        """The posed surface (T,6890,3), metres.

        Args:
            rotations: (T,24,3,3), the root's first.
            betas: (T,10).
            pelvis: (T,3) where the root joint is put.
        """
        parts = [
            self._posed(rotations[i : i + _CHUNK], betas[i : i + _CHUNK], pelvis[i : i + _CHUNK])
            for i in range(0, len(rotations), _CHUNK)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self._template), 3))

    def rest_pelvis(self, betas: FloatArray) -> FloatArray:
        """(T,10) -> (T,3) the root joint of the T pose, which SMPL's ``trans`` is added to."""
        moved = np.einsum("v,vck->ck", self._regressor[0], self._shapes)
        return np.asarray(self._regressor[0] @ self._template + betas @ moved.T)

    def joints(self, vertices: FloatArray) -> FloatArray:
        """(T,6890,3) -> (T,24,3): the joint regressor on the posed surface, as scripts take it."""
        return regressed(self._regressor, vertices)

    def _posed(self, rotations: FloatArray, betas: FloatArray, pelvis: FloatArray) -> FloatArray:
        count = len(rotations)
        shaped = self._template + np.einsum("tk,vck->tvc", betas, self._shapes, optimize=True)
        rest = regressed(self._regressor, shaped)
        bends = (rotations[:, 1:] - np.eye(3)).reshape(count, -1)
        shaped += (bends @ self._poses).reshape(count, -1, 3)
        turned, joints = forward_kinematics(rotations, rest)
        moves = joints - (turned @ rest[..., None])[..., 0]
        blend = np.concatenate([turned, moves[..., None]], axis=-1).reshape(count, 24, 12)
        blend = (self._weights @ blend).reshape(count, -1, 3, 4)
        posed = (blend[..., :3] @ shaped[..., None])[..., 0] + blend[..., 3]
        return np.asarray(posed - joints[:, :1] + pelvis[:, None])


def regressed(regressor: FloatArray, vertices: FloatArray) -> FloatArray:
    """Weighted sums of vertices: (J,V) and (T,V,3) -> (T,J,3)."""
    return np.asarray(np.einsum("jv,tvc->tjc", regressor, vertices, optimize=True))


class SmplFiles:
    """SMPL's model files in the places where users have them.

    Args:
        folders: to look into, at any depth; None entries are passed over.
    """

    def __init__(self, *folders: Path | None) -> None:
        self._folders = [folder for folder in folders if folder is not None and folder.is_dir()]
        self._read: dict[str, SmplSurface] = {}

    def surface(self, gender: str) -> SmplSurface:
        """The model of a gender: male, female or neutral.

        Raises:
            BenchmarkError: if its file is nowhere.
            WeightsError: if it is another kind of file.
        """
        if gender not in self._read:
            path = self._path(gender)
            if path is None:
                raise self._missing(gender)
            self._read[gender] = SmplSurface(read_smpl(path, any_gender=True))
        return self._read[gender]

    def check(self, genders: Iterable[str]) -> None:
        """See that models are there, without reading them.

        Raises:
            BenchmarkError: for the first that is not.
        """
        for gender in genders:
            if gender not in self._read and self._path(gender) is None:
                raise self._missing(gender)

    def neutral(self) -> SmplSurface | None:
        """The neutral model, or None if it is nowhere."""
        return None if self._path("neutral") is None else self.surface("neutral")

    def file(self, name: str, hint: str) -> Path:
        """Another file that belongs to SMPL.

        Raises:
            BenchmarkError: if it is nowhere.
        """
        path = self._named([name])
        if path is None:
            raise BenchmarkError("a file of SMPL is missing", where=name, hint=hint)
        return path

    def extra_regressor(self) -> FloatArray:
        """(19,6890) of ``SMPL_to_J19.pkl``.

        Raises:
            BenchmarkError: if it is nowhere.
        """
        name = "SMPL_to_J19.pkl"
        path = self._named([name]) or find(by_name(name))
        if path is None:
            hint = (
                "it is part of 4D-Humans' data; put it beside SMPL's models, or name it by --body"
            )
            raise BenchmarkError("the joint regressor is missing", where=name, hint=hint)
        return read_extra_regressor(path)

    @staticmethod
    def _missing(gender: str) -> BenchmarkError:
        name = f"SMPL_{gender.upper()}.pkl"
        return BenchmarkError("SMPL's model is missing", where=name, hint=HAD_FROM)

    def _path(self, gender: str) -> Path | None:
        short = {"male": "m", "female": "f", "neutral": "neutral"}[gender]
        names = [f"smpl_{gender}.pkl", f"smpl_{gender}.npz"]
        names += [f"basicmodel_{short}_lbs_10_207_0_v1.{n}.0.pkl" for n in "01"]
        own = self._named(names)
        return own or (find(by_name("SMPL_NEUTRAL.pkl")) if gender == "neutral" else None)

    def _named(self, names: list[str]) -> Path | None:
        wanted = {name.lower() for name in names}
        for folder in self._folders:
            for path in sorted(folder.rglob("*")):
                if path.name.lower() in wanted and path.is_file():
                    return path
        return None
