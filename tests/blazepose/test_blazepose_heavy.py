"""BlazePose heavy against what the TensorFlow Lite runtime gives for the same crops."""

from __future__ import annotations

import numpy as np
import pytest

from humantrack import models
from humantrack.blazepose import network


@pytest.fixture(scope="module")
def heavy(data) -> dict[str, np.ndarray]:
    with np.load(data / "heavy_golden.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope="module")
def raw(golden) -> dict[str, np.ndarray]:
    inputs = network.network_input(golden["pose_crops"])
    outputs = models.session(models.BLAZEPOSE_HEAVY).run(network._OUTPUTS, {"input": inputs})
    return dict(zip(network._OUTPUTS, outputs, strict=True))


@pytest.mark.parametrize(
    ("name", "step"),
    [("landmarks", 1), ("flag", 1), ("segmentation", 8), ("heatmap", 4), ("world", 1)],
)
def test_the_network_gives_the_golden_outputs(heavy, raw, name, step):
    got = raw[name][..., ::step, ::step] if step > 1 else raw[name]
    expected = heavy[f"raw_{name}_sub" if step > 1 else f"raw_{name}"]
    np.testing.assert_allclose(got, expected, atol=1e-3 * max(np.ptp(expected), 1))


def test_it_sees_the_same_person_as_full(golden, raw):
    """The larger network moves points by pixels, not to other limbs."""
    ours = raw["landmarks"].reshape(2, 39, 5)[:, :33, :2]
    full = golden["pose_raw_landmarks"].reshape(2, 39, 5)[:, :33, :2]
    apart = np.linalg.norm(ours - full, axis=-1)
    assert np.median(apart) < 5
    assert np.all(raw["flag"] > 0.9)
