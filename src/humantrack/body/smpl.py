"""The SMPL layer: rotations and shape -> surface and the networks' 44 joints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import smplx
import torch
from torch import Tensor

from humantrack.body.joints import EXTRA_JOINTS, OPENPOSE_OF_45
from humantrack.body.smpl_file import SmplArrays, read_extra_regressor, read_smpl
from humantrack.types import BodyBatch
from humantrack.types.arrays import FloatArray

JOINTS_44 = len(OPENPOSE_OF_45) + len(EXTRA_JOINTS)
"""OpenPose's 25, then the 19 of the extra regressor."""


class Smpl(smplx.SMPLLayer):  # type: ignore[misc]  # smplx has no types
    """SMPL with 10 shape numbers; the buffers are named as in HMR2's checkpoint (``smpl.*``).

    Implements the ``BodyModel`` protocol. Metres, without translation; the root stays where the
    rest pose has it.

    Args:
        arrays: the model.
        extra_regressor: (19,6890) posed surface -> the last 19 joints.
        update_hips: move OpenPose's hips a quarter outwards and to the regressor's mid hip (an
            option of HMR2 that its released configuration leaves off).
    """

    SHAPE_SPACE_DIM = 10
    """Tells smplx that ten shape columns are all there are."""

    def __init__(
        self, arrays: SmplArrays, extra_regressor: FloatArray, *, update_hips: bool = False
    ) -> None:
        data = smplx.utils.Struct(
            v_template=arrays.v_template,
            shapedirs=arrays.shapedirs,
            posedirs=arrays.posedirs,
            J_regressor=arrays.j_regressor,
            weights=arrays.weights,
            kintree_table=arrays.parents[None],
            f=arrays.faces,
        )
        super().__init__(model_path="", data_struct=data)
        self.register_buffer("joint_regressor_extra", torch.tensor(extra_regressor).float())
        self.register_buffer("joint_map", torch.tensor(OPENPOSE_OF_45))
        self.update_hips = update_hips

    @classmethod
    def from_files(cls, model: Path, extra_regressor: Path, *, update_hips: bool = False) -> Smpl:
        """Read ``SMPL_NEUTRAL.pkl`` (or a sibling) and ``SMPL_to_J19.pkl``.

        Raises:
            MissingWeightsError: one is not there.
            WeightsError: one is the wrong file.
        """
        arrays, extra = read_smpl(model), read_extra_regressor(extra_regressor)
        return cls(arrays, extra, update_hips=update_hips)

    def forward(
        self, global_orient: Tensor, body_pose: Tensor, betas: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(N,1,3,3), (N,23,3,3), (N,10) -> surface (N,6890,3) and joints (N,44,3)."""
        vertices, joints = self.skin(global_orient, body_pose, betas)
        joints = joints[:, self.joint_map]
        if self.update_hips:
            joints = _moved_hips(joints)
        extra = torch.einsum("nvc,jv->njc", vertices, self.joint_regressor_extra)
        return vertices, torch.cat([joints, extra], dim=1)

    def skin(
        self, global_orient: Tensor, body_pose: Tensor, betas: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Surface (N,6890,3) and smplx's own 45 joints (N,45,3): 24 of the tree, 21 vertices."""
        if not len(betas):
            return betas.new_zeros(0, len(self.v_template), 3), betas.new_zeros(0, 45, 3)
        out = super().forward(global_orient=global_orient, body_pose=body_pose, betas=betas)
        return out.vertices, out.joints

    @torch.inference_mode()
    def vertices(self, bodies: BodyBatch) -> FloatArray:
        """(N,6890,3) float32."""
        return np.asarray(self._of(bodies)[0].cpu())

    @torch.inference_mode()
    def joints(self, bodies: BodyBatch) -> FloatArray:
        """(N,45,3) float32, the 45th zero."""
        joints = np.asarray(self._of(bodies)[1].cpu())
        return np.pad(joints, ((0, 0), (0, 1), (0, 0)))

    def _of(self, bodies: BodyBatch) -> Any:
        device = self.v_template.device
        return self(
            *(
                torch.as_tensor(array, dtype=torch.float32, device=device)
                for array in (bodies.global_orient, bodies.body_pose, bodies.betas)
            )
        )


def _moved_hips(joints: Tensor) -> Tensor:
    """OpenPose joints (N,25,3) with the hips 9 and 12 moved about the mid hip 8."""
    hips, other = joints[:, [9, 12]], joints[:, [12, 9]]
    shift = joints[:, 8] - hips.mean(dim=1)
    moved = joints.clone()
    moved[:, [9, 12]] = hips + 0.25 * (hips - other) + 0.5 * shift[:, None]
    return moved
