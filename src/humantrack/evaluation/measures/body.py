"""Errors of bodies, frame by frame: where joints and surface are, seen from the pelvis.

Points are metres, errors millimetres. A benchmark's figure is the mean over the frames of all its
sequences together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from humantrack.evaluation.measures.alignment import similarity
from humantrack.geometry.rotations import geodesic_angle
from humantrack.types.arrays import FloatArray, IntArray


def pelvis_of(joints: FloatArray, pelvis: Sequence[int]) -> FloatArray:
    """(...,J,3) -> (...,1,3), the mean of the joints that a protocol takes for the pelvis."""
    return np.asarray(joints[..., list(pelvis), :].mean(axis=-2, keepdims=True))


def mpjpe(joints: FloatArray, true: FloatArray, pelvis: Sequence[int]) -> FloatArray:
    """Mean per-joint position error with the pelvises laid on one another, (T,) mm.

    mean_j |(x_j - p) - (y_j - q)| with p, q the pelvises of prediction x and truth y.

    Args:
        joints: (T,J,3) metres.
        true: (T,J,3) metres, the same axes.
        pelvis: joints whose mean is the pelvis.

    Source:
        Ionescu et al., "Human3.6M", PAMI 2014, equation 8.
    """
    moved = (joints - pelvis_of(joints, pelvis)) - (true - pelvis_of(true, pelvis))
    return np.asarray(1000 * np.linalg.norm(moved, axis=-1).mean(axis=-1))


def pa_mpjpe(joints: FloatArray, true: FloatArray) -> FloatArray:
    """MPJPE after the similarity that fits each frame best, (T,) mm.

    mean_j |s R x_j + t - y_j| with s, R, t of ``alignment.similarity``.

    Args:
        joints: (T,J,3), any unit.
        true: (T,J,3) metres.

    Source:
        "Reconstruction error" of Zhou et al., "MonoCap", PAMI 2018; as in
        ``compute_similarity_transform`` of WHAM's lib/eval/eval_utils.py.
    """
    aligned = similarity(joints, true)(np.asarray(joints, np.float64))
    return np.asarray(1000 * np.linalg.norm(aligned - true, axis=-1).mean(axis=-1))


def pve(
    vertices: FloatArray, true: FloatArray, pelvis: FloatArray, true_pelvis: FloatArray
) -> FloatArray:
    """Per-vertex error with the pelvises laid on one another, (T,) mm.

    mean_v |(x_v - p) - (y_v - q)|, of the same surface on both sides.

    Args:
        vertices: (T,V,3) metres.
        true: (T,V,3) metres.
        pelvis: (T,1,3) of the prediction.
        true_pelvis: (T,1,3).

    Source:
        ``pve`` in ``compute_camcoord_metrics`` of GVHMR's hmr4d/utils/eval/eval_utils.py.
    """
    moved = (vertices - pelvis) - (true - true_pelvis)
    return np.asarray(1000 * np.linalg.norm(moved, axis=-1).mean(axis=-1))


def in_a_row(frames: IntArray, steps: int) -> IntArray:
    """Where ``steps`` frames follow the one at i without a gap: all i for frames 0, 1, 2, ..."""
    frames = np.asarray(frames)
    if len(frames) <= steps:
        return np.zeros(0, np.intp)
    return np.flatnonzero(frames[steps:] - frames[:-steps] == steps)


def acceleration_error(
    joints: FloatArray, true: FloatArray, fps: float, frames: IntArray | None = None
) -> FloatArray:
    """Difference of accelerations, m/s^2, one for each frame that has both neighbours.

    mean_j |(x_t-1 - 2 x_t + x_t+1) - (y_t-1 - 2 y_t + y_t+1)| fps^2.

    Args:
        joints: (T,J,3) metres, the pelvis at the origin where the protocol says so.
        true: (T,J,3).
        fps: frames per second.
        frames: (T,) numbers of the frames; differences across a gap are left out. None takes all
            rows as neighbours, as published scripts do after dropping invalid frames.

    Source:
        Kanazawa et al., "Learning 3D human dynamics from video", CVPR 2019;
        ``compute_error_accel`` of WHAM and GVHMR, times fps^2.
    """
    apart = np.diff(joints, n=2, axis=0) - np.diff(true, n=2, axis=0)
    errors = np.linalg.norm(apart, axis=-1).mean(axis=-1) * fps**2
    return np.asarray(errors if frames is None else errors[in_a_row(frames, 2)])


def accelerations(joints: FloatArray, frames: IntArray) -> FloatArray:
    """Lengths (M,J) of second differences over three frames in a row, the unit given per frame^2.

    Args:
        joints: (T,J,3).
        frames: (T,) numbers of their frames, rising.
    """
    if len(frames) < 3:
        return np.zeros((0, joints.shape[1]))
    lengths = np.linalg.norm(np.diff(joints, n=2, axis=0), axis=-1)
    return np.asarray(lengths[in_a_row(frames, 2)])


def rotation_error(rotations: FloatArray, true: FloatArray) -> FloatArray:
    """Degrees (T,) from each rotation (T,3,3) to the true one: arccos((trace(A^T B) - 1) / 2)."""
    return np.degrees(geodesic_angle(rotations, true))
