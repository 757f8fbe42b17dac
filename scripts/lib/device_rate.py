"""What a device is, how long it takes for something, and how fast it multiplies matrices."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def describe(device: torch.device) -> str:
    """The device in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} with {torch.get_num_threads()} threads"


def seconds(run: Callable[[], object], device: torch.device) -> float:
    """Wall time of one run, with the device's queue empty before and after."""
    wait(device)
    start = time.perf_counter()
    run()
    wait(device)
    return time.perf_counter() - start


def wait(device: torch.device) -> None:
    """Until the device has nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def matmul_rate(device: torch.device, dtype: torch.dtype, size: int | None = None) -> float:
    """Operations per second of a large matrix product, the best of several."""
    size = size or (8192 if device.type == "cuda" else 2048)
    a = torch.randn(size, size, device=device, dtype=dtype)
    b = torch.randn(size, size, device=device, dtype=dtype)
    best = min(seconds(lambda: a @ b, device) for _ in range(8))
    return 2 * size**3 / best
