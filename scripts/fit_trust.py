"""Fits the constants of humantrack/blazepose/trust.py and prints how far they hold.

    python scripts/fit_trust.py ERRORS.npz

ERRORS.npz holds one row for each person that was found in a frame of a clip with truth: ``clip``
(M,) names, real ones beginning with "balance"; ``visibility`` (M,12) of the landmarks; ``error_mm``
(M,12) with the truth turned by the person's ray, and ``plain_mm`` (M,12) as it stands; joints in
the order of lib/measures.py. Drawn and real clips count alike, and so do the clips within either.

The table gives the shares of errors inside the 50 % and the 90 % radius: of each clip, with the
constants fitted to all others; and of all drawn and all real ones, fitted to the other sort.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

WRIST = 2
KIND = np.repeat(np.arange(6), 2)


def main(path: Path) -> None:
    """Print the constants and the table of coverage."""
    with np.load(path) as arrays:
        clip, visibility = arrays["clip"], arrays["visibility"].astype(float)
        errors = {name: arrays[name].astype(float) for name in ("error_mm", "plain_mm")}
    real = np.char.startswith(clip, "balance")
    log = np.log(np.maximum(errors["error_mm"], 1e-3))
    everything = fit(log, visibility, weights(clip, real))
    print("median mm", np.exp(everything[0]).round(1), "hidden", round(everything[1], 2))
    print("90 % over 50 %", np.exp(everything[2]).round(2))
    table = {"real": [], "drawn": []}
    for name in np.unique(clip):
        held = clip == name
        inside = report(name, held, fitted_to(~held, log, visibility, clip, real), errors)
        table["real" if real[held][0] else "drawn"].append(inside)
    means = [np.mean(rows, axis=0) for rows in table.values()]
    for sort, mean in zip(table, means, strict=True):
        print(f"mean of {sort:11}", mean.round(1))
    print("mean of both       ", np.mean(means, axis=0).round(1))
    for sort, held in (("all real", real), ("all drawn", ~real)):
        report(sort, held, fitted_to(~held, log, visibility, clip, real), errors)


def fitted_to(rows, log, visibility, clip, real):
    """(M,12,2) radii in mm for all, from constants fitted to some rows."""
    weight = weights(clip[rows], real[rows])
    median, hidden, wide = fit(log[rows], visibility[rows], weight)
    middle = median[KIND] + hidden * (KIND == WRIST) * (1 - visibility)
    return np.exp(np.stack([middle, middle + wide[KIND]], axis=-1))


def report(name, rows, radii, errors):
    """Shares (4,) of a clip's errors inside the radii, turned by the ray and as they stand."""
    inside = [100 * (errors[k][rows][..., None] < radii[rows]).mean(axis=(0, 1)) for k in errors]
    print(f"{name:19}", np.concatenate(inside).round(1), "(along the ray, plain)")
    return np.concatenate(inside)


def weights(clip: np.ndarray, real: np.ndarray) -> np.ndarray:
    """(M,) so that drawn and real sum up to the same, and so do the clips of either."""
    out = np.zeros(len(clip))
    for name in np.unique(clip):
        at = clip == name
        out[at] = 1 / at.sum() / len(np.unique(clip[real if real[at][0] else ~real]))
    return out


def fit(log, visibility, weight):
    """Logarithm of the medians (6,), the slope of hidden wrists, logarithm of 90 % / 50 % (6,).

    With one slope, the best median of each kind is a weighted quantile, so the slope that loses
    least (Koenker, "Quantile Regression") is found by trying.
    """
    both = np.repeat(weight, 2)
    hidden = (1 - visibility[:, KIND == WRIST]).ravel()
    wrists = log[:, KIND == WRIST].ravel()

    def loss(slope: float) -> float:
        left = wrists - slope * hidden
        return float((both * np.abs(left - quantile(left, both, 0.5))).sum())

    slope = float(min(np.arange(0, 2.001, 0.02), key=loss))
    left = log - slope * (KIND == WRIST) * (1 - visibility)
    pairs = [left[:, kind == KIND].ravel() for kind in range(6)]
    half, most = (np.array([quantile(p, both, q) for p in pairs]) for q in (0.5, 0.9))
    return half, slope, most - half


def quantile(values: np.ndarray, weight: np.ndarray, share: float) -> float:
    """A weighted quantile."""
    order = np.argsort(values)
    summed = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(summed, share * summed[-1])])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python scripts/fit_trust.py ERRORS.npz")
    main(Path(sys.argv[1]))
