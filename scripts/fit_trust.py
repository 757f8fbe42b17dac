"""Fits the constants of humantrack/blazepose/trust.py and prints how far they hold.

    python scripts/fit_trust.py ERRORS.npz [--track CLIP...] [--sample FILE.npz]

ERRORS.npz holds one row for each person that was found in a frame of a clip with truth: ``clip``
(M,) names, ``real`` (M,) whether it is a real one, what ``joint_trust`` is told of the person, and
``error_mm`` (M,12) with the truth turned by the person's ray, ``plain_mm`` (M,12) as it stands, in
the order of lib/measures.py. --track makes it, from clips with their truth beside them as
NAME_gt.npz; without names, from those of tests/data. --sample writes a few rows of each clip.
Drawn and real clips count alike, so do the clips within either, and so do both ways to measure.

The table gives the shares of errors inside the 50 % and the 90 % radius: of each clip, with the
constants fitted to all others; and of all drawn and all real ones, fitted to the other sort.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lib.measures import OF_BLAZEPOSE, OF_BODY25
from lib.trust_record import record

DATA = Path(__file__).resolve().parents[1] / "tests" / "data"
CLIPS = (
    "demo",
    "demo_small",
    "world/dolly",
    "world/pan",
    *(f"real/balance_cam{n}" for n in "1234"),
)
SAMPLED = 12
"""Rows of each clip that --sample takes, evenly spread."""

WRIST = 2
KIND = np.repeat(np.arange(6), 2)


def main(options: argparse.Namespace) -> None:
    """Track if asked to; print the constants and the table of coverage."""
    if options.track is not None:
        clips = options.track or [DATA / f"{name}.mp4" for name in CLIPS]
        rows = record([(clip, clip.with_name(f"{clip.stem}_gt.npz")) for clip in clips])
        np.savez_compressed(options.errors, **rows)
    with np.load(options.errors) as arrays:
        rows = dict(arrays)
    if options.sample:
        np.savez_compressed(options.sample, **sample(rows))
    fit_all(rows)


def sample(rows):
    """A few rows of each clip, evenly spread over it."""
    of_clip = [np.flatnonzero(rows["clip"] == name) for name in np.unique(rows["clip"])]
    taken = [at[np.linspace(0, len(at) - 1, SAMPLED).astype(int)] for at in of_clip]
    return {name: values[np.concatenate(taken)] for name, values in rows.items()}


def lean_of(joints_3d):
    """(M,) the share of the trunk that is along the view, 0..1."""
    joints = joints_3d[:, OF_BODY25]
    trunk = joints[:, :2].mean(axis=1) - joints[:, 6:8].mean(axis=1)
    return np.abs(trunk[:, 2]) / np.linalg.norm(trunk, axis=1)


def fit_all(rows) -> None:
    """Print the constants and the table of coverage."""
    clip, real, lean = rows["clip"], rows["real"], lean_of(rows["joints_3d"].astype(float))
    visibility = rows["visibility"][:, OF_BLAZEPOSE].astype(float)
    errors = {name: rows[name].astype(float) for name in ("error_mm", "plain_mm")}
    log = np.log(np.maximum(np.stack(list(errors.values())), 1e-3))
    grows = np.stack([(KIND == WRIST) * (1 - visibility), lean[:, None].repeat(12, axis=1)])
    median, slopes, wide = fit_both(log, grows, weights(clip, real))
    print("median mm", np.exp(median).round(1), "hidden wrist, lean", slopes.round(2))
    print("90 % over 50 %", np.exp(wide).round(2))
    print("% inside 50 %, 90 % along the ray; the same with the truth as it stands")
    table: dict[str, list[np.ndarray]] = {"real": [], "drawn": []}
    for name in np.unique(clip):
        held = clip == name
        inside = report(name, held, fitted_to(~held, log, grows, clip, real), errors)
        table["real" if real[held][0] else "drawn"].append(inside)
    means = [np.mean(rows, axis=0) for rows in table.values()]
    for sort, mean in zip(table, means, strict=True):
        print(f"mean of {sort:11}", mean.round(1))
    print("mean of both       ", np.mean(means, axis=0).round(1))
    for sort, held in (("all real", real), ("all drawn", ~real)):
        report(sort, held, fitted_to(~held, log, grows, clip, real), errors)


def fitted_to(rows, log, grows, clip, real):
    """(M,12,2) radii in mm for all, from constants fitted to some rows."""
    median, slopes, wide = fit_both(log[:, rows], grows[:, rows], weights(clip[rows], real[rows]))
    middle = median[KIND] + np.tensordot(slopes, grows, 1)
    return np.exp(np.stack([middle, middle + wide[KIND]], axis=-1))


def report(name, rows, radii, errors):
    """Shares (4,) of a clip's errors inside the radii, turned by the ray and as they stand."""
    inside = [100 * (errors[k][rows][..., None] < radii[rows]).mean(axis=(0, 1)) for k in errors]
    print(f"{name:19}", np.concatenate(inside).round(1))
    return np.concatenate(inside)


def weights(clip: np.ndarray, real: np.ndarray) -> np.ndarray:
    """(M,) so that drawn and real sum up to the same, and so do the clips of either."""
    out = np.zeros(len(clip))
    for name in np.unique(clip):
        at = clip == name
        out[at] = 1 / at.sum() / len(np.unique(clip[real if real[at].any() else ~real]))
    return out


def fit_both(log, grows, weight):
    """``fit`` to errors (2,M,12), measured both ways."""
    twice = np.concatenate([grows, grows], axis=1)
    return fit(log.reshape(-1, log.shape[-1]), twice, np.tile(weight, 2))


def fit(log, grows, weight):
    """Logarithm of the medians (6,), slopes (2,), logarithm of 90 % over 50 % (6,).

    With given slopes the best median of each kind is a weighted quantile; the slopes that lose
    least (Koenker and Bassett, "Regression quantiles") are found by trying, one after the other.
    """
    both = np.repeat(weight, 2)

    def quantiles(left, share):
        return np.array([quantile(left[:, kind == KIND].ravel(), both, share) for kind in range(6)])

    def loss(slopes):
        left = log - np.tensordot(slopes, grows, 1)
        return (weight[:, None] * np.abs(left - quantiles(left, 0.5)[KIND])).sum()

    slopes = np.zeros(len(grows))
    for step in (0.2, 0.04):
        for _ in range(2):
            for i in range(len(grows)):
                tried = [slopes + np.eye(len(grows))[i] * step * k for k in range(-6, 16)]
                slopes = min((t for t in tried if t[i] >= 0), key=loss)
    left = log - np.tensordot(slopes, grows, 1)
    half, most = (quantiles(left, share) for share in (0.5, 0.9))
    return half, slopes, most - half


def quantile(values: np.ndarray, weight: np.ndarray, share: float) -> float:
    """A weighted quantile."""
    order = np.argsort(values)
    summed = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(summed, share * summed[-1])])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("errors", type=Path, metavar="ERRORS.npz")
    parser.add_argument("--track", nargs="*", type=Path, metavar="CLIP")
    parser.add_argument("--sample", type=Path, metavar="FILE.npz")
    main(parser.parse_args())
