"""The learnt pose forecast: what a track's next pose will be, and a track's poses smoothed.

Source: PHALP's phalp/models/predictor/pose_transformer_v2.py.
Loads torch, so ``humantrack.tracking`` does not export it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from humantrack.errors import StageError, WeightsError
from humantrack.tracking.predictor_files import read_mean_std, read_sizes
from humantrack.tracking.predictor_network import POSE_SIZE, PoseNetwork
from humantrack.types.arrays import BoolArray, FloatArray, IntArray
from humantrack.weights.checkpoint import load_strict
from humantrack.weights.prefix import prefix_of, read_tensors

_log = logging.getLogger(__name__)

_USUAL_PREFIX = "state_dict.encoder."
_UNUSED_PARTS = {"transformer", "class_token", "pos_embedding", "pe", "action_head_kinetics"}
"""Parts of a checkpoint's encoder that the read-out never looks at."""


class PosePredictor:
    """The network and what its input is normalised by, on a device.

    Args:
        network: the network.
        mean: (229,) mean of pose vectors.
        std: (229,) their deviation.
        device: where it shall run.
    """

    def __init__(
        self,
        network: PoseNetwork,
        mean: FloatArray,
        std: FloatArray,
        *,
        device: str | torch.device = "cpu",
    ) -> None:
        self._network = network.requires_grad_(False).eval().to(device)
        self._mean = torch.tensor(mean, dtype=torch.float32, device=device)
        self._std = torch.tensor(std, dtype=torch.float32, device=device)

    @property
    def frame_length(self) -> int:
        """T, the consecutive frames that the network sees at once."""
        return self._network.frame_length

    @torch.inference_mode()
    def encode(self, poses: FloatArray, seen: BoolArray) -> Tensor:
        """Pose vectors (B,T,229) and in which frames there is one (B,T) -> tokens (B,T,D)."""
        vectors = torch.tensor(poses, dtype=torch.float32, device=self._mean.device)
        normalised = (vectors - self._mean) / (self._std + 1e-10)
        tokens: Tensor = self._network(normalised, torch.tensor(seen, device=vectors.device))
        return tokens

    @torch.inference_mode()
    def read_poses(self, tokens: Tensor) -> FloatArray:
        """Tokens (...,D) -> pose vectors (...,229) float32."""
        return self._network.read_poses(tokens).cpu().numpy()

    @torch.inference_mode()
    def read_actions(self, tokens: Tensor) -> FloatArray:
        """Tokens (...,D) -> logits of AVA's actions (...,C) float32."""
        return self._network.read_actions(tokens).cpu().numpy()


def load_pose_predictor(
    weights: Path, *, config: Path, mean_std: Path, device: str | torch.device = "cpu"
) -> PosePredictor:
    """The predictor from PHALP's three files.

    Unlike the genuine program, which mistakes the names of the pose encoder's weights and so runs
    with random ones, every part of the network gets its weights.

    Args:
        weights: ``pose_predictor.pth``, a Lightning checkpoint.
        config: ``pose_predictor.yaml``.
        mean_std: ``mean_std.npy``.
        device: where it shall run.

    Raises:
        MissingWeightsError: a file is not there.
        WeightsError: a file is damaged or another's, or the weights do not fit the configuration.
    """
    sizes = read_sizes(config)
    mean, std = read_mean_std(mean_std)
    with torch.device("meta"):  # the numbers are taken over from the file, so none is made first
        network = PoseNetwork(sizes)
    everything = read_tensors(weights)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    try:
        prefix = prefix_of(everything, shapes, usual=_USUAL_PREFIX, where=weights)
    except WeightsError as error:
        what = f"no pose predictor: {error.what}"
        raise WeightsError(what, where=weights, hint=error.hint) from error
    state = {k.removeprefix(prefix): v for k, v in everything.items() if k.startswith(prefix)}
    parts = {_part(key) for key in network.state_dict()}
    strange = {_part(key) for key in state} - parts - _UNUSED_PARTS
    if strange:
        _log.warning("%s: left out what is not known: %s", weights, ", ".join(sorted(strange)))
    own = {key: value for key, value in state.items() if _part(key) in parts}
    load_strict(network, own, where=weights)
    return PosePredictor(network, mean, std, device=device)


def _part(key: str) -> str:
    return key.partition(".")[0]


class PredictorForecast:
    """Forecasts poses with the network. Implements the ``PoseForecaster`` protocol.

    A track's frames are laid out from its oldest one on, and the network is asked for the frame
    after the last that was looked at. Frames too old for the network's window are left out, as are
    poses that are not finite; a track without any other gets the network's idea of nobody in
    particular.

    Args:
        predictor: from :func:`load_pose_predictor`.
        reference_quirks: behave exactly like the genuine program, which reads all tracks at the
            first one's time and fails on a history that is longer than the window.
    """

    def __init__(self, predictor: PosePredictor, *, reference_quirks: bool = False) -> None:
        self._predictor = predictor
        self._quirks = reference_quirks

    def forecast(self, poses: FloatArray, times: IntArray, missed: IntArray) -> FloatArray:
        """See ``PoseForecaster``.

        Raises:
            StageError: with ``reference_quirks``, if a history spans more frames than the window.
        """
        if not len(poses):
            return np.zeros((0, POSE_SIZE), np.float32)
        last_slot = self._predictor.frame_length - 1
        newest = times.max(axis=1)
        usable = np.isfinite(poses).all(axis=-1) & (newest[:, None] - times <= last_slot)
        if self._quirks:
            _check_spans(times, last_slot)
            usable = np.ones_like(usable)
        oldest = np.where(usable, times, newest[:, None]).min(axis=1)
        window, seen = self._lay_out(poses, times - oldest[:, None], usable)
        at = np.minimum(newest - oldest + missed + 1, last_slot)
        if self._quirks:
            at = np.full_like(at, at[0])
        tokens = self._predictor.encode(window, seen)
        return self._predictor.read_poses(tokens[torch.arange(len(at)), torch.from_numpy(at)])

    def _lay_out(
        self, poses: FloatArray, slots: IntArray, usable: BoolArray
    ) -> tuple[FloatArray, BoolArray]:
        """Poses (N,T,229) by frame, and where there is one; of two in a frame the later counts."""
        count, length = slots.shape
        window = np.zeros((count, self._predictor.frame_length, POSE_SIZE), np.float32)
        seen = np.zeros(window.shape[:2], bool)
        for i in range(length):
            rows = np.flatnonzero(usable[:, i])
            window[rows, slots[rows, i]] = poses[rows, i]
            seen[rows, slots[rows, i]] = True
        return window, seen


def _check_spans(times: IntArray, last_slot: int) -> None:
    spans = times[:, -1] - times[:, 0]
    if (spans > last_slot).any():
        raise StageError(
            f"the pose predictor sees {last_slot + 1} frames, a history spans {spans.max() + 1}",
            hint="phalp.reference_quirks=false leaves out what is too old",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothedTrack:
    """What the network makes of all frames of one track."""

    pose_vectors: FloatArray
    """(n,229), the camera last"""

    action_logits: FloatArray
    """(n,C) AVA's actions"""


def smooth_track(
    predictor: PosePredictor,
    poses: FloatArray,
    seen: BoolArray,
    *,
    window: int = 32,
    step: int = 32,
) -> SmoothedTrack:
    """Replace the poses of a track, gaps too, by what the network sees in their surroundings.

    Args:
        predictor: from :func:`load_pose_predictor`.
        poses: (n,229) of consecutive frames; any numbers where nobody was seen.
        seen: (n,) whether there was a detection.
        window: frames looked at on either side.
        step: frames that are decided at once.

    Raises:
        ValueError: if there are no frames, or 2 ``window`` + ``step`` of them are too many for the
            network.
    """
    if not len(poses):
        raise ValueError("a track without frames cannot be smoothed")
    if step < 1 or window < 0 or not 2 * window + step < predictor.frame_length:
        raise ValueError(f"2*{window}+{step} must be less than {predictor.frame_length}")
    usable = np.asarray(seen, bool) & np.isfinite(poses).all(axis=-1)
    pose_parts, logit_parts = [], []
    for frames, asked in _chunks(len(poses), window, step):
        length = frames.stop - frames.start
        rest = (0, predictor.frame_length - length)
        shown = np.pad(np.where(usable[frames, None], poses[frames], 0), (rest, (0, 0)))
        tokens = predictor.encode(shown[None], np.pad(usable[frames], rest)[None])[0, asked]
        pose_parts.append(predictor.read_poses(tokens))
        logit_parts.append(predictor.read_actions(tokens))
    return SmoothedTrack(
        pose_vectors=np.concatenate(pose_parts), action_logits=np.concatenate(logit_parts)
    )


def _chunks(count: int, window: int, step: int) -> Iterator[tuple[slice, slice]]:
    """Which frames are shown, and which of those shown are asked for."""
    for start in range(0, count, step):
        stop = min(start + step, count)
        first = max(start - window, 0)
        yield (
            slice(first, min(start + step + window, count)),
            slice(start - first, stop - first),
        )
