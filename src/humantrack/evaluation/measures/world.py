"""Errors of motion in the world: of one person, over a whole sequence.

Points are metres in axes that may be any for the prediction: each measure aligns it first. Frames
without truth are dropped before, so rows are taken as neighbours unless ``frames`` says otherwise.

Sources: WHAM's lib/eval/eval_utils.py and evaluate_emdb.py, which follow Ye et al., "Decoupling
human and camera motion from videos in the wild" (SLAHMR), CVPR 2023, and GVHMR's
hmr4d/utils/eval/eval_utils.py, which follows WHAM.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from humantrack.errors import BenchmarkError
from humantrack.evaluation.measures.alignment import Similarity, similarity
from humantrack.evaluation.measures.body import in_a_row, pelvis_of
from humantrack.types.arrays import FloatArray, IntArray

CHUNK = 100
"""Frames that are aligned together."""

FOOT_VERTICES = (3216, 3387, 6617, 6787)
"""Vertices of SMPL's soles and heels, left and right."""

STANDS_M = 0.01
"""A foot that truly moves less than this from one frame to the next stands."""


def _chunked(joints: FloatArray, true: FloatArray, aligned_frames: int | None) -> FloatArray:
    errors = [np.zeros(0)]
    for start in range(0, len(joints), CHUNK):
        a, b = joints[start : start + CHUNK], true[start : start + CHUNK]
        fit = similarity(a[:aligned_frames].reshape(-1, 3), b[:aligned_frames].reshape(-1, 3))
        errors.append(1000 * np.linalg.norm(fit(a) - b, axis=-1).mean(axis=-1))
    return np.concatenate(errors)


def wa_mpjpe(joints: FloatArray, true: FloatArray) -> FloatArray:
    """World-aligned MPJPE, (T,) mm: mean_j |s R x_j + t - y_j|, aligned over each 100 frames.

    Args:
        joints: (T,J,3) metres, invalid frames dropped already.
        true: (T,J,3).

    Source:
        ``global_align_joints`` of WHAM and GVHMR (from SLAHMR); the last chunk is what remains.
    """
    return _chunked(joints, true, None)


def w_mpjpe(joints: FloatArray, true: FloatArray) -> FloatArray:
    """World MPJPE, (T,) mm: as WA-MPJPE, but aligned over the first two frames of each 100.

    The alignment has a scale of its own, which is therefore that of two frames.

    Args:
        joints: (T,J,3) metres, invalid frames dropped already.
        true: (T,J,3).

    Source:
        ``first_align_joints`` of WHAM and GVHMR (from SLAHMR).
    """
    return _chunked(joints, true, 2)


def rte(path: FloatArray, true: FloatArray) -> FloatArray:
    """Root translation error, (T,) percent of the true path's length.

    100 |R x_t + t - y_t| / sum_t |y_t+1 - y_t|, aligned rigidly (without scale) over the whole
    sequence.

    Args:
        path: (T,3) metres. WHAM takes SMPL's ``trans``, GVHMR its first joint.
        true: (T,3).

    Raises:
        BenchmarkError: if the true path has no length.

    Source:
        ``compute_rte`` of WHAM and GVHMR.
    """
    length = np.linalg.norm(np.diff(true, axis=0), axis=-1).sum()
    if not length > 0:
        raise BenchmarkError("the true path has no length, so RTE cannot be a share of it")
    moved = similarity(path, true, with_scale=False)(np.asarray(path, np.float64))
    return np.asarray(100 * np.linalg.norm(moved - true, axis=-1) / length)


def jitter(joints: FloatArray, fps: float, frames: IntArray | None = None) -> FloatArray:
    """Mean length of the third differences, (T-3,) in 10 m/s^3: mean_j |x'''_t| fps^3 / 10.

    Args:
        joints: (T,J,3) metres.
        fps: frames per second.
        frames: (T,) numbers of the frames; differences across a gap are left out. None: see above.

    Source:
        ``compute_jitter`` of WHAM and GVHMR; the measure of Yi et al., "TransPose", 2021.
    """
    lengths = np.linalg.norm(np.diff(joints, n=3, axis=0), axis=-1).mean(axis=-1)
    lengths = lengths * fps**3 / 10
    return np.asarray(lengths if frames is None else lengths[in_a_row(frames, 3)])


def foot_sliding(feet: FloatArray, true: FloatArray, frames: IntArray | None = None) -> FloatArray:
    """How far predicted feet move while the true ones stand, (M,) mm per frame.

    1000 |x_t+1 - x_t| wherever |y_t+1 - y_t| < 1 cm, each foot point by itself.

    Args:
        feet: (T,F,3) metres: SMPL's ``FOOT_VERTICES`` in published figures.
        true: (T,F,3).
        frames: (T,) numbers of the frames; moves across a gap are left out. None: see above.

    Source:
        ``compute_foot_sliding`` of WHAM and GVHMR.
    """
    moves, truly = (np.linalg.norm(np.diff(x, axis=0), axis=-1) for x in (feet, true))
    if frames is not None:
        rows = in_a_row(frames, 1)
        moves, truly = moves[rows], truly[rows]
    return np.asarray(1000 * moves[truly < STANDS_M])


def local_error(joints: FloatArray, true: FloatArray, pelvis: Sequence[int]) -> FloatArray:
    """MPJPE in the world's axes, (T,) mm, after one rotation for the whole sequence.

    mean_j |R (x_j - p) - (y_j - q)| with the pelvises p, q: the pose and which way people face, all
    along a sequence, wherever they are.

    Args:
        joints: (T,J,3) metres.
        true: (T,J,3).
        pelvis: joints whose mean is the pelvis.
    """
    a, b = joints - pelvis_of(joints, pelvis), true - pelvis_of(true, pelvis)
    turn = similarity(a.reshape(-1, 3), b.reshape(-1, 3), with_scale=False).rotation
    return np.asarray(1000 * np.linalg.norm(a @ turn.T - b, axis=-1).mean(axis=-1))


def scene_error(joints: FloatArray, true: FloatArray) -> tuple[FloatArray, Similarity]:
    """Error (N,) mm of all people of a clip after one similarity for them all, and that.

    It tells whether people keep their places to one another, which measures of one person do not.

    Args:
        joints: (N,3) metres, joints of all people and frames.
        true: (N,3).
    """
    fit = similarity(joints, true)
    return 1000 * np.linalg.norm(fit(np.asarray(joints, np.float64)) - true, axis=-1), fit
