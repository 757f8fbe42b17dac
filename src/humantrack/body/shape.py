"""The shipped body's ten shape numbers: what each is, and how they follow from measurements.

Each of ``BETAS`` is in standard deviations among adults; 0 is the mean adult. Numbers 1 to 7 change
one length of ``BONE_LENGTHS`` each and no other, 0 scales the whole body, 8 and 9 keep all joints.
SMPL's betas are other numbers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from humantrack.body.joints import SMPL_JOINTS

if TYPE_CHECKING:
    from humantrack.body.mannequin import Mannequin

Array = npt.NDArray[np.floating[Any]]

BONE_LENGTHS = ("upper_arm", "forearm", "thigh", "shin", "trunk", "shoulders", "hips")
"""Distances between joints: shoulder to elbow, elbow to wrist, hip to knee, knee to ankle (the mean
of left and right); middle of the hips to middle of the shoulders; shoulder to shoulder; hip to hip.
The height is not among them: with the others known, all that it tells is the size of head and feet.
"""

BETAS = ("size", *BONE_LENGTHS, "girth", "build")
"""What each shape number changes; more is larger, longer, wider, heavier, more feminine."""

SIZE, GIRTH, BUILD = 0, 8, 9
LENGTHS = slice(1, 8)
LIMIT = 4.0
"""Shape numbers from measurements are kept within +-this."""

SEX_APART, SEX_SPREAD = 0.1202, 0.0715
"""log(shoulders / hips): how much higher the men's mean is, and the spread among women or men.

Worked out from biacromial and bicristal breadth in the public data of the 2012 Anthropometric
Survey of U.S. Army Personnel (Gordon et al., NATICK/TR-15/007; 4082 men, 1986 women). The adults
from whom the body was made do not serve here: among them the ratio says nothing of gender (r 0.06).
"""

WHOLLY = 1.68
"""Build of the assets' own women; of their men with a minus."""

_CORRECTIONS = 3
_SIDES = ("left", "right")


def _spans() -> tuple[Array, Array]:
    """(11,24) joints -> from end to end of the spans; (11,7) a span's part in each length."""
    ends = [("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")]
    spans = [
        *([[f"{side}_{a}"], [f"{side}_{b}"]] for a, b in ends for side in _SIDES),
        [[f"{side}_hip" for side in _SIDES], [f"{side}_shoulder" for side in _SIDES]],
        *([[f"{side}_{part}"] for side in _SIDES] for part in ("shoulder", "hip")),
    ]
    across = np.zeros((len(spans), len(SMPL_JOINTS)))
    for row, (start, end) in enumerate(spans):
        across[row, [SMPL_JOINTS.index(name) for name in start]] = 1 / len(start)
        across[row, [SMPL_JOINTS.index(name) for name in end]] = -1 / len(end)
    means = np.zeros((len(spans), len(BONE_LENGTHS)))
    for row, length in enumerate([0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6]):
        means[row, length] = 0.5 if length < len(ends) else 1
    return across, means


_ACROSS, _MEANS = _spans()
_LONG = slice(0, 5)
"""The lengths that tell the size; the widths of shoulders and hips tell the build."""


def bone_lengths(joints: Array) -> Array:
    """Lengths of a skeleton in any pose.

    Args:
        joints: (...,24,3) metres.

    Returns:
        (...,7) float64 metres in the order of ``BONE_LENGTHS``.
    """
    across = _ACROSS @ np.asarray(joints, np.float64)
    spans = np.sqrt((across * across).sum(axis=-1))
    return np.asarray((spans[..., None, :] @ _MEANS)[..., 0, :])  # rounds alike for any number


def betas_from_lengths(
    body: Mannequin,
    lengths: Array,
    *,
    girth: Array | float = 0.0,
    build: Array | float | None = None,
) -> Array:
    """Shape numbers of people of whom bone lengths are known.

    The size is that of the known limbs and trunk together; each number 1 to 7 is what then is
    missing of its length. Build follows from the shoulders' width relative to the hips', see
    :func:`build_beta`. A length that is not known keeps its proportion to the size.

    Args:
        body: whose shape numbers.
        lengths: (N,7) metres in the order of ``BONE_LENGTHS``; NaN = not known.
        girth: (N,) or one number, standard deviations; see :func:`girth_beta`.
        build: (N,) or one number; None = from the widths.

    Returns:
        (N,10) float64 within +-4. :meth:`Mannequin.lengths` of them are the given lengths within a
        millimetre, unless a number was cut.
    """
    wanted = np.asarray(lengths, np.float64).reshape(-1, len(BONE_LENGTHS))
    known = np.isfinite(wanted) & (wanted > 0)
    betas = np.zeros((len(wanted), len(BETAS)))
    mean, per_size, per_length = _slopes(body)
    betas[:, SIZE] = np.clip(_size(wanted, known, mean) / per_size, -LIMIT, LIMIT)
    betas[:, GIRTH] = np.clip(girth, -LIMIT, LIMIT)
    betas[:, BUILD] = build_beta(body, wanted) if build is None else np.clip(build, -LIMIT, LIMIT)
    for _ in range(_CORRECTIONS):
        missing = np.where(known, wanted, 0) - body.lengths(betas)
        moved = betas[:, LENGTHS] + np.where(known, missing / per_length, 0)
        betas[:, LENGTHS] = np.clip(moved, -LIMIT, LIMIT)
    return betas


def build_beta(body: Mannequin, lengths: Array) -> Array:
    """The look, feminine (+) to masculine (-), that goes with the shoulders' width over the hips'.

    Of people of two equally large groups whose log(shoulders / hips) is normal with means m -+ d/2
    and the spread s, the expected group (+1, -1) is -tanh((x - m) d / (2 s**2)); m is the mean
    adult's here. So those in between, or hardly measured, stay in between.

    Args:
        body: whose mean adult.
        lengths: (N,7) metres; NaN = not known.

    Returns:
        (N,) float64 within +-1.68, 0 where a width is not known.
    """
    lengths = np.asarray(lengths, np.float64).reshape(-1, len(BONE_LENGTHS))
    shoulders, hips = (BONE_LENGTHS.index(name) for name in ("shoulders", "hips"))
    mean, *_ = _slopes(body)
    known = np.isfinite(lengths) & (lengths > 0)
    both = known[:, shoulders] & known[:, hips]
    ratio = np.where(known, lengths, mean) / mean
    wider = np.log(ratio[:, shoulders] / ratio[:, hips])
    expected = -np.tanh(wider * SEX_APART / (2 * SEX_SPREAD**2))
    return np.where(both, WHOLLY * expected, 0.0)


def girth_beta(body: Mannequin, ratio: Array | float) -> Array:
    """The girth of somebody whose silhouette is wider or narrower than expected.

    Args:
        body: whose girth.
        ratio: (N,) or one number: width of the silhouette across trunk and thighs, divided by that
            of the body of the same lengths with girth 0.

    Returns:
        float64 of the ratio's shape, within +-4; 0 where the ratio is NaN.
    """
    beta = (np.asarray(ratio, np.float64) - 1) / body.width_per_girth
    return np.clip(np.nan_to_num(beta, nan=0.0), -LIMIT, LIMIT)


def _size(wanted: Array, known: npt.NDArray[np.bool_], mean: Array) -> Array:
    """(N,) how much larger than the mean adult, 0.1 = a tenth; 0 where nothing is known."""
    told = known.copy()
    limbs = known[:, _LONG].any(axis=1)
    told[limbs, _LONG.stop :] = False
    total = (told * mean).sum(axis=1)
    measured = np.where(told, wanted, 0).sum(axis=1)
    return np.asarray(np.where(total > 0, measured / np.where(total > 0, total, 1) - 1, 0))


@lru_cache(maxsize=4)
def _slopes(body: Mannequin) -> tuple[Array, float, Array]:
    """The mean adult's lengths (7,), relative growth per beta of size, metres (7,) per beta."""
    mean = body.lengths(np.zeros((1, len(BETAS))))[0]
    one = body.lengths(np.eye(len(BETAS))) - mean
    return mean, float((one[SIZE] / mean).mean()), np.diagonal(one[LENGTHS])
