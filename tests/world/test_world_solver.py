"""The elimination behind refinement, against a dense solver, where it is badly conditioned."""

import numpy as np
import pytest

from humantrack.world.solve import solved


def jerky(count: int, size: int):
    """Third differences that weigh a million times what is known of each frame."""
    random = np.random.default_rng(count)
    whole = np.zeros((count, size, count, size))
    for t in range(count):
        part = random.normal(size=(size, size))
        whole[t, :, t] += part @ part.T + np.eye(size)
    for t in range(count - 3):
        for i, a in enumerate((-1, 3, -3, 1)):
            for j, b in enumerate((-1, 3, -3, 1)):
                whole[t + i, :, t + j] += 1e6 * a * b * np.eye(size)
    blocks = np.zeros((4, count, size, size))
    for d in range(4):
        for t in range(count - d):
            blocks[d, t] = whole[t + d, :, t]
    return whole.reshape(count * size, -1), blocks, random.normal(size=(count, size))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 60])
def test_elimination_agrees_with_a_dense_solver(count):
    whole, blocks, right = jerky(count, 5)
    whole += 0.01 * np.eye(len(whole))
    expected = np.linalg.solve(whole, right.ravel()).reshape(right.shape)
    found = solved(blocks, right.copy())
    assert np.abs(found - expected).max() < 1e-7 * np.abs(expected).max()
    assert np.abs(whole @ found.ravel() - right.ravel()).max() < 1e-7
